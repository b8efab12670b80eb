//! The file with an organisation's private signing key.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use concordat_trust::signing::{PublicKey, SigningKey};
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::secret_file;

/// Name of the file in a node's data directory. It holds the 32 bytes of the seed (RFC 8032, 5.1.5) and nothing else.
pub(crate) const KEY_FILE: &str = "signing.key";
/// Length of the seed in bytes.
const SEED_BYTES: usize = 32;

/// Draws a fresh key into `directory` and gives its public half. The directory is made if it is not there, for its owner only.
///
/// Refuses a directory that others may use, and one that has a key: an organisation whose old key is gone must have it revoked by the
/// others, so no command may destroy one.
pub(crate) fn create(directory: &Path) -> Result<(PathBuf, PublicKey), Failure> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(seed.as_mut())
        .map_err(|error| anyhow!("the machine gives no randomness: {error}"))?;
    secret_file::make_directory(directory)?;
    let path = directory.join(KEY_FILE);
    secret_file::create(&path, seed.as_ref())?;
    Ok((path, SigningKey::from_seed(&seed).public_key()))
}

/// Reads the key of a data directory.
///
/// # Errors
/// [`Failure::NotFound`], or [`Failure::Precondition`] if others may read it or it is no key.
pub(crate) fn read(directory: &Path) -> Result<SigningKey, Failure> {
    let path = directory.join(KEY_FILE);
    let bytes = secret_file::read(&path)?;
    match <&[u8; SEED_BYTES]>::try_from(bytes.as_slice()) {
        Ok(seed) => Ok(SigningKey::from_seed(seed)),
        Err(_) => Err(Failure::Precondition(format!(
            "{} is no key: it has {} bytes and not {SEED_BYTES}",
            path.display(),
            bytes.len()
        ))),
    }
}
