//! The door: whether an event is well-formed. Asked before any rule, and about the event alone; all that is wrong is said
//! at once. What passes holds no free text in `process`, whatever its author meant to put there.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::{
    descriptor, options,
    v1::{EventInput, TextFormat},
};
use jiff::civil::Date;
use prost::Message;
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, ReflectMessage, Value};

pub use crate::error::Violation;
use crate::{error::Error, kinds, time};

/// Largest text of a content field, in bytes. Documents are referred to, not embedded; a bundle has 512 KiB.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Largest event as handed in, in bytes: half a bundle, so that sealing and padding cannot push it over.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Longest code, reference or name in `process`.
pub const CODE_BYTES_MAX: usize = 128;

/// Longest name or title of what is tied to no case.
pub const TITLE_BYTES_MAX: usize = 200;

/// By which names paths are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Those of the contract, for programs.
    Contract,
    /// Those of the domain, for people.
    Domain,
}

/// Checks an event as a local system handed it in. Paths are relative to the input, such as `body.consent_granted.orgs[0]`.
///
/// # Errors
///
/// [`Error::Invalid`] with everything that is wrong.
pub fn validate(input: &EventInput) -> Result<(), Error> {
    let mut violations = check_message(&kinds::reflect(input), "", Names::Contract);
    violations.extend(body_and_time(input));
    violations.extend(empty_lists(input));
    if input.encoded_len() > EVENT_BYTES_MAX {
        let advice = format!(
            "at most {EVENT_BYTES_MAX} bytes; refer to documents instead of embedding them"
        );
        violations.push(Violation::new("body", "the event is too long", advice));
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(violations))
    }
}

/// Checks every value that is set in a message, at any depth.
pub(crate) fn check_message(message: &DynamicMessage, path: &str, names: Names) -> Vec<Violation> {
    let mut violations = Vec::new();
    walk(message, path, names, &mut violations);
    violations
}

pub(crate) fn not_a_code(enumeration: &EnumDescriptor, path: &str) -> Violation {
    let codes: Vec<String> = enumeration
        .values()
        .filter_map(|value| options::code(&value))
        .collect();
    Violation::new(
        path,
        "not a code of this field",
        format!("expected one of: {}", codes.join(", ")),
    )
}

fn body_and_time(input: &EventInput) -> Vec<Violation> {
    let mut violations = Vec::new();
    if input.body.as_ref().is_none_or(|body| body.kind.is_none()) {
        violations.push(Violation::new(
            "body",
            "no kind of event is set",
            "set exactly one",
        ));
    }
    if input
        .occurred_at
        .as_ref()
        .is_some_and(|instant| time::from_wire(instant).is_none())
    {
        violations.push(Violation::new(
            "occurred_at",
            "not an instant",
            "use seconds and nanoseconds since 1970",
        ));
    }
    violations
}

fn empty_lists(input: &EventInput) -> Vec<Violation> {
    let Some((_, message)) = input
        .body
        .as_ref()
        .and_then(|body| kinds::kind(&kinds::reflect(body)))
    else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    for (index, name) in input.empty_lists.iter().enumerate() {
        let path = format!("empty_lists[{index}]");
        let list = message
            .descriptor()
            .fields()
            .find(|field| field.is_list() && options::domain_name(field) == *name);
        match list {
            None => violations.push(Violation::new(
                path,
                "not a list of this event",
                "name a list of the body",
            )),
            Some(list) if message.has_field(&list) => {
                violations.push(Violation::new(
                    path,
                    "the list is not empty",
                    "take its name out",
                ));
            }
            Some(_) => {}
        }
    }
    violations
}

fn walk(message: &DynamicMessage, path: &str, names: Names, violations: &mut Vec<Violation>) {
    for (field, value) in message.fields() {
        let name = match names {
            Names::Contract => field.name().to_owned(),
            Names::Domain => options::domain_name(&field),
        };
        let path = concordat_proto::json::join(path, &name);
        match value {
            Value::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    single(
                        &field,
                        value,
                        &format!("{path}[{index}]"),
                        names,
                        violations,
                    );
                }
                repeated_ids(values, &path, violations);
                repeated_names(&field, values, &path, violations);
            }
            value => single(&field, value, &path, names, violations),
        }
    }
}

fn single(
    field: &FieldDescriptor,
    value: &Value,
    path: &str,
    names: Names,
    violations: &mut Vec<Violation>,
) {
    match value {
        Value::Message(message) if is_ours(message) => walk(message, path, names, violations),
        Value::String(text) => {
            violations.extend(text_violation(options::text_format(field), text, path))
        }
        Value::EnumNumber(number) => {
            let Kind::Enum(enumeration) = field.kind() else {
                return;
            };
            if enumeration
                .get_value(*number)
                .and_then(|value| options::code(&value))
                .is_none()
            {
                violations.push(not_a_code(&enumeration, path));
            }
        }
        _ => {}
    }
}

