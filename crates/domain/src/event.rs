//! One event as judging sees it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::events::{EventBody, EventType, UnknownEventType};
use crate::fields::Fields;
use crate::ids::{CaseId, EventId, OrganisationId, PackId, Position};

/// One event, `process` only. It may still be incomplete: judging parses its fields and names the first one missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Chosen by the emitter; unique per organisation.
    pub id: EventId,
    /// The case it belongs to.
    pub case: CaseId,
    /// The organisation whose node signed the envelope.
    pub author: OrganisationId,
    /// The body for which `author` records as its proxy; the event counts as that body's in every rule.
    pub on_behalf_of: Option<OrganisationId>,
    /// What happened.
    pub event_type: EventType,
    /// When it happened: drives the deadlines.
    pub occurred_at: Timestamp,
    /// The claimed time of its bundle, from the author's clock: drives audit and what the enforcer may publish.
    pub recorded_at: Timestamp,
    /// The lead epoch in which the author believed to act, if it named one.
    pub lead_epoch: Option<u32>,
    /// What the author had seen when the draft was accepted.
    pub basis: CaseVersion,
    /// Set by an emitter that wants the event void if another organisation acted since.
    pub expected: Option<CaseVersion>,
    /// The earlier event of the case that this one corrects.
    pub corrects: Option<EventId>,
    /// The `process` fields.
    pub fields: Fields,
    /// The names of the content fields that are set.
    pub filled: BTreeSet<String>,
    /// The pins of the case; only in its first event.
    pub opening: Option<Opening>,
    /// SHA-256 of the event's content, by which the same id with other content is told from a repetition.
    pub content_digest: [u8; 32],
}

impl Event {
    /// The organisation whose act this is: the body a proxy records for, else the author.
    pub fn actor(&self) -> &OrganisationId {
        self.on_behalf_of.as_ref().unwrap_or(&self.author)
    }
}

/// What a case pins at its first event, so that the same log gives the same rulings for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Version of the judging rules.
    pub rules_version: u32,
    /// Policy packs by name, with the hexadecimal SHA-256 of their text.
    pub packs: BTreeMap<PackId, String>,
    /// Release of the time-zone database.
    pub tz_release: String,
}

/// How much of a case an organisation has seen: never the same number for two organisations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CaseVersion {
    /// Effective events by other organisations.
    pub others: u64,
    /// The organisation's own sequence in the case.
    pub own_seq: u64,
}

/// Where the envelope of an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Its position on the log.
    pub position: Position,
    /// The author's own sequence in this case, counted from 1 over all its envelopes, void ones too.
    pub case_seq: u64,
}
