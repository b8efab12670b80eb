//! `concordat deadline`: what is owed, by whom, by when, and why.

use clap::{Args, Subcommand, ValueEnum};
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::client::{self, Client, Connection, Paging, Reached, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::when;

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Deadline {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists what is due over all cases, by due day; of one case also what is done.
    List(List),
    /// Says how a date came about: rule and source, calendar, each day counted or skipped and why.
    Explain(Explain),
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this case.
    #[arg(long)]
    case: Option<CaseId>,
    /// Only those in this state; may be repeated.
    #[arg(long = "state", value_enum, value_name = "STATE")]
    states: Vec<State>,
    /// Only what is overdue.
    #[arg(long, conflicts_with = "states")]
    overdue: bool,
    /// Only those owed by this organisation; may be repeated.
    #[arg(long = "owner", value_name = "CODE")]
    owners: Vec<OrganisationId>,
    /// Only those of this rule, such as `acknowledge` or `strand`; may be repeated.
    #[arg(long = "name", value_name = "RULE")]
    names: Vec<String>,
    /// Only those due before this day.
    #[arg(long, value_name = "YYYY-MM-DD")]
    due_before: Option<Date>,
    /// Only those due on this day or later.
    #[arg(long, value_name = "YYYY-MM-DD")]
    due_from: Option<Date>,
    /// Only those due within so many working days, today not counted; 0 for those due today.
    #[arg(long, value_name = "WORKING-DAYS", conflicts_with = "case")]
    due_within: Option<i32>,
    /// Only complaints that nobody has acknowledged.
    #[arg(long, conflicts_with = "names")]
    not_acknowledged: bool,
    /// Only the updates owed where nobody was told anything for so many working days.
    #[arg(long, value_name = "WORKING-DAYS", conflicts_with_all = ["names", "case", "not_acknowledged"])]
    no_update: Option<i32>,
    /// Only those of cases that this organisation keeps.
    #[arg(long, value_name = "CODE", conflicts_with = "case")]
    keeper: Option<OrganisationId>,
    /// Only those that this post answers for, where the case says so; may be repeated.
    #[arg(long = "post", value_name = "POST", conflicts_with = "case")]
    posts: Vec<String>,
    /// Prints how many there are, and none of them.
    #[arg(long)]
    count: bool,
    /// Instant at which they are read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct Explain {
    /// The case.
    case: CaseId,
    /// Name of the deadline within the case, such as `acknowledge`, or the id of one occurrence.
    deadline: String,
    /// Instant at which it is read; now, if not given.
    #[arg(long, visible_alias = "as-of", value_name = "WHEN", value_parser = when::instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    reached: Reached,
}

/// The rules under which a complaint, or a stage of one, is to be acknowledged.
const ACKNOWLEDGEMENTS: [&str; 4] = [
    "acknowledge",
    "stage-2-acknowledge",
    "panel-acknowledge",
    "dp-acknowledge",
];

/// States of a deadline, as options take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Owed, and the due day is not over.
    Running,
    /// Owed, and the due day is over.
    Overdue,
    /// Done in time.
    Met,
    /// Done after the due day.
    MetLate,
    /// Replaced by an occurrence with another date.
    Moved,
    /// No longer owed.
    Ended,
    /// A window that is over.
    Expired,
}

impl From<State> for v1::DeadlineState {
    fn from(state: State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Overdue => Self::Overdue,
            State::Met => Self::Met,
            State::MetLate => Self::MetLate,
            State::Moved => Self::Moved,
            State::Ended => Self::Ended,
            State::Expired => Self::Expired,
        }
    }
}

impl Row for v1::Deadline {
    const COLUMNS: &'static [&'static str] =
        &["DUE", "STATE", "OWNER", "DEADLINE", "RULE", "LATE", "CASE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.due_date.clone(),
            display::deadline_state(self),
            self.owner.clone(),
            self.name.clone(),
            self.rule.clone(),
            late(self),
            self.case_id.clone(),
        ]
    }
}

/// A deadline where the case is known.
#[derive(Debug)]
pub(crate) struct OfCase(v1::Deadline);

/// The deadlines of one case, by due day.
pub(crate) fn of_one_case(mut deadlines: Vec<v1::Deadline>) -> Vec<OfCase> {
    deadlines.sort_by(|a, b| (&a.due_date, &a.name).cmp(&(&b.due_date, &b.name)));
    deadlines.into_iter().map(OfCase).collect()
}

impl Row for OfCase {
    const COLUMNS: &'static [&'static str] = &[
        "DUE", "STATE", "OWNER", "DEADLINE", "LATE", "RULE", "SOURCE",
    ];

    fn cells(&self) -> Vec<String> {
        let deadline = &self.0;
        vec![
            deadline.due_date.clone(),
            display::deadline_state(deadline),
            deadline.owner.clone(),
            deadline.name.clone(),
            late(deadline),
            deadline.rule.clone(),
            deadline.source.clone(),
        ]
    }
}

fn late(deadline: &v1::Deadline) -> String {
    match deadline.working_days_late {
        0 => String::new(),
        days => format!("{days} working days"),
    }
}

