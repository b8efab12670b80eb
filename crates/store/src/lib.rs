//! The node's durable store: one directory, one sled database, one writer.
//!
//! What the node has acknowledged lives here, first of all the journal: with the journals of the partnership the log can
//! be rebuilt, without them it cannot (design, decision 2). Everything is written in batches: [`Store::write`] makes a
//! batch visible at once and whole, [`Store::commit`] also makes it durable before it returns.
//!
//! sled `=0.34.7` needs care, and all of it is taken here (research/feasibility.md C4): `flush` alone is not durable on
//! Linux, large pages go to unsynced files, and nothing tells a caller that a value was damaged.
//!
//! This crate knows bytes, not their meaning: it does not decode a bundle, judge, or read a clock. What is confidential
//! at rest (drafts, projections, feed entries, keys) is encrypted under a key file beside the database.

mod areas;
mod batch;
mod config;
mod engine;
mod error;
mod frame;
mod generation;
mod keys;
mod seal;
mod store;

pub use areas::{
    Admission, CaseId, Cases, Drafts, Due, EventId, Events, Feed, FeedExtras, FeedOffset,
    FeedTally, HighWater, InFlight, Journal, JournalRecord, KnownEvent, Meta, Place, Projections,
    Quarantine, Tree, Vault,
};
pub use batch::Batch;
pub use config::StoreConfig;
pub use error::Error;
pub use frame::VALUE_BYTES_MAX;
pub use store::Store;
