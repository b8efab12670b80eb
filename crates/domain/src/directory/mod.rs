//! The directory: organisations, their posts, the authority they have given, and all else that is recorded outside cases.
//!
//! A [`Directory`] is what holds at one position of the log; a [`History`] holds all of them, each sharing with the one before what did
//! not change. It begins with the partnership file and changes by its later versions and by the events of section B8 of the domain
//! brief, which [`judge_directory`] rules on by the directory alone.

mod body_deadlines;
mod calendars;
mod entries;
mod event;
mod history;
mod judge;
mod periods;
mod register;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, OrganisationId, PackId};
use jiff::civil::Date;

pub use body_deadlines::{BodyDeadline, BodyDeadlineState, body_deadlines};
pub use calendars::{CalendarVersion, Closure, WorkingDays, in_turn};
pub use entries::{Delegation, Organisation};
pub use event::{DirectoryEvent, Standing};
pub use history::{Change, History};
pub use judge::{adoptable, enter_directory, judge_directory};
pub use periods::Period;
pub use register::{Entry, Recorded, Register};

use calendars::CalendarBook;
pub(crate) use register::Recordable;

/// What is recorded outside cases, as it holds at a position of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Listing", into = "Listing")]
pub struct Directory {
    organisations: RedBlackTreeMapSync<OrganisationId, Organisation>,
    delegations: RedBlackTreeMapSync<(OrganisationId, String), Delegation>,
    calendars: CalendarBook,
    register: Register,
    /// Ids of the events that made it so. Those of the steward stand under no organisation.
    events: RedBlackTreeMapSync<(Option<OrganisationId>, EventId), ()>,
}

impl Directory {
    /// A directory of these organisations and delegations; a later entry with the same id replaces an earlier one.
    pub fn new(
        organisations: impl IntoIterator<Item = Organisation>,
        delegations: impl IntoIterator<Item = Delegation>,
    ) -> Self {
        let mut directory = Self::default();
        for organisation in organisations {
            directory.put_organisation(organisation);
        }
        for delegation in delegations {
            directory.put_delegation(delegation);
        }
        directory
    }

    /// The organisation with this id, if it is registered. A retired one stays registered: what it did is still its own.
    pub fn organisation(&self, id: &OrganisationId) -> Option<&Organisation> {
        self.organisations.get(id)
    }

    /// All organisations, ordered by id.
    pub fn organisations(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.values()
    }

    /// The node that records for this body, if it has none of its own (domain brief, B *proxy*).
    pub fn proxy_of(&self, body: &OrganisationId) -> Option<&OrganisationId> {
        self.organisation(body)?.proxy.as_ref()
    }

    /// The bodies for which this organisation records.
    pub fn recorded_for_by<'d>(
        &'d self,
        proxy: &'d OrganisationId,
    ) -> impl Iterator<Item = &'d OrganisationId> {
        let proxied = self
            .organisations()
            .filter(move |organisation| organisation.proxy.as_ref() == Some(proxy));
        proxied.map(|organisation| &organisation.id)
    }

    /// All delegations, ordered by the organisation that gave them.
    pub fn delegations(&self) -> impl Iterator<Item = &Delegation> {
        self.delegations.values()
    }

    /// The delegation that `org` recorded under `reference`, whether in force or not.
    pub fn delegation(&self, org: &OrganisationId, reference: &str) -> Option<&Delegation> {
        self.delegations.get(&(org.clone(), reference.to_owned()))
    }

    /// The delegation that `org` recorded under `reference`, if it is in force on that day.
    pub fn delegation_in_force(
        &self,
        org: &OrganisationId,
        reference: &str,
        on: Date,
    ) -> Option<&Delegation> {
        self.delegation(org, reference)
            .filter(|delegation| delegation.is_in_force_on(on))
    }

    /// Whether `org` has adopted this pack with effect on that day (`policy-adopted`).
    pub fn has_adopted(&self, org: &OrganisationId, pack: &PackId, on: Date) -> bool {
        let mut adoptions = self.register.adoptions();
        adoptions.any(|entry| {
            entry.recorded.by == *org && entry.body.pack == *pack && entry.body.from <= on
        })
    }

    /// What bodies recorded of services, agreements, training, publications and the like.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Whether an event of this organisation, or of the steward where none is given, made the directory what it is.
    pub fn has_event(&self, by: Option<&OrganisationId>, id: EventId) -> bool {
        self.events.contains_key(&(by.cloned(), id))
    }

    pub(crate) fn put_organisation(&mut self, organisation: Organisation) {
        self.organisations
            .insert_mut(organisation.id.clone(), organisation);
    }

    pub(crate) fn put_delegation(&mut self, delegation: Delegation) {
        let key = (delegation.org.clone(), delegation.id.clone());
        self.delegations.insert_mut(key, delegation);
    }

    pub(crate) fn calendars_mut(&mut self) -> &mut CalendarBook {
        &mut self.calendars
    }

    pub(crate) fn register_mut(&mut self) -> &mut Register {
        &mut self.register
    }

    fn use_up(&mut self, by: Option<OrganisationId>, id: EventId) {
        self.events.insert_mut((by, id), ());
    }

    /// What a later document of the partnership changes: what it says otherwise than the one before it. What events have said since
    /// stays where the two documents agree.
    fn succeed(&mut self, before: &Self, after: &Self) {
        for gone in before.organisations() {
            if after.organisation(&gone.id).is_none() {
                self.organisations.remove_mut(&gone.id);
            }
        }
        for entry in after.organisations() {
            if before.organisation(&entry.id) != Some(entry) {
                self.put_organisation(entry.clone());
            }
        }
        for gone in before.delegations.keys() {
            if !after.delegations.contains_key(gone) {
                self.delegations.remove_mut(gone);
            }
        }
        for (key, entry) in &after.delegations {
            if before.delegations.get(key) != Some(entry) {
                self.put_delegation(entry.clone());
            }
        }
    }
}

/// The shape of a directory file: what stands in it from the start.
#[derive(Serialize, Deserialize)]
struct Listing {
    organisations: Vec<Organisation>,
    #[serde(default)]
    delegations: Vec<Delegation>,
}

impl From<Listing> for Directory {
    fn from(listing: Listing) -> Self {
        Self::new(listing.organisations, listing.delegations)
    }
}

impl From<Directory> for Listing {
    fn from(directory: Directory) -> Self {
        Self {
            organisations: directory.organisations().cloned().collect(),
            delegations: directory.delegations().cloned().collect(),
        }
    }
}
