//! Deadlines, and how they came about in words.

use concordat_domain::calendar::{DayStep, DayVerdict};
use concordat_domain::ids::CaseId;
use concordat_domain::policy::Force;
use concordat_domain::timetable::{Deadline, DeadlineState};
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;

use super::instant;

/// Zone of all due days (design, decision 7; domain brief A1).
const TIME_ZONE: &str = "Europe/London";

/// One occurrence of a deadline at an instant.
pub(crate) fn deadline(deadline: &Deadline, case: CaseId, at: Timestamp) -> v1::Deadline {
    let met = matches!(deadline.state, DeadlineState::Met | DeadlineState::MetLate);
    v1::Deadline {
        deadline_id: deadline.id.to_string(),
        name: deadline.name.to_string(),
        case_id: case.to_string(),
        rule: deadline.rule.clone(),
        owner: deadline.owed_by.to_string(),
        owed_to: deadline.owed_to.clone(),
        state: state(deadline, at).into(),
        due_date: deadline.due.map(text).unwrap_or_default(),
        time_zone: TIME_ZONE.to_owned(),
        calendar: deadline.explanation.calendar.clone(),
        due_at: deadline.due_instant.map(instant),
        source: deadline.source.clone(),
        force: force(deadline.force).into(),
        started_by: deadline.set_by.to_string(),
        met_by: deadline
            .stopped_by
            .filter(|_| met)
            .map(|event| event.to_string())
            .unwrap_or_default(),
        met_at: deadline.stopped_at.filter(|_| met).map(instant),
        working_days_late: late(deadline),
        window: deadline.is_window(),
        warnings: deadline.warnings.clone(),
    }
}

/// By how many working days it is or was late; 0 where no calendar covers them, of which the warnings tell.
fn late(deadline: &Deadline) -> i32 {
    if deadline.late_by_days == 0 || deadline.is_window() {
        return 0;
    }
    let days = deadline.late_by_working_days.unwrap_or_default();
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// State at an instant, a window that is over told from one that runs.
pub(crate) fn state(deadline: &Deadline, at: Timestamp) -> v1::DeadlineState {
    use v1::DeadlineState as Wire;
    let over = deadline.due_instant.is_some_and(|due| due <= at);
    match deadline.state {
        DeadlineState::Running => Wire::Running,
        DeadlineState::Overdue => Wire::Overdue,
        DeadlineState::Met => Wire::Met,
        DeadlineState::MetLate => Wire::MetLate,
        DeadlineState::Moved => Wire::Moved,
        DeadlineState::Ended => Wire::Ended,
        DeadlineState::Window if over => Wire::Expired,
        DeadlineState::Window => Wire::Running,
        DeadlineState::Undated => Wire::Undated,
    }
}

fn force(force: Force) -> v1::DeadlineForce {
    match force {
        Force::Statutory => v1::DeadlineForce::Statutory,
        Force::Quasi => v1::DeadlineForce::Quasi,
        Force::Guidance => v1::DeadlineForce::Guidance,
        Force::Local => v1::DeadlineForce::Local,
    }
}

fn text(date: Date) -> String {
    date.to_string()
}

/// How a deadline came about: each day, and the same in sentences.
pub(crate) fn explanation(
    explained: &Deadline,
    earlier: Vec<v1::Deadline>,
    case: CaseId,
    at: Timestamp,
) -> v1::ExplainDeadlineResponse {
    v1::ExplainDeadlineResponse {
        deadline: Some(deadline(explained, case, at)),
        rule_text: explained.explanation.trigger.clone(),
        steps: steps(&explained.explanation.steps),
        sentences: sentences(explained, &earlier),
        earlier,
    }
}

fn steps(steps: &[DayStep]) -> Vec<v1::DayStep> {
    let mut count = 0;
    let steps = steps.iter().map(|step| {
        let reason = match &step.verdict {
            DayVerdict::Counted(number) => {
                count = i32::try_from(*number).unwrap_or(i32::MAX);
                String::new()
            }
            DayVerdict::Ended => String::new(),
            DayVerdict::Start => "start".to_owned(),
            DayVerdict::Weekend => "weekend".to_owned(),
            DayVerdict::Holiday(title) => title.clone(),
            DayVerdict::ClosedDay(title) => format!("closed: {title}"),
        };
        v1::DayStep {
            date: text(step.date),
            counted: reason.is_empty(),
            count,
            reason,
        }
    });
    steps.collect()
}

/// As a person would explain it: rule, start, what was not counted, due day, what became of it.
fn sentences(deadline: &Deadline, earlier: &[v1::Deadline]) -> Vec<String> {
    let explanation = &deadline.explanation;
    let mut sentences = vec![format!(
        "{} owes this to {} under rule {} ({}, {}).",
        deadline.owed_by, deadline.owed_to, deadline.rule, deadline.source, deadline.force
    )];
    sentences.push(format!(
        "{}: {}.",
        explanation.from,
        capital(&explanation.trigger)
    ));
    let counted = explanation
        .steps
        .iter()
        .filter(|step| matches!(step.verdict, DayVerdict::Counted(_)))
        .count();
    if counted > 0 {
        sentences.push(format!(
            "{counted} working day(s) counted in calendar {}.",
            explanation.calendar
        ));
    }
    let skipped = explanation
        .steps
        .iter()
        .filter_map(|step| match &step.verdict {
            DayVerdict::Weekend => Some(format!("{} (weekend)", step.date)),
            DayVerdict::Holiday(title) | DayVerdict::ClosedDay(title) => {
                Some(format!("{} ({title})", step.date))
            }
            DayVerdict::Start | DayVerdict::Counted(_) | DayVerdict::Ended => None,
        });
    let skipped: Vec<String> = skipped.collect();
    if !skipped.is_empty() {
        sentences.push(format!("Not counted: {}.", skipped.join(", ")));
    }
    sentences.push(match deadline.due {
        Some(due) => format!("Due by the end of {due}."),
        None => format!(
            "No due day could be computed: {}.",
            deadline.warnings.join("; ")
        ),
    });
    if !earlier.is_empty() {
        let moved: Vec<&str> = earlier.iter().map(|one| one.due_date.as_str()).collect();
        sentences.push(format!("It was set before, to {}.", moved.join(", then ")));
    }
    sentences.push(outcome(deadline));
    sentences
}

fn outcome(deadline: &Deadline) -> String {
    let late = match deadline.late_by_working_days {
        Some(days) => format!("{days} working day(s)"),
        None => format!("{} day(s)", deadline.late_by_days),
    };
    let on = deadline
        .stopped_at
        .map(|at| format!(" on {}", concordat_domain::calendar::local_date(at)))
        .unwrap_or_default();
    match deadline.state {
        DeadlineState::Running => "It is running.".to_owned(),
        DeadlineState::Overdue => format!("It is overdue by {late}."),
        DeadlineState::Met => format!("It was met{on}."),
        DeadlineState::MetLate => format!("It was met{on}, late by {late}."),
        DeadlineState::Moved => format!("It was replaced{on}."),
        DeadlineState::Ended => format!("It ended{on}; nothing is owed under it any more."),
        DeadlineState::Window => "It is a last day for others and is never missed.".to_owned(),
        DeadlineState::Undated => "It is owed, though no calendar covers its due day.".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
