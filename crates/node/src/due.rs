//! What is due, over all cases: the question and the answer.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::Deadline;
use jiff::Timestamp;
use jiff::civil::Date;

/// Which deadlines are asked for. Everything that is not said is left open; what is said must all hold.
///
/// Answered from an index over the deadlines that no event has met, ended or moved, of the cases that this organisation has a part in:
/// no case is looked through, and no timetable is computed. What was met or ended is history: ask the case.
#[derive(Debug, Clone, Default)]
pub struct DueQuery {
    /// The instant at which they are read; now, if none is given.
    pub at: Option<Timestamp>,
    /// Only those owed by one of these.
    pub owners: BTreeSet<OrganisationId>,
    /// Only those of cases that this organisation keeps.
    pub keeper: Option<OrganisationId>,
    /// Only those that a person in one of these posts answers for, where the case says who does.
    pub posts: BTreeSet<String>,
    /// Only those of these rules: the name up to the colon, such as `acknowledge` or `strand`.
    pub names: BTreeSet<String>,
    /// Only those that stand so.
    pub states: BTreeSet<DueState>,
    /// Only those due on this day or later.
    pub due_from: Option<Date>,
    /// Only those due on this day or earlier.
    pub due_until: Option<Date>,
    /// Only those due within so many working days of who owes them, today not counted; 0 for those due today.
    pub due_within_working_days: Option<u32>,
    /// Only those counted from a day that is so many working days back or more: with `names` of `complainant-update`, the cases in which
    /// nobody was told anything for so long.
    pub counted_for_working_days: Option<u32>,
    /// Only what comes behind this place.
    pub after: Option<DuePlace>,
    /// At most so many; 0 for the count alone.
    pub max: usize,
}

/// How a deadline that is not done stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DueState {
    /// Its due day is not over.
    Running,
    /// Its due day is over.
    Overdue,
    /// A window that is over and shown still: nobody owes it.
    Expired,
    /// No calendar covers its due day.
    Undated,
}

/// Place of a deadline in the order of due days; what has no due day comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePlace {
    /// The due day; [`Date::MAX`] for none.
    pub due: Date,
    /// The case.
    pub case: CaseId,
    /// Number among the outstanding deadlines of the case.
    pub number: u16,
}

/// Which cases are asked for. Everything that is not said is left open.
#[derive(Debug, Clone, Default)]
pub struct CaseQuery {
    /// The instant at which they are read; now, if none is given.
    pub at: Option<Timestamp>,
    /// Only those in one of these states.
    pub states: BTreeSet<String>,
    /// Only those that this organisation keeps.
    pub keeper: Option<OrganisationId>,
    /// Only those on which something is overdue.
    pub overdue_only: bool,
    /// Only those behind this one, by id.
    pub after: Option<CaseId>,
    /// At most so many.
    pub max: usize,
}

/// One deadline that is due.
#[derive(Debug, Clone)]
pub struct DueDeadline {
    /// Its place.
    pub place: DuePlace,
    /// The organisation that runs the case.
    pub keeper: OrganisationId,
    /// The deadline at the instant asked for, but for the days counted.
    pub deadline: Deadline,
}

/// Some of what is due, in the order of due days.
#[derive(Debug, Clone)]
pub struct DuePage {
    /// The instant at which they were read.
    pub at: Timestamp,
    /// The deadlines.
    pub deadlines: Vec<DueDeadline>,
    /// How many there are in all, on every page.
    pub total: u64,
    /// Whether there are more behind the last.
    pub has_more: bool,
}
