//! The file with an organisation's private signing key.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concordat_trust::signing::{PublicKey, SigningKey};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Name of the file in a node's data directory. It holds the 32 bytes of the seed (RFC 8032, 5.1.5) and nothing else.
const KEY_FILE: &str = "signing.key";
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
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    require_owner_only(directory)?;
    let path = directory.join(KEY_FILE);
    let mut file = create_new(&path)?;
    if let Err(error) = write(&mut file, seed.as_ref(), directory) {
        // Half a key would only stand in the way of the next attempt.
        let _ = fs::remove_file(&path);
        return Err(anyhow!(error)
            .context(format!("cannot write {}", path.display()))
            .into());
    }
    Ok((path, SigningKey::from_seed(&seed).public_key()))
}

fn require_owner_only(directory: &Path) -> Result<(), Failure> {
    let metadata =
        fs::metadata(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::Precondition(format!(
        "{} has mode {mode:04o}: others than its owner may use it; give it mode 0700, or name another",
        directory.display()
    )))
}

/// Makes the file, and only if there is none: the test and the making are one step, so two commands at once cannot both succeed.
fn create_new(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Precondition(
            format!("{} is there already and is not overwritten", path.display()),
        )),
        Err(error) => Err(anyhow!(error)
            .context(format!("cannot make {}", path.display()))
            .into()),
    }
}

fn write(file: &mut File, seed: &[u8], directory: &Path) -> io::Result<()> {
    // The mode given when opening passes through the umask; say it outright.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(seed)?;
    file.sync_all()?;
    // Without this the name of the file may be lost in a crash after its content was synced.
    File::open(directory)?.sync_all()
}
