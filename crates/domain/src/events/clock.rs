//! What the keeper's enforcer publishes: notes that change nothing, since the timetable follows from the dates (B7).

use jiff::Timestamp;
use jiff::civil::Date;

use super::read::fields;
use super::row::{EventRules, Scene, Who, row};
use crate::case::{Change, DeadlineName, From};
use crate::judge::Reason;
use crate::timetable::{Deadline, Timetable, timetable};

/// The occurrence that a name and a due day mean.
fn occurrence<'t>(table: &'t Timetable, name: &str, due: Date) -> Option<&'t Deadline> {
    let name = DeadlineName::from(name);
    table
        .deadlines()
        .iter()
        .rev()
        .find(|deadline| deadline.name == name && deadline.due == Some(due))
}

/// The occurrence, if it may still be missed; its instants are the rules'.
fn owed<'t>(table: &'t Timetable, name: &str, due: Date) -> Result<&'t Deadline, Reason> {
    occurrence(table, name, due)
        .filter(|deadline| deadline.may_be_missed())
        .ok_or(Reason::NotDue)
}

/// The timetable at the time that the enforcer claims.
fn at_claimed_time(scene: &Scene<'_>) -> (Timestamp, Timetable) {
    let claimed = scene.event.recorded_at;
    (claimed, timetable(scene.case, claimed, scene.rules))
}

/// The id under which a publication is remembered.
fn remembered(change: &Change<'_>, name: &str, due: Date) -> Option<String> {
    let table = timetable(change.case, change.event.recorded_at, change.rules);
    occurrence(&table, name, due).map(|deadline| deadline.id.to_string())
}

fields! {
    /// A deadline is near.
    DeadlineApproaching { must deadline: String, must due: Date, may in_days: u32 }
}

impl EventRules for DeadlineApproaching {
    row! { DeadlineApproaching {
        who: [Who::Clock],
        from: [From::Any],
        reasons: [Reason::NotDue, Reason::AlreadyDecided],
        summary: "A deadline is near; a note to all parties that changes nothing.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let (claimed, table) = at_claimed_time(scene);
        let deadline = owed(&table, &self.deadline, self.due)?;
        let near = deadline.warn_instant.is_some_and(|warn| warn <= claimed);
        let over = deadline.due_instant.is_some_and(|due| due <= claimed);
        match (near && !over, deadline.warning_published) {
            (false, _) => Err(Reason::NotDue),
            (true, true) => Err(Reason::AlreadyDecided),
            (true, false) => Ok(()),
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let id = remembered(change, &self.deadline, self.due);
        change.case.facts.published_approaching.extend(id);
    }
}

fields! {
    /// A deadline was not met at this position.
    DeadlineMissed { must deadline: String, must due: Date, may occurrence: String, may waited_on: String }
}

impl EventRules for DeadlineMissed {
    row! { DeadlineMissed {
        who: [Who::Clock],
        from: [From::Any],
        reasons: [Reason::NotDue, Reason::AlreadyDecided],
        summary: "A deadline was not known to be met here; published once for each occurrence.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let (claimed, table) = at_claimed_time(scene);
        let deadline = owed(&table, &self.deadline, self.due)?;
        let over = deadline.due_instant.is_some_and(|due| due <= claimed);
        match (over, deadline.missed_published) {
            (false, _) => Err(Reason::NotDue),
            (true, true) => Err(Reason::AlreadyDecided),
            (true, false) => Ok(()),
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let id = remembered(change, &self.deadline, self.due);
        change.case.facts.published_missed.extend(id);
    }
}
