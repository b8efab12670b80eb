//! The append-only tree of RFC 6962 (hashing restated in RFC 9162, 2.1): heads at any size, inclusion and consistency proofs.
//!
//! Two trees are made with it: over the event hashes of a bundle's envelopes, and over the bundle hashes of the log. All nodes of
//! the log's tree are kept in memory: 64 bytes for each bundle, so a million bundles (years of a partnership) take 64 MB.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::Hash;
use crate::hash::sha256;

/// Hash of a leaf: SHA-256(0x00 ‖ data). The prefix keeps a leaf from passing as an inner node.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0])
            .chain_update(data)
            .finalize()
            .into(),
    )
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

/// Head of the tree over `leaves`; of none, SHA-256 of nothing.
pub fn root<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.append(leaf);
    }
    tree.root()
}

/// A node of the tree that spans 2^`level` leaves from `index` · 2^`level` on, and never changes once all of them are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Height above the leaves.
    pub level: u8,
    /// Place among the nodes of its level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// An append-only tree. Serialised as its leaf hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Hash>", into = "Vec<Hash>")]
pub struct Tree {
    /// `levels[k][i]` spans leaves i·2^k to (i+1)·2^k; only complete nodes are kept.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf and gives back the nodes that became complete, the leaf first: what a store needs to keep.
    pub fn append(&mut self, data: &[u8]) -> Vec<Node> {
        self.append_leaf_hash(leaf_hash(data))
    }

    /// Head over all leaves.
    pub fn root(&self) -> Hash {
        self.subtree(0..self.size())
    }

    /// Head over the first `size` leaves, or nothing if there are fewer.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        (size <= self.size()).then(|| self.subtree(0..size))
    }

    /// Hash of leaf `index`.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels
            .first()?
            .get(usize::try_from(index).ok()?)
            .copied()
    }

    /// Audit path of leaf `index` in the tree of the first `size` leaves (RFC 9162, 2.1.3.1), nearest sibling first.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        (index < size && size <= self.size()).then(|| self.path(index, 0..size))
    }

    /// Proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162, 2.1.4.1).
    /// Empty when both are the same or `old` is 0.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old > new || new > self.size() {
            return None;
        }
        if old == 0 || old == new {
            return Some(Vec::new());
        }
        Some(self.subproof(old, 0..new, true))
    }

    fn append_leaf_hash(&mut self, leaf: Hash) -> Vec<Node> {
        let mut completed = Vec::new();
        let mut hash = leaf;
        for level in 0_u8.. {
            let depth = usize::from(level);
            if self.levels.len() == depth {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[depth];
            nodes.push(hash);
            completed.push(Node {
                level,
                index: nodes.len() as u64 - 1,
                hash,
            });
            if nodes.len() % 2 == 1 {
                break;
            }
            hash = node_hash(&nodes[nodes.len() - 2], &hash);
        }
        completed
    }

    fn subtree(&self, range: Range<u64>) -> Hash {
        let size = range.end - range.start;
        if size == 0 {
            return sha256(&[]);
        }
        if size.is_power_of_two() {
            // Ranges are split at the largest power of two, so a full one is always aligned to its size.
            let level = size.trailing_zeros();
            return self.node(level, range.start >> level);
        }
        let middle = range.start + split(size);
        node_hash(
            &self.subtree(range.start..middle),
            &self.subtree(middle..range.end),
        )
    }

    fn node(&self, level: u32, index: u64) -> Hash {
        let index = usize::try_from(index).expect("an index of a node in memory");
        self.levels[level as usize][index]
    }

    fn path(&self, index: u64, range: Range<u64>) -> Vec<Hash> {
        let size = range.end - range.start;
        if size == 1 {
            return Vec::new();
        }
        let middle = range.start + split(size);
        let (near, sibling) = if index < middle {
            (range.start..middle, middle..range.end)
        } else {
            (middle..range.end, range.start..middle)
        };
        let mut path = self.path(index, near);
        path.push(self.subtree(sibling));
        path
    }

    /// SUBPROOF of RFC 9162, 2.1.4.1; `whole` says that the range starts at the old tree's own start.
    fn subproof(&self, old: u64, range: Range<u64>, whole: bool) -> Vec<Hash> {
        let size = range.end - range.start;
        if old == size {
            return if whole {
                Vec::new()
            } else {
                vec![self.subtree(range)]
            };
        }
        let left = split(size);
        let middle = range.start + left;
        if old <= left {
            let mut proof = self.subproof(old, range.start..middle, whole);
            proof.push(self.subtree(middle..range.end));
            proof
        } else {
            let mut proof = self.subproof(old - left, middle..range.end, false);
            proof.push(self.subtree(range.start..middle));
            proof
        }
    }
}

impl From<Vec<Hash>> for Tree {
    fn from(leaves: Vec<Hash>) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.append_leaf_hash(leaf);
        }
        tree
    }
}

impl From<Tree> for Vec<Hash> {
    fn from(mut tree: Tree) -> Self {
        if tree.levels.is_empty() {
            Self::new()
        } else {
            tree.levels.swap_remove(0)
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// Whether `proof` shows that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves with head `root`
/// (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `old` leaves with head `old_root` is a prefix of the tree of `new` leaves with head
/// `new_root` (RFC 9162, 2.1.4.2).
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> bool {
    if old > new {
        return false;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == sha256(&[]);
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut rest = proof.iter();
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // When the old tree is one complete node, its head starts both climbs and is not in the proof.
    let start = if old.is_power_of_two() {
        Some(old_root)
    } else {
        rest.next()
    };
    let Some(start) = start else { return false };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests;
