//! Where each envelope of each case stands in the file of the pack, and what its bundle says: kept small, as a log may have millions.

use std::collections::BTreeMap;

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use jiff::Timestamp;

/// What judging needs to know of a bundle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BundleFacts {
    pub(crate) index: u64,
    author: u32,
    claimed_ms: i64,
    pub(crate) seen_size: u64,
    pub(crate) seen_holds: bool,
}

/// Where an envelope stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EnvelopeAt {
    bundle: u32,
    place: u16,
    length: u32,
    pub(crate) offset: u64,
}

/// The envelopes of all cases.
#[derive(Debug, Default)]
pub(crate) struct Index {
    authors: Vec<OrganisationId>,
    bundles: Vec<BundleFacts>,
    cases: BTreeMap<CaseId, Vec<EnvelopeAt>>,
}

impl Index {
    /// Notes a bundle; the envelopes that follow are its.
    pub(crate) fn bundle(
        &mut self,
        index: u64,
        author: &OrganisationId,
        claimed: Timestamp,
        (seen_size, seen_holds): (u64, bool),
    ) {
        let known = self.authors.iter().position(|one| one == author);
        let author = known.unwrap_or_else(|| {
            self.authors.push(author.clone());
            self.authors.len() - 1
        });
        self.bundles.push(BundleFacts {
            index,
            author: u32::try_from(author).unwrap_or(u32::MAX),
            claimed_ms: claimed.as_millisecond(),
            seen_size,
            seen_holds,
        });
    }

    /// Notes an envelope of the last bundle.
    pub(crate) fn envelope(&mut self, case: CaseId, place: usize, offset: u64, length: usize) {
        let at = EnvelopeAt {
            bundle: u32::try_from(self.bundles.len().saturating_sub(1)).unwrap_or(u32::MAX),
            place: u16::try_from(place).unwrap_or(u16::MAX),
            length: u32::try_from(length).unwrap_or(u32::MAX),
            offset,
        };
        self.cases.entry(case).or_default().push(at);
    }

    pub(crate) fn bundles(&self) -> impl Iterator<Item = (&BundleFacts, &OrganisationId)> {
        self.bundles
            .iter()
            .map(|bundle| (bundle, &self.authors[bundle.author as usize]))
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = (CaseId, &[EnvelopeAt])> {
        self.cases
            .iter()
            .map(|(case, envelopes)| (*case, envelopes.as_slice()))
    }

    pub(crate) fn cases_count(&self) -> u64 {
        self.cases.len() as u64
    }

    pub(crate) fn bundle_of(&self, at: &EnvelopeAt) -> (&BundleFacts, &OrganisationId) {
        let bundle = &self.bundles[at.bundle as usize];
        (bundle, &self.authors[bundle.author as usize])
    }
}

impl BundleFacts {
    /// The author's clock when it signed.
    pub(crate) fn claimed(&self) -> Timestamp {
        Timestamp::from_millisecond(self.claimed_ms).expect("it was made from a timestamp")
    }
}

impl EnvelopeAt {
    /// Its place in its bundle.
    pub(crate) fn place(&self) -> u32 {
        u32::from(self.place)
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length as usize
    }

    /// Its position, given its bundle.
    pub(crate) fn position(&self, bundle: &BundleFacts) -> Position {
        Position {
            bundle: bundle.index,
            envelope: self.place(),
        }
    }
}
