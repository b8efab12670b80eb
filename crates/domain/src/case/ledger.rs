//! The ledger of deadlines: what started, met, ended or moved each, without any date that a calendar computes.
//!
//! Due dates are not stored: they follow from the packs and calendars in force (see `timetable`).

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, OrganisationId};

/// The name of a deadline: the rule, and the body, action or request it is about (`strand:gss:E06000051`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct DeadlineName {
    rule: String,
    subject: Option<String>,
}

impl DeadlineName {
    /// The deadline of this rule about this subject.
    pub fn of(rule: &str, subject: impl fmt::Display) -> Self {
        Self {
            rule: rule.to_owned(),
            subject: Some(subject.to_string()),
        }
    }

    /// The rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The subject, if the rule has one.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

impl From<&str> for DeadlineName {
    fn from(text: &str) -> Self {
        match text.split_once(':') {
            Some((rule, subject)) => Self::of(rule, subject),
            None => Self {
                rule: text.to_owned(),
                subject: None,
            },
        }
    }
}

impl From<String> for DeadlineName {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<DeadlineName> for String {
    fn from(name: DeadlineName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for DeadlineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        self.subject
            .iter()
            .try_for_each(|subject| write!(f, ":{subject}"))
    }
}

/// From where the due date is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Start {
    /// Counted from a trigger day, by the rule or by an interval that the case fixed.
    Counted { from: Date, n: Option<u32> },
    /// The day itself was named.
    Fixed(Date),
}

/// How an occurrence stopped running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// The duty was done.
    Met,
    /// No longer owed, without a verdict.
    Ended,
    /// Replaced by a new occurrence with another date.
    Moved,
}

/// When and by which event an occurrence stopped running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) how: How,
    /// When the act occurred, not when it was recorded.
    pub(crate) at: Timestamp,
    pub(crate) by: EventId,
}

/// One start, restart or move of a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Occurrence {
    pub(crate) name: DeadlineName,
    pub(crate) variant: Option<String>,
    /// Who owed it when it was set; part of its identity.
    pub(crate) owner: OrganisationId,
    /// Whether the duty passes to a new keeper while it runs.
    pub(crate) follows_keeper: bool,
    pub(crate) start: Start,
    pub(crate) set_by: EventId,
    /// When the act occurred that set it, and whose act it was.
    pub(crate) set_at: Timestamp,
    pub(crate) asked_by: OrganisationId,
    pub(crate) ending: Option<Ending>,
}

impl Occurrence {
    /// Whether its duty was done.
    pub(crate) fn is_met(&self) -> bool {
        self.ending.is_some_and(|ending| ending.how == How::Met)
    }
}

/// All occurrences of a case, in the order in which events set them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) occurrences: Vec<Occurrence>,
    /// Acts on deadlines that a rule starts by itself (`late-notice`): there is no stored occurrence to end.
    pub(crate) acts: BTreeMap<DeadlineName, Vec<Ending>>,
}

impl Ledger {
    /// Starts an occurrence; one of the same name that still runs is thereby moved.
    pub(crate) fn start(&mut self, occurrence: Occurrence, at: Timestamp) {
        let moved = Ending {
            how: How::Moved,
            at,
            by: occurrence.set_by,
        };
        self.stop(moved, |name| *name == occurrence.name);
        self.occurrences.push(occurrence);
    }

    /// Stops every running occurrence whose name is chosen; says whether there was one.
    pub(crate) fn stop(&mut self, ending: Ending, chosen: impl Fn(&DeadlineName) -> bool) -> bool {
        let mut stopped = false;
        for occurrence in &mut self.occurrences {
            if occurrence.ending.is_none() && chosen(&occurrence.name) {
                occurrence.ending = Some(ending);
                stopped = true;
            }
        }
        stopped
    }

    /// Stops everything that one body owes under its own name.
    pub(crate) fn stop_owed_by(&mut self, ending: Ending, owner: &OrganisationId) {
        for occurrence in &mut self.occurrences {
            let owed = occurrence.owner == *owner && !occurrence.follows_keeper;
            if occurrence.ending.is_none() && owed {
                occurrence.ending = Some(ending);
            }
        }
    }

    /// What follows from a day that an event named follows from the right day instead.
    pub(crate) fn correct(
        &mut self,
        event: EventId,
        follows: impl Fn(&DeadlineName) -> bool,
        wrong: Date,
        right: Date,
    ) {
        for occurrence in &mut self.occurrences {
            let (Start::Counted { from: day, .. } | Start::Fixed(day)) = &mut occurrence.start;
            if occurrence.set_by == event && *day == wrong && follows(&occurrence.name) {
                *day = right;
            }
        }
    }

    /// Whether an event set a deadline of this rule.
    pub(crate) fn was_set_by(&self, rule: &str, event: EventId) -> bool {
        self.occurrences
            .iter()
            .any(|occurrence| occurrence.set_by == event && occurrence.name.rule() == rule)
    }

    /// An event never set this deadline: what it named says so, now that it is right.
    pub(crate) fn forget(&mut self, name: &DeadlineName, event: EventId) {
        self.occurrences
            .retain(|occurrence| occurrence.set_by != event || occurrence.name != *name);
    }

    /// What one body owes is owed by its successor. What bears the body's name (`strand:<org>`) moves away and runs on, to the same
    /// day, under the name of the successor, so that the successor's acts meet it.
    pub(crate) fn pass_over(&mut self, moved: Ending, from: &OrganisationId, to: &OrganisationId) {
        let mut renamed = Vec::new();
        for occurrence in &mut self.occurrences {
            if occurrence.ending.is_some() || occurrence.owner != *from {
                continue;
            }
            if occurrence.name.subject() == Some(from.as_str()) {
                renamed.push(Occurrence {
                    name: DeadlineName::of(occurrence.name.rule(), to),
                    owner: to.clone(),
                    set_by: moved.by,
                    ..occurrence.clone()
                });
                occurrence.ending = Some(moved);
            } else {
                occurrence.owner = to.clone();
            }
        }
        self.occurrences.extend(renamed);
    }

    /// The running occurrence of this name.
    pub(crate) fn running(&self, name: &DeadlineName) -> Option<&Occurrence> {
        self.occurrences
            .iter()
            .find(|occurrence| occurrence.ending.is_none() && occurrence.name == *name)
    }

    /// The first occurrence of this name.
    pub(crate) fn first(&self, name: &DeadlineName) -> Option<&Occurrence> {
        self.occurrences
            .iter()
            .find(|occurrence| occurrence.name == *name)
    }

    /// The latest occurrence of this name, running or not.
    pub(crate) fn latest(&self, name: &DeadlineName) -> Option<&Occurrence> {
        self.occurrences
            .iter()
            .rev()
            .find(|occurrence| occurrence.name == *name)
    }
}
