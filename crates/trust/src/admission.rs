//! Admission: which records count as the log.
//!
//! A pure function of the records in their order. It reads a record's bytes only, never where the broker put it, and it never waits
//! for a record: what cannot be admitted now is refused, and counts if it appears again where it fits. So every node that reads the
//! same records gives the same bundles the same index, whatever junk stands between them.
//!
//! [`Admission::admit`] decides without changing anything and then applies the [`Delta`] it found. A node keeps the deltas, and
//! comes back to where it was by [`Admission::apply`] without verifying a signature again; the first `n` of them give the state
//! from which a new generation starts. All state is in memory: 72 bytes for each bundle, about 120 for each case and author.

mod change;
mod excerpt;
mod outcome;
mod witness;

use std::collections::BTreeMap;

use concordat_domain::directory::{self, Directory, History};
use concordat_domain::ids::{CaseId, OrganisationId, Position};
use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, FORMAT, RECORD_BYTES_MAX, Seen, peek_format};
use crate::digest::{BundleHash, EventHash, KeyId, PartnershipId};
use crate::merkle::{Tree, leaf_hash};
use crate::partnership::PartnershipFile;
use crate::signing::PublicKey;

pub use change::{Change, ChangeRuling, ChangeVoid, UnsignedChange, ended_size_in, event_in};
pub use excerpt::{Excerpt, Misplaced, Placed};
pub use outcome::{Admitted, CaseHead, ChainHead, Delta, Fork, Outcome, Refusal};

/// The log as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    partnership: PartnershipId,
    /// Directory versions by number; version `n` is at `n` - 1.
    directories: Vec<PartnershipFile>,
    /// The cuts of all revocations that ever came into force.
    cuts: BTreeMap<OrganisationId, BTreeMap<KeyId, u64>>,
    /// Sizes at which past generations ended; generation `n` is at `n` - 1.
    ended: Vec<u64>,
    tree: Tree,
    chains: BTreeMap<OrganisationId, Chain>,
    /// What judging reads of the directory, at every position.
    history: History,
}

/// What is kept of one organisation's bundles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Chain {
    head: Option<ChainHead>,
    /// Index on the log of each bundle; `seq` `n` is at `n` - 1.
    indices: Vec<u64>,
    /// Size of the longest prefix of the log that one of its bundles truly names.
    covered: u64,
    /// Its last envelope in each case.
    cases: BTreeMap<CaseId, CaseHead>,
}

impl Admission {
    /// The empty log of the partnership whose file this is.
    pub fn new(file: PartnershipFile) -> Self {
        let mut admission = Self {
            history: History::founded(file.directory().clone()),
            partnership: file.id(),
            directories: Vec::new(),
            cuts: BTreeMap::new(),
            ended: Vec::new(),
            tree: Tree::default(),
            chains: BTreeMap::new(),
        };
        admission.bring_into_force(file);
        admission
    }

    /// Rules on one record and takes it in if it counts. Never panics, whatever the bytes.
    pub fn admit(&mut self, record: &[u8]) -> Outcome {
        let outcome = self.rule(record);
        if let Outcome::Admitted(admitted) = &outcome {
            self.apply(&admitted.delta);
        }
        outcome
    }

    /// Takes in what was admitted before. The deltas must come in the order in which they were given out; nothing is verified.
    ///
    /// # Panics
    /// If a delta is not the next one: the caller's store has lost or mixed up records.
    pub fn apply(&mut self, delta: &Delta) {
        assert_eq!(
            delta.index,
            self.size(),
            "deltas are applied in order, none left out"
        );
        self.tree.append(delta.hash.as_bytes());
        let chain = self.chains.entry(delta.organisation.clone()).or_default();
        chain.indices.push(delta.index);
        chain.head = Some(ChainHead {
            seq: delta.seq,
            hash: delta.hash,
            directory_version: delta.directory_version,
        });
        if delta.seen_holds {
            chain.covered = chain.covered.max(delta.seen.size);
        }
        chain.cases.extend(delta.cases.iter().copied());
        for ruling in &delta.changes {
            self.take_change(delta.index, ruling);
        }
    }

    /// Number of admitted bundles: the index of the next.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// What an author that has applied all of it names in its next bundle.
    pub fn seen(&self) -> Seen {
        Seen {
            generation: self.generation(),
            size: self.size(),
            root: self.tree.root(),
        }
    }

    /// The tree over the bundle hashes, for proofs.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The partnership.
    pub fn partnership(&self) -> &PartnershipId {
        &self.partnership
    }

