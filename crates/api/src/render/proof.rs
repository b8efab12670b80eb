//! Proofs, and events as they were signed.

use concordat_node::audit::{ConsistencyProof, InclusionProof, SignedEvent, SignedHead, TreePath};
use concordat_proto::v1;
use concordat_trust::digest::Hash;

use super::count;
use crate::opaque;

fn hashes(path: &[Hash]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}

/// An event as it was signed.
pub(crate) fn signed(signed: &SignedEvent) -> v1::SignedEvent {
    v1::SignedEvent {
        bundle_header: signed.bundle_header.clone(),
        signature: signed.signature.clone(),
        envelope: signed.envelope.clone(),
        envelope_index: signed.index,
        bundle_path: hashes(&signed.path),
        bundle_hash: signed.bundle_hash.as_bytes().to_vec(),
        event_hash: signed.event_hash.as_bytes().to_vec(),
    }
}

fn tree_path(path: &TreePath) -> v1::TreePath {
    v1::TreePath {
        tree_size: count(path.size),
        root: path.root.as_bytes().to_vec(),
        path: hashes(&path.path),
    }
}

fn head(head: &SignedHead) -> v1::SignedHead {
    v1::SignedHead {
        bundle_header: head.bundle_header.clone(),
        signature: head.signature.clone(),
        organisation: head.organisation.to_string(),
        log: Some(tree_path(&head.log)),
    }
}

/// That an event stands on the log.
pub(crate) fn inclusion(
    access_record: String,
    proof: &InclusionProof,
) -> v1::GetInclusionProofResponse {
    v1::GetInclusionProofResponse {
        access_record,
        event: Some(signed(&proof.event)),
        position: opaque::position(proof.position),
        bundle_index: count(proof.position.bundle),
        log: Some(tree_path(&proof.log)),
        heads: proof.heads.iter().map(head).collect(),
    }
}

/// That a log is the beginning of another.
pub(crate) fn consistency(
    access_record: String,
    proof: &ConsistencyProof,
) -> v1::GetConsistencyProofResponse {
    v1::GetConsistencyProofResponse {
        access_record,
        old_size: count(proof.old),
        old_root: proof.old_root.as_bytes().to_vec(),
        new_size: count(proof.new),
        new_root: proof.new_root.as_bytes().to_vec(),
        path: hashes(&proof.path),
        generation: count(proof.generation),
    }
}
