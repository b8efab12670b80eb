//! What happens to the events that an integration emits: each of the first ones meets a trouble of its own, once.

use std::collections::BTreeMap;
use std::time::Duration;

use concordat_proto::strict::ERROR_DOMAIN;
use concordat_proto::v1::{EmitEventRequest, ErrorReason};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::checks::{Check, Found};

/// How long the kit asks to wait.
const ASKED_TO_WAIT: Duration = Duration::from_secs(2);
/// Clocks and wires are not exact.
const LEEWAY: Duration = Duration::from_millis(100);

/// What is done with a call.
#[derive(Debug)]
pub(super) enum Way {
    /// It goes to the node, and so does the answer back.
    Through,
    /// It goes to the node, and the answer is lost.
    AnswerLost,
    /// The node never sees it; this is the answer.
    Refused(Box<Status>),
}

/// A trouble that an event met, and what is expected of its emitter.
#[derive(Debug)]
enum Trouble {
    Lost { answered: bool },
    AskedToWait { until: Instant },
    Stale { case: String, reads: u64 },
    FaultyFields,
}

/// Everything that was emitted so far.
#[derive(Debug, Default)]
pub(super) struct Emits {
    /// The last request under each id.
    seen: BTreeMap<String, EmitEventRequest>,
    /// Troubles that are not over, by event id.
    troubles: BTreeMap<String, Trouble>,
    /// Ids in the order of their first sight.
    order: Vec<String>,
    stale_was_told: bool,
    /// Reads of each case so far.
    reads: BTreeMap<String, u64>,
}

impl Emits {
    /// A case was read, or its events.
    pub(super) fn read(&mut self, case: &str) {
        *self.reads.entry(case.to_owned()).or_default() += 1;
    }

    /// Looks at an emit and decides its way.
    pub(super) fn look(
        &mut self,
        request: &EmitEventRequest,
        now: Instant,
        found: &mut Found,
    ) -> Way {
        let id = request.event_id.clone();
        if !is_uuid(&id) {
            found.fail(
                Check::EmitsWithUuid,
                "an event came without a UUID as its id",
            );
            return Way::Through;
        }
        let first = !self.seen.contains_key(&id);
        let former = self.seen.insert(id.clone(), request.clone());
        if first {
            found.pass(Check::EmitsWithUuid, "UUIDs, one for each event");
            self.not_in_disguise(request, found);
            self.order.push(id.clone());
            return self.first_trouble(&id, now);
        }
        let same = former.is_some_and(|former| {
            former.event == request.event && former.case_id == request.case_id
        });
        self.again(&id, request, same, now, found)
    }

    /// An event whose answer was lost must not come again under another id.
    fn not_in_disguise(&self, request: &EmitEventRequest, found: &mut Found) {
        for (id, trouble) in &self.troubles {
            let lost = matches!(trouble, Trouble::Lost { answered: false });
            if lost
                && self
                    .seen
                    .get(id)
                    .is_some_and(|seen| seen.event == request.event)
            {
                found.fail(
                    Check::RepeatsWithSameId,
                    "the event whose answer was lost came again under another id: it is recorded twice now",
                );
            }
        }
    }

    fn first_trouble(&mut self, id: &str, now: Instant) -> Way {
        match self.order.len() {
            1 => {
                self.troubles
                    .insert(id.to_owned(), Trouble::Lost { answered: false });
                Way::AnswerLost
            }
            2 => {
                let until = now + ASKED_TO_WAIT - LEEWAY;
                self.troubles
                    .insert(id.to_owned(), Trouble::AskedToWait { until });
                Way::Refused(Box::new(overloaded()))
            }
            3 => {
                self.troubles.insert(id.to_owned(), Trouble::FaultyFields);
                Way::Refused(Box::new(faulty_fields()))
            }
            _ => Way::Through,
        }
    }

    fn again(
        &mut self,
        id: &str,
        request: &EmitEventRequest,
        same: bool,
        now: Instant,
        found: &mut Found,
    ) -> Way {
        match self.troubles.get_mut(id) {
            Some(Trouble::Lost { answered }) => {
                *answered = true;
                if same {
                    found.pass(Check::RepeatsWithSameId, "sent again under the same id");
                } else {
                    found.fail(
                        Check::RepeatsWithSameId,
                        "the same id came again with another event",
                    );
                }
                Way::Through
            }
            Some(Trouble::AskedToWait { until }) => {
                if now < *until {
                    found.fail(
                        Check::HonoursRetryInfo,
                        "sent again before the time that the node asked for",
                    );
                } else {
                    found.pass(
                        Check::HonoursRetryInfo,
                        "sent again after the time that the node asked for",
                    );
                }
                self.troubles.remove(id);
                self.maybe_stale(id, request)
            }
            Some(Trouble::Stale { case, reads }) => {
                if self.reads.get(case).copied().unwrap_or_default() > *reads {
                    found.pass(
                        Check::ReadsAgainWhenStale,
                        "the case was read before the event was sent again",
                    );
                } else {
                    found.fail(
                        Check::ReadsAgainWhenStale,
                        "sent again without a look at the case",
                    );
                }
                self.troubles.remove(id);
                Way::Through
            }
            Some(Trouble::FaultyFields) if same => {
                found.fail(
                    Check::LeavesFaultyFields,
                    "the same request was sent again after its fields were refused",
                );
                Way::Refused(Box::new(faulty_fields()))
            }
            Some(Trouble::FaultyFields) | None => Way::Through,
        }
    }

