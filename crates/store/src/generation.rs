//! Copy-forward: the only way to be rid of bytes that were deleted.
//!
//! ```text
//! store/           0700
//!   lock           held while the store is open
//!   current        the number of the generation in use
//!   1/             store.key, the database and its files
//!   2/             the next one, while everything alive is copied into it
//! ```
//!
//! The database keeps the bytes of deleted and replaced values in its file until it happens to write over them. So what must be gone for
//! good is left behind: what is alive goes into a new generation under a new key file, `current` names it in one step, and the old one is
//! removed, its key file first. A copy of the old database, in a backup or on a worn disk, then opens nothing that is sealed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::engine::{Engine, sync_directory};
use crate::keys::is_sealed;
use crate::seal::{KEY_FILE, Sealer};
use crate::{Batch, Error, Store};

/// How much is copied in one batch.
const BATCH_BYTES: usize = 1024 * 1024;
/// The file that names the generation in use.
const CURRENT: &str = "current";

/// One of the directories that a store has had for its database.
pub(crate) struct Generation {
    store: PathBuf,
    number: u64,
}

impl Generation {
    /// The generation in use; the first, if the store is new. What an interrupted copy left behind is removed.
    pub(crate) fn current(store: &Path) -> Result<Self, Error> {
        if store.join("db").exists() {
            // To begin a new one beside it would lose all that it holds.
            return Err(Error::Layout {
                directory: store.to_owned(),
            });
        }
        let path = store.join(CURRENT);
        let number = match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map_err(|_| Error::Generation { path })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 1,
            Err(error) => return Err(Error::at(path)(error)),
        };
        let current = Self {
            store: store.to_owned(),
            number,
        };
        current.remove_others()?;
        Ok(current)
    }

    /// Where its database and its key file lie.
    pub(crate) fn directory(&self) -> PathBuf {
        self.store.join(self.number.to_string())
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    fn next(&self) -> Self {
        Self {
            store: self.store.clone(),
            number: self.number + 1,
        }
    }

    /// Makes its directory, for the owner only.
    pub(crate) fn make(&self) -> Result<(), Error> {
        let directory = self.directory();
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory);
        made.map_err(Error::at(directory))
    }

    /// From here on this is the generation in use; in one step, and durably.
    fn name_as_current(&self) -> Result<(), Error> {
        let path = self.store.join(CURRENT);
        let beside = self.store.join("current.next");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        options
            .open(&beside)
            .and_then(|mut file| {
                file.write_all(self.number.to_string().as_bytes())?;
                file.sync_all()
            })
            .map_err(Error::at(&beside))?;
        fs::rename(&beside, &path).map_err(Error::at(path))?;
        sync_directory(&self.store)
    }

    fn remove_others(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.store).map_err(Error::at(&self.store))? {
            let entry = entry.map_err(Error::at(&self.store))?;
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u64>().ok());
            if number.is_some_and(|number| number != self.number) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Removes a generation: first the key goes, written over and then unlinked, so that whatever happens afterwards nothing sealed can be opened.
fn remove(directory: &Path) -> Result<(), Error> {
    let key = directory.join(KEY_FILE);
    if key.exists() {
        OpenOptions::new()
            .write(true)
            .open(&key)
            .and_then(write_over)
            .map_err(Error::at(&key))?;
        fs::remove_file(&key).map_err(Error::at(&key))?;
        sync_directory(directory)?;
    }
    fs::remove_dir_all(directory).map_err(Error::at(directory))
}

fn write_over(mut file: File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    file.rewind()?;
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(0), length),
        &mut file,
    )?;
    file.sync_all()
}

impl Store {
    /// Leaves behind what was deleted or replaced: on return it is on this disk no more, and what is left of it elsewhere (a backup, a worn
    /// block) cannot be opened without the key file, which is gone. Durable. Takes time and room in proportion to all that is alive.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a value is damaged, [`Error::Files`] as when the disk is full: the store goes on as it was, and what was
    /// deleted is still there; try again.
    pub fn forget_deleted(&mut self) -> Result<(), Error> {
        self.engine.sync()?;
        self.generation.remove_others()?;
        let next = self.generation.next();
        next.make()?;
        let (engine, sealer) = self.copied_to(&next.directory())?;
        next.name_as_current()?;
        self.engine = engine;
        self.sealer = sealer;
        self.generation = next;
        self.generation.remove_others()
    }

    fn copied_to(&self, directory: &Path) -> Result<(Engine, Sealer), Error> {
        let sealer = Sealer::open(directory, true)?;
        let engine = Engine::open(directory, &self.config)?;
        let mut batch = Batch::new();
        let mut bytes = 0;
        for entry in self.engine.entries_from(&[], Vec::new()) {
            let (key, value) = entry?;
            let value = match key.first() {
                Some(&area) if is_sealed(area) => {
                    sealer.seal(&key, &self.sealer.open_value(&key, &value)?)?
                }
                _ => value,
            };
            bytes += key.len() + value.len();
            batch.put(key, value)?;
            if bytes >= BATCH_BYTES {
                engine.apply(std::mem::take(&mut batch).changes.iter())?;
                bytes = 0;
            }
        }
        engine.apply(batch.changes.iter())?;
        engine.sync()?;
        Ok((engine, sealer))
    }
}
