//! The shared log on NATS JetStream: one stream a partnership, one subject an organisation.
//!
//! What a client cannot see: whether the servers run `sync_interval: always`. Without it an acknowledgement means "in
//! the page cache of a quorum"; production needs three replicas and that setting (research/feasibility.md B1). Even
//! then the journals of the nodes, not the broker, are the record.
//!
//! A connection to a TLS server needs a process-wide rustls provider, which the program installs before it opens a log.

mod config;
mod connection;
mod follower;
mod stream;

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::shared_log::RecordStream;
use crate::subject::stream_name;
use crate::{
    AppendError, Error, Offset, RECORD_BYTES_MAX, Record, SharedLog, Subject, Uncertainty,
};

pub use config::{Credentials, JetStreamConfig, TlsFiles, check_address};
use connection::Connection;
pub use stream::stream_faults;

/// [`SharedLog`] for one organisation over one connection, which is kept up in the background until this is dropped.
pub struct JetStreamLog {
    config: JetStreamConfig,
    subject: Subject,
    stream: String,
    connection: Connection,
    context: Context,
    /// Set once the stream was found, or made, and safe. Checked again whenever a follower starts.
    checked: OnceCell<()>,
}

impl JetStreamLog {
    /// Starts connecting and returns at once, whether or not a server answers: a node works offline too. Calls fail with
    /// [`Error::Unavailable`] until there is a connection.
    ///
    /// # Errors
    /// [`Error::InvalidConfiguration`] if a name, address, credential or certificate cannot be used.
    pub async fn open(config: JetStreamConfig) -> Result<Self, Error> {
        let subject = Subject::new(&config.partnership, &config.organisation)?;
        let stream = stream_name(&config.partnership)?;
        let connection = Connection::open(&config).await?;
        let context = ContextBuilder::new()
            .timeout(config.ack_timeout)
            .ack_timeout(config.ack_timeout)
            .build(connection.client());
        Ok(Self {
            config,
            subject,
            stream,
            connection,
            context,
            checked: OnceCell::new(),
        })
    }

    /// Returns when there is a connection and the stream is there and safe; makes the stream if there is none and the
    /// account may.
    ///
    /// # Errors
    /// [`Error::UnsafeStream`], or [`Error::Unavailable`] while the servers elect a leader: call again.
    pub async fn ready(&self) -> Result<(), Error> {
        self.connection.established().await;
        self.stream().await.map(|_| ())
    }

    /// The stream, known to be safe.
    async fn stream(&self) -> Result<Stream<()>, Error> {
        if !self.connected() {
            return Err(connection::lost());
        }
        self.checked.get_or_try_init(|| self.check_stream()).await?;
        self.context
            .get_stream_no_info(&self.stream)
            .await
            .map_err(unavailable)
    }

    async fn check_stream(&self) -> Result<(), Error> {
        stream::find_or_create(&self.context, &self.stream, &self.config).await
    }

    fn message(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> PublishMessage {
        PublishMessage::build()
            .payload(record)
            .message_id(message_id)
            .expected_stream(&self.stream)
            .expected_last_subject_sequence(expected_last_own.0)
    }

    async fn publish(&self, message: PublishMessage) -> Result<Offset, Uncertainty> {
        let published = self
            .context
            .send_publish(self.subject.to_string(), message)
            .await;
        let acknowledgement = published.map_err(uncertainty)?.await.map_err(uncertainty)?;
        if acknowledgement.duplicate {
            return Err(Uncertainty::Duplicate);
        }
        if acknowledgement.stream != self.stream {
            return Err(Uncertainty::Other(format!(
                "stored in another stream, {}",
                acknowledgement.stream
            )));
        }
        Ok(Offset(acknowledgement.sequence))
    }
}

#[async_trait]
impl SharedLog for JetStreamLog {
    async fn append(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge {
                bytes: record.len(),
                bytes_max: RECORD_BYTES_MAX,
            });
        }
        let mut loss = self.connection.loss();
        self.stream().await.map_err(|error| match error {
            Error::Unavailable { .. } if !self.connected() => Uncertainty::Disconnected,
            error => Uncertainty::Other(error.to_string()),
        })?;
        let message = self.message(record, message_id, expected_last_own);
        tokio::select! {
            // An acknowledgement that arrived counts even if the connection is gone by now.
            biased;
            published = self.publish(message) => Ok(published?),
            () = loss.happens() => Err(Uncertainty::Disconnected.into()),
        }
    }

    async fn last_own(&self) -> Result<Option<Record>, Error> {
        // Asked of the stream's leader, not of any replica that happens to be near: it decides what may be appended.
        let found = self
            .stream()
            .await?
            .get_last_raw_message_by_subject(self.subject.as_str())
            .await;
        found_record(found.map_err(|error| (error.kind(), error.to_string())))
    }

    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, Error> {
        if offset == Offset(0) {
            return Ok(None);
        }
        let found = self.stream().await?.get_raw_message(offset.0).await;
        found_record(found.map_err(|error| (error.kind(), error.to_string())))
    }

    async fn head(&self) -> Result<Offset, Error> {
        let info = self.stream().await?.get_info().await.map_err(unavailable)?;
        Ok(Offset(info.state.last_sequence))
    }

    async fn follow(&self, after: Offset) -> Result<RecordStream, Error> {
        let loss = self.connection.loss();
        let stream = self.stream().await?;
        // What an operator changed while this node was not connected must not go unseen.
        self.check_stream().await?;
        Ok(follower::follow(&stream, after, loss).await?.boxed())
    }

    async fn time(&self) -> Result<Timestamp, Error> {
        // The client does not read this field of the answer. No look at the stream's settings first: asked only to be told the time.
        if !self.connected() {
            return Err(connection::lost());
        }
        let asked = format!("STREAM.INFO.{}", self.stream);
        match self
            .context
            .request(asked, &())
            .await
            .map_err(unavailable)?
        {
            Response::Ok(InfoTime { ts }) => Ok(ts),
            Response::Err { error } => Err(unavailable(error)),
        }
    }

    fn connected(&self) -> bool {
        self.connection.is_up()
    }
}

/// What the leader of the stream says of itself in its information: when it answered.
#[derive(Deserialize)]
struct InfoTime {
    ts: Timestamp,
}

fn found_record(
    found: Result<StreamMessage, (LastRawMessageErrorKind, String)>,
) -> Result<Option<Record>, Error> {
    match found {
        Ok(message) => Ok(Some(Record {
            offset: Offset(message.sequence),
            author: Subject::author(&message.subject).to_owned(),
            bytes: message.payload,
        })),
        Err((LastRawMessageErrorKind::NoMessageFound, _)) => Ok(None),
        Err((_, why)) => Err(Error::Unavailable { why }),
    }
}

/// Every answer that is not a plain acknowledgement, named for diagnosis (research/feasibility.md B2).
fn uncertainty(error: async_nats::jetstream::context::PublishError) -> Uncertainty {
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Uncertainty::WrongLastOwn,
        PublishErrorKind::TimedOut => Uncertainty::TimedOut,
        PublishErrorKind::StreamNotFound => Uncertainty::NoResponder,
        PublishErrorKind::BrokenPipe => Uncertainty::Disconnected,
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::MaxPayloadExceeded
        | PublishErrorKind::Other => Uncertainty::Other(error.to_string()),
    }
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::Unavailable {
        why: error.to_string(),
    }
}

/// How long a follower goes without a sign of life before it gives up: two heartbeats missed.
const HEARTBEAT: Duration = Duration::from_secs(5);
