//! One entry of the node's index, decoded, and how places are written.

use std::fmt;

use concordat_domain::event::EventType;
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_trust::compartment::Compartment;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter::FeedRole;
use crate::views::Cursor;

/// A place in the log as callers see it: 24 hexadecimal digits, whose order is that of the places.
#[must_use]
pub fn position_text(position: Position) -> String {
    format!("{:016x}{:08x}", position.bundle, position.envelope)
}

/// A place in a named feed, outside one opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// Behind an entry of the node's index.
    Entry(Cursor),
    /// Within the snapshot with which a generation begins: behind so many of its cases.
    Snapshot {
        /// The generation.
        generation: u32,
        /// Cases behind which it is; 0 is before the first.
        seen: u64,
    },
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(cursor) => {
                write!(f, "{}{:08x}", position_text(cursor.position), cursor.index)
            }
            Self::Snapshot { generation, seen } => write!(f, "{generation:08x}s{seen:016x}"),
        }
    }
}

/// What an event is matched and counted by, kept with it so that neither needs the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facets {
    pub(crate) event_id: EventId,
    pub(crate) author: OrganisationId,
    pub(crate) event_type: Option<EventType>,
    /// Why it is void, if it is.
    pub(crate) void: Option<String>,
}

/// An entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its number in the index.
    pub(crate) index: u64,
    pub(crate) cursor: Cursor,
    pub(crate) case: CaseId,
    /// What this organisation was to the case.
    pub(crate) roles: Vec<FeedRole>,
    /// When it became visible, by this node's clock; never before the entry in front of it.
    pub(crate) at: Timestamp,
    pub(crate) what: What,
}

impl Entry {
    /// The case that it tells of; none for a test of the way to a subscriber.
    pub(crate) fn of_case(&self) -> Option<CaseId> {
        match self.what {
            What::Event { .. } | What::ContentAvailable { .. } => Some(self.case),
            What::Test { .. } => None,
        }
    }
}

/// What an entry tells.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Event {
        position: Position,
        historical: bool,
        void_of_other: bool,
        facets: Facets,
    },
    ContentAvailable {
        compartment: Compartment,
    },
    /// Made on demand, in one feed alone.
    Test {
        feed_uid: String,
        event_id: EventId,
    },
}
