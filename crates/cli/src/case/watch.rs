//! `concordat case watch`: one case as it stands and what comes, taken up again as often as the stream breaks.

use std::time::Duration;

use clap::Args;
use concordat_domain::ids::CaseId;
use concordat_proto::v1;
use concordat_proto::v1::watch_case_response::Content;
use tonic::Streaming;

use crate::client::{Backoff, Client};
use crate::display;
use crate::exit::Failure;
use crate::output::{Format, Lines, Row};
use crate::signals::Signal;

/// Which case, from where, how far.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The case.
    case: CaseId,
    /// Cursor of an earlier watch, or a position: what came behind it is printed first.
    #[arg(long, value_name = "PLACE", default_value = "")]
    after: String,
    /// Void events of others, too.
    #[arg(long)]
    include_void: bool,
    /// End after so many messages; the case as it stands is one.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// End once the case is in this state, such as closed.
    #[arg(long, value_name = "STATE")]
    until: Option<String>,
    /// End when all that there was has been printed.
    #[arg(long)]
    until_caught_up: bool,
}

/// Why a stream is not read any further.
enum End {
    /// What was asked for has been printed.
    Done,
    /// The connection broke, or the node said to come back.
    Again(Option<Duration>),
}

/// Prints the case and what comes until there is nothing more to print, or Ctrl-C.
pub(super) async fn run(client: &Client, asked: &Watch, format: Format) -> Result<(), Failure> {
    let mut watcher = Watcher {
        client,
        asked,
        lines: Lines::new(format),
        after: asked.after.clone(),
        printed: 0,
        backoff: Backoff::new(),
    };
    tokio::select! {
        // Looked at first: a steady flow must not keep Ctrl-C from being heard.
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::Signal(Signal::Interrupt)),
        ended = watcher.follow() => ended,
    }
}

struct Watcher<'a> {
    client: &'a Client,
    asked: &'a Watch,
    lines: Lines,
    /// Where the next stream goes on.
    after: String,
    printed: u64,
    backoff: Backoff,
}

impl Watcher<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        if self.asked.max == Some(0) {
            return Ok(());
        }
        loop {
            let wait = match self.stream_once().await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Again(wait)) => wait,
                Err(Failure::Call(error)) if error.is_passing() => {
                    eprintln!("concordat: {error}; trying again");
                    error.retry_after()
                }
                Err(failure) => return Err(failure),
            };
            tokio::time::sleep(self.backoff.next(wait)).await;
        }
    }

    async fn stream_once(&mut self) -> Result<End, Failure> {
        let request = v1::WatchCaseRequest {
            case_id: self.asked.case.to_string(),
            after_position: self.after.clone(),
            include_void: self.asked.include_void,
        };
        let mut stream = self.client.cases().watch_case(request).await?.into_inner();
        self.read(&mut stream).await
    }

    async fn read(
        &mut self,
        stream: &mut Streaming<v1::WatchCaseResponse>,
    ) -> Result<End, Failure> {
        while let Some(message) = stream.message().await? {
            let state = match &message.content {
                Some(Content::Snapshot(one)) => {
                    self.after.clone_from(&one.cursor);
                    one.joint_case.as_ref().map(|case| case.state.clone())
                }
                Some(Content::Event(one)) => {
                    self.after.clone_from(&one.cursor);
                    Some(one.state_after.clone())
                }
                Some(Content::ContentAvailable(one)) => {
                    self.after.clone_from(&one.cursor);
                    None
                }
                Some(Content::FellBehind(_)) => {
                    eprintln!("concordat: more comes than is taken");
                    continue;
                }
                Some(Content::CaughtUp(_)) if self.asked.until_caught_up => return Ok(End::Done),
                Some(Content::Checkpoint(place) | Content::CaughtUp(place)) => {
                    self.after.clone_from(&place.cursor);
                    continue;
                }
                // A kind that this release does not know. The stream goes on.
                None => continue,
                Some(Content::Closing(closing)) => {
                    eprintln!(
                        "concordat: the node ended the stream ({}); coming back",
                        closing.reason
                    );
                    let wait = closing.retry_after.map(Duration::try_from);
                    return Ok(End::Again(wait.and_then(Result::ok)));
                }
            };
            self.lines.next(&message, sentence)?;
            self.printed += 1;
            self.backoff = Backoff::new();
            let is_there = self.asked.until.is_some() && state == self.asked.until;
            if is_there || self.asked.max.is_some_and(|max| self.printed >= max) {
                return Ok(End::Done);
            }
        }
        Ok(End::Again(None))
    }
}

impl Row for v1::WatchCaseResponse {
    const COLUMNS: &'static [&'static str] =
        &["CURSOR", "RECORDED", "BY", "WHAT", "RULING", "STATE"];

    fn cells(&self) -> Vec<String> {
        match &self.content {
            Some(Content::Event(one)) => {
                let event = one.event.clone().unwrap_or_default();
                vec![
                    one.cursor.clone(),
                    display::instant(event.recorded_at.as_ref()),
                    event.source,
                    event.r#type,
                    display::ruling(event.ruling.as_ref()),
                    one.state_after.clone(),
                ]
            }
            Some(Content::ContentAvailable(one)) => {
                let compartment = display::compartments(std::iter::once(one.compartment()));
                let what = format!("content available: {compartment}");
                let none = String::new;
                vec![one.cursor.clone(), none(), none(), what, none(), none()]
            }
            Some(Content::Snapshot(one)) => {
                let case = one.joint_case.clone().unwrap_or_default();
                let none = String::new;
                let what = "as it stands".to_owned();
                vec![
                    one.cursor.clone(),
                    none(),
                    case.keeper,
                    what,
                    none(),
                    case.state,
                ]
            }
            _ => Vec::new(),
        }
    }
}

/// A message in one line.
fn sentence(message: &v1::WatchCaseResponse) -> String {
    match &message.content {
        Some(Content::Event(one)) => {
            let event = one.event.clone().unwrap_or_default();
            let mut notes = vec![display::ruling(event.ruling.as_ref())];
            if !event.withheld.is_empty() {
                let withheld = display::compartments(event.withheld());
                notes.push(format!("withheld {withheld}"));
            }
            format!(
                "{}  {}  {}  {}  {}",
                display::instant(event.recorded_at.as_ref()),
                event.source,
                event.r#type,
                notes.join(", "),
                one.state_after
            )
        }
        Some(Content::ContentAvailable(one)) => {
            let compartment = display::compartments(std::iter::once(one.compartment()));
            format!("content available: {compartment}")
        }
        Some(Content::Snapshot(one)) => {
            let case = one.joint_case.clone().unwrap_or_default();
            let overdue = |one: &&v1::Deadline| one.state() == v1::DeadlineState::Overdue;
            format!(
                "{} is {}, kept by {}, {} overdue",
                case.case_id,
                case.state,
                case.keeper,
                case.deadlines.iter().filter(overdue).count()
            )
        }
        _ => String::new(),
    }
}
