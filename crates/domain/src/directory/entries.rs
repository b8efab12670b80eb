//! What the directory says of organisations and of the authority that they gave.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::OrganisationId;

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

impl Organisation {
    /// Whether it is gone on that day.
    pub fn is_retired_on(&self, day: Date) -> bool {
        self.retired_on.is_some_and(|on| on <= day)
    }
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

impl Delegation {
    /// Whether it is in force on that day.
    pub fn is_in_force_on(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}
