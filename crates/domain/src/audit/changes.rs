//! What is not the same at two points of a case.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::Case;
use crate::timetable::{Deadline, DeadlineId, DeadlineState};

/// Facts that are compared otherwise or that differ after every event: deadlines by their timetables, and what counts events.
const APART: [&str; 5] = [
    "effective",
    "ledger",
    "published_approaching",
    "published_missed",
    "trail",
];

/// The shared state of a case as paths and values, such as `roles.keeper` and `"ods:RXW"`. What the digest covers, deadlines apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(BTreeMap<String, String>);

/// One path whose value is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Where it is.
    pub path: String,
    /// Its value before, as JSON; none if it was not there.
    pub before: Option<String>,
    /// Its value after, as JSON; none if it is not there.
    pub after: Option<String>,
}

impl Shown {
    /// What a case shows; nothing, if there is none.
    #[must_use]
    pub fn of(case: Option<&Case>) -> Self {
        let mut shown = BTreeMap::new();
        let facts = case.map(|case| {
            serde_json::to_value(&case.facts)
                .expect("facts have text keys only, so they always serialise")
        });
        if let Some(Value::Object(facts)) = facts {
            for (name, value) in facts {
                if !APART.contains(&name.as_str()) {
                    flatten(name, value, &mut shown);
                }
            }
        }
        Self(shown)
    }

    /// What is not the same in `after`, by path.
    #[must_use]
    pub fn changes_to(&self, after: &Self) -> Vec<FieldChange> {
        let mut paths: Vec<&String> = self.0.keys().chain(after.0.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        let changed = paths
            .into_iter()
            .filter(|path| self.0.get(*path) != after.0.get(*path));
        changed
            .map(|path| FieldChange {
                path: path.clone(),
                before: self.0.get(path).cloned(),
                after: after.0.get(path).cloned(),
            })
            .collect()
    }
}

/// Objects are gone into; lists are one value, since their places mean nothing. What is absent, null or empty is left out, so that a set
/// that gets its first element shows that element and not a set that was empty before.
fn flatten(path: String, value: Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(format!("{path}.{name}"), value, into);
            }
        }
        Value::Array(values) if values.is_empty() => {}
        leaf @ (Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            into.insert(path, leaf.to_string());
        }
    }
}

/// What became of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineChangeKind {
    /// It began.
    Appeared,
    /// It has another due day, or made way for another occurrence.
    Moved,
    /// It was met.
    Met,
    /// It is no longer owed.
    Ended,
    /// Its due day passed.
    Overdue,
    /// Something else about it: who owes it, or by which rule.
    Otherwise,
    /// It is not there any more.
    Gone,
}

/// One occurrence of a deadline that is not the same. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineChange {
    /// What became of it.
    pub kind: DeadlineChangeKind,
    /// As it was.
    pub before: Option<Deadline>,
    /// As it is.
    pub after: Option<Deadline>,
}

/// The occurrences that differ between two timetables: first those of `before` in their order, then those that are new. That time passed
/// changes nothing by itself: how late something is counts only with its state.
#[must_use]
pub fn deadline_changes(before: &[Deadline], after: &[Deadline]) -> Vec<DeadlineChange> {
    let known: BTreeMap<DeadlineId, &Deadline> = before.iter().map(|one| (one.id, one)).collect();
    let now: BTreeMap<DeadlineId, &Deadline> = after.iter().map(|one| (one.id, one)).collect();
    let mut changes = Vec::new();
    for old in before {
        let new = now.get(&old.id).copied();
        if let Some(kind) = kind_of(old, new) {
            changes.push(DeadlineChange {
                kind,
                before: Some(old.clone()),
                after: new.cloned(),
            });
        }
    }
    let new = after.iter().filter(|one| !known.contains_key(&one.id));
    changes.extend(new.map(|one| DeadlineChange {
        kind: DeadlineChangeKind::Appeared,
        before: None,
        after: Some(one.clone()),
    }));
    changes
}

fn kind_of(old: &Deadline, new: Option<&Deadline>) -> Option<DeadlineChangeKind> {
    use DeadlineChangeKind as Kind;
    let Some(new) = new else {
        return Some(Kind::Gone);
    };
    if old.state != new.state {
        return Some(match new.state {
            DeadlineState::Met | DeadlineState::MetLate => Kind::Met,
            DeadlineState::Moved => Kind::Moved,
            DeadlineState::Ended => Kind::Ended,
            DeadlineState::Overdue => Kind::Overdue,
            DeadlineState::Running | DeadlineState::Window | DeadlineState::Undated => {
                Kind::Otherwise
            }
        });
    }
    if old.due != new.due {
        return Some(Kind::Moved);
    }
    let rest = |one: &Deadline| {
        (
            one.owed_by.clone(),
            one.owed_to.clone(),
            one.rule.clone(),
            one.source.clone(),
            one.force,
            one.stopped_at,
            one.is_window(),
        )
    };
    (rest(old) != rest(new)).then_some(Kind::Otherwise)
}
