//! The feed: what became visible to this organisation, in order. `n` index(8) → entry, sealed · `u` name → cursor.

use crate::keys::{FEED, FEED_CURSORS, joined, numbered};
use crate::{Batch, Error, Store};

/// Feed entries, numbered by the caller in rising order, and the places of named subscribers. Entries are sealed.
pub struct Feed<'s>(pub(crate) &'s Store);

impl<'s> Feed<'s> {
    /// Appends an entry.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Randomness`].
    pub fn append(&self, batch: &mut Batch, index: u64, entry: &[u8]) -> Result<(), Error> {
        self.0.put_sealed(batch, numbered(FEED, index), entry)
    }

    /// Entries from `first` on, in order.
    pub fn from(
        &self,
        first: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), Error>> + use<'s> {
        self.0.sealed_from(FEED, first)
    }

    /// Number of the last entry; None if there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if its key is damaged.
    pub fn last(&self) -> Result<Option<u64>, Error> {
        self.0.last_number(FEED)
    }

    /// Removes the entries below `index`, at most `limit` of them, and says how many. Again until it is 0.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a key is damaged.
    pub fn drop_before(&self, batch: &mut Batch, index: u64, limit: usize) -> Result<usize, Error> {
        let end = numbered(FEED, index);
        let mut dropped = 0;
        for key in self.0.engine.keys_from(&[FEED], vec![FEED]).take(limit) {
            let key = key?;
            if key >= end {
                break;
            }
            batch.delete(key);
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Sets a subscriber's cursor.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn set_cursor(&self, batch: &mut Batch, name: &str, cursor: &[u8]) -> Result<(), Error> {
        batch.put(joined(FEED_CURSORS, &[name.as_bytes()]), cursor.to_vec())
    }

    /// A subscriber's cursor.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn cursor(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&joined(FEED_CURSORS, &[name.as_bytes()]))
    }

    /// Forgets a subscriber.
    pub fn drop_cursor(&self, batch: &mut Batch, name: &str) {
        batch.delete(joined(FEED_CURSORS, &[name.as_bytes()]));
    }

    /// The named subscribers with their cursors, by name.
    pub fn cursors(&self) -> impl Iterator<Item = Result<(String, Vec<u8>), Error>> + use<'s> {
        let store = self.0;
        store
            .engine
            .keys_from(&[FEED_CURSORS], vec![FEED_CURSORS])
            .map(move |key| {
                let key = key?;
                let name = String::from_utf8_lossy(&key[1..]).into_owned();
                let cursor = store.engine.get(&key)?.unwrap_or_default();
                Ok((name, cursor))
            })
    }
}
