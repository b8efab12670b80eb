//! One who follows a feed: looks at what comes, counts it, and has the engine resolve what is delivered.

use std::sync::Arc;

use concordat_domain::ids::Position;

use super::board::{Board, FeedEnd, Place};
use super::count::{Mark, step};
use super::entry::Spot;
use super::plan::{Found, Plan};
use crate::error::Error;
use crate::mailbox::Mailbox;
use crate::views::FeedContent;

/// Places looked at in one go: a filter that wants little must not keep its follower from hearing anything else.
pub(crate) const LOOKED_AT_MAX: usize = 1024;

/// Where one starts to follow. Made in the engine's thread, so that no change of the feed is missed.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) plan: Arc<Plan>,
    pub(crate) place: Place,
    pub(crate) mark: Mark,
    pub(crate) spot: Option<Spot>,
    /// Generation and offset up to which is to be counted first.
    pub(crate) target: Option<(u32, u64)>,
}

/// What to follow.
#[derive(Debug, Clone)]
pub enum Follow {
    /// A feed, behind its committed cursor.
    Committed(String),
    /// A feed, behind a cursor.
    After(String, Spot),
}

/// One entry as it is delivered.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Its cursor.
    pub spot: Spot,
    /// What was counted up to it, itself among it.
    pub mark: Mark,
    /// What it tells, with content as it may be read now.
    pub content: FeedContent,
}

/// What was found in one go, and where that leaves the follower.
#[derive(Debug, Clone)]
pub struct FeedPortion {
    /// The entries in order.
    pub entries: Vec<Delivered>,
    /// Cursor of the place behind all that was looked at; none at the very beginning.
    pub spot: Option<Spot>,
    /// What was counted up to there.
    pub mark: Mark,
    /// Entries of the index behind that place.
    pub lag: u64,
    /// Position of the last bundle that the node has applied.
    pub head: Option<Position>,
}

/// Follows a feed from a place on.
pub struct FeedFollower {
    mailbox: Mailbox,
    board: Arc<Board>,
    plan: Arc<Plan>,
    place: Place,
    mark: Mark,
    spot: Option<Spot>,
}

impl FeedFollower {
    pub(crate) fn new(mailbox: Mailbox, board: Arc<Board>, following: Following) -> Self {
        let Following {
            plan,
            place,
            mark,
            spot,
            target: _,
        } = following;
        Self {
            mailbox,
            board,
            mark: plan.normal(mark),
            plan,
            place,
            spot,
        }
    }

    /// Looks on: at most `max` entries, and at most some thousand places. Without entries and with a lag of 0, all has been seen.
    ///
    /// # Errors
    /// [`Error::Stopping`]; [`Error::Corrupt`] or [`Error::Store`] if the index cannot be read.
    pub async fn portion(&mut self, max: usize) -> Result<FeedPortion, Error> {
        let mut wanted = Vec::new();
        let (mut mark, mut spot, mut looked_at) = (self.mark, self.spot, 0);
        'looking: while wanted.len() < max && looked_at < LOOKED_AT_MAX {
            let found = self.look(mark, LOOKED_AT_MAX - looked_at).await?;
            if found.is_empty() {
                break;
            }
            let Some(generation) = self.plan.generation(mark.generation) else {
                break;
            };
            for one in found {
                let stepped = step(&self.plan, generation, mark, &one);
                (mark, spot) = (stepped.mark, Some(stepped.spot));
                looked_at += 1;
                if stepped.delivered {
                    wanted.push((stepped, one));
                    if wanted.len() == max {
                        mark = self.plan.normal(mark);
                        break 'looking;
                    }
                }
            }
            mark = self.plan.normal(mark);
        }
        let entries = self.resolve(wanted).await?;
        (self.mark, self.spot) = (mark, spot);
        Ok(self.portion_of(entries))
    }

    /// Where it stands, without looking on.
    #[must_use]
    pub fn stand(&self) -> FeedPortion {
        self.portion_of(Vec::new())
    }

    /// Ends when something may have come, or the feed must be followed anew. Cancel safe.
    pub async fn woken(&self) {
        self.place.woken().await;
    }

    /// Why the feed must be followed anew, if it must. What was found since is not to be delivered.
    #[must_use]
    pub fn ended(&self) -> Option<FeedEnd> {
        self.place.ended()
    }

    fn portion_of(&self, entries: Vec<Delivered>) -> FeedPortion {
        let (next, head) = self.board.stand();
        FeedPortion {
            entries,
            spot: self.spot,
            mark: self.mark,
            lag: self.plan.lag(&self.mark, next),
            head,
        }
    }

    /// Places from a mark on, within its generation.
    async fn look(&self, mark: Mark, max: usize) -> Result<Vec<Found>, Error> {
        let Some(generation) = self.plan.generation(mark.generation) else {
            return Ok(Vec::new());
        };
        if let Some(index) = generation.index_at(mark.offset) {
            let left = generation
                .end
                .map_or(u64::MAX, |end| end.saturating_sub(index));
            let max = max.min(usize::try_from(left).unwrap_or(usize::MAX));
            if let Some(entries) = self.board.entries_from(index, max) {
                return Ok(entries.into_iter().map(Found::Entry).collect());
            }
        }
        let plan = Arc::clone(&self.plan);
        self.mailbox
            .call(move |engine| engine.feed_found(&plan, mark, max))
            .await?
    }

    /// What is delivered, with content: one call for all of it.
    async fn resolve(&self, wanted: Vec<(super::Step, Found)>) -> Result<Vec<Delivered>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let plan = Arc::clone(&self.plan);
        self.mailbox
            .call(move |engine| {
                let resolved = wanted.into_iter().map(|(stepped, found)| {
                    Ok(Delivered {
                        spot: stepped.spot,
                        mark: stepped.mark,
                        content: engine.feed_content_of(&plan, stepped.mark.generation, &found)?,
                    })
                });
                resolved.collect()
            })
            .await?
    }
}
