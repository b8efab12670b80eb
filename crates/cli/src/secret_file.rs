//! Files that only their owner may use: made so, and refused otherwise.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, anyhow};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Longest secret that is read: keys, seeds, tokens and passwords are far shorter, and a wrong path must not fill the memory.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Makes a directory for its owner only, if it is not there.
///
/// # Errors
/// [`Failure::Precondition`] for one that others may use.
pub(crate) fn make_directory(directory: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    require_owner_only_directory(directory)
}

/// Sees that nobody but its owner may use a directory.
///
/// # Errors
/// [`Failure::NotFound`], or [`Failure::Precondition`] for one that others may use.
pub(crate) fn require_owner_only_directory(directory: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(directory).map_err(|error| missing(directory, error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::Precondition(format!(
        "{} has mode {mode:04o}: others than its owner may use it; give it mode 0700, or name another",
        directory.display()
    )))
}

/// Makes a file with mode 0600 and this content, durable on return. Only if there is none: a secret is never overwritten.
///
/// # Errors
/// [`Failure::Precondition`] if there is one.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let mut file = create_new(path)?;
    if let Err(error) = write(&mut file, path, content) {
        // Half a secret would only stand in the way of the next attempt.
        let _ = fs::remove_file(path);
        return Err(anyhow!(error)
            .context(format!("cannot write {}", path.display()))
            .into());
    }
    Ok(())
}

/// Makes an empty file with mode 0600 to be written bit by bit; what was left under that name by an earlier try is thrown away.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn begin(path: &Path) -> Result<File, Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => create_new(path),
    }
}

/// Reads a secret.
///
/// # Errors
/// [`Failure::NotFound`], or [`Failure::Precondition`] for a file that others than its owner may use.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut file = File::open(path).map_err(|error| missing(path, error))?;
    // Asked of the open file: the name may mean another one by now.
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Failure::Precondition(format!(
            "{} has mode {mode:04o}: others than its owner may use it; give it mode 0600, and replace the secret if others could have \
             read it",
            path.display()
        )));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(Failure::Precondition(format!(
            "{} is no secret: it has {} bytes",
            path.display(),
            metadata.len()
        )));
    }
    let mut content = Zeroizing::new(Vec::new());
    Read::by_ref(&mut file)
        .take(SECRET_BYTES_MAX)
        .read_to_end(&mut content)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(content)
}

/// Reads a secret of one line, without the line's end.
///
/// # Errors
/// As [`read`], and [`Failure::Precondition`] if it is not text.
pub(crate) fn read_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.trim_end().to_owned())),
        Err(_) => Err(Failure::Precondition(format!(
            "{} is not text",
            path.display()
        ))),
    }
}

fn missing(path: &Path, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        Failure::NotFound(format!("there is no {}", path.display()))
    } else {
        Failure::Failed(anyhow!(error).context(format!("cannot read {}", path.display())))
    }
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

fn write(file: &mut File, path: &Path, content: &[u8]) -> io::Result<()> {
    // The mode given when opening passes through the umask; say it outright.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    // Without this the name of the file may be lost in a crash after its content was synced.
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
