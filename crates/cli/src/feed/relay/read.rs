//! Reading a feed, taken up again as often as the stream breaks.

use std::time::Duration;

use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use tokio::sync::mpsc::Sender;
use tonic::Streaming;

use super::Relay;
use super::entry::Entry;
use crate::client::{Backoff, CallError, Client};
use crate::exit::Failure;

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    Entry(Entry),
    /// The feed is at another place: what was read and not committed is void, and comes again if it is still to come.
    Anew,
}

/// The stream that was read last, so that the feed stays held by whoever keeps it.
pub(super) type Held = Option<Streaming<v1::StreamFeedResponse>>;

pub(super) struct Reader<'a> {
    client: &'a Client,
    asked: &'a Relay,
    entries: Sender<Read>,
    /// Last entry that was read; empty before the first: then the committed place.
    cursor: String,
    count: u64,
    has_streamed: bool,
    backoff: Backoff,
}

/// Whether a stream is read on.
enum End {
    Done,
    Again(Option<Duration>),
}

impl<'a> Reader<'a> {
    pub(super) fn new(client: &'a Client, asked: &'a Relay, entries: Sender<Read>) -> Self {
        Self {
            client,
            asked,
            entries,
            cursor: String::new(),
            count: 0,
            has_streamed: false,
            backoff: Backoff::new(),
        }
    }

    /// Reads until there is nothing more to read, and gives the stream, which is still open.
    pub(super) async fn read(mut self) -> Result<Held, Failure> {
        let mut stream = None;
        loop {
            let wait = match self.read_once(&mut stream).await {
                Ok(End::Done) => return Ok(stream),
                Ok(End::Again(wait)) => wait,
                Err(Failure::Call(error)) if self.is_passing(&error) => {
                    eprintln!("concordat: {error}; trying again");
                    error.retry_after()
                }
                Err(failure) => return Err(failure),
            };
            stream = None;
            tokio::time::sleep(self.backoff.next(wait)).await;
        }
    }

    /// Besides what passes anyway: the node may not have noticed yet that the last stream of this command is gone.
    fn is_passing(&self, error: &CallError) -> bool {
        error.is_passing() || self.has_streamed && error.reason() == Some("FEED_IN_USE")
    }

    async fn read_once(&mut self, held: &mut Held) -> Result<End, Failure> {
        let request = v1::StreamFeedRequest {
            feed_id: self.asked.feed.clone(),
            after_cursor: self.cursor.clone(),
            consumer_name: self.asked.consumer_name.clone(),
            // Once is enough: whoever takes over from this command later means it.
            take_over: self.asked.take_over && !self.has_streamed,
        };
        let stream = self.client.feeds().stream_feed(request).await?.into_inner();
        let stream = held.insert(stream);
        self.has_streamed = true;
        while self.asked.max.is_none_or(|max| self.count < max) {
            let Some(message) = stream.message().await? else {
                return Ok(End::Again(None));
            };
            let Some(content) = message.content else {
                // A kind that this release does not know. The stream goes on.
                continue;
            };
            match &content {
                Content::CaughtUp(_) if self.asked.until_caught_up => return Ok(End::Done),
                Content::Closing(closing) => return self.closing(closing).await,
                Content::ResyncRequired(resync) => {
                    return Err(Failure::Precondition(format!(
                        "the feed cannot be resumed ({}); see where it stands: concordat feed list",
                        resync.reason
                    )));
                }
                content => {
                    let shape = self.asked.shape.into();
                    if let Some(entry) = Entry::of(content, &self.asked.feed, shape)? {
                        self.backoff = Backoff::new();
                        self.cursor.clone_from(&entry.cursor);
                        self.count += 1;
                        self.tell(Read::Entry(entry)).await;
                    }
                }
            }
        }
        Ok(End::Done)
    }

    /// Waits while there is no room: nothing is read faster than it is handed on. Who does not listen any more has ended the command.
    async fn tell(&self, read: Read) {
        let _ = self.entries.send(read).await;
    }

    async fn closing(&mut self, closing: &v1::Closing) -> Result<End, Failure> {
        if closing.reason == "taken-over" || closing.reason == "deleted" {
            return Err(Failure::Precondition(format!(
                "the node ended the stream ({})",
                closing.reason
            )));
        }
        if closing.reason == "changed" {
            // Where the feed stands now is where it goes on.
            self.cursor.clear();
            self.tell(Read::Anew).await;
        }
        eprintln!(
            "concordat: the node ended the stream ({}); coming back",
            closing.reason
        );
        let wait = closing
            .retry_after
            .and_then(|after| Duration::try_from(after).ok());
        Ok(End::Again(wait))
    }
}
