//! How values of the contract look in a table. Programs take the JSON.

use concordat_codec::time;
use concordat_proto::v1;
use jiff::Timestamp;

/// An instant, to the second, in UTC; empty if there is none.
pub(crate) fn instant(instant: Option<&prost_types::Timestamp>) -> String {
    instant
        .and_then(time::from_wire)
        .and_then(|instant| Timestamp::from_second(instant.as_second()).ok())
        .map(|instant| instant.to_string())
        .unwrap_or_default()
}

/// An instant as the wire takes it.
pub(crate) fn wire(instant: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    instant.map(time::to_wire)
}

/// `effective`, or `void` with the reason; empty before there is a verdict.
pub(crate) fn ruling(ruling: Option<&v1::Ruling>) -> String {
    match ruling {
        None => String::new(),
        Some(ruling) if ruling.effective => "effective".to_owned(),
        Some(ruling) => format!("void {}", ruling.reason),
    }
}

/// An enum value without its prefix, in lower case with hyphens: `STAGE_RULED` is `ruled`.
pub(crate) fn code(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_ascii_lowercase()
        .replace('_', "-")
}

/// State of a deadline.
pub(crate) fn deadline_state(deadline: &v1::Deadline) -> String {
    code(deadline.state().as_str_name(), "DEADLINE_STATE_")
}

/// Stage of an event; `none` if nothing was stored.
pub(crate) fn stage(stage: v1::Stage) -> String {
    match stage {
        v1::Stage::Unspecified => "none".to_owned(),
        stage => code(stage.as_str_name(), "STAGE_"),
    }
}

/// The names of compartments.
pub(crate) fn compartments(compartments: impl Iterator<Item = v1::Compartment>) -> String {
    compartments
        .map(|compartment| code(compartment.as_str_name(), "COMPARTMENT_"))
        .collect::<Vec<_>>()
        .join(", ")
}
