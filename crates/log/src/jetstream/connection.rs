//! The connection to the servers, kept up in the background, and the news of it.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use tokio::sync::watch;

use super::{Credentials, JetStreamConfig};
use crate::Error;

/// A server that has gone silent is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two tries to connect, so that a broker that comes back is found soon and not stormed.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(4);

pub(super) struct Connection {
    client: Client,
    state: watch::Receiver<State>,
}

/// What the client's events have told.
#[derive(Clone, Copy, Default)]
struct State {
    up: bool,
    losses: u64,
}

impl Connection {
    /// Starts connecting; returns before a server has answered.
    pub(super) async fn open(config: &JetStreamConfig) -> Result<Self, Error> {
        let (sender, state) = watch::channel(State::default());
        let options = options(config).await?.event_callback(move |event| {
            note(&sender, &event);
            std::future::ready(())
        });
        let client =
            options
                .connect(&config.servers)
                .await
                .map_err(|error| match error.kind() {
                    ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns => {
                        super::unavailable(error)
                    }
                    _ => Error::InvalidConfiguration(error.to_string()),
                })?;
        Ok(Self { client, state })
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.borrow().up
    }

    /// Returns when the connection is up.
    pub(super) async fn established(&self) {
        // The sender lives in the client, which lives as long as this.
        let _ = self.state.clone().wait_for(|state| state.up).await;
    }

    /// A watch for the next loss from now on.
    pub(super) fn loss(&self) -> Loss {
        Loss {
            losses: self.state.borrow().losses,
            state: self.state.clone(),
        }
    }
}

/// Tells when a connection that was up when this was made is lost, even if it came back since.
pub(super) struct Loss {
    losses: u64,
    state: watch::Receiver<State>,
}

impl Loss {
    /// Returns when the connection is lost. May be dropped and called again.
    pub(super) async fn happens(&mut self) {
        let known = self.losses;
        let _ = self.state.wait_for(|state| state.losses > known).await;
    }
}

pub(super) fn lost() -> Error {
    Error::Unavailable {
        why: "there is no connection to the servers".into(),
    }
}

fn note(state: &watch::Sender<State>, event: &Event) {
    match event {
        Event::Connected => {
            tracing::info!("connected to the log");
            state.send_modify(|state| state.up = true);
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("connection to the log lost");
            state.send_modify(|state| {
                state.up = false;
                state.losses += 1;
            });
        }
        // A refused permission shows here and nowhere else: to the caller it looks like a timeout.
        Event::ServerError(error) => tracing::warn!(%error, "the log's server refused"),
        Event::ClientError(error) => tracing::warn!(%error, "the log's client failed"),
        // Dropped messages are found by their numbers, and the follower starts again.
        Event::SlowConsumer(_) => tracing::warn!("messages of the log were dropped unread"),
        Event::LameDuckMode | Event::Draining => {
            tracing::info!(%event, "the log's server is going away")
        }
    }
}

async fn options(config: &JetStreamConfig) -> Result<ConnectOptions, Error> {
    let mut options = ConnectOptions::new()
        .name(format!("concordat {}", config.organisation))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_delay)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(config.ack_timeout))
        .ping_interval(PING_INTERVAL);
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    if let Some(files) = &config.tls {
        options = options
            .require_tls(true)
            .add_root_certificates(files.authorities.clone());
        if let Some((certificate, key)) = &files.client {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
    }
    match &config.credentials {
        Credentials::None => Ok(options),
        Credentials::UserAndPassword { user, password } => {
            Ok(options.user_and_password(user.clone(), password.clone()))
        }
        Credentials::NkeySeed(seed) => Ok(options.nkey(seed.clone())),
        Credentials::File(path) => options.credentials_file(path).await.map_err(|error| {
            Error::InvalidConfiguration(format!("credentials cannot be read: {error}"))
        }),
    }
}

fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(8);
    Duration::from_millis(25)
        .saturating_mul(2_u32.pow(doublings))
        .min(RECONNECT_DELAY_MAX)
}
