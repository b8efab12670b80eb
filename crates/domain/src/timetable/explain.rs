//! A deadline as a person would explain it: whose duty, under which rule and source, from when, which days counted and which did not and
//! why, what moved it, what became of it, and whom it waited on. The one text for console, command line and audit.

use jiff::civil::Date;

use super::{Deadline, DeadlineState, Wait, Waiting};
use crate::calendar::{DayVerdict, local_date};

/// The explanation, a sentence each. `earlier` are the occurrences of the same name before this one, oldest first.
pub fn sentences(
    deadline: &Deadline,
    earlier: &[&Deadline],
    waiting: Option<&Waiting>,
) -> Vec<String> {
    let explanation = &deadline.explanation;
    let mut told = vec![
        format!(
            "{} owes `{}` to {}, by rule {} of {}.",
            deadline.owed_by, deadline.name, deadline.owed_to, deadline.rule, explanation.pack
        ),
        format!(
            "It comes from {} ({}; {}).",
            deadline.source, deadline.force, explanation.mark
        ),
    ];
    let (from, trigger) = (named(explanation.from), &explanation.trigger);
    if explanation.counting.is_empty() {
        told.push(format!(
            "An event named the day, {from}; what starts it: {trigger}."
        ));
    } else {
        told.push(format!("It counts from {from}: {trigger}."));
        let (length, counting) = (&explanation.length, &explanation.counting);
        told.push(format!("Its length: {length}; {counting}."));
        told.extend(days(deadline));
    }
    told.push(match deadline.due {
        Some(due) => format!(
            "It is due by the end of {} (Europe/London, calendar {}).",
            named(due),
            explanation.calendar
        ),
        None => format!(
            "No due day could be computed: {}.",
            deadline.warnings.join("; ")
        ),
    });
    told.extend(earlier.iter().filter_map(|before| moved(before)));
    told.push(outcome(deadline));
    told.extend(waiting.iter().flat_map(|it| &it.waits).map(waited));
    told
}

/// `Monday 2026-02-09`.
fn named(date: Date) -> String {
    format!("{} {date}", date.strftime("%A"))
}

/// Which working days counted, and what was skipped; nothing for months and for days that an event names.
fn days(deadline: &Deadline) -> Vec<String> {
    let mut counted = Vec::new();
    let mut weekend_days = 0;
    let mut skipped = Vec::new();
    for step in &deadline.explanation.steps {
        match &step.verdict {
            DayVerdict::Counted(n) => counted.push((*n, step.date)),
            DayVerdict::Weekend => weekend_days += 1,
            DayVerdict::Holiday(title) => skipped.push(format!("{} ({title})", named(step.date))),
            DayVerdict::ClosedDay(title) => {
                skipped.push(format!("{} (closed: {title})", named(step.date)));
            }
            DayVerdict::Start | DayVerdict::Ended => {}
        }
    }
    if weekend_days > 0 {
        skipped.insert(0, format!("{weekend_days} day(s) of weekends"));
    }
    let mut told = Vec::new();
    if let (Some((_, first)), Some((n, last))) = (counted.first(), counted.last()) {
        told.push(if n == &1 {
            format!("Day 1 is {}.", named(*first))
        } else {
            format!("Day 1 is {}, day {n} is {}.", named(*first), named(*last))
        });
    }
    if !skipped.is_empty() {
        told.push(format!("Not counted: {}.", skipped.join(", ")));
    }
    told
}

/// How an earlier occurrence made way for a later one.
fn moved(before: &Deadline) -> Option<String> {
    let due = named(before.due?);
    let on = before.stopped_at.map(|at| named(local_date(at)))?;
    Some(match before.state {
        DeadlineState::Moved if before.was_restarted_by_rule() => format!(
            "It was due by {due} before; it was not met, so its rule began it once more after that day."
        ),
        DeadlineState::Moved if before.late_by_days > 0 => {
            format!("It was due by {due} before; on {on}, after that day, it was moved.")
        }
        DeadlineState::Moved => format!("It was due by {due} before; on {on} it was moved."),
        DeadlineState::Met => format!("It was due by {due} before, and met on {on}."),
        DeadlineState::MetLate => format!("It was due by {due} before, and met late on {on}."),
        DeadlineState::Ended => format!("It was due by {due} before, and ended on {on}."),
        DeadlineState::Running
        | DeadlineState::Overdue
        | DeadlineState::Window
        | DeadlineState::Undated => return None,
    })
}

fn outcome(deadline: &Deadline) -> String {
    let late = match deadline.late_by_working_days {
        Some(days) => format!("{days} working day(s)"),
        None => format!("{} day(s)", deadline.late_by_days),
    };
    let on = deadline
        .stopped_at
        .map(|at| format!(" on {}", named(local_date(at))))
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

/// One stretch of waiting.
fn waited(wait: &Wait) -> String {
    let from = named(local_date(wait.from));
    let days = wait
        .working_days
        .map_or_else(String::new, |days| format!(", {days} working day(s)"));
    let (on, what) = (&wait.on, wait.what.words());
    match wait.until.map(|until| named(local_date(until))) {
        Some(until) => format!("From {from} to {until} it waited on {on} for {what}{days}."),
        None => format!("Since {from} it waits on {on} for {what}{days} so far."),
    }
}
