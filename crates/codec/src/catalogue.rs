//! The catalogue of event types: what each is, when it is emitted and by whom, the JSON Schema of its body, and an example.
//!
//! Examples are events of worked cases, which are played through real nodes; `cargo xtask reference` takes them from there.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use concordat_domain::events::{EventType, Need, Row, row};
use concordat_proto::v1::EventBody;
use concordat_proto::{cloudevents, json, options};
use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};

use crate::schema::{Schemas, Strictness};
use crate::{form, kinds};

/// The release with which the first event types came. One that comes later says so in [`since`].
const FIRST_RELEASE: &str = "0.1.0";

/// An event type as the catalogue has it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The type.
    pub event_type: EventType,
    /// Its name in words.
    pub title: String,
    /// Its row.
    pub row: Row,
    /// The release with which it came.
    pub since: &'static str,
}

/// Every event type, by name.
pub fn entries() -> Vec<Entry> {
    let mut all: Vec<Entry> = EventType::ALL.iter().map(|one| entry(*one)).collect();
    all.sort_by_key(|entry| entry.event_type.code());
    all
}

/// One event type.
pub fn entry(event_type: EventType) -> Entry {
    Entry {
        event_type,
        title: title(event_type.code()),
        row: row(event_type),
        since: since(event_type),
    }
}

impl Entry {
    /// Its `type` as a CloudEvent.
    pub fn cloud_type(&self) -> String {
        cloudevents::type_of(self.event_type.code())
    }

    /// The JSON Schema of an `EventBody` of this type: of `event.body` in an emit, and of `data` in a CloudEvent.
    pub fn schema(&self) -> Value {
        let Some((message, field)) = self.descriptor() else {
            return Value::Bool(false);
        };
        let mut schemas = Schemas::new("#/$defs/", Strictness::Request);
        let mut body = schemas.object(&message);
        let required = self.required(&message);
        if !required.is_empty() {
            body["required"] = json!(required);
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.title,
            "description": self.row.summary,
            "type": "object",
            "properties": {field.as_str(): body},
            "required": [field],
            "additionalProperties": false,
            "$defs": schemas.into_map(),
        })
    }

    /// An `EventBody` of this type in JSON, from a worked case.
    pub fn example(&self) -> Value {
        let example = examples().get(self.event_type.code());
        let read = example.and_then(|fields| form::read(self.event_type.code(), fields).ok());
        let body: Option<EventBody> = read.and_then(|input| input.body);
        let value = body.and_then(|body| json::to_value(&body).ok());
        value.unwrap_or_default()
    }

    fn descriptor(&self) -> Option<(MessageDescriptor, String)> {
        let field = kinds::field(self.event_type.code())?;
        let message = field.kind().as_message().cloned()?;
        Some((message, field.json_name().to_owned()))
    }

    /// What must always be there. A list may be empty, which JSON shows by leaving it out; what is needed under a condition is the rules'.
    fn required(&self, message: &MessageDescriptor) -> Vec<String> {
        let always = self
            .row
            .fields
            .iter()
            .filter(|spec| spec.need == Need::Always);
        let fields = always.filter_map(|spec| {
            message
                .fields()
                .find(|field| options::domain_name(field) == spec.name && !field.is_list())
        });
        fields.map(|field| field.json_name().to_owned()).collect()
    }
}

/// The release with which an event type came.
fn since(_event_type: EventType) -> &'static str {
    FIRST_RELEASE
}

/// `consent-granted` is `Consent granted`.
fn title(code: &str) -> String {
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Fields of one event of each type, as [`form::read`] takes them.
fn examples() -> &'static BTreeMap<String, Value> {
    static EXAMPLES: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        serde_json::from_str(include_str!("../data/examples.json"))
            .expect("a generated file, which a test reads whole")
    })
}

#[cfg(test)]
mod tests {
    use super::{entries, entry};
    use crate::{form, shape};
    use concordat_domain::events::EventType;

    /// Who reads the catalogue and sends an example back with its own ids must not be refused for its form.
    #[test]
    fn every_example_passes_the_door() {
        for entry in entries() {
            let code = entry.event_type.code();
            let fields = super::examples().get(code);
            let fields =
                fields.unwrap_or_else(|| panic!("{code} has no example: cargo xtask reference"));
            let input = form::read(code, fields).unwrap_or_else(|error| panic!("{code}: {error}"));
            assert_eq!(shape::validate(&input), Ok(()), "{code}");
            assert!(entry.example().is_object(), "{code}");
        }
    }

    #[test]
    fn schema_names_what_must_be_there_by_its_name_in_json() {
        let schema = entry(EventType::ComplaintAcknowledged).schema();
        let body = &schema["properties"]["complaintAcknowledged"];
        let required = body["required"].as_array().expect("a list");
        assert!(required.contains(&"method".into()), "{required:?}");
        assert_eq!(body["additionalProperties"], false);
        assert_eq!(schema["title"], "Complaint acknowledged");
    }
}
