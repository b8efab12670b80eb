//! Errors as callers see them: `google.rpc.Status` with exactly one `ErrorInfo`, and what else helps (design, section 8).
//!
//! Reasons are the values of `ErrorReason` without their prefix; what they mean, their code and remedy is the table in
//! `proto/concordat/v1/errors.proto`, read by [`reasons`]. Texts hold codes and ids, never content.

use std::collections::HashMap;
use std::time::Duration;

use concordat_codec::Violation;
use concordat_node::{Error, Meanwhile};
use concordat_proto::reasons;
use concordat_proto::strict::ERROR_DOMAIN;
use concordat_proto::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tracing::error;

use crate::opaque;

/// Where an event stands in a request, and of which type it is: its body is a field of that name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    pub(crate) event_type: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// The field `event`, of whatever type.
    pub(crate) const EVENT: Self = Self {
        path: "event",
        event_type: None,
    };

    /// The field `event`, with an event of this type.
    pub(crate) fn of(event_type: Option<&'a str>) -> Self {
        Self {
            event_type,
            ..Self::EVENT
        }
    }
}
/// Fields that an error tells of at most: details travel in headers, of which clients by default take 8 KiB in all.
const FIELDS_MAX: usize = 16;
/// After which time it is worth trying again when something local is in the way.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// An error on its way to a caller. Boxed: it is rare, and results should be small.
#[derive(Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    reason: ErrorReason,
    text: String,
    metadata: HashMap<String, String>,
    fields: Vec<(String, String)>,
    /// What failed, and why or what to do.
    preconditions: Vec<(String, String)>,
    retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(code: Code, reason: ErrorReason, text: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            reason,
            text: text.into(),
            metadata: HashMap::new(),
            fields: Vec::new(),
            preconditions: Vec::new(),
            retry_after: None,
        }))
    }

    /// One field of the request is wrong.
    pub(crate) fn field(path: &str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(
            Code::InvalidArgument,
            ErrorReason::FieldInvalid,
            format!("field `{path}`: {what}"),
        )
        .and_field(path, what)
    }

    /// A case version in a field of the request is none that this node gave out.
    pub(crate) fn version(field: &str) -> Self {
        Self::new(
            Code::InvalidArgument,
            ErrorReason::VersionInvalid,
            "the case version is none that this node gave out; read the case again",
        )
        .and_field(field, "a case version as an earlier answer gave it")
    }

    /// There is no such thing, or the caller may not see it: both answer alike.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            Code::NotFound,
            ErrorReason::NotFound,
            format!("there is no such {what} here"),
        )
    }

    /// Several that were found at once, as one: the first, with the fields of all.
    pub(crate) fn all(mut all: Self, others: impl IntoIterator<Item = Self>) -> Self {
        let mut more = 0;
        for Self(other) in others {
            more += 1;
            let room = FIELDS_MAX.saturating_sub(all.0.fields.len());
            all.0.fields.extend(other.fields.into_iter().take(room));
        }
        if more > 0 {
            all.0.text = format!("{} (and {more} more)", all.0.text);
        }
        all
    }

    /// Adds a variable of the text, so that programs need not read the text (AIP-193).
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Says in front of its text what it is about.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.0.text = format!("{what}: {}", self.0.text);
        self
    }

    pub(crate) fn and_field(mut self, path: &str, what: impl Into<String>) -> Self {
        self.0
            .metadata
            .entry("field".to_owned())
            .or_insert_with(|| path.to_owned());
        self.0.fields.push((path.to_owned(), what.into()));
        self
    }

    /// Tells what others did since the version that the emitter had in view, one precondition an event: the last of them, and how many
    /// there are in all.
    fn with_what_came_between(mut self, meanwhile: &Meanwhile) -> Self {
        for event in &meanwhile.events {
            let what = event.event_type.map_or("an event", |known| known.code());
            self.0.preconditions.push((
                format!("{}/{}", event.author, event.event_id),
                format!(
                    "{what} by {} at {}",
                    event.author,
                    opaque::position(event.position)
                ),
            ));
        }
        self.with("actualVersion", opaque::version(meanwhile.version))
            .with("eventsBetween", meanwhile.count.to_string())
    }

    pub(crate) fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }
}

impl From<Failure> for Status {
    fn from(Failure(failure): Failure) -> Self {
        let failure = *failure;
        let mut details = ErrorDetails::new();
        let mut retry_after = failure.retry_after;
        if let Some(meaning) = reasons::meaning(failure.reason) {
            debug_assert_eq!(
                meaning.code, failure.code,
                "errors.proto has another code for {}",
                meaning.name
            );
            if meaning.is_retryable {
                retry_after = retry_after.or(Some(RETRY_SOON));
            }
            details.add_help_link(reasons::HELP, meaning.help());
        }
        details.set_error_info(name(failure.reason), ERROR_DOMAIN, failure.metadata);
        for (path, what) in failure.fields {
            details.add_bad_request_violation(path, what);
        }
        for (subject, advice) in failure.preconditions {
            details.add_precondition_failure_violation(name(failure.reason), subject, advice);
        }
        if let Some(pause) = retry_after {
            details.set_retry_info(Some(pause));
        }
        Self::with_error_details(failure.code, failure.text, details)
    }
}

