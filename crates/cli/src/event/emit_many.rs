//! `concordat event emit-many`: the events of a file, on one stream or as one batch.

use std::path::PathBuf;

use clap::Args;
use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId};
use concordat_proto::v1::stream_emit_events_response::Outcome;
use concordat_proto::{json, v1};
use jiff::Timestamp;
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use tonic::{Code, Status};

use super::emit::{Stage, malformed, read};
use crate::client::{CallError, Client, fresh_event_id};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// Events of a file.
#[derive(Debug, Args)]
pub(super) struct EmitMany {
    /// File with one JSON object a line, or one array of them; `-` for standard input. Each has `type` and `fields`, in the words of
    /// scenario files, and may have `event_id`, `case` and `occurred_at`.
    #[arg(value_name = "FILE")]
    events: PathBuf,
    /// The case of those that name none. Left out for an event that opens one; with `--together` the others then belong to that.
    #[arg(long)]
    case: Option<CaseId>,
    /// All or none, as one batch of one case: at most 256. Without this each event stands for itself.
    #[arg(long)]
    together: bool,
    /// With `--together`, the case version that was acted on: refused if another organisation acted since.
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "",
        requires = "together"
    )]
    expected_version: String,
    /// Stage to wait for, of each.
    #[arg(long, value_enum, value_name = "STAGE")]
    wait_for: Option<Stage>,
    /// Judge only: nothing is stored. Without `--together` each event is judged as if those before it were not there.
    #[arg(long)]
    validate_only: bool,
}

/// One event of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    fields: Map<String, Value>,
    event_id: Option<String>,
    case: Option<String>,
    occurred_at: Option<Timestamp>,
}

/// One event, ready to be sent.
struct Ready {
    event_id: String,
    case: Option<String>,
    event: v1::EventInput,
}

impl Row for v1::Receipt {
    const COLUMNS: &'static [&'static str] = &["EVENT ID", "CASE", "STAGE", "RULING", "POSITION"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.event_id.clone(),
            self.case_id.clone(),
            display::stage(self.stage()),
            display::ruling(self.ruling.as_ref()),
            self.position.clone(),
        ]
    }
}

/// Emits all, and prints a receipt for each that was taken.
pub(super) async fn run(client: &Client, asked: EmitMany, format: Format) -> Result<(), Failure> {
    let events = ready(&read(&asked.events)?)?;
    if asked.together {
        together(client, asked, events, format).await
    } else {
        one_by_one(client, asked, events, format).await
    }
}

async fn together(
    client: &Client,
    asked: EmitMany,
    events: Vec<Ready>,
    format: Format,
) -> Result<(), Failure> {
    let case = asked.case.map(|case| case.to_string());
    let elsewhere = |one: &Ready| one.case.is_some() && one.case != case;
    if let Some(place) = events.iter().position(elsewhere) {
        return Err(Failure::Usage(format!(
            "event {}: a batch is of one case, the one of --case",
            place + 1
        )));
    }
    let request = client.request(v1::BatchEmitEventsRequest {
        case_id: case.unwrap_or_default(),
        events: events
            .into_iter()
            .map(|one| v1::BatchEvent {
                event_id: one.event_id,
                event: Some(one.event),
            })
            .collect(),
        expected_version: asked.expected_version,
        wait_for: wait_for(asked.wait_for),
        validate_only: asked.validate_only,
    });
    let answer = client.events().batch_emit_events(request).await?;
    output::messages(format, "receipts", &answer.into_inner().receipts)
}

async fn one_by_one(
    client: &Client,
    asked: EmitMany,
    events: Vec<Ready>,
    format: Format,
) -> Result<(), Failure> {
    let case = asked.case.map(|case| case.to_string());
    let requests = (1..).zip(events).map(move |(sequence, one)| {
        let case_id = one.case.or_else(|| case.clone()).unwrap_or_default();
        v1::StreamEmitEventsRequest {
            sequence,
            emit: Some(v1::EmitEventRequest {
                event_id: one.event_id,
                case_id,
                event: Some(one.event),
                wait_for: wait_for(asked.wait_for),
                validate_only: asked.validate_only,
                ..v1::EmitEventRequest::default()
            }),
        }
    });
    let requests: Vec<_> = requests.collect();
    let request = client.request(futures::stream::iter(requests));
    let mut answers = client
        .events()
        .stream_emit_events(request)
        .await?
        .into_inner();
    let (mut receipts, mut first_error) = (Vec::new(), None);
    while let Some(answer) = answers.message().await? {
        match answer.outcome {
            Some(Outcome::Answer(taken)) => receipts.extend(taken.receipt),
            Some(Outcome::Error(error)) => {
                eprintln!("concordat: event {}: {}", answer.sequence, error.message);
                first_error.get_or_insert(error);
            }
            None => {}
        }
    }
    output::messages(format, "receipts", &receipts)?;
    match first_error {
        None => Ok(()),
        Some(error) => {
            let details = error.encode_to_vec();
            let code = Code::from_i32(error.code);
            let status = Status::with_details(code, error.message, details.into());
            Err(Failure::Call(Box::new(CallError::from(status))))
        }
    }
}

fn wait_for(stage: Option<Stage>) -> i32 {
    stage.map_or(v1::Stage::Unspecified, v1::Stage::from).into()
}

/// The events of a text, each with an id; those that were made are told, so that the same can be repeated.
fn ready(text: &str) -> Result<Vec<Ready>, Failure> {
    let mut ready = Vec::new();
    for (number, value) in (1..).zip(values(text)?) {
        let wrong = |what: String| Failure::Usage(format!("event {number}: {what}"));
        let line: Line = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        let mut event =
            form::read(&line.event_type, &Value::Object(line.fields)).map_err(|error| {
                match malformed(error) {
                    Failure::Usage(text) => wrong(text),
                    other => other,
                }
            })?;
        event.occurred_at = display::wire(line.occurred_at);
        let event_id = match line.event_id {
            Some(id) => id
                .parse::<EventId>()
                .map_err(|_| wrong("`event_id` is a UUID".to_owned()))?,
            None => {
                let id = fresh_event_id()?;
                eprintln!(
                    "concordat: event {number} has the id {id}; give it as `event_id` to repeat it"
                );
                id
            }
        };
        ready.push(Ready {
            event_id: event_id.to_string(),
            case: line.case,
            event,
        });
    }
    Ok(ready)
}

fn values(text: &str) -> Result<Vec<Value>, Failure> {
    let parse = |text: &str| {
        json::parse(text).map_err(|error| Failure::Usage(format!("the events: {error}")))
    };
    if text.trim_start().starts_with('[') {
        return match parse(text)? {
            Value::Array(values) => Ok(values),
            other => Ok(vec![other]),
        };
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(parse).collect()
}
