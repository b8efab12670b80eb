//! `concordat audit verify-log`: the journal read and judged again.

use clap::Args;
use concordat_proto::json as canonical;
use concordat_proto::v1;
use concordat_proto::v1::verify_log_response::Piece;
use serde_json::json;
use tonic::Request;

use super::progress::Progress;
use super::{Why, cut_off};
use crate::client::Client;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Lines, Row};

#[derive(Debug, Args)]
pub(super) struct VerifyLog {
    #[command(flatten)]
    why: Why,
}

impl Row for v1::VerifyFinding {
    const COLUMNS: &'static [&'static str] = &[
        "SEVERITY",
        "CODE",
        "POSITION",
        "ORGANISATION",
        "CASE",
        "WHAT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            display::code(self.severity().as_str_name(), "FINDING_SEVERITY_"),
            self.code.clone(),
            self.position.clone(),
            self.organisation.clone(),
            self.case_id.clone(),
            self.what.clone(),
        ]
    }
}

fn sentence(finding: &v1::VerifyFinding) -> String {
    let cells = finding.cells();
    let told: Vec<&str> = cells
        .iter()
        .map(String::as_str)
        .filter(|cell| !cell.is_empty())
        .collect();
    told.join("  ")
}

pub(super) async fn run(client: &Client, asked: VerifyLog, format: Format) -> Result<(), Failure> {
    // A long journal takes longer than one call may: no limit of time.
    let request = Request::new(v1::VerifyLogRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
    });
    let mut pieces = client.audit().verify_log(request).await?.into_inner();
    let mut progress = Progress::new();
    let mut lines = Lines::new(format);
    let mut findings = Vec::new();
    while let Some(answer) = pieces.message().await? {
        match answer.piece {
            Some(Piece::Progress(come)) => {
                let phase = display::code(come.phase().as_str_name(), "VERIFY_PHASE_");
                progress.show(&format!("{phase} {}/{}", come.done, come.total));
            }
            Some(Piece::Finding(finding)) => {
                progress.clear();
                match format {
                    Format::Json => {
                        findings.push(canonical::to_value(&finding).map_err(anyhow::Error::from)?);
                    }
                    Format::Table | Format::Ndjson | Format::Csv => {
                        lines.next(&finding, sentence)?
                    }
                }
            }
            Some(Piece::Verdict(verdict)) => {
                progress.clear();
                match format {
                    Format::Table => told(&verdict)?,
                    Format::Ndjson => output::message(format, &verdict)?,
                    Format::Json => {
                        let verdict = canonical::to_value(&verdict).map_err(anyhow::Error::from)?;
                        output::json(format, &json!({"findings": findings, "verdict": verdict}))?;
                    }
                    Format::Csv => {}
                }
                return match verdict.sound {
                    true => Ok(()),
                    false => Err(Failure::Differences),
                };
            }
            None => {}
        }
    }
    progress.clear();
    Err(cut_off())
}

fn told(verdict: &v1::VerifyVerdict) -> Result<(), Failure> {
    let sound = if verdict.sound { "sound" } else { "not sound" };
    output::pairs(&[
        ("verdict", sound.to_owned()),
        ("bundles", verdict.bundles.to_string()),
        ("envelopes", verdict.envelopes.to_string()),
        ("cases", verdict.cases.to_string()),
        ("rulings", verdict.rulings.to_string()),
        ("errors", verdict.errors.to_string()),
        ("notes", verdict.notes.to_string()),
        ("tree size", verdict.tree_size.to_string()),
        ("tree root", verdict.tree_root.clone()),
        ("access record", verdict.access_record.clone()),
    ])
}
