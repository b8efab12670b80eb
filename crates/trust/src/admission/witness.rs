use concordat_domain::ids::OrganisationId;

use super::Admission;
use crate::digest::BundleHash;
use crate::hash::{labelled, sha256};

/// How many other organisations have to cover a bundle: with two, no single one besides its author can take it back.
const WITNESSES: usize = 2;

impl Admission {
    /// Whether the bundle at `index` is covered by the bundles of two other organisations, or of the only other one. A partnership
    /// of one has nobody to witness, so all of its bundles count as witnessed.
    pub fn witnessed(&self, index: u64) -> bool {
        self.author_of(index)
            .is_some_and(|author| index < self.witnessed_size(author))
    }

    /// Number of bundles, from the first on, that are witnessed if `author` wrote them.
    pub fn witnessed_size(&self, author: &OrganisationId) -> u64 {
        let others = self
            .directory()
            .signers()
            .filter(|signer| *signer != author);
        let mut covered: Vec<u64> = others.map(|signer| self.covered(signer)).collect();
        covered.sort_unstable_by(|one, other| other.cmp(one));
        match covered.len().min(WITNESSES) {
            0 => self.size(),
            needed => covered[needed - 1],
        }
    }

    /// Size of the longest prefix of the log that one of the organisation's bundles truly names.
    pub fn covered(&self, organisation: &OrganisationId) -> u64 {
        self.chains
            .get(organisation)
            .map_or(0, |chain| chain.covered)
    }

    /// Who wrote the bundle at `index`.
    pub fn author_of(&self, index: u64) -> Option<&OrganisationId> {
        self.chains
            .iter()
            .find(|(_, chain)| chain.indices.binary_search(&index).is_ok())
            .map(|(author, _)| author)
    }

    /// In which order the other organisations cover a bundle that nobody has covered in time: by the hash of bundle and
    /// organisation, so that the work is spread and all nodes agree whose turn it is.
    pub fn head_order(&self, author: &OrganisationId, bundle: &BundleHash) -> Vec<&OrganisationId> {
        let mut order: Vec<_> = self
            .directory()
            .signers()
            .filter(|signer| *signer != author)
            .collect();
        order.sort_by_key(|signer| {
            sha256(&labelled(
                "concordat/v1/head-order",
                &[bundle.as_bytes(), signer.as_str().as_bytes()],
            ))
        });
        order
    }
}