/// What stands in `ErrorInfo.reason`.
fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The error of a query, or of anything else that hands no event in.
pub(crate) fn from_node(error: Error) -> Failure {
    from_emit(error, Place::EVENT)
}

/// The error of an event that was handed in at a place of a request.
pub(crate) fn from_emit(error: Error, place: Place<'_>) -> Failure {
    let text = error.to_string();
    match error {
        Error::Shape(violations) => shape(&violations, |path| format!("{}.{path}", place.path)),
        Error::Refused {
            code,
            advice,
            also_missing,
            state,
            next_event_types,
            meanwhile,
        } => {
            let failure = refused(
                (&code, &also_missing),
                &advice,
                state,
                &next_event_types,
                place,
            );
            match meanwhile {
                Some(meanwhile) => failure.with_what_came_between(&meanwhile),
                None => failure,
            }
        }
        // Told by whoever knows where each event of the batch stands.
        Error::InBatch { error, .. } => from_emit(*error, place),
        Error::BatchPartlyKnown { known } => {
            let paths: Vec<String> = known
                .iter()
                .map(|index| format!("events[{index}]"))
                .collect();
            let failure = Failure::new(Code::AlreadyExists, ErrorReason::BatchPartlyKnown, text)
                .with("knownEvents", paths.join(","));
            let told = paths.iter().take(FIELDS_MAX);
            told.fold(failure, |failure, path| {
                failure.and_field(&format!("{path}.event_id"), "it was handed in before")
            })
        }
        Error::BatchTooLarge {
            envelopes,
            bytes,
            envelopes_max,
            bytes_max,
        } => Failure::new(Code::InvalidArgument, ErrorReason::BatchTooLarge, text)
            .with("envelopes", envelopes.to_string())
            .with("envelopesLimit", envelopes_max.to_string())
            .with("bytes", bytes.to_string())
            .with("bytesLimit", bytes_max.to_string())
            .and_field("events", "hand them in in several batches"),
        Error::NoCaseEvent => Failure::field(
            place.path,
            "it is tied to no case, and a batch is of one; emit it alone",
        ),
        Error::EventIdTwice => Failure::field(
            &format!("{}_id", place.path),
            "the same id stands in the batch before; choose one for each event",
        ),
        Error::Change(why) => Failure::field("change", why),
        Error::UnknownCase => Failure::not_found("case"),
        Error::VersionAhead => Failure::version("expected_version"),
        Error::CaseIdChosen { .. } => Failure::field(
            "case_id",
            "leave it empty for an event that opens a case; the node makes the id",
        ),
        Error::UnknownEvent => Failure::not_found("event"),
        Error::UnknownDraft => Failure::not_found("draft"),
        Error::UnknownFeed => Failure::not_found("feed"),
        Error::DraftNotHeld => Failure::new(
            Code::FailedPrecondition,
            ErrorReason::DraftNotHeld,
            "the draft waits for the log, not for a person; it goes out by itself",
        ),
        Error::Discarded { event_id } => {
            Failure::new(Code::FailedPrecondition, ErrorReason::EventDiscarded, text)
                .with("eventId", event_id.to_string())
        }
        Error::UnknownCursor { resume } => Failure::new(
            Code::OutOfRange,
            ErrorReason::FeedResyncRequired,
            "the cursor is none of this feed; resume after the one in the details",
        )
        .with("cursor", resume.map(opaque::cursor).unwrap_or_default()),
        Error::FeedName => Failure::field("feed_id", text),
        Error::UnknownGeneration => Failure::field("generation", text),
        Error::NotToPark => Failure::field("parked", text),
        Error::NotParked => Failure::not_found("parked entry"),
        Error::FeedLimit { what, limit } => {
            Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, text)
                .with("what", what)
                .with("limit", limit.to_string())
        }
        Error::TooManyFeeds { limit } => {
            Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, text)
                .with("limit", limit.to_string())
        }
        Error::EventIdReused {
            event_id,
            first,
            this,
        } => Failure::new(Code::AlreadyExists, ErrorReason::EventIdReused, text)
            .with("eventId", event_id.to_string())
            .with("digestKnown", first)
            .with("digestGiven", this),
        Error::Parked { case, why } => {
            Failure::new(Code::FailedPrecondition, ErrorReason::CaseParked, text)
                .with("caseId", case.to_string())
                .with("why", why)
        }
        Error::ActSuspended { case, event_type } => {
            let mut failure =
                Failure::new(Code::FailedPrecondition, ErrorReason::ActSuspended, text)
                    .with("caseId", case.to_string())
                    .with("eventType", event_type.code());
            failure.0.preconditions.push((
                event_type.code().to_owned(),
                "Ask the post that deals with restricted channels at this organisation.".to_owned(),
            ));
            failure
        }
        Error::TooLarge { bytes, limit } => {
            Failure::new(Code::InvalidArgument, ErrorReason::EventTooLarge, text)
                .with("bytes", bytes.to_string())
                .with("limit", limit.to_string())
                .and_field("event", "keep documents outside and refer to them")
        }
        Error::OutboxFull { waiting } => {
            Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, text)
                .with("waiting", waiting.to_string())
                .retry_after(RETRY_SOON * 30)
        }
        Error::Rules(_) => {
            Failure::new(Code::FailedPrecondition, ErrorReason::CalendarHorizon, text)
        }
        Error::TreeSize { .. } => Failure::field("tree_size", text),
        Error::PositionNotReached { position } => Failure::new(
            Code::Unavailable,
            ErrorReason::PositionNotReached,
            "this node has not reached the position asked for",
        )
        .with("minPosition", opaque::position(position))
        .retry_after(RETRY_SOON),
        Error::Stopping => {
            Failure::new(Code::Unavailable, ErrorReason::ShuttingDown, text).retry_after(RETRY_SOON)
        }
        Error::Log(_) => Failure::new(Code::Unavailable, ErrorReason::LogUnavailable, text)
            .retry_after(RETRY_SOON),
        Error::Store(_) => Failure::new(Code::Unavailable, ErrorReason::StoreFailed, text),
        Error::Corrupt(_) => internal(&error),
    }
}

