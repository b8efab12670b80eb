//! The sandbox with its API: each organisation's node listens on a port of its own, and each can be taken away.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use concordat_api::{Server, ServerConfig, Token};
use concordat_domain::directory::Directory;
use concordat_domain::ids::OrganisationId;
use concordat_log::embedded::EmbeddedLog;
use concordat_node::Node;
use concordat_node::clock::{Clock as _, MovableClock};
use concordat_node::sandbox::{Founding, Sandbox};
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::cast::{PARTS, Part};
use super::clock;
use crate::exit::Failure;
use crate::{key_file, secret_file, token_file};

const TOKEN_FILE: &str = "api.token";

/// Where everything of a sandbox is kept.
pub(super) struct Place<'a> {
    /// The directory; for its owner only.
    pub(super) directory: &'a Path,
    /// Whether what is there is gone on from, and what comes is to stay.
    pub(super) stays: bool,
}

/// How one organisation's node fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It runs and hears the log.
    Running,
    /// Its process is away: calls are not answered.
    Stopped,
    /// It runs, and cannot reach the log: what it accepts waits.
    Partitioned,
    /// It runs and appends, and hears of nothing that others append.
    Slow,
}

/// All organisations, served.
pub(crate) struct Served {
    sandbox: Sandbox,
    peers: BTreeMap<&'static str, Peer>,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

struct Peer {
    part: &'static Part,
    address: SocketAddr,
    token: Token,
    token_file: PathBuf,
    state: State,
    stop: CancellationToken,
}

/// One organisation as others are told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerView {
    /// How commands call it.
    pub(crate) name: String,
    /// Its code.
    pub(crate) organisation: String,
    /// Address of its API.
    pub(crate) server: String,
    /// The file with the token for it.
    pub(crate) token_file: PathBuf,
    /// How its node fares.
    pub(crate) state: State,
}

impl Served {
    /// Starts all nodes at an instant of the sandbox's time, and listens on consecutive ports from `port` on; on free ones if it is 0.
    ///
    /// # Errors
    /// [`Failure::Busy`] for a port or a directory that is in use, [`Failure::Precondition`] for keys that others may read.
    pub(super) async fn start(
        place: &Place<'_>,
        port: u16,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let clock = MovableClock::starting_at(now);
        let log = if place.stays {
            EmbeddedLog::open(&place.directory.join("log"))
        } else {
            EmbeddedLog::temporary()
        };
        let log = log.map_err(cannot_open_log)?.with_time(clock.time_source());
        let founding = founding(place)?;
        let stores = place.directory.join("stores");
        secret_file::make_directory(&stores)?;
        let mut listening = Vec::new();
        for (number, part) in (0u16..).zip(&PARTS) {
            let token_file = folder(place.directory, part).join(TOKEN_FILE);
            if !token_file.exists() {
                token_file::create(&token_file)?;
            }
            let token = Token::new(&token_file::read(&token_file)?).map_err(anyhow::Error::from)?;
            let port = match port {
                0 => 0,
                base => base.checked_add(number).ok_or_else(|| {
                    Failure::Usage(format!("there are no {} ports from {base} on", PARTS.len()))
                })?,
            };
            let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &token).await?;
            listening.push((part, token, token_file, server));
        }
        let sandbox =
            Sandbox::start(&stores, founding, clock, &log).map_err(anyhow::Error::from)?;
        let mut served = Self {
            sandbox,
            peers: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        for (part, token, token_file, server) in listening {
            let peer = Peer {
                part,
                address: server.local_addr(),
                token,
                token_file,
                state: State::Running,
                stop: CancellationToken::new(),
            };
            served.peers.insert(part.code, peer);
            served.serve(part.code, server)?;
        }
        Ok(served)
    }

    fn serve(&mut self, code: &'static str, server: Server) -> Result<(), Failure> {
        let node = Arc::clone(self.sandbox.node(code).map_err(anyhow::Error::from)?);
        let clock = Arc::new(self.sandbox.clock().clone());
        let stop = CancellationToken::new();
        if let Some(peer) = self.peers.get_mut(code) {
            peer.stop = stop.clone();
        }
        self.tasks.spawn(async move {
            let served = tokio::select! {
                ended = server.serve(Arc::clone(&node), clock, stop.clone()) => ended.map_err(anyhow::Error::from),
                failure = node.failed() => Err(failure.into()),
            };
            let by_itself = served.is_ok() && !stop.is_cancelled();
            (code, if by_itself { Err(anyhow!("the API ended by itself")) } else { served })
        });
        Ok(())
    }

