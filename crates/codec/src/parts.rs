//! An event as the parts of an envelope: one message per compartment, each with that compartment's fields only.
//!
//! ```text
//! Event ──split──▶ process │ narrative │ identity …      each sealed under its own key
//! Event ◀──merge── process │           │ identity …      whatever may be opened
//! ```

use std::collections::BTreeMap;

use concordat_proto::{
    descriptor, options,
    v1::{Compartment, Event},
};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, Value};

use crate::{error::Error, kinds};

/// One part before sealing, or after opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose fields it has.
    pub compartment: Compartment,
    /// An encoded `Event` with only these fields set.
    pub bytes: Vec<u8>,
}

/// Splits an event. The first part is `process`, always there; the others follow in the order of their numbers, only
/// where a field is set.
pub fn split(event: &Event) -> Vec<Part> {
    let whole = kinds::reflect(event);
    let mut parts = BTreeMap::from([(Compartment::Process, empty())]);
    for (field, value) in whole.fields() {
        match body(&field, value) {
            Some(body) => split_body(&field, body, &mut parts),
            None => part(&mut parts, options::compartment(&field)).set_field(&field, value.clone()),
        }
    }
    let encode = |(compartment, part): (Compartment, DynamicMessage)| Part {
        compartment,
        bytes: part.encode_to_vec(),
    };
    parts.into_iter().map(encode).collect()
}

/// Puts together what may be read of an event: the `process` part, then any others. A field outside the compartment of
/// its part is refused, for else who sealed it could show different events to different readers.
///
/// # Errors
///
/// [`Error::Unreadable`] if the first part is not `process`, a part does not decode, has a field of an other
/// compartment, or is of an other kind of event.
pub fn merge<'a>(parts: impl IntoIterator<Item = (Compartment, &'a [u8])>) -> Result<Event, Error> {
    let mut bytes = Vec::new();
    let mut event_type = None;
    for (index, (compartment, part)) in parts.into_iter().enumerate() {
        if (index == 0) != (compartment == Compartment::Process) {
            return Err(unreadable("the process part must come first, and once"));
        }
        let message = DynamicMessage::decode(descriptor::of::<Event>(), part)
            .map_err(|error| unreadable(&format!("part {index} does not decode: {error}")))?;
        let kind = check(&message, compartment, index)?;
        if index == 0 {
            event_type = kind;
        } else if kind.is_some() && kind != event_type {
            return Err(unreadable(&format!(
                "part {index} is of an other kind of event"
            )));
        }
        // Merging is what protobuf does with encodings one after the other.
        bytes.extend_from_slice(part);
    }
    if bytes.is_empty() {
        return Err(unreadable("there is no process part"));
    }
    Event::decode(bytes.as_slice())
        .map_err(|error| unreadable(&format!("the parts do not merge: {error}")))
}

/// The kind of event, if the part has one and all its fields are of its compartment.
fn check(
    message: &DynamicMessage,
    compartment: Compartment,
    index: usize,
) -> Result<Option<String>, Error> {
    let mut kind = None;
    for (field, value) in message.fields() {
        let Some(body) = body(&field, value) else {
            own(&field, compartment, index)?;
            continue;
        };
        if let Some((field, inner)) = kinds::kind(body) {
            for (field, _) in inner.fields() {
                own(&field, compartment, index)?;
            }
            kind = Some(field.name().to_owned());
        }
    }
    Ok(kind)
}

fn own(field: &FieldDescriptor, compartment: Compartment, index: usize) -> Result<(), Error> {
    if options::compartment(field) == compartment {
        return Ok(());
    }
    Err(unreadable(&format!(
        "part {index} has field `{}` of an other compartment",
        field.name()
    )))
}

fn split_body(
    field: &FieldDescriptor,
    body: &DynamicMessage,
    parts: &mut BTreeMap<Compartment, DynamicMessage>,
) {
    let Some((kind, message)) = kinds::kind(body) else {
        return;
    };
    let mut inner = BTreeMap::from([(
        Compartment::Process,
        DynamicMessage::new(message.descriptor()),
    )]);
    for (field, value) in message.fields() {
        inner
            .entry(options::compartment(&field))
            .or_insert_with(|| DynamicMessage::new(message.descriptor()))
            .set_field(&field, value.clone());
    }
    for (compartment, message) in inner {
        let mut wrapped = DynamicMessage::new(body.descriptor());
        wrapped.set_field(&kind, Value::Message(message));
        part(parts, compartment).set_field(field, Value::Message(wrapped));
    }
}

fn part(
    parts: &mut BTreeMap<Compartment, DynamicMessage>,
    compartment: Compartment,
) -> &mut DynamicMessage {
    parts.entry(compartment).or_insert_with(empty)
}

fn empty() -> DynamicMessage {
    DynamicMessage::new(descriptor::of::<Event>())
}

fn body<'a>(field: &FieldDescriptor, value: &'a Value) -> Option<&'a DynamicMessage> {
    (field.name() == "body")
        .then(|| value.as_message())
        .flatten()
}

fn unreadable(text: &str) -> Error {
    Error::Unreadable(text.to_owned())
}
