//! Deltas of admission: what each admitted bundle changed. `a` index(8) → bytes.

use crate::keys::{ADMISSION, numbered};
use crate::{Batch, Error, Store};

/// What each bundle of the journal changed in the state of admission, opaque to the store: a start applies these and verifies no
/// signature again. Nothing in them is confidential: headers of bundles say as much.
pub struct Admission<'s>(pub(crate) &'s Store);

impl<'s> Admission<'s> {
    /// Puts the delta of the bundle with `index`.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put(&self, batch: &mut Batch, index: u64, delta: &[u8]) -> Result<(), Error> {
        batch.put(numbered(ADMISSION, index), delta.to_vec())
    }

    /// The delta of the bundle with `index`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, index: u64) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&numbered(ADMISSION, index))
    }

    /// The deltas with their indices, from the first on.
    pub fn all(&self) -> impl Iterator<Item = Result<(u64, Vec<u8>), Error>> + use<'s> {
        self.0.numbered_from(ADMISSION, 0)
    }
}
