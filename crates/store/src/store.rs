//! Opening the store, writing to it, and the way to its areas.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use crate::areas::{
    Admission, Cases, Drafts, Due, Events, Feed, FeedExtras, InFlight, Journal, Meta, Projections,
    Quarantine, Tree, Vault,
};
use crate::batch::Change;
use crate::engine::Engine;
use crate::generation::Generation;
use crate::keys::{self, numbered};
use crate::seal::{Sealer, require_owner_only};
use crate::{Batch, Error, StoreConfig};

/// Name of the mark of [`Store::clear_projections`].
const REBUILD_DUE: &str = "rebuild-due";

/// One node's store in one directory. Blocking; share it as `Arc<Store>`: reads from any thread, writes from one.
pub struct Store {
    pub(crate) engine: Engine,
    pub(crate) sealer: Sealer,
    pub(crate) config: StoreConfig,
    pub(crate) generation: Generation,
    /// How many entries the journal has; held while a batch is written.
    pub(crate) journal_length: Mutex<u64>,
    /// Arrival numbers and lengths of what is in quarantine.
    pub(crate) quarantine: Mutex<BTreeMap<u64, usize>>,
    pub(crate) quarantine_next: AtomicU64,
    pub(crate) drafts_next: AtomicU64,
    /// Held open for the lock on it.
    _lock: File,
}

impl Store {
    /// Opens the store in `directory`, making it if it is new (mode 0700), and reads the whole journal once: every entry
    /// must be there and sound.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Permissions`], [`Error::KeyFile`]: an operator corrects it. [`Error::Gap`],
    /// [`Error::Corrupt`]: the journal must be restored; nothing was changed.
    pub fn open(directory: &Path, config: StoreConfig) -> Result<Self, Error> {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(Error::at(directory))?;
        require_owner_only(directory)?;
        let lock = lock(directory)?;
        let generation = Generation::current(directory)?;
        generation.make()?;
        let place = generation.directory();
        let sealer = Sealer::open(&place, !place.join("db").exists())?;
        let engine = Engine::open(&place, &config)?;
        let store = Self {
            sealer,
            config,
            generation,
            journal_length: Mutex::new(0),
            quarantine: Mutex::new(BTreeMap::new()),
            quarantine_next: AtomicU64::new(next_number(&engine, keys::QUARANTINE)?),
            drafts_next: AtomicU64::new(next_number(&engine, keys::DRAFTS)?),
            engine,
            _lock: lock,
        };
        let length = store.journal().verify()?;
        *store
            .journal_length
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = length;
        store.quarantine().load()?;
        Ok(store)
    }

    /// Writes a batch: visible at once and whole, durable with the next [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Error::Gap`] if it would leave a gap in the journal; nothing was written. After [`Error::Database`] the store
    /// takes no more writes.
    pub fn write(&self, mut batch: Batch) -> Result<(), Error> {
        let mut length = self
            .journal_length
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let length_after = contiguous(*length, &batch.journal)?;
        let mut quarantine = self
            .quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let quarantine_after = self.quarantine_after(&quarantine, &mut batch);
        self.engine.apply(batch.changes.iter())?;
        *length = length_after;
        if let Some(after) = quarantine_after {
            *quarantine = after;
        }
        Ok(())
    }

