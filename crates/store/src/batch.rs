//! What is to be written at once.

use std::collections::BTreeMap;

use crate::Error;
use crate::frame::check_length;

/// Changes that take effect together or not at all. Filled through the areas of a [`Store`](crate::Store), in any
/// order; of several changes to one key, the last counts. Reads do not see a batch before it is written.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) changes: BTreeMap<Vec<u8>, Change>,
    /// Indices appended to the journal, for the check that none is left out.
    pub(crate) journal: Vec<u64>,
    /// Arrival numbers and lengths of what joins the quarantine, for its limits.
    pub(crate) quarantined: Vec<(u64, usize)>,
}

#[derive(Debug)]
pub(crate) enum Change {
    /// A value under a key that is known to be new.
    Add(Vec<u8>),
    /// A value that may replace one.
    Put(Vec<u8>),
    /// No value any more.
    Delete,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether writing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn add(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Error> {
        check_length(&value)?;
        self.changes.insert(key, Change::Add(value));
        Ok(())
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Error> {
        check_length(&value)?;
        self.changes.insert(key, Change::Put(value));
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, Change::Delete);
    }
}
