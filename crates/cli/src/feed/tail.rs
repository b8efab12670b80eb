//! `concordat feed tail`: one stream, taken up again as often as it breaks.

use std::time::Duration;

use clap::Args;
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use tonic::Streaming;

use crate::client::{Backoff, CallError, Client};
use crate::display;
use crate::exit::Failure;
use crate::output::{Format, Lines, Row};
use crate::signals::Signal;

/// Which feed, from where, how far.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// The feed.
    feed: String,
    /// Start after this cursor instead of the committed one.
    #[arg(long, value_name = "CURSOR", default_value = "")]
    after: String,
    /// Commit after each entry that was printed.
    #[arg(long)]
    commit: bool,
    /// End after so many entries.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// End when all that there was has been printed.
    #[arg(long)]
    until_caught_up: bool,
    /// Name shown to whoever finds the feed in use.
    #[arg(long, value_name = "NAME", default_value = "concordat feed tail")]
    consumer_name: String,
    /// Take over from a stream that is active.
    #[arg(long)]
    take_over: bool,
}

/// Why a stream is not read any further.
enum End {
    /// What was asked for has been printed.
    Done,
    /// The connection broke, or the node said to come back.
    Again(Option<Duration>),
}

/// Prints entries until there is nothing more to print, or Ctrl-C.
pub(super) async fn run(client: &Client, asked: &Tail, format: Format) -> Result<(), Failure> {
    let mut follower = Follower {
        client,
        asked,
        lines: Lines::new(format),
        cursor: asked.after.clone(),
        printed: 0,
        has_streamed: false,
        backoff: Backoff::new(),
    };
    tokio::select! {
        // Looked at first: a steady flow of entries must not keep Ctrl-C from being heard.
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::Signal(Signal::Interrupt)),
        ended = follower.follow() => ended,
    }
}

struct Follower<'a> {
    client: &'a Client,
    asked: &'a Tail,
    lines: Lines,
    /// Last entry printed; the next stream starts after it.
    cursor: String,
    printed: u64,
    has_streamed: bool,
    backoff: Backoff,
}

