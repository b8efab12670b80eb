//! `concordat event emit`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};
use concordat_codec::{Violation, form};
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::{json, v1};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tonic::metadata::AsciiMetadataValue;

use crate::client::{Backoff, CallError, Client, fresh_event_id};
use crate::config;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format};

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

/// One event.
#[derive(Debug, Args)]
pub(super) struct Emit {
    /// Type of the event, such as `consent-granted`; `concordat event types` lists them.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: String,
    /// The case. Left out for an event that opens one: the node makes the id.
    #[arg(long)]
    case: Option<CaseId>,
    /// File with the event's fields as a JSON object, in the words of scenario files; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    fields: Option<PathBuf>,
    /// The fields themselves. Other users of the machine may see what stands on a command line: no names, no narrative here.
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
    /// Id chosen by the emitter, a UUID; made and printed if not given.
    #[arg(long, value_name = "UUID")]
    event_id: Option<EventId>,
    /// When it happened; now, if not given.
    #[arg(long, value_name = "INSTANT")]
    occurred_at: Option<Timestamp>,
    /// Case version that was acted on: refused if another organisation acted since.
    #[arg(long, value_name = "VERSION", default_value = "")]
    expected_version: String,
    /// Stage to wait for; if it is not reached in time, the exit code is 8, and the event goes on its way all the same. Without this the
    /// node waits a moment for `ruled` and answers with the stage reached.
    #[arg(long, value_enum, value_name = "STAGE")]
    wait_for: Option<Stage>,
    /// Judge only: nothing is stored.
    #[arg(long)]
    validate_only: bool,
    /// W3C trace context of the emit.
    #[arg(long, value_name = "TRACEPARENT")]
    traceparent: Option<AsciiMetadataValue>,
    /// How often to try again while the node cannot take it.
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
    #[command(flatten)]
    more: More,
}

/// What is rarely said of an event.
#[derive(Debug, Args)]
#[command(next_help_heading = "More about the event")]
struct More {
    /// Event that led to this one.
    #[arg(long, value_name = "UUID")]
    causation_id: Option<EventId>,
    /// Earlier event that this one corrects.
    #[arg(long, value_name = "UUID")]
    corrects: Option<EventId>,
    /// Organisation without a node for which this one records.
    #[arg(long, value_name = "CODE")]
    on_behalf_of: Option<OrganisationId>,
    /// How that organisation told, such as `letter`.
    #[arg(long, value_name = "CODE", requires = "on_behalf_of")]
    received_as: Option<String>,
    /// Reference of the evidence for it.
    #[arg(long, value_name = "REFERENCE", requires = "on_behalf_of")]
    proxy_evidence_ref: Option<String>,
    /// Role of the person who acted, as a code.
    #[arg(long, value_name = "CODE")]
    actor_role: Option<String>,
    /// Pseudonymous staff id of the person who acted.
    #[arg(long, value_name = "ID")]
    actor_id: Option<String>,
    /// Why it is recorded long after it occurred.
    #[arg(long, value_name = "TEXT")]
    backdate_reason: Option<String>,
}

/// Stages that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stage {
    /// Durable at the node.
    Accepted,
    /// The log acknowledged it.
    Committed,
    /// Read back from the log and judged.
    Ruled,
    /// Covered by bundles of two other organisations, or of the only other.
    Witnessed,
}

impl From<Stage> for v1::Stage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Accepted => Self::Accepted,
            Stage::Committed => Self::Committed,
            Stage::Ruled => Self::Ruled,
            Stage::Witnessed => Self::Witnessed,
        }
    }
}

