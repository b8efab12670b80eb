//! The table of errors: what each [`ErrorReason`] means, who can mend it and how. It stands in `errors.proto`, as the option `meaning` and
//! the comment of each value; statuses, JSON bodies, texts and exit codes of the command line and the reference page all read it here.

use std::sync::OnceLock;

use prost_reflect::{DynamicMessage, EnumDescriptor, EnumValueDescriptor, ReflectMessage, Value};
use tonic::Code;

use crate::descriptor::{comment, descriptor_pool};
use crate::v1::{ErrorReason, Mender};

/// Where the reference page stands, from the root of the documentation; `#` and the anchor of a reason follow.
pub const PAGE: &str = "docs/reference/errors.md";

/// What the link to the reference page is called.
pub const HELP: &str = "what it means and what to do";

/// What stands before the name in a value of `ErrorReason`.
const PREFIX: &str = "ERROR_REASON_";

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The reason.
    pub reason: ErrorReason,
    /// Its name, as `ErrorInfo.reason` has it: `NO_CONSENT`.
    pub name: String,
    /// What it says, in one or two sentences.
    pub what: String,
    /// The gRPC status code that goes with it.
    pub code: Code,
    /// Who can mend it.
    pub mender: Mender,
    /// What to do.
    pub remedy: String,
    /// Whether the same call may succeed later without anybody doing anything.
    pub is_retryable: bool,
    /// Why no call answers with it in this release; none if one does.
    pub unreached: Option<String>,
    /// Exit code of a command that ends with it.
    pub exit_code: u8,
}

impl Meaning {
    /// Where to read more: the place on the reference page.
    pub fn help(&self) -> String {
        format!("{PAGE}#{}", self.name.to_ascii_lowercase())
    }

    /// Whether it is the reason of a ruling: the event was judged and refused.
    pub fn is_of_ruling(&self) -> bool {
        self.reason as i32 >= 100
    }
}

/// All reasons but the unspecified one, by number.
pub fn all() -> &'static [Meaning] {
    static ALL: OnceLock<Vec<Meaning>> = OnceLock::new();
    ALL.get_or_init(|| {
        let reasons = descriptor_pool()
            .get_enum_by_name("concordat.v1.ErrorReason")
            .expect("errors.proto declares it");
        let values = reasons.values().filter(|value| value.number() != 0);
        values.map(|value| read(&reasons, &value)).collect()
    })
}

/// What a reason means; none for the unspecified one.
pub fn meaning(reason: ErrorReason) -> Option<&'static Meaning> {
    all().iter().find(|meaning| meaning.reason == reason)
}

/// What the reason of an `ErrorInfo` means; none if it is newer than this release.
pub fn by_name(name: &str) -> Option<&'static Meaning> {
    all().iter().find(|meaning| meaning.name == name)
}

/// A code as the contract and other clients write it: `INVALID_ARGUMENT`.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn read(reasons: &EnumDescriptor, value: &EnumValueDescriptor) -> Meaning {
    let option = option_of(value);
    let text = |name: &str| -> String {
        let field = option.as_ref().and_then(|row| row.get_field_by_name(name));
        field
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let field = |name: &str| option.as_ref().and_then(|row| row.get_field_by_name(name));
    let mender = field("mender").and_then(|value| value.as_enum_number());
    let retryable = field("is_retryable").and_then(|value| value.as_bool());
    let exit_code = field("exit_code").and_then(|value| value.as_u32());
    Meaning {
        reason: ErrorReason::try_from(value.number()).unwrap_or_default(),
        name: value.name().trim_start_matches(PREFIX).to_owned(),
        what: comment(&reasons.parent_file(), value.path()),
        code: code_named(&text("code")),
        mender: mender
            .and_then(|number| Mender::try_from(number).ok())
            .unwrap_or_default(),
        remedy: text("remedy"),
        is_retryable: retryable.unwrap_or_default(),
        unreached: Some(text("unreached")).filter(|why| !why.is_empty()),
        exit_code: exit_code
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or_default(),
    }
}

fn option_of(value: &EnumValueDescriptor) -> Option<DynamicMessage> {
    let extension = descriptor_pool()
        .all_extensions()
        .find(|extension| extension.full_name() == "concordat.v1.meaning")?;
    let options = value.options();
    match options.get_extension(&extension).as_ref() {
        Value::Message(row) if options.has_extension(&extension) => {
            debug_assert_eq!(row.descriptor().name(), "ReasonMeaning");
            Some(row.clone())
        }
        _ => None,
    }
}

/// The code of a name; `UNKNOWN` if there is none such, which a test of the table finds.
fn code_named(name: &str) -> Code {
    (0..=16)
        .map(Code::from_i32)
        .find(|code| code_name(*code) == name)
        .unwrap_or(Code::Unknown)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tonic::Code;

    use super::{all, by_name, meaning};
    use crate::v1::{ErrorReason, Mender};

    /// AIP-193: a reason is UPPER_SNAKE, at most 63 characters, and means one thing.
    #[test]
    fn every_reason_has_its_whole_row() {
        for row in all() {
            let name = row.name.as_str();
            let upper =
                |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(name.bytes().all(upper) && name.len() <= 63, "{name}");
            assert!(
                !matches!(row.code, Code::Ok | Code::Unknown),
                "{name} needs a code: [(meaning) = {{ … }}]"
            );
            assert_ne!(row.mender, Mender::Unspecified, "{name} needs a mender");
            assert!(
                matches!(row.exit_code, 1..=6 | 8),
                "{name} needs an exit code of the command line's table"
            );
            assert!(
                !row.is_retryable || matches!(row.exit_code, 5 | 8),
                "{name} passes by itself, and its exit code has to say so"
            );
            for sentence in [&row.what, &row.remedy] {
                assert!(
                    sentence.ends_with('.'),
                    "{name}: {sentence:?} is no sentence"
                );
            }
            let passes = matches!(
                row.code,
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded
            );
            assert!(
                passes || !row.is_retryable,
                "{name} is retryable, but clients do not retry {:?}",
                row.code
            );
        }
        let names: BTreeSet<&str> = all().iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn row_is_found_by_reason_and_by_name() {
        let row = meaning(ErrorReason::StaleSequence).expect("a row");
        assert_eq!(
            (row.name.as_str(), row.code),
            ("STALE_SEQUENCE", Code::Aborted)
        );
        assert_eq!(row.help(), "docs/reference/errors.md#stale_sequence");
        assert_eq!(by_name("STALE_SEQUENCE"), Some(row));
        assert_eq!(meaning(ErrorReason::Unspecified), None);
        assert!(
            row.what.starts_with("Another organisation acted"),
            "{}",
            row.what
        );
    }
}
