//! The directory: organisations, their posts, and the authority they have given.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::OrganisationId;

/// Organisations and delegations in force at a position of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Listing", into = "Listing")]
pub struct Directory {
    organisations: BTreeMap<OrganisationId, Organisation>,
    delegations: BTreeMap<(OrganisationId, String), Delegation>,
}

impl Directory {
    /// A directory of these organisations and delegations; a later entry with the same id replaces an earlier one.
    pub fn new(
        organisations: impl IntoIterator<Item = Organisation>,
        delegations: impl IntoIterator<Item = Delegation>,
    ) -> Self {
        Self {
            organisations: organisations
                .into_iter()
                .map(|entry| (entry.id.clone(), entry))
                .collect(),
            delegations: delegations
                .into_iter()
                .map(|entry| ((entry.org.clone(), entry.id.clone()), entry))
                .collect(),
        }
    }

    /// The organisation with this id, if it is registered.
    pub fn organisation(&self, id: &OrganisationId) -> Option<&Organisation> {
        self.organisations.get(id)
    }

    /// All organisations, ordered by id.
    pub fn organisations(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.values()
    }

    /// All delegations, ordered by the organisation that gave them.
    pub fn delegations(&self) -> impl Iterator<Item = &Delegation> {
        self.delegations.values()
    }

    /// The delegation that `org` recorded under `reference`, if it is in force on that day.
    pub fn delegation_in_force(
        &self,
        org: &OrganisationId,
        reference: &str,
        on: Date,
    ) -> Option<&Delegation> {
        self.delegations
            .get(&(org.clone(), reference.to_owned()))
            .filter(|delegation| {
                delegation.from <= on && delegation.until.is_none_or(|until| on <= until)
            })
    }
}

/// A registered organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its code.
    pub id: OrganisationId,
    /// Its name, for people.
    pub name: String,
    /// What kind of body it is: `nhs-trust`, `icb`, `gp`, `council`, `provider`, `ijb`, `health-board`, `police`, `other`.
    pub kind: String,
    /// The calendar by which its working days are counted (`EW`, `SCT`, `NI`).
    pub calendar: String,
    /// How it takes part: `node`, `proxied-by` or `contact-only`.
    #[serde(default)]
    pub participation: String,
    /// The node that records for it, if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<OrganisationId>,
    /// The post of the responsible person (E-02).
    pub responsible_person: String,
    /// The post of the complaints manager (E-02).
    pub complaints_manager: String,
    /// How to reach its complaints team.
    #[serde(default)]
    pub contact: String,
    /// Other posts by their function, such as `chair`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub posts: BTreeMap<String, String>,
    /// The councils or NHS commissioners whose services it provides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commissioned_by: Vec<OrganisationId>,
    /// The day from which it no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_on: Option<Date>,
}

/// Authority that an organisation gave to a post, its own or another body's (reg 4(2)–(4)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Its reference, unique in the organisation.
    pub id: String,
    /// The organisation that gave it.
    pub org: OrganisationId,
    /// What for: `sign`, `responsible-person`, `approve-action` …
    pub function: String,
    /// The post that may act.
    pub post: String,
    /// The organisation of that post.
    pub to_org: OrganisationId,
    /// First day in force.
    pub from: Date,
    /// Last day in force, if it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Who gave it.
    #[serde(default)]
    pub authorised_by: String,
}

/// The shape of a directory file.
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
            organisations: directory.organisations.into_values().collect(),
            delegations: directory.delegations.into_values().collect(),
        }
    }
}