/// A fault of the node: the caller gets an id, the log what happened under it.
fn internal(fault: &Error) -> Failure {
    let mut id = [0; 8];
    // Without randomness the id is zero; the line in the log is there all the same.
    let _ = getrandom::fill(&mut id);
    let request_id = hex::encode(id);
    error!(
        request_id,
        error = fault as &dyn std::error::Error,
        "a call failed"
    );
    Failure::new(
        Code::DataLoss,
        ErrorReason::Corrupted,
        format!("the node's data contradict each other; report request {request_id}"),
    )
    .with("requestId", request_id)
}

/// What is malformed in events; `place` says where a path within an event stands in the request.
pub(crate) fn shape(violations: &[Violation], place: impl Fn(&str) -> String) -> Failure {
    let too_large = violations.iter().any(|violation| {
        violation.path.ends_with("body") && violation.what == "the event is too long"
    });
    let reason = if too_large {
        ErrorReason::EventTooLarge
    } else {
        ErrorReason::FieldInvalid
    };
    let first = violations.first().map_or_else(String::new, |violation| {
        format!("field `{}`: {}", place(&violation.path), violation.what)
    });
    let more = match violations.len() {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    let failure = Failure::new(Code::InvalidArgument, reason, format!("{first}{more}"))
        .with("violations", violations.len().to_string());
    violations
        .iter()
        .take(FIELDS_MAX)
        .fold(failure, |failure, violation| {
            failure.and_field(
                &place(&violation.path),
                format!("{}; {}", violation.what, violation.advice),
            )
        })
}

/// An event that was judged and refused. Its reason is the ruling that it would have got.
fn refused(
    (code, also_missing): (&str, &[&str]),
    advice: &str,
    state: Option<&str>,
    next_event_types: &[String],
    place: Place<'_>,
) -> Failure {
    let (family, field) = code.split_once(':').unwrap_or((code, ""));
    let reason = reason_of(family);
    if reason == ErrorReason::UnknownCase {
        return Failure::not_found("case");
    }
    let status = match reason {
        ErrorReason::MissingField => Code::InvalidArgument,
        ErrorReason::StaleSequence => Code::Aborted,
        _ => Code::FailedPrecondition,
    };
    let mut failure = Failure::new(status, reason, format!("refused: {code}. {advice}"))
        .with("reason", code)
        .with("nextEventTypes", next_event_types.join(","));
    if let Some(state) = state {
        failure = failure.with("state", state);
    }
    if reason == ErrorReason::MissingField {
        let kind = place.event_type.unwrap_or("*").replace('-', "_");
        let fields = std::iter::once(field).chain(also_missing.iter().copied());
        return fields.take(FIELDS_MAX).fold(failure, |failure, field| {
            failure.and_field(&format!("{}.body.{kind}.{field}", place.path), advice)
        });
    }
    failure
        .0
        .preconditions
        .push((code.to_owned(), advice.to_owned()));
    failure
}

/// The reason that a ruling's code stands for.
fn reason_of(family: &str) -> ErrorReason {
    let name = format!(
        "ERROR_REASON_{}",
        family.replace('-', "_").to_ascii_uppercase()
    );
    ErrorReason::from_str_name(&name).unwrap_or(ErrorReason::Internal)
}

#[cfg(test)]
mod tests {
    use concordat_domain::judge::Reason;
    use concordat_proto::reasons;
    use concordat_proto::v1::ErrorReason;
    use tonic::{Code, Status};
    use tonic_types::StatusExt;

    use concordat_domain::ids::CaseId;
    use concordat_node::Error;

    use super::{Failure, Place, from_emit, reason_of, refused};

    /// The table of errors says of a refusal what the rules say.
    #[test]
    fn remedy_of_a_refusal_is_the_advice_of_the_rules() {
        let missing = Reason::MissingField(String::new());
        for reason in Reason::ALL.iter().chain([&missing]) {
            let meaning = reasons::meaning(reason_of(reason.family())).expect("a row");
            assert_eq!(meaning.remedy, reason.advice(), "{reason}");
        }
    }

    /// Domain brief, section B: the list of reasons is closed, and each is told by a name of its own.
    #[test]
    fn every_reason_of_a_ruling_has_its_error_reason() {
        let families = Reason::ALL.iter().map(Reason::family);
        for family in families.chain(["missing-field", "erasure-not-available"]) {
            assert_ne!(reason_of(family), ErrorReason::Internal, "{family}");
        }
    }

    #[test]
    fn refusal_has_one_reason_and_names_the_field() {
        let status: Status = refused(
            ("missing-field:findings", &["explained"]),
            "Fill it.",
            None,
            &[],
            Place::of(Some("strand-submitted")),
        )
        .into();
        assert_eq!(status.code(), Code::InvalidArgument);
        let info = status.get_details_error_info().expect("one reason");
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("MISSING_FIELD", "concordat")
        );
        let fields = status.get_details_bad_request().expect("fields");
        assert_eq!(
            fields.field_violations[0].field,
            "event.body.strand_submitted.findings"
        );
        assert_eq!(
            fields.field_violations[1].field,
            "event.body.strand_submitted.explained"
        );
    }

    #[test]
    fn what_goes_wrong_in_the_node_has_its_reason() {
        let case = CaseId([7; 16]);
        let why = "a key is missing".to_owned();
        let event_type = concordat_domain::event::EventType::StaffNotified;
        for (error, reason) in [
            (Error::Parked { case, why }, "CASE_PARKED"),
            (Error::ActSuspended { case, event_type }, "ACT_SUSPENDED"),
            (Error::Corrupt("a fold".to_owned()), "CORRUPTED"),
            (Error::Stopping, "SHUTTING_DOWN"),
        ] {
            let status: Status = from_emit(error, Place::EVENT).into();
            let info = status.get_details_error_info().expect("one reason");
            assert_eq!(info.reason, reason);
            let row = reasons::by_name(reason).expect("a row");
            assert_eq!(status.code(), row.code);
        }
    }

    #[test]
    fn case_id_of_an_opening_is_a_wrong_field() {
        let case = CaseId([7; 16]);
        let status: Status = from_emit(Error::CaseIdChosen { case }, Place::EVENT).into();
        assert_eq!(status.code(), Code::InvalidArgument);
        let info = status.get_details_error_info().expect("one reason");
        assert_eq!(info.reason, "FIELD_INVALID");
        let fields = status.get_details_bad_request().expect("fields");
        assert_eq!(fields.field_violations[0].field, "case_id");
    }

    #[test]
    fn refusal_names_state_and_what_may_come_instead() {
        let next = ["lead-agreed".to_owned()];
        let state = Some("agreeing-lead");
        let status: Status = refused(
            ("wrong-state", &[]),
            "Read it again.",
            state,
            &next,
            Place::EVENT,
        )
        .into();
        assert_eq!(status.code(), Code::FailedPrecondition);
        let info = status.get_details_error_info().expect("one reason");
        assert_eq!(info.metadata["state"], "agreeing-lead");
        assert_eq!(info.metadata["nextEventTypes"], "lead-agreed");
        let failed = status
            .get_details_precondition_failure()
            .expect("it says what failed");
        assert_eq!(failed.violations[0].description, "Read it again.");
    }

    #[test]
    fn case_that_may_not_be_seen_answers_like_one_that_is_not_there() {
        let known: Status =
            refused(("unknown-case", &[]), "Check it.", None, &[], Place::EVENT).into();
        let unknown: Status = Failure::not_found("case").into();
        assert_eq!(known.code(), unknown.code());
        assert_eq!(known.message(), unknown.message());
        assert_eq!(known.details(), unknown.details());
    }
}
