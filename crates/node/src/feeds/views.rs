//! What is asked of feeds and what they answer.

use std::sync::Arc;

use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_trust::signing::Signature;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::count::Mark;
use super::entry::Spot;
use super::filter::FeedFilter;
use super::follower::Delivered;
use super::plan::{Generation, Plan};

/// A place to start at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedPlace {
    /// The first entry that there is.
    Beginning,
    /// What comes from now on.
    Now,
    /// Each case as it stands now, then what comes.
    Snapshot,
    /// The first entry that became visible at this position or later.
    Position(Position),
    /// The first entry that became visible at this instant, by the node's clock, or later.
    Time(Timestamp),
    /// Behind a cursor.
    After(Spot),
}

/// How much of each event a feed shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedShown {
    /// All that may be read.
    #[default]
    Full,
    /// That something happened: no body, and nothing else of `process`.
    Signal,
}

/// What a feed is made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedOptions {
    /// What is in it.
    pub filter: FeedFilter,
    /// How much is shown.
    pub shown: FeedShown,
}

/// A named feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedView {
    /// Its name.
    pub name: String,
    /// The committed cursor; none at the beginning.
    pub cursor: Option<Spot>,
    /// Entries behind it, those that the filter leaves out counted as well.
    pub lag: u64,
    /// What is in it.
    pub filter: FeedFilter,
    /// How much is shown.
    pub shown: FeedShown,
    /// What was counted up to the committed cursor.
    pub mark: Mark,
    /// Entries that wait aside.
    pub parked: u64,
    /// When a cursor was committed last.
    pub committed_at: Option<Timestamp>,
    /// When it was made; none for one of an earlier release.
    pub created_at: Option<Timestamp>,
    /// Its random id.
    pub uid: String,
    /// Its generations, the oldest first, each with the cursor behind which it begins.
    pub generations: Vec<(Generation, Option<Spot>)>,
}

/// What is to be committed.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Cursor up to which all was handled or put aside.
    pub spot: Spot,
    /// Entries that are put aside, each with a reason.
    pub parked: Vec<(Spot, String)>,
}

/// What a commit came to.
#[derive(Debug)]
pub(crate) enum Committed {
    /// It is done.
    Done(Box<FeedView>),
    /// It is far ahead: counted so far, ask again from here.
    CountOn(Mark),
}

/// An entry that waits aside.
#[derive(Debug, Clone)]
pub struct ParkedView {
    /// Its cursor.
    pub spot: Spot,
    /// Its case; none for what is tied to none.
    pub case: Option<CaseId>,
    /// Why, as the subscriber's code.
    pub reason: String,
    /// When it was put aside.
    pub parked_at: Timestamp,
    /// How often it was replayed.
    pub replays: u32,
    /// When last.
    pub replayed_at: Option<Timestamp>,
}

/// Parked entries once more.
#[derive(Debug)]
pub struct Replayed {
    /// They, in order.
    pub entries: Vec<Delivered>,
    /// Parked entries behind the last of them, as far as asked for.
    pub remaining: u64,
    /// How much is shown of them.
    pub shown: FeedShown,
    /// The access records that were written: one for each case.
    pub access_records: Vec<EventId>,
}

/// Where a feed was put, or would be.
#[derive(Debug, Clone)]
pub struct Sought {
    /// Cursor there.
    pub spot: Option<Spot>,
    /// What was counted up to there.
    pub mark: Mark,
    /// Entries that are delivered again.
    pub redelivered: u64,
    /// Entries that are never delivered.
    pub skipped: u64,
    /// The access record that was written; none if nothing was changed.
    pub access_record: Option<EventId>,
}

/// What a seek would change, before it is counted.
#[derive(Debug, Clone)]
pub(crate) struct SeekDraft {
    /// The plan as it was.
    pub(crate) before: Arc<Plan>,
    /// The plan as it would be.
    pub(crate) after: Arc<Plan>,
    /// Where the feed stands.
    pub(crate) from: Mark,
    /// Index of the entry at which it stands.
    pub(crate) from_index: u64,
    /// Generation and offset where it is to stand.
    pub(crate) to: (u32, u64),
    /// Cursor there.
    pub(crate) spot: Option<Spot>,
    /// A place before that of which the count is known.
    pub(crate) near: Mark,
}

/// What a statement is made from, before it is counted.
#[derive(Debug, Clone)]
pub(crate) struct FeedPeriod {
    pub(crate) plan: Arc<Plan>,
    pub(crate) generation: Generation,
    /// Offsets of its ends.
    pub(crate) offsets: (u64, u64),
    /// Cursors there.
    pub(crate) ends: (Option<Spot>, Option<Spot>),
    /// The period as it holds.
    pub(crate) instants: (Timestamp, Timestamp),
    /// A place before the first end of which the count is known.
    pub(crate) near: Mark,
    pub(crate) partnership: String,
    pub(crate) head: Option<Position>,
    pub(crate) made_at: Timestamp,
}

/// A signed statement on what a feed delivered.
#[derive(Debug, Clone)]
pub struct SignedStatement {
    /// What is signed.
    pub text: String,
    /// The signature of the organisation.
    pub signature: Signature,
    /// Id of the key.
    pub key_id: String,
    /// What was counted before the period.
    pub before: Mark,
    /// What was counted at its end.
    pub upto: Mark,
}