    /// An emitter that insists on a version is told once that another organisation was faster.
    fn maybe_stale(&mut self, id: &str, request: &EmitEventRequest) -> Way {
        if request.expected_version.is_empty() || self.stale_was_told {
            return Way::Through;
        }
        self.stale_was_told = true;
        let case = request.case_id.clone();
        let reads = self.reads.get(&case).copied().unwrap_or_default();
        self.troubles
            .insert(id.to_owned(), Trouble::Stale { case, reads });
        let text = "another organisation acted on the case since: read it again";
        Way::Refused(Box::new(refusal(
            Code::Aborted,
            ErrorReason::StaleSequence,
            text,
            ErrorDetails::new(),
        )))
    }

    /// What is known only in the end: that something was not done.
    pub(super) fn close(&self, found: &mut Found) {
        for trouble in self.troubles.values() {
            match trouble {
                Trouble::FaultyFields => {
                    found.pass(
                        Check::LeavesFaultyFields,
                        "the refused request did not come again",
                    );
                }
                Trouble::Lost { answered: false } => {
                    found.fail(
                        Check::RepeatsWithSameId,
                        "the event whose answer was lost did not come again",
                    );
                }
                Trouble::AskedToWait { .. } => {
                    found.fail(
                        Check::HonoursRetryInfo,
                        "the event that the node asked to wait with did not come again",
                    );
                }
                Trouble::Lost { .. } | Trouble::Stale { .. } => {}
            }
        }
    }

    /// Whether every trouble that the kit makes for emits has been met, and the refused fields have been left alone meanwhile.
    pub(super) fn met_all(&self) -> bool {
        self.order.len() >= 3
    }
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4).
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn overloaded() -> Status {
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(ASKED_TO_WAIT));
    let text = "too much at once: try again later with the same event id";
    refusal(
        Code::ResourceExhausted,
        ErrorReason::Overloaded,
        text,
        details,
    )
}

fn faulty_fields() -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(
        "event.body",
        "the conformance kit refuses this event: a person would have to correct it",
    );
    let text = "a field is missing or malformed";
    refusal(
        Code::InvalidArgument,
        ErrorReason::FieldInvalid,
        text,
        details,
    )
}

/// An error as a node gives it.
pub(super) fn refusal(
    code: Code,
    reason: ErrorReason,
    text: &str,
    mut details: ErrorDetails,
) -> Status {
    let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
    details.set_error_info(
        name,
        ERROR_DOMAIN,
        [("kit".to_owned(), "conformance".to_owned())],
    );
    Status::with_error_details(code, text, details)
}

#[cfg(test)]
mod tests {
    use super::super::checks::Verdict;
    use super::*;

    fn request(number: u8, case: &str) -> EmitEventRequest {
        EmitEventRequest {
            event_id: format!("00000000-0000-4000-8000-0000000000{number:02}"),
            case_id: case.to_owned(),
            ..EmitEventRequest::default()
        }
    }

    #[tokio::test]
    async fn whoever_does_it_right_passes() {
        let (mut emits, mut found, now) = (Emits::default(), Found::default(), Instant::now());
        assert!(matches!(
            emits.look(&request(1, ""), now, &mut found),
            Way::AnswerLost
        ));
        assert!(matches!(
            emits.look(&request(1, ""), now, &mut found),
            Way::Through
        ));
        let second = EmitEventRequest {
            expected_version: "v".to_owned(),
            ..request(2, "c")
        };
        assert!(matches!(
            emits.look(&second, now, &mut found),
            Way::Refused(_)
        ));
        let later = now + ASKED_TO_WAIT;
        assert!(
            matches!(emits.look(&second, later, &mut found), Way::Refused(_)),
            "it is stale now"
        );
        emits.read("c");
        assert!(matches!(
            emits.look(&second, later, &mut found),
            Way::Through
        ));
        assert!(matches!(
            emits.look(&request(3, "c"), now, &mut found),
            Way::Refused(_)
        ));
        emits.close(&mut found);
        for check in [
            Check::EmitsWithUuid,
            Check::RepeatsWithSameId,
            Check::HonoursRetryInfo,
            Check::ReadsAgainWhenStale,
            Check::LeavesFaultyFields,
        ] {
            assert_eq!(found.of(check).0, Verdict::Pass, "{check:?}");
        }
    }

    #[tokio::test]
    async fn whoever_does_it_wrong_fails() {
        let (mut emits, mut found, now) = (Emits::default(), Found::default(), Instant::now());
        emits.look(&request(1, ""), now, &mut found);
        // The same event under another id.
        emits.look(&request(2, ""), now, &mut found);
        emits.look(&request(2, ""), now, &mut found);
        emits.look(&request(3, ""), now, &mut found);
        emits.look(&request(3, ""), now, &mut found);
        emits.look(&EmitEventRequest::default(), now, &mut found);
        for check in [
            Check::EmitsWithUuid,
            Check::RepeatsWithSameId,
            Check::HonoursRetryInfo,
            Check::LeavesFaultyFields,
        ] {
            assert_eq!(found.of(check).0, Verdict::Fail, "{check:?}");
        }
    }
}
