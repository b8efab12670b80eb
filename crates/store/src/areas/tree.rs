//! The Merkle tree over the log. `h` level(1) index(8) → hash.

use super::piece;
use crate::keys::{TREE, joined};
use crate::{Batch, Error, Store};

/// Hashes of complete subtrees: level 0 is the leaves, a node at (level, index) covers `2^level` of them.
pub struct Tree<'s>(pub(crate) &'s Store);

impl Tree<'_> {
    /// Puts a node.
    ///
    /// # Errors
    /// None in practice.
    pub fn put(
        &self,
        batch: &mut Batch,
        level: u8,
        index: u64,
        hash: [u8; 32],
    ) -> Result<(), Error> {
        batch.put(key(level, index), hash.to_vec())
    }

    /// A node.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, level: u8, index: u64) -> Result<Option<[u8; 32]>, Error> {
        let key = key(level, index);
        self.0
            .engine
            .get(&key)?
            .map(|hash| piece(&key, &hash, 0))
            .transpose()
    }

    /// Removes a node, when a new generation gives up the log's tail.
    pub fn delete(&self, batch: &mut Batch, level: u8, index: u64) {
        batch.delete(key(level, index));
    }
}

fn key(level: u8, index: u64) -> Vec<u8> {
    joined(TREE, &[&[level], &index.to_be_bytes()])
}
