//! The canonical JSON of protobuf, read strictly: a key that occurs twice, or that the message does not know, is an error
//! with its path. JSON readers disagree about such input, and what one of them dropped another might have acted on.

use std::{cell::RefCell, fmt};

use prost::{Message, Name};
use prost_reflect::{
    DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions,
};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::descriptor;

/// Why a text is not the JSON of a message. Paths are those of the JSON, such as `event.orgs[1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The text is not JSON; the text says where and why.
    Syntax(String),
    /// A key occurs twice in one object. Decide which is meant.
    DuplicateKey(String),
    /// The message has no such field. Correct the name, or use a newer node.
    UnknownField(String),
    /// A value does not fit its field.
    Invalid {
        /// Where.
        path: String,
        /// What was expected.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => write!(f, "not JSON: {text}"),
            Self::DuplicateKey(path) => write!(f, "key `{path}` occurs twice"),
            Self::UnknownField(path) => write!(f, "unknown field `{path}`"),
            Self::Invalid { path, reason } => write!(f, "field `{path}`: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// The canonical JSON of a message: lowerCamelCase names, enum values by name, absent fields left out.
///
/// # Errors
///
/// If a timestamp or duration is outside the range that JSON can say.
pub fn to_value<M: Message + Name>(message: &M) -> Result<Value, serde_json::Error> {
    let mut dynamic = DynamicMessage::new(descriptor::of::<M>());
    dynamic
        .transcode_from(message)
        .expect("a generated message has the same encoding as its descriptor");
    dynamic_to_value(&dynamic)
}

/// As [`to_value`], for a message that is known by its descriptor only.
///
/// # Errors
///
/// As [`to_value`].
pub fn dynamic_to_value(message: &DynamicMessage) -> Result<Value, serde_json::Error> {
    message.serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())
}

/// Reads the canonical JSON of a message.
///
/// # Errors
///
/// See [`Error`].
pub fn from_str<M: Message + Name + Default>(text: &str) -> Result<M, Error> {
    let dynamic = dynamic_from_str(&descriptor::of::<M>(), text)?;
    Ok(dynamic
        .transcode_to()
        .expect("a generated message has the same encoding as its descriptor"))
}

/// As [`from_str`], for a message that is known by its descriptor only.
///
/// # Errors
///
/// See [`Error`].
pub fn dynamic_from_str(
    descriptor: &MessageDescriptor,
    text: &str,
) -> Result<DynamicMessage, Error> {
    dynamic_from_value(descriptor, &parse(text)?)
}

/// Reads the canonical JSON of a message that was parsed already.
///
/// # Errors
///
/// [`Error::UnknownField`] and [`Error::Invalid`].
pub fn dynamic_from_value(
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, Error> {
    known_names(descriptor, value, "")?;
    deserialize(descriptor, value).map_err(|error| locate(descriptor, value, "", error))
}

/// Everything that is wrong with a JSON value as a message: unknown names, and values that do not fit their fields, with what would. Values are
/// not repeated. Empty if each field by itself is well, which does not say that [`dynamic_from_value`] takes all of them together.
pub fn faults(descriptor: &MessageDescriptor, value: &Value) -> Vec<Error> {
    let mut faults = Vec::new();
    of_message(descriptor, value, "", &mut faults);
    faults
}

fn of_message(descriptor: &MessageDescriptor, value: &Value, path: &str, faults: &mut Vec<Error>) {
    let Value::Object(object) = value else {
        faults.push(Error::Invalid {
            path: path.to_owned(),
            reason: "expected an object of fields".to_owned(),
        });
        return;
    };
    for (name, value) in object {
        let path = join(path, name);
        let field = descriptor
            .get_field_by_json_name(name)
            .or_else(|| descriptor.get_field_by_name(name));
        match field {
            None => faults.push(Error::UnknownField(path)),
            // As if it were absent.
            Some(_) if value.is_null() => {}
            Some(field) => of_field(&field, value, &path, faults),
        }
    }
}

fn of_field(field: &FieldDescriptor, value: &Value, path: &str, faults: &mut Vec<Error>) {
    if !field.is_list() {
        return of_single(field, value, path, faults);
    }
    let Value::Array(elements) = value else {
        faults.push(Error::Invalid {
            path: path.to_owned(),
            reason: "expected a list".to_owned(),
        });
        return;
    };
    for (index, element) in elements.iter().enumerate() {
        of_single(field, element, &format!("{path}[{index}]"), faults);
    }
}

fn of_single(field: &FieldDescriptor, value: &Value, path: &str, faults: &mut Vec<Error>) {
    if let Kind::Message(inner) = field.kind()
        && inner.package_name() != "google.protobuf"
        && !field.is_map()
    {
        return of_message(&inner, value, path, faults);
    }
    let alone = match field.is_list() {
        true => Value::Array(vec![value.clone()]),
        false => value.clone(),
    };
    let single = Value::Object(Map::from_iter([(field.json_name().to_owned(), alone)]));
    if deserialize(field.parent_message(), &single).is_err() {
        faults.push(Error::Invalid {
            path: path.to_owned(),
            reason: format!("expected {}", expected(field)),
        });
    }
}

/// What a field takes, in words.
fn expected(field: &FieldDescriptor) -> String {
    let fixed = match field.kind() {
        Kind::Enum(enumeration) => {
            let values = enumeration.values().filter(|value| value.number() != 0);
            let names: Vec<String> = values.map(|value| value.name().to_owned()).collect();
            return format!("one of {}", names.join(", "));
        }
        _ if field.is_map() => "an object",
        Kind::String => "a text",
        Kind::Bytes => "bytes in base64",
        Kind::Bool => "true or false",
        Kind::Double | Kind::Float => "a number",
        Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64 => "a whole number from 0",
        Kind::Int32
        | Kind::Sint32
        | Kind::Sfixed32
        | Kind::Int64
        | Kind::Sint64
        | Kind::Sfixed64 => "a whole number",
        Kind::Message(message) => match message.name() {
            "Timestamp" => "an instant such as 2026-03-02T10:00:00Z",
            "Duration" => "a span in seconds such as 30s",
            "FieldMask" => "names of fields, separated by commas",
            _ => "an object",
        },
    };
    fixed.to_owned()
}

/// Reads JSON in which no object has a key twice.
///
/// # Errors
///
/// [`Error::Syntax`] and [`Error::DuplicateKey`].
pub fn parse(text: &str) -> Result<Value, Error> {
    let duplicate = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Unique {
        path: String::new(),
        duplicate: &duplicate,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value));
    match duplicate.into_inner() {
        Some(path) => Err(Error::DuplicateKey(path)),
        None => value.map_err(|error| Error::Syntax(error.to_string())),
    }
}

/// Path of a key inside the object at `path`.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn deserialize(
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, serde_json::Error> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(descriptor.clone(), value, &options)
}

