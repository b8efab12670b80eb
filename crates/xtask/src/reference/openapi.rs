//! The OpenAPI 3.1 document of the JSON wire: every call that answers once, the paths to read by, and what comes as Server-Sent Events.

use concordat_codec::schema::{Schemas, Strictness, comment_of};
use concordat_proto::descriptor::comment;
use concordat_proto::descriptor_pool;
use concordat_proto::rest::{ROUTES, Route};
use prost_reflect::{Kind, MethodDescriptor};
use serde_json::{Map, Value, json};

use super::{VERSION, first_sentence};

const ABOUT: &str = "The calls of concordat by JSON. Each call of the contract is a POST on its path, by the Connect protocol; some can be read with GET on a path of their own. \
The same calls are there by gRPC and gRPC-Web on the same port, where those live that take or answer streams. Requests are read strictly: unknown fields are refused. \
An answer leaves out what is false, 0, or an empty text, list or object, as Protobuf's JSON does: take a field that is absent for that. \
Numbers of 64 bits are texts. An error is an object with code, message and details; docs/reference/errors.md has every reason.";

/// The document.
pub(super) fn document() -> Value {
    let mut schemas = Schemas::new("#/components/schemas/", Strictness::Answer);
    let mut paths = Map::new();
    for service in descriptor_pool().services() {
        for method in service.methods() {
            if method.is_client_streaming() || method.is_server_streaming() {
                continue;
            }
            let path = format!("/{}/{}", service.full_name(), method.name());
            paths.insert(path, json!({"post": call(&mut schemas, &method)}));
        }
    }
    for route in ROUTES {
        let Some(method) = method_of(route) else {
            continue;
        };
        let path = paths.entry(named(route)).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = reading(&mut schemas, route, &method);
    }
    let mut components = schemas.into_map();
    components.insert("Error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": {"title": "concordat", "version": VERSION, "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "http://127.0.0.1:7171", "description": "A node on this machine; the port is that of its configuration."}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The token of the node."}},
        },
    })
}

fn method_of(route: &Route) -> Option<MethodDescriptor> {
    let (service, method) = route.rpc.strip_prefix('/')?.split_once('/')?;
    let service = descriptor_pool().get_service_by_name(service)?;
    service.methods().find(|one| one.name() == method)
}

/// The path with the names of its fields as JSON has them.
fn named(route: &Route) -> String {
    route.names().fold(route.template.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), &format!("{{{}}}", json_name(name)))
    })
}

fn json_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, rest) = word.split_at(1.min(word.len()));
        name + &head.to_ascii_uppercase() + rest
    })
}

fn call(schemas: &mut Schemas, method: &MethodDescriptor) -> Value {
    let request = schemas.message(&method.input());
    let mut call = about(method);
    call["operationId"] = json!(format!(
        "{}_{}",
        method.parent_service().name(),
        method.name()
    ));
    call["requestBody"] =
        json!({"required": true, "content": {"application/json": {"schema": request}}});
    call["responses"] = answers(schemas, method, "application/json");
    call
}

fn reading(schemas: &mut Schemas, route: &Route, method: &MethodDescriptor) -> Value {
    let in_path: Vec<&str> = route.names().collect();
    let mut parameters = Vec::new();
    for field in method.input().fields() {
        let is_in_path = in_path.contains(&field.name());
        let is_in_query = route.method == "GET"
            && !matches!(field.kind(), Kind::Message(message) if message.package_name() != "google.protobuf");
        if is_in_path || is_in_query {
            parameters.push(json!({
                "name": field.json_name(),
                "in": if is_in_path { "path" } else { "query" },
                "required": is_in_path,
                "description": comment_of(&field),
                "schema": schemas.field(&field),
            }));
        }
    }
    let mut reading = about(method);
    reading["operationId"] = json!(format!(
        "{}{}",
        route.method.to_ascii_lowercase(),
        named(route).replace(['/', '{', '}'], "_")
    ));
    if route.is_stream() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "Cursor of the last event that was received: the stream goes on behind it. Wins over what the query says.",
            "schema": {"type": "string"},
        }));
        reading["summary"] = json!(match route.names().next() {
            Some("feed_id") => "Follow a feed as Server-Sent Events",
            _ => "Watch a case as Server-Sent Events",
        });
        reading["description"] = json!(
            "Each `data:` of an event is strict CloudEvents 1.0 JSON; docs/reference/asyncapi.json has the messages."
        );
    }
    reading["parameters"] = json!(parameters);
    if route.method == "POST" {
        let mut body = schemas.object(&method.input());
        if let Some(properties) = body["properties"].as_object_mut() {
            properties.retain(|name, _| !in_path.iter().any(|one| json_name(one) == *name));
        }
        reading["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
    }
    let media_type = if route.is_stream() {
        "text/event-stream"
    } else {
        "application/json"
    };
    reading["responses"] = answers(schemas, method, media_type);
    reading
}

fn about(method: &MethodDescriptor) -> Value {
    let file = method.parent_service().parent_file();
    let text = comment(&file, method.path());
    json!({"tags": [method.parent_service().name()], "summary": first_sentence(&text), "description": text})
}

fn answers(schemas: &mut Schemas, method: &MethodDescriptor, media_type: &str) -> Value {
    let answer = if media_type == "application/json" {
        schemas.message(&method.output())
    } else {
        json!({"type": "string"})
    };
    json!({
        "200": {"description": "The answer.", "content": {media_type: {"schema": answer}}},
        "default": {"description": "An error.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
    })
}

/// An error, wherever JSON is spoken.
pub(super) fn error() -> Value {
    json!({
        "type": "object",
        "description": "An error, as Connect writes it.",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "string", "description": "The gRPC code in small letters, such as failed_precondition."},
            "message": {"type": "string", "description": "For a person; it may change."},
            "details": {"type": "array", "items": {
                "type": "object",
                "required": ["type", "value"],
                "properties": {
                    "type": {"type": "string", "description": "Such as google.rpc.ErrorInfo, of which there is exactly one."},
                    "value": {"type": "string", "description": "The bytes of the detail in base64, without padding."},
                    "debug": {"type": "object", "description": "The same for people."},
                },
            }},
        },
    })
}