impl Follower<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        if self.asked.max == Some(0) {
            return Ok(());
        }
        loop {
            let wait = match self.stream_once().await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Again(wait)) => wait,
                Err(Failure::Call(error)) if self.is_passing(&error) => {
                    eprintln!("concordat: {error}; trying again");
                    error.retry_after()
                }
                Err(failure) => return Err(failure),
            };
            tokio::time::sleep(self.backoff.next(wait)).await;
        }
    }

    /// Besides what passes anyway: the node may not have noticed yet that the last stream of this command is gone.
    fn is_passing(&self, error: &CallError) -> bool {
        error.is_passing() || self.has_streamed && error.reason() == Some("FEED_IN_USE")
    }

    async fn stream_once(&mut self) -> Result<End, Failure> {
        let request = v1::StreamFeedRequest {
            feed_id: self.asked.feed.clone(),
            after_cursor: self.cursor.clone(),
            consumer_name: self.asked.consumer_name.clone(),
            // Once is enough: whoever takes over from this command later means it.
            take_over: self.asked.take_over && !self.has_streamed,
        };
        let mut stream = self.client.feeds().stream_feed(request).await?.into_inner();
        self.has_streamed = true;
        self.read(&mut stream).await
    }

    async fn read(
        &mut self,
        stream: &mut Streaming<v1::StreamFeedResponse>,
    ) -> Result<End, Failure> {
        while let Some(message) = stream.message().await? {
            match &message.content {
                Some(Content::Event(entry)) => {
                    let cursor = entry.cursor.clone();
                    self.entry(&message, cursor).await?;
                }
                Some(Content::ContentAvailable(entry)) => {
                    let cursor = entry.cursor.clone();
                    self.entry(&message, cursor).await?;
                }
                Some(Content::Snapshot(entry)) => {
                    let cursor = entry.cursor.clone();
                    self.entry(&message, cursor).await?;
                }
                Some(Content::FeedTest(entry)) => {
                    let cursor = entry.cursor.clone();
                    self.entry(&message, cursor).await?;
                }
                Some(Content::FellBehind(_)) => {
                    eprintln!("concordat: entries come faster than they are taken");
                }
                Some(Content::CaughtUp(_)) if self.asked.until_caught_up => return Ok(End::Done),
                // Without content: a kind that this release does not know. The stream goes on.
                Some(Content::Checkpoint(_) | Content::CaughtUp(_)) | None => {}
                Some(Content::Closing(closing)) => return self.closing(closing),
                Some(Content::ResyncRequired(resync)) => {
                    return Err(Failure::Precondition(format!(
                        "the feed cannot be resumed ({}); seek to the place given: concordat feed seek {} --after '{}'",
                        resync.reason, self.asked.feed, resync.cursor
                    )));
                }
            }
            if self.asked.max.is_some_and(|max| self.printed >= max) {
                return Ok(End::Done);
            }
        }
        Ok(End::Again(None))
    }

    async fn entry(
        &mut self,
        message: &v1::StreamFeedResponse,
        cursor: String,
    ) -> Result<(), Failure> {
        self.lines.next(message, sentence)?;
        self.printed += 1;
        self.cursor = cursor;
        self.backoff = Backoff::new();
        if self.asked.commit {
            let request = self.client.request(v1::CommitFeedRequest {
                feed_id: self.asked.feed.clone(),
                cursor: self.cursor.clone(),
                parked: Vec::new(),
            });
            self.client.feeds().commit_feed(request).await?;
        }
        Ok(())
    }

    fn closing(&mut self, closing: &v1::Closing) -> Result<End, Failure> {
        if closing.reason == "deleted" {
            return Err(Failure::NotFound("the feed was deleted".to_owned()));
        }
        if closing.reason == "taken-over" {
            return Err(Failure::Precondition(
                "another stream has taken the feed over".to_owned(),
            ));
        }
        if closing.reason == "changed" {
            // Where the feed stands now is where it goes on.
            self.cursor.clear();
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

impl Row for v1::StreamFeedResponse {
    const COLUMNS: &'static [&'static str] = &[
        "CURSOR", "RECORDED", "CASE", "BY", "TYPE", "RULING", "EVENT ID",
    ];

    fn cells(&self) -> Vec<String> {
        match &self.content {
            Some(Content::Event(entry)) => {
                let event = entry.event.clone().unwrap_or_default();
                vec![
                    entry.cursor.clone(),
                    display::instant(event.recorded_at.as_ref()),
                    event.case_id.clone(),
                    event.source.clone(),
                    event.r#type.clone(),
                    display::ruling(event.ruling.as_ref()),
                    event.event_id,
                ]
            }
            Some(Content::ContentAvailable(entry)) => vec![
                entry.cursor.clone(),
                String::new(),
                entry.case_id.clone(),
                String::new(),
                "content-available".to_owned(),
                String::new(),
                String::new(),
            ],
            Some(Content::Snapshot(entry)) => {
                let case = entry.joint_case.clone().unwrap_or_default();
                vec![
                    entry.cursor.clone(),
                    String::new(),
                    case.case_id,
                    case.keeper,
                    "snapshot".to_owned(),
                    String::new(),
                    String::new(),
                ]
            }
            Some(Content::FeedTest(entry)) => vec![
                entry.cursor.clone(),
                display::instant(entry.recorded_at.as_ref()),
                String::new(),
                entry.source.clone(),
                entry.r#type.clone(),
                String::new(),
                entry.event_id.clone(),
            ],
            _ => Vec::new(),
        }
    }
}

/// An entry in one line.
pub(super) fn sentence(message: &v1::StreamFeedResponse) -> String {
    match &message.content {
        Some(Content::Event(entry)) => {
            let event = entry.event.clone().unwrap_or_default();
            let mut notes = vec![display::ruling(event.ruling.as_ref())];
            if event.historical {
                notes.push("historical".to_owned());
            }
            if !event.withheld.is_empty() {
                notes.push(format!(
                    "withheld {}",
                    display::compartments(event.withheld())
                ));
            }
            format!(
                "{}  {}  {}  {}  {}  {}",
                entry.cursor,
                display::instant(event.recorded_at.as_ref()),
                event.case_id,
                event.source,
                event.r#type,
                notes.join(", ")
            )
        }
        Some(Content::ContentAvailable(entry)) => format!(
            "{}  {}  content available: {}",
            entry.cursor,
            entry.case_id,
            display::compartments(std::iter::once(entry.compartment()))
        ),
        Some(Content::Snapshot(entry)) => {
            let case = entry.joint_case.clone().unwrap_or_default();
            format!(
                "{}  {}  snapshot: {}, kept by {}",
                entry.cursor, case.case_id, case.state, case.keeper
            )
        }
        Some(Content::FeedTest(entry)) => format!(
            "{}  {}  test entry {}, on no log",
            entry.cursor,
            display::instant(entry.recorded_at.as_ref()),
            entry.event_id
        ),
        _ => String::new(),
    }
}
