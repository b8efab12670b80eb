//! An entry of a feed as it is handed on: bytes that are signed, sent and kept as they are.

use concordat_proto::cloudevents::{self, Shape};
use concordat_proto::v1::stream_feed_response::Content;
use serde_json::Value;

use crate::exit::Failure;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Place to commit once it was taken.
    pub(super) cursor: String,
    /// Its case; empty for what is tied to none.
    pub(super) case: String,
    /// Id of the CloudEvent: the event's, for life.
    pub(super) id: String,
    /// Its JSON.
    pub(super) body: Vec<u8>,
}

impl Entry {
    /// The entry in a message of a stream; none in one about the stream itself.
    ///
    /// # Errors
    /// [`Failure::Failed`] for an instant that JSON cannot say.
    pub(super) fn of(content: &Content, feed: &str, shape: Shape) -> Result<Option<Self>, Failure> {
        let Some(cursor) = cursor(content) else {
            return Ok(None);
        };
        let event = cloudevents::entry(content, feed, shape).map_err(anyhow::Error::from)?;
        let Some(event) = event else {
            return Ok(None);
        };
        let id = event.get("id").and_then(Value::as_str).unwrap_or(cursor);
        Ok(Some(Self {
            cursor: cursor.to_owned(),
            case: case(content).to_owned(),
            id: id.to_owned(),
            body: serde_json::to_vec(&event).map_err(anyhow::Error::from)?,
        }))
    }
}

/// The place to commit; none in a message about the stream itself.
fn cursor(content: &Content) -> Option<&str> {
    match content {
        Content::Event(entry) => Some(&entry.cursor),
        Content::ContentAvailable(entry) => Some(&entry.cursor),
        Content::Snapshot(entry) => Some(&entry.cursor),
        Content::FeedTest(entry) => Some(&entry.cursor),
        Content::Checkpoint(_)
        | Content::CaughtUp(_)
        | Content::FellBehind(_)
        | Content::Closing(_)
        | Content::ResyncRequired(_) => None,
    }
}

/// The case of an entry.
fn case(content: &Content) -> &str {
    match content {
        Content::Event(entry) => entry.event.as_ref().map_or("", |event| &event.case_id),
        Content::ContentAvailable(entry) => &entry.case_id,
        Content::Snapshot(entry) => entry.joint_case.as_ref().map_or("", |case| &case.case_id),
        Content::FeedTest(_)
        | Content::Checkpoint(_)
        | Content::CaughtUp(_)
        | Content::FellBehind(_)
        | Content::Closing(_)
        | Content::ResyncRequired(_) => "",
    }
}
