//! Proofs: that an event stands on the log, and that a log is the beginning of another.

use concordat_domain::ids::{EventId, OrganisationId, Position};
use concordat_trust::envelope::Class;

use super::super::Engine;
use super::super::cases::envelope_of;
use crate::audit::{ConsistencyProof, InclusionProof, SignedEvent, SignedHead, TreePath, Which};
use crate::error::Error;

/// Heads that a proof has at most: with two, no single organisation besides the author can take the event back.
const HEADS_MAX: usize = 2;
/// Bundles looked through for heads. Nodes sign for what they have seen within a minute, so they follow soon; what has no head among so
/// many can be proven at a later size.
const HEADS_WITHIN: u64 = 2000;

impl Engine {
    /// Where an event stands that this organisation may see.
    fn place_to_prove(&self, which: &Which) -> Result<Position, Error> {
        match which {
            Which::Position(position) => {
                let bundle = match position.bundle < self.admission.size() {
                    true => self.bundle_at(position.bundle)?,
                    false => return Err(Error::UnknownEvent),
                };
                if position.envelope as usize >= bundle.envelopes().len() {
                    return Err(Error::UnknownEvent);
                }
                let seen = match envelope_of(&bundle, *position).header().class {
                    Class::Event(link) => {
                        self.shelf.contains(link.case)
                            && self.ruling(link.case, *position)?.is_some()
                    }
                    Class::Partnership => true,
                    Class::Key(_) => false,
                };
                seen.then_some(*position).ok_or(Error::UnknownEvent)
            }
            Which::Event { author, event } => self.place_of_event(author, *event),
        }
    }

    fn place_of_event(&self, author: &OrganisationId, event: EventId) -> Result<Position, Error> {
        let view = self.event_of(author, event)?;
        view.position.ok_or(Error::UnknownEvent)
    }

    /// Proves that an event stands on the log: in its bundle, in the tree of a size, and in the trees that heads of others have signed.
    pub(crate) fn prove_inclusion(
        &self,
        which: &Which,
        size: Option<u64>,
    ) -> Result<InclusionProof, Error> {
        let position = self.place_to_prove(which)?;
        let bundle = self.bundle_at(position.bundle)?;
        let size = size.unwrap_or_else(|| self.admission.size());
        let log = self
            .tree_path(position.bundle, size)
            .ok_or(Error::TreeSize { size })?;
        let mut heads: Vec<SignedHead> = Vec::new();
        let later = position.bundle + 1..self.admission.size();
        for index in later.take(usize::try_from(HEADS_WITHIN).unwrap_or(usize::MAX)) {
            if heads.len() >= HEADS_MAX {
                break;
            }
            let head = self.bundle_at(index)?;
            let signer = head.organisation();
            let seen = head.header().place.seen;
            let counts = signer != bundle.organisation()
                && seen.size > position.bundle
                && !self.split_views.contains(&index)
                && heads.iter().all(|other| other.organisation != *signer);
            if let Some(log) = self
                .tree_path(position.bundle, seen.size)
                .filter(|_| counts)
            {
                heads.push(SignedHead {
                    bundle_header: head.header_bytes().to_vec(),
                    signature: head.signature().to_vec(),
                    organisation: signer.clone(),
                    log,
                });
            }
        }
        Ok(InclusionProof {
            event: SignedEvent::of(&bundle, position),
            position,
            log,
            heads,
        })
    }

    fn tree_path(&self, bundle: u64, size: u64) -> Option<TreePath> {
        let tree = self.admission.tree();
        Some(TreePath {
            size,
            root: tree.root_at(size)?,
            path: tree.inclusion_proof(bundle, size)?,
        })
    }

    /// Proves that the log of `old` bundles is the beginning of that of `new`.
    pub(crate) fn prove_consistency(
        &self,
        old: u64,
        new: Option<u64>,
    ) -> Result<ConsistencyProof, Error> {
        let tree = self.admission.tree();
        let new = new.unwrap_or_else(|| tree.size());
        let proof = || {
            Some(ConsistencyProof {
                old,
                old_root: tree.root_at(old)?,
                new,
                new_root: tree.root_at(new)?,
                path: tree.consistency_proof(old, new)?,
                generation: self.admission.generation(),
            })
        };
        proof().ok_or(Error::TreeSize { size: old.max(new) })
    }
}
