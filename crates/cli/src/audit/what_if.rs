//! `concordat audit what-if`: the same history under another policy pack.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use concordat_domain::ids::{CaseId, PackId};
use concordat_proto::json as canonical;
use concordat_proto::v1;
use concordat_proto::v1::replay_under_policy_request::Pack;
use concordat_proto::v1::replay_under_policy_response::Piece;
use jiff::Timestamp;
use serde_json::json;
use tonic::Request;

use super::point::{Known, wire};
use super::{Why, cut_off};
use crate::client::Client;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Lines, Row};

#[derive(Debug, Args)]
pub(super) struct WhatIf {
    #[command(flatten)]
    why: Why,
    /// The other pack: one that the node has.
    #[arg(
        long,
        value_name = "PACK",
        required_unless_present = "pack_file",
        conflicts_with = "pack_file"
    )]
    pack: Option<PackId>,
    /// The other pack: a file.
    #[arg(long, value_name = "FILE")]
    pack_file: Option<PathBuf>,
    /// Only this case.
    #[arg(long)]
    case: Option<CaseId>,
    /// Up to where the log counts: a position, an instant or a day; all of it, if not given.
    #[arg(long, value_name = "POINT")]
    as_known_at: Option<Known>,
    /// Instant at which deadlines are read; that of the point, if not given.
    #[arg(long, value_name = "INSTANT")]
    valid_at: Option<Timestamp>,
}

impl Row for v1::WhatIfCase {
    const COLUMNS: &'static [&'static str] = &[
        "CASE",
        "REPLACED",
        "STATE",
        "WOULD BE",
        "RULINGS",
        "DEADLINES",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case_id.clone(),
            self.replaced_pack.clone(),
            self.state_before.clone(),
            self.state_after.clone(),
            self.rulings.len().to_string(),
            self.deadlines.len().to_string(),
        ]
    }
}

impl Row for v1::RulingDifference {
    const COLUMNS: &'static [&'static str] = &["POSITION", "BY", "EVENT", "RULING", "WOULD BE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.position.clone(),
            self.source.clone(),
            self.r#type.clone(),
            display::ruling(self.before.as_ref()),
            display::ruling(self.after.as_ref()),
        ]
    }
}

impl Row for v1::WhatIfDeadline {
    const COLUMNS: &'static [&'static str] = &[
        "DEADLINE", "DUE", "WOULD BE", "STATE", "WOULD BE", "MISSED", "SOURCE", "WOULD BE",
    ];

    fn cells(&self) -> Vec<String> {
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let text = |of: Option<&v1::Deadline>, what: fn(&v1::Deadline) -> String| {
            of.map(what).unwrap_or_default()
        };
        let missed = match (self.missed_before, self.missed_after) {
            (false, true) => "would be",
            (true, false) => "would not be",
            (true, true) => "yes",
            (false, false) => "",
        };
        let source = |one: &v1::Deadline| format!("{} {}", one.rule, one.source);
        vec![
            text(after.or(before), |one| one.name.clone()),
            text(before, |one| one.due_date.clone()),
            text(after, |one| one.due_date.clone()),
            text(before, display::deadline_state),
            text(after, display::deadline_state),
            missed.to_owned(),
            text(before, source),
            text(after, source),
        ]
    }
}

pub(super) async fn run(client: &Client, asked: WhatIf, format: Format) -> Result<(), Failure> {
    let pack = match (asked.pack, asked.pack_file) {
        (Some(id), _) => Some(Pack::PackId(id.to_string())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            Some(Pack::PackFile(text))
        }
        (None, None) => None,
    };
    let request = Request::new(v1::ReplayUnderPolicyRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        case_id: asked.case.map(|case| case.to_string()).unwrap_or_default(),
        known: wire(asked.as_known_at.as_ref()),
        valid_at: display::wire(asked.valid_at),
        pack,
    });
    let pieces = client.audit().replay_under_policy(request).await?;
    let mut pieces = pieces.into_inner();
    let mut lines = Lines::new(format);
    let mut cases = Vec::new();
    let mut head = serde_json::Value::Null;
    while let Some(answer) = pieces.message().await? {
        if format == Format::Ndjson {
            output::message(format, &answer)?;
        }
        match answer.piece {
            Some(Piece::Head(told)) => {
                head = canonical::to_value(&told).map_err(anyhow::Error::from)?;
            }
            Some(Piece::JointCase(case)) => match format {
                Format::Table => print(&case)?,
                Format::Csv => lines.next(&case, |case| case.cells().join("  "))?,
                Format::Json => {
                    cases.push(canonical::to_value(&case).map_err(anyhow::Error::from)?);
                }
                Format::Ndjson => {}
            },
            Some(Piece::Summary(summary)) => {
                return match format {
                    Format::Table => told(&summary),
                    Format::Json => {
                        let summary = canonical::to_value(&summary).map_err(anyhow::Error::from)?;
                        output::json(
                            format,
                            &json!({"head": head, "cases": cases, "summary": summary}),
                        )
                    }
                    Format::Ndjson | Format::Csv => Ok(()),
                };
            }
            None => {}
        }
    }
    Err(cut_off())
}

fn print(case: &v1::WhatIfCase) -> Result<(), Failure> {
    output::line(&format!(
        "case {} (instead of {}): {}, would be {}",
        case.case_id, case.replaced_pack, case.state_before, case.state_after
    ))?;
    if !case.rulings.is_empty() {
        output::line(&output::table(&case.rulings).to_string())?;
    }
    if !case.deadlines.is_empty() {
        output::line(&output::table(&case.deadlines).to_string())?;
    }
    output::line("")
}

fn told(summary: &v1::WhatIfSummary) -> Result<(), Failure> {
    output::pairs(&[
        ("cases", summary.cases.to_string()),
        ("concerned", summary.cases_concerned.to_string()),
        ("otherwise", summary.cases_differing.to_string()),
        ("rulings", summary.rulings.to_string()),
        ("deadlines", summary.deadlines.to_string()),
        ("misses less", summary.misses_less.to_string()),
        ("misses more", summary.misses_more.to_string()),
    ])
}
