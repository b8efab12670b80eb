//! What it takes to reach a partnership's stream.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;

use crate::Error;

/// Settings of one organisation's connection to its partnership's stream.
#[derive(Clone, Debug)]
pub struct JetStreamConfig {
    /// Addresses of the servers, `host:port` or `tls://host:port`; any of one cluster.
    pub servers: Vec<String>,
    /// The partnership's name, one token of a subject.
    pub partnership: String,
    /// This organisation's code.
    pub organisation: String,
    /// Who this node is to the servers.
    pub credentials: Credentials,
    /// Certificates, where the servers ask for TLS.
    pub tls: Option<TlsFiles>,
    /// First part of the subjects for answers, where the account may listen only under its own. Default `_INBOX`.
    pub inbox_prefix: Option<String>,
    /// Replicas that the stream must have, at least: 3 in production, 1 on a single server.
    pub replicas: usize,
    /// How long an answer may take. Longer than the servers take to elect a leader costs time when one fails; shorter
    /// makes more appends uncertain. Default 5 s.
    pub ack_timeout: Duration,
    /// Takes a stream that is not safe for evidence, and says so in the log of the process. For trials only.
    pub allow_unsafe: bool,
}

impl JetStreamConfig {
    /// One replica, no credentials, no TLS: a server on this machine.
    pub fn new(servers: Vec<String>, partnership: &str, organisation: &str) -> Self {
        Self {
            servers,
            partnership: partnership.to_owned(),
            organisation: organisation.to_owned(),
            credentials: Credentials::None,
            tls: None,
            inbox_prefix: None,
            replicas: 1,
            ack_timeout: Duration::from_secs(5),
            allow_unsafe: false,
        }
    }
}

/// Looks at an address of a server as a connection will, without connecting.
///
/// # Errors
/// [`Error::InvalidConfiguration`]: write it as `host:port` or `tls://host:port`.
pub fn check_address(address: &str) -> Result<(), Error> {
    let parsed: Result<ServerAddr, _> = address.parse();
    parsed.map(drop).map_err(|error| {
        Error::InvalidConfiguration(format!(
            "expected the address of a server as `host:port` or `tls://host:port`: {error}"
        ))
    })
}

/// Who a node is to the servers. Its secrets are never printed.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular, or whom the client certificate names.
    #[default]
    None,
    /// A user with a password.
    UserAndPassword {
        /// Name of the user.
        user: String,
        /// Its password.
        password: String,
    },
    /// The seed of an nkey.
    NkeySeed(String),
    /// A file with a JWT and the seed that belongs to it.
    File(PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::UserAndPassword { .. } => "UserAndPassword",
            Self::NkeySeed(_) => "NkeySeed",
            Self::File(_) => "File",
        })
    }
}

/// PEM files for TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificates of the authorities that may vouch for a server.
    pub authorities: PathBuf,
    /// This node's own certificate and its key, where the servers ask for one.
    pub client: Option<(PathBuf, PathBuf)>,
}
