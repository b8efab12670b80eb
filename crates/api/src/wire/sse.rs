//! A feed as Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): for every language and proxy.
//!
//! | `event:` | `id:` | `data:` |
//! |---|---|---|
//! | `event`, and every other entry that is committed | its cursor | strict CloudEvents 1.0 JSON |
//! | `checkpoint`, `caught-up`, and what else the feed says of itself | its cursor | the JSON of the message |
//! | `closing` | its cursor | the JSON of the message; `retry:` says when to come back |
//! | `error` | none | the JSON of the error; the stream ends |
//!
//! A client that comes back sends the last `id` as `Last-Event-ID`, as browsers do by themselves, and goes on behind it. Without one it
//! goes on behind the committed cursor.

use bytes::Bytes;
use concordat_proto::cloudevents::{self, Place, Shape};
use concordat_proto::json;
use concordat_proto::v1::{ContentAvailable, EventEnvelope, StreamFeedResponse};
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Name;
use prost_reflect::{DynamicMessage, ReflectMessage};
use serde_json::{Map, Value};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::Streaming;

use super::{answer, contract};
use crate::failure::Failure;

/// Milliseconds after which a client comes back when a stream was cut.
const RETRY_MILLIS: u64 = 1000;
/// Where a client that comes back says up to where it got.
const LAST_EVENT_ID: &str = "last-event-id";
/// The field of the request that says so.
const AFTER_CURSOR: &str = "afterCursor";

/// Puts the place to go on at into the request. A browser repeats its first address with the place that it reached: the header wins.
pub(super) fn resume(headers: &HeaderMap, fields: &mut Map<String, Value>) -> Result<(), Failure> {
    let Some(last) = headers.get(LAST_EVENT_ID) else {
        return Ok(());
    };
    let last = last
        .to_str()
        .map_err(|_| Failure::field("Last-Event-ID", "a cursor as the stream gave it"))?;
    if !last.is_empty() {
        fields.insert(AFTER_CURSOR.to_owned(), Value::from(last));
    }
    Ok(())
}

/// The answer that goes on until either side ends it.
pub(super) fn stream(feed: &str, messages: Streaming<Bytes>) -> Response<Body> {
    let feed = feed.to_owned();
    let said = messages.map(
        move |message| match message.and_then(|bytes| said(&feed, bytes)) {
            Ok(text) => text,
            Err(status) => block("error", "", &answer::error_value(&status)),
        },
    );
    let first = stream::once(async { format!("retry: {RETRY_MILLIS}\n\n") });
    let frames = first
        .chain(said)
        .map(|text| Ok::<_, Status>(Frame::data(Bytes::from(text))));
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers before they pass them on would hold a stream back for ever.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let mut response =
        answer::with_body(StatusCode::OK, "text/event-stream", headers, Bytes::new());
    *response.body_mut() = Body::new(StreamBody::new(frames));
    response
}

/// One message of the feed. What is newer than this file is told by its name and its JSON.
fn said(feed: &str, bytes: Bytes) -> Result<String, Status> {
    let defect = |_| Status::internal("the feed said what cannot be written");
    let descriptor = contract::pool()
        .get_message_by_name(&StreamFeedResponse::full_name())
        .ok_or_else(|| Status::internal("the contract has no feed"))?;
    let message = DynamicMessage::decode(descriptor, bytes)
        .map_err(|_| Status::internal("the feed said what cannot be read"))?;
    let Some((field, content)) = message
        .fields()
        .find_map(|(field, value)| Some((field, value.as_message()?)))
    else {
        return Ok(": newer than this node\n\n".to_owned());
    };
    let kind = field.name().replace('_', "-");
    let cursor = text(content, "cursor");
    let place = Place {
        feed: feed.to_owned(),
        cursor: cursor.clone(),
        number: number(content),
    };
    let value = match entry(content) {
        Entry::Event(envelope) => cloudevents::event(&envelope, Some(&place), Shape::CloudEvents),
        Entry::Content(available) => Ok(cloudevents::content_available(
            &available,
            feed,
            Shape::CloudEvents,
        )),
        Entry::None => json::dynamic_to_value(content),
    };
    let mut block = block(&kind, &cursor, &value.map_err(defect)?);
    if let Some(pause) = retry_millis(content) {
        block.insert_str(0, &format!("retry: {pause}\n"));
    }
    Ok(block)
}

/// What of a message is an entry of the feed.
enum Entry {
    Event(Box<EventEnvelope>),
    Content(ContentAvailable),
    None,
}

fn entry(content: &DynamicMessage) -> Entry {
    if content.descriptor().full_name() == ContentAvailable::full_name() {
        return content.transcode_to().map_or(Entry::None, Entry::Content);
    }
    let envelope = content.get_field_by_name("event");
    let envelope = envelope.and_then(|value| {
        let message = value.as_message()?;
        let is_envelope = message.descriptor().full_name() == EventEnvelope::full_name();
        is_envelope.then(|| message.transcode_to().ok())?
    });
    envelope.map_or(Entry::None, |envelope| Entry::Event(Box::new(envelope)))
}

fn text(content: &DynamicMessage, name: &str) -> String {
    let value = content.get_field_by_name(name);
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn number(content: &DynamicMessage) -> Option<u64> {
    let value = content.get_field_by_name("number")?;
    value.as_u64().filter(|number| *number > 0)
}

/// When to come back, if the message says so.
fn retry_millis(content: &DynamicMessage) -> Option<u64> {
    let value = content.get_field_by_name("retry_after")?;
    let pause: prost_types::Duration = value.as_message()?.transcode_to().ok()?;
    let pause = std::time::Duration::try_from(pause).ok()?;
    u64::try_from(pause.as_millis())
        .ok()
        .filter(|millis| *millis > 0)
}

/// JSON has no line breaks of its own, so one line of data is enough.
fn block(kind: &str, id: &str, data: &Value) -> String {
    let id = if id.is_empty() {
        String::new()
    } else {
        format!("id: {id}\n")
    };
    format!("event: {kind}\n{id}data: {data}\n\n")
}
