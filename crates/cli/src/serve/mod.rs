//! `concordat serve`: one node, run until it is told to stop.

mod log;
mod supervisor;
mod tls;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use concordat_api::{Server, ServerConfig, Token};
use concordat_domain::policy::PolicyPacks;
use concordat_node::clock::{Clock, SystemClock};
use concordat_node::{Node, NodeConfig};
use concordat_store::{Store, StoreConfig};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Log};
use crate::exit::Failure;
use crate::pins::Pins;
use crate::signals::Signals;
use crate::{key_file, pack_file, partnership, secret_file, token_file};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The node's configuration, TOML. `concordat init` writes one to begin with.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration and all that it names, and end. Nothing is opened for writing and no server is called.
    #[arg(long)]
    check: bool,
}

/// Everything that the configuration names, read and checked.
struct Prepared {
    config: Config,
    partnership: PartnershipFile,
    packs: PolicyPacks,
    signing_key: SigningKey,
    token: Token,
}

/// Runs a node, or only checks what it would be run with.
pub(crate) fn run(asked: Serve) -> Result<(), Failure> {
    let config = Config::read(&asked.config)?;
    concordat_telemetry::start(&config.telemetry)
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    let prepared = Prepared::read(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    if asked.check {
        runtime.block_on(log::check(&prepared.config, &prepared.partnership))?;
        eprintln!(
            "concordat: {} is in order: {} in partnership {}",
            asked.config.display(),
            prepared.config.organisation,
            prepared.partnership.id()
        );
        eprintln!("concordat: {}", not_checked(&prepared.config));
        return Ok(());
    }
    let outcome = runtime.block_on(serve(prepared));
    // In good order everything has ended by now. After a second signal something may hang: it is not waited for.
    runtime.shutdown_background();
    outcome
}

/// What only a start can show.
fn not_checked(config: &Config) -> String {
    let log = match config.log {
        Log::Nats(_) => "whether the broker answers, takes this node and has a stream that is safe",
        Log::Embedded { .. } => "the embedded log",
    };
    format!(
        "not checked: {log}; whether {} is free; whether the store can be opened and no node runs on it",
        config.listen
    )
}

impl Prepared {
    fn read(config: Config) -> Result<Self, Failure> {
        secret_file::require_owner_only_directory(&config.data_directory)?;
        let token_text = token_file::read(&config.token_file)?;
        let token = Token::new(&token_text).map_err(|error| {
            Failure::Precondition(format!("{}: {error}", config.token_file.display()))
        })?;
        let partnership = partnership::read(&config.partnership_file)?;
        let signing_key = key_file::read(&config.data_directory)?;
        require_member(&config, &partnership, &signing_key)?;
        let packs = pack_file::with_release(&config.policy_packs)?;
        require_what_was_agreed(&config, &partnership, &packs)?;
        Ok(Self {
            config,
            partnership,
            packs,
            signing_key,
            token,
        })
    }

    fn node_config(&self) -> NodeConfig {
        let seed = self.signing_key.seed();
        let mut node = NodeConfig::new(
            self.config.organisation.clone(),
            self.partnership.clone(),
            SigningKey::from_seed(&seed),
        );
        node.witness_after = self.config.witness_after;
        node.witness_step = self.config.witness_step;
        node.drafts_max = self.config.drafts_max;
        node.packs = self.packs.clone();
        node
    }
}

/// What is signed with a key that the partnership file does not list counts nowhere: better to say so now.
fn require_member(
    config: &Config,
    partnership: &PartnershipFile,
    key: &SigningKey,
) -> Result<(), Failure> {
    let organisation = &config.organisation;
    let file = config.partnership_file.display();
    if partnership.member(organisation).is_none() {
        return Err(Failure::Precondition(format!(
            "{organisation} is no member of the partnership in {file}"
        )));
    }
    let key_id = key.public_key().key_id();
    if partnership.signing_key(organisation, &key_id).is_none() {
        return Err(Failure::Precondition(format!(
            "the signing key in {} has the id {key_id}, and {file} lists no such key for {organisation}: nothing that it signs would \
             count. Use the key whose entry is in the file, or have the file changed by those who agreed on it",
            config.data_directory.display()
        )));
    }
    Ok(())
}

/// Cases are opened and dates computed by the packs and calendars of this release. Under others than the members agreed on, this node
/// would rule and count differently from theirs, and nobody would see it at once.
fn require_what_was_agreed(
    config: &Config,
    partnership: &PartnershipFile,
    packs: &PolicyPacks,
) -> Result<(), Failure> {
    match Pins::of(partnership.content(), packs).differences() {
        None => Ok(()),
        Some(differences) => Err(Failure::Precondition(format!(
            "this node does not have what {} says was agreed:{differences}\n  what to do: run the release that carries it, or name the pack \
             file in `policy-packs` of the configuration; or, before the partnership starts, have all members agree on the lines that \
             `concordat partnership packs` prints",
            config.partnership_file.display()
        ))),
    }
}

/// Puts the parts together, and takes them apart again in the reverse order.
async fn serve(prepared: Prepared) -> Result<(), Failure> {
    let node_config = prepared.node_config();
    let Prepared {
        config,
        partnership,
        token,
        ..
    } = prepared;
    let store =
        Store::open(&config.store_directory(), StoreConfig::default()).map_err(cannot_store)?;
    let log = log::open(&config, &partnership).await?;
    let listen = config.listen;
    let server = Server::bind(ServerConfig {
        listen,
        token,
        backdate_reason_after: config.backdate_reason_after,
    })
    .await
    .map_err(cannot_listen)?;
    let address = server.local_addr();
    // Until here a signal ends the process as it is: nothing was promised to anybody.
    let mut signals = Signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = Node::start(node_config, store, log, Arc::clone(&clock))
        .map(Arc::new)
        .context("the node cannot be started")?;
    let stop = CancellationToken::new();
    let mut api = JoinSet::new();
    api.spawn(server.serve(Arc::clone(&node), clock, stop.clone()));
    eprintln!(
        "concordat: ready organisation={} api=http://{address}",
        config.organisation
    );
    supervisor::tell(supervisor::State::Ready);

    let outcome = tokio::select! {
        signal = signals.next() => {
            eprintln!("concordat: {signal}: stopping; once more ends at once");
            Ok(())
        }
        failure = node.failed() => Err(anyhow::Error::new(failure)),
        ended = api.join_next() => Err(why_ended(ended)),
    };
    supervisor::tell(supervisor::State::Stopping);
    stop.cancel();
    tokio::select! {
        () = shut_down(api, node) => {}
        signal = signals.next() => return Err(Failure::Signal(signal)),
    }
    outcome?;
    eprintln!("concordat: stopped");
    Ok(())
}

/// Ends the calls, then the node: what was accepted is durable, and the store is closed on return.
async fn shut_down(mut api: JoinSet<Result<(), concordat_api::Error>>, node: Arc<Node>) {
    while let Some(ended) = api.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the API did not end in good order"
            );
        }
    }
    node.stop().await;
}

