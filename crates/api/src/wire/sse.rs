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
use concordat_proto::cloudevents::{self, Shape};
use concordat_proto::json;
use concordat_proto::v1::stream_feed_response::Content;
use concordat_proto::v1::{Closing, StreamFeedResponse};
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message;
use serde_json::{Map, Value};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::Streaming;

use super::answer;
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

/// One message of the feed.
fn said(feed: &str, bytes: Bytes) -> Result<String, Status> {
    let defect = |_| Status::internal("the feed said what cannot be written");
    let message = StreamFeedResponse::decode(bytes)
        .map_err(|_| Status::internal("the feed said what cannot be read"))?;
    let Some(content) = &message.content else {
        return Ok(String::new());
    };
    let words = json::to_value(&message).map_err(defect)?;
    // A choice has one field that is set: its name says what it is.
    let (name, words) = words
        .as_object()
        .and_then(|words| words.iter().next())
        .ok_or_else(|| Status::internal("the feed said nothing"))?;
    let cursor = words["cursor"].as_str().unwrap_or_default();
    let entry = cloudevents::entry(content, feed, Shape::CloudEvents).map_err(defect)?;
    let block = block(&kind_of(name), cursor, entry.as_ref().unwrap_or(words));
    Ok(match content {
        Content::Closing(closing) => format!("{}{block}", retry(closing)),
        _ => block,
    })
}

/// `caughtUp` is `caught-up`.
fn kind_of(name: &str) -> String {
    let mut kind = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            kind.push('-');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    kind
}

/// When to come back, for clients that do so by themselves.
fn retry(closing: &Closing) -> String {
    let pause = closing
        .retry_after
        .and_then(|pause| std::time::Duration::try_from(pause).ok());
    pause.map_or_else(String::new, |pause| {
        format!("retry: {}\n", pause.as_millis())
    })
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
