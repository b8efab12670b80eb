//! `FeedService`: named places in the stream of what became visible.

mod asked;
mod pull;
mod told;

use concordat_node::{Commit, Error, FeedOptions, FeedPlace, Follow};
use concordat_proto::v1;
use concordat_proto::v1::ErrorReason;
use concordat_proto::v1::feed_service_server::FeedService;
use concordat_proto::v1::stream_feed_response::Content;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use prost::Message as _;
use tonic::{Code, Request, Response, Status};

use super::Services;
use super::streaming::Streaming;
use crate::failure::{Failure, from_node};
use crate::page::Page;
use crate::{opaque, read};

/// Entries that one commit may put aside.
const PARKED_AT_ONCE_MAX: usize = 100;
/// Parked entries of an answer, where no number is asked for.
const REPLAYED_DEFAULT: usize = 50;

/// Somebody else has the feed.
fn in_use(holder: String) -> Failure {
    Failure::new(
        Code::FailedPrecondition,
        ErrorReason::FeedInUse,
        "an other stream is active on the feed; end it, or take over",
    )
    .with("holder", holder)
}

#[tonic::async_trait]
impl FeedService for Services {
    async fn create_feed(
        &self,
        request: Request<v1::CreateFeedRequest>,
    ) -> Result<Response<v1::CreateFeedResponse>, Status> {
        let asked = request.into_inner();
        let place = asked::first_place(&asked)?;
        let options = FeedOptions {
            filter: asked::filter(asked.filter.as_ref(), asked.include_void)?,
            shown: asked::shown(asked.view)?.unwrap_or_default(),
        };
        let created = self.node.create_feed(asked.feed_id, place, options).await;
        let (feed, existed) = created.map_err(from_node)?;
        Ok(Response::new(v1::CreateFeedResponse {
            feed: Some(self.feed(feed)),
            existed,
        }))
    }

