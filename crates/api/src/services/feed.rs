//! `FeedService`: named places in the stream of what became visible.

mod stream;

use concordat_node::{FeedStart, FeedView};
use concordat_proto::v1;
use concordat_proto::v1::ErrorReason;
use concordat_proto::v1::feed_service_server::FeedService;
use futures::stream::BoxStream;
use tonic::{Code, Request, Response, Status};

use self::stream::Streaming;
use super::Services;
use crate::failure::{Failure, from_node};
use crate::page::Page;
use crate::{opaque, read, render};

/// Longest name of a consumer, in bytes.
const CONSUMER_BYTES_MAX: usize = 128;

#[tonic::async_trait]
impl FeedService for Services {
    async fn create_feed(
        &self,
        request: Request<v1::CreateFeedRequest>,
    ) -> Result<Response<v1::CreateFeedResponse>, Status> {
        let asked = request.into_inner();
        let start = match v1::FeedStart::try_from(asked.start) {
            Ok(v1::FeedStart::Unspecified | v1::FeedStart::Beginning) => FeedStart::Beginning,
            Ok(v1::FeedStart::Now) => FeedStart::Now,
            Ok(v1::FeedStart::Snapshot) | Err(_) => {
                return Err(Failure::field("start", "a start that this node knows").into());
            }
        };
        let created = self
            .node
            .create_feed(asked.feed_id, start, asked.include_void)
            .await;
        let (feed, existed) = created.map_err(from_node)?;
        Ok(Response::new(v1::CreateFeedResponse {
            feed: Some(self.feed(feed)),
            existed,
        }))
    }

    async fn list_feeds(
        &self,
        request: Request<v1::ListFeedsRequest>,
    ) -> Result<Response<v1::ListFeedsResponse>, Status> {
        let asked = request.into_inner();
        let page = Page::read(asked.page_size, &asked.page_token, &["feeds"])?;
        let feeds = self.node.feeds().await;
        let feeds = feeds.map_err(from_node)?;
        let (feeds, next_page_token) = page.cut(feeds, |feed| feed.name.clone());
        Ok(Response::new(v1::ListFeedsResponse {
            feeds: feeds.into_iter().map(|feed| self.feed(feed)).collect(),
            next_page_token,
        }))
    }

    type StreamFeedStream = BoxStream<'static, Result<v1::StreamFeedResponse, Status>>;

    async fn stream_feed(
        &self,
        request: Request<v1::StreamFeedRequest>,
    ) -> Result<Response<Self::StreamFeedStream>, Status> {
        let asked = request.into_inner();
        let named = asked.consumer_name.len() <= CONSUMER_BYTES_MAX
            && asked
                .consumer_name
                .chars()
                .all(|letter| !letter.is_control());
        if !named {
            return Err(Failure::field(
                "consumer_name",
                "at most 128 bytes, none a control character",
            )
            .into());
        }
        let feed = self.node.named_feed(asked.feed_id.clone()).await;
        let feed = feed.map_err(from_node)?;
        let after = match asked.after_cursor.as_str() {
            "" => feed.cursor,
            text => Some(read::cursor(text, "after_cursor")?),
        };
        let hold = self
            .holders
            .claim(&asked.feed_id, &asked.consumer_name, asked.take_over)
            .map_err(|holder| {
                Failure::new(
                    Code::FailedPrecondition,
                    ErrorReason::FeedInUse,
                    "an other stream is active on the feed; end it, or take over",
                )
                .with("holder", holder)
            })?;
        let streaming = Streaming::new(self, hold, feed.include_void, after);
        Ok(Response::new(streaming.into_stream()))
    }

    async fn commit_feed(
        &self,
        request: Request<v1::CommitFeedRequest>,
    ) -> Result<Response<v1::CommitFeedResponse>, Status> {
        let asked = request.into_inner();
        let cursor = read::cursor(&asked.cursor, "cursor")?;
        let feed = self.node.commit_feed(asked.feed_id, cursor).await;
        let feed = feed.map_err(from_node)?;
        Ok(Response::new(v1::CommitFeedResponse {
            cursor: feed.cursor.map(opaque::cursor).unwrap_or_default(),
            lag: lag(&feed),
            ..v1::CommitFeedResponse::default()
        }))
    }
}

impl Services {
    fn feed(&self, feed: FeedView) -> v1::Feed {
        v1::Feed {
            holder: self.holders.holder(&feed.name),
            cursor: feed.cursor.map(opaque::cursor).unwrap_or_default(),
            lag: lag(&feed),
            include_void: feed.include_void,
            last_committed_at: feed.committed_at.map(render::instant),
            feed_id: feed.name,
            ..v1::Feed::default()
        }
    }
}

fn lag(feed: &FeedView) -> i64 {
    i64::try_from(feed.lag).unwrap_or(i64::MAX)
}
