//! What all parties of a case know about its keys: lines, versions, who holds which, offers, invitations, exposures.
//! Never the keys themselves. Every holder of `process` computes the same.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::ids::{OrganisationId, Position};
use serde::{Deserialize, Serialize};

use crate::compartment::Compartment;
use crate::digest::{Commitment, EventHash};
use crate::key_record::EventReference;
use crate::lines::{Alias, Line};

/// One key line of a case and its versions (wire.md 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// What is sealed under it.
    pub line: Line,
    /// Its versions by number, from 1.
    pub versions: BTreeMap<u32, Version>,
}

impl KeyLine {
    /// The class of data sealed under this line.
    #[must_use]
    pub fn compartment(&self) -> Compartment {
        self.line.compartment
    }

    /// Number and facts of the newest version.
    #[must_use]
    pub fn newest(&self) -> Option<(u32, &Version)> {
        self.versions
            .iter()
            .next_back()
            .map(|(number, version)| (*number, version))
    }
}

/// One version of a key line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Commitment to the key: every recipient checks its copy against it.
    pub commitment: Commitment,
    /// The envelope that made it.
    pub created_by: EventReference,
    /// Organisations that hold the key on an effective basis.
    pub holders: BTreeSet<OrganisationId>,
    /// Holders that have lost the right to what is sealed from now on.
    pub stale_for: BTreeSet<OrganisationId>,
    /// Index of the bundle that superseded it or made it stale: nobody who has seen that bundle seals under it.
    pub closed_at: Option<u64>,
}

/// A fresh key of one organisation for the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferFact {
    /// The envelope that carries it.
    pub reference: EventReference,
    /// X-Wing encapsulation key.
    pub public_key: Vec<u8>,
}

/// A grant or part that should not have been: shown to all parties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// Where it stands.
    pub position: Position,
    /// Who put it there.
    pub author: OrganisationId,
    /// Who can read through it without a right to.
    pub recipients: BTreeSet<OrganisationId>,
    /// Aliases of the lines concerned.
    pub lines: BTreeSet<Alias>,
    /// What it is.
    pub kind: ExposureKind,
}

/// What an exposure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExposureKind {
    /// Keys were wrapped to an organisation without an effective basis.
    VoidGrant,
    /// A part was sealed, before its author could know, under a version that someone holds who has lost access.
    SealedUnderStaleVersion,
}

/// The key facts of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// Lines by alias.
    pub lines: BTreeMap<Alias, KeyLine>,
    /// Latest offer of each organisation.
    pub offers: BTreeMap<OrganisationId, OfferFact>,
    /// Organisations invited, with the event that adds each.
    pub invited: BTreeMap<OrganisationId, EventReference>,
    /// What should not have been.
    pub exposures: Vec<Exposure>,
    /// Versions whose creation was void: (alias, number, author, bundle index). What their author sealed under them
    /// before it could know can be opened by nobody.
    pub stillborn: BTreeSet<(Alias, u32, OrganisationId, u64)>,
    /// The effective events by their hash: what a grant may name as its basis.
    pub effective: BTreeSet<EventHash>,
    /// The event that opened the case.
    pub opening: Option<EventReference>,
    /// For each organisation the last effective event that gave it access.
    pub bases: BTreeMap<OrganisationId, EventReference>,
}

impl KeyState {
    /// Alias of the case-wide line of `compartment`.
    #[must_use]
    pub fn alias_of(&self, compartment: Compartment) -> Option<Alias> {
        self.lines
            .iter()
            .find(|(_, line)| line.line == Line::of(compartment))
            .map(|(alias, _)| *alias)
    }

    /// The event that opened the case: what an offer of the receiver refers to, since nobody invited it.
    #[must_use]
    pub fn effective_opening(&self) -> Option<EventReference> {
        self.opening.clone()
    }

    /// The event on which a grant to `organisation` rests.
    #[must_use]
    pub fn basis_for(&self, organisation: &OrganisationId) -> Option<EventReference> {
        self.bases
            .get(organisation)
            .or(self.opening.as_ref())
            .cloned()
    }