/// The API is there as long as the node is; that it ended by itself is a failure.
fn why_ended(ended: Option<Result<Result<(), concordat_api::Error>, JoinError>>) -> anyhow::Error {
    let cause = match ended {
        None | Some(Ok(Ok(()))) => return anyhow!("the API ended by itself"),
        Some(Ok(Err(error))) => anyhow::Error::new(error),
        Some(Err(error)) => anyhow::Error::new(error),
    };
    cause.context("the API ended by itself")
}

fn cannot_listen(error: concordat_api::Error) -> Failure {
    let is_taken = matches!(&error, concordat_api::Error::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse);
    let said = format!(
        "{}; `[api] listen` in the configuration says where the API listens",
        chain(error)
    );
    if is_taken {
        Failure::Busy(said + ": end what listens there, or choose another port")
    } else {
        Failure::Precondition(said)
    }
}

fn cannot_store(error: concordat_store::Error) -> Failure {
    use concordat_store::Error;
    match error {
        Error::InUse { .. } => Failure::Busy(format!(
            "{error}: a node runs on it already. Two nodes on one journal would contradict each other, so there is only ever one"
        )),
        Error::Permissions { .. } | Error::KeyFile { .. } => {
            Failure::Precondition(error.to_string())
        }
        error => Failure::Failed(anyhow::Error::new(error).context("the store cannot be opened")),
    }
}

/// An error with its causes, in one line.
fn chain(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}
