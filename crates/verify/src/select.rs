//! Which bundles of a log go into a pack, what of each, and with which paths.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_trust::admission::ended_size_in;
use concordat_trust::bundle::Bundle;
use concordat_trust::envelope::{Class, Envelope};
use concordat_trust::merkle::Tree;
use concordat_trust::packed::{Packed, Paths};

/// What a pack takes of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything.
    Whole,
    /// Parts: all envelopes of some cases, every change of the partnership, and some bundles besides, of which only the headers and
    /// event hashes are of interest.
    Parts {
        /// The cases.
        cases: BTreeSet<CaseId>,
        /// An organisation all of whose bundles go in.
        signed_by: Option<OrganisationId>,
        /// Indices of the last bundle of each organisation: they say up to where it knew the log.
        heads: BTreeSet<u64>,
    },
}

impl Selection {
    /// The entry of a bundle in a pack that reaches to the first `size` bundles of `tree`; none if the pack is not about it.
    #[must_use]
    pub fn entry(&self, index: u64, bundle: &Bundle, tree: &Tree, size: u64) -> Option<Packed> {
        let Self::Parts {
            cases,
            signed_by,
            heads,
        } = self
        else {
            return Some(Packed::of(index, bundle, Paths::default(), |_| true));
        };
        let wanted = |envelope: &Envelope| match envelope.header().class {
            Class::Event(link) | Class::Key(link) => cases.contains(&link.case),
            Class::Partnership => true,
        };
        let named = heads.contains(&index) || signed_by.as_ref() == Some(bundle.organisation());
        if !named && !bundle.envelopes().iter().any(wanted) {
            return None;
        }
        Some(Packed::of(
            index,
            bundle,
            paths(index, bundle, tree, size),
            wanted,
        ))
    }
}

/// The paths of a bundle under the head of the first `size` bundles.
fn paths(index: u64, bundle: &Bundle, tree: &Tree, size: u64) -> Paths {
    let seen = bundle.header().place.seen;
    let holds = tree.root_at(seen.size) == Some(seen.root);
    let ended = bundle
        .envelopes()
        .iter()
        .filter(|envelope| envelope.header().class == Class::Partnership)
        .find_map(|envelope| ended_size_in(envelope.part_zero()));
    let from = |old: u64| tree.consistency_proof(old, size);
    Paths {
        inclusion: tree.inclusion_proof(index, size).unwrap_or_default(),
        seen: Some(seen.size)
            .filter(|_| holds)
            .and_then(from)
            .unwrap_or_default(),
        ended: ended.and_then(from).unwrap_or_default(),
    }
}