    async fn get_feed(
        &self,
        request: Request<v1::GetFeedRequest>,
    ) -> Result<Response<v1::GetFeedResponse>, Status> {
        let feed = self.node.named_feed(request.into_inner().feed_id).await;
        Ok(Response::new(v1::GetFeedResponse {
            feed: Some(self.feed(feed.map_err(from_node)?)),
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

    async fn update_feed(
        &self,
        request: Request<v1::UpdateFeedRequest>,
    ) -> Result<Response<v1::UpdateFeedResponse>, Status> {
        let asked = request.into_inner();
        let filter = match &asked.filter {
            Some(filter) => Some(asked::filter(Some(filter), asked.include_void)?),
            None if asked.include_void => {
                return Err(Failure::field("include_void", "is read with `filter` only").into());
            }
            None => None,
        };
        let shown = asked::shown(asked.view)?;
        let feed = self.node.update_feed(asked.feed_id, filter, shown).await;
        Ok(Response::new(v1::UpdateFeedResponse {
            feed: Some(self.feed(feed.map_err(from_node)?)),
        }))
    }

    async fn delete_feed(
        &self,
        request: Request<v1::DeleteFeedRequest>,
    ) -> Result<Response<v1::DeleteFeedResponse>, Status> {
        let deleted = self.node.delete_feed(request.into_inner().feed_id).await;
        deleted.map_err(from_node)?;
        Ok(Response::new(v1::DeleteFeedResponse {}))
    }

    type StreamFeedStream = BoxStream<'static, Result<v1::StreamFeedResponse, Status>>;

    async fn stream_feed(
        &self,
        request: Request<v1::StreamFeedRequest>,
    ) -> Result<Response<Self::StreamFeedStream>, Status> {
        let asked = request.into_inner();
        asked::consumer(&asked.consumer_name)?;
        let after = asked::cursor(&asked.after_cursor, "after_cursor")?;
        let name = asked.feed_id;
        let known = self.node.named_feed(name.clone()).await;
        known.map_err(from_node)?;
        let hold = self
            .holders
            .claim(
                &name,
                &asked.consumer_name,
                asked.take_over,
                self.clock.now(),
            )
            .map_err(in_use)?;
        let follow = match after {
            Some(spot) => Follow::After(name, spot),
            None => Follow::Committed(name),
        };
        let followed = match self.node.follow_feed(follow).await {
            Err(Error::UnknownCursor { resume }) => {
                // Nothing but that: an error code alone would leave the subscriber without a way on.
                let told = v1::StreamFeedResponse {
                    content: Some(Content::ResyncRequired(told::resync(resume))),
                };
                return Ok(Response::new(stream::once(async { Ok(told) }).boxed()));
            }
            followed => followed.map_err(from_node)?,
        };
        let (follower, shown) = followed;
        let streaming = Streaming::new(self, Some(hold), follower);
        let messages = streaming.into_stream(move |said| told::message(said, shown));
        Ok(Response::new(messages))
    }

    type TailEventsStream = BoxStream<'static, Result<v1::TailEventsResponse, Status>>;

    async fn tail_events(
        &self,
        request: Request<v1::TailEventsRequest>,
    ) -> Result<Response<Self::TailEventsStream>, Status> {
        let asked = request.into_inner();
        let place = asked::place(asked.start_at.as_ref(), "start_at")?.unwrap_or(FeedPlace::Now);
        let filter = asked::filter(asked.filter.as_ref(), asked.include_void)?;
        let shown = asked::shown(asked.view)?.unwrap_or_default();
        let follower = self.node.tail_feed(place, filter).await;
        let follower = follower.map_err(from_node)?;
        let streaming = Streaming::new(self, None, follower);
        let messages = streaming.into_stream(move |said| v1::TailEventsResponse {
            message: Some(told::message(said, shown)),
        });
        Ok(Response::new(messages))
    }

    async fn pull_events(
        &self,
        request: Request<v1::PullEventsRequest>,
    ) -> Result<Response<v1::PullEventsResponse>, Status> {
        self.pull(request.into_inner()).await.map(Response::new)
    }

    async fn commit_feed(
        &self,
        request: Request<v1::CommitFeedRequest>,
    ) -> Result<Response<v1::CommitFeedResponse>, Status> {
        let asked = request.into_inner();
        if asked.parked.len() > PARKED_AT_ONCE_MAX {
            return Err(Failure::field("parked", "at most 100 in one commit").into());
        }
        let mut parked = Vec::new();
        for (index, entry) in asked.parked.iter().enumerate() {
            let field = format!("parked[{index}]");
            let spot = read::cursor(&entry.cursor, &format!("{field}.cursor"))?;
            parked.push((
                spot,
                asked::reason(&entry.reason, &format!("{field}.reason"))?,
            ));
        }
        let commit = Commit {
            spot: read::cursor(&asked.cursor, "cursor")?,
            parked,
        };
        let feed = self.node.commit_feed(asked.feed_id, commit).await;
        let feed = feed.map_err(from_node)?;
        Ok(Response::new(v1::CommitFeedResponse {
            cursor: asked::cursor_text(feed.cursor),
            lag: told::number(feed.lag),
            count: Some(told::count(&feed.mark)),
            parked_count: told::number(feed.parked),
        }))
    }

    async fn seek_feed(
        &self,
        request: Request<v1::SeekFeedRequest>,
    ) -> Result<Response<v1::SeekFeedResponse>, Status> {
        let asked = request.into_inner();
        let place = asked::place(asked.to.as_ref(), "to")?
            .ok_or_else(|| Failure::field("to", "a place to seek to"))?;
        let reader = asked::keeper(&asked.purpose, &asked.actor_id)?;
        let sought = self
            .node
            .seek_feed(asked.feed_id, place, asked.validate_only, reader)
            .await;
        let sought = sought.map_err(from_node)?;
        Ok(Response::new(v1::SeekFeedResponse {
            cursor: asked::cursor_text(sought.spot),
            redelivered: told::number(sought.redelivered),
            skipped: told::number(sought.skipped),
            count: Some(told::count(&sought.mark)),
            access_record: sought
                .access_record
                .map(|id| id.to_string())
                .unwrap_or_default(),
        }))
    }

    async fn list_parked_events(
        &self,
        request: Request<v1::ListParkedEventsRequest>,
    ) -> Result<Response<v1::ListParkedEventsResponse>, Status> {
        let asked = request.into_inner();
        let list = ["parked", &asked.feed_id];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let parked = self.node.parked(asked.feed_id).await.map_err(from_node)?;
        // In the order of the feed, which is not that of cursors where it began with a snapshot.
        let parked: Vec<_> = parked.into_iter().enumerate().collect();
        let (parked, next_page_token) = page.cut(parked, |(index, _)| format!("{index:08}"));
        Ok(Response::new(v1::ListParkedEventsResponse {
            parked: parked.iter().map(|(_, one)| told::parked(one)).collect(),
            next_page_token,
        }))
    }

    async fn replay_parked_events(
        &self,
        request: Request<v1::ReplayParkedEventsRequest>,
    ) -> Result<Response<v1::ReplayParkedEventsResponse>, Status> {
        let asked = request.into_inner();
        let max = asked::entries(asked.max_entries, REPLAYED_DEFAULT, pull::ENTRIES_MAX)?;
        let until = asked::cursor(&asked.until_cursor, "until_cursor")?;
        let mut after = asked::cursor(&asked.after_cursor, "after_cursor")?;
        let reader = asked::keeper(&asked.purpose, &asked.actor_id)?;
        let mut answer = v1::ReplayParkedEventsResponse::default();
        let mut bytes = 0;
        loop {
            let step = pull::STEP.min(max - answer.entries.len());
            let name = asked.feed_id.clone();
            let replayed = self
                .node
                .replay_parked(name, (after, until), step, reader.clone());
            let replayed = replayed.await.map_err(from_node)?;
            let records = replayed.access_records.iter().map(ToString::to_string);
            answer.access_records.extend(records);
            after = replayed.entries.last().map(|entry| entry.spot).or(after);
            answer.remaining = told::number(replayed.remaining);
            for entry in replayed.entries {
                let content = Some(told::entry(entry, replayed.shown));
                let entry = v1::FeedEntry { content };
                bytes += entry.encoded_len();
                answer.entries.push(entry);
            }
            let full = answer.entries.len() >= max || bytes >= pull::ANSWER_BYTES;
            if full || answer.remaining == 0 {
                return Ok(Response::new(answer));
            }
        }
    }

    async fn drop_parked_event(
        &self,
        request: Request<v1::DropParkedEventRequest>,
    ) -> Result<Response<v1::DropParkedEventResponse>, Status> {
        let asked = request.into_inner();
        let spot = read::cursor(&asked.cursor, "cursor")?;
        let reason = asked::reason(&asked.reason, "reason")?;
        let reader = asked::keeper(&reason, &asked.actor_id)?;
        let dropped = self.node.drop_parked(asked.feed_id, spot, reader).await;
        let (left, access_record) = dropped.map_err(from_node)?;
        Ok(Response::new(v1::DropParkedEventResponse {
            parked_count: told::number(left),
            access_record: access_record.to_string(),
        }))
    }

    async fn send_test_event(
        &self,
        request: Request<v1::SendTestEventRequest>,
    ) -> Result<Response<v1::SendTestEventResponse>, Status> {
        let sent = self.node.test_feed(request.into_inner().feed_id).await;
        let (event_id, spot) = sent.map_err(from_node)?;
        Ok(Response::new(v1::SendTestEventResponse {
            event_id: event_id.to_string(),
            cursor: opaque::cursor(spot),
        }))
    }

    async fn get_feed_statement(
        &self,
        request: Request<v1::GetFeedStatementRequest>,
    ) -> Result<Response<v1::GetFeedStatementResponse>, Status> {
        let asked = request.into_inner();
        let from = read::instant(asked.from_time.as_ref(), "from_time")?;
        let until = read::instant(asked.until_time.as_ref(), "until_time")?;
        if from.zip(until).is_some_and(|(from, until)| until < from) {
            return Err(Failure::field("until_time", "an instant not before `from_time`").into());
        }
        let stated = self
            .node
            .feed_statement(asked.feed_id, asked.generation, (from, until))
            .await;
        let stated = stated.map_err(from_node)?;
        Ok(Response::new(v1::GetFeedStatementResponse {
            statement: stated.text.into_bytes(),
            signature: stated.signature.to_vec(),
            key_id: stated.key_id,
            before: Some(told::count(&stated.before)),
            upto: Some(told::count(&stated.upto)),
        }))
    }
}

impl Services {
    fn feed(&self, feed: concordat_node::FeedView) -> v1::Feed {
        let held = self.holders.holding(&feed.name);
        told::feed(feed, held)
    }
}
