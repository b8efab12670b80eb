//! `concordat draft`: events that were accepted and are not signed yet, the held ones among them.

use clap::{Args, Subcommand};
use concordat_domain::ids::{CaseId, EventId};
use concordat_proto::v1;

use crate::client::{self, Client, Connection, Paging, Reached, all_pages};
use crate::display;
use crate::event;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Draft {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists drafts in the order in which they were accepted.
    List(List),
    /// Releases a held draft: it is judged anew on today's case, under the same event id.
    Release(Release),
    /// Discards a held draft. Its event id stays used.
    Discard(Discard),
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this case.
    #[arg(long)]
    case: Option<CaseId>,
    /// Only those that wait for a person.
    #[arg(long)]
    held: bool,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Release {
    /// Id of the event.
    event_id: EventId,
}

#[derive(Debug, Args)]
struct Discard {
    /// Id of the event.
    event_id: EventId,
    /// Why, as a code for the audit trail, such as `superseded`.
    #[arg(long, value_name = "CODE")]
    why: String,
}

impl Row for v1::Draft {
    const COLUMNS: &'static [&'static str] =
        &["EVENT ID", "CASE", "EVENT", "STAGE", "WHY", "ACCEPTED"];

    fn cells(&self) -> Vec<String> {
        let why = self.ruling.as_ref().map(|ruling| ruling.reason.clone());
        vec![
            self.event_id.clone(),
            self.case_id.clone(),
            self.r#type.clone(),
            display::stage(self.stage()),
            why.unwrap_or_default(),
            display::instant(self.accepted_at.as_ref()),
        ]
    }
}

/// Runs a draft command.
pub(crate) fn run(asked: Draft, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::List(asked) => list(&client, asked, format).await,
            Verb::Release(asked) => release(&client, asked, format).await,
            Verb::Discard(asked) => discard(&client, asked, format).await,
        }
    })
}

async fn list(client: &Client, asked: List, format: Format) -> Result<(), Failure> {
    let case_id = asked.case.map(|case| case.to_string()).unwrap_or_default();
    let drafts = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListDraftsRequest {
            case_id: case_id.clone(),
            held_only: asked.held,
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
        });
        async move {
            let page = client.events().list_drafts(request).await?.into_inner();
            Ok((page.drafts, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "drafts", &drafts)
}

async fn release(client: &Client, asked: Release, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::ReleaseDraftRequest {
        event_id: asked.event_id.to_string(),
    });
    let answer = client.events().release_draft(request).await?.into_inner();
    event::print_receipt(&answer.receipt.unwrap_or_default(), format)
}

async fn discard(client: &Client, asked: Discard, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::DiscardDraftRequest {
        event_id: asked.event_id.to_string(),
        why_code: asked.why,
    });
    let answer = client.events().discard_draft(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &answer);
    }
    output::line(&format!("discarded {}", answer.event_id))
}
