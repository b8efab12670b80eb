//! What judging may see of an event: its `process` fields, and the names of the content fields that are set.

use std::collections::BTreeSet;

use concordat_domain::fields::{Fields, Value};
use concordat_proto::{
    options,
    v1::{Compartment, EventBody},
};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value as WireValue};

use crate::kinds;

/// A body as judging sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The event type, such as `consent-granted`.
    pub event_type: String,
    /// The `process` fields by their domain names.
    pub fields: Fields,
    /// The domain names of the content fields that are set, empty lists of content among them.
    pub filled: BTreeSet<String>,
}

/// Takes a body apart. `empty_lists` names the lists that are there but empty; protobuf cannot say so itself.
/// None if no kind is set: then the event is newer than this contract.
pub fn extract(body: &EventBody, empty_lists: &[String]) -> Option<Extract> {
    let (_, message) = kinds::kind(&kinds::reflect(body))?;
    let mut extract = Extract {
        event_type: options::kebab(message.descriptor().name()),
        fields: Fields::default(),
        filled: BTreeSet::new(),
    };
    for field in message.descriptor().fields() {
        let name = options::domain_name(&field);
        let is_empty_list = field.is_list() && empty_lists.contains(&name);
        if !message.has_field(&field) && !is_empty_list {
            continue;
        }
        if options::compartment(&field) == Compartment::Process {
            extract
                .fields
                .0
                .insert(name, value(&field, &message.get_field(&field)));
        } else {
            extract.filled.insert(name);
        }
    }
    Some(extract)
}

/// The content fields of a body by their domain names, as far as it holds them. None if no kind is set.
pub fn content(body: &EventBody) -> Option<Fields> {
    let (_, message) = kinds::kind(&kinds::reflect(body))?;
    let content = message
        .fields()
        .filter(|(field, _)| options::compartment(field) != Compartment::Process)
        .map(|(field, wire)| (options::domain_name(&field), value(&field, wire)));
    Some(Fields(content.collect()))
}

fn record(message: &DynamicMessage) -> Fields {
    let set = message
        .fields()
        .map(|(field, wire)| (options::domain_name(&field), value(&field, wire)));
    Fields(set.collect())
}

fn value(field: &FieldDescriptor, wire: &WireValue) -> Value {
    match wire {
        WireValue::Bool(flag) => Value::Flag(*flag),
        WireValue::I32(number) => Value::Number(i64::from(*number)),
        WireValue::I64(number) => Value::Number(*number),
        WireValue::U32(number) => Value::Number(i64::from(*number)),
        // No count of the domain comes near this; a larger one is no number of the domain and reads as missing.
        WireValue::U64(number) => {
            i64::try_from(*number).map_or(Value::Text(number.to_string()), Value::Number)
        }
        WireValue::String(text) => Value::Text(text.clone()),
        WireValue::EnumNumber(number) => Value::Text(code(field, *number)),
        WireValue::Bytes(bytes) => Value::Text(hex::encode(bytes)),
        WireValue::Message(message) => Value::Record(record(message)),
        WireValue::List(values) => {
            Value::List(values.iter().map(|wire| value(field, wire)).collect())
        }
        // The descriptor test holds that events have none of these.
        WireValue::F32(_) | WireValue::F64(_) | WireValue::Map(_) => Value::Text(String::new()),
    }
}

/// The code of an enum value. A value that this contract does not know becomes a text that is in no enumeration, so that
/// judging names the field as missing.
pub(crate) fn code(field: &FieldDescriptor, number: i32) -> String {
    let Kind::Enum(enumeration) = field.kind() else {
        return String::new();
    };
    enumeration
        .get_value(number)
        .and_then(|value| options::code(&value))
        .unwrap_or_default()
}