fn is_ours(message: &DynamicMessage) -> bool {
    message.descriptor().package_name() == descriptor::of::<EventInput>().package_name()
}

/// Two elements of one list with the same id could not be told apart by later events.
fn repeated_ids(values: &[Value], path: &str, violations: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let Value::Message(message) = value else {
            continue;
        };
        for key in ["id", "ref"] {
            let Some(id) = message.get_field_by_name(key) else {
                continue;
            };
            let Some(id) = id.as_str().filter(|id| !id.is_empty()) else {
                continue;
            };
            if !seen.insert((key, id.to_owned())) {
                let path = format!("{path}[{index}].{key}");
                violations.push(Violation::new(
                    path,
                    "occurs twice in the list",
                    "give each element its own",
                ));
            }
        }
    }
}

/// A name that stands twice in a list of names is a slip: no list counts how often.
fn repeated_names(
    field: &FieldDescriptor,
    values: &[Value],
    path: &str,
    violations: &mut Vec<Violation>,
) {
    if options::text_format(field) == TextFormat::Free {
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, name) in values.iter().enumerate() {
        if name.as_str().is_some_and(|name| !seen.insert(name)) {
            violations.push(Violation::new(
                format!("{path}[{index}]"),
                "occurs twice in the list",
                "name each once",
            ));
        }
    }
}

fn text_violation(format: TextFormat, text: &str, path: &str) -> Option<Violation> {
    let (fits, what, advice) = match format {
        TextFormat::Code => (
            is_code(text),
            "not a code",
            "a letter or digit, then up to 127 letters, digits or . _ : / + -; free text belongs in a content field",
        ),
        TextFormat::Date => (is_date(text), "not a date", "an existing day, YYYY-MM-DD"),
        TextFormat::Organisation => (
            text.parse::<OrganisationId>().is_ok(),
            "not an organisation code",
            "ods:, gss: or cqc: and the code",
        ),
        TextFormat::CaseId => (
            is_case_id(text),
            "not a case id",
            "32 lower-case hexadecimal digits",
        ),
        TextFormat::EventId => (
            is_event_id(text),
            "not an event id",
            "a UUID, lower-case and with hyphens",
        ),
        TextFormat::Title => (
            is_title(text),
            "not a name or title",
            "one line of at most 200 bytes",
        ),
        TextFormat::Free if text.trim().is_empty() => {
            (false, "empty", "write something, or leave the field out")
        }
        TextFormat::Free if text.chars().any(is_no_text) => (
            false,
            "holds control characters",
            "text of lines, without NUL, escape or other control characters but tab and line ends",
        ),
        TextFormat::Free => (
            text.len() <= TEXT_BYTES_MAX,
            "too long",
            "at most 64 KiB; refer to documents",
        ),
        // Every text of an event says how it is written; the descriptor test holds that.
        TextFormat::Unspecified => (true, "", ""),
    };
    (!fits).then(|| Violation::new(path, what, advice))
}

/// Whether a text may stand in `process`: a letter or digit, then up to 127 of `[A-Za-z0-9._:/+-]`.
pub fn is_code(text: &str) -> bool {
    let first_fits = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest_fits = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._:/+-".contains(&byte));
    first_fits && rest_fits && text.len() <= CODE_BYTES_MAX
}

/// Whether a text may be the name of an organisation, a service or a publication: one line, neither empty nor longer than
/// [`TITLE_BYTES_MAX`].
fn is_title(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= TITLE_BYTES_MAX && !text.chars().any(char::is_control)
}

/// What a screen or a letter would not show, or show as something else.
fn is_no_text(one: char) -> bool {
    one.is_control() && !matches!(one, '\t' | '\n' | '\r')
}

fn is_date(text: &str) -> bool {
    // The parser takes more than the one form that the contract writes.
    text.parse::<Date>()
        .is_ok_and(|date| date.to_string() == text)
}

fn is_case_id(text: &str) -> bool {
    text.parse::<CaseId>()
        .is_ok_and(|case| case.to_string() == text)
}

fn is_event_id(text: &str) -> bool {
    text.parse::<EventId>()
        .is_ok_and(|event| event.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn code_is_no_free_text() {
        for code in [
            "p-1",
            "eng-2009",
            "strand:gss:E06000051",
            "a",
            &"x".repeat(128),
        ] {
            assert!(is_code(code), "{code}");
        }
        for text in [
            "",
            "-a",
            "two words",
            "Mrs O'Brien",
            "é",
            &"x".repeat(129),
            "a\n",
        ] {
            assert!(!is_code(text), "{text}");
        }
    }
}
