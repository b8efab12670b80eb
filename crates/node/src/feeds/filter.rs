//! What is in a feed: a closed set of fields, matched against what was kept with an entry when it became visible.

use std::collections::BTreeSet;

use concordat_domain::event::EventType;
use concordat_domain::ids::CaseId;
use concordat_trust::Hash;
use concordat_trust::hash::sha256;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, What};

/// How a filter by types names the entries that tell of content.
pub const CONTENT_AVAILABLE: &str = "content-available";

/// What this organisation is to a case. Several may hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedRole {
    /// It runs the case.
    Keeper,
    /// It leads, agreed or determined.
    Lead,
    /// It received the complaint.
    Receiver,
    /// It has a part in the case.
    Party,
    /// It was added and has not joined yet.
    Invitee,
    /// It passed the complaint on.
    FormerReceiver,
}

impl FeedRole {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Keeper => "keeper",
            Self::Lead => "lead",
            Self::Receiver => "receiver",
            Self::Party => "party",
            Self::Invitee => "invitee",
            Self::FormerReceiver => "former-receiver",
        }
    }
}

/// What an event says about a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedDeadlineState {
    /// It will be due soon.
    Approaching,
    /// Its due day is over and it was not met.
    Missed,
}

impl FeedDeadlineState {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Approaching => "approaching",
            Self::Missed => "missed",
        }
    }

    fn told_by(self) -> EventType {
        match self {
            Self::Approaching => EventType::DeadlineApproaching,
            Self::Missed => EventType::DeadlineMissed,
        }
    }
}

/// What is in a feed. Each field that is not empty must fit; of a field, one value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedFilter {
    /// Codes of event types, and [`CONTENT_AVAILABLE`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<String>,
    /// Organisations that published the event.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub organisations: BTreeSet<String>,
    /// What this organisation was to the case when the entry became visible.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<FeedRole>,
    /// Cases, hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cases: BTreeSet<String>,
    /// What the event says about a deadline.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deadline_states: BTreeSet<FeedDeadlineState>,
    /// Whether void events of others are in it.
    #[serde(default)]
    pub include_void: bool,
}

impl FeedFilter {
    /// The hash that statements and digests name: SHA-256 of the canonical text, one field a line, values in ascending order.
    #[must_use]
    pub fn hash(&self) -> Hash {
        fn joined<'a>(values: impl Iterator<Item = &'a str>) -> String {
            let mut values: Vec<&str> = values.collect();
            values.sort_unstable();
            values.join(",")
        }
        let text = format!(
            "types={}\norganisations={}\nroles={}\ncases={}\ndeadline-states={}\ninclude-void={}\n",
            joined(self.types.iter().map(String::as_str)),
            joined(self.organisations.iter().map(String::as_str)),
            joined(self.roles.iter().map(|role| role.code())),
            joined(self.cases.iter().map(String::as_str)),
            joined(self.deadline_states.iter().map(|state| state.code())),
            self.include_void
        );
        sha256(text.as_bytes())
    }

    /// Whether an entry is in the feed. `uid` is the feed's own.
    pub(crate) fn matches(&self, entry: &Entry, uid: &str) -> bool {
        match &entry.what {
            What::Test { feed_uid, .. } => feed_uid == uid,
            What::Event {
                void_of_other,
                facets,
                ..
            } => {
                (self.include_void || !void_of_other)
                    && self.fits_case(entry.case, &entry.roles)
                    && fits(&self.types, facets.event_type.map(EventType::code))
                    && fits(&self.organisations, Some(facets.author.as_str()))
                    && self.fits_deadline(facets.event_type, facets.void.is_none())
            }
            What::ContentAvailable { .. } => {
                let other_fields = !self.types.is_empty()
                    || !self.organisations.is_empty()
                    || !self.deadline_states.is_empty();
                (!other_fields || self.types.contains(CONTENT_AVAILABLE))
                    && self.fits_case(entry.case, &entry.roles)
            }
        }
    }

    /// Whether a case is in a snapshot of the feed, this organisation being that to it.
    pub(crate) fn fits_case(&self, case: CaseId, roles: &[FeedRole]) -> bool {
        (self.roles.is_empty() || roles.iter().any(|role| self.roles.contains(role)))
            && (self.cases.is_empty() || self.cases.contains(&case.to_string()))
    }

    fn fits_deadline(&self, event_type: Option<EventType>, effective: bool) -> bool {
        self.deadline_states.is_empty()
            || effective
                && self
                    .deadline_states
                    .iter()
                    .any(|state| Some(state.told_by()) == event_type)
    }
}

fn fits(wanted: &BTreeSet<String>, value: Option<&str>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(value))
}
