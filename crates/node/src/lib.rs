//! The shell around the core: one engine thread that owns the state, two tasks that carry bundles, and a handle.
//!
//! ```text
//! Node (handle) ──call──▶ engine: judge · draft · seal · sign · commit ──job──▶ append ─▶ shared log
//!                            ▲   admit · journal · open · judge · fold · feed ◀── read ◀──┘
//! ```
//!
//! The engine is a plain state machine on a thread of its own: whatever waits while it syncs forms the next bundle. It knows no
//! gRPC and no broker. What it may not do without: the store ([`concordat_store`]), a clock ([`clock`]) and randomness.

pub mod audit;
pub mod clock;
mod courier;
mod draft;
mod due;
mod emission;
mod engine;
mod error;
mod failure;
mod feeds;
mod mailbox;
mod node;
pub mod pack;
pub mod sandbox;
mod views;

pub use due::{CaseQuery, DueDeadline, DuePage, DuePlace, DueQuery, DueState};
pub use emission::{BatchEmission, Emission, EventSince, Meanwhile, Receipt, Ruled, Ruling, Stage};
pub use engine::DIRECTORY as NO_CASE;
pub use error::Error;
pub use failure::Failure;
pub use feeds::{
    CONTENT_AVAILABLE, Commit, Delivered, FeedDeadlineState, FeedEnd, FeedFilter, FeedFollower,
    FeedOptions, FeedPlace, FeedPortion, FeedRole, FeedShown, FeedView, Follow, Generation, Mark,
    ParkedView, Replayed, SignedStatement, Snapshot, Sought, Spot, position_text,
};
pub use node::{Node, NodeConfig};
pub use views::{
    CaseView, ClockGuard, Cursor, DraftView, EventView, Exposure, FeedContent, FeedEntry, FeedPage,
    Histories, OwnRecord, Publishing, Rulebook, Status, Upto,
};
