//! `concordat conformance`: an integration meets what can go wrong, and the kit says how it took it.
//!
//! The kit starts a sandbox and stands between it and the integration: it loses answers, asks to wait, cuts streams, repeats entries, sends
//! what is not known yet. What the integration does is compared with what the contract asks of it.

mod between;
mod checks;
mod emits;
mod feeds;
mod program;
mod report;

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use concordat_node::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use self::between::Watch;
use self::program::Program;
use self::report::Report;
use crate::dev::Conformed;
use crate::exit::Failure;
use crate::key_file;
use crate::output::Format;
use crate::signals::Signals;

/// How often the kit looks whether it has seen all, and lets something new happen.
const LOOK: Duration = Duration::from_millis(500);
/// How long a refused event is awaited in vain after everything else was seen.
const IN_VAIN: Duration = Duration::from_secs(3);

/// What is tried.
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// How long the integration has at most. The kit ends earlier when it has seen everything.
    #[arg(long = "for", value_name = "SPAN", default_value = "90s", value_parser = span)]
    limit: Duration,
    /// Port on which the kit listens; 0: a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Count what was not seen as a failure.
    #[arg(long)]
    strict: bool,
    /// Also write the report as JUnit XML, for a build server.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write a statement: the report with its hash, signed if --sign-with is given.
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Data directory whose signing key signs the statement.
    #[arg(long, value_name = "DIR", requires = "statement")]
    sign_with: Option<PathBuf>,
    /// The integration and its arguments. It finds CONCORDAT_SERVER, CONCORDAT_TOKEN_FILE and CONCORDAT_ORGANISATION in its environment, and
    /// is ended by SIGTERM. Without one, start yours by hand when the kit says so.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn span(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok())
        .filter(|span| !span.is_zero())
        .ok_or_else(|| "expected a span of time such as 90s".to_owned())
}

/// Runs the kit.
pub(crate) fn run(asked: &Conformance, format: Format) -> Result<(), Failure> {
    let signing_key = asked.sign_with.as_deref().map(key_file::read).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let report = runtime.block_on(exercise(asked))?;
    runtime.shutdown_background();
    report.print(format)?;
    if let Some(path) = &asked.junit {
        fs::write(path, report.junit())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &asked.statement {
        let statement = report.statement(signing_key.as_ref())?;
        fs::write(path, statement).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if report.is_good(asked.strict) {
        Ok(())
    } else {
        Err(Failure::Differences)
    }
}

async fn exercise(asked: &Conformance) -> Result<Report, Failure> {
    let mut signals = Signals::listen()?;
    let directory = tempfile::tempdir()?;
    let began = SystemClock.now();
    let mut sandbox = Conformed::start(directory.path(), began).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, asked.port))
        .await
        .map_err(|error| Failure::Busy(format!("cannot listen on port {}: {error}", asked.port)))?;
    let address = listener.local_addr()?;
    let upstream = Endpoint::from_shared(sandbox.server()?)
        .map_err(anyhow::Error::from)?
        .connect_lazy();
    let watch = Arc::new(Watch::default());
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(between::serve(
        listener,
        upstream,
        Arc::clone(&watch),
        stop.clone(),
    ));
    let environment = [
        ("CONCORDAT_SERVER", format!("http://{address}")),
        (
            "CONCORDAT_TOKEN_FILE",
            sandbox.token_file()?.display().to_string(),
        ),
        ("CONCORDAT_ORGANISATION", sandbox.organisation().to_owned()),
    ];
    let mut program = Program::start(&asked.command, &environment)?;
    let watching = async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if program.has_ended() || is_complete(&watch) {
                return Ok(());
            }
            sandbox.let_something_happen().await?;
        }
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(asked.limit, watching) => outcome.unwrap_or(Ok(())),
        signal = signals.next() => Err(Failure::Signal(signal)),
        ended = serving.join_next() => {
            let why = format!("the kit cannot serve any more: {ended:?}");
            Err(anyhow::Error::msg(why).into())
        }
    };
    if outcome.is_ok() && is_complete(&watch) {
        tokio::time::sleep(IN_VAIN).await;
    }
    program.end().await;
    stop.cancel();
    serving.abort_all();
    sandbox.stop().await;
    outcome?;
    let report = {
        let mut seen = watch.seen();
        let between::Seen {
            found,
            emits,
            feeds,
            calls,
            not_looked_at,
        } = &mut *seen;
        emits.close(found);
        feeds.close(found);
        Report::of(
            found,
            (*calls, *not_looked_at),
            began,
            SystemClock.now(),
            &asked.command,
        )
    };
    Ok(report)
}

/// Whether all troubles were met and taken. That a refused event is left alone is only seen in the end.
fn is_complete(watch: &Watch) -> bool {
    let seen = watch.seen();
    seen.emits.met_all()
        && seen
            .found
            .is_complete_but(checks::Check::LeavesFaultyFields)
}
