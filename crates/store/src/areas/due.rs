//! Due index: what falls due when. `t` instant(8) case id(16) deadline id → nothing.

use super::{CaseId, piece};
use crate::frame::corrupt;
use crate::keys::{DUE, joined};
use crate::{Batch, Error, Store};

/// Deadlines by instant, so that the enforcer reads only what is due.
pub struct Due<'s>(pub(crate) &'s Store);

/// One deadline in the index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueEntry {
    /// When to look at it: milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// Whose deadline.
    pub case: CaseId,
    /// Which deadline of the case; text without a zero byte.
    pub deadline: String,
}

impl Due<'_> {
    /// Adds an entry; one that is there stays.
    ///
    /// # Errors
    /// None in practice.
    pub fn add(&self, batch: &mut Batch, entry: &DueEntry) -> Result<(), Error> {
        batch.put(key(entry), Vec::new())
    }

    /// Removes an entry.
    pub fn remove(&self, batch: &mut Batch, entry: &DueEntry) {
        batch.delete(key(entry));
    }

    /// What is due at or before an instant, earliest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a key is damaged.
    pub fn until(&self, at_ms: i64, limit: usize) -> Result<Vec<DueEntry>, Error> {
        let entries = self
            .0
            .engine
            .keys_from(&[DUE], vec![DUE])
            .map(|key| key.and_then(|key| entry(&key)));
        let not_yet = |entry: &Result<DueEntry, Error>| {
            entry.as_ref().map_or(true, |entry| entry.at_ms <= at_ms)
        };
        entries.take_while(not_yet).take(limit).collect()
    }

    /// The earliest entry, to know how long nothing falls due.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a key is damaged.
    pub fn first(&self) -> Result<Option<DueEntry>, Error> {
        self.0
            .engine
            .keys_from(&[DUE], vec![DUE])
            .next()
            .map(|key| entry(&key?))
            .transpose()
    }
}

/// Signed instants in the order of unsigned bytes: the sign bit is turned.
fn key(entry: &DueEntry) -> Vec<u8> {
    let instant = (entry.at_ms ^ i64::MIN).to_be_bytes();
    joined(DUE, &[&instant, &entry.case, entry.deadline.as_bytes()])
}

fn entry(key: &[u8]) -> Result<DueEntry, Error> {
    let deadline = key
        .get(25..)
        .and_then(|name| std::str::from_utf8(name).ok());
    Ok(DueEntry {
        at_ms: i64::from_be_bytes(piece(key, key, 1)?) ^ i64::MIN,
        case: piece(key, key, 9)?,
        deadline: deadline
            .ok_or_else(|| corrupt(key, "a key is damaged"))?
            .to_owned(),
    })
}
