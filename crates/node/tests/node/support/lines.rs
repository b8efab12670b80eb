//! Logs between a node and the real one: with another clock, or with faults that a test decides on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use concordat_log::embedded::EmbeddedHandle;
use concordat_log::{AppendError, Error, Offset, Record, RecordStream, SharedLog, Uncertainty};
use concordat_node::clock::{Clock as _, MovableClock};
use jiff::Timestamp;
use tokio::sync::watch;

/// A real log that tells the time of a clock which a test moves; all else is the log's own doing.
pub struct OnClock<L> {
    log: L,
    clock: MovableClock,
}

impl<L> OnClock<L> {
    pub fn new(log: L, clock: &MovableClock) -> Self {
        Self {
            log,
            clock: clock.clone(),
        }
    }
}

#[async_trait]
impl<L: SharedLog> SharedLog for OnClock<L> {
    async fn append(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError> {
        self.log.append(record, message_id, expected_last_own).await
    }

    async fn last_own(&self) -> Result<Option<Record>, Error> {
        self.log.last_own().await
    }

    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error> {
        self.log.record_at(offset).await
    }

    async fn head(&self) -> Result<Offset, Error> {
        self.log.head().await
    }

    async fn follow(&self, after: Offset) -> Result<RecordStream, Error> {
        self.log.follow(after).await
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        self.log.time().await.map(|_| self.clock.now())
    }

    fn connected(&self) -> bool {
        self.log.connected()
    }
}

type Change = Box<dyn Fn(Bytes) -> Bytes + Send + Sync>;

/// One organisation's line to an embedded log. What it reads is never touched; what it appends is, as a test says.
#[derive(Clone)]
pub struct Meddled {
    log: EmbeddedHandle,
    faults: Arc<Faults>,
}

struct Faults {
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
    change: Mutex<Option<Change>>,
    changes_left: AtomicUsize,
    refusals_left: AtomicUsize,
    appends: Mutex<Vec<Instant>>,
}

impl Meddled {
    pub fn new(log: EmbeddedHandle) -> Self {
        let faults = Faults {
            open: watch::Sender::new(true),
            held: watch::Sender::new(0),
            change: Mutex::new(None),
            changes_left: AtomicUsize::new(0),
            refusals_left: AtomicUsize::new(0),
            appends: Mutex::new(Vec::new()),
        };
        Self {
            log,
            faults: Arc::new(faults),
        }
    }

    /// Holds every append from now on, after it was signed and before it is on the log.
    pub fn hold(&self) {
        self.faults.open.send_replace(false);
    }

    /// Until an append is held.
    pub async fn holds_one(&self) {
        let mut held = self.faults.held.subscribe();
        let held = held.wait_for(|held| *held > 0);
        tokio::time::timeout(super::PATIENCE, held)
            .await
            .expect("something is appended")
            .expect("the line lives");
    }

    /// Lets through what is held.
    pub fn let_go(&self) {
        self.faults.open.send_replace(true);
    }

    /// Changes the next records on their way to the log.
    pub fn change_next(
        &self,
        count: usize,
        change: impl Fn(Bytes) -> Bytes + Send + Sync + 'static,
    ) {
        *self.faults.change.lock().expect("no panic holds it") = Some(Box::new(change));
        self.faults.changes_left.store(count, Ordering::SeqCst);
    }

    /// Answers the next appends as a cluster does whose earlier append of this author is still under way: nothing is stored.
    pub fn refuse_next(&self, count: usize) {
        self.faults
            .appends
            .lock()
            .expect("no panic holds it")
            .clear();
        self.faults.refusals_left.store(count, Ordering::SeqCst);
    }

    /// When appends were asked for since [`Self::refuse_next`].
    pub fn appends(&self) -> Vec<Instant> {
        self.faults
            .appends
            .lock()
            .expect("no panic holds it")
            .clone()
    }
}

fn one_less(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

#[async_trait]
impl SharedLog for Meddled {
    async fn append(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError> {
        let faults = &self.faults;
        faults
            .appends
            .lock()
            .expect("no panic holds it")
            .push(Instant::now());
        if one_less(&faults.refusals_left) {
            let why = "code 10164: expected last sequence per subject is in process";
            return Err(Uncertainty::Other(why.to_owned()).into());
        }
        faults.held.send_modify(|held| *held += 1);
        let opened = faults
            .open
            .subscribe()
            .wait_for(|open| *open)
            .await
            .map(|_| ());
        faults.held.send_modify(|held| *held -= 1);
        opened.map_err(|_| Uncertainty::Disconnected)?;
        let record = if one_less(&faults.changes_left) {
            let change = faults.change.lock().expect("no panic holds it");
            change
                .as_ref()
                .map_or_else(|| record.clone(), |change| change(record.clone()))
        } else {
            record
        };
        self.log.append(record, message_id, expected_last_own).await
    }

    async fn last_own(&self) -> Result<Option<Record>, Error> {
        self.log.last_own().await
    }

    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error> {
        self.log.record_at(offset).await
    }

    async fn head(&self) -> Result<Offset, Error> {
        self.log.head().await
    }

    async fn follow(&self, after: Offset) -> Result<RecordStream, Error> {
        self.log.follow(after).await
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        self.log.time().await
    }

    fn connected(&self) -> bool {
        self.log.connected()
    }
}
