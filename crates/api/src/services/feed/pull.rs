//! One pull of a feed: what there is, or what comes within a wait, for clients that cannot read a stream.

use std::time::Duration;

use concordat_node::{Error, FeedFollower, FeedShown, Follow};
use concordat_proto::v1;
use prost::Message as _;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::{asked, told};
use crate::failure::from_node;
use crate::holders::Hold;
use crate::services::Services;

/// Longest wait: below what proxies cut.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a feed stays held after a wait, so that its consumer can handle what it got and pull again.
const LEASE: Duration = Duration::from_secs(30);
/// Entries of an answer.
const ENTRIES_DEFAULT: usize = 100;
/// Entries of an answer at most.
pub(super) const ENTRIES_MAX: usize = 500;
/// Entries resolved in one go, each below 256 KiB.
pub(super) const STEP: usize = 8;
/// Bytes from which an answer is full: with one more step it stays below the 4 MiB that clients take by default.
pub(super) const ANSWER_BYTES: usize = 1536 * 1024;

impl Services {
    /// Answers with entries as soon as there are some, and without when the wait is over.
    pub(super) async fn pull(
        &self,
        request: v1::PullEventsRequest,
    ) -> Result<v1::PullEventsResponse, Status> {
        let wait = asked::wait(request.wait.as_ref(), WAIT_MAX)?;
        let max = asked::entries(request.max_entries, ENTRIES_DEFAULT, ENTRIES_MAX)?;
        asked::consumer(&request.consumer_name)?;
        let after = asked::cursor(&request.after_cursor, "after_cursor")?;
        let name = request.feed_id;
        self.node
            .named_feed(name.clone())
            .await
            .map_err(from_node)?;
        let hold = self
            .holders
            .lease(
                &name,
                &request.consumer_name,
                request.take_over,
                (self.clock.now(), wait + LEASE),
            )
            .map_err(super::in_use)?;
        let follow = match after {
            Some(spot) => Follow::After(name, spot),
            None => Follow::Committed(name),
        };
        let (follower, shown) = match self.node.follow_feed(follow).await {
            Err(Error::UnknownCursor { resume }) => {
                return Ok(v1::PullEventsResponse {
                    resync_required: Some(told::resync(resume)),
                    ..v1::PullEventsResponse::default()
                });
            }
            followed => followed.map_err(from_node)?,
        };
        let answer = self.collect((follower, shown), (wait, max), &hold).await?;
        if hold.is_taken_over() {
            // Somebody else may be handling these already.
            return Err(super::in_use(hold.now_held_by()).into());
        }
        Ok(answer)
    }

    async fn collect(
        &self,
        (mut follower, shown): (FeedFollower, FeedShown),
        (wait, max): (Duration, usize),
        hold: &Hold,
    ) -> Result<v1::PullEventsResponse, Status> {
        let deadline = Instant::now() + wait;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        loop {
            let left = max - entries.len();
            let portion = follower.portion(left.min(STEP)).await.map_err(from_node)?;
            let (lag, some) = (portion.lag, !portion.entries.is_empty());
            let place = told::checkpoint(&portion, self.clock.now());
            for entry in portion.entries {
                let entry = v1::FeedEntry {
                    content: Some(told::entry(entry, shown)),
                };
                bytes += entry.encoded_len();
                entries.push(entry);
            }
            let full = entries.len() >= max || bytes >= ANSWER_BYTES;
            let done = full || (lag == 0 && !some && !entries.is_empty());
            let waited = !done && lag == 0 && !some && {
                let woken = async {
                    tokio::select! {
                        () = follower.woken() => {}
                        () = self.stop.cancelled() => {}
                        () = hold.taken_over() => {}
                    }
                };
                timeout_at(deadline, woken).await.is_err()
                    || self.stop.is_cancelled()
                    || hold.is_taken_over()
            };
            // A feed that was sought or changed meanwhile: the next pull reads it as it is.
            if done || waited || follower.ended().is_some() {
                return Ok(v1::PullEventsResponse {
                    entries,
                    caught_up: lag == 0,
                    checkpoint: Some(place),
                    resync_required: None,
                });
            }
        }
    }
}
