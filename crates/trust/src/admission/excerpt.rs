use std::collections::BTreeMap;

use concordat_domain::directory::Directory;
use concordat_domain::ids::{CaseId, OrganisationId};

use super::{Admission, CaseHead, Chain, ChainHead, Refusal};
use crate::digest::{BundleHash, EventHash, Hash};
use crate::envelope::Class;
use crate::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use crate::packed::Packed;
use crate::partnership::PartnershipFile;

/// Admission as far as it can be followed when only some bundles of a log are at hand, each with its place proven by paths.
///
/// What it cannot know: that no bundle was left out. Author by author and case by case it sees gaps between what is at hand; of what
/// came after the last, it sees nothing.
#[derive(Debug, Clone)]
pub struct Excerpt {
    admission: Admission,
    size: u64,
    root: Hash,
    next: u64,
}

/// What a bundle of an excerpt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Whether what its author claims to have seen is a prefix of this log.
    pub seen_holds: bool,
    /// Whether the author's bundle before it is at hand as well.
    pub follows: bool,
}

/// Why a bundle of an excerpt does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// As for a record of a whole log.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its index is not above that of the one before it, or not below the size of the log.
    #[error("bundles are not in the order of the log")]
    Order,
    /// Its audit path does not lead to the head.
    #[error("audit path does not lead to the head")]
    NotIncluded,
}

impl Excerpt {
    /// Nothing of the log of the partnership whose file this is; the log has `size` bundles under `root`.
    #[must_use]
    pub fn new(file: PartnershipFile, size: u64, root: Hash) -> Self {
        Self {
            admission: Admission::new(file),
            size,
            root,
            next: 0,
        }
    }

    /// Takes in the next bundle, in the order of the log.
    ///
    /// # Errors
    /// [`Misplaced`]: it counts for nothing and changes nothing.
    pub fn place(&mut self, packed: &Packed) -> Result<Placed, Misplaced> {
        let place = &packed.header.place;
        if packed.index < self.next || packed.index >= self.size {
            return Err(Misplaced::Order);
        }
        if place.partnership != self.admission.partnership {
            return Err(Refusal::OtherPartnership.into());
        }
        self.check_author(packed)?;
        let follows = self.check_chain(packed)?;
        let cases = self.check_cases(packed)?;
        let leaf = leaf_hash(packed.hash().as_bytes());
        let path = &packed.paths.inclusion;
        if !verify_inclusion(&leaf, packed.index, self.size, path, &self.root) {
            return Err(Misplaced::NotIncluded);
        }
        let seen_holds = self.seen_holds(packed);
        self.take(packed, seen_holds, cases);
        Ok(Placed {
            seen_holds,
            follows,
        })
    }

    /// The directory with which the envelopes of a bundle are judged.
    #[must_use]
    pub fn judging_directory(&self, bundle: u64) -> &Directory {
        self.admission.judging_directory(bundle)
    }

    /// The directory version in force after what was taken in.
    #[must_use]
    pub fn directory(&self) -> &PartnershipFile {
        self.admission.directory()
    }

    /// Every directory version that came into force, the partnership file first.
    pub fn directories(&self) -> impl Iterator<Item = &PartnershipFile> {
        self.admission.directories.iter()
    }

    /// An organisation's last bundle that is at hand.
    #[must_use]
    pub fn chain_head(&self, organisation: &OrganisationId) -> Option<ChainHead> {
        self.admission.chain_head(organisation)
    }

    /// Number of bundles, from the first on, that are witnessed if `author` wrote them, as far as what is at hand shows.
    #[must_use]
    pub fn witnessed_size(&self, author: &OrganisationId) -> u64 {
        self.admission.witnessed_size(author)
    }

