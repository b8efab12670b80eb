//! Handing entries on, one try at a time, and committing what is finished.

use std::collections::BTreeSet;
use std::time::Instant;

use concordat_proto::v1;
use tokio::sync::mpsc::Receiver as Entries;
use tonic::{Response, Status};

use super::line::{Finished, Line, Next};
use super::post::{Outcome, Why};
use super::read::Read;
use super::{Done, OnFailure, Relay, To};
use crate::client::{Backoff, CallError, Client};
use crate::exit::Failure;

/// Reason under which an entry is parked that nobody took in time.
const UNDELIVERED: &str = "undelivered";
/// Reason under which an entry is parked because one of its case was.
const BEHIND_PARKED: &str = "behind-parked";
/// Parked entries that are asked for at once.
const PAGE: i32 = 500;

pub(super) struct Handing<'a> {
    client: &'a Client,
    asked: &'a Relay,
    to: To,
    line: Line,
    /// Cases of which entries are parked at the node, as far as is known; none before it was asked.
    aside: Option<BTreeSet<String>>,
    done: Done,
}

impl<'a> Handing<'a> {
    pub(super) fn new(client: &'a Client, asked: &'a Relay, to: To) -> Self {
        Self {
            client,
            asked,
            to,
            line: Line::new(asked.ahead.into()),
            aside: None,
            done: Done::default(),
        }
    }

    /// Hands on what comes until nothing more does, and says what was done.
    pub(super) async fn hand_on(mut self, mut entries: Entries<Read>) -> Result<Done, Failure> {
        let mut has_more = true;
        loop {
            let until = match self.line.next(Instant::now()) {
                Next::Try(place) => {
                    self.try_one(place).await?;
                    self.commit().await?;
                    continue;
                }
                Next::At(at) => Some(at),
                Next::Nothing if has_more => None,
                Next::Nothing => return Ok(self.done),
            };
            tokio::select! {
                read = entries.recv(), if has_more && !self.line.is_full() => match read {
                    Some(Read::Entry(entry)) => self.line.push(entry),
                    Some(Read::Anew) => self.line.clear(),
                    None => has_more = false,
                },
                () = sleep_until(until) => {}
            }
        }
    }

    async fn try_one(&mut self, place: usize) -> Result<(), Failure> {
        if self.must_stay_behind(place).await? {
            self.line.park(place, BEHIND_PARKED.to_owned());
            return Ok(());
        }
        let Some(entry) = self.line.entry(place) else {
            return Ok(());
        };
        let (id, begun) = (entry.id.clone(), Instant::now());
        let outcome = match &mut self.to {
            To::Folder(folder) => {
                folder.write(entry)?;
                Outcome::Taken
            }
            To::Receiver(receiver) => receiver.post(entry).await,
        };
        let why = match outcome {
            Outcome::Taken => {
                self.line.taken(place);
                return Ok(());
            }
            Outcome::Gone => {
                return Err(Failure::Precondition(
                    "the receiver wants nothing any more (410)".to_owned(),
                ));
            }
            Outcome::Refused(why) => {
                let code = self.to_park(&id, why)?;
                self.line.refused(place, code);
                return Ok(());
            }
            Outcome::Later { why, about, asked } => {
                let (tried, retry_for) = ((begun, Instant::now()), self.asked.retry_for);
                if let Some(pause) = self.line.again(place, tried, retry_for, (about, asked)) {
                    let seconds = pause.as_secs_f64();
                    eprintln!(
                        "concordat: {id} was not taken ({why}); trying again in {seconds:.1} s"
                    );
                    return Ok(());
                }
                why.within(UNDELIVERED)
            }
        };
        let code = self.to_park(&id, why)?;
        self.line.park(place, code);
        Ok(())
    }

    /// The code under which an entry is put aside that was not taken; an error if the relay is to stop instead.
    fn to_park(&self, id: &str, why: Why) -> Result<String, Failure> {
        if self.asked.on_failure == OnFailure::Stop {
            return Err(Failure::Precondition(format!(
                "{id} was not delivered: {why}"
            )));
        }
        eprintln!("concordat: {id} is parked: {why}");
        Ok(why.code)
    }

    /// With `--park-case`, whether an entry of the same case is parked. Asks the node again where one was: it may have been dropped.
    async fn must_stay_behind(&mut self, place: usize) -> Result<bool, Failure> {
        let case = match self.line.entry(place) {
            Some(entry) if self.asked.park_case && !entry.case.is_empty() => entry.case.clone(),
            _ => return Ok(false),
        };
        if self.line.is_parking(&case) {
            return Ok(true);
        }
        if self
            .aside
            .as_ref()
            .is_some_and(|aside| !aside.contains(&case))
        {
            return Ok(false);
        }
        let aside = self.parked_cases().await?;
        let is_parked = aside.contains(&case);
        self.aside = Some(aside);
        Ok(is_parked)
    }

    async fn parked_cases(&self) -> Result<BTreeSet<String>, Failure> {
        let mut cases = BTreeSet::new();
        let mut asked = v1::ListParkedEventsRequest {
            feed_id: self.asked.feed.clone(),
            page_size: PAGE,
            page_token: String::new(),
        };
        loop {
            let page = patiently(async || {
                let request = self.client.request(asked.clone());
                self.client.feeds().list_parked_events(request).await
            });
            let page = page.await?;
            cases.extend(page.parked.into_iter().map(|one| one.case_id));
            if page.next_page_token.is_empty() {
                return Ok(cases);
            }
            asked.page_token = page.next_page_token;
        }
    }

    /// Commits as far as all is finished, as often as it takes: what was taken must not come again because a node restarts.
    async fn commit(&mut self) -> Result<(), Failure> {
        while let Some(finished) = self.line.finished() {
            let Finished {
                cursor,
                delivered,
                parked,
            } = finished;
            self.done.delivered += delivered;
            self.done.parked += u64::try_from(parked.len()).unwrap_or(u64::MAX);
            if let Some(aside) = &mut self.aside {
                aside.extend(parked.iter().map(|one| one.case.clone()));
            }
            let parked = parked.into_iter().map(|one| v1::EntryToPark {
                cursor: one.cursor,
                reason: one.reason,
            });
            let commit = v1::CommitFeedRequest {
                feed_id: self.asked.feed.clone(),
                cursor,
                parked: parked.collect(),
            };
            let committed = patiently(async || {
                let request = self.client.request(commit.clone());
                self.client.feeds().commit_feed(request).await
            });
            committed.await?;
        }
        Ok(())
    }
}

/// Without an instant: for ever.
async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Makes a call as often as it takes, as long as it may succeed later.
async fn patiently<T>(call: impl AsyncFn() -> Result<Response<T>, Status>) -> Result<T, Failure> {
    let mut backoff = Backoff::new();
    loop {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => {
                let error = CallError::from(status);
                if !error.is_passing() {
                    return Err(Failure::Call(Box::new(error)));
                }
                eprintln!("concordat: {error}; trying again");
                tokio::time::sleep(backoff.next(error.retry_after())).await;
            }
        }
    }
}
