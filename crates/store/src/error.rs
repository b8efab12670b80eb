//! What can go wrong with the store, by what the caller does next.

use std::path::PathBuf;

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the directory open. Two nodes of one organisation on one journal would fork its chain: stop
    /// the other one.
    #[error("store {} is in use by another process", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// A file or directory that holds secrets is open to other users of the machine. Correct its permissions.
    #[error("{} must be accessible to its owner only, but has mode {mode:o}", path.display())]
    Permissions {
        /// What is too open.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is missing or not a key, though there is data under it. Restore it from where it was kept safe.
    #[error("key file {} is missing or damaged", path.display())]
    KeyFile {
        /// Where it belongs.
        path: PathBuf,
    },
    /// A release before this one wrote the store. Move its files, all but `lock`, into a directory `1` within it.
    #[error("store {} has its database where an earlier release put it", directory.display())]
    Layout {
        /// The directory of the store.
        directory: PathBuf,
    },
    /// The file that names the generation in use is not a number. Restore the store, or put the number of its one numbered directory there.
    #[error("{} does not name a generation of the store", path.display())]
    Generation {
        /// The file.
        path: PathBuf,
    },
    /// The journal lacks an entry. Do not start: restore the store from a backup, or the journal from another holder.
    #[error("journal has a gap: entry {expected} is missing, the next is {found}")]
    Gap {
        /// Index that should have followed.
        expected: u64,
        /// Index that was found or given instead.
        found: u64,
    },
    /// A value is damaged. Stop, and restore as for [`Error::Gap`]; a projection can be rebuilt instead.
    #[error("value in area {area} is damaged: {what}")]
    Corrupt {
        /// Which area it belongs to.
        area: &'static str,
        /// What is wrong with it; never its content.
        what: &'static str,
    },
    /// The mark that keeps a restored node from signing a place twice may only rise. A programmer's error, or a sign
    /// that two writers share the store.
    #[error("high-water mark is at {kept} and may not be set to {given}")]
    HighWaterLowered {
        /// The sequence number that stands.
        kept: u64,
        /// The lower one that was given.
        given: u64,
    },
    /// The value is longer than the store takes. Nothing was written.
    #[error("value of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge {
        /// Length of the value.
        bytes: usize,
        /// Longest value that is taken.
        bytes_max: usize,
    },
    /// An earlier write or sync failed. After a failed sync the kernel may have dropped what it had not written, so
    /// nothing can be acknowledged any more: end the process and start anew.
    #[error("store failed earlier and takes no more writes")]
    Failed,
    /// The database refused.
    #[error("database failed")]
    Database(#[from] sled::Error),
    /// The file system refused.
    #[error("file system failed at {}", path.display())]
    Files {
        /// What was being read, written or synced.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system gave no randomness to encrypt with. Try again.
    #[error("no randomness to encrypt with")]
    Randomness,
}

impl Error {
    /// Turns an I/O error into [`Error::Files`] at `path`.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files { path, source }
    }
}
