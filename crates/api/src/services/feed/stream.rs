//! One stream of a feed: what there is, then what comes, with signals that tell quiet from broken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use concordat_node::clock::Clock;
use concordat_node::{Cursor, Error, FeedContent, FeedEntry, FeedPage, Node};
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::failure::from_node;
use crate::holders::Hold;
use crate::services::Services;
use crate::{opaque, render};

/// How often a quiet stream says that it lives: below what firewalls and proxies cut.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Entries resolved in one go. A subscriber that does not read holds back no more than these.
const ENTRIES_MAX: usize = 32;
/// When to come back after the server has closed a stream.
const COME_BACK: Duration = Duration::from_secs(1);

/// A stream under way. It lives in the connection: it is polled as fast as the subscriber reads, and dropped when that goes.
pub(super) struct Streaming {
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    hold: Hold,
    include_void: bool,
    /// Up to where everything was sent.
    cursor: Option<Cursor>,
    /// Up to where entries were looked at.
    scanned: Option<Cursor>,
    changes: watch::Receiver<u64>,
    /// What comes next, each entry with its place.
    ready: VecDeque<(Option<Cursor>, Content)>,
    begun: bool,
    caught_up: bool,
    ended: bool,
}

/// Why a stream that has sent everything goes on.
enum Woken {
    Changed,
    Quiet,
    NodeEnded,
}

impl Streaming {
    pub(super) fn new(
        services: &Services,
        hold: Hold,
        include_void: bool,
        after: Option<Cursor>,
    ) -> Self {
        Self {
            changes: services.node.feed_changes(),
            node: Arc::clone(&services.node),
            clock: Arc::clone(&services.clock),
            stop: services.stop.clone(),
            hold,
            include_void,
            cursor: after,
            scanned: after,
            ready: VecDeque::new(),
            begun: false,
            caught_up: false,
            ended: false,
        }
    }

    pub(super) fn into_stream(self) -> BoxStream<'static, Result<v1::StreamFeedResponse, Status>> {
        stream::unfold(self, |mut streaming| async move {
            let content = streaming.next().await?;
            let message = content.map(|content| v1::StreamFeedResponse {
                content: Some(content),
            });
            Some((message, streaming))
        })
        .boxed()
    }

    /// The next message; none after the one that closes the stream.
    async fn next(&mut self) -> Option<Result<Content, Status>> {
        loop {
            self.close_if_told();
            if let Some((place, content)) = self.ready.pop_front() {
                self.cursor = place.or(self.cursor);
                return Some(Ok(content));
            }
            if self.ended {
                return None;
            }
            self.cursor = self.scanned;
            if let Err(error) = self.fill().await {
                self.ended = true;
                return Some(Err(from_node(error).into()));
            }
        }
    }

    /// Makes at least one message ready, or waits until one may be.
    async fn fill(&mut self) -> Result<(), Error> {
        if !self.begun {
            self.begun = true;
            return self.resume().await;
        }
        // Marked as seen before the page is read: what comes in between wakes the stream again.
        self.changes.mark_unchanged();
        let page = self
            .node
            .feed_page(self.scanned, self.include_void, ENTRIES_MAX)
            .await?;
        let more = page.scanned_to != self.scanned;
        self.scanned = page.scanned_to;
        let head = page.head.map(opaque::position).unwrap_or_default();
        let entries = page.entries.into_iter();
        self.ready
            .extend(entries.map(|entry| (Some(entry.cursor), content(entry))));
        if more {
            return Ok(());
        }
        if !self.caught_up {
            self.caught_up = true;
            self.say(Content::CaughtUp(self.checkpoint(head)));
            return Ok(());
        }
        match self.wait().await {
            Woken::Changed => {}
            Woken::Quiet => {
                let FeedPage { head, .. } = self.node.feed_page(self.scanned, false, 0).await?;
                let head = head.map(opaque::position).unwrap_or_default();
                self.say(Content::Checkpoint(self.checkpoint(head)));
            }
            Woken::NodeEnded => self.close("shutdown"),
        }
        Ok(())
    }

    /// Checks the place to resume at. One that is not known here is told in the stream, with a place that is: an error code alone would
    /// leave the subscriber without a way on.
    async fn resume(&mut self) -> Result<(), Error> {
        let Some(cursor) = self.cursor else {
            return Ok(());
        };
        match self.node.require_cursor(cursor).await {
            Err(Error::UnknownCursor { resume }) => {
                self.ended = true;
                self.say(Content::ResyncRequired(v1::ResyncRequired {
                    reason: "unknown-cursor".to_owned(),
                    cursor: resume.map(opaque::cursor).unwrap_or_default(),
                }));
                Ok(())
            }
            checked => checked,
        }
    }

    /// Whoever lost the feed, or is served by a node that stops, gets no further entry: somebody else may be handling them already.
    fn close_if_told(&mut self) {
        if self.ended {
            return;
        }
        let reason = if self.hold.is_taken_over() {
            "taken-over"
        } else if self.stop.is_cancelled() {
            "shutdown"
        } else {
            return;
        };
        self.ready.clear();
        self.close(reason);
    }

    fn say(&mut self, content: Content) {
        self.ready.push_back((None, content));
    }

    async fn wait(&mut self) -> Woken {
        tokio::select! {
            // Told to close: the next look does it.
            () = self.stop.cancelled() => Woken::Changed,
            () = self.hold.taken_over() => Woken::Changed,
            changed = self.changes.changed() => match changed {
                Ok(()) => Woken::Changed,
                Err(_) => Woken::NodeEnded,
            },
            () = tokio::time::sleep(HEARTBEAT) => Woken::Quiet,
        }
    }

    fn close(&mut self, reason: &str) {
        self.ended = true;
        self.say(Content::Closing(v1::Closing {
            reason: reason.to_owned(),
            retry_after: prost_types::Duration::try_from(COME_BACK).ok(),
            cursor: self.cursor.map(opaque::cursor).unwrap_or_default(),
        }));
    }

    fn checkpoint(&self, head: String) -> v1::Checkpoint {
        v1::Checkpoint {
            cursor: self.cursor.map(opaque::cursor).unwrap_or_default(),
            head,
            at: Some(render::instant(self.clock.now())),
            count: None,
            lag: 0,
        }
    }
}

fn content(entry: FeedEntry) -> Content {
    let cursor = opaque::cursor(entry.cursor);
    match entry.content {
        FeedContent::Event { event, historical } => Content::Event(v1::FeedEvent {
            cursor,
            event: Some(render::event(&event, historical)),
            count: None,
        }),
        FeedContent::ContentAvailable { case, compartment } => {
            Content::ContentAvailable(v1::ContentAvailable {
                cursor,
                case_id: case.to_string(),
                compartment: compartment.into(),
                count: None,
            })
        }
    }
}
