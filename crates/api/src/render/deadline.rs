//! Deadlines, and how they came about in words.

use concordat_domain::calendar::{DayStep, DayVerdict};
use concordat_domain::ids::CaseId;
use concordat_domain::policy::Force;
use concordat_domain::timetable::{Deadline, DeadlineState, Wait, WaitedFor, Waiting};
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;

use super::instant;

/// Zone of all due days (design, decision 7; domain brief A1).
const TIME_ZONE: &str = "Europe/London";

/// One occurrence of a deadline at an instant.
pub(crate) fn deadline(
    deadline: &Deadline,
    waiting: Option<&Waiting>,
    case: CaseId,
    at: Timestamp,
) -> v1::Deadline {
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
        waits: waiting.iter().flat_map(|it| &it.waits).map(wait).collect(),
        waited_on: waiting
            .iter()
            .flat_map(|waiting| &waiting.totals)
            .map(|total| v1::WaitTotal {
                on: total.on.to_string(),
                working_days: total.working_days.map(days),
                still: total.still,
            })
            .collect(),
    }
}

fn wait(wait: &Wait) -> v1::Wait {
    v1::Wait {
        on: wait.on.to_string(),
        r#for: waited_for(wait.what).into(),
        deadline: wait
            .deadline
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        from: Some(instant(wait.from)),
        until: wait.until.map(instant),
        working_days: wait.working_days.map(days),
    }
}

fn waited_for(what: WaitedFor) -> v1::WaitedFor {
    match what {
        WaitedFor::Consent => v1::WaitedFor::Consent,
        WaitedFor::Acceptance => v1::WaitedFor::Acceptance,
        WaitedFor::Joining => v1::WaitedFor::Joining,
        WaitedFor::Lead => v1::WaitedFor::Lead,
        WaitedFor::Information => v1::WaitedFor::Information,
        WaitedFor::Strand => v1::WaitedFor::Strand,
        WaitedFor::Comment => v1::WaitedFor::Comment,
        WaitedFor::CouncilReview => v1::WaitedFor::CouncilReview,
    }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// By how many working days it is or was late; 0 where no calendar covers them, of which the warnings tell.
fn late(deadline: &Deadline) -> i32 {
    if deadline.late_by_days == 0 || deadline.is_window() {
        return 0;
    }
    days(deadline.late_by_working_days.unwrap_or_default())
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
    waiting: Option<&Waiting>,
    earlier: Vec<v1::Deadline>,
    case: CaseId,
    at: Timestamp,
) -> v1::ExplainDeadlineResponse {
    v1::ExplainDeadlineResponse {
        deadline: Some(deadline(explained, waiting, case, at)),
        rule_text: explained.explanation.trigger.clone(),
        steps: steps(&explained.explanation.steps),
        sentences: sentences(explained, waiting, &earlier),
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
fn sentences(
    deadline: &Deadline,
    waiting: Option<&Waiting>,
    earlier: &[v1::Deadline],
) -> Vec<String> {
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
    sentences.extend(
        waiting
            .iter()
            .flat_map(|waiting| &waiting.waits)
            .map(waited),
    );
    sentences
}

/// One stretch of waiting, in a sentence.
fn waited(wait: &Wait) -> String {
    let from = concordat_domain::calendar::local_date(wait.from);
    let days = wait
        .working_days
        .map_or_else(String::new, |days| format!(", {days} working day(s)"));
    match wait.until {
        Some(until) => {
            let until = concordat_domain::calendar::local_date(until);
            format!(
                "From {from} to {until} this waited on {} for {}{days}.",
                wait.on,
                wait.what.words()
            )
        }
        None => format!(
            "Since {from} this waits on {} for {}{days} so far.",
            wait.on,
            wait.what.words()
        ),
    }
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
