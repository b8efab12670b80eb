//! `concordat case`: cases as this organisation's node has judged them.

mod watch;

use clap::{Args, Subcommand};
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_proto::v1;
use jiff::Timestamp;

use crate::client::{self, Client, Connection, Paging, Reached, all_pages};
use crate::deadline;
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::when;

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Case {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the cases that this organisation can read.
    List(List),
    /// Shows one case as it stands.
    Show(Show),
    /// Prints a case as it stands, then what comes, one a line, until interrupted.
    Watch(watch::Watch),
    /// What happened on a case, one sentence an event.
    Timeline(Timeline),
    /// Every deadline of a case.
    Timetable(Timetable),
}

#[derive(Debug, Args)]
struct List {
    /// Only cases in this state; may be repeated.
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    /// Only cases that this organisation runs.
    #[arg(long, value_name = "CODE")]
    keeper: Option<OrganisationId>,
    /// Only cases with something overdue.
    #[arg(long)]
    overdue: bool,
    /// Instant at which timetables are read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Show {
    /// The case.
    case: CaseId,
    /// Instant at which flags and timetable are read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
}

#[derive(Debug, Args)]
struct Timeline {
    /// The case.
    case: CaseId,
    /// Void events, too.
    #[arg(long)]
    include_void: bool,
    /// Only what was recorded at this instant or later: an instant, a day from its beginning, or a span such as 2d ago.
    #[arg(long, visible_alias = "since", value_name = "WHEN", value_parser = when::since)]
    from: Option<Timestamp>,
    /// Only what was recorded before this instant, or before this day began.
    #[arg(long, value_name = "WHEN", value_parser = when::since)]
    until: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Timetable {
    /// The case.
    case: CaseId,
    /// Instant at which it is read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

/// Runs a case command.
pub(crate) fn run(asked: Case, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::List(asked) => list(&client, asked, format).await,
            Verb::Show(asked) => show(&client, asked, format).await,
            Verb::Watch(asked) => watch::run(&client, &asked, format).await,
            Verb::Timeline(asked) => timeline(&client, asked, format).await,
            Verb::Timetable(asked) => timetable(&client, asked, format).await,
        }
    })
}

impl Row for v1::Case {
    const COLUMNS: &'static [&'static str] =
        &["CASE", "STATE", "KEEPER", "LEAD", "NEXT DUE", "OVERDUE"];

    fn cells(&self) -> Vec<String> {
        let in_state = |state: v1::DeadlineState| {
            self.deadlines
                .iter()
                .filter(move |deadline| !deadline.window && deadline.state() == state)
        };
        let next = in_state(v1::DeadlineState::Running).map(|deadline| deadline.due_date.as_str());
        let overdue = in_state(v1::DeadlineState::Overdue).count();
        vec![
            self.case_id.clone(),
            self.state.clone(),
            self.keeper.clone(),
            self.lead.clone(),
            next.min().unwrap_or_default().to_owned(),
            overdue.to_string(),
        ]
    }
}

async fn list(client: &Client, asked: List, format: Format) -> Result<(), Failure> {
    let request = v1::ListCasesRequest {
        states: asked.states,
        keeper: asked
            .keeper
            .map(|keeper| keeper.to_string())
            .unwrap_or_default(),
        overdue_only: asked.overdue,
        at: display::wire(asked.at),
        min_position: asked.reached.min_position,
        ..v1::ListCasesRequest::default()
    };
    let cases = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListCasesRequest {
            page_size,
            page_token,
            ..request.clone()
        });
        async move {
            let page = client.cases().list_cases(request).await?.into_inner();
            Ok((page.cases, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "cases", &cases)?;
    if let Some(first) = cases.first() {
        let show = format!("concordat case show {}", first.case_id);
        output::next(format, &[&show, "concordat deadline list --overdue"]);
    }
    Ok(())
}

async fn show(client: &Client, asked: Show, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetCaseRequest {
        case_id: asked.case.to_string(),
        at: display::wire(asked.at),
        min_position: asked.reached.min_position,
        ..v1::GetCaseRequest::default()
    });
    let answer = client.cases().get_case(request).await?.into_inner();
    print(answer.joint_case.unwrap_or_default(), format)
}

