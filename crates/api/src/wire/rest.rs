//! The readings of the contract that have a path of their own (`concordat_proto::rest`): each is a call, whose fields are in the path, the
//! query, and the body.

use concordat_proto::json;
use concordat_proto::rest::{ROUTES, Route};
use concordat_proto::v1::ErrorReason;
use http::{HeaderMap, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};
use tonic::Code;
use tonic::body::Body;

use super::call::{Caller, carried_back};
use super::completed::unknown_call;
use super::request::Answered;
use super::{answer, connect, contract, request, sse};
use crate::failure::Failure;

/// The template of a path; none if there is no such path.
pub(super) fn template_of(path: &str) -> Option<&'static str> {
    let mut routes = ROUTES.iter();
    let found = routes.find(|route| route.fields_of(path).is_some());
    found.map(|route| route.template)
}

/// Answers one reading.
pub(super) async fn answer(caller: &Caller, request: Request<Body>) -> Answered {
    let path = request.uri().path().to_owned();
    let at_path = || {
        ROUTES
            .iter()
            .filter(|route| route.fields_of(&path).is_some())
    };
    let Some(first) = at_path().next() else {
        return Err(unknown_call().into());
    };
    let Some(route) = at_path().find(|route| request.method() == route.method) else {
        return Ok(connect::not_allowed(first.method));
    };
    let Some(method) = contract::method(route.rpc) else {
        return Err(unknown_call().into());
    };
    let mut fields = from_path_and_query(route, &method.input(), request.uri())?;
    let headers = request.headers().clone();
    if route.is_stream() {
        sse::resume(&headers, &method.input(), &mut fields)?;
    }
    if request.method() == Method::POST {
        let body = request::body(request).await?;
        add_body(&mut fields, &body)?;
    }
    let message = request::message_of_value(&method.input(), &Value::Object(fields.clone()))?;
    let rpc = http::uri::PathAndQuery::from_static(route.rpc);
    if route.is_stream() {
        let opened = caller.server_streaming(rpc, &headers, message).await?;
        let feed = fields.get("feedId").and_then(Value::as_str);
        let told = feed.map_or(sse::Told::Case, |feed| sse::Told::Feed(feed.to_owned()));
        return Ok(sse::stream(told, opened.into_inner()));
    }
    let answered = caller.unary(rpc, &headers, message).await?;
    let (metadata, message, _) = answered.into_parts();
    let value = answer::to_json(&method.output(), message)?;
    Ok(answer::with_body(
        StatusCode::OK,
        "application/json",
        no_store(carried_back(metadata)),
        value.to_string(),
    ))
}

/// What is said of a complaint stays in no cache between the node and its caller.
fn no_store(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(
        http::header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    headers
}

/// The fields of a request by their JSON names. Names in the query may be either; each value is read by the type of its field.
fn from_path_and_query(
    route: &Route,
    input: &MessageDescriptor,
    uri: &http::Uri,
) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    for (name, raw) in route.fields_of(uri.path()).unwrap_or_default() {
        let text = percent_decode_str(raw).decode_utf8();
        let text = text.map_err(|_| Failure::field(name, "text in UTF-8"))?;
        let name = json_name(input, name)?;
        fields.insert(name.json_name().to_owned(), Value::from(text.into_owned()));
    }
    for (name, text) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let field = json_name(input, &name)?;
        let name = field.json_name();
        let value = value(&field, &text)?;
        match fields.get_mut(name) {
            Some(Value::Array(list)) => list.push(value),
            Some(_) => return Err(Failure::field(name, "given twice")),
            None if field.is_list() => {
                fields.insert(name.to_owned(), Value::Array(vec![value]));
            }
            None => {
                fields.insert(name.to_owned(), value);
            }
        }
    }
    Ok(fields)
}

fn json_name(input: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, Failure> {
    let field = input
        .get_field_by_json_name(name)
        .or_else(|| input.get_field_by_name(name));
    field.ok_or_else(|| {
        Failure::new(
            Code::InvalidArgument,
            ErrorReason::FieldUnknown,
            "the query has a field that this reading does not know",
        )
        .and_field(&shown(name), "not a field of this reading")
    })
}

/// A name as it may be repeated: what is no name of a field may be anything.
fn shown(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && name.len() <= 64 {
        name.to_owned()
    } else {
        "(query)".to_owned()
    }
}

/// A text of a query as the JSON value that its field has. Numbers and enums may be texts in that JSON; messages are not in queries, but
/// for instants and durations, which are texts.
fn value(field: &FieldDescriptor, text: &str) -> Result<Value, Failure> {
    match field.kind() {
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Failure::field(field.json_name(), "true or false")),
        },
        Kind::Message(message) if message.package_name() != "google.protobuf" => Err(
            Failure::field(field.json_name(), "not in a query; use the call itself"),
        ),
        _ => Ok(Value::from(text)),
    }
}

/// What stands in the body comes to what stands in the path; nothing may be said twice.
fn add_body(fields: &mut Map<String, Value>, body: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(body).unwrap_or("\u{fffd}");
    let Value::Object(given) = json::parse(text).map_err(request::unreadable)? else {
        return Err(request::unreadable(json::Error::Syntax(
            "an object of fields is expected".to_owned(),
        )));
    };
    for (name, value) in given {
        if fields.contains_key(&name) {
            return Err(Failure::field(&shown(&name), "stands in the path already"));
        }
        fields.insert(name, value);
    }
    Ok(())
}
