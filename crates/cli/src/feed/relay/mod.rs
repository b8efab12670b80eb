//! `concordat feed relay`: a feed handed on to somebody who only takes POSTs or files.
//!
//! One entry at a time, in the feed's order, which keeps the order of each case. An entry is committed once it was taken and not before, so a
//! relay that is killed loses nothing. What cannot be delivered is parked at the node, and what comes after it goes on.

mod entry;
mod folder;
mod post;
mod signature;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use clap::{Args, ValueEnum};
use concordat_proto::cloudevents::Shape;
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use jiff::SignedDuration;
use serde::Serialize;

use crate::client::{Backoff, CallError, Client};
use crate::exit::Failure;
use crate::output::{self, Format};
use crate::signals::Signal;
use entry::Entry;
use folder::Folder;
use post::{Outcome, Receiver, Why};
use signature::Secrets;

/// First pause between tries of one entry; each further one is twice as long, with jitter.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between tries, unless the receiver asks for a longer one.
const PAUSE_LONGEST: Duration = Duration::from_secs(300);
/// Reason under which an entry is parked that nobody took in time.
const UNDELIVERED: &str = "undelivered";

/// What is handed on, and to whom.
#[derive(Debug, Args)]
pub(super) struct Relay {
    /// The feed.
    feed: String,
    #[command(flatten)]
    target: Target,
    /// File with a secret of Standard Webhooks (`whsec_…`), mode 0600. May be repeated while secrets are changed over: each signs.
    #[arg(long = "secret-file", value_name = "FILE", requires = "to")]
    secret_files: Vec<PathBuf>,
    /// File with the certificates (PEM) of the authorities that may have signed the receiver's, instead of those that this machine trusts.
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    /// How entries are written.
    #[arg(long, value_enum, default_value_t = ShapeName::Cloudevents)]
    shape: ShapeName,
    /// How long an entry that is not taken is tried again before it is parked.
    #[arg(long, value_name = "SPAN", default_value = "72h", value_parser = span)]
    retry_for: Duration,
    /// How long the receiver may take to answer.
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span)]
    answer_within: Duration,
    /// What to do with an entry that the receiver refuses, or does not take in time.
    #[arg(long, value_enum, default_value_t = OnFailure::Park)]
    on_failure: OnFailure,
    /// End after so many entries.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// End when all that there was has been handed on.
    #[arg(long)]
    until_caught_up: bool,
    /// Name shown to whoever finds the feed in use.
    #[arg(long, value_name = "NAME", default_value = "concordat feed relay")]
    consumer_name: String,
    /// Take over from a stream that is active.
    #[arg(long)]
    take_over: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Address that takes POSTs: https, or http on this machine.
    // A text: what clap parses it repeats where it is wrong, and an address may hold what nobody should read.
    #[arg(long, value_name = "URL", requires = "secret_files")]
    to: Option<String>,
    /// Folder that gets a file for each entry.
    #[arg(long, value_name = "DIR")]
    to_dir: Option<PathBuf>,
}

/// The shapes by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShapeName {
    /// Strict CloudEvents 1.0.
    Cloudevents,
    /// As NHS England's Multicast Notification Service writes signals.
    Mns,
}

/// What is done with what cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnFailure {
    /// Park it at the node and go on.
    Park,
    /// End with exit code 6; the entry is the next one again.
    Stop,
}

fn span(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| "expected a span of time such as 30s or 72h".to_owned())
}

/// Who gets the entries.
enum To {
    Receiver(Box<Receiver>),
    Folder(Folder),
}

/// What was done, as the answer says it.
#[derive(Debug, Default, Serialize)]
struct Done {
    delivered: u64,
    parked: u64,
}

/// Whether a stream is read on.
enum End {
    Done,
    Again(Option<Duration>),
}

/// Hands entries on until there is nothing more to hand on, or Ctrl-C.
pub(super) async fn run(client: &Client, asked: &Relay, format: Format) -> Result<(), Failure> {
    let to = match (&asked.target.to, &asked.target.to_dir) {
        (Some(url), _) => {
            let secrets = Secrets::read(&asked.secret_files)?;
            let ca = asked.ca.as_deref();
            let receiver = Receiver::new(url, ca, secrets, asked.answer_within)?;
            To::Receiver(Box::new(receiver))
        }
        (None, Some(folder)) => To::Folder(Folder::open(folder)?),
        (None, None) => return Err(Failure::Usage("say --to or --to-dir".to_owned())),
    };
    let mut relay = Relaying {
        client,
        asked,
        to,
        cursor: String::new(),
        has_streamed: false,
        done: Done::default(),
        backoff: Backoff::new(),
    };
    let ended = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::Signal(Signal::Interrupt)),
        ended = relay.follow() => ended,
    };
    if ended.is_ok() {
        match format {
            Format::Table => output::pairs(&[
                ("delivered", relay.done.delivered.to_string()),
                ("parked", relay.done.parked.to_string()),
            ])?,
            Format::Json | Format::Ndjson | Format::Csv => output::json(format, &relay.done)?,
        }
    }
    ended
}

