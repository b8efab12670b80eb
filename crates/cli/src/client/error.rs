//! What a node answers instead of an answer: the whole of its `google.rpc.Status`, for a person.

use std::fmt;
use std::time::Duration;

use concordat_proto::reasons;
use concordat_proto::strict::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::explain::EXPLAINED;

/// A call that failed.
#[derive(Debug)]
pub(crate) struct CallError {
    code: Code,
    message: String,
    /// Reason of the contract, such as `NO_CONSENT`; none if the error is not a node's.
    reason: Option<String>,
    /// Further particulars by name.
    particulars: Vec<(String, String)>,
    /// Fields that are wrong, with what is wrong.
    fields: Vec<(String, String)>,
    /// What has to hold first.
    preconditions: Vec<String>,
    /// Where to read more.
    help: Vec<String>,
    retry_after: Option<Duration>,
    /// The call did not reach a node, or its connection broke.
    is_transport: bool,
    /// The call was shown and not made.
    is_explained: bool,
}

impl CallError {
    /// The reason of the contract, if a node gave one.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether nothing failed: the call was shown and not made.
    pub(crate) fn is_explained(&self) -> bool {
        self.is_explained
    }

    /// How long the node asks to wait before the next try.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What to do: what the node says of this very case, else what the contract says of the reason.
    fn advice(&self) -> Vec<String> {
        if self.preconditions.is_empty() && self.fields.is_empty() {
            return self
                .reason
                .as_deref()
                .and_then(reasons::by_name)
                .map(|meaning| meaning.remedy.clone())
                .into_iter()
                .collect();
        }
        let mut advice = self.preconditions.clone();
        // The text of a refusal ends with the advice already.
        advice.retain(|what| !self.message.contains(what));
        advice
    }

    /// Whether the same call may succeed later, without anybody doing anything.
    pub(crate) fn is_passing(&self) -> bool {
        let told = self.reason.as_deref().and_then(reasons::by_name);
        match told {
            Some(meaning) => meaning.is_retryable,
            // A reason that is newer than this program, or none.
            None => {
                self.is_transport
                    || matches!(self.code, Code::Unavailable | Code::ResourceExhausted)
            }
        }
    }

    /// The exit code, as `exit::TABLE` lists them: that of the reason in the table of errors. Without a reason of this release, by the code.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.is_transport {
            return 5;
        }
        if let Some(meaning) = self.reason.as_deref().and_then(reasons::by_name) {
            return meaning.exit_code;
        }
        match self.code {
            Code::Ok => 0,
            Code::InvalidArgument => 2,
            Code::NotFound => 3,
            Code::Unauthenticated | Code::PermissionDenied => 4,
            Code::Unavailable | Code::ResourceExhausted => 5,
            Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists | Code::OutOfRange => 6,
            Code::DeadlineExceeded | Code::Cancelled => 8,
            Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => 1,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details
            .error_info()
            .filter(|info| info.domain == ERROR_DOMAIN);
        let mut particulars: Vec<(String, String)> = info
            .map(|info| info.metadata.clone().into_iter().collect())
            .unwrap_or_default();
        // The rest is said in the text and with the fields.
        particulars.retain(|(name, value)| {
            name != "field" && !value.is_empty() && !status.message().contains(value.as_str())
        });
        particulars.sort();
        let fields = details.bad_request().map(|bad| &bad.field_violations);
        let preconditions = details
            .precondition_failure()
            .map(|failure| &failure.violations);
        let help = details.help().map(|help| &help.links);
        Self {
            is_explained: status.metadata().contains_key(EXPLAINED),
            code: status.code(),
            message: status.message().to_owned(),
            reason: info.map(|info| info.reason.clone()),
            particulars,
            fields: fields
                .into_iter()
                .flatten()
                .map(|field| (field.field.clone(), field.description.clone()))
                .collect(),
            preconditions: preconditions
                .into_iter()
                .flatten()
                .map(|violation| violation.description.clone())
                .collect(),
            help: help
                .into_iter()
                .flatten()
                .map(|link| format!("{} {}", link.description, link.url))
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            is_transport: info.is_none()
                && matches!(
                    status.code(),
                    Code::Unavailable | Code::Unknown | Code::Internal
                )
                && std::error::Error::source(&status).is_some(),
        }
    }
}