/// Prints a case.
pub(crate) fn print(case: v1::Case, format: Format) -> Result<(), Failure> {
    if format != Format::Table {
        return output::message(format, &case);
    }
    let rules = case.rules.clone().unwrap_or_default();
    output::pairs(&[
        ("case", case.case_id.clone()),
        ("state", case.state.clone()),
        (
            "keeper",
            format!("{} (epoch {})", case.keeper, case.lead_epoch),
        ),
        ("lead", case.lead.clone()),
        ("receiver", case.receiver.clone()),
        ("parties", case.parties.join(", ")),
        ("invitees", case.invitees.join(", ")),
        ("former receivers", case.former_receivers.join(", ")),
        ("flags", case.flags.join(", ")),
        ("parked", case.parked_reason.clone()),
        ("opened", display::instant(case.opened_at.as_ref())),
        ("rules", rules.packs.join(", ")),
        ("digest", case.digest.clone()),
        ("version", case.version.clone()),
        ("position", case.position.clone()),
    ])?;
    if !case.deadlines.is_empty() {
        let rows = deadline::of_one_case(case.deadlines);
        output::line(&format!("\n{}", output::table(&rows)))?;
    }
    if !case.exposures.is_empty() {
        output::line(&format!("\nExposures\n{}", output::table(&case.exposures)))?;
    }
    if !case.next_event_types.is_empty() {
        output::line(&format!(
            "\nMay be emitted now: {}",
            case.next_event_types.join(", ")
        ))?;
    }
    let timeline = format!("concordat case timeline {}", case.case_id);
    let types = case.next_event_types.first();
    let types = types.map(|one| format!("concordat event types {one}"));
    output::next(
        format,
        &[
            &timeline,
            types.as_deref().unwrap_or("concordat event types"),
        ],
    );
    Ok(())
}

impl Row for v1::Exposure {
    const COLUMNS: &'static [&'static str] =
        &["KIND", "AUTHOR", "RECIPIENT", "COMPARTMENT", "POSITION"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.clone(),
            self.author.clone(),
            self.recipient.clone(),
            self.compartment.clone(),
            self.position.clone(),
        ]
    }
}

impl Row for v1::TimelineEntry {
    const COLUMNS: &'static [&'static str] =
        &["OCCURRED", "BY", "EVENT", "RULING", "STATE", "WHAT"];

    fn cells(&self) -> Vec<String> {
        vec![
            display::instant(self.occurred_at.as_ref()),
            self.source.clone(),
            self.r#type.clone(),
            display::ruling(self.ruling.as_ref()),
            self.state_after.clone(),
            self.sentence.clone(),
        ]
    }
}

async fn timeline(client: &Client, asked: Timeline, format: Format) -> Result<(), Failure> {
    let entries = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListTimelineRequest {
            case_id: asked.case.to_string(),
            include_void: asked.include_void,
            page_size,
            page_token,
            min_position: asked.reached.min_position.clone(),
            from: display::wire(asked.from),
            until: display::wire(asked.until),
        });
        async move {
            let page = client.cases().list_timeline(request).await?.into_inner();
            Ok((page.entries, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "entries", &entries)
}

async fn timetable(client: &Client, asked: Timetable, format: Format) -> Result<(), Failure> {
    let request = v1::ListDeadlinesRequest {
        case_id: asked.case.to_string(),
        at: display::wire(asked.at),
        min_position: asked.reached.min_position,
        ..v1::ListDeadlinesRequest::default()
    };
    let deadlines = deadline::of(client, &asked.paging, request).await?;
    if format == Format::Table && !deadlines.is_empty() {
        let rows = deadline::of_one_case(deadlines);
        return output::listing(&rows);
    }
    output::messages(format, "deadlines", &deadlines)
}
