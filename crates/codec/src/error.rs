//! What can be wrong with an event before any rule is asked.

use std::fmt;

/// One thing that is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: the path of the field, such as `body.plan_proposed.strands[1].due`.
    pub path: String,
    /// What is wrong, without the value: it may be personal data.
    pub what: String,
    /// What the caller can do.
    pub advice: String,
}

impl Violation {
    pub(crate) fn new(
        path: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.what, self.advice)
    }
}

/// Why an event cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is not well-formed. All that is wrong is listed; correct it and send again.
    #[error("not well-formed: {}", list(.0))]
    Invalid(Vec<Violation>),
    /// What was read from the log cannot be an event: every party that holds the key sees the same.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// The event is of a type that these rules do not know. Upgrade the node; until then the case is parked.
    #[error("event type `{0}` is not known here")]
    UnknownEventType(String),
}

fn list(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(Violation::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
