//! Events as people write them: the kebab-case type, and an object of fields with the names and codes of the domain.
//! Scenario files, the command line and the timeline use this; programs use the canonical JSON of the contract.

use concordat_proto::{
    json::join,
    options,
    v1::{EventBody, EventInput, TextFormat},
};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage,
    Value as WireValue,
};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Violation},
    fields, kinds, shape,
};

/// Reads an event: its type, and its fields whatever their compartment. A single value given for a list is a list of
/// one. Lists that are given empty are recorded in `empty_lists`.
///
/// # Errors
///
/// [`Error::UnknownEventType`], or [`Error::Invalid`] with everything that is wrong, by path.
pub fn read(event_type: &str, form: &Value) -> Result<EventInput, Error> {
    let Some(field) = kinds::field(event_type) else {
        return Err(Error::UnknownEventType(event_type.to_owned()));
    };
    let descriptor =
        kinds::message(event_type).ok_or_else(|| Error::UnknownEventType(event_type.to_owned()))?;
    let mut reader = Reader::default();
    let message = reader.message(&descriptor, form, "");
    reader.check(&message)?;
    let mut body = DynamicMessage::new(field.parent_message().clone());
    body.set_field(&field, WireValue::Message(message));
    let body: EventBody = kinds::generate(&body);
    reader.empty_lists.sort();
    Ok(EventInput {
        body: Some(body),
        empty_lists: reader.empty_lists,
        ..EventInput::default()
    })
}

/// Writes an event as [`read`] reads it: its type and its fields. Enum values are codes, absent fields are left out,
/// empty lists are there. None if no kind is set.
pub fn write(body: &EventBody, empty_lists: &[String]) -> Option<(String, Value)> {
    let (_, message) = kinds::kind(&kinds::reflect(body))?;
    let mut form = object(&message);
    for name in empty_lists {
        form.entry(name.clone())
            .or_insert_with(|| Value::Array(Vec::new()));
    }
    Some((
        options::kebab(message.descriptor().name()),
        Value::Object(form),
    ))
}

fn object(message: &DynamicMessage) -> Map<String, Value> {
    let set = message
        .fields()
        .map(|(field, wire)| (options::domain_name(&field), json(&field, wire)));
    set.collect()
}

fn json(field: &FieldDescriptor, wire: &WireValue) -> Value {
    match wire {
        WireValue::Bool(flag) => Value::from(*flag),
        WireValue::I32(number) => Value::from(*number),
        WireValue::I64(number) => Value::from(*number),
        WireValue::U32(number) => Value::from(*number),
        WireValue::U64(number) => Value::from(*number),
        WireValue::F32(number) => Value::from(*number),
        WireValue::F64(number) => Value::from(*number),
        WireValue::String(text) => Value::from(text.as_str()),
        WireValue::Bytes(bytes) => Value::from(hex::encode(bytes)),
        WireValue::EnumNumber(number) => Value::from(fields::code(field, *number)),
        WireValue::Message(message) => Value::Object(object(message)),
        WireValue::List(values) => values.iter().map(|wire| json(field, wire)).collect(),
        WireValue::Map(_) => Value::Null,
    }
}

/// Reads everything, noting what is wrong, so that all of it can be mended at once.
#[derive(Default)]
struct Reader {
    violations: Vec<Violation>,
    empty_lists: Vec<String>,
}

impl Reader {
    fn check(&mut self, message: &DynamicMessage) -> Result<(), Error> {
        // A value that could not be read is absent from the message, so that nothing is reported twice.
        self.violations
            .extend(shape::check_message(message, "", shape::Names::Domain));
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(std::mem::take(&mut self.violations)))
        }
    }

    fn message(
        &mut self,
        descriptor: &MessageDescriptor,
        form: &Value,
        path: &str,
    ) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let Value::Object(object) = form else {
            self.expected(path, "an object of fields");
            return message;
        };
        for (name, value) in object {
            let path_here = join(path, name);
            let Some(field) = descriptor
                .fields()
                .find(|field| options::domain_name(field) == *name)
            else {
                let known = descriptor
                    .fields()
                    .map(|field| options::domain_name(&field));
                let advice = format!("known here: {}", known.collect::<Vec<_>>().join(", "));
                self.violations
                    .push(Violation::new(path_here, "unknown field", advice));
                continue;
            };
            if field.is_list() {
                self.list(&mut message, &field, value, &path_here, path.is_empty());
            } else if let Some(wire) = self.single(&field, value, &path_here) {
                message.set_field(&field, wire);
            }
        }
        message
    }

    fn list(
        &mut self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        value: &Value,
        path: &str,
        is_top: bool,
    ) {
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        };
        if elements.is_empty() {
            // Only the lists of the event itself can be told apart from absent ones: that is all that judging asks for.
            if is_top {
                self.empty_lists.push(options::domain_name(field));
            }
            return;
        }
        let mut wire = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            wire.extend(self.single(field, element, &format!("{path}[{index}]")));
        }
        message.set_field(field, WireValue::List(wire));
    }

    fn single(&mut self, field: &FieldDescriptor, value: &Value, path: &str) -> Option<WireValue> {
        let read = match field.kind() {
            Kind::Message(descriptor) => {
                Some(WireValue::Message(self.message(&descriptor, value, path)))
            }
            Kind::Enum(enumeration) => return self.code(&enumeration, value, path),
            Kind::String => text(field, value).map(WireValue::String),
            Kind::Bool => value.as_bool().map(WireValue::Bool),
            Kind::Uint32 => value
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .map(WireValue::U32),
            Kind::Int32 => value
                .as_i64()
                .and_then(|number| i32::try_from(number).ok())
                .map(WireValue::I32),
            Kind::Int64 => value.as_i64().map(WireValue::I64),
            Kind::Uint64 => value.as_u64().map(WireValue::U64),
            _ => None,
        };
        if read.is_none() {
            self.expected(path, expectation(field));
        }
        read
    }

    fn code(
        &mut self,
        enumeration: &EnumDescriptor,
        value: &Value,
        path: &str,
    ) -> Option<WireValue> {
        let known = value.as_str().and_then(|text| {
            enumeration
                .values()
                .find(|candidate| options::code(candidate).is_some_and(|code| code == text))
        });
        if known.is_none() {
            self.violations.push(shape::not_a_code(enumeration, path));
        }
        known.map(|value| WireValue::EnumNumber(value.number()))
    }

    fn expected(&mut self, path: &str, what: &str) {
        let path = if path.is_empty() { "fields" } else { path };
        self.violations.push(Violation::new(
            path,
            format!("expected {what}"),
            "leave the field out if it is not known",
        ));
    }
}

/// A text; where a code or title is wanted, also a whole number or a yes or no as people would write it: `2` for version 2.
fn text(field: &FieldDescriptor, value: &Value) -> Option<String> {
    let lenient = matches!(
        options::text_format(field),
        TextFormat::Code | TextFormat::Title
    );
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if lenient && !number.is_f64() => Some(number.to_string()),
        Value::Bool(flag) if lenient => Some(flag.to_string()),
        _ => None,
    }
}

fn expectation(field: &FieldDescriptor) -> &'static str {
    match (field.kind(), options::text_format(field)) {
        (Kind::String, TextFormat::Date) => "a date YYYY-MM-DD, as text",
        (Kind::String, TextFormat::Organisation) => "an organisation code, as text",
        (Kind::String, _) => "a text",
        (Kind::Bool, _) => "true or false",
        (Kind::Uint32 | Kind::Uint64, _) => "a whole number from 0",
        (Kind::Int32 | Kind::Int64, _) => "a whole number",
        _ => "an other value",
    }
}
