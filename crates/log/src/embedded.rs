//! The embedded log: one sled database in one process, shared by several organisations.
//!
//! For a trial, a demo, a test, or one site that hosts several organisations (design, chapter 10). It clusters nothing:
//! who needs several machines uses JetStream.
//!
//! Appends are written one at a time and synced together: while one sync runs, further appends gather behind it and
//! share the next. A record becomes visible to readers only when it is durable.

mod handle;
mod ledger;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::subject::token;
use crate::{Error, Offset, Record, Uncertainty};

pub use handle::EmbeddedHandle;
use ledger::Ledger;

/// A log inside this process. Cheap to clone; the database closes when the last clone, handle and follower is gone.
#[derive(Clone)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    time: TimeSource,
}

/// Where an embedded log reads its time.
pub type TimeSource = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl EmbeddedLog {
    /// Opens the log in `directory`, making it if it is new. One process may have it open at a time.
    ///
    /// # Errors
    /// [`Error::InUse`] if it is open elsewhere, [`Error::Storage`] if the directory cannot be used.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Ledger::open(directory).and_then(Self::over)
    }

    /// Opens an empty log that is gone when the process ends. It syncs nothing, as there is nothing to keep.
    ///
    /// # Errors
    /// [`Error::Storage`] if there is no place for temporary files.
    pub fn temporary() -> Result<Self, Error> {
        Ledger::temporary().and_then(Self::over)
    }

    /// The log with another clock than the machine's, for the handles that are made from now on: a demonstration or a test moves the
    /// clock of the log together with those of its nodes, or apart from them.
    #[must_use]
    pub fn with_time(self, time: TimeSource) -> Self {
        Self { time, ..self }
    }

    /// The handle through which `organisation` appends. Each call gives one with its own connection, at first attached.
    ///
    /// # Errors
    /// [`Error::InvalidConfiguration`] if the code could not be a token of a subject either.
    pub fn handle(&self, organisation: &str) -> Result<EmbeddedHandle, Error> {
        Ok(EmbeddedHandle::new(
            Arc::clone(&self.shared),
            token(organisation)?,
            Arc::clone(&self.time),
        ))
    }

    fn over(ledger: Ledger) -> Result<Self, Error> {
        let head = ledger.last_offset()?;
        let shared = Shared {
            ledger,
            written: Mutex::new(head),
            synced: Mutex::new(head),
            visible: watch::Sender::new(head),
            failed: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            time: Arc::new(machine_time),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of a log that lives on this machine is this machine's"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// What all handles share. Its methods block on the disk: handles call them off the async threads.
struct Shared {
    ledger: Ledger,
    /// Last offset written; held while a record is fenced and written.
    written: Mutex<Offset>,
    /// Last offset synced; held while a sync runs, so that appends gather behind it.
    synced: Mutex<Offset>,
    /// Last offset that readers may see.
    visible: watch::Sender<Offset>,
    /// A sync failed: nothing may be acknowledged any more.
    failed: AtomicBool,
}

impl Shared {
    fn append(
        &self,
        author: &str,
        bytes: &Bytes,
        expected_last_own: Offset,
    ) -> Result<Offset, Uncertainty> {
        let offset = {
            let mut written = lock(&self.written);
            self.refuse_after_failure()?;
            let last_own = self.ledger.last_own(author).map_err(uncertain)?;
            if last_own != expected_last_own {
                return Err(Uncertainty::WrongLastOwn);
            }
            let offset = Offset(written.0 + 1);
            self.ledger
                .write(offset, author, bytes)
                .map_err(uncertain)?;
            *written = offset;
            offset
        };
        self.make_durable(offset).map_err(uncertain)?;
        Ok(offset)
    }

    /// Returns when everything up to `offset` is on the disk and visible.
    fn make_durable(&self, offset: Offset) -> Result<(), Error> {
        let mut synced = lock(&self.synced);
        if *synced >= offset {
            return Ok(());
        }
        self.refuse_after_failure()
            .map_err(|why| Error::Unavailable {
                why: why.to_string(),
            })?;
        let written = *lock(&self.written);
        if let Err(error) = self.ledger.sync() {
            self.failed.store(true, Ordering::SeqCst);
            return Err(error);
        }
        *synced = written;
        self.visible.send_replace(written);
        Ok(())
    }

    fn refuse_after_failure(&self) -> Result<(), Uncertainty> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(Uncertainty::Other(
                "an earlier sync failed; open the log anew".into(),
            ));
        }
        Ok(())
    }

    /// The author's last record, made durable first if it is not yet: what is shown must stay.
    fn last_own(&self, author: &str) -> Result<Option<Record>, Error> {
        let offset = self.ledger.last_own(author)?;
        if offset == Offset(0) {
            return Ok(None);
        }
        self.make_durable(offset)?;
        self.ledger.read(offset)
    }

    fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error> {
        if offset == Offset(0) || offset > *self.visible.borrow() {
            return Ok(None);
        }
        self.ledger.read(offset)
    }

    /// Visible records from `first` on, as many as fit `bytes_max` but at least one; empty if none is visible.
    fn read_from(&self, first: Offset, bytes_max: usize) -> Result<Vec<Record>, Error> {
        let last = *self.visible.borrow();
        let mut records = Vec::new();
        let mut bytes = 0;
        for offset in first.0..=last.0 {
            let missing = || Error::Corrupt {
                offset: Offset(offset),
                what: "it is missing".into(),
            };
            let record = self.ledger.read(Offset(offset))?.ok_or_else(missing)?;
            bytes += record.bytes.len();
            records.push(record);
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(records)
    }
}

fn uncertain(error: Error) -> Uncertainty {
    Uncertainty::Other(error.to_string())
}

/// Takes a lock even if a holder panicked: what these locks guard is one number, always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