struct Relaying<'a> {
    client: &'a Client,
    asked: &'a Relay,
    to: To,
    /// Last entry that was committed; empty before the first.
    cursor: String,
    has_streamed: bool,
    done: Done,
    backoff: Backoff,
}

impl Relaying<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
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
        while let Some(message) = stream.message().await? {
            let Some(content) = message.content else {
                // A kind that this release does not know. The stream goes on.
                continue;
            };
            match &content {
                Content::CaughtUp(_) if self.asked.until_caught_up => return Ok(End::Done),
                Content::Closing(closing) => return self.closing(closing),
                Content::ResyncRequired(resync) => {
                    return Err(Failure::Precondition(format!(
                        "the feed cannot be resumed ({}); see where it stands: concordat feed list",
                        resync.reason
                    )));
                }
                content => {
                    let shape = self.asked.shape.into();
                    if let Some(entry) = Entry::of(content, &self.asked.feed, shape)? {
                        self.hand_on(&entry).await?;
                    }
                }
            }
            let handed_on = self.done.delivered + self.done.parked;
            if self.asked.max.is_some_and(|max| handed_on >= max) {
                return Ok(End::Done);
            }
        }
        Ok(End::Again(None))
    }

    fn closing(&self, closing: &v1::Closing) -> Result<End, Failure> {
        if closing.reason == "taken-over" || closing.reason == "deleted" {
            return Err(Failure::Precondition(format!(
                "the node ended the stream ({})",
                closing.reason
            )));
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

    /// Delivers or parks one entry, and commits it.
    async fn hand_on(&mut self, entry: &Entry) -> Result<(), Failure> {
        match self.deliver(entry).await? {
            None => self.done.delivered += 1,
            Some(why) if self.asked.on_failure == OnFailure::Park => {
                eprintln!("concordat: {} is parked: {why}", entry.id);
                self.commit(entry, Some(why.code)).await?;
                self.done.parked += 1;
                return Ok(());
            }
            Some(why) => {
                return Err(Failure::Precondition(format!(
                    "{} was not delivered: {why}",
                    entry.id
                )));
            }
        }
        self.commit(entry, None).await
    }

    /// None if it was taken, else why it was not.
    async fn deliver(&mut self, entry: &Entry) -> Result<Option<Why>, Failure> {
        let receiver = match &mut self.to {
            To::Folder(folder) => return folder.write(entry).map(|()| None),
            To::Receiver(receiver) => receiver,
        };
        let began = Instant::now();
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(PAUSE_FIRST)
            .with_max_delay(PAUSE_LONGEST)
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            let (why, asked) = match receiver.post(entry).await {
                Outcome::Taken => return Ok(None),
                Outcome::Refused(why) => return Ok(Some(why)),
                Outcome::Gone => {
                    return Err(Failure::Precondition(
                        "the receiver wants nothing any more (410)".to_owned(),
                    ));
                }
                Outcome::Later(why, asked) => (why, asked),
            };
            let pause = pauses.next().unwrap_or(PAUSE_LONGEST);
            let pause = asked.map_or(pause, |asked| asked.max(pause));
            let left = self.asked.retry_for.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(Some(why.within(UNDELIVERED)));
            }
            // The last try is at the end of the time, however long the pauses are by then.
            let pause = pause.min(left);
            eprintln!(
                "concordat: {} was not taken ({why}); trying again in {:.1} s",
                entry.id,
                pause.as_secs_f64()
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// Commits an entry, as often as it takes: it was taken, and must not come again because a node restarts.
    async fn commit(&mut self, entry: &Entry, parked: Option<String>) -> Result<(), Failure> {
        let parked = parked.map(|reason| v1::EntryToPark {
            cursor: entry.cursor.clone(),
            reason,
        });
        let commit = v1::CommitFeedRequest {
            feed_id: self.asked.feed.clone(),
            cursor: entry.cursor.clone(),
            parked: parked.into_iter().collect(),
        };
        let mut backoff = Backoff::new();
        loop {
            let request = self.client.request(commit.clone());
            match self.client.feeds().commit_feed(request).await {
                Ok(_) => break,
                Err(status) => {
                    let error = CallError::from(status);
                    if !error.is_passing() {
                        return Err(Failure::Call(Box::new(error)));
                    }
                    eprintln!("concordat: {error}; committing again");
                    tokio::time::sleep(backoff.next(error.retry_after())).await;
                }
            }
        }
        self.cursor.clone_from(&entry.cursor);
        self.backoff = Backoff::new();
        Ok(())
    }
}

impl From<ShapeName> for Shape {
    fn from(name: ShapeName) -> Self {
        match name {
            ShapeName::Cloudevents => Self::CloudEvents,
            ShapeName::Mns => Self::Mns,
        }
    }
}
