//! sled, and everything it leaves to its user: durability, large values, atomic reads of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::batch::Change;
use crate::frame::{self, chunk_key, corrupt, split_key};
use crate::{Error, StoreConfig};

/// Large, so that no page reaches the quarter of a segment above which sled writes it to an unsynced file.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Ten seconds in all, far longer than a background thread of sled lives on.
const LOCK_TRIES: u32 = 1000;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// One tree of checked values. Reads may come from any thread; writes are expected from one.
pub(crate) struct Engine {
    tree: sled::Tree,
    directory: PathBuf,
    /// Own handle to sled's file: on Linux sled's `flush` writes without making durable.
    file: File,
    /// Files beside the database that sled made for large pages, already synced. There should be none.
    blobs: Mutex<BTreeSet<OsString>>,
    /// Held for writing while a batch is applied, so that the chunks of a value are read from one version of it.
    applying: RwLock<()>,
    syncs: AtomicU64,
    failed: AtomicBool,
}

impl Engine {
    pub(crate) fn open(directory: &Path, config: &StoreConfig) -> Result<Self, Error> {
        let database = open_database(
            &sled::Config::new()
                .path(directory)
                .segment_size(SEGMENT_BYTES)
                .cache_capacity(config.cache_bytes)
                .flush_every_ms(None),
        )?;
        let path = directory.join("db");
        let file = File::open(&path).map_err(Error::at(path))?;
        sync_directory(directory)?;
        Ok(Self {
            tree: database.open_tree("store")?,
            directory: directory.to_owned(),
            file,
            blobs: Mutex::new(BTreeSet::new()),
            applying: RwLock::new(()),
            syncs: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        })
    }

    /// Applies changes in one step, visible at once; not durable before [`sync`](Self::sync).
    pub(crate) fn apply<'c>(
        &self,
        changes: impl Iterator<Item = (&'c Vec<u8>, &'c Change)>,
    ) -> Result<(), Error> {
        self.refuse_after_failure()?;
        let mut batch = sled::Batch::default();
        for (key, change) in changes {
            match change {
                Change::Add(value) => {
                    insert(&mut batch, key, value);
                }
                Change::Put(value) => {
                    let old = self.chunk_count(key)?;
                    let new = insert(&mut batch, key, value);
                    remove(&mut batch, key, new..old);
                }
                Change::Delete => remove(&mut batch, key, 0..self.chunk_count(key)?),
            }
        }
        let _applying = self
            .applying
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.tree
            .apply_batch(batch)
            .map_err(|error| self.fail(error.into()))
    }

    /// Returns when everything applied before is durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.refuse_after_failure()?;
        self.try_sync().map_err(|error| self.fail(error))?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// How often the disk was made to keep what was written.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::SeqCst)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _reading = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = self.tree.get(chunk_key(key, 0))? else {
            return Ok(None);
        };
        let mut stored = first.to_vec();
        for chunk in 1..frame::chunk_count(key, &first)? {
            let next = self
                .tree
                .get(chunk_key(key, chunk))?
                .ok_or_else(|| corrupt(key, "a chunk is missing"))?;
            stored.extend_from_slice(&next);
        }
        frame::decode(key, stored).map(Some)
    }

    /// Keys at or above `first` that start with `prefix`, rising.
    pub(crate) fn keys_from(
        &self,
        prefix: &[u8],
        first: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Result<Vec<u8>, Error>> + use<> {
        let end = end_of(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.tree
            .range((Bound::Included(first), end))
            .keys()
            .filter_map(|stored| match stored {
                Err(error) => Some(Err(error.into())),
                Ok(stored) => match split_key(&stored) {
                    Some((key, 0)) => Some(Ok(key.to_vec())),
                    Some(_) => None,
                    None => Some(Err(corrupt(&stored, "a key is damaged"))),
                },
            })
    }

    /// Entries at or above `first` whose key starts with `prefix`, rising. One that goes away meanwhile is left out.
    pub(crate) fn entries_from<'e>(
        &'e self,
        prefix: &[u8],
        first: Vec<u8>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Error>> + use<'e> {
        self.keys_from(prefix, first).filter_map(|key| match key {
            Err(error) => Some(Err(error)),
            Ok(key) => self
                .get(&key)
                .transpose()
                .map(|value| value.map(|value| (key, value))),
        })
    }

    /// The last key that starts with `prefix`.
    pub(crate) fn last_key(&self, prefix: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.keys_from(prefix, prefix.to_vec())
            .next_back()
            .transpose()
    }

    fn chunk_count(&self, key: &[u8]) -> Result<u8, Error> {
        match self.tree.get(chunk_key(key, 0))? {
            Some(first) => frame::chunk_count(key, &first),
            None => Ok(0),
        }
    }

    fn try_sync(&self) -> Result<(), Error> {
        self.tree.flush()?;
        self.file
            .sync_data()
            .map_err(Error::at(self.directory.join("db")))?;
        self.sync_new_blobs()
    }

    /// There should never be any; if sled writes one all the same, it must be as durable as the rest.
    fn sync_new_blobs(&self) -> Result<(), Error> {
        let directory = self.directory.join("blobs");
        let mut synced = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = BTreeSet::new();
        for entry in std::fs::read_dir(&directory).map_err(Error::at(&directory))? {
            present.insert(entry.map_err(Error::at(&directory))?.file_name());
        }
        let mut any = false;
        for name in present.difference(&synced) {
            match File::open(directory.join(name)) {
                Ok(blob) => blob.sync_all().map_err(Error::at(directory.join(name)))?,
                // sled collects its own garbage in the background.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::at(directory.join(name))(error)),
            }
            any = true;
        }
        if any {
            tracing::warn!(
                files = present.len(),
                "database put pages into files of their own"
            );
            sync_directory(&directory)?;
        }
        *synced = present;
        Ok(())
    }

    fn refuse_after_failure(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::SeqCst) {
            Err(Error::Failed)
        } else {
            Ok(())
        }
    }

    fn fail(&self, error: Error) -> Error {
        self.failed.store(true, Ordering::SeqCst);
        error
    }
}

/// Opens the database, waiting for a lock that a closed one in this process still has.
///
/// sled's background threads may keep its file open for a moment after the last handle is gone. Another process cannot
/// be the cause: the caller holds the store's own lock.
fn open_database(config: &sled::Config) -> Result<sled::Db, Error> {
    let mut tries = LOCK_TRIES;
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.kind() == std::io::ErrorKind::Other && tries > 0 =>
            {
                tries -= 1;
                std::thread::sleep(LOCK_WAIT);
            }
            opened => return Ok(opened?),
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::at(directory))
}

fn insert(batch: &mut sled::Batch, key: &[u8], value: &[u8]) -> u8 {
    let stored = frame::encode(key, value);
    let mut count = 0;
    for (chunk, bytes) in frame::chunks(&stored) {
        batch.insert(chunk_key(key, chunk), bytes);
        count = chunk + 1;
    }
    count
}

fn remove(batch: &mut sled::Batch, key: &[u8], chunks: std::ops::Range<u8>) {
    for chunk in chunks {
        batch.remove(chunk_key(key, chunk));
    }
}

/// The first key behind all that start with `prefix`; none if there is no end to them.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    *end.last_mut()? += 1;
    Some(end)
}
