//! One case followed: as it stands, what becomes visible of it, and how it stands then.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, Position};
use concordat_node::{Delivered, Error, FeedContent, FeedFilter, FeedFollower, FeedPlace, Spot};
use concordat_proto::v1;
use concordat_proto::v1::watch_case_response::Content;
use futures::stream::BoxStream;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::failure::{Failure, from_node};
use crate::services::Services;
use crate::services::streaming::{Said, Stand, Streaming};
use crate::{opaque, read, render};

/// What is streamed, as messages.
pub(super) type Messages = BoxStream<'static, Result<v1::WatchCaseResponse, Status>>;

impl Services {
    /// Watches a case. Whoever may not see it is answered as by a reading of it.
    pub(super) async fn watch(
        &self,
        asked: v1::WatchCaseRequest,
        metadata: &MetadataMap,
    ) -> Result<Messages, Status> {
        let id = read::case_id(&asked.case_id, "case_id")?;
        let after = After::read(&asked.after_position)?;
        self.node.case(id, None).await.map_err(from_node)?;
        if let Some(After::Position(position)) = after {
            self.reach(&opaque::position(position), metadata).await?;
        }
        let follower = self.follow_case(id, after, asked.include_void).await;
        let follower = follower.map_err(from_node)?;
        let streaming = Streaming::new(self, None, follower).watching(self, id);
        Ok(streaming.into_stream(message))
    }

    /// Follows from a place on; from now on, if none is given or it is none of this node's.
    async fn follow_case(
        &self,
        id: CaseId,
        after: Option<After>,
        include_void: bool,
    ) -> Result<FeedFollower, Error> {
        let filter = FeedFilter {
            cases: BTreeSet::from([id.to_string()]),
            include_void,
            ..FeedFilter::default()
        };
        let place = after.map_or(FeedPlace::Now, After::place);
        match self.node.tail_feed(place, filter.clone()).await {
            Err(Error::UnknownCursor { .. }) => self.node.tail_feed(FeedPlace::Now, filter).await,
            followed => followed,
        }
    }
}

/// Where a watch goes on: behind all that a position made visible, or behind one entry.
#[derive(Clone, Copy)]
enum After {
    Position(Position),
    Entry(Spot),
}

impl After {
    fn read(text: &str) -> Result<Option<Self>, Failure> {
        let read = |text: &str| {
            let position = opaque::read_position(text).map(Self::Position);
            position.or_else(|| opaque::read_cursor(text).map(Self::Entry))
        };
        let expected = "a cursor as a watch gave it, or a position as an earlier answer gave it";
        read::optional(text, "after_position", |text, field| {
            read(text).ok_or_else(|| Failure::field(field, expected))
        })
    }

    fn place(self) -> FeedPlace {
        match self {
            // A bundle has some hundred envelopes at most: there is always a place behind one.
            Self::Position(position) => FeedPlace::Position(Position {
                envelope: position.envelope.saturating_add(1),
                ..position
            }),
            Self::Entry(spot) => FeedPlace::After(spot),
        }
    }
}

fn message(said: Said) -> v1::WatchCaseResponse {
    v1::WatchCaseResponse {
        content: match said {
            Said::Entry(entry) => content(entry),
            Said::Case(view, at, stand) => Some(Content::Snapshot(v1::WatchedCase {
                cursor: cursor(stand.portion.spot),
                joint_case: Some(render::case(&view, at)),
            })),
            Said::Checkpoint(stand) => Some(Content::Checkpoint(place(&stand))),
            Said::CaughtUp(stand) => Some(Content::CaughtUp(place(&stand))),
            Said::FellBehind(stand) => Some(Content::FellBehind(place(&stand))),
            Said::Closing(closing) => Some(Content::Closing(v1::WatchClosing {
                reason: closing.reason.to_owned(),
                retry_after: prost_types::Duration::try_from(closing.retry_after).ok(),
                cursor: cursor(closing.sent),
            })),
        },
    }
}

/// An entry; none for what no case has.
fn content(entry: Delivered) -> Option<Content> {
    let cursor = opaque::cursor(entry.spot);
    match entry.content {
        FeedContent::Event { event, historical } => {
            let ruled = event.ruled.as_ref();
            Some(Content::Event(v1::WatchedEvent {
                cursor,
                state_after: ruled
                    .and_then(|ruled| ruled.state_after.clone())
                    .unwrap_or_default(),
                event: Some(render::event(&event, historical)),
            }))
        }
        FeedContent::ContentAvailable { compartment, .. } => {
            Some(Content::ContentAvailable(v1::WatchedContent {
                cursor,
                compartment: compartment.into(),
            }))
        }
        FeedContent::Snapshot { .. } | FeedContent::Test { .. } => None,
    }
}

fn place(stand: &Stand) -> v1::WatchPlace {
    let portion = &stand.portion;
    v1::WatchPlace {
        cursor: cursor(portion.spot),
        head: portion.head.map(opaque::position).unwrap_or_default(),
        at: Some(render::instant(stand.at)),
        lag: i64::try_from(portion.lag).unwrap_or(i64::MAX),
    }
}

fn cursor(spot: Option<Spot>) -> String {
    spot.map(opaque::cursor).unwrap_or_default()
}
