//! The journal: every admitted bundle, as received. `j` index(8) → log offset(8), bytes.

use std::sync::PoisonError;

use super::piece;
use crate::batch::Change;
use crate::keys::{JOURNAL, numbered};
use crate::{Batch, Error, Store};

/// The admitted bundles of the partnership, counted from 0 without a gap. The record: never lost, only redacted.
pub struct Journal<'s>(pub(crate) &'s Store);

/// One admitted bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its bundle index.
    pub index: u64,
    /// Where the log had it when it was admitted; 0 if it did not come from the log. A rebuilt log numbers anew.
    pub offset: u64,
    /// The record's bytes as received.
    pub bytes: Vec<u8>,
}

impl<'s> Journal<'s> {
    /// Appends the bundle with `index`, which must be the journal's length plus what the batch appends already; otherwise
    /// writing the batch is refused with [`Error::Gap`].
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn append(
        &self,
        batch: &mut Batch,
        index: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        batch.add(numbered(JOURNAL, index), encode(offset, bytes))?;
        batch.journal.push(index);
        Ok(())
    }

    /// Puts other bytes in the place of a bundle, for erasure (parts dropped) or healing (missing parts that came
    /// again). The old bytes stay on the disk until [`Store::forget_deleted`]. An entry that this batch appends is
    /// replaced in it.
    ///
    /// # Errors
    /// [`Error::Gap`] if there is no such entry.
    pub fn replace(&self, batch: &mut Batch, index: u64, bytes: &[u8]) -> Result<(), Error> {
        let key = numbered(JOURNAL, index);
        if let Some(Change::Add(appended)) = batch.changes.get_mut(&key) {
            let offset = decode(index, std::mem::take(appended))?.offset;
            return batch.add(key, encode(offset, bytes));
        }
        let old = self.get(index)?.ok_or(Error::Gap {
            expected: index,
            found: self.len(),
        })?;
        batch.put(key, encode(old.offset, bytes))
    }

    /// The bundle with `index`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, index: u64) -> Result<Option<JournalRecord>, Error> {
        let key = numbered(JOURNAL, index);
        self.0
            .engine
            .get(&key)?
            .map(|value| decode(index, value))
            .transpose()
    }

    /// The bundles from `first` on, in order.
    pub fn from(&self, first: u64) -> impl Iterator<Item = Result<JournalRecord, Error>> + use<'s> {
        self.0
            .numbered_from(JOURNAL, first)
            .map(|entry| entry.and_then(|(index, value)| decode(index, value)))
    }

    /// How many bundles there are: the index of the next, and the tree size.
    pub fn len(&self) -> u64 {
        *self
            .0
            .journal_length
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the whole journal and counts it.
    ///
    /// # Errors
    /// [`Error::Gap`] or [`Error::Corrupt`] at the first entry that is missing or damaged.
    pub fn verify(&self) -> Result<u64, Error> {
        let mut length = 0;
        for entry in self.0.numbered_from(JOURNAL, 0) {
            let (found, _) = entry?;
            if found != length {
                return Err(Error::Gap {
                    expected: length,
                    found,
                });
            }
            length += 1;
        }
        Ok(length)
    }
}

fn encode(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&offset.to_be_bytes(), bytes].concat()
}

fn decode(index: u64, mut value: Vec<u8>) -> Result<JournalRecord, Error> {
    let offset = u64::from_be_bytes(piece(&[JOURNAL], &value, 0)?);
    value.drain(..8);
    Ok(JournalRecord {
        index,
        offset,
        bytes: value,
    })
}
