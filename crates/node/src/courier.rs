//! The tasks between the engine and the shared log: one reads, one appends, one compares the clocks. They hold no state that matters; every
//! decision is the engine's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use concordat_log::{AppendError, Error as LogError, Offset, Record, SharedLog};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::mailbox::{Input, Mailbox};

/// Records handed to the engine in one go: enough to amortise a projection write, small enough to stay responsive.
const RECORDS_PER_BATCH_MAX: usize = 256;
/// First pause before the log is tried again; doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);
/// First pause after an append that was not acknowledged; doubles as long as none is. A cluster answers so while an earlier append of
/// the author is under way, which takes it a few milliseconds.
const APPEND_PAUSE_MIN: Duration = Duration::from_millis(10);
/// Longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The clocks are compared at least this often while the log can be reached.
const COMPARED_AFTER: Duration = Duration::from_secs(60);
/// An answer that took longer than this compares nothing well enough.
const COMPARING_MAX: SignedDuration = SignedDuration::from_secs(10);

/// A signed bundle to append.
#[derive(Debug, Clone)]
pub(crate) struct AppendJob {
    /// Tells this append from others of the same bundle.
    pub(crate) number: u64,
    pub(crate) bytes: Bytes,
    pub(crate) message_id: String,
    pub(crate) expected_last_own: Offset,
}

/// What the log says when it is reached: the engine compares it with its own journal before it appends anything.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// Last offset on the log.
    pub(crate) head: Offset,
    /// The record at the engine's own cursor, if there is one.
    pub(crate) at_cursor: Option<Record>,
    /// This organisation's last record.
    pub(crate) last_own: Option<Record>,
}

/// How an append ended, as far as the log said.
#[derive(Debug)]
pub(crate) enum Appended {
    /// Acknowledged at this offset.
    Acknowledged(Offset),
    /// Anything else: once the reader stands at `head`, the engine looks whether the bundle is there.
    Unknown {
        why: String,
        head: Offset,
        last_own: Option<Record>,
    },
    /// The log does not take a record of this size.
    TooLarge { why: String },
}

/// Doubling pauses with an end, so that an outage costs little and is noticed soon.
struct Pauses(Duration);

impl Pauses {
    const fn new() -> Self {
        Self::from(RETRY_PAUSE_MIN)
    }

    const fn from(first: Duration) -> Self {
        Self(first)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY_PAUSE_MAX);
    }
}

/// What the node's clock and the log's showed at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    /// The node's, before the log was asked.
    before: Timestamp,
    /// The log's.
    pub(crate) log: Timestamp,
    /// The node's, when the answer was here.
    after: Timestamp,
}

impl Comparison {
    /// By how much the log's clock was ahead of the node's at least; negative, if it was behind.
    pub(crate) fn log_ahead_by(&self) -> SignedDuration {
        self.log
            .duration_since(self.log.clamp(self.before, self.after))
    }
}

/// Compares the clocks whenever the engine asks for it, and from time to time unasked, so that a wrong one is noticed before a deadline
/// depends on it.
pub(crate) async fn compare_clocks(
    log: Arc<dyn SharedLog>,
    clock: Arc<dyn Clock>,
    engine: Mailbox,
    asked: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        let before = clock.now();
        let told = tokio::select! {
            () = stop.cancelled() => return,
            told = log.time() => told,
        };
        let after = clock.now();
        match told {
            Ok(log)
                if (SignedDuration::ZERO..COMPARING_MAX)
                    .contains(&after.duration_since(before)) =>
            {
                let comparison = Comparison { before, log, after };
                if engine.send(Input::Compared(comparison)).await.is_err() {
                    return;
                }
            }
            Ok(_) => debug!("the log took too long to tell its time, or this node's clock was set"),
            // The reader says that the log is lost; the engine asks again when it is reached.
            Err(error) => debug!(
                error = &error as &dyn std::error::Error,
                "the log does not tell its time"
            ),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = asked.notified() => {}
            () = tokio::time::sleep(COMPARED_AFTER) => {}
        }
    }
}

/// Reads the log for as long as the node runs, re-opening it from the engine's cursor whenever it is lost.
pub(crate) async fn read(log: Arc<dyn SharedLog>, engine: Mailbox, stop: CancellationToken) {
    let mut pauses = Pauses::new();
    loop {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = read_until_lost(&*log, &engine, &mut pauses) => outcome,
        };
        match outcome {
            Ok(()) => debug!("the engine ended the reading"),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "the log is lost; it will be tried again"
            ),
        }
        if engine.send(Input::Lost).await.is_err() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pauses.pause() => {}
        }
    }
}

async fn read_until_lost(
    log: &dyn SharedLog,
    engine: &Mailbox,
    pauses: &mut Pauses,
) -> Result<(), LogError> {
    let Ok(cursor) = engine.call(|engine| engine.cursor()).await else {
        return Ok(());
    };
    let reached = look(log, cursor).await?;
    let Ok(from) = engine.call(move |engine| engine.reached(reached)).await else {
        return Ok(());
    };
    let mut batches = log.follow(from).await?.ready_chunks(RECORDS_PER_BATCH_MAX);
    while let Some(batch) = batches.next().await {
        *pauses = Pauses::new();
        let mut records = Vec::with_capacity(batch.len());
        let mut lost = None;
        for record in batch {
            match record {
                Ok(record) => records.push(record),
                Err(error) => lost = Some(error),
            }
        }
        if !records.is_empty() && engine.send(Input::Records(records)).await.is_err() {
            return Ok(());
        }
        if let Some(error) = lost {
            return Err(error);
        }
    }
    Ok(())
}

async fn look(log: &dyn SharedLog, cursor: Offset) -> Result<Reached, LogError> {
    let at_cursor = if cursor == Offset(0) {
        None
    } else {
        log.record_at(cursor).await?
    };
    Ok(Reached {
        head: log.head().await?,
        at_cursor,
        last_own: log.last_own().await?,
    })
}

/// Appends what the engine hands over, one bundle at a time, and tells how it ended.
pub(crate) async fn append(
    log: Arc<dyn SharedLog>,
    engine: Mailbox,
    mut jobs: mpsc::Receiver<AppendJob>,
    stop: CancellationToken,
) {
    let mut pauses = Pauses::from(APPEND_PAUSE_MIN);
    loop {
        let job = tokio::select! {
            () = stop.cancelled() => return,
            job = jobs.recv() => match job { Some(job) => job, None => return },
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = append_and_look(&*log, &job, &mut pauses) => outcome,
        };
        if matches!(outcome, Appended::Acknowledged(_)) {
            pauses = Pauses::from(APPEND_PAUSE_MIN);
        }
        if engine
            .send(Input::Appended(job.number, outcome))
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn append_and_look(log: &dyn SharedLog, job: &AppendJob, pauses: &mut Pauses) -> Appended {
    let why = match log
        .append(job.bytes.clone(), &job.message_id, job.expected_last_own)
        .await
    {
        Ok(offset) => return Appended::Acknowledged(offset),
        Err(error @ AppendError::TooLarge { .. }) => {
            return Appended::TooLarge {
                why: error.to_string(),
            };
        }
        Err(error) => error.to_string(),
    };
    debug!(why, "no plain acknowledgement; looking at the log instead");
    loop {
        pauses.pause().await;
        if let (Ok(head), Ok(last_own)) = (log.head().await, log.last_own().await) {
            return Appended::Unknown {
                why,
                head,
                last_own,
            };
        }
    }
}
