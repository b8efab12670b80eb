//! Which kinds of events there are: `EventBody` and its oneof.

use concordat_proto::{descriptor, options, v1};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// Every event type that the contract knows, in the order of its field numbers.
pub fn event_types() -> Vec<String> {
    fields().map(|field| name(&field)).collect()
}

/// The event type of a body, such as `consent-granted`. None if no kind is set: then it is newer than this contract.
pub fn event_type(body: &v1::EventBody) -> Option<String> {
    kind(&reflect(body)).map(|(field, _)| name(&field))
}

/// The descriptor of the message of an event type.
pub fn message(event_type: &str) -> Option<MessageDescriptor> {
    field(event_type).and_then(|field| field.kind().as_message().cloned())
}

/// The field of `EventBody` for an event type.
pub(crate) fn field(event_type: &str) -> Option<FieldDescriptor> {
    fields().find(|field| name(field) == event_type)
}

/// The kind that is set in a reflected body, and its message.
pub(crate) fn kind(body: &DynamicMessage) -> Option<(FieldDescriptor, DynamicMessage)> {
    let (field, value) = body.fields().next()?;
    match value {
        Value::Message(message) => Some((field, message.clone())),
        _ => None,
    }
}

/// A generated message as a reflected one.
pub(crate) fn reflect<M: prost::Message + prost::Name>(message: &M) -> DynamicMessage {
    let mut dynamic = DynamicMessage::new(descriptor::of::<M>());
    dynamic
        .transcode_from(message)
        .expect("a generated message has the same encoding as its descriptor");
    dynamic
}

/// A reflected message as a generated one.
pub(crate) fn generate<M: prost::Message + prost::Name + Default>(dynamic: &DynamicMessage) -> M {
    dynamic
        .transcode_to()
        .expect("a generated message has the same encoding as its descriptor")
}

fn name(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(message) => options::kebab(message.name()),
        _ => field.name().replace('_', "-"),
    }
}

fn fields() -> impl Iterator<Item = FieldDescriptor> {
    let mut fields: Vec<FieldDescriptor> = descriptor::of::<v1::EventBody>().fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    fields.into_iter()
}