/// Emits, and waits for the stage that was asked for.
pub(super) async fn run(client: &Client, asked: Emit, format: Format) -> Result<(), Failure> {
    let fields = asked.fields()?;
    let request = asked.request(&fields)?;
    if asked.event_id.is_none() {
        eprintln!(
            "concordat: event id {}; give it with --event-id to repeat this emit",
            request.event_id
        );
    }
    let began = Instant::now();
    let mut backoff = Backoff::new();
    let answer = emit(client, &request, &asked).await?;
    if asked.validate_only {
        return print_validation(&answer, format);
    }
    let mut receipt = answer.receipt.unwrap_or_default();
    // A node waits only so long. The same id asks for the same receipt again, as it stands by then.
    while is_pending(&receipt, &asked) && began.elapsed() < client.timeout() {
        tokio::time::sleep(backoff.next(None)).await;
        let answer = emit(client, &request, &asked).await?;
        receipt = answer.receipt.unwrap_or_default();
    }
    print_receipt(&receipt, format)?;
    let is_accepted = receipt.stage() == v1::Stage::Accepted;
    let outlook = if is_accepted && !asked.validate_only {
        outlook(client, &receipt).await
    } else {
        "it goes on its way by itself".to_owned()
    };
    if is_pending(&receipt, &asked) {
        return Err(Failure::TimedOut(format!(
            "the event is {} so far; {outlook}",
            display::stage(receipt.stage())
        )));
    }
    if asked.wait_for.is_none() && is_accepted {
        eprintln!("concordat: the event is durable at the node and not on the log yet; {outlook}");
    }
    Ok(())
}

/// What becomes of an event that is durable at the node and not on the log. Nothing is promised that the node does not say of itself.
async fn outlook(client: &Client, receipt: &v1::Receipt) -> String {
    let request = client.request(v1::GetServerInfoRequest {});
    match client.server().get_server_info(request).await {
        Err(_) => "the node did not say whether it is publishing: see `concordat server checks`"
            .to_owned(),
        Ok(answer) => match answer.into_inner().publishing_stopped {
            why if !why.is_empty() => format!(
                "the node has stopped publishing, and the event stays there until that is put right: {why}; see `concordat server checks` \
                 and docs/how-to/broker-rolled-back.md"
            ),
            _ if receipt.log_reachable => "it gets there by itself".to_owned(),
            _ => "it goes out once the node reaches the log; `concordat server checks` tells what is in the way".to_owned(),
        },
    }
}

/// Whether the stage that was asked for is still to come. A held event goes nowhere until a person decides.
fn is_pending(receipt: &v1::Receipt, asked: &Emit) -> bool {
    let stage = receipt.stage();
    asked
        .wait_for
        .is_some_and(|wanted| stage < v1::Stage::from(wanted))
        && !asked.validate_only
        && stage != v1::Stage::Held
}

/// One emit, tried again under the same id while the node cannot take it.
async fn emit(
    client: &Client,
    message: &v1::EmitEventRequest,
    asked: &Emit,
) -> Result<v1::EmitEventResponse, Failure> {
    let mut backoff = Backoff::new();
    let mut tries_left = asked.retries;
    loop {
        let mut request = client.request(message.clone());
        if let Some(traceparent) = &asked.traceparent {
            request
                .metadata_mut()
                .insert("traceparent", traceparent.clone());
        }
        let error = match client.events().emit_event(request).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => CallError::from(status),
        };
        if !error.is_passing() || tries_left == 0 {
            return Err(Failure::Call(Box::new(error)));
        }
        tries_left -= 1;
        tokio::time::sleep(backoff.next(error.retry_after())).await;
    }
}

/// Prints what an event would do, of which nothing was stored.
fn print_validation(answer: &v1::EmitEventResponse, format: Format) -> Result<(), Failure> {
    let receipt = answer.receipt.clone().unwrap_or_default();
    if format != Format::Table {
        return output::message(format, answer);
    }
    let after = answer.after.clone().unwrap_or_default();
    let effects = |kind: v1::DeadlineEffectKind| {
        let of_kind = after
            .deadline_effects
            .iter()
            .filter(|one| one.kind() == kind);
        let told = of_kind.map(|one| format!("{} of {} ({})", one.name, one.owner, one.due_date));
        told.collect::<Vec<_>>().join(", ")
    };
    output::pairs(&[
        ("event", receipt.event_id.clone()),
        ("case", receipt.case_id.clone()),
        ("ruling", display::ruling(receipt.ruling.as_ref())),
        ("state then", after.state.clone()),
        ("starts", effects(v1::DeadlineEffectKind::Starts)),
        ("moves", effects(v1::DeadlineEffectKind::Moves)),
        ("met", effects(v1::DeadlineEffectKind::Met)),
        ("ends", effects(v1::DeadlineEffectKind::Ends)),
        ("next", receipt.next_event_types.join(", ")),
    ])?;
    let warnings = receipt.ruling.unwrap_or_default().warnings;
    if !warnings.is_empty() {
        eprintln!("concordat: warnings: {}", warnings.join(", "));
    }
    Ok(())
}

