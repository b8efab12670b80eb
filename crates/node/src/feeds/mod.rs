//! Named feeds, as far as they need no engine: what is in one, how it counts, who is woken when something comes.
//!
//! ```text
//! engine ─ entries of a turn ─▶ board: the last entries, decoded once ─▶ router: wakes the followers whose filter may match
//!                                        ▲                                        │
//!                                        └────────── follower: filters, counts, chains ◀┘      content: one call to the engine a page
//! ```
//!
//! A feed is a fixed sequence: generation by generation, each with one filter over a stretch of the node's index. What an entry is matched by is
//! kept with it when it becomes visible, so that number and digest of each entry follow from index and filter alone and are the same
//! whenever and however often it is delivered.

mod board;
mod count;
mod entry;
mod filter;
mod follower;
mod plan;
mod views;

pub use board::FeedEnd;
pub(crate) use board::{Board, route};
pub use count::Mark;
pub(crate) use count::{Step, step};
pub(crate) use entry::{Entry, Facets, What};
pub use entry::{Spot, position_text};
pub use filter::{CONTENT_AVAILABLE, FeedDeadlineState, FeedFilter, FeedRole};
pub(crate) use follower::Following;
pub use follower::{Delivered, FeedFollower, FeedPortion, Follow};
pub(crate) use plan::{Found, Plan};
pub use plan::{Generation, Snapshot};
pub use views::{
    Commit, FeedOptions, FeedPlace, FeedShown, FeedView, ParkedView, Replayed, SignedStatement,
    Sought,
};
pub(crate) use views::{Committed, FeedPeriod, SeekDraft};
