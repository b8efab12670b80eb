//! What happens to the streams that an integration opens: each of the first ones meets troubles of its own.

use std::time::Duration;

use concordat_proto::v1::stream_feed_response::Content;
use concordat_proto::v1::{
    Closing, CommitFeedRequest, ContentAvailable, ErrorReason, ResyncRequired, StreamFeedRequest,
    StreamFeedResponse,
};
use prost::Message as _;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use super::checks::{Check, Found};
use super::emits::refusal;

/// How long the kit asks to wait after a closing.
const ASKED_TO_WAIT: Duration = Duration::from_secs(2);
/// Clocks and wires are not exact.
const LEEWAY: Duration = Duration::from_millis(100);
/// Entries of a stream before its troubles begin.
const ENTRIES: usize = 3;
/// A field that no contract has: number 1000, one byte of text.
const UNKNOWN_FIELD: [u8; 4] = [0xc2, 0x3e, 0x01, b'x'];

/// What a stream meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// An entry comes twice, and then the stream is cut.
    DuplicateThenCut,
    /// A type and a kind of message that are not known, then a closing.
    UnknownThenClosing,
    /// Content becomes available, and then the place is not known any more.
    ContentThenResync,
    /// Another consumer takes over.
    TakenOver,
    /// Another consumer has it.
    InUse,
    /// Nothing any more.
    Calm,
}

/// What is sent next.
#[derive(Debug)]
pub(super) enum Sent {
    /// Bytes of a message.
    Message(Vec<u8>),
    /// Wait until the cursor is committed, for a while.
    UntilCommitted(String),
    /// The stream ends well.
    End,
    /// The connection breaks.
    Cut,
}

/// Everything that was streamed and committed so far.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    opened: usize,
    delivered: Vec<String>,
    committed: Option<String>,
    closed: Option<Instant>,
    was_cut: bool,
    resync_at: Option<String>,
    sought: bool,
    /// Entries came by other calls too, whose answers are not looked at.
    pulled: bool,
    has_parked: bool,
    unknown: Option<String>,
    doubled: Option<String>,
    content_of: Option<String>,
}

impl Feeds {
    /// A stream is opened: what it meets, or why not.
    pub(super) fn open(
        &mut self,
        request: &StreamFeedRequest,
        now: Instant,
        found: &mut Found,
    ) -> Result<Act, Box<Status>> {
        self.opened += 1;
        if self.was_cut {
            self.was_cut = false;
            let after = &request.after_cursor;
            if self.committed.is_none() && after.is_empty() {
                found.fail(
                    Check::ResumesFromCommit,
                    "nothing was committed before the cut, so everything came again",
                );
            } else if after.is_empty() || self.delivered.contains(after) {
                found.pass(
                    Check::ResumesFromCommit,
                    "opened again behind what was committed",
                );
            } else {
                found.fail(
                    Check::ResumesFromCommit,
                    "opened again at a place that was not delivered",
                );
            }
        }
        if let Some(closed) = self.closed.take() {
            if now < closed + ASKED_TO_WAIT - LEEWAY {
                found.fail(
                    Check::HonoursClosing,
                    "opened again before the time that the node asked for",
                );
            } else {
                found.pass(
                    Check::HonoursClosing,
                    "opened again after the time that the node asked for",
                );
            }
        }
        if let Some(place) = self.resync_at.take() {
            if request.after_cursor == place || self.sought {
                found.pass(Check::FollowsResync, "went on from the place given");
            } else {
                found.fail(Check::FollowsResync, "did not go on from the place given");
            }
        }
        let act = match self.opened {
            1 => Act::DuplicateThenCut,
            2 => Act::UnknownThenClosing,
            3 => Act::ContentThenResync,
            4 => Act::TakenOver,
            5 => Act::InUse,
            _ => Act::Calm,
        };
        if act == Act::InUse {
            if request.take_over {
                found.fail(Check::GivesWay, "the feed was taken back by force");
            } else {
                found.pass(Check::GivesWay, "asked for the feed without force");
            }
            let text = "another stream is active on the feed: end it, or take over";
            return Err(Box::new(refusal(
                Code::FailedPrecondition,
                ErrorReason::FeedInUse,
                text,
                ErrorDetails::new(),
            )));
        }
        Ok(act)
    }

