//! `concordat event`: emitting events and reading them back.

mod emit;
mod emit_many;
mod types;

use clap::{Args, Subcommand};
use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::v1;

use crate::client::{self, Client, Connection, Paging, Reached, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

pub(crate) use emit::{malformed, print_receipt};

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Event {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Emits one event: the node judges it first, and what it accepts is durable.
    ///
    /// Without an event id one is made and printed on standard error. Give it again to repeat an emit whose outcome is not known: the
    /// same event is never taken twice. A node that is away for a moment is tried again by itself, under the same id.
    Emit(Box<emit::Emit>),
    /// Emits the events of a file: one after the other on one stream, each for itself, or all or none with `--together`.
    ///
    /// What is refused is told on standard error with its place in the file; the exit code is that of the first of those. Everything can be
    /// repeated under the same ids.
    EmitMany(emit_many::EmitMany),
    /// Reads one event.
    Get(Get),
    /// Lists the events of a case in log order.
    List(List),
    /// Lists the event types that the rules know: who may publish each and what it is. With a type, its fields, from which states it may
    /// come, what it does to deadlines, and the reasons for which it alone is refused. Needs no node.
    Types(types::Types),
}

#[derive(Debug, Args)]
struct Get {
    /// Id of the event.
    event_id: EventId,
    /// Organisation that published it, if not this one.
    #[arg(long, value_name = "CODE")]
    source: Option<OrganisationId>,
    #[command(flatten)]
    reached: Reached,
}

#[derive(Debug, Args)]
struct List {
    /// The case.
    case: CaseId,
    /// Only events of this type; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Void events, too.
    #[arg(long)]
    include_void: bool,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

/// Runs an event command.
pub(crate) fn run(asked: Event, format: Format) -> Result<(), Failure> {
    let connection = asked.connection;
    client::block_on(async {
        match asked.verb {
            Verb::Emit(asked) => emit::run(&connection.client()?, *asked, format).await,
            Verb::EmitMany(asked) => emit_many::run(&connection.client()?, asked, format).await,
            Verb::Get(asked) => get(&connection.client()?, asked, format).await,
            Verb::List(asked) => list(&connection.client()?, asked, format).await,
            Verb::Types(asked) => types::run(&asked, format),
        }
    })
}

impl Row for v1::EventEnvelope {
    const COLUMNS: &'static [&'static str] =
        &["OCCURRED", "BY", "EVENT", "RULING", "POSITION", "EVENT ID"];

    fn cells(&self) -> Vec<String> {
        vec![
            display::instant(self.occurred_at.as_ref()),
            self.source.clone(),
            self.r#type.clone(),
            display::ruling(self.ruling.as_ref()),
            self.position.clone(),
            self.event_id.clone(),
        ]
    }
}

async fn get(client: &Client, asked: Get, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetEventRequest {
        event_id: asked.event_id.to_string(),
        source: asked
            .source
            .map(|source| source.to_string())
            .unwrap_or_default(),
        min_position: asked.reached.min_position,
    });
    let answer = client.events().get_event(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    let stage = display::stage(answer.stage());
    let event = answer.event.unwrap_or_default();
    output::pairs(&[
        ("event", event.event_id.clone()),
        ("type", event.r#type.clone()),
        ("by", event.source.clone()),
        ("case", event.case_id.clone()),
        ("stage", stage),
        ("ruling", display::ruling(event.ruling.as_ref())),
        ("occurred", display::instant(event.occurred_at.as_ref())),
        ("recorded", display::instant(event.recorded_at.as_ref())),
        ("position", event.position.clone()),
        ("version", event.case_version.clone()),
        ("caused by", event.causation_id.clone()),
        ("corrects", event.corrects.clone()),
        ("on behalf of", event.on_behalf_of.clone()),
        ("actor", event.actor_role.clone()),
        ("withheld", display::compartments(event.withheld())),
        ("erased", display::compartments(event.erased())),
    ])?;
    let form = event
        .body
        .as_ref()
        .and_then(|body| form::write(body, &event.empty_lists));
    match form {
        Some((_, fields)) => output::json(Format::Json, &fields),
        None => Ok(()),
    }
}

async fn list(client: &Client, asked: List, format: Format) -> Result<(), Failure> {
    let request = v1::ListEventsRequest {
        case_id: asked.case.to_string(),
        types: asked.types,
        include_void: asked.include_void,
        min_position: asked.reached.min_position,
        ..v1::ListEventsRequest::default()
    };
    let events = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListEventsRequest {
            page_size,
            page_token,
            ..request.clone()
        });
        async move {
            let page = client.events().list_events(request).await?.into_inner();
            Ok((page.events, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "events", &events)
}