/// Runs a deadline command.
pub(crate) fn run(asked: Deadline, format: Format) -> Result<(), Failure> {
    client::block_on(async {
        let client = asked.connection.client()?;
        match asked.verb {
            Verb::List(asked) => list(&client, asked, format).await,
            Verb::Explain(asked) => explain(&client, asked, format).await,
        }
    })
}

async fn list(client: &Client, asked: List, format: Format) -> Result<(), Failure> {
    let mut states: Vec<i32> = asked
        .states
        .iter()
        .map(|state| v1::DeadlineState::from(*state).into())
        .collect();
    if asked.overdue {
        states.push(v1::DeadlineState::Overdue.into());
    }
    let names: Vec<&str> = if asked.not_acknowledged {
        ACKNOWLEDGEMENTS.to_vec()
    } else if asked.no_update.is_some() {
        vec!["complainant-update"]
    } else {
        asked.names.iter().map(String::as_str).collect()
    };
    let request = v1::ListDeadlinesRequest {
        case_id: asked.case.map(|case| case.to_string()).unwrap_or_default(),
        states,
        owners: asked.owners.iter().map(ToString::to_string).collect(),
        due_before: asked
            .due_before
            .map(|day| day.to_string())
            .unwrap_or_default(),
        due_from: asked
            .due_from
            .map(|day| day.to_string())
            .unwrap_or_default(),
        names: names.into_iter().map(str::to_owned).collect(),
        due_within_working_days: asked.due_within,
        counted_for_working_days: asked.no_update,
        keeper: asked
            .keeper
            .map(|keeper| keeper.to_string())
            .unwrap_or_default(),
        posts: asked.posts,
        with_waits: format != Format::Table,
        at: display::wire(asked.at),
        min_position: asked.reached.min_position,
        ..v1::ListDeadlinesRequest::default()
    };
    if asked.count {
        let request = client.request(v1::ListDeadlinesRequest {
            page_size: 1,
            ..request
        });
        let page = client.deadlines().list_deadlines(request).await?;
        let total = page.into_inner().total;
        return match format {
            Format::Table => output::line(&total.to_string()),
            Format::Json | Format::Ndjson | Format::Csv => {
                output::json(format, &serde_json::json!({ "total": total }))
            }
        };
    }
    let deadlines = of(client, &asked.paging, request).await?;
    output::messages(format, "deadlines", &deadlines)
}

/// All deadlines that a request asks for.
pub(crate) async fn of(
    client: &Client,
    paging: &Paging,
    request: v1::ListDeadlinesRequest,
) -> Result<Vec<v1::Deadline>, Failure> {
    all_pages(paging, |page_size, page_token| {
        let request = client.request(v1::ListDeadlinesRequest {
            page_size,
            page_token,
            ..request.clone()
        });
        async move {
            let page = client
                .deadlines()
                .list_deadlines(request)
                .await?
                .into_inner();
            Ok((page.deadlines, page.next_page_token))
        }
    })
    .await
}

async fn explain(client: &Client, asked: Explain, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::ExplainDeadlineRequest {
        case_id: asked.case.to_string(),
        deadline: asked.deadline,
        at: display::wire(asked.at),
        min_position: asked.reached.min_position,
    });
    let explained = client
        .deadlines()
        .explain_deadline(request)
        .await?
        .into_inner();
    if format != Format::Table {
        return output::message(format, &explained);
    }
    if let Some(deadline) = &explained.deadline {
        particulars(deadline, &explained.rule_text)?;
    }
    for sentence in &explained.sentences {
        output::line(sentence)?;
    }
    if !explained.steps.is_empty() {
        output::line(&format!("\n{}", output::table(&explained.steps)))?;
    }
    if !explained.earlier.is_empty() {
        output::line(&format!(
            "\nEarlier:\n{}",
            output::table(&explained.earlier)
        ))?;
    }
    Ok(())
}

fn particulars(deadline: &v1::Deadline, rule_text: &str) -> Result<(), Failure> {
    output::pairs(&[
        ("deadline", deadline.name.clone()),
        ("state", display::deadline_state(deadline)),
        ("owed by", deadline.owner.clone()),
        ("owed to", deadline.owed_to.clone()),
        (
            "due",
            format!("end of {} ({})", deadline.due_date, deadline.time_zone),
        ),
        ("rule", deadline.rule.clone()),
        ("says", rule_text.to_owned()),
        ("source", deadline.source.clone()),
        (
            "force",
            display::code(deadline.force().as_str_name(), "DEADLINE_FORCE_"),
        ),
        ("calendar", deadline.calendar.clone()),
        ("started by", deadline.started_by.clone()),
        ("met by", deadline.met_by.clone()),
        ("met at", display::instant(deadline.met_at.as_ref())),
        ("id", deadline.deadline_id.clone()),
    ])
}

impl Row for v1::DayStep {
    const COLUMNS: &'static [&'static str] = &["DATE", "DAY", "WHY NOT"];

    fn cells(&self) -> Vec<String> {
        let day = if self.counted {
            self.count.to_string()
        } else {
            String::new()
        };
        vec![self.date.clone(), day, self.reason.clone()]
    }
}
