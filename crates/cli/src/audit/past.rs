//! `concordat audit case` and `compare`: a case as it stood.

use clap::Args;
use concordat_domain::ids::CaseId;
use concordat_proto::v1;
use jiff::Timestamp;

use super::Why;
use super::point::{Known, wire};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::{case as cases, display};

#[derive(Debug, Args)]
pub(super) struct Case {
    #[command(flatten)]
    why: Why,
    /// The case.
    case: CaseId,
    /// Up to where the log counts: a position, an instant or a day; all of it, if not given.
    #[arg(long, value_name = "POINT")]
    as_known_at: Option<Known>,
    /// Instant at which deadlines are read; that of the point, if not given.
    #[arg(long, value_name = "INSTANT")]
    valid_at: Option<Timestamp>,
    /// Says of each deadline how it came about.
    #[arg(long)]
    explained: bool,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    #[command(flatten)]
    why: Why,
    /// The case.
    case: CaseId,
    /// The earlier point: a position, an instant or a day.
    #[arg(long, value_name = "POINT")]
    before: Known,
    /// The later point; all of the log, if not given.
    #[arg(long, value_name = "POINT")]
    after: Option<Known>,
    /// Instant at which deadlines are read at both points; that of each point, if not given.
    #[arg(long, value_name = "INSTANT")]
    valid_at: Option<Timestamp>,
}

pub(super) async fn case(client: &Client, asked: Case, format: Format) -> Result<(), Failure> {
    let request = client.request(v1::GetCaseAsOfRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        case_id: asked.case.to_string(),
        known: wire(asked.as_known_at.as_ref()),
        valid_at: display::wire(asked.valid_at),
    });
    let past = client.audit().get_case_as_of(request).await?.into_inner();
    if format != Format::Table {
        return output::message(format, &past);
    }
    output::pairs(&[
        ("known to", past.known_position.clone()),
        ("valid at", display::instant(past.valid_at.as_ref())),
        ("access record", past.access_record.clone()),
    ])?;
    cases::print(past.joint_case.unwrap_or_default(), format)?;
    for one in past.explanations.iter().filter(|_| asked.explained) {
        let name = one.deadline.as_ref().map(|deadline| deadline.name.as_str());
        output::line(&format!("\n{}", name.unwrap_or_default()))?;
        for sentence in &one.sentences {
            output::line(&format!("  {sentence}"))?;
        }
    }
    Ok(())
}

impl Row for v1::FieldChange {
    const COLUMNS: &'static [&'static str] = &["FIELD", "BEFORE", "AFTER", "BY", "EVENT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            self.before.clone(),
            self.after.clone(),
            self.source.clone(),
            self.event_id.clone(),
        ]
    }
}

impl Row for v1::DeadlineChange {
    const COLUMNS: &'static [&'static str] = &[
        "WHAT",
        "DEADLINE",
        "OWNER",
        "DUE BEFORE",
        "DUE AFTER",
        "STATE",
    ];

    fn cells(&self) -> Vec<String> {
        let due = |one: &Option<v1::Deadline>| {
            one.as_ref()
                .map(|one| one.due_date.clone())
                .unwrap_or_default()
        };
        let shown = self.after.as_ref().or(self.before.as_ref());
        let text = |of: fn(&v1::Deadline) -> String| shown.map(of).unwrap_or_default();
        vec![
            display::code(self.kind().as_str_name(), "DEADLINE_CHANGE_KIND_"),
            text(|one| one.name.clone()),
            text(|one| one.owner.clone()),
            due(&self.before),
            due(&self.after),
            text(display::deadline_state),
        ]
    }
}

fn point(known: Option<&Known>, valid_at: Option<Timestamp>) -> v1::ComparePoint {
    v1::ComparePoint {
        known: wire(known),
        valid_at: display::wire(valid_at),
    }
}

pub(super) async fn compare(
    client: &Client,
    asked: Compare,
    format: Format,
) -> Result<(), Failure> {
    let request = client.request(v1::CompareCaseRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        case_id: asked.case.to_string(),
        before: Some(point(Some(&asked.before), asked.valid_at)),
        after: Some(point(asked.after.as_ref(), asked.valid_at)),
    });
    let found = client.audit().compare_case(request).await?.into_inner();
    match format {
        Format::Json | Format::Ndjson => return output::message(format, &found),
        Format::Csv => return output::messages(format, "fields", &found.fields),
        Format::Table => {}
    }
    for (name, point) in [("before", &found.before), ("after", &found.after)] {
        let point = point.clone().unwrap_or_default();
        let state = if point.exists {
            point.state
        } else {
            "not there".to_owned()
        };
        let valid = display::instant(point.valid_at.as_ref());
        output::line(&format!(
            "{name:<6}  {state}  known to {}  valid at {valid}",
            point.known_position
        ))?;
    }
    if !found.fields.is_empty() {
        output::line(&format!("\nFields\n{}", output::table(&found.fields)))?;
    }
    if !found.deadlines.is_empty() {
        output::line(&format!("\nDeadlines\n{}", output::table(&found.deadlines)))?;
    }
    if !found.events.is_empty() {
        output::line(&format!(
            "\nEvents between\n{}",
            output::table(&found.events)
        ))?;
    }
    Ok(())
}
