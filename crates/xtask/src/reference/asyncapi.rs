//! The AsyncAPI 3 document of what comes as Server-Sent Events: feeds, and single cases that are watched. Every entry of a feed is a CloudEvent:
//! events, and what the feed says itself ([`concordat_proto::cloudevents`]); words of the stream about itself are messages of the contract.

use concordat_codec::catalogue::{self, Entry};
use concordat_codec::schema::{Schemas, Strictness};
use concordat_proto::descriptor_pool;
use serde_json::{Map, Value, json};

use super::{VERSION, openapi};

const ABOUT: &str = "A feed of what became visible to one organisation, as Server-Sent Events: at least once, in order per case, a duplicate has the same id. \
Come back with the last id as Last-Event-ID; commit by POST /v1/feeds/{feedId}/commit. Each entry is strict CloudEvents 1.0 JSON in one data line. \
A single case is watched without a feed, and nothing is kept of who watches.";
/// Where a feed is answered.
const ADDRESS: &str = "/v1/feeds/{feedId}/events";
/// Where a case is.
const CASE_ADDRESS: &str = "/v1/cases/{caseId}/watch";
/// The block with which a stream ends that could not go on.
const ERROR: &str = "error";
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
        let signal = said_by_feed(&name, &mut schemas).unwrap_or(signal);
        messages.insert(name.clone(), signal);
        in_feed.push(name);
    }
    for (name, signal) in signals(&mut schemas, "WatchCaseResponse") {
        let name = format!("case-{name}");
        messages.insert(name.clone(), signal);
        in_watch.push(name);
    }
    messages.insert(ERROR.to_owned(), error());
    in_feed.push(ERROR.to_owned());
    in_watch.push(ERROR.to_owned());
    let mut components = schemas.into_map();
    components.insert("Error".to_owned(), openapi::error());
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
            "description": "Server-Sent Events; `event:` is `event` for every event of a case or the directory, else the name of the message. Entries (`event`, `content-available`, `snapshot`, `feed-test`) are CloudEvents, to be committed; the rest is said of the stream.",
            "parameters": {"feedId": {"description": "Name of the feed."}},
            "messages": in_channel(&in_feed),
        }, "case": {
            "address": CASE_ADDRESS,
            "description": "Server-Sent Events; `event:` is `event` for every event of the case, whose CloudEvent has `stateafter` besides; else the name of the message without `case-`.",
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

/// What a feed says itself as an entry of its own, a CloudEvent too; none if the name is of a word about the stream.
fn said_by_feed(name: &str, schemas: &mut Schemas) -> Option<Value> {
    let code = json!({"type": "string", "minLength": 1});
    let (what, summary, own) = match name {
        "content-available" => (
            "content-available",
            "Content of earlier events of the case in `subject` became readable: read them again.",
            json!({"required": ["subject"], "properties": {
                "compartment": {"type": "string", "description": "The compartment that can be read now."},
            }}),
        ),
        "snapshot" => (
            "case-snapshot",
            "The case in `subject` as it stood when the feed was started with a snapshot; its events are read by ListEvents.",
            json!({"required": ["subject", "caseversion", "data"], "properties": {
                "caseversion": code,
                "data": descriptor_pool()
                    .get_message_by_name("concordat.v1.Case")
                    .map(|case| schemas.message(&case)),
            }}),
        ),
        "feed-test" => (
            "test",
            "An entry that was asked for to test the way. Nothing has happened.",
            json!({"required": ["test"], "properties": {"test": {"const": true}}}),
        ),
        _ => return None,
    };
    let cloud_type = concordat_proto::cloudevents::type_of(&format!("feed.{what}"));
    Some(json!({
        "name": cloud_type,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": {"schemaFormat": DRAFT, "schema": {"allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"type": "object", "required": ["cursor", "feed"], "properties": {"type": {"const": cloud_type}}},
            own,
        ]}},
    }))
}

/// The last block of a stream that could not go on: the same object as any error.
fn error() -> Value {
    json!({
        "name": ERROR,
        "summary": "The stream ends, and says why. docs/reference/errors.md has every reason, and whether to come back.",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/Error"},
    })
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
        "additionalProperties": true,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text, "source": text, "type": text,
            "subject": {"type": "string", "description": "cases/<case id>; absent for what is tied to no case."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "position": {"type": "string", "description": "Place in the log, opaque and ordered."},
            "feed": {"type": "string", "description": "The feed that it came by."},
            "cursor": {"type": "string", "description": "What to commit once it is handled."},
            "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "Number in the feed: without gaps."},
            "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Chained digest of the feed up to this entry, to be computed and compared."},
            "generation": {"type": "string", "pattern": "^[0-9]+$", "description": "Which counting of the feed the number is of; a seek begins another."},
            "caseversion": {"type": "string", "description": "Version of the case after it."},
            "recordedat": {"type": "string", "format": "date-time", "description": "When it was signed, by the author's clock."},
            "effective": {"type": "boolean", "description": "Whether the event counts."},
            "reason": {"type": "string", "description": "Why it does not count."},
            "advice": {"type": "string", "description": "What can be done about it."},
            "warnings": {"type": "string", "description": "Expected fields that are absent, separated by commas."},
            "corrects": {"type": "string", "description": "Id of the event that it corrects."},
            "causationid": {"type": "string", "description": "Id of the event that it follows from."},
            "traceparent": {"type": "string", "description": "W3C trace context of the call that it was emitted by."},
            "onbehalfof": {"type": "string", "description": "The organisation whose act it is, if another recorded it."},
            "actorrole": {"type": "string", "description": "Role of the person who acted."},
            "actorid": {"type": "string", "description": "Pseudonym of the person who acted."},
            "backdatereason": {"type": "string", "description": "Why it is recorded long after it happened."},
            "lateby": {"type": "string", "description": "How late a miss was published."},
            "historical": {"const": true, "description": "It happened before the organisation joined."},
            "emptylists": {"type": "string", "description": "Lists of the body that are given and empty, separated by commas."},
            "withheld": {"type": "string", "description": "Compartments that this organisation may not read, separated by commas."},
            "erased": {"type": "string", "description": "Compartments that were erased, separated by commas."},
            "stateafter": {"type": "string", "description": "State of the case after it, where a case is watched."},
        },
    })
}