    /// Every directory version that came into force, the partnership file first.
    pub fn directories(&self) -> impl Iterator<Item = &PartnershipFile> {
        self.directories.iter()
    }

    /// Number of the generation of the log.
    pub fn generation(&self) -> u64 {
        self.ended.len() as u64 + 1
    }

    /// Number of the directory version in force.
    pub fn directory_version(&self) -> u64 {
        self.directories.len() as u64
    }

    /// The directory version in force.
    pub fn directory(&self) -> &PartnershipFile {
        self.directories
            .last()
            .expect("version 1 is there from the start")
    }

    /// The directory as judging reads it, with what is recorded in it, at every position of the log.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The directory with which the envelopes of a bundle are judged.
    pub fn judging_directory(&self, bundle: u64) -> &Directory {
        self.history.at(bundle)
    }

    /// A directory version by its number.
    pub fn directory_at(&self, version: u64) -> Option<&PartnershipFile> {
        self.directories
            .get(usize::try_from(version.checked_sub(1)?).ok()?)
    }

    /// An organisation's last bundle.
    pub fn chain_head(&self, organisation: &OrganisationId) -> Option<ChainHead> {
        self.chains.get(organisation)?.head
    }

    /// An organisation's last envelope in a case.
    pub fn case_head(&self, organisation: &OrganisationId, case: &CaseId) -> Option<CaseHead> {
        self.chains.get(organisation)?.cases.get(case).copied()
    }

    /// Index on the log of an organisation's bundle `seq`.
    pub fn index_of(&self, organisation: &OrganisationId, seq: u64) -> Option<u64> {
        self.chains
            .get(organisation)?
            .indices
            .get(usize::try_from(seq.checked_sub(1)?).ok()?)
            .copied()
    }

    /// Index of an organisation's last bundle among the first `size` of the log.
    pub fn last_index_before(&self, organisation: &OrganisationId, size: u64) -> Option<u64> {
        let indices = &self.chains.get(organisation)?.indices;
        let below = indices.partition_point(|index| *index < size);
        indices.get(below.checked_sub(1)?).copied()
    }

