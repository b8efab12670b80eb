//! The AsyncAPI 3 document of what comes as Server-Sent Events: feeds, and single cases that are watched. Each event type is a CloudEvent;
//! what the stream says itself is a message of the contract.

use concordat_codec::catalogue::{self, Entry};
use concordat_codec::schema::{Schemas, Strictness};
use concordat_proto::descriptor_pool;
use serde_json::{Map, Value, json};

use super::VERSION;

const ABOUT: &str = "A feed of what became visible to one organisation, as Server-Sent Events: at least once, in order per case, a duplicate has the same id. \
Come back with the last id as Last-Event-ID; commit by POST /v1/feeds/{feedId}/commit. Each entry is strict CloudEvents 1.0 JSON in one data line. \
A single case is watched without a feed, and nothing is kept of who watches.";
/// Where a feed is answered.
const ADDRESS: &str = "/v1/feeds/{feedId}/events";
/// Where a case is.
const CASE_ADDRESS: &str = "/v1/cases/{caseId}/watch";
/// A media type with its schema's dialect.
const DRAFT: &str = "application/schema+json;version=draft-07";

/// The document.
pub(super) fn document() -> Value {
    let entries = catalogue::entries();
    let mut schemas = Schemas::new("#/components/schemas/", Strictness::Answer);
    let mut messages = Map::new();
    for entry in &entries {
        messages.insert(entry.event_type.code().to_owned(), event(entry));
    }
    let mut in_feed: Vec<String> = messages.keys().cloned().collect();
    let mut in_watch = in_feed.clone();
    for (name, signal) in signals(&mut schemas, "StreamFeedResponse") {
        messages.insert(name.clone(), signal);
        in_feed.push(name);
    }
    for (name, signal) in signals(&mut schemas, "WatchCaseResponse") {
        let name = format!("case-{name}");
        messages.insert(name.clone(), signal);
        in_watch.push(name);
    }
    let mut components = schemas.into_map();
    components.insert("CloudEvent".to_owned(), cloud_event());
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": "concordat feeds", "version": VERSION, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "servers": {"node": {
            "host": "127.0.0.1:7171", "protocol": "http", "description": "A node on this machine; the port is that of its configuration.",
            "security": [{"$ref": "#/components/securitySchemes/token"}],
        }},
        "channels": {"feed": {
            "address": ADDRESS,
            "description": "Server-Sent Events; `event:` is `event` for every event of a case or the directory, else the name of the message.",
            "parameters": {"feedId": {"description": "Name of the feed."}},
            "messages": in_channel(&in_feed),
        }, "case": {
            "address": CASE_ADDRESS,
            "description": "Server-Sent Events; `event:` is `event` for every event of the case, whose CloudEvent has `stateafter` besides; else the name of the message.",
            "parameters": {"caseId": {"description": "The case, as 32 hexadecimal digits."}},
            "messages": in_channel(&in_watch),
        }},
        "operations": {"follow": {
            "action": "send", "channel": {"$ref": "#/channels/feed"}, "summary": "The node sends what became visible.", "messages": sent("feed", &in_feed),
        }, "watch": {
            "action": "send", "channel": {"$ref": "#/channels/case"}, "summary": "The node sends the case as it stands, then what comes.", "messages": sent("case", &in_watch),
        }},
        "components": {
            "messages": messages,
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The token of the node."}},
        },
    })
}

/// The messages of a channel, by their names.
fn in_channel(names: &[String]) -> Map<String, Value> {
    let each = names.iter().map(|name| {
        let message = json!({"$ref": format!("#/components/messages/{name}")});
        (name.clone(), message)
    });
    each.collect()
}

/// The same as an operation refers to them.
fn sent(channel: &str, names: &[String]) -> Vec<Value> {
    let each = names
        .iter()
        .map(|name| json!({"$ref": format!("#/channels/{channel}/messages/{name}")}));
    each.collect()
}

/// An event type. Its `data` is described by the JSON Schema that the catalogue has; here stands its type and an example.
fn event(entry: &Entry) -> Value {
    let cloud_type = entry.cloud_type();
    json!({
        "name": cloud_type,
        "title": entry.title,
        "summary": entry.row.summary,
        "contentType": "application/cloudevents+json",
        "payload": {"schemaFormat": DRAFT, "schema": {"allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"type": "object", "properties": {"type": {"const": cloud_type}, "data": data(entry)}},
        ]}},
        "examples": [{"name": entry.event_type.code(), "payload": {
            "specversion": "1.0",
            "id": "01903f5e-7b1c-7c3e-9a54-0f2b6d8e1a77",
            "source": "organisations/ods:ZT1",
            "type": cloud_type,
            "time": "2026-12-18T10:00:00Z",
            "datacontenttype": "application/json",
            "data": entry.example(),
        }}],
    })
}

/// The schema of `data`, in itself: its definitions stand in it.
fn data(entry: &Entry) -> Value {
    let mut schema = entry.schema();
    let definitions = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("$defs")
    });
    inline(&mut schema, &definitions.unwrap_or_default());
    schema
}

/// Puts definitions where they are referred to: a reference inside a part of a document would be read from the document's root. Events do
/// not contain themselves.
fn inline(schema: &mut Value, definitions: &Value) {
    match schema {
        Value::Object(object) => {
            let name = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix("#/$defs/"));
            if let Some(definition) = name.map(|name| definitions[name].clone()) {
                *schema = definition;
                inline(schema, definitions);
                return;
            }
            object
                .values_mut()
                .for_each(|value| inline(value, definitions));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| inline(value, definitions)),
        _ => {}
    }
}

/// What a stream says itself.
fn signals(schemas: &mut Schemas, response: &str) -> Vec<(String, Value)> {
    let response = format!("concordat.v1.{response}");
    let Some(response) = descriptor_pool().get_message_by_name(&response) else {
        return Vec::new();
    };
    let signals = response.fields().filter(|field| field.name() != "event");
    signals
        .map(|field| {
            let name = field.name().replace('_', "-");
            let message = json!({
                "name": name,
                "summary": concordat_codec::schema::comment_of(&field),
                "contentType": "application/json",
                "payload": schemas.field(&field),
            });
            (name, message)
        })
        .collect()
}

fn cloud_event() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "type": "object",
        "description": "CloudEvents 1.0 in structured JSON mode. Names of extension attributes are those of EventEnvelope without underscores.",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text, "source": text, "type": text,
            "subject": {"type": "string", "description": "cases/<case id>; absent for what is tied to no case."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "position": {"type": "string", "description": "Place in the log, opaque and ordered."},
            "cursor": {"type": "string", "description": "What to commit once it is handled."},
            "sequence": {"type": "string", "description": "Number in the feed: without gaps."},
            "effective": {"type": "boolean", "description": "Whether the event counts."},
            "reason": {"type": "string", "description": "Why it does not count."},
            "withheld": {"type": "string", "description": "Compartments that this organisation may not read."},
            "erased": {"type": "string", "description": "Compartments that were erased."},
            "stateafter": {"type": "string", "description": "State of the case after it, where a case is watched."},
        },
    })
}
