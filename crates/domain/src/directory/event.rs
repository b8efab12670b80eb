//! One event of the directory as judging sees it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calendar;
use crate::event::EventType;
use crate::fields::Fields;
use crate::ids::{EventId, OrganisationId};
use jiff::civil::Date;

/// In whose name an event of the directory is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// One organisation's, for itself.
    Own,
    /// The partnership's: as many organisations as its directory asks for have signed it.
    Steward,
}

/// One event that is tied to no case (domain brief, B8). It may still be incomplete: judging names the first field missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryEvent {
    /// Chosen by the emitter; unique per organisation, and among the steward's.
    pub id: EventId,
    /// The organisation whose node put it on the log.
    pub author: OrganisationId,
    /// The body for which `author` records as its proxy.
    pub on_behalf_of: Option<OrganisationId>,
    /// In whose name.
    pub standing: Standing,
    /// What happened.
    pub event_type: EventType,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The claimed time of its bundle.
    pub recorded_at: Timestamp,
    /// Its fields.
    pub fields: Fields,
    /// The names of the content fields that are set; only of an event that never leaves its node.
    pub filled: BTreeSet<String>,
}

impl DirectoryEvent {
    /// The organisation whose act this is: the body a proxy records for, else the author.
    pub fn actor(&self) -> &OrganisationId {
        self.on_behalf_of.as_ref().unwrap_or(&self.author)
    }

    /// The local day on which it happened.
    pub fn day(&self) -> Date {
        calendar::local_date(self.occurred_at)
    }

    /// Under whose name its id is unique: the author's; nobody's if it is the steward's.
    pub(super) fn id_owner(&self) -> Option<&OrganisationId> {
        match self.standing {
            Standing::Own => Some(&self.author),
            Standing::Steward => None,
        }
    }
}