    /// The order of these checks is part of the format: it decides which reason a record is quarantined with.
    fn rule(&self, record: &[u8]) -> Outcome {
        if let Some(outcome) = self.rule_on_format(record) {
            return outcome;
        }
        let bundle = match Bundle::parse(record) {
            Ok(bundle) => bundle,
            Err(malformed) => return Outcome::Refused(Refusal::Malformed(malformed)),
        };
        let place = &bundle.header().place;
        if place.partnership != self.partnership {
            return Outcome::Refused(Refusal::OtherPartnership);
        }
        if let Some(index) = self.index_of(&place.organisation, place.seq)
            && self.tree.leaf(index) == Some(leaf_hash(bundle.hash().as_bytes()))
        {
            return Outcome::AlreadyAdmitted { index, bundle };
        }
        if let Err(refusal) = self.check_author(&bundle) {
            return Outcome::Refused(refusal);
        }
        if let Some(index) = self.index_of(&place.organisation, place.seq) {
            return Outcome::Fork(Fork {
                index,
                rival: bundle,
            });
        }
        match self.check_chains(&bundle) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(cases) => Outcome::Admitted(Box::new(self.admitted(bundle, cases))),
        }
    }

    /// A format that this code does not read: a reason to stop if the partnership permits it, otherwise to refuse.
    fn rule_on_format(&self, record: &[u8]) -> Option<Outcome> {
        if record.len() > RECORD_BYTES_MAX {
            return None;
        }
        let format = peek_format(record).filter(|format| *format != FORMAT)?;
        let permitted = self.directory().content().formats.contains(&format);
        Some(if permitted {
            Outcome::UnknownFormat { format }
        } else {
            Outcome::Refused(Refusal::FormatNotPermitted)
        })
    }

    /// Directory version, format, key, signature.
    fn check_author(&self, bundle: &Bundle) -> Result<(), Refusal> {
        let place = &bundle.header().place;
        let head = self.chain_head(&place.organisation);
        let directory = self
            .directory_at(place.directory_version)
            .ok_or(Refusal::DirectoryVersion)?;
        // A rival to an admitted bundle was signed earlier in the chain, under the version of that time.
        let extends = head.is_none_or(|head| place.seq > head.seq);
        if extends && head.is_some_and(|head| place.directory_version < head.directory_version) {
            return Err(Refusal::DirectoryVersion);
        }
        if !directory.content().formats.contains(&FORMAT) {
            return Err(Refusal::FormatNotPermitted);
        }
        let key = self
            .permitted_key(directory, bundle)
            .ok_or(Refusal::KeyNotPermitted)?;
        if self.is_cut(&place.organisation, &bundle.header().key_id, place.seq) {
            return Err(Refusal::KeyRevoked);
        }
        bundle.verify(key).map_err(|_| Refusal::Signature)
    }

    fn permitted_key<'a>(
        &self,
        directory: &'a PartnershipFile,
        bundle: &Bundle,
    ) -> Option<&'a PublicKey> {
        directory.signing_key(bundle.organisation(), &bundle.header().key_id)
    }

    /// Whether a revocation in force says that this key no longer counts at this `seq`.
    fn is_cut(&self, organisation: &OrganisationId, key: &KeyId, seq: u64) -> bool {
        let cut = self.cuts.get(organisation).and_then(|keys| keys.get(key));
        cut.is_some_and(|cut| seq >= *cut)
    }

    /// The author's chain of bundles, and its chain in each case; gives back the new heads of the latter.
    fn check_chains(&self, bundle: &Bundle) -> Result<BTreeMap<CaseId, CaseHead>, Refusal> {
        let place = &bundle.header().place;
        let (last, prev) = self
            .chain_head(&place.organisation)
            .map_or((0, BundleHash::ZERO), |head| (head.seq, head.hash));
        if place.seq != last + 1 {
            return Err(Refusal::Seq { next: last + 1 });
        }
        if place.prev != prev {
            return Err(Refusal::Prev);
        }
        let mut heads = BTreeMap::new();
        for (envelope, at) in bundle.envelopes().iter().zip(0..) {
            let Some(link) = envelope.header().class.link() else {
                continue;
            };
            let known = heads
                .get(&link.case)
                .copied()
                .or_else(|| self.case_head(&place.organisation, &link.case));
            let (last, prev) =
                known.map_or((0, EventHash::ZERO), |head: CaseHead| (head.seq, head.hash));
            if link.seq != last + 1 || link.prev != prev {
                return Err(Refusal::CaseChain { envelope: at });
            }
            heads.insert(
                link.case,
                CaseHead {
                    seq: link.seq,
                    hash: envelope.hash(),
                },
            );
        }
        Ok(heads)
    }

    fn admitted(&self, bundle: Bundle, cases: BTreeMap<CaseId, CaseHead>) -> Admitted {
        let place = &bundle.header().place;
        let seen_holds = self.seen_holds(&place.organisation, &place.seen);
        let changes = if seen_holds {
            self.rule_on_changes(&bundle)
        } else {
            Vec::new()
        };
        let delta = Delta {
            index: self.size(),
            organisation: place.organisation.clone(),
            seq: place.seq,
            hash: bundle.hash(),
            directory_version: place.directory_version,
            seen: place.seen,
            seen_holds,
            cases: cases.into_iter().collect(),
            changes,
        };
        Admitted { delta, bundle }
    }

    /// Whether what an author claims to have seen is a prefix of this log.
    fn seen_holds(&self, organisation: &OrganisationId, seen: &Seen) -> bool {
        // A size above the tree's has no root here, so `seen.size` is at most this bundle's own index.
        self.seen_fits(organisation, seen) && self.tree.root_at(seen.size) == Some(seen.root)
    }

    /// Whether it fits its generation and what the author had seen before.
    fn seen_fits(&self, organisation: &OrganisationId, seen: &Seen) -> bool {
        let in_its_generation = match seen.generation.cmp(&self.generation()) {
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => self
                .ended_at(seen.generation)
                .is_some_and(|ended| seen.size <= ended),
        };
        let before = self
            .chains
            .get(organisation)
            .map_or(0, |chain| chain.covered);
        in_its_generation && seen.size >= before
    }

    fn ended_at(&self, generation: u64) -> Option<u64> {
        self.ended
            .get(usize::try_from(generation.checked_sub(1)?).ok()?)
            .copied()
    }

    fn bring_into_force(&mut self, file: PartnershipFile) {
        for member in &file.content().organisations {
            let cuts = self.cuts.entry(member.id.clone()).or_default();
            for revoked in &member.revoked_keys {
                let cut = cuts.entry(revoked.key_id).or_insert(revoked.cut);
                *cut = revoked.cut.min(*cut);
            }
        }
        self.directories.push(file);
    }

    fn enact(&mut self, bundle: u64, envelope: u32, change: directory::Change) {
        self.history.enact(Position { bundle, envelope }, change);
    }
}

#[cfg(test)]
mod tests;
