//! `concordat feed relay`: a feed handed on to somebody who only takes POSTs or files.
//!
//! One try at a time, in the feed's order as far as the receiver takes what it gets, and in the order of each case always: what follows in
//! a case waits behind what is tried again, and other cases go on. Committed is as far as all is taken or parked, so a relay that is
//! killed loses nothing. What cannot be delivered is parked at the node.

mod entry;
mod folder;
mod hand_on;
mod line;
mod post;
mod read;
mod signature;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use concordat_proto::cloudevents::Shape;
use jiff::SignedDuration;
use serde::Serialize;

use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Format};
use crate::signals::Signal;
use folder::Folder;
use hand_on::Handing;
use post::Receiver;
use read::Reader;
use signature::Secrets;

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
    /// Park what follows in a case of which an entry is parked, until that is dropped, instead of delivering it.
    #[arg(long)]
    park_case: bool,
    /// How many entries are read beyond the oldest that is not done with: with 1 nothing overtakes anything.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1000))]
    ahead: u16,
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
    // One on its way, besides those in line.
    let (sender, entries) = tokio::sync::mpsc::channel(1);
    let reading = Reader::new(client, asked, sender).read();
    let handing = Handing::new(client, asked, to).hand_on(entries);
    let (_held, done) = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => return Err(Failure::Signal(Signal::Interrupt)),
        // The stream stays open until all is handed on, and with it the feed is held.
        ended = async { tokio::try_join!(reading, handing) } => ended?,
    };
    match format {
        Format::Table => output::pairs(&[
            ("delivered", done.delivered.to_string()),
            ("parked", done.parked.to_string()),
        ]),
        Format::Json | Format::Ndjson | Format::Csv => output::json(format, &done),
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