impl From<Status> for crate::exit::Failure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status.into()))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_transport {
            return write!(
                f,
                "the node cannot be reached ({}); is it running, and is the address right?",
                self.message
            );
        }
        let code = reasons::code_name(self.code);
        match self.reason.as_deref() {
            Some(reason) if reason != code => write!(f, "{code} {reason}: {}", self.message)?,
            _ => write!(f, "{code}: {}", self.message)?,
        }
        for (field, what) in &self.fields {
            write!(f, "\n  field {field}: {what}")?;
        }
        for (name, value) in &self.particulars {
            write!(f, "\n  {name}: {value}")?;
        }
        for help in &self.help {
            write!(f, "\n  see: {help}")?;
        }
        for what in self.advice() {
            write!(f, "\n  what to do: {what}")?;
        }
        if let Some(after) = self.retry_after {
            write!(f, "\n  try again after {} s", after.as_secs_f64())?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn error(code: Code, message: &str, reason: &str, add: fn(&mut ErrorDetails)) -> CallError {
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, ERROR_DOMAIN, HashMap::new());
        add(&mut details);
        Status::with_error_details(code, message, details).into()
    }

    #[test]
    fn every_field_is_told() {
        let error = error(
            Code::InvalidArgument,
            "two fields",
            "FIELD_INVALID",
            |details| {
                details.add_bad_request_violation("event.body.findings", "missing");
                details.add_bad_request_violation("case_id", "no case id");
            },
        );
        let told = error.to_string();
        assert_eq!(
            told,
            "INVALID_ARGUMENT FIELD_INVALID: two fields\n  field event.body.findings: missing\n  field case_id: no case id"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn what_to_do_is_the_nodes_advice_or_the_contracts() {
        let advised = error(
            Code::FailedPrecondition,
            "refused: no-consent",
            "NO_CONSENT",
            |details| {
                details.add_precondition_failure_violation(
                    "NO_CONSENT",
                    "no-consent",
                    "Ask the person.",
                );
            },
        );
        assert!(
            advised
                .to_string()
                .ends_with("\n  what to do: Ask the person."),
            "{advised}"
        );
        let reused = error(
            Code::AlreadyExists,
            "used before",
            "EVENT_ID_REUSED",
            |_| {},
        );
        assert!(
            reused
                .to_string()
                .ends_with("\n  what to do: Choose a new id if it is a new event; if it is the same one, send it unchanged."),
            "{reused}"
        );
    }

    /// What the table of errors says goes before what the code alone would; each of its exit codes is one that the help text explains.
    #[test]
    fn exit_code_is_that_of_the_reason() {
        let code = |code, reason| error(code, "text", reason, |_| {}).exit_code();
        assert_eq!(code(Code::FailedPrecondition, "FEED_IN_USE"), 5);
        assert_eq!(code(Code::FailedPrecondition, "NO_CONSENT"), 6);
        assert_eq!(code(Code::FailedPrecondition, "OF_A_NEWER_RELEASE"), 6);
        assert_eq!(code(Code::Unavailable, "OF_A_NEWER_RELEASE"), 5);
        for meaning in reasons::all() {
            let row = format!("\n  {}    ", meaning.exit_code);
            assert!(crate::exit::TABLE.contains(&row), "{}", meaning.name);
        }
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let code = |code, reason| error(code, "text", reason, |_| {}).is_passing();
        assert!(code(Code::Unavailable, "SHUTTING_DOWN"));
        assert!(!code(Code::Unavailable, "PUBLISHING_STOPPED"));
        assert!(!code(Code::FailedPrecondition, "NO_CONSENT"));
    }
}
