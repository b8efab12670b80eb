//! The configuration of one node: read once, checked whole, then only used.

mod file;
mod starting;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use concordat_domain::ids::OrganisationId;

use crate::exit::Failure;
use crate::toml_file;

pub(crate) use file::{NatsCredentials, NatsLog, NatsTls};
pub(crate) use starting::Starting;

/// Name of the configuration in a data directory, where `concordat init` writes it.
pub(crate) const CONFIG_FILE: &str = "concordat.toml";
/// Name of the API token in a data directory.
pub(crate) const TOKEN_FILE: &str = "api.token";
/// Name of the partnership file beside a configuration.
pub(crate) const PARTNERSHIP_FILE: &str = "partnership.toml";
/// Where a node listens unless told otherwise.
pub(crate) const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7171);

/// What a node is run with. Paths are resolved; what they name was not opened yet.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whose node this is.
    pub(crate) organisation: OrganisationId,
    /// The founding document, the same at all members.
    pub(crate) partnership_file: PathBuf,
    /// Files with policy packs of the partnership's own, beside those of the release.
    pub(crate) policy_packs: Vec<PathBuf>,
    /// Where the signing key and the store are.
    pub(crate) data_directory: PathBuf,
    /// The shared log.
    pub(crate) log: Log,
    /// Where the API listens: loopback, as this release has no TLS of its own.
    pub(crate) listen: SocketAddr,
    /// File with the token that callers must send.
    pub(crate) token_file: PathBuf,
    /// How long ago an event may have occurred before it must say why it is recorded so late; none: it never must.
    pub(crate) backdate_reason_after: Option<Duration>,
    /// How long another's bundle may stay uncovered before this node covers it.
    pub(crate) witness_after: Duration,
    /// How much later each further organisation does so.
    pub(crate) witness_step: Duration,
    /// Drafts that may wait here before further ones are refused.
    pub(crate) drafts_max: u64,
    /// What is traced, and how.
    pub(crate) telemetry: concordat_telemetry::Config,
}

/// Which shared log.
#[derive(Debug)]
pub(crate) enum Log {
    /// In this process; for one organisation on trial.
    Embedded {
        /// Where it keeps its records.
        directory: PathBuf,
    },
    /// On NATS JetStream.
    Nats(Box<NatsLog>),
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Failure::Configuration`] with the place of the fault, [`Failure::NotFound`] if there is no file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path)?;
        let file: file::File = toml_file::parse(path, &text)
            .map_err(|fault| Failure::Configuration(fault.to_string()))?;
        let path = std::path::absolute(path)
            .with_context(|| format!("cannot say where {} is", path.display()))?;
        let base = path.parent().unwrap_or(Path::new("/"));
        Ok(file.resolve(base))
    }

    /// Where the API can be reached from this machine; none if the port is chosen at each start.
    pub(crate) fn server(&self) -> Option<String> {
        (self.listen.port() != 0).then(|| format!("http://{}", self.listen))
    }

    /// Where the node keeps its journal.
    pub(crate) fn store_directory(&self) -> PathBuf {
        self.data_directory.join("store")
    }
}

/// A text file that the operator named.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::NotFound(
            format!("there is no file {}", path.display()),
        )),
        Err(error) => Err(Failure::Failed(
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        )),
    }
}

#[cfg(test)]
mod tests;
