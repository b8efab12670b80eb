//! Following the stream through an ordered, unacknowledged pull consumer.
//!
//! The consumer is made anew for each follower and never repaired: at the first doubt the follower ends, and the caller
//! opens the next one from its own cursor. The numbers that the consumer gives its deliveries are checked, so that a
//! message lost between server and node cannot be skipped, while holes in the stream itself, which no consumer numbers,
//! do not stop anyone.

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::Message;
use async_nats::jetstream::stream::Stream;
use futures::{StreamExt, stream};

use super::connection::{Loss, lost};
use super::{HEARTBEAT, unavailable};
use crate::{Error, Offset, RECORD_BYTES_MAX, Record, Subject};

/// Records asked for at a time: at most 32 MiB under way.
const BATCH_RECORDS: usize = 32 * 1024 * 1024 / RECORD_BYTES_MAX;

pub(super) async fn follow(
    stream: &Stream<()>,
    after: Offset,
    loss: Loss,
) -> Result<impl futures::Stream<Item = Result<Record, Error>> + use<>, Error> {
    let consumer = stream
        .create_consumer(consumer_config(after))
        .await
        .map_err(unavailable)?;
    let messages = consumer
        .stream()
        .max_messages_per_batch(BATCH_RECORDS)
        .heartbeat(HEARTBEAT)
        .expires(6 * HEARTBEAT)
        .messages()
        .await
        .map_err(unavailable)?;
    let follower = Follower {
        messages,
        loss,
        last: after,
        delivered: 0,
    };
    Ok(stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next().await {
            Ok(record) => Some((Ok(record), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// One replica, in memory: it holds nothing but a place, which the caller keeps anyway.
fn consumer_config(after: Offset) -> pull::Config {
    pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: after.0 + 1,
        },
        ack_policy: AckPolicy::None,
        inactive_threshold: 12 * HEARTBEAT,
        num_replicas: 1,
        memory_storage: true,
        ..Default::default()
    }
}

struct Follower {
    messages: pull::Stream,
    loss: Loss,
    last: Offset,
    /// The consumer's number of the last delivery.
    delivered: u64,
}

impl Follower {
    async fn next(&mut self) -> Result<Record, Error> {
        let message = tokio::select! {
            biased;
            () = self.loss.happens() => return Err(lost()),
            message = self.messages.next() => message,
        };
        let message = message.ok_or_else(lost)?.map_err(unavailable)?;
        self.check_order(&message)
    }

    fn check_order(&mut self, message: &Message) -> Result<Record, Error> {
        let (offset, delivery) = {
            let info = message.info().map_err(unavailable)?;
            (Offset(info.stream_sequence), info.consumer_sequence)
        };
        if delivery != self.delivered + 1 || offset <= self.last {
            let why = format!(
                "delivery {delivery} does not follow delivery {}",
                self.delivered
            );
            return Err(Error::Unavailable { why });
        }
        self.delivered = delivery;
        self.last = offset;
        Ok(Record {
            offset,
            author: Subject::author(&message.subject).to_owned(),
            bytes: message.payload.clone(),
        })
    }
}
