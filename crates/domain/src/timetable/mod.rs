//! What is owed on a case, by whom, and until when: derived from the ledger at an instant, never stored.

mod compute;
mod deadline;
mod effects;
mod explain;
mod marks;
mod outstanding;
mod person;
mod waiting;

pub(crate) use compute::{due_of, latest_due_of};
pub use compute::{outstanding, timetable};
pub use deadline::{Deadline, DeadlineId, DeadlineState, Explanation};
pub use effects::{DeadlineEffect, EffectKind, effects};
pub use explain::sentences;
pub use marks::{CooperationMark, MarkProof, cooperation_marks};
pub use outstanding::{Outstanding, WhenDue};
pub use person::{PersonDate, PersonDates, dates_for_person};
pub use waiting::{Wait, WaitTotal, WaitedFor, WaitedOn, Waiting, waiting, waiting_of_all};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::case::DeadlineName;

/// All deadlines of a case at an instant, every occurrence in the order in which it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    at: Timestamp,
    deadlines: Vec<Deadline>,
}

impl Timetable {
    /// Every occurrence, earliest first.
    pub fn deadlines(&self) -> &[Deadline] {
        &self.deadlines
    }

    /// The latest occurrence of each name.
    pub fn latest(&self) -> BTreeMap<&DeadlineName, &Deadline> {
        self.deadlines
            .iter()
            .map(|deadline| (&deadline.name, deadline))
            .collect()
    }

    /// The latest occurrence of this name.
    pub fn get(&self, name: &str) -> Option<&Deadline> {
        let name = DeadlineName::from(name);
        self.deadlines
            .iter()
            .rev()
            .find(|deadline| deadline.name == name)
    }

    /// The occurrence with this id.
    pub fn by_id(&self, id: DeadlineId) -> Option<&Deadline> {
        self.deadlines.iter().find(|deadline| deadline.id == id)
    }

    /// Each name ever started with the date of its latest occurrence while that runs or is overdue, else `None`: what the
    /// scenarios expect.
    pub fn dates(&self) -> BTreeMap<String, Option<Date>> {
        let latest = self.latest().into_iter();
        latest
            .map(|(name, deadline)| {
                (
                    name.to_string(),
                    deadline.due.filter(|_| deadline.is_open()),
                )
            })
            .collect()
    }

    /// The flags `overdue:<d>` and `late:<d>`.
    pub fn flags(&self) -> BTreeSet<String> {
        let overdue = self
            .latest()
            .into_values()
            .filter(|deadline| deadline.state == DeadlineState::Overdue);
        let late = self.deadlines.iter().filter(|deadline| deadline.was_late());
        let overdue = overdue.map(|deadline| format!("overdue:{}", deadline.name));
        overdue
            .chain(late.map(|deadline| format!("late:{}", deadline.name)))
            .collect()
    }

    /// What the enforcer may publish as missed at an instant: past due, unmet, no window, not published yet.
    pub fn due_to_miss(&self, at: Timestamp) -> impl Iterator<Item = &Deadline> {
        let owed = self
            .deadlines
            .iter()
            .filter(|deadline| deadline.may_be_missed() && !deadline.missed_published);
        owed.filter(move |deadline| deadline.due_instant.is_some_and(|due| due <= at))
    }

    /// What the enforcer may warn of at an instant: soon due, unmet, no window, not warned of yet.
    pub fn due_to_warn(&self, at: Timestamp) -> impl Iterator<Item = &Deadline> {
        let owed = self
            .deadlines
            .iter()
            .filter(|deadline| deadline.may_be_missed() && !deadline.warning_published);
        owed.filter(move |deadline| {
            deadline.warn_instant.is_some_and(|warn| warn <= at)
                && deadline.due_instant.is_some_and(|due| at < due)
        })
    }

    /// The next instant after the timetable's own at which something is to be warned of or becomes missed.
    pub fn next_instant_of_interest(&self) -> Option<Timestamp> {
        let owed = self
            .deadlines
            .iter()
            .filter(|deadline| deadline.may_be_missed());
        let instants = owed.flat_map(|deadline| {
            let warn = deadline
                .warn_instant
                .filter(|_| !deadline.warning_published);
            let miss = deadline.due_instant.filter(|_| !deadline.missed_published);
            [warn, miss].into_iter().flatten()
        });
        instants.filter(|instant| *instant > self.at).min()
    }
}
