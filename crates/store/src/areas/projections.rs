//! Projections: state derived from the journal. `p` case id(16) → bytes, sealed.

use super::{CaseId, piece};
use crate::keys::{PROJECTIONS, joined};
use crate::{Batch, Error, Store};

/// One opaque state a case. Sealed, because what happens in a case is confidential even without its content.
pub struct Projections<'s>(pub(crate) &'s Store);

impl<'s> Projections<'s> {
    /// Puts or replaces the state of a case.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Randomness`].
    pub fn put(&self, batch: &mut Batch, case: &CaseId, state: &[u8]) -> Result<(), Error> {
        self.0
            .put_sealed(batch, joined(PROJECTIONS, &[case]), state)
    }

    /// The state of a case.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged: rebuild it.
    pub fn get(&self, case: &CaseId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .0
            .get_sealed(&joined(PROJECTIONS, &[case]))?
            .map(|state| state.to_vec()))
    }

    /// Removes the state of a case.
    pub fn delete(&self, batch: &mut Batch, case: &CaseId) {
        batch.delete(joined(PROJECTIONS, &[case]));
    }

    /// The states of all cases above `after`, in the order of case ids.
    pub fn from(
        &self,
        after: Option<&CaseId>,
    ) -> impl Iterator<Item = Result<(CaseId, Vec<u8>), Error>> + use<'s> {
        let store = self.0;
        let first = after.map_or(vec![PROJECTIONS], |after| {
            joined(PROJECTIONS, &[after, &[1]])
        });
        self.0
            .engine
            .entries_from(&[PROJECTIONS], first)
            .map(|entry| {
                let (key, sealed) = entry?;
                Ok((
                    piece(&key, &key, 1)?,
                    store.sealer.open_value(&key, &sealed)?.to_vec(),
                ))
            })
    }
}
