//! An entry of a feed as it is handed on: bytes that are signed, sent and kept as they are.

use concordat_proto::cloudevents::{self, Place, Shape};
use concordat_proto::v1;
use concordat_proto::v1::stream_feed_response::Content;
use serde_json::Value;

use crate::exit::Failure;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Place to commit once it was taken.
    pub(super) cursor: String,
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
        let (cursor, event) = match content {
            Content::Event(entry) => {
                let place = place(feed, &entry.cursor, entry.count.as_ref());
                let envelope = entry.event.clone().unwrap_or_default();
                let event = cloudevents::event(&envelope, Some(&place), shape)
                    .map_err(anyhow::Error::from)?;
                (&entry.cursor, event)
            }
            Content::ContentAvailable(entry) => (
                &entry.cursor,
                cloudevents::content_available(entry, feed, shape),
            ),
            Content::Snapshot(entry) => (
                &entry.cursor,
                cloudevents::snapshot(entry, feed, shape).map_err(anyhow::Error::from)?,
            ),
            Content::FeedTest(entry) => (&entry.cursor, cloudevents::feed_test(entry, feed, shape)),
            Content::Checkpoint(_)
            | Content::CaughtUp(_)
            | Content::FellBehind(_)
            | Content::Closing(_)
            | Content::ResyncRequired(_) => return Ok(None),
        };
        let id = event.get("id").and_then(Value::as_str).unwrap_or(cursor);
        Ok(Some(Self {
            cursor: cursor.clone(),
            id: id.to_owned(),
            body: serde_json::to_vec(&event).map_err(anyhow::Error::from)?,
        }))
    }
}

fn place(feed: &str, cursor: &str, count: Option<&v1::FeedCount>) -> Place {
    let number = count.and_then(|count| u64::try_from(count.number).ok());
    Place {
        feed: feed.to_owned(),
        cursor: cursor.to_owned(),
        number: number.filter(|number| *number > 0),
    }
}
