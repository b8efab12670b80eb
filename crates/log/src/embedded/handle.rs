//! One organisation's handle on an embedded log, with a connection that can be cut.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::{Shared, TimeSource};
use crate::shared_log::RecordStream;
use crate::{AppendError, Error, Offset, RECORD_BYTES_MAX, Record, SharedLog, Uncertainty};

/// How much a follower reads ahead; two of the longest records.
const READ_AHEAD_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// [`SharedLog`] for one organisation in this process. Clones share one connection: what detaches one detaches all.
#[derive(Clone)]
pub struct EmbeddedHandle {
    shared: Arc<Shared>,
    author: Arc<str>,
    link: Arc<Link>,
    time: TimeSource,
}

/// The connection that an embedded log does not need, kept so that losing it can be shown and tested.
struct Link {
    attached: watch::Sender<bool>,
    /// Last offset that followers get; none if they get whatever is visible.
    behind_at: watch::Sender<Option<Offset>>,
    loses_next_acknowledgement: AtomicBool,
}

impl EmbeddedHandle {
    pub(super) fn new(shared: Arc<Shared>, author: String, time: TimeSource) -> Self {
        let link = Link {
            attached: watch::Sender::new(true),
            behind_at: watch::Sender::new(None),
            loses_next_acknowledgement: AtomicBool::new(false),
        };
        Self {
            shared,
            author: author.into(),
            link: Arc::new(link),
            time,
        }
    }

    /// Cuts this organisation off: followers end, every call fails as it does when a broker cannot be reached.
    pub fn detach(&self) {
        self.link.attached.send_replace(false);
    }

    /// Ends [`detach`](Self::detach).
    pub fn attach(&self) {
        self.link.attached.send_replace(true);
    }

    /// Lets followers of this organisation get nothing that is appended from here on, and tells it no time, as if its messages were
    /// slow to come. It appends as before: that is how two organisations act without knowing of each other.
    pub fn fall_behind(&self) {
        let here = *self.shared.visible.borrow();
        self.link.behind_at.send_replace(Some(here));
    }

    /// Ends [`fall_behind`](Self::fall_behind): what was kept back comes now.
    pub fn catch_up(&self) {
        self.link.behind_at.send_replace(None);
    }

    /// Whether [`fall_behind`](Self::fall_behind) is in force.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.link.behind_at.borrow().is_some()
    }

    /// Stores the next record that is appended, but answers as if the acknowledgement had been lost on the way.
    pub fn lose_next_acknowledgement(&self) {
        self.link
            .loses_next_acknowledgement
            .store(true, Ordering::SeqCst);
    }

    /// Runs `read` where it may block, if attached.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.require_attached()?;
        let (shared, author) = (Arc::clone(&self.shared), Arc::clone(&self.author));
        spawn_blocking(move || read(&shared, &author))
            .await
            .map_err(stopped)?
    }

    fn require_attached(&self) -> Result<(), Error> {
        if self.connected() {
            Ok(())
        } else {
            Err(detached())
        }
    }
}

#[async_trait]
impl SharedLog for EmbeddedHandle {
    async fn append(
        &self,
        record: Bytes,
        _message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge {
                bytes: record.len(),
                bytes_max: RECORD_BYTES_MAX,
            });
        }
        if !self.connected() {
            return Err(Uncertainty::Disconnected.into());
        }
        let (shared, author) = (Arc::clone(&self.shared), Arc::clone(&self.author));
        let appended =
            spawn_blocking(move || shared.append(&author, &record, expected_last_own)).await;
        let offset = appended.map_err(|error| Uncertainty::Other(error.to_string()))??;
        if self
            .link
            .loses_next_acknowledgement
            .swap(false, Ordering::SeqCst)
        {
            return Err(Uncertainty::TimedOut.into());
        }
        if !self.connected() {
            return Err(Uncertainty::Disconnected.into());
        }
        Ok(offset)
    }

    async fn last_own(&self) -> Result<Option<Record>, Error> {
        self.read(|shared, author| shared.last_own(author)).await
    }

    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error> {
        self.read(move |shared, _| shared.record_at(offset)).await
    }

    async fn head(&self) -> Result<Offset, Error> {
        self.require_attached()?;
        Ok(*self.shared.visible.borrow())
    }

    async fn follow(&self, after: Offset) -> Result<RecordStream, Error> {
        self.require_attached()?;
        let follower = Follower {
            shared: Arc::clone(&self.shared),
            visible: self.shared.visible.subscribe(),
            attached: self.link.attached.subscribe(),
            behind_at: self.link.behind_at.subscribe(),
            _link: Arc::clone(&self.link),
            next: Offset(after.0 + 1),
            read_ahead: VecDeque::new(),
        };
        let steps = stream::unfold(Some(follower), |follower| async move {
            let mut follower = follower?;
            match follower.next().await {
                Ok(record) => Some((Ok(record), Some(follower))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(steps.boxed())
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        let mut behind_at = self.link.behind_at.subscribe();
        // Its own sender keeps it open.
        let _ = behind_at.wait_for(Option::is_none).await;
        self.require_attached()?;
        Ok((self.time)())
    }

    fn connected(&self) -> bool {
        *self.link.attached.borrow()
    }
}

/// Reads by offset and sleeps on a watch: a slow reader holds up nobody and misses nothing.
struct Follower {
    shared: Arc<Shared>,
    visible: watch::Receiver<Offset>,
    attached: watch::Receiver<bool>,
    behind_at: watch::Receiver<Option<Offset>>,
    /// Keeps the sender of `attached`, so that a follower may outlive its handle.
    _link: Arc<Link>,
    next: Offset,
    read_ahead: VecDeque<Record>,
}

impl Follower {
    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            if !*self.attached.borrow_and_update() {
                return Err(detached());
            }
            let behind = self
                .behind_at
                .borrow_and_update()
                .is_some_and(|last| self.next > last);
            if !behind && let Some(record) = self.read_ahead.pop_front() {
                self.next = Offset(record.offset.0 + 1);
                return Ok(record);
            }
            if !behind && *self.visible.borrow_and_update() >= self.next {
                let (shared, next) = (Arc::clone(&self.shared), self.next);
                let read = spawn_blocking(move || shared.read_from(next, READ_AHEAD_BYTES)).await;
                self.read_ahead = read.map_err(stopped)??.into();
                continue;
            }
            tokio::select! {
                changed = self.visible.changed(), if !behind => changed.map_err(|_| detached())?,
                changed = self.attached.changed() => changed.map_err(|_| detached())?,
                changed = self.behind_at.changed() => changed.map_err(|_| detached())?,
            }
        }
    }
}

fn detached() -> Error {
    Error::Unavailable {
        why: "this organisation is detached from the log".into(),
    }
}

fn stopped(error: tokio::task::JoinError) -> Error {
    Error::Unavailable {
        why: format!("the reading task did not finish: {error}"),
    }
}
