//! Texts of requests as the ids, instants and places that they stand for; each error names its field.

use std::str::FromStr;

use concordat_domain::State;
use concordat_domain::event::{CaseVersion, EventType};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_node::Spot;
use concordat_proto::v1::ErrorReason;
use jiff::Timestamp;
use tonic::Code;

use crate::failure::Failure;
use crate::opaque;

pub(crate) fn case_id(text: &str, field: &str) -> Result<CaseId, Failure> {
    parsed(text, field, "32 hexadecimal digits")
}

/// What a text stands for, unless it is empty.
pub(crate) fn optional<T>(
    text: &str,
    field: &str,
    read: impl FnOnce(&str, &str) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    read(text, field).map(Some)
}

/// The id of an event that is emitted.
pub(crate) fn new_event_id(text: &str) -> Result<EventId, Failure> {
    new_event_id_at(text, "event_id")
}

/// The id of an event that is emitted, in a field of this path.
pub(crate) fn new_event_id_at(text: &str, field: &str) -> Result<EventId, Failure> {
    if text.is_empty() {
        return Err(Failure::new(
            Code::InvalidArgument,
            ErrorReason::EventIdMissing,
            "an emit needs an event id; choose a UUID before the first try and keep it",
        )
        .and_field(field, "a UUID, version 7 preferred"));
    }
    event_id(text, field)
}

pub(crate) fn event_id(text: &str, field: &str) -> Result<EventId, Failure> {
    parsed(
        text,
        field,
        "a UUID, such as 01903f5e-7b1c-7c3e-9a54-0f2b6d8e1a77",
    )
}

pub(crate) fn organisation(text: &str, field: &str) -> Result<OrganisationId, Failure> {
    parsed(text, field, "a prefixed code, such as ods:RXW")
}

pub(crate) fn event_types(texts: &[String], field: &str) -> Result<Vec<EventType>, Failure> {
    let read = |(index, text): (usize, &String)| {
        parsed(
            text,
            &format!("{field}[{index}]"),
            "an event type that this node knows, such as consent-granted",
        )
    };
    texts.iter().enumerate().map(read).collect()
}

/// That each text is a state that a case can be in.
pub(crate) fn states(texts: &[String], field: &str) -> Result<(), Failure> {
    let unknown = |text: &&String| State::ALL.iter().all(|state| state.code() != text.as_str());
    let Some(index) = texts.iter().position(|text| unknown(&text)) else {
        return Ok(());
    };
    let known: Vec<&str> = State::ALL.iter().map(|state| state.code()).collect();
    Err(Failure::field(
        &format!("{field}[{index}]"),
        format!("expected one of {}", known.join(", ")),
    ))
}

/// An instant, if one is given.
pub(crate) fn instant(
    given: Option<&prost_types::Timestamp>,
    field: &str,
) -> Result<Option<Timestamp>, Failure> {
    let read = |given| {
        concordat_codec::time::from_wire(given).ok_or_else(|| {
            Failure::field(field, "an instant from the year -9999 to the end of 9998")
        })
    };
    given.map(read).transpose()
}

/// A case version, if one is given.
pub(crate) fn version(text: &str, field: &str) -> Result<Option<CaseVersion>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let version = opaque::read_version(text).ok_or_else(|| Failure::version(field))?;
    Ok(Some(version))
}

/// A position, if one is given.
pub(crate) fn position(text: &str, field: &str) -> Result<Option<Position>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let position = opaque::read_position(text)
        .ok_or_else(|| Failure::field(field, "a position as an earlier answer gave it"))?;
    Ok(Some(position))
}

pub(crate) fn cursor(text: &str, field: &str) -> Result<Spot, Failure> {
    opaque::read_cursor(text).ok_or_else(|| Failure::field(field, "a cursor as the stream gave it"))
}

fn parsed<T: FromStr>(text: &str, field: &str, expected: &str) -> Result<T, Failure> {
    // The value is not repeated: a person's name may have slipped into the wrong field.
    text.parse()
        .map_err(|_| Failure::field(field, format!("expected {expected}")))
}