    /// The version (alias, number), if it is effective here.
    #[must_use]
    pub fn version(&self, alias: Alias, number: u32) -> Option<&Version> {
        self.lines.get(&alias)?.versions.get(&number)
    }

    /// Versions of `line` that `organisation` does not hold.
    pub fn lacking<'a>(
        &'a self,
        organisation: &'a OrganisationId,
        alias: Alias,
    ) -> impl Iterator<Item = (u32, &'a Version)> {
        self.lines
            .get(&alias)
            .into_iter()
            .flat_map(|line| line.versions.iter())
            .filter(move |(_, version)| !version.holders.contains(organisation))
            .map(|(number, version)| (*number, version))
    }

    /// Adds the next version of a line. The former one is closed from `bundle` on.
    ///
    /// Returns `false`, and changes nothing, if `number` is not the next one of a known line.
    pub(super) fn add_version(
        &mut self,
        alias: Alias,
        number: u32,
        version: Version,
        bundle: u64,
    ) -> bool {
        let Some(line) = self.lines.get_mut(&alias) else {
            return false;
        };
        let Some((last, _)) = line.newest() else {
            return false;
        };
        if number != last + 1 {
            return false;
        }
        for former in line.versions.values_mut() {
            former.closed_at.get_or_insert(bundle);
        }
        line.versions.insert(number, version);
        true
    }

    /// Makes every version of a line that `organisation` holds stale from `bundle` on.
    pub(super) fn make_stale(&mut self, alias: Alias, organisation: &OrganisationId, bundle: u64) {
        let Some(line) = self.lines.get_mut(&alias) else {
            return;
        };
        for version in line
            .versions
            .values_mut()
            .filter(|version| version.holders.contains(organisation))
        {
            if version.stale_for.insert(organisation.clone()) {
                version.closed_at.get_or_insert(bundle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use concordat_domain::ids::EventId;

    use super::*;

    const HEALTH: Alias = Alias(7);

    fn organisation(code: &str) -> OrganisationId {
        code.parse().expect("a well-formed code")
    }

    fn version(holder: &OrganisationId) -> Version {
        Version {
            commitment: Commitment([0; 32]),
            created_by: EventReference {
                organisation: holder.clone(),
                event_id: EventId([0; 16]),
                hash: EventHash::ZERO,
            },
            holders: [holder.clone()].into(),
            stale_for: BTreeSet::new(),
            closed_at: None,
        }
    }

    fn state(holder: &OrganisationId) -> KeyState {
        let line = KeyLine {
            line: Line::of(Compartment::Health),
            versions: [(1, version(holder))].into(),
        };
        KeyState {
            lines: [(HEALTH, line)].into(),
            ..KeyState::default()
        }
    }

    #[test]
    fn a_new_version_closes_the_former_ones_and_numbers_have_no_gaps() {
        let trust = organisation("ods:ZT1");
        let mut keys = state(&trust);
        assert!(
            !keys.add_version(HEALTH, 3, version(&trust), 4),
            "number 2 is next"
        );
        assert!(keys.add_version(HEALTH, 2, version(&trust), 5));
        assert!(
            !keys.add_version(HEALTH, 2, version(&trust), 6),
            "taken: the first one counts"
        );
        assert_eq!(
            keys.version(HEALTH, 1).and_then(|former| former.closed_at),
            Some(5)
        );
        assert_eq!(
            keys.version(HEALTH, 2).and_then(|newest| newest.closed_at),
            None
        );
    }

    #[test]
    fn losing_access_closes_what_was_held_and_nothing_else() {
        let (trust, council) = (organisation("ods:ZT1"), organisation("gss:E06999901"));
        let mut keys = state(&trust);
        keys.make_stale(HEALTH, &council, 9);
        assert_eq!(
            keys.version(HEALTH, 1).and_then(|held| held.closed_at),
            None,
            "the council holds none"
        );
        keys.make_stale(HEALTH, &trust, 9);
        assert_eq!(
            keys.version(HEALTH, 1).and_then(|held| held.closed_at),
            Some(9)
        );
    }
}