    /// Writes a batch and returns when it, and all that was written before, is durable. One sync. An empty batch makes
    /// durable what was written before.
    ///
    /// # Errors
    /// As [`write`](Self::write); after [`Error::Files`] too the store takes no more writes, and whether the batch is
    /// durable is unknown until the store is opened anew.
    pub fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.write(batch)?;
        self.engine.sync()
    }

    /// How many syncs were made since opening.
    pub fn syncs(&self) -> u64 {
        self.engine.syncs()
    }

    /// The directory it lies in.
    pub fn directory(&self) -> &Path {
        self.generation.store()
    }

    /// The partnership's admitted bundles.
    pub fn journal(&self) -> Journal<'_> {
        Journal(self)
    }

    /// Records that were not admitted.
    pub fn quarantine(&self) -> Quarantine<'_> {
        Quarantine(self)
    }

    /// Single values under names: cursors, marks, identity.
    pub fn meta(&self) -> Meta<'_> {
        Meta(self)
    }

    /// Drafts accepted and not yet in a bundle.
    pub fn drafts(&self) -> Drafts<'_> {
        Drafts(self)
    }

    /// The organisation's own events, for life.
    pub fn events(&self) -> Events<'_> {
        Events(self)
    }

    /// The own bundle that was signed and is not yet admitted.
    pub fn in_flight(&self) -> InFlight<'_> {
        InFlight(self)
    }

    /// Which positions belong to which case.
    pub fn cases(&self) -> Cases<'_> {
        Cases(self)
    }

    /// State derived from the journal, by case.
    pub fn projections(&self) -> Projections<'_> {
        Projections(self)
    }

    /// What lies ahead of each case.
    pub fn due(&self) -> Due<'_> {
        Due(self)
    }

    /// What became visible to this organisation, in order, and how far each subscriber is.
    pub fn feed(&self) -> Feed<'_> {
        Feed(self)
    }

    /// Marks, snapshots and parked entries of feeds.
    pub fn feed_extras(&self) -> FeedExtras<'_> {
        FeedExtras(self)
    }

    /// Nodes of the Merkle tree over the log.
    pub fn tree(&self) -> Tree<'_> {
        Tree(self)
    }

    /// What each admitted bundle changed.
    pub fn admission(&self) -> Admission<'_> {
        Admission(self)
    }

    /// Keys and other secrets.
    pub fn vault(&self) -> Vault<'_> {
        Vault(self)
    }

    /// Removes everything that is derived from the journal and can be built again: projections, outlooks, case index
    /// and admission. Written in steps, so that memory stays bounded; first a mark, durably, that says a rebuild is due.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn clear_projections(&self) -> Result<(), Error> {
        const STEP: usize = 1000;
        let mut mark = Batch::new();
        self.meta().put(&mut mark, REBUILD_DUE, &[])?;
        self.commit(mark)?;
        for area in [keys::PROJECTIONS, keys::DUE, keys::CASES, keys::ADMISSION] {
            loop {
                let mut batch = Batch::new();
                for key in self.engine.keys_from(&[area], vec![area]).take(STEP) {
                    batch.delete(key?);
                }
                if batch.is_empty() {
                    break;
                }
                self.write(batch)?;
            }
        }
        Ok(())
    }

    /// Whether what is derived from the journal was removed, and not all of it was built again.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the mark is damaged.
    pub fn rebuild_due(&self) -> Result<bool, Error> {
        Ok(self.meta().get(REBUILD_DUE)?.is_some())
    }

    /// Takes the mark away: what is derived from the journal is there again with this batch.
    pub fn rebuilt(&self, batch: &mut Batch) {
        self.meta().delete(batch, REBUILD_DUE);
    }

    /// Lets the oldest in quarantine give way to what joins; None if nothing joins.
    fn quarantine_after(
        &self,
        kept: &BTreeMap<u64, usize>,
        batch: &mut Batch,
    ) -> Option<BTreeMap<u64, usize>> {
        if batch.quarantined.is_empty() {
            return None;
        }
        let mut kept = kept.clone();
        kept.extend(batch.quarantined.drain(..));
        let mut bytes: usize = kept.values().sum();
        while kept.len() > self.config.quarantine_records_max
            || bytes > self.config.quarantine_bytes_max
        {
            let (number, length) = kept.pop_first()?;
            bytes -= length;
            batch
                .changes
                .insert(numbered(keys::QUARANTINE, number), Change::Delete);
        }
        Some(kept)
    }
}

fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(Error::at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            directory: directory.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::at(path)(error)),
    }
}

fn next_number(engine: &Engine, area: u8) -> Result<u64, Error> {
    let last = engine.last_key(&[area])?;
    Ok(last
        .as_deref()
        .and_then(keys::number_in)
        .map_or(0, |last| last + 1))
}

/// The journal's length after `appended`, which must follow `length` without a gap.
fn contiguous(length: u64, appended: &[u64]) -> Result<u64, Error> {
    let mut next = length;
    for &found in appended {
        if found != next {
            return Err(Error::Gap {
                expected: next,
                found,
            });
        }
        next += 1;
    }
    Ok(next)
}
