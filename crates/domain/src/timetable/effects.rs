//! What an event does to a timetable: the difference of two at one instant.

use jiff::civil::Date;

use super::{Deadline, DeadlineId, DeadlineState};
use crate::case::DeadlineName;
use crate::ids::OrganisationId;

/// What becomes of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectKind {
    /// It begins to run.
    Starts,
    /// It has another due day: the occurrence before is replaced.
    Moves,
    /// It was done.
    Met,
    /// It is no longer owed.
    Ends,
}

/// One deadline that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineEffect {
    /// What becomes of it.
    pub kind: EffectKind,
    /// Its occurrence: the new one, where there is one.
    pub id: DeadlineId,
    /// Its name.
    pub name: DeadlineName,
    /// Who owes it.
    pub owed_by: OrganisationId,
    /// The last day in time, after the change.
    pub due: Option<Date>,
    /// The last day in time before it; of [`EffectKind::Moves`] only.
    pub due_before: Option<Date>,
}

/// What differs between the deadlines of a case before and after, in the order in which they began. An occurrence has an id of its own,
/// so a moved deadline is another occurrence of its name.
pub fn effects(before: &[Deadline], after: &[Deadline]) -> Vec<DeadlineEffect> {
    let changed = after.iter().filter_map(|deadline| {
        let known = before.iter().find(|one| one.id == deadline.id);
        let (kind, due_before) = match known {
            None => begun(deadline, before, after)?,
            Some(known) => (stopped(known, deadline, after)?, None),
        };
        Some(DeadlineEffect {
            kind,
            id: deadline.id,
            name: deadline.name.clone(),
            owed_by: deadline.owed_by.clone(),
            due: deadline.due,
            due_before,
        })
    });
    changed.collect()
}

/// An occurrence that was not there: the one that follows on another of its name, or the first. One that the same event stops again is
/// told by how it stopped, if it was owed at all.
fn begun(
    new: &Deadline,
    before: &[Deadline],
    after: &[Deadline],
) -> Option<(EffectKind, Option<Date>)> {
    match new.state {
        DeadlineState::Met | DeadlineState::MetLate => return Some((EffectKind::Met, None)),
        DeadlineState::Moved | DeadlineState::Ended => return None,
        DeadlineState::Running
        | DeadlineState::Overdue
        | DeadlineState::Window
        | DeadlineState::Undated => {}
    }
    let replaced = before.iter().rev().find(|old| {
        old.name == new.name && is_open(old.state) && is_in(after, old.id, DeadlineState::Moved)
    });
    Some(match replaced {
        Some(old) => (EffectKind::Moves, old.due),
        None => (EffectKind::Starts, None),
    })
}

/// How one that was open stopped; nothing if it did not, or if another of its name goes on in its place.
fn stopped(before: &Deadline, after: &Deadline, all: &[Deadline]) -> Option<EffectKind> {
    if !is_open(before.state) {
        return None;
    }
    match after.state {
        DeadlineState::Met | DeadlineState::MetLate => Some(EffectKind::Met),
        DeadlineState::Ended => Some(EffectKind::Ends),
        DeadlineState::Moved => {
            let goes_on = all
                .iter()
                .any(|one| one.name == after.name && is_open(one.state));
            (!goes_on).then_some(EffectKind::Ends)
        }
        DeadlineState::Running
        | DeadlineState::Overdue
        | DeadlineState::Window
        | DeadlineState::Undated => None,
    }
}

fn is_in(all: &[Deadline], id: DeadlineId, state: DeadlineState) -> bool {
    all.iter().any(|one| one.id == id && one.state == state)
}

fn is_open(state: DeadlineState) -> bool {
    match state {
        DeadlineState::Running
        | DeadlineState::Overdue
        | DeadlineState::Window
        | DeadlineState::Undated => true,
        DeadlineState::Met
        | DeadlineState::MetLate
        | DeadlineState::Moved
        | DeadlineState::Ended => false,
    }
}
