//! The configuration file as people write it: TOML, kebab-case, nothing unknown.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use concordat_domain::ids::OrganisationId;
use concordat_log::jetstream::check_address;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Config, LISTEN, Log, TOKEN_FILE};

/// Replicas that a NATS server can keep of a stream.
const REPLICAS: [usize; 3] = [1, 3, 5];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    organisation: OrganisationId,
    partnership_file: PathBuf,
    data_directory: PathBuf,
    /// Policy packs of the partnership's own.
    #[serde(default)]
    policy_packs: Vec<PathBuf>,
    log: FileLog,
    #[serde(default)]
    api: Api,
    #[serde(default)]
    node: Node,
    #[serde(default)]
    telemetry: concordat_telemetry::Config,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileLog {
    Embedded(Embedded),
    Nats(Box<NatsLog>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Embedded {
    directory: PathBuf,
}

/// A partnership's stream on NATS JetStream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NatsLog {
    /// Servers of one cluster, `host:port` or `tls://host:port`.
    #[serde(deserialize_with = "servers")]
    pub(crate) servers: Vec<String>,
    /// Replicas that the stream must have, at least.
    #[serde(deserialize_with = "replicas")]
    pub(crate) replicas: usize,
    /// Who this node is to the servers; nobody in particular, if absent.
    pub(crate) credentials: Option<NatsCredentials>,
    /// Certificates, where the servers ask for TLS.
    pub(crate) tls: Option<NatsTls>,
    /// First part of the subjects for answers, where the account may listen only under its own.
    pub(crate) inbox_prefix: Option<String>,
    /// How long an answer may take.
    #[serde(default, deserialize_with = "some_duration")]
    pub(crate) ack_timeout: Option<Duration>,
    /// Takes a stream that is not safe for evidence. For trials only.
    #[serde(default)]
    pub(crate) allow_unsafe_stream: bool,
}

/// One way of saying who a node is. Secrets are in files of their own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NatsCredentials {
    /// A file with a JWT and its seed, as the tools of NATS write it.
    File(PathBuf),
    /// A file with the seed of an nkey.
    NkeySeedFile(PathBuf),
    /// A user, and a file with the password.
    User(NatsUser),
}

/// A user with a password.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NatsUser {
    /// Its name.
    pub(crate) name: String,
    /// The file with its password.
    pub(crate) password_file: PathBuf,
}

/// PEM files for TLS.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NatsTls {
    /// Certificates of the authorities that may vouch for a server.
    pub(crate) authorities: PathBuf,
    /// This node's own certificate, where the servers ask for one.
    pub(crate) client: Option<NatsClientCertificate>,
}

/// A certificate and its key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NatsClientCertificate {
    /// The certificate, with what vouches for it.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Api {
    #[serde(deserialize_with = "loopback")]
    listen: SocketAddr,
    token_file: Option<PathBuf>,
    #[serde(deserialize_with = "some_duration")]
    backdate_reason_after: Option<Duration>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            token_file: None,
            backdate_reason_after: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Node {
    #[serde(deserialize_with = "duration")]
    witness_after: Duration,
    #[serde(deserialize_with = "duration")]
    witness_step: Duration,
    drafts_max: u64,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            witness_after: Duration::from_secs(60),
            witness_step: Duration::from_secs(10),
            drafts_max: 100_000,
        }
    }
}

impl File {
    /// With every path made relative to `base`, the directory of the file.
    pub(super) fn resolve(self, base: &Path) -> Config {
        let data_directory = base.join(self.data_directory);
        let token_file = match self.api.token_file {
            Some(path) => base.join(path),
            None => data_directory.join(TOKEN_FILE),
        };
        let log = match self.log {
            FileLog::Embedded(Embedded { directory }) => Log::Embedded {
                directory: base.join(directory),
            },
            FileLog::Nats(mut nats) => {
                nats.resolve(base);
                Log::Nats(nats)
            }
        };
        Config {
            organisation: self.organisation,
            partnership_file: base.join(self.partnership_file),
            policy_packs: self
                .policy_packs
                .iter()
                .map(|file| base.join(file))
                .collect(),
            data_directory,
            log,
            listen: self.api.listen,
            token_file,
            backdate_reason_after: self.api.backdate_reason_after,
            witness_after: self.node.witness_after,
            witness_step: self.node.witness_step,
            drafts_max: self.node.drafts_max,
            telemetry: self.telemetry,
        }
    }
}

impl NatsLog {
    fn resolve(&mut self, base: &Path) {
        let mut paths = Vec::new();
        match &mut self.credentials {
            Some(NatsCredentials::File(path) | NatsCredentials::NkeySeedFile(path)) => {
                paths.push(path);
            }
            Some(NatsCredentials::User(user)) => paths.push(&mut user.password_file),
            None => {}
        }
        if let Some(tls) = &mut self.tls {
            paths.push(&mut tls.authorities);
            if let Some(client) = &mut tls.client {
                paths.extend([&mut client.certificate, &mut client.key]);
            }
        }
        for path in paths {
            *path = base.join(&*path);
        }
    }
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let address = SocketAddr::deserialize(deserializer)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(D::Error::custom(format!(
        "{address} is not a loopback address: this release has no TLS of its own, so it serves this machine only (for instance \
         127.0.0.1:7171)"
    )))
}

fn servers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let servers = Vec::<String>::deserialize(deserializer)?;
    if servers.is_empty() {
        return Err(D::Error::custom("name at least one server"));
    }
    // Told by its number: an address may hold a password.
    for (number, address) in (1..).zip(&servers) {
        check_address(address)
            .map_err(|error| D::Error::custom(format!("server {number} of the list: {error}")))?;
    }
    Ok(servers)
}

fn replicas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let replicas = usize::deserialize(deserializer)?;
    if REPLICAS.contains(&replicas) {
        return Ok(replicas);
    }
    Err(D::Error::custom(
        "a stream has 1, 3 or 5 replicas; 3 in production",
    ))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let span: SignedDuration = text
        .parse()
        .map_err(|_| D::Error::custom("expected a span of time such as \"60s\" or \"200ms\""))?;
    Duration::try_from(span)
        .map_err(|_| D::Error::custom("expected a span of time that is not negative"))
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
