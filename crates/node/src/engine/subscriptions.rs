//! Named feeds: who follows, and how far each has come (design, section 8).

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use super::Engine;
use crate::error::Error;
use crate::views::{Cursor, FeedStart, FeedView};

/// Longest name of a feed, in bytes.
const NAME_BYTES_MAX: usize = 63;
/// Feeds that a node keeps; the next one is refused.
const FEEDS_MAX: usize = 10_000;

/// A named feed as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscription {
    cursor: Option<Cursor>,
    include_void: bool,
    committed_at: Option<Timestamp>,
}

impl Engine {
    /// Creates a feed, or gives the one of that name as it is; says whether it was there.
    pub(crate) fn create_feed(
        &mut self,
        name: &str,
        start: FeedStart,
        include_void: bool,
    ) -> Result<(FeedView, bool), Error> {
        if !is_feed_name(name) {
            return Err(Error::FeedName);
        }
        if let Some(known) = self.subscription(name)? {
            return Ok((self.feed_view(name.to_owned(), &known)?, true));
        }
        let feeds = self.store.feed().cursors().count();
        if feeds >= FEEDS_MAX {
            return Err(Error::TooManyFeeds { limit: FEEDS_MAX });
        }
        let subscription = Subscription {
            cursor: match start {
                FeedStart::Beginning => None,
                FeedStart::Now => self.feed_last,
            },
            include_void,
            committed_at: None,
        };
        self.keep_subscription(name, &subscription)?;
        Ok((self.feed_view(name.to_owned(), &subscription)?, false))
    }

    /// All feeds, by name.
    pub(crate) fn feeds(&self) -> Result<Vec<FeedView>, Error> {
        let mut feeds = Vec::new();
        for feed in self.store.feed().cursors() {
            let (name, bytes) = feed?;
            feeds.push(self.feed_view(name, &decode(&bytes)?)?);
        }
        Ok(feeds)
    }

    /// The feed of that name.
    pub(crate) fn named_feed(&self, name: &str) -> Result<FeedView, Error> {
        let subscription = self.subscription(name)?.ok_or(Error::UnknownFeed)?;
        self.feed_view(name.to_owned(), &subscription)
    }

    /// Sets how far a subscriber has come. A commit that comes late never takes it back.
    pub(crate) fn commit_feed(&mut self, name: &str, cursor: Cursor) -> Result<FeedView, Error> {
        let mut subscription = self.subscription(name)?.ok_or(Error::UnknownFeed)?;
        self.require_cursor(cursor)?;
        if subscription.cursor.is_none_or(|before| before < cursor) {
            subscription.cursor = Some(cursor);
        }
        subscription.committed_at = Some(self.now());
        self.keep_subscription(name, &subscription)?;
        self.feed_view(name.to_owned(), &subscription)
    }

    /// Refuses a cursor that no entry has.
    pub(crate) fn require_cursor(&self, cursor: Cursor) -> Result<(), Error> {
        if self.is_cursor(cursor)? {
            Ok(())
        } else {
            Err(Error::UnknownCursor {
                resume: self.cursor_before(cursor)?,
            })
        }
    }

    fn subscription(&self, name: &str) -> Result<Option<Subscription>, Error> {
        let bytes = self.store.feed().cursor(name)?;
        bytes.map(|bytes| decode(&bytes)).transpose()
    }

    fn keep_subscription(&mut self, name: &str, kept: &Subscription) -> Result<(), Error> {
        let bytes = serde_json::to_vec(kept)
            .map_err(|_| Error::Corrupt("a feed does not serialise".to_owned()))?;
        Ok(self
            .store
            .feed()
            .set_cursor(&mut self.batch, name, &bytes)?)
    }

    fn feed_view(&self, name: String, kept: &Subscription) -> Result<FeedView, Error> {
        Ok(FeedView {
            name,
            cursor: kept.cursor,
            lag: self.lag(kept.cursor)?,
            include_void: kept.include_void,
            committed_at: kept.committed_at,
        })
    }
}

fn decode(bytes: &[u8]) -> Result<Subscription, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Corrupt("a feed does not decode".to_owned()))
}

/// A lower-case letter, then up to 62 lower-case letters, digits and hyphens.
fn is_feed_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase();
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(letters)
        && name.bytes().all(rest)
}