fn known_names(descriptor: &MessageDescriptor, value: &Value, path: &str) -> Result<(), Error> {
    let Value::Object(object) = value else {
        return Ok(());
    };
    if descriptor.parent_file().package_name() == "google.protobuf" || descriptor.is_map_entry() {
        return Ok(());
    }
    for (name, value) in object {
        let path = join(path, name);
        let field = descriptor
            .get_field_by_json_name(name)
            .or_else(|| descriptor.get_field_by_name(name));
        let Some(field) = field else {
            return Err(Error::UnknownField(path));
        };
        let Kind::Message(inner) = field.kind() else {
            continue;
        };
        match value {
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    known_names(&inner, element, &format!("{path}[{index}]"))?;
                }
            }
            other => known_names(&inner, other, &path)?,
        }
    }
    Ok(())
}

/// prost-reflect does not say where an error is; reading the fields one by one does.
fn locate(
    descriptor: &MessageDescriptor,
    value: &Value,
    path: &str,
    error: serde_json::Error,
) -> Error {
    let here = |reason: serde_json::Error| Error::Invalid {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let Value::Object(object) = value else {
        return here(error);
    };
    for (name, value) in object {
        let single = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        let Err(error) = deserialize(descriptor, &single) else {
            continue;
        };
        let path = join(path, name);
        let field = descriptor
            .get_field_by_json_name(name)
            .or_else(|| descriptor.get_field_by_name(name));
        return match field.map(|field| field.kind()) {
            Some(Kind::Message(inner)) => locate_in_list(&inner, value, &path, error),
            _ => Error::Invalid {
                path,
                reason: error.to_string(),
            },
        };
    }
    here(error)
}

fn locate_in_list(
    inner: &MessageDescriptor,
    value: &Value,
    path: &str,
    error: serde_json::Error,
) -> Error {
    let Value::Array(elements) = value else {
        return locate(inner, value, path, error);
    };
    for (index, element) in elements.iter().enumerate() {
        if let Err(error) = deserialize(inner, element) {
            return locate(inner, element, &format!("{path}[{index}]"), error);
        }
    }
    Error::Invalid {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Reads any JSON value and notes the path of the first key that occurs twice.
struct Unique<'a> {
    path: String,
    duplicate: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, elements.len());
            match access.next_element_seed(Unique {
                path,
                duplicate: self.duplicate,
            })? {
                Some(element) => elements.push(element),
                None => return Ok(Value::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let path = join(&self.path, &key);
            if object.contains_key(&key) {
                *self.duplicate.borrow_mut() = Some(path);
                return Err(de::Error::custom("duplicate key"));
            }
            let value = access.next_value_seed(Unique {
                path,
                duplicate: self.duplicate,
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, from_str, parse, to_value};
    use crate::v1::{
        ConsentPurpose, ConsentRequested, EmitEventRequest, EventBody, EventInput, event_body::Kind,
    };

    fn request() -> EmitEventRequest {
        let requested = ConsentRequested {
            orgs: vec!["ods:ZT1".to_owned()],
            purpose: Some(ConsentPurpose::PassOn.into()),
            ..ConsentRequested::default()
        };
        let body = EventBody {
            kind: Some(Kind::ConsentRequested(requested)),
        };
        EmitEventRequest {
            event_id: "0190a6a0-0000-7000-8000-000000000001".to_owned(),
            event: Some(EventInput {
                body: Some(body),
                ..EventInput::default()
            }),
            ..EmitEventRequest::default()
        }
    }

    #[test]
    fn canonical_json_reads_back_to_the_same_message() {
        let json = to_value(&request()).unwrap();
        assert_eq!(
            json["event"]["body"]["consentRequested"]["purpose"],
            "CONSENT_PURPOSE_PASS_ON"
        );
        assert_eq!(
            from_str::<EmitEventRequest>(&json.to_string()).unwrap(),
            request()
        );
    }

    #[test]
    fn duplicate_key_is_refused_with_its_path() {
        let text = r#"{"event": {"body": {"consentRequested": {"form": "a", "form": "b"}}}}"#;
        let expected = Error::DuplicateKey("event.body.consentRequested.form".to_owned());
        assert_eq!(from_str::<EmitEventRequest>(text).unwrap_err(), expected);
        assert_eq!(
            parse(r#"[0, {"a": 1, "a": 1}]"#).unwrap_err(),
            Error::DuplicateKey("[1].a".to_owned())
        );
    }

    #[test]
    fn unknown_field_is_refused_with_its_path() {
        let text = r#"{"event": {"body": {"planProposed": {"strands": [{"org": "ods:ZT1"}, {"organisation": "x"}]}}}}"#;
        let expected =
            Error::UnknownField("event.body.planProposed.strands[1].organisation".to_owned());
        assert_eq!(from_str::<EmitEventRequest>(text).unwrap_err(), expected);
    }

    #[test]
    fn value_of_the_wrong_type_is_refused_with_its_path() {
        let text = r#"{"event": {"body": {"planProposed": {"strands": [{"org": "ods:ZT1"}, {"org": 7}]}}}}"#;
        let Error::Invalid { path, reason } = from_str::<EmitEventRequest>(text).unwrap_err()
        else {
            panic!("the error should name a path");
        };
        assert_eq!(path, "event.body.planProposed.strands[1].org");
        assert!(reason.contains("expected a string"), "{reason}");
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        assert!(matches!(parse("{} x"), Err(Error::Syntax(_))));
        assert!(matches!(parse("{"), Err(Error::Syntax(_))));
    }
}
