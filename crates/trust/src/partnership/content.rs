use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::directory::{self, Directory};
use concordat_domain::ids::{OrganisationId, PackId};
use serde::Deserialize;

use super::BadFile;
use crate::compartment::Compartment;
use crate::digest::{Hash, KeyId};
use crate::signing::PublicKey;

/// What a partnership file says. Unknown keys are refused: a misspelt one must not silently mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Name of the partnership, for people.
    pub name: String,
    /// Numbers of the wire formats that its members may publish in.
    pub formats: BTreeSet<u32>,
    /// Version of the judging rules that new cases pin.
    pub judging_rules: u32,
    /// How many organisations have to sign a change of the partnership.
    pub change_threshold: u32,
    /// The compartments that its cases use.
    pub compartments: BTreeSet<Compartment>,
    /// The organisations.
    pub organisations: Vec<Member>,
    /// Authority that organisations gave to posts.
    #[serde(default)]
    pub delegations: Vec<Delegation>,
    /// The policy packs that new cases may pin.
    #[serde(default)]
    pub policy_packs: Vec<PolicyPackPin>,
    /// The calendars by which working days are counted.
    #[serde(default)]
    pub calendars: Vec<CalendarPin>,
}

/// An organisation of the partnership.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its code, such as `ods:RXW`.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What kind of body it is, such as `nhs-trust`, `icb`, `gp`, `council`, `provider`, `ijb` or `health-board`.
    pub kind: String,
    /// Name of the calendar by which its working days are counted.
    pub calendar: String,
    /// How it takes part: `node`, `proxied-by` or `contact-only`.
    pub participation: String,
    /// The organisation whose node records for it.
    pub proxy: Option<OrganisationId>,
    /// The post of the responsible person.
    pub responsible_person: String,
    /// The post of the complaints manager.
    pub complaints_manager: String,
    /// How to reach its complaints team, for signposting.
    #[serde(default)]
    pub contact: String,
    /// Other posts by their function, such as `chair`.
    #[serde(default)]
    pub posts: BTreeMap<String, String>,
    /// The bodies whose services it provides.
    #[serde(default)]
    pub commissioned_by: Vec<OrganisationId>,
    /// The day from which it no longer exists, as `YYYY-MM-DD`.
    pub retired_on: Option<jiff::civil::Date>,
    /// Ed25519 public keys with which its node may sign, in hexadecimal. Two while one takes the place of the other.
    #[serde(default)]
    pub signing_keys: Vec<PublicKey>,
    /// Keys of which nothing counts from some bundle on.
    #[serde(default)]
    pub revoked_keys: Vec<RevokedKey>,
}

/// The cut of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedKey {
    /// The key.
    pub key_id: KeyId,
    /// The organisation's `seq` from which this key no longer counts, whatever directory version a bundle names.
    pub cut: u64,
}

/// Authority that an organisation gave to a post, its own or another body's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Its reference, unique in the organisation.
    pub id: String,
    /// The organisation that gave it.
    pub org: OrganisationId,
    /// What for.
    pub function: String,
    /// The post that may act.
    pub post: String,
    /// The organisation of that post.
    pub to_org: OrganisationId,
    /// First day in force.
    pub from: jiff::civil::Date,
    /// Last day in force, if it ends.
    pub until: Option<jiff::civil::Date>,
    /// Who gave it.
    #[serde(default)]
    pub authorised_by: String,
}

/// A policy pack, by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPackPin {
    /// Its name, such as `eng-2009`.
    pub id: PackId,
    /// Its SHA-256.
    pub hash: Hash,
}

/// A calendar, by name, version and content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarPin {
    /// Its name, such as `EW`.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Its SHA-256.
    pub hash: Hash,
}

impl Content {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), BadFile> {
        let ids: BTreeSet<_> = self.organisations.iter().map(|member| &member.id).collect();
        let keys: Vec<_> = self
            .organisations
            .iter()
            .flat_map(|member| &member.signing_keys)
            .map(PublicKey::key_id)
            .collect();
        let signers = self
            .organisations
            .iter()
            .filter(|member| !member.signing_keys.is_empty())
            .count();
        let threshold = usize::try_from(self.change_threshold).unwrap_or(usize::MAX);
        let problem = if ids.len() != self.organisations.len() {
            "an organisation is listed twice"
        } else if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            "a signing key is listed twice"
        } else if threshold == 0 || threshold > signers {
            "change_threshold must be at least 1 and at most the number of organisations with signing keys"
        } else if self.formats.is_empty() {
            "formats must name at least one wire format"
        } else if !self.compartments.contains(&Compartment::Process) {
            "compartments must contain process"
        } else if !self.references_are_listed(&ids) {
            "a proxy, commissioner or delegation names an organisation that is not listed"
        } else {
            return Ok(());
        };
        Err(BadFile::Content(problem.to_owned()))
    }

    fn references_are_listed(&self, ids: &BTreeSet<&OrganisationId>) -> bool {
        let of_members = self
            .organisations
            .iter()
            .flat_map(|member| member.proxy.iter().chain(&member.commissioned_by));
        let of_delegations = self
            .delegations
            .iter()
            .flat_map(|delegation| [&delegation.org, &delegation.to_org]);
        of_members.chain(of_delegations).all(|id| ids.contains(id))
    }

    /// The organisations and delegations as judging reads them.
    pub(super) fn directory(&self) -> Directory {
        Directory::new(
            self.organisations
                .iter()
                .cloned()
                .map(directory::Organisation::from),
            self.delegations
                .iter()
                .cloned()
                .map(directory::Delegation::from),
        )
    }
}

impl From<Member> for directory::Organisation {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            name: member.name,
            kind: member.kind,
            calendar: member.calendar,
            participation: member.participation,
            proxy: member.proxy,
            responsible_person: member.responsible_person,
            complaints_manager: member.complaints_manager,
            contact: member.contact,
            posts: member.posts,
            commissioned_by: member.commissioned_by,
            retired_on: member.retired_on,
        }
    }
}

impl From<Delegation> for directory::Delegation {
    fn from(delegation: Delegation) -> Self {
        Self {
            id: delegation.id,
            org: delegation.org,
            function: delegation.function,
            post: delegation.post,
            to_org: delegation.to_org,
            from: delegation.from,
            until: delegation.until,
            authorised_by: delegation.authorised_by,
        }
    }
}