    /// Returns when a node or an API has ended that nobody stopped. Cancel safe.
    pub(super) async fn failed(&mut self) -> Failure {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((code, Err(error)))) => {
                    return Failure::Failed(error.context(format!("{code} failed")));
                }
                Some(Err(error)) => return Failure::Failed(error.into()),
                Some(Ok((_, Ok(())))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// The nodes, and the clock that they share.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// One organisation's node.
    pub(crate) fn node(&self, code: &str) -> Result<&Arc<Node>, Failure> {
        Ok(self.sandbox.node(code).map_err(anyhow::Error::from)?)
    }

    /// Moves the clock there day by day, so that what falls due on a day fires on it.
    ///
    /// # Errors
    /// [`Failure::Precondition`] for an instant that has passed.
    pub(crate) async fn move_to(&self, instant: Timestamp) -> Result<(), Failure> {
        for step in clock::steps(self.sandbox.clock().now(), instant)? {
            self.sandbox
                .advance_to(step)
                .await
                .map_err(anyhow::Error::from)?;
        }
        Ok(())
    }

    /// Takes a peer away, or brings it back.
    ///
    /// # Errors
    /// [`Failure::Precondition`] if its node does not run and is to be anything else; [`Failure::Busy`] if its port was taken meanwhile.
    pub(crate) async fn bring(&mut self, part: &'static Part, to: State) -> Result<(), Failure> {
        let code = part.code;
        let is_stopped = self.peer(code)?.state == State::Stopped;
        if is_stopped && !matches!(to, State::Running | State::Stopped) {
            return Err(Failure::Precondition(format!(
                "{} is stopped: start it first",
                part.name
            )));
        }
        let connection = self.sandbox.connection(code).map_err(anyhow::Error::from)?;
        match to {
            State::Running | State::Stopped => {
                connection.attach();
                connection.catch_up();
            }
            State::Partitioned => connection.detach(),
            State::Slow => {
                connection.attach();
                connection.fall_behind();
            }
        }
        if to == State::Stopped && !is_stopped {
            self.stop_peer(code).await?;
        }
        if to == State::Running && is_stopped {
            let peer = self.peer(code)?;
            let server = bind(peer.address, &peer.token).await?;
            self.sandbox.start_node(code).map_err(anyhow::Error::from)?;
            self.serve(code, server)?;
        }
        if let Some(peer) = self.peers.get_mut(code) {
            peer.state = to;
        }
        Ok(())
    }

    async fn stop_peer(&mut self, code: &str) -> Result<(), Failure> {
        self.peer(code)?.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            let (ended, outcome) = ended.map_err(anyhow::Error::from)?;
            outcome?;
            if ended == code {
                break;
            }
        }
        self.sandbox
            .stop_node(code)
            .await
            .map_err(anyhow::Error::from)?;
        Ok(())
    }

    fn peer(&self, code: &str) -> Result<&Peer, Failure> {
        self.peers
            .get(code)
            .ok_or_else(|| Failure::NotFound(format!("there is no peer {code}")))
    }

    /// All organisations, in the order of their ports.
    pub(crate) fn peers(&self) -> Vec<PeerView> {
        let peers = PARTS.iter().filter_map(|part| self.peers.get(part.code));
        peers
            .map(|peer| PeerView {
                name: peer.part.name.to_owned(),
                organisation: peer.part.code.to_owned(),
                server: format!("http://{}", peer.address),
                token_file: peer.token_file.clone(),
                state: peer.state,
            })
            .collect()
    }

    /// Ends the calls, then the nodes; what was accepted is durable.
    pub(crate) async fn stop(mut self) {
        for peer in self.peers.values() {
            peer.stop.cancel();
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok((code, Err(error))) = ended {
                tracing::warn!(code, "the API did not end in good order: {error:#}");
            }
        }
        self.sandbox.stop().await;
    }
}

async fn bind(listen: SocketAddr, token: &Token) -> Result<Server, Failure> {
    let config = ServerConfig {
        listen,
        token: token.clone(),
        backdate_reason_after: None,
    };
    Server::bind(config).await.map_err(|error| match &error {
        concordat_api::Error::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            Failure::Busy(format!(
                "{error}: another process listens there. End it, or choose other ports with --port-base (0: any free ones)"
            ))
        }
        _ => Failure::Precondition(error.to_string()),
    })
}

fn cannot_open_log(error: concordat_log::Error) -> Failure {
    match error {
        concordat_log::Error::InUse { .. } => {
            Failure::Busy(format!("{error}: a sandbox runs on this directory already"))
        }
        error => Failure::Failed(error.into()),
    }
}

/// An organisation's own directory in the sandbox.
fn folder(directory: &Path, part: &Part) -> PathBuf {
    directory.join(part.name)
}

/// The partnership: with the keys that are there, or with fresh ones.
fn founding(place: &Place<'_>) -> Result<Founding, Failure> {
    let mut organisations = Vec::new();
    let mut keys: BTreeMap<OrganisationId, SigningKey> = BTreeMap::new();
    for part in &PARTS {
        let folder = folder(place.directory, part);
        secret_file::make_directory(&folder)?;
        if !folder.join(key_file::KEY_FILE).exists() {
            key_file::create(&folder)?;
        }
        let organisation = part.organisation()?;
        keys.insert(organisation.id.clone(), key_file::read(&folder)?);
        organisations.push(organisation);
    }
    let directory = Directory::new(organisations, []);
    Ok(Founding::with_keys("Sandbox", &directory, &keys).map_err(anyhow::Error::from)?)
}
