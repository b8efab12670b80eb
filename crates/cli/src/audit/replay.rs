//! `concordat audit replay`: events in log order, each judged anew.

use clap::Args;
use concordat_domain::ids::CaseId;
use concordat_proto::json as canonical;
use concordat_proto::v1;
use concordat_proto::v1::replay_events_response::Piece;
use jiff::Timestamp;
use serde_json::{Value, json};
use tonic::Request;

use super::point::{Known, wire};
use super::progress::Progress;
use super::{Why, cut_off};
use crate::client::Client;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Lines, Row};
use crate::when;

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    why: Why,
    /// Only events of this case.
    #[arg(long)]
    case: Option<CaseId>,
    /// Only events at this position or behind it.
    #[arg(long, value_name = "POSITION", default_value = "")]
    from_position: String,
    /// Only events recorded at this instant or later: an instant, a day from its beginning, or a span such as 2d ago.
    #[arg(long, visible_alias = "since", value_name = "WHEN", value_parser = when::since)]
    from: Option<Timestamp>,
    /// Only events recorded before this instant.
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// Up to where the log counts: a position, an instant or a day; all of it, if not given.
    #[arg(long, value_name = "POINT")]
    as_known_at: Option<Known>,
    /// Each event with what was signed (JSON).
    #[arg(long)]
    signed: bool,
    /// Each event with the state of its case after it: state, digest, version, deadlines that changed.
    #[arg(long)]
    state: bool,
}

impl Row for v1::ReplayedEvent {
    const COLUMNS: &'static [&'static str] = &[
        "POSITION", "RECORDED", "BY", "EVENT", "RULING", "STATE", "CASE",
    ];

    fn cells(&self) -> Vec<String> {
        let event = self.event.clone().unwrap_or_default();
        let state = self.state.as_ref().map(|state| state.state.clone());
        vec![
            event.position.clone(),
            display::instant(event.recorded_at.as_ref()),
            event.source.clone(),
            event.r#type.clone(),
            display::ruling(event.ruling.as_ref()),
            state.unwrap_or_default(),
            event.case_id.clone(),
        ]
    }
}

/// One event on one line, with a line for each deadline that changed.
fn sentence(event: &v1::ReplayedEvent) -> String {
    event.cells().join("  ").trim_end().to_owned()
}

fn deadlines(event: &v1::ReplayedEvent) -> Vec<String> {
    let changes = event.state.iter().flat_map(|state| &state.deadlines);
    changes
        .map(|change| format!("    {}", change.cells().join("  ")))
        .collect()
}

pub(super) async fn run(client: &Client, asked: Replay, format: Format) -> Result<(), Failure> {
    // The whole log may take longer than one call may: no limit of time.
    let request = Request::new(v1::ReplayEventsRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        case_id: asked.case.map(|case| case.to_string()).unwrap_or_default(),
        from_position: asked.from_position,
        from: display::wire(asked.from),
        until: display::wire(asked.until),
        known: wire(asked.as_known_at.as_ref()),
        include_signed_bytes: asked.signed,
        include_state: asked.state,
    });
    let mut pieces = client.audit().replay_events(request).await?.into_inner();
    let mut document = json!({"events": []});
    let mut lines = Lines::new(format);
    let mut progress = Progress::new();
    let mut shown = 0_u64;
    while let Some(answer) = pieces.message().await? {
        if format == Format::Ndjson {
            output::message(format, &answer)?;
        }
        match answer.piece {
            Some(Piece::Event(event)) => {
                shown += 1;
                match format {
                    Format::Json => push(&mut document, value(&event)?),
                    Format::Ndjson => {}
                    Format::Table | Format::Csv => {
                        progress.clear();
                        lines.next(&event, sentence)?;
                        if format == Format::Table {
                            deadlines(&event)
                                .iter()
                                .try_for_each(|line| output::line(line))?;
                        }
                    }
                }
                progress.show(&format!("{shown} events"));
            }
            Some(Piece::Head(head)) => {
                document["head"] = value(&head)?;
            }
            Some(Piece::Summary(summary)) => {
                progress.clear();
                document["summary"] = value(&summary)?;
                return match format {
                    Format::Json => output::json(format, &document),
                    Format::Table => told(&summary),
                    Format::Ndjson | Format::Csv => Ok(()),
                };
            }
            None => {}
        }
    }
    progress.clear();
    Err(cut_off())
}

fn value<M: prost::Message + prost::Name>(message: &M) -> Result<Value, Failure> {
    Ok(canonical::to_value(message).map_err(anyhow::Error::from)?)
}

fn push(document: &mut Value, event: Value) {
    if let Some(events) = document["events"].as_array_mut() {
        events.push(event);
    }
}

fn told(summary: &v1::ReplaySummary) -> Result<(), Failure> {
    let reasons = summary.void_reasons.iter();
    let reasons: Vec<String> = reasons
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    output::line("")?;
    output::pairs(&[
        ("events", summary.events.to_string()),
        ("effective", summary.effective.to_string()),
        ("void", reasons.join(", ")),
        ("cases", summary.cases.to_string()),
        ("state digest", summary.state_digest.clone()),
    ])
}
