//! Encryption at rest, under a key in a file beside the database.
//!
//! It protects copies of the database (a backup, a disk that is thrown away, a support bundle), not against someone who
//! can read the node's files: the key lies beside it, for its owner only. Deployments that want more put `store.key` on
//! another volume.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;
use crate::engine::sync_directory;
use crate::frame::corrupt;

pub(crate) const KEY_FILE: &str = "store.key";
const KEY_BYTES: usize = 32;
/// Each value has its own key, derived with a random salt, because a node writes more values than may be encrypted
/// under one AES-GCM key with random nonces (NIST SP 800-38D 8.3: 2^32).
const SALT_BYTES: usize = 20;
const NONCE_BYTES: usize = 12;
const DERIVATION: &[u8] = b"concordat store value v1";

/// Encrypts and opens values, each bound to the key it is stored under.
pub(crate) struct Sealer {
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Sealer {
    /// Reads the key file of `directory`, making one if the directory is `new`.
    pub(crate) fn open(directory: &Path, new: bool) -> Result<Self, Error> {
        let path = directory.join(KEY_FILE);
        if !path.exists() {
            if !new {
                return Err(Error::KeyFile { path });
            }
            create_key_file(&path)?;
            sync_directory(directory)?;
        }
        require_owner_only(&path)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut file = File::open(&path).map_err(Error::at(&path))?;
        let length = file.metadata().map_err(Error::at(&path))?.len();
        if length != KEY_BYTES as u64 {
            return Err(Error::KeyFile { path });
        }
        file.read_exact(key.as_mut()).map_err(Error::at(&path))?;
        Ok(Self { key })
    }

    /// `salt ‖ nonce ‖ ciphertext`, which only opens at `place`.
    pub(crate) fn seal(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = vec![0; SALT_BYTES + NONCE_BYTES];
        getrandom::fill(&mut sealed).map_err(|_| Error::Randomness)?;
        let (salt, nonce) = sealed.split_at(SALT_BYTES);
        let nonce = Nonce::try_from(nonce).expect("cut to a nonce's length");
        let payload = Payload {
            msg: value,
            aad: place,
        };
        let ciphertext = self
            .cipher(salt)
            .encrypt(&nonce, payload)
            .expect("a value is far below AES-GCM's limit");
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// What [`seal`](Self::seal) hid.
    pub(crate) fn open_value(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (head, ciphertext) = sealed
            .split_at_checked(SALT_BYTES + NONCE_BYTES)
            .ok_or_else(|| corrupt(place, "it is too short to be sealed"))?;
        let (salt, nonce) = head.split_at(SALT_BYTES);
        let nonce = Nonce::try_from(nonce).expect("cut to a nonce's length");
        let opened = self.cipher(salt).decrypt(
            &nonce,
            Payload {
                msg: ciphertext,
                aad: place,
            },
        );
        opened
            .map(Zeroizing::new)
            .map_err(|_| corrupt(place, "it was not sealed under this key for this place"))
    }

    fn cipher(&self, salt: &[u8]) -> Aes256Gcm {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Hkdf::<Sha256>::new(Some(salt), self.key.as_ref())
            .expand(DERIVATION, key.as_mut())
            .expect("32 bytes are within HKDF's limit");
        Aes256Gcm::new(&(*key).into())
    }
}

/// Refuses a path that others than its owner may use.
pub(crate) fn require_owner_only(path: &Path) -> Result<(), Error> {
    let mode = std::fs::metadata(path)
        .map_err(Error::at(path))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn create_key_file(path: &Path) -> Result<(), Error> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut()).map_err(|_| Error::Randomness)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::at(path))?;
    // The mode given to `open` passes through the umask, which may only narrow it; say it outright all the same.
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(Error::at(path))?;
    file.write_all(key.as_ref())
        .and_then(|()| file.sync_all())
        .map_err(Error::at(path))
}