/// Prints a receipt. A void event was emitted and does not count: that is the answer, and a failure of what was asked.
pub(crate) fn print_receipt(receipt: &v1::Receipt, format: Format) -> Result<(), Failure> {
    if format == Format::Table {
        output::pairs(&[
            ("event", receipt.event_id.clone()),
            ("case", receipt.case_id.clone()),
            ("stage", display::stage(receipt.stage())),
            ("ruling", display::ruling(receipt.ruling.as_ref())),
            ("position", receipt.position.clone()),
            ("version", receipt.case_version.clone()),
            ("next", receipt.next_event_types.join(", ")),
        ])?;
    } else {
        output::message(format, receipt)?;
    }
    if let Some(ruling) = &receipt.ruling {
        if !ruling.effective {
            let state = match receipt.stage() {
                v1::Stage::Held => "is held: it would not count now",
                v1::Stage::Unspecified => "would not count",
                _ => "does not count",
            };
            return Err(Failure::Precondition(format!(
                "the event {state}: {}; {}",
                ruling.reason, ruling.advice
            )));
        }
        if !ruling.warnings.is_empty() {
            eprintln!("concordat: warnings: {}", ruling.warnings.join(", "));
        }
    }
    Ok(())
}

impl Emit {
    fn fields(&self) -> Result<Value, Failure> {
        let text = match (&self.fields, &self.json) {
            (Some(path), _) => read(path)?,
            (None, Some(text)) => text.clone(),
            (None, None) => return Ok(Value::Object(Map::new())),
        };
        json::parse(&text).map_err(|error| Failure::Usage(format!("the fields: {error}")))
    }

    fn request(&self, fields: &Value) -> Result<v1::EmitEventRequest, Failure> {
        let mut event = form::read(&self.event_type, fields).map_err(malformed)?;
        event.occurred_at = display::wire(self.occurred_at);
        let more = &self.more;
        event.causation_id = more.causation_id.map(|id| id.to_string());
        event.corrects = more.corrects.map(|id| id.to_string());
        event.on_behalf_of = more.on_behalf_of.as_ref().map(ToString::to_string);
        event.received_as.clone_from(&more.received_as);
        event
            .proxy_evidence_ref
            .clone_from(&more.proxy_evidence_ref);
        event.actor_role.clone_from(&more.actor_role);
        event.actor_id.clone_from(&more.actor_id);
        event.backdate_reason.clone_from(&more.backdate_reason);
        let event_id = match self.event_id {
            Some(id) => id,
            None => fresh_event_id()?,
        };
        Ok(v1::EmitEventRequest {
            event_id: event_id.to_string(),
            case_id: self.case.map(|case| case.to_string()).unwrap_or_default(),
            event: Some(event),
            expected_version: self.expected_version.clone(),
            wait_for: self
                .wait_for
                .map_or(v1::Stage::Unspecified, v1::Stage::from)
                .into(),
            validate_only: self.validate_only,
        })
    }
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    if path.as_os_str() != STANDARD_INPUT {
        return config::read_text(path);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text)
}

/// The same faults as a node would find, told in the same way.
pub(crate) fn malformed(error: concordat_codec::Error) -> Failure {
    let violations = match error {
        concordat_codec::Error::Invalid(violations) => violations,
        error @ concordat_codec::Error::UnknownEventType(_) => {
            return Failure::Usage(format!("{error}; `concordat event types` lists them"));
        }
        error => return Failure::Usage(error.to_string()),
    };
    let lines = violations
        .iter()
        .map(|Violation { path, what, advice }| format!("\n  field {path}: {what}; {advice}"));
    Failure::Usage(format!(
        "the event is not well-formed:{}",
        lines.collect::<String>()
    ))
}
