//! Copy-forward: the only way to be rid of bytes that were deleted.

use std::path::Path;

use crate::keys::is_sealed;
use crate::{Batch, Error, Store};

/// How much is copied in one batch.
const BATCH_BYTES: usize = 1024 * 1024;

impl Store {
    /// Copies everything that is alive into a new store in `directory`, sealed under a new key file, and returns when
    /// it is durable. Unlink the old directory afterwards, key file first: what had been deleted is then gone, and what
    /// a copy of the old database still holds cannot be opened.
    ///
    /// The caller makes sure that nothing is written meanwhile.
    ///
    /// # Errors
    /// [`Error::InUse`] if there is a store in `directory` that is open, [`Error::Corrupt`] if a value is damaged. Remove
    /// `directory` and try again.
    pub fn copy_to(&self, directory: &Path) -> Result<(), Error> {
        let copy = Self::open(directory, self.config.clone())?;
        let mut batch = Batch::new();
        let mut bytes = 0;
        for entry in self.engine.entries_from(&[], Vec::new()) {
            let (key, value) = entry?;
            let value = self.sealed_for(&copy, &key, value)?;
            bytes += key.len() + value.len();
            batch.put(key, value)?;
            if bytes >= BATCH_BYTES {
                copy.write(std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        copy.commit(batch)?;
        copy.journal().verify().map(|_| ())
    }

    /// The value as the copy must hold it: under its own key file.
    fn sealed_for(&self, copy: &Self, key: &[u8], value: Vec<u8>) -> Result<Vec<u8>, Error> {
        match key.first() {
            Some(&area) if is_sealed(area) => {
                copy.sealer.seal(key, &self.sealer.open_value(key, &value)?)
            }
            _ => Ok(value),
        }
    }
}
