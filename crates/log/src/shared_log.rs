//! The contract of the shared log.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::{AppendError, Error};

/// Longest record the log takes: the longest bundle (wire.md 1). A longer one is refused before it leaves the node.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;

/// A place in the courier's own sequence: 1 for the first record, 0 for "before the first".
///
/// It says nothing about admission and is no position: a rebuilt broker numbers anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// One record as the log handed it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub offset: Offset,
    /// The organisation's token of the subject it came under. Informative only: who wrote it is proved by the
    /// signature inside.
    pub author: String,
    /// The bytes as appended.
    pub bytes: Bytes,
}

/// What [`SharedLog::follow`] gives.
pub type RecordStream = BoxStream<'static, Result<Record, Error>>;

/// One organisation's handle on its partnership's log. This is the contract each adapter keeps:
///
/// - **Order.** All readers see the same records at the same offsets, rising. Offsets of different records differ;
///   between them the courier may leave holes.
/// - **Fence.** Per author, an append takes effect only if the author's last record is the expected one. Of two writers
///   for one organisation that expect the same, at most one is acknowledged. Other authors never disturb the fence.
/// - **Durability.** An acknowledged record is durable as far as the courier promises it: embedded, synced to the disk;
///   JetStream, stored by a quorum, and synced only if the servers run `sync_interval: always`, which no client can see.
///   That is why the node's own journal, not the log, is the record.
/// - **Acknowledgement.** `Ok(offset)` means: these bytes stand at that offset. Every other answer means "unknown", except
///   [`AppendError::TooLarge`].
/// - **Visibility.** What `last_own` or `follow` has shown stays (as durability above); what is acknowledged is shown by
///   every later `last_own`, `head` and `record_at`, and in time by every follower.
/// - **Time.** `time` is the courier's own clock, never the caller's: it exists to be compared with that. It is the time at some moment
///   between call and answer, and the same clock for all handles of a log.
/// - **Cancellation.** Every method may be dropped at any await. A dropped `append` is an uncertain one. A dropped
///   stream of `follow` loses nothing: the cursor is the caller's.
#[async_trait]
pub trait SharedLog: Send + Sync + 'static {
    /// Appends under the author's own subject, provided that the author's last record stands at `expected_last_own`
    /// (`Offset(0)`: that there is none).
    ///
    /// `message_id` is one never used before, that nobody can guess (bundle hash and random), as some adapters drop a
    /// message whose id is known to them.
    async fn append(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError>;

    /// The author's last record; `None` if it has none.
    async fn last_own(&self) -> Result<Option<Record>, Error>;

    /// The record at `offset`; `None` if there is none.
    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error>;

    /// Offset of the last record; `Offset(0)` if the log is empty.
    async fn head(&self) -> Result<Offset, Error>;

    /// Every record after `after`, in order and each once, then live. Ends after the first error; the caller re-opens
    /// from its own cursor. Never skips a record that exists.
    async fn follow(&self, after: Offset) -> Result<RecordStream, Error>;

    /// What the log's own clock shows. A node that acts on deadlines compares it with its own (design, section 7).
    async fn time(&self) -> Result<Timestamp, Error>;

    /// Whether the log could be reached when last heard of. Best knowledge, for display.
    fn connected(&self) -> bool;
}
