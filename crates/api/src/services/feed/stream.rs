//! One stream of a feed: what there is, then what comes, with signals that tell quiet from broken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use concordat_node::clock::Clock;
use concordat_node::{Error, FeedEnd, FeedFollower, FeedShown, Spot};
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::asked::cursor_text;
use super::pace::{Pace, Watcher};
use super::told;
use crate::failure::from_node;
use crate::holders::Hold;
use crate::services::Services;

/// How often a quiet stream says that it lives: below what firewalls and proxies cut.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Entries resolved in one go. A subscriber that does not read holds back no more than these.
const ENTRIES_MAX: usize = 32;
/// When to come back after the server has closed a stream.
const COME_BACK: Duration = Duration::from_secs(1);

/// What is streamed, as messages.
pub(super) type Messages = BoxStream<'static, Result<v1::StreamFeedResponse, Status>>;

/// A stream under way. It lives in the connection: it is polled as fast as the subscriber reads, and dropped when that goes.
pub(super) struct Streaming {
    follower: FeedFollower,
    shown: FeedShown,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// None for a stream of what is not kept.
    hold: Option<Hold>,
    /// Up to where everything was sent.
    sent: String,
    /// What comes next.
    ready: VecDeque<Content>,
    watcher: Watcher,
    ended: bool,
}

impl Streaming {
    pub(super) fn new(
        services: &Services,
        hold: Option<Hold>,
        (follower, shown): (FeedFollower, FeedShown),
    ) -> Self {
        Self {
            sent: cursor_text(follower.stand().spot),
            follower,
            shown,
            clock: Arc::clone(&services.clock),
            stop: services.stop.clone(),
            hold,
            ready: VecDeque::new(),
            watcher: Watcher::default(),
            ended: false,
        }
    }

    pub(super) fn into_stream(self) -> Messages {
        stream::unfold(self, |mut streaming| async move {
            let content = streaming.next().await?;
            Some((content.map(message), streaming))
        })
        .boxed()
    }

    /// The next message; none after the one that closes the stream.
    async fn next(&mut self) -> Option<Result<Content, Status>> {
        loop {
            self.close_if_told();
            if let Some(content) = self.ready.pop_front() {
                if let Some(cursor) = cursor_of(&content) {
                    cursor.clone_into(&mut self.sent);
                }
                return Some(Ok(content));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill().await {
                self.ended = true;
                return Some(Err(from_node(error).into()));
            }
        }
    }

    /// Makes something ready, or waits until something may be.
    async fn fill(&mut self) -> Result<(), Error> {
        let portion = self.follower.portion(ENTRIES_MAX).await?;
        if self.follower.ended().is_some() {
            // What was found may be of the feed as it was: the next look closes the stream.
            return Ok(());
        }
        let (lag, some) = (portion.lag, !portion.entries.is_empty());
        let place = told::checkpoint(&portion, self.clock.now());
        let shown = self.shown;
        let entries = portion.entries.into_iter();
        self.ready
            .extend(entries.map(|entry| told::content(entry, shown)));
        if some {
            match self.watcher.behind_by(lag, Instant::now()) {
                Pace::Fine => {}
                Pace::FellBehind => self.ready.push_back(Content::FellBehind(place)),
                Pace::TooSlow => {
                    self.ready.clear();
                    self.close("too-slow", COME_BACK);
                }
            }
            return Ok(());
        }
        if lag > 0 {
            return Ok(());
        }
        if self.watcher.caught_up() {
            self.ready.push_back(Content::CaughtUp(place));
            return Ok(());
        }
        if self.is_quiet().await {
            let place = told::checkpoint(&self.follower.stand(), self.clock.now());
            self.ready.push_back(Content::Checkpoint(place));
        }
        Ok(())
    }

    /// Waits until something may have come, or is to be said; says whether only time has passed.
    async fn is_quiet(&self) -> bool {
        let taken_over = async {
            match &self.hold {
                Some(hold) => hold.taken_over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Told to close: the next look does it.
            () = self.stop.cancelled() => false,
            () = taken_over => false,
            () = self.follower.woken() => false,
            () = tokio::time::sleep(HEARTBEAT) => true,
        }
    }

    /// Whoever lost the feed, or is served by a node that stops, gets no further entry: somebody else may be handling them already.
    fn close_if_told(&mut self) {
        if self.ended {
            return;
        }
        let (reason, pause) = if self.hold.as_ref().is_some_and(Hold::is_taken_over) {
            ("taken-over", COME_BACK)
        } else if self.stop.is_cancelled() {
            ("shutdown", COME_BACK)
        } else {
            match self.follower.ended() {
                Some(FeedEnd::Changed) => ("changed", Duration::ZERO),
                Some(FeedEnd::Deleted) => ("deleted", COME_BACK),
                None => return,
            }
        };
        self.ready.clear();
        self.close(reason, pause);
    }

    fn close(&mut self, reason: &str, pause: Duration) {
        self.ended = true;
        self.ready.push_back(Content::Closing(v1::Closing {
            reason: reason.to_owned(),
            retry_after: prost_types::Duration::try_from(pause).ok(),
            cursor: self.sent.clone(),
        }));
    }
}

/// The cursor of what is sent; none of what says itself where the stream stands.
fn cursor_of(content: &Content) -> Option<&str> {
    Some(match content {
        Content::Event(entry) => &entry.cursor,
        Content::ContentAvailable(entry) => &entry.cursor,
        Content::Snapshot(entry) => &entry.cursor,
        Content::FeedTest(entry) => &entry.cursor,
        Content::Checkpoint(place) | Content::CaughtUp(place) | Content::FellBehind(place) => {
            &place.cursor
        }
        Content::Closing(_) | Content::ResyncRequired(_) => return None,
    })
}

fn message(content: Content) -> v1::StreamFeedResponse {
    v1::StreamFeedResponse {
        content: Some(content),
    }
}

/// Says that a cursor is not known here, with a place that is.
pub(super) fn resync(resume: Option<Spot>) -> v1::ResyncRequired {
    v1::ResyncRequired {
        reason: "unknown-cursor".to_owned(),
        cursor: cursor_text(resume),
    }
}

/// A stream that says nothing but that: an error code alone would leave the subscriber without a way on.
pub(super) fn only_resync(resume: Option<Spot>) -> Messages {
    let told = message(Content::ResyncRequired(resync(resume)));
    stream::once(async { Ok(told) }).boxed()
}
