//! `concordat directory`: organisations, what is recorded beside cases, and what bodies owe outside them.

use clap::{Args, Subcommand};
use concordat_domain::ids::OrganisationId;
use concordat_proto::v1;
use jiff::Timestamp;
use tonic::{Code, Status};

use crate::client::{self, Client, Connection, Paging, Reached, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::nearest;
use crate::output::{self, Format, Row};
use crate::when;

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Directory {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the organisations of the partnership.
    Organisations(List),
    /// Shows one organisation and the authority that it has given.
    Show(Show),
    /// Lists the events that made the directory what it is.
    Events(Events),
    /// Lists what this organisation recorded for itself alone: feedback, and who looked at which case.
    OwnRecords(List),
    /// Lists what bodies owe outside cases: reports, returns, refreshers, reviews.
    Deadlines(Deadlines),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Show {
    /// Code of the organisation.
    organisation: OrganisationId,
    #[command(flatten)]
    reached: Reached,
}

#[derive(Debug, Args)]
struct Events {
    /// Only events of this type; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only what is this organisation's; may be repeated.
    #[arg(long = "organisation", value_name = "CODE")]
    organisations: Vec<OrganisationId>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Deadlines {
    /// Only what this organisation owes.
    #[arg(long, value_name = "CODE")]
    organisation: Option<OrganisationId>,
    /// Instant at which they are read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

impl Row for v1::Organisation {
    const COLUMNS: &'static [&'static str] = &[
        "ORGANISATION",
        "NAME",
        "KIND",
        "PARTICIPATION",
        "CALENDAR",
        "RETIRED",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.organisation.clone(),
            self.name.clone(),
            self.kind.clone(),
            self.participation.clone(),
            self.calendar.clone(),
            self.retired_on.clone(),
        ]
    }
}

impl Row for v1::DelegationEntry {
    const COLUMNS: &'static [&'static str] = &[
        "AUTHORITY",
        "FOR",
        "POST",
        "OF",
        "FROM",
        "UNTIL",
        "GIVEN BY",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.function.clone(),
            self.post.clone(),
            self.to_org.clone(),
            self.first_day.clone(),
            self.last_day.clone(),
            self.authorised_by.clone(),
        ]
    }
}

impl Row for v1::OwnRecord {
    const COLUMNS: &'static [&'static str] = &["RECORDED", "TYPE", "EVENT"];

    fn cells(&self) -> Vec<String> {
        let body = self.body.as_ref();
        let event_type = body.and_then(concordat_codec::kinds::event_type);
        vec![
            display::instant(self.recorded_at.as_ref()),
            event_type.unwrap_or_default(),
            self.event_id.clone(),
        ]
    }
}

impl Row for v1::BodyDeadline {
    const COLUMNS: &'static [&'static str] = &["DUE", "STATE", "OWNER", "DEADLINE", "WHY"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.due_date.clone(),
            self.state.clone(),
            self.owner.clone(),
            self.name.clone(),
            self.why.clone(),
        ]
    }
}

/// Runs a directory command.
pub(crate) fn run(asked: Directory, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::Organisations(asked) => organisations(&client, &asked, format).await,
            Verb::Show(asked) => show(&client, &asked, format).await,
            Verb::Events(asked) => events(&client, asked, format).await,
            Verb::OwnRecords(asked) => own_records(&client, &asked, format).await,
            Verb::Deadlines(asked) => deadlines(&client, asked, format).await,
        }
    })
}

async fn organisations(client: &Client, asked: &List, format: Format) -> Result<(), Failure> {
    let all = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListOrganisationsRequest {
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
        });
        async move {
            let page = client
                .directory()
                .list_organisations(request)
                .await?
                .into_inner();
            Ok((page.organisations, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "organisations", &all)
}

async fn show(client: &Client, asked: &Show, format: Format) -> Result<(), Failure> {
    let organisation = &asked.organisation;
    let request = client.request(v1::GetOrganisationRequest {
        organisation: organisation.to_string(),
        min_position: asked.reached.min_position.clone(),
    });
    let answer = match client.directory().get_organisation(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::NotFound => {
            return Err(unknown(client, organisation, status).await);
        }
        Err(status) => return Err(status.into()),
    };
    if format != Format::Table {
        return output::message(format, &answer);
    }
    let entry = answer.organisation.unwrap_or_default();
    let posts = entry
        .posts
        .iter()
        .map(|(function, post)| format!("{function}: {post}"));
    output::pairs(&[
        ("organisation", entry.organisation.clone()),
        ("name", entry.name.clone()),
        ("kind", entry.kind.clone()),
        ("takes part", entry.participation.clone()),
        ("recorded for by", entry.proxy.clone()),
        ("calendar", entry.calendar.clone()),
        ("responsible person", entry.responsible_person.clone()),
        ("complaints manager", entry.complaints_manager.clone()),
        ("contact", entry.contact.clone()),
        ("other posts", posts.collect::<Vec<_>>().join(", ")),
        ("commissioned by", entry.commissioned_by.join(", ")),
        ("retired on", entry.retired_on.clone()),
    ])?;
    if answer.delegations.is_empty() {
        return Ok(());
    }
    output::line(&format!("\n{}", output::table(&answer.delegations)))
}

/// The node's answer that there is no such organisation, after what may have been meant.
async fn unknown(client: &Client, organisation: &OrganisationId, status: Status) -> Failure {
    let request = client.request(v1::ListOrganisationsRequest {
        page_size: 500,
        ..v1::ListOrganisationsRequest::default()
    });
    if let Ok(there) = client.directory().list_organisations(request).await {
        let there = there.into_inner().organisations;
        let codes = there.iter().map(|one| one.organisation.as_str());
        let near = nearest::hint(&organisation.to_string(), codes);
        if !near.is_empty() {
            eprintln!("concordat: there is no {organisation}{near}");
        }
    }
    status.into()
}

async fn events(client: &Client, asked: Events, format: Format) -> Result<(), Failure> {
    let organisations: Vec<String> = asked
        .organisations
        .iter()
        .map(ToString::to_string)
        .collect();
    let all = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListDirectoryEventsRequest {
            types: asked.types.clone(),
            organisations: organisations.clone(),
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
        });
        async move {
            let page = client
                .directory()
                .list_directory_events(request)
                .await?
                .into_inner();
            Ok((page.events, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "events", &all)
}

async fn own_records(client: &Client, asked: &List, format: Format) -> Result<(), Failure> {
    let all = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListOwnRecordsRequest {
            types: Vec::new(),
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
        });
        async move {
            let page = client
                .directory()
                .list_own_records(request)
                .await?
                .into_inner();
            Ok((page.records, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "records", &all)
}

async fn deadlines(client: &Client, asked: Deadlines, format: Format) -> Result<(), Failure> {
    let organisation = asked
        .organisation
        .map(|code| code.to_string())
        .unwrap_or_default();
    let all = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListBodyDeadlinesRequest {
            organisation: organisation.clone(),
            at: display::wire(asked.at),
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
        });
        async move {
            let page = client
                .directory()
                .list_body_deadlines(request)
                .await?
                .into_inner();
            Ok((page.deadlines, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "deadlines", &all)
}
