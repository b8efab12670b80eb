//! The shared log that the configuration names.

use std::path::Path;
use std::sync::Arc;

use concordat_log::SharedLog;
use concordat_log::embedded::EmbeddedLog;
use concordat_log::jetstream::{Credentials, JetStreamConfig, JetStreamLog, TlsFiles};
use concordat_trust::partnership::PartnershipFile;

use crate::config::{Config, Log, NatsCredentials, NatsLog};
use crate::exit::Failure;
use crate::secret_file;

use super::tls;

/// Opens the log. One on NATS is opened whether or not a server answers: a node accepts events while it is away.
pub(super) async fn open(
    config: &Config,
    partnership: &PartnershipFile,
) -> Result<Arc<dyn SharedLog>, Failure> {
    match &config.log {
        Log::Embedded { directory } => {
            let log = EmbeddedLog::open(directory).map_err(cannot_open)?;
            let handle = log.handle(config.organisation.as_str());
            Ok(Arc::new(handle.map_err(cannot_open)?))
        }
        Log::Nats(nats) => Ok(Arc::new(connect(config, nats, partnership).await?)),
    }
}

/// Checks what can be checked without opening anything for writing.
pub(super) async fn check(config: &Config, partnership: &PartnershipFile) -> Result<(), Failure> {
    match &config.log {
        Log::Embedded { .. } => Ok(()),
        // Reads credentials and certificates; the connection that it begins is dropped with it.
        Log::Nats(nats) => connect(config, nats, partnership).await.map(drop),
    }
}

async fn connect(
    config: &Config,
    nats: &NatsLog,
    partnership: &PartnershipFile,
) -> Result<JetStreamLog, Failure> {
    // A server may ask for TLS whatever its address says. Once for the process; an error only says that it was done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut settings = JetStreamConfig::new(
        nats.servers.clone(),
        &partnership.id().to_string(),
        config.organisation.as_str(),
    );
    settings.replicas = nats.replicas;
    settings.inbox_prefix.clone_from(&nats.inbox_prefix);
    settings.allow_unsafe = nats.allow_unsafe_stream;
    if let Some(timeout) = nats.ack_timeout {
        settings.ack_timeout = timeout;
    }
    settings.credentials = credentials(nats.credentials.as_ref())?;
    if let Some(files) = &nats.tls {
        tls::check(files)?;
        let client = files.client.as_ref();
        settings.tls = Some(TlsFiles {
            authorities: files.authorities.clone(),
            client: client.map(|client| (client.certificate.clone(), client.key.clone())),
        });
    }
    JetStreamLog::open(settings).await.map_err(cannot_open)
}

fn credentials(configured: Option<&NatsCredentials>) -> Result<Credentials, Failure> {
    let line = |path: &Path| secret_file::read_line(path).map(|line| line.to_string());
    Ok(match configured {
        None => Credentials::None,
        Some(NatsCredentials::File(path)) => {
            secret_file::read(path)?;
            Credentials::File(path.clone())
        }
        Some(NatsCredentials::NkeySeedFile(path)) => Credentials::NkeySeed(line(path)?),
        Some(NatsCredentials::User(user)) => Credentials::UserAndPassword {
            user: user.name.clone(),
            password: line(&user.password_file)?,
        },
    })
}

fn cannot_open(error: concordat_log::Error) -> Failure {
    match error {
        concordat_log::Error::InUse { .. } => Failure::Busy(format!(
            "{error}: another node of this machine has it open; a log that several nodes share is on NATS"
        )),
        concordat_log::Error::InvalidConfiguration(_) => Failure::Configuration(error.to_string()),
        error => Failure::Failed(anyhow::Error::new(error).context("the log cannot be opened")),
    }
}
