//! Quarantine: records that were not admitted, bounded. `q` arrival number(8) → reason length(2), reason, record.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::piece;
use crate::frame::corrupt;
use crate::keys::{QUARANTINE, numbered};
use crate::{Batch, Error, Store};

/// What was kept aside, with its reason, for a person to look at. The oldest gives way when a limit of
/// [`StoreConfig`](crate::StoreConfig) is reached: a flood of junk costs bounded space.
pub struct Quarantine<'s>(pub(crate) &'s Store);

impl<'s> Quarantine<'s> {
    /// Adds a record; what has to give way goes with the same batch. Gives its arrival number.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn add(&self, batch: &mut Batch, reason: &str, record: &[u8]) -> Result<u64, Error> {
        let reason = reason.get(..usize::from(u16::MAX)).unwrap_or(reason);
        let length = u16::try_from(reason.len()).map_err(|_| Error::TooLarge {
            bytes: reason.len(),
            bytes_max: usize::from(u16::MAX),
        })?;
        let value = [&length.to_be_bytes(), reason.as_bytes(), record].concat();
        let number = self.0.quarantine_next.fetch_add(1, Ordering::SeqCst);
        batch.quarantined.push((number, value.len()));
        batch.add(numbered(QUARANTINE, number), value)?;
        Ok(number)
    }

    /// What is kept, oldest first: (arrival number, reason, record).
    pub fn all(&self) -> impl Iterator<Item = Result<(u64, String, Vec<u8>), Error>> + use<'s> {
        self.0.numbered_from(QUARANTINE, 0).map(|entry| {
            let (number, value) = entry?;
            let end = 2 + usize::from(u16::from_be_bytes(piece(&[QUARANTINE], &value, 0)?));
            let damaged = || corrupt(&[QUARANTINE], "its reason is damaged");
            let (head, record) = value.split_at_checked(end).ok_or_else(damaged)?;
            let reason = std::str::from_utf8(&head[2..]).map_err(|_| damaged())?;
            Ok((number, reason.to_owned(), record.to_vec()))
        })
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.0
            .quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Learns at opening what is kept.
    pub(crate) fn load(&self) -> Result<(), Error> {
        let mut kept = self
            .0
            .quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for entry in self.0.numbered_from(QUARANTINE, 0) {
            let (number, value) = entry?;
            kept.insert(number, value.len());
        }
        Ok(())
    }
}
