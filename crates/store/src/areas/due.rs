//! What lies ahead of each case: what it owes when. `t` case id(16) → bytes, sealed.

use super::{CaseId, piece};
use crate::keys::{DUE, joined};
use crate::{Batch, Error, Store};

/// One opaque record a case, derived like its projection and written with it, and much smaller: a start reads these and no
/// projections. Sealed, because what a case owes says what happens in it.
pub struct Due<'s>(pub(crate) &'s Store);

impl<'s> Due<'s> {
    /// Puts or replaces what lies ahead of a case.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Randomness`].
    pub fn put(&self, batch: &mut Batch, case: &CaseId, ahead: &[u8]) -> Result<(), Error> {
        self.0.put_sealed(batch, joined(DUE, &[case]), ahead)
    }

    /// What lies ahead of a case.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged: rebuild it.
    pub fn get(&self, case: &CaseId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .0
            .get_sealed(&joined(DUE, &[case]))?
            .map(|ahead| ahead.to_vec()))
    }

    /// Removes what lies ahead of a case.
    pub fn delete(&self, batch: &mut Batch, case: &CaseId) {
        batch.delete(joined(DUE, &[case]));
    }

    /// What lies ahead of all cases, in the order of case ids.
    pub fn all(&self) -> impl Iterator<Item = Result<(CaseId, Vec<u8>), Error>> + use<'s> {
        let store = self.0;
        store.engine.entries_from(&[DUE], vec![DUE]).map(|entry| {
            let (key, sealed) = entry?;
            let ahead = store.sealer.open_value(&key, &sealed)?;
            Ok((piece(&key, &key, 1)?, ahead.to_vec()))
        })
    }
}