    /// What is sent for a message of the node, the `number`th entry of this stream so far.
    pub(super) fn script(
        &mut self,
        act: Act,
        number: usize,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Vec<Sent> {
        let message = StreamFeedResponse::decode(bytes.as_slice()).unwrap_or_default();
        let Some((cursor, case)) = place(&message) else {
            return vec![Sent::Message(bytes)];
        };
        self.delivered.push(cursor.clone());
        match act {
            Act::Calm | Act::InUse => vec![Sent::Message(bytes)],
            _ if number < ENTRIES => self.before(act, number, bytes, message, &cursor),
            Act::DuplicateThenCut => {
                self.was_cut = true;
                vec![
                    Sent::Message(bytes),
                    Sent::UntilCommitted(cursor),
                    Sent::Cut,
                ]
            }
            Act::UnknownThenClosing => {
                self.closed = Some(now);
                vec![
                    Sent::Message(bytes),
                    Sent::UntilCommitted(cursor.clone()),
                    Sent::Message(closing("shutdown", &cursor)),
                    Sent::End,
                ]
            }
            Act::ContentThenResync => {
                self.content_of = Some(case.clone());
                self.resync_at = Some(cursor.clone());
                let available = ContentAvailable {
                    cursor: cursor.clone(),
                    case_id: case,
                    ..ContentAvailable::default()
                };
                let resync = ResyncRequired {
                    reason: "unknown-cursor".to_owned(),
                    cursor: cursor.clone(),
                };
                vec![
                    Sent::Message(bytes),
                    Sent::Message(encoded(Content::ContentAvailable(available))),
                    Sent::UntilCommitted(cursor),
                    Sent::Message(encoded(Content::ResyncRequired(resync))),
                    Sent::End,
                ]
            }
            Act::TakenOver => {
                vec![
                    Sent::Message(bytes),
                    Sent::UntilCommitted(cursor.clone()),
                    Sent::Message(closing("taken-over", &cursor)),
                    Sent::End,
                ]
            }
        }
    }

    /// The first entries of a stream, one of which may be in for it.
    fn before(
        &mut self,
        act: Act,
        number: usize,
        bytes: Vec<u8>,
        message: StreamFeedResponse,
        cursor: &str,
    ) -> Vec<Sent> {
        match (act, number) {
            (Act::DuplicateThenCut, 2) => {
                self.doubled = Some(cursor.to_owned());
                vec![Sent::Message(bytes.clone()), Sent::Message(bytes)]
            }
            (Act::UnknownThenClosing, 1) => {
                self.unknown = Some(cursor.to_owned());
                // A kind of message that the contract does not have, then a type of event that is newer than anybody's stubs.
                vec![
                    Sent::Message(UNKNOWN_FIELD.to_vec()),
                    Sent::Message(of_a_later_release(message)),
                ]
            }
            _ => vec![Sent::Message(bytes)],
        }
    }

    /// Entries delivered so far, on all streams.
    pub(super) fn delivered(&self) -> usize {
        self.delivered.len()
    }

    /// A cursor is committed.
    pub(super) fn commit(&mut self, request: &CommitFeedRequest, found: &mut Found) {
        let Some(place) = self
            .delivered
            .iter()
            .position(|cursor| *cursor == request.cursor)
        else {
            if !self.pulled {
                found.fail(
                    Check::CommitsWhatItGot,
                    "a cursor was committed that had not been delivered",
                );
            }
            return;
        };
        let former = self.committed.as_ref();
        let former =
            former.and_then(|former| self.delivered.iter().position(|cursor| cursor == former));
        if former.is_some_and(|former| former > place) {
            found.fail(
                Check::CommitsWhatItGot,
                "an earlier cursor was committed after a later one",
            );
        } else {
            found.pass(
                Check::CommitsWhatItGot,
                "cursors that were delivered, in order",
            );
        }
        self.committed = Some(request.cursor.clone());
        let is_past = |cursor: &Option<String>| {
            let at = cursor
                .as_ref()
                .and_then(|cursor| self.delivered.iter().position(|one| one == cursor));
            at.is_some_and(|at| place > at)
        };
        if is_past(&self.doubled) {
            found.pass(
                Check::ToleratesDuplicates,
                "went on after an entry that came twice",
            );
        }
        if is_past(&self.unknown) {
            found.pass(
                Check::ToleratesUnknownTypes,
                "went on after an event of an unknown type",
            );
        }
        self.has_parked |= !request.parked.is_empty();
    }

    /// A case was read, or its events.
    pub(super) fn read(&mut self, case: &str, found: &mut Found) {
        if self.content_of.as_deref() == Some(case) {
            found.pass(
                Check::ReadsContentAvailable,
                "events of the case were read again",
            );
        }
    }

    /// Another call of the service for feeds.
    pub(super) fn called(&mut self, method: &str, found: &mut Found) {
        self.sought |= method.starts_with("Seek");
        self.pulled |= method.starts_with("Pull");
        if self.has_parked && method.contains("Parked") {
            found.pass(
                Check::ComesBackToParked,
                "what was parked was asked for again",
            );
        }
    }

    /// Whether a cursor, or a later one, was committed.
    pub(super) fn is_committed(&self, cursor: &str) -> bool {
        let at = |cursor: &str| self.delivered.iter().position(|one| one == cursor);
        let committed = self.committed.as_deref().and_then(at);
        committed.is_some_and(|committed| Some(committed) >= at(cursor))
    }

    /// What is known only in the end: that something was not done.
    pub(super) fn close(&self, found: &mut Found) {
        if self.opened == 0 {
            return;
        }
        let never = "it did not happen before the kit ended";
        if self.was_cut {
            found.fail(
                Check::ResumesFromCommit,
                "the stream was not opened again after it was cut",
            );
        }
        if self.closed.is_some() {
            found.fail(
                Check::HonoursClosing,
                "the stream was not opened again after it was closed",
            );
        }
        if self.resync_at.is_some() {
            found.fail(
                Check::FollowsResync,
                "the stream was not opened again after the place was lost",
            );
        }
        let troubles = [
            (&self.doubled, Check::ToleratesDuplicates),
            (&self.unknown, Check::ToleratesUnknownTypes),
            (&self.content_of, Check::ReadsContentAvailable),
        ];
        for (met, check) in troubles {
            if met.is_some() && found.of(check).0 == super::checks::Verdict::NotSeen {
                found.fail(check, never);
            }
        }
        if !self.delivered.is_empty() && self.committed.is_none() {
            found.fail(
                Check::CommitsWhatItGot,
                "entries were delivered and nothing was committed",
            );
        }
        if self.opened == 4 && !self.delivered.is_empty() {
            // Ending instead of fighting for it is a way to give way.
            found.pass(Check::GivesWay, "did not ask for the feed again");
        }
    }
}

/// Cursor and case of an entry; none for what is no entry.
fn place(message: &StreamFeedResponse) -> Option<(String, String)> {
    match message.content.as_ref()? {
        Content::Event(entry) => {
            let case = entry.event.as_ref().map(|event| event.case_id.clone());
            Some((entry.cursor.clone(), case.unwrap_or_default()))
        }
        Content::ContentAvailable(entry) => Some((entry.cursor.clone(), entry.case_id.clone())),
        _ => None,
    }
}

fn of_a_later_release(mut message: StreamFeedResponse) -> Vec<u8> {
    if let Some(Content::Event(entry)) = &mut message.content
        && let Some(event) = &mut entry.event
    {
        event.r#type = "event-of-a-later-release".to_owned();
        event.body = None;
    }
    let mut bytes = message.encode_to_vec();
    bytes.extend(UNKNOWN_FIELD);
    bytes
}

fn closing(reason: &str, cursor: &str) -> Vec<u8> {
    encoded(Content::Closing(Closing {
        reason: reason.to_owned(),
        retry_after: prost_types::Duration::try_from(ASKED_TO_WAIT).ok(),
        cursor: cursor.to_owned(),
    }))
}

fn encoded(content: Content) -> Vec<u8> {
    StreamFeedResponse {
        content: Some(content),
    }
    .encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::checks::Verdict;
    use super::*;

    fn commit(cursor: &str) -> CommitFeedRequest {
        CommitFeedRequest {
            cursor: cursor.to_owned(),
            ..CommitFeedRequest::default()
        }
    }

    #[test]
    fn a_cursor_from_nowhere_is_a_failure_unless_entries_came_by_another_call() {
        let (mut feeds, mut found) = (Feeds::default(), Found::default());
        feeds.called("PullEvents", &mut found);
        feeds.commit(&commit("c-1"), &mut found);
        assert_eq!(found.of(Check::CommitsWhatItGot).0, Verdict::NotSeen);
        let mut feeds = Feeds::default();
        feeds.commit(&commit("c-1"), &mut found);
        assert_eq!(found.of(Check::CommitsWhatItGot).0, Verdict::Fail);
    }
}
