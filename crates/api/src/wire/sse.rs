//! A feed, or one case, as Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): for every language and
//! proxy.
//!
//! | `event:` | `id:` | `data:` |
//! |---|---|---|
//! | `event`, and every other entry of a feed that is committed | its cursor | strict CloudEvents 1.0 JSON |
//! | `checkpoint`, `caught-up`, and what else the stream says of itself | its cursor | the JSON of the message |
//! | `snapshot` and `content-available` of a case that is watched | its cursor | the JSON of the message |
//! | `closing` | its cursor | the JSON of the message; `retry:` says when to come back |
//! | `error` | none | the JSON of the error; the stream ends |
//!
//! A client that comes back sends the last `id` as `Last-Event-ID`, as browsers do by themselves, and goes on behind it. Without one it
//! goes on behind the committed cursor of the feed, or is told the case as it stands.

use bytes::Bytes;
use concordat_proto::cloudevents::{self, Place, Shape};
use concordat_proto::json;
use concordat_proto::v1::{StreamFeedResponse, WatchCaseResponse};
use concordat_proto::v1::{stream_feed_response, watch_case_response};
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::{Message, Name};
use prost_reflect::MessageDescriptor;
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
/// The fields of requests that say so.
const AFTER: [&str; 2] = ["afterCursor", "afterPosition"];

/// Puts the place to go on at into the request. A browser repeats its first address with the place that it reached: the header wins.
pub(super) fn resume(
    headers: &HeaderMap,
    input: &MessageDescriptor,
    fields: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let mut names = AFTER.into_iter();
    let known = names.find(|name| input.get_field_by_json_name(name).is_some());
    let (Some(last), Some(name)) = (headers.get(LAST_EVENT_ID), known) else {
        return Ok(());
    };
    let last = last
        .to_str()
        .map_err(|_| Failure::field("Last-Event-ID", "a cursor as the stream gave it"))?;
    if !last.is_empty() {
        fields.insert(name.to_owned(), Value::from(last));
    }
    Ok(())
}

/// What is streamed.
pub(super) enum Told {
    /// The feed of that name.
    Feed(String),
    /// One case.
    Case,
}

/// The answer that goes on until either side ends it.
pub(super) fn stream(told: Told, messages: Streaming<Bytes>) -> Response<Body> {
    let said = messages.map(
        move |message| match message.and_then(|bytes| told.said(bytes)) {
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

impl Told {
    /// One message of the stream.
    fn said(&self, bytes: Bytes) -> Result<String, Status> {
        match self {
            Self::Feed(feed) => of_feed(feed, &read(bytes)?),
            Self::Case => of_case(&read(bytes)?),
        }
    }
}

fn of_feed(feed: &str, message: &StreamFeedResponse) -> Result<String, Status> {
    use stream_feed_response::Content;
    let Some(content) = &message.content else {
        return Ok(String::new());
    };
    let entry = cloudevents::entry(content, feed, Shape::CloudEvents).map_err(defect)?;
    let pause = match content {
        Content::Closing(closing) => closing.retry_after.as_ref(),
        _ => None,
    };
    written(message, entry, pause)
}

fn of_case(message: &WatchCaseResponse) -> Result<String, Status> {
    use watch_case_response::Content;
    match &message.content {
        Some(Content::Event(entry)) => {
            let place = Place {
                cursor: entry.cursor.clone(),
                ..Place::default()
            };
            let envelope = entry.event.clone().unwrap_or_default();
            let mut event =
                cloudevents::event(&envelope, Some(&place), Shape::CloudEvents).map_err(defect)?;
            if !entry.state_after.is_empty() {
                event["stateafter"] = Value::from(entry.state_after.as_str());
            }
            written(message, Some(event), None)
        }
        Some(Content::Closing(closing)) => written(message, None, closing.retry_after.as_ref()),
        Some(_) => written(message, None, None),
        None => Ok(String::new()),
    }
}

/// The block of a message: with its data as a CloudEvent, if it is one, and with when to come back, if the stream ends.
fn written<M: Message + Name>(
    message: &M,
    event: Option<Value>,
    pause: Option<&prost_types::Duration>,
) -> Result<String, Status> {
    let words = json::to_value(message).map_err(defect)?;
    // A choice has one field that is set: its name says what it is.
    let (name, words) = words
        .as_object()
        .and_then(|words| words.iter().next())
        .ok_or_else(|| Status::internal("the stream said nothing"))?;
    let cursor = words["cursor"].as_str().unwrap_or_default();
    let block = block(&kind_of(name), cursor, event.as_ref().unwrap_or(words));
    Ok(pause.map_or_else(String::new, retry) + &block)
}

fn read<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
    M::decode(bytes).map_err(|_| Status::internal("the stream said what cannot be read"))
}

fn defect(_: serde_json::Error) -> Status {
    Status::internal("the stream said what cannot be written")
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
fn retry(pause: &prost_types::Duration) -> String {
    let pause = std::time::Duration::try_from(*pause);
    pause.map_or_else(
        |_| String::new(),
        |pause| format!("retry: {}\n", pause.as_millis()),
    )
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
