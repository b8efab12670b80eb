//! Feeds, as the handle gives them: what takes long is counted in portions, so that nobody else waits for it.

use std::sync::Arc;

use concordat_domain::ids::EventId;
use concordat_trust::feed::{FeedStart, FeedStatement};

use super::Node;
use crate::audit::Reader;
use crate::engine::COUNTED_MAX;
use crate::error::Error;
use crate::feeds::{
    Commit, Committed, FeedFilter, FeedFollower, FeedOptions, FeedPlace, FeedShown, FeedView,
    Follow, Mark, ParkedView, Plan, Replayed, SignedStatement, Sought, Spot, position_text,
};
use crate::views::{Cursor, FeedEntry, FeedPage};

impl Node {
    /// Up to `max` feed entries after a cursor, void events of others left out; from the beginning, if none is given.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn feed(&self, after: Option<Cursor>, max: usize) -> Result<Vec<FeedEntry>, Error> {
        Ok(self.feed_page(after, false, max).await?.entries)
    }

    /// Up to `max` feed entries after a cursor, with the place up to which entries were looked at.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn feed_page(
        &self,
        after: Option<Cursor>,
        include_void: bool,
        max: usize,
    ) -> Result<FeedPage, Error> {
        self.mailbox
            .call(move |engine| engine.feed_after(after, include_void, max))
            .await?
    }

    /// Creates a named feed, or gives the one of that name unchanged; says whether it was there. Durable on return.
    ///
    /// # Errors
    /// [`Error::FeedName`], [`Error::TooManyFeeds`]; [`Error::UnknownCursor`], [`Error::PositionNotReached`] if the place is none here.
    pub async fn create_feed(
        &self,
        name: String,
        place: FeedPlace,
        options: FeedOptions,
    ) -> Result<(FeedView, bool), Error> {
        self.mailbox
            .promise(move |engine| engine.create_feed(&name, &place, options))
            .await
    }

    /// All named feeds, by name.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn feeds(&self) -> Result<Vec<FeedView>, Error> {
        self.mailbox.call(|engine| engine.feed_views()).await?
    }

    /// One named feed.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`].
    pub async fn named_feed(&self, name: String) -> Result<FeedView, Error> {
        self.mailbox
            .call(move |engine| engine.named_feed(&name))
            .await?
    }

    /// Changes what is in a feed from here on, or how it is shown. What is visible already is delivered under the old filter. Durable on
    /// return; whoever follows it must do so anew.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::FeedLimit`].
    pub async fn update_feed(
        &self,
        name: String,
        filter: Option<FeedFilter>,
        shown: Option<FeedShown>,
    ) -> Result<FeedView, Error> {
        self.mailbox
            .promise(move |engine| engine.update_feed(&name, filter, shown))
            .await
    }

    /// Deletes a feed with its parked entries. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`].
    pub async fn delete_feed(&self, name: String) -> Result<(), Error> {
        self.mailbox
            .promise(move |engine| engine.delete_feed(&name))
            .await
    }

    /// Follows a named feed; says how much of it is shown.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`]; [`Error::UnknownCursor`], with the place to resume at.
    pub async fn follow_feed(&self, follow: Follow) -> Result<(FeedFollower, FeedShown), Error> {
        let found = self
            .mailbox
            .call(move |engine| engine.follow_feed(&follow))
            .await?;
        let (mut following, shown) = found?;
        if let Some(target) = following.target {
            let (mark, _) = self.count(&following.plan, following.mark, target).await?;
            following.mark = mark;
        }
        let board = Arc::clone(&self.board);
        Ok((
            FeedFollower::new(self.mailbox.clone(), board, following),
            shown,
        ))
    }

    /// Follows without a feed being kept.
    ///
    /// # Errors
    /// As [`Self::create_feed`].
    pub async fn tail_feed(
        &self,
        place: FeedPlace,
        filter: FeedFilter,
    ) -> Result<FeedFollower, Error> {
        let following = self
            .mailbox
            .call(move |engine| engine.tail_feed(&place, filter))
            .await??;
        let board = Arc::clone(&self.board);
        Ok(FeedFollower::new(self.mailbox.clone(), board, following))
    }

    /// Commits how far a named feed was handled, and puts entries aside; a commit that comes late never takes the feed back. Durable on
    /// return.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::UnknownCursor`], [`Error::NotToPark`], [`Error::FeedLimit`].
    pub async fn commit_feed(&self, name: String, commit: Commit) -> Result<FeedView, Error> {
        let mut counted = None;
        loop {
            let (name, commit) = (name.clone(), commit.clone());
            let committed = self
                .mailbox
                .promise(move |engine| engine.commit_feed(&name, &commit, counted))
                .await?;
            match committed {
                Committed::Done(view) => return Ok(*view),
                Committed::CountOn(mark) => counted = Some(mark),
            }
        }
    }

    /// Puts a feed at a place, or only says what that would mean. Durable on return, together with the record of who did it.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::UnknownCursor`], [`Error::PositionNotReached`].
    pub async fn seek_feed(
        &self,
        name: String,
        place: FeedPlace,
        validate_only: bool,
        reader: Reader,
    ) -> Result<Sought, Error> {
        loop {
            let asked = (name.clone(), place.clone());
            let draft = self
                .mailbox
                .call(move |engine| engine.draft_seek(&asked.0, &asked.1))
                .await??;
            let (mark, _) = self.count(&draft.after, draft.near, draft.to).await?;
            let from = draft.before.normal(draft.from);
            let known = draft.after.generation(from.generation).is_some();
            let place_of = |mark: &Mark| (mark.generation, mark.offset);
            let (redelivered, skipped) = if !known {
                // Before all that the feed ever had: counted from there to where it stands.
                let generation = draft.after.last();
                let to = (
                    generation.generation,
                    generation.offset_of(draft.from_index),
                );
                (self.count(&draft.after, mark, to).await?.1, 0)
            } else if place_of(&mark) < place_of(&from) {
                (self.count(&draft.after, mark, place_of(&from)).await?.1, 0)
            } else {
                (0, self.count(&draft.after, from, place_of(&mark)).await?.1)
            };
            let sought = Sought {
                spot: draft.spot,
                mark,
                redelivered,
                skipped,
                access_record: None,
            };
            if validate_only {
                return Ok(sought);
            }
            let (name, reader) = (name.clone(), reader.clone());
            let access_record = self
                .mailbox
                .promise(move |engine| {
                    engine.seek_feed(&name, &draft, mark, (redelivered, skipped), reader)
                })
                .await?;
            // Otherwise the feed was changed meanwhile: what was counted is not of it.
            if access_record.is_some() {
                return Ok(Sought {
                    access_record,
                    ..sought
                });
            }
        }
    }

    /// The parked entries of a feed, in order.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`].
    pub async fn parked(&self, name: String) -> Result<Vec<ParkedView>, Error> {
        self.mailbox
            .call(move |engine| engine.parked(&name))
            .await?
    }

    /// Up to `max` parked entries once more, between two of them. They stay parked; that they were replayed, and by whom, is durable on
    /// return.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::NotParked`].
    pub async fn replay_parked(
        &self,
        name: String,
        between: (Option<Spot>, Option<Spot>),
        max: usize,
        reader: Reader,
    ) -> Result<Replayed, Error> {
        self.mailbox
            .promise(move |engine| engine.replay_parked(&name, between, max, &reader))
            .await
    }

    /// Drops a parked entry, for the reader's purpose; says how many wait still, and gives the access record. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::NotParked`].
    pub async fn drop_parked(
        &self,
        name: String,
        spot: Spot,
        reader: Reader,
    ) -> Result<(u64, EventId), Error> {
        self.mailbox
            .promise(move |engine| engine.drop_parked(&name, spot, reader))
            .await
    }

    /// Puts an entry into one feed, to test the way to its subscriber. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::FeedLimit`].
    pub async fn test_feed(&self, name: String) -> Result<(EventId, Spot), Error> {
        self.mailbox
            .promise(move |engine| engine.test_feed(&name))
            .await
    }

    /// A signed statement on what a feed delivers of a period: of a generation (0: the one in force), between two instants.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`], [`Error::UnknownGeneration`].
    pub async fn feed_statement(
        &self,
        name: String,
        generation: u32,
        period: (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
    ) -> Result<SignedStatement, Error> {
        let period = self
            .mailbox
            .call(move |engine| engine.feed_period(&name, generation, period))
            .await??;
        let number = period.generation.generation;
        let (first, last) = period.offsets;
        let (before, _) = self
            .count(&period.plan, period.near, (number, first))
            .await?;
        let (upto, _) = self.count(&period.plan, before, (number, last)).await?;
        let text_of = |spot: Option<Spot>| spot.map(|spot| spot.to_string()).unwrap_or_default();
        let (from, until) = (period.instants.0.to_string(), period.instants.1.to_string());
        let text = FeedStatement {
            start: FeedStart {
                partnership: &period.partnership,
                organisation: period.plan.organisation.as_str(),
                feed: &period.plan.name,
                uid: &period.plan.uid,
                generation: number,
                filter: period.generation.filter.hash(),
            },
            period: (&from, &until),
            before: (before.number, before.digest),
            upto: (upto.number, upto.digest),
            cursors: (&text_of(period.ends.0), &text_of(period.ends.1)),
            head: &period.head.map(position_text).unwrap_or_default(),
            made_at: &period.made_at.to_string(),
        }
        .text();
        let signed = text.clone();
        let (signature, key_id) = self
            .mailbox
            .call(move |engine| engine.sign_feed_statement(&signed))
            .await?;
        Ok(SignedStatement {
            text,
            signature,
            key_id,
            before,
            upto,
        })
    }

    /// Counts from a mark to a place, in portions; gives the mark there and the entries on the way.
    async fn count(
        &self,
        plan: &Arc<Plan>,
        from: Mark,
        to: (u32, u64),
    ) -> Result<(Mark, u64), Error> {
        let (mut mark, mut delivered) = (from, 0);
        while (mark.generation, mark.offset) < to {
            let (plan, at) = (Arc::clone(plan), mark);
            let counted = self
                .mailbox
                .call(move |engine| engine.feed_count(&plan, at, to, COUNTED_MAX))
                .await??;
            if counted.mark == mark {
                break;
            }
            mark = counted.mark;
            delivered += counted.delivered;
        }
        Ok((mark, delivered))
    }
}
