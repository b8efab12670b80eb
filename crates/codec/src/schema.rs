//! JSON Schema (draft 2020-12) of messages, from their descriptors, comments and options: what the canonical JSON of the contract looks like.

use std::collections::BTreeMap;

use concordat_proto::descriptor::comment;
use concordat_proto::options;
use concordat_proto::v1::TextFormat;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// What may stand in a document that schemas are parts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What a node takes: no unknown field, no unspecified enum value.
    Request,
    /// What a node answers: newer nodes may answer more.
    Answer,
}

/// Schemas of messages that refer to each other, on their way into one document.
#[derive(Debug)]
pub struct Schemas {
    /// What stands before a name in a reference: `#/$defs/` or `#/components/schemas/`.
    prefix: &'static str,
    strictness: Strictness,
    written: BTreeMap<String, Value>,
}

impl Schemas {
    /// None yet.
    pub fn new(prefix: &'static str, strictness: Strictness) -> Self {
        Self {
            prefix,
            strictness,
            written: BTreeMap::new(),
        }
    }

    /// All that were written, by name.
    pub fn into_map(self) -> Map<String, Value> {
        self.written.into_iter().collect()
    }

    /// A reference to a message, which is written with all that it refers to.
    pub fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(known) = well_known(message.full_name()) {
            return known;
        }
        let name = message.name().to_owned();
        if !self.written.contains_key(&name) {
            // In place before its fields are: a message may contain itself.
            self.written.insert(name.clone(), Value::Null);
            let schema = self.object(message);
            self.written.insert(name.clone(), schema);
        }
        self.reference(&name)
    }

    /// The object of a message itself, its fields referring to others.
    pub fn object(&mut self, message: &MessageDescriptor) -> Value {
        let fields = message.fields().map(|field| {
            let schema = described(self.field(&field), &comment_of(&field));
            (field.json_name().to_owned(), schema)
        });
        let properties: Map<String, Value> = fields.collect();
        let mut object = json!({"type": "object", "properties": properties});
        if self.strictness == Strictness::Request {
            object["additionalProperties"] = json!(false);
        }
        // One of several: the whole message is a choice.
        if let Some(choice) = message.oneofs().next()
            && choice.fields().count() == message.fields().count()
        {
            object["maxProperties"] = json!(1);
        }
        described(object, &comment(&message.parent_file(), message.path()))
    }

    /// The schema of a field's value.
    pub fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                return json!({"type": "object"});
            };
            let value = self.single(&entry.map_entry_value_field());
            return json!({"type": "object", "additionalProperties": value});
        }
        let single = self.single(field);
        if field.is_list() {
            return json!({"type": "array", "items": single});
        }
        single
    }

    fn single(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Message(message) => self.message(&message),
            Kind::Enum(enumeration) => self.enumeration(&enumeration),
            Kind::String => text(options::text_format(field)),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer"}),
            // Numbers of 64 bits are texts, since JSON readers round them.
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "pattern": "^[0-9]+$"}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "pattern": "^-?[0-9]+$"})
            }
        }
    }

    fn enumeration(&mut self, enumeration: &EnumDescriptor) -> Value {
        let name = enumeration.name().to_owned();
        if !self.written.contains_key(&name) {
            let all = enumeration.values();
            let values =
                all.filter(|value| self.strictness == Strictness::Answer || value.number() != 0);
            let values: Vec<String> = values.map(|value| value.name().to_owned()).collect();
            let schema = json!({"type": "string", "enum": values});
            let schema = described(
                schema,
                &comment(&enumeration.parent_file(), enumeration.path()),
            );
            self.written.insert(name.clone(), schema);
        }
        self.reference(&name)
    }

    fn reference(&self, name: &str) -> Value {
        json!({"$ref": format!("{}{name}", self.prefix)})
    }
}

/// The comment above a field, on one line.
pub fn comment_of(field: &FieldDescriptor) -> String {
    comment(&field.parent_message().parent_file(), field.path())
}

fn described(mut schema: Value, description: &str) -> Value {
    if !description.is_empty() {
        schema["description"] = json!(description);
    }
    schema
}

/// Messages whose JSON is not an object of their fields.
fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => {
            json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"})
        }
        "google.protobuf.FieldMask" => json!({"type": "string"}),
        "google.protobuf.Struct" => json!({"type": "object"}),
        "google.protobuf.Value" => json!(true),
        _ => return None,
    })
}

/// What a text of a format looks like; `shape` is what refuses others.
fn text(format: TextFormat) -> Value {
    match format {
        TextFormat::Code => {
            json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}$"})
        }
        TextFormat::Date => json!({"type": "string", "format": "date"}),
        TextFormat::Organisation => json!({"type": "string", "pattern": "^[a-z]+:.+$"}),
        TextFormat::CaseId => json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        TextFormat::EventId => json!({"type": "string", "format": "uuid"}),
        TextFormat::Title => json!({"type": "string", "maxLength": 200}),
        TextFormat::Free | TextFormat::Unspecified => json!({"type": "string"}),
    }
}