    fn check_author(&self, packed: &Packed) -> Result<(), Refusal> {
        let place = &packed.header.place;
        let head = self.admission.chain_head(&place.organisation);
        let directory = self
            .admission
            .directory_at(place.directory_version)
            .ok_or(Refusal::DirectoryVersion)?;
        if head.is_some_and(|head| place.directory_version < head.directory_version) {
            return Err(Refusal::DirectoryVersion);
        }
        if !directory.content().formats.contains(&crate::bundle::FORMAT) {
            return Err(Refusal::FormatNotPermitted);
        }
        let key = directory
            .signing_key(&place.organisation, &packed.header.key_id)
            .ok_or(Refusal::KeyNotPermitted)?;
        if self
            .admission
            .is_cut(&place.organisation, &packed.header.key_id, place.seq)
        {
            return Err(Refusal::KeyRevoked);
        }
        let body = &packed.header_bytes;
        key.verify(
            crate::pae::PayloadType::BundleHeader,
            body,
            &packed.signature,
        )
        .map_err(|_| Refusal::Signature)
    }

    /// Says whether the bundle before is at hand; if it is, the two have to be chained.
    fn check_chain(&self, packed: &Packed) -> Result<bool, Refusal> {
        let place = &packed.header.place;
        let head = self.admission.chain_head(&place.organisation);
        let (last, prev) = head.map_or((0, BundleHash::ZERO), |head| (head.seq, head.hash));
        if place.seq <= last {
            return Err(Refusal::Seq { next: last + 1 });
        }
        let follows = place.seq == last + 1;
        if follows && place.prev != prev {
            return Err(Refusal::Prev);
        }
        Ok(follows)
    }

    /// Of each case that the pack is about all envelopes are here, so they have to be chained without gaps.
    fn check_cases(&self, packed: &Packed) -> Result<BTreeMap<CaseId, CaseHead>, Refusal> {
        let mut heads: BTreeMap<CaseId, CaseHead> = BTreeMap::new();
        for (at, carried) in (0..).zip(&packed.envelopes) {
            let Some(envelope) = carried.envelope() else {
                continue;
            };
            let Some(link) = envelope.header().class.link() else {
                continue;
            };
            let author = &packed.header.place.organisation;
            let known = heads
                .get(&link.case)
                .copied()
                .or_else(|| self.admission.case_head(author, &link.case));
            let (last, prev) = known.map_or((0, EventHash::ZERO), |head| (head.seq, head.hash));
            if link.seq != last + 1 || link.prev != prev {
                return Err(Refusal::CaseChain { envelope: at });
            }
            let head = CaseHead {
                seq: link.seq,
                hash: envelope.hash(),
            };
            heads.insert(link.case, head);
        }
        Ok(heads)
    }

    fn seen_holds(&self, packed: &Packed) -> bool {
        let place = &packed.header.place;
        let seen = &place.seen;
        seen.size <= packed.index
            && self.admission.seen_fits(&place.organisation, seen)
            && verify_consistency(
                seen.size,
                self.size,
                &packed.paths.seen,
                &seen.root,
                &self.root,
            )
    }

    fn take(&mut self, packed: &Packed, seen_holds: bool, cases: BTreeMap<CaseId, CaseHead>) {
        let place = &packed.header.place;
        let changes = if seen_holds {
            let envelopes = (0..).zip(&packed.envelopes);
            let changes = envelopes
                .filter_map(|(place, carried)| Some((place, carried.envelope()?)))
                .filter(|(_, envelope)| envelope.header().class == Class::Partnership);
            let of = (&place.organisation, place.claimed_time);
            let proven = (self.size, self.root, &packed.paths.ended[..]);
            self.admission.rule_on_envelopes(changes, of, Some(proven))
        } else {
            Vec::new()
        };
        let chain: &mut Chain = self
            .admission
            .chains
            .entry(place.organisation.clone())
            .or_default();
        chain.head = Some(ChainHead {
            seq: place.seq,
            hash: packed.hash(),
            directory_version: place.directory_version,
        });
        if seen_holds {
            chain.covered = chain.covered.max(place.seen.size);
        }
        chain.cases.extend(cases);
        for ruling in &changes {
            self.admission.take_change(packed.index, ruling);
        }
        self.next = packed.index + 1;
    }
}
