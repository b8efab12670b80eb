//! The vault: keys and other secrets. `v` name → bytes, sealed.

use zeroize::Zeroizing;

use crate::frame::corrupt;
use crate::keys::{VAULT, joined};
use crate::{Batch, Error, Store};

/// Secrets under names (text without a zero byte). Destroying one for good takes
/// [`Store::forget_deleted`], as deleted bytes stay on the disk for a while.
pub struct Vault<'s>(pub(crate) &'s Store);

impl<'s> Vault<'s> {
    /// Puts or replaces a secret.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Randomness`].
    pub fn put(&self, batch: &mut Batch, name: &str, secret: &[u8]) -> Result<(), Error> {
        self.0.put_sealed(batch, key(name), secret)
    }

    /// A secret.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged or was sealed under another key file.
    pub fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.0.get_sealed(&key(name))
    }

    /// Removes a secret.
    pub fn delete(&self, batch: &mut Batch, name: &str) {
        batch.delete(key(name));
    }

    /// The secrets whose name starts with `prefix`, in the order of names.
    pub fn with_prefix(
        &self,
        prefix: &str,
    ) -> impl Iterator<Item = Result<(String, Zeroizing<Vec<u8>>), Error>> + use<'s> {
        self.from(prefix, prefix)
    }

    /// Those of them whose name is not below `first`, in the order of names.
    pub fn from(
        &self,
        prefix: &str,
        first: &str,
    ) -> impl Iterator<Item = Result<(String, Zeroizing<Vec<u8>>), Error>> + use<'s> {
        let store = self.0;
        let prefix = key(prefix);
        self.0
            .engine
            .entries_from(&prefix, key(first))
            .map(|entry| {
                let (key, sealed) = entry?;
                let name = std::str::from_utf8(&key[1..])
                    .map_err(|_| corrupt(&key, "its name is damaged"))?;
                Ok((name.to_owned(), store.sealer.open_value(&key, &sealed)?))
            })
    }
}

fn key(name: &str) -> Vec<u8> {
    joined(VAULT, &[name.as_bytes()])
}
