//! `concordat dev`: three organisations in one process, with ports, tokens, sample cases and a clock that can be moved; for whoever
//! builds or tries an integration. `clock`, `peer` and `status` speak to one that runs.

mod cast;
mod clock;
mod conformed;
mod control;
mod ready;
mod run;
mod samples;
mod served;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;

use self::clock::{By, Speed, moment};
pub(crate) use self::conformed::Conformed;
use self::control::{Request, Standing};
use self::served::State;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// A sandbox to start, or what one that runs is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Dev {
    #[command(flatten)]
    start: Start,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What kind of sandbox is started.
#[derive(Debug, Args)]
struct Start {
    /// Port of the first organisation; the others take the next ones. 0: any free ones.
    #[arg(long, value_name = "PORT", default_value_t = 7171)]
    port_base: u16,
    /// How many sample cases there are; above six the kinds repeat.
    #[arg(long, value_name = "N", default_value_t = samples::KINDS.len(), value_parser = cases)]
    cases: usize,
    /// What the clock shows at first: a day, or a local time. The machine's time, if not given.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    start: Option<Timestamp>,
    /// How fast the clock runs: a span a second, such as 1h/s or 1d/s; 0 lets it stand still.
    #[arg(long, value_name = "SPAN/s", default_value = "1s/s")]
    speed: Speed,
    /// Directory in which keys, stores, log and clock stay, to go on from next time. A temporary one, if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Most sample cases: so many are there in about a minute.
const CASES_MAX: usize = 600;

fn cases(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|cases| *cases <= CASES_MAX)
        .ok_or_else(|| format!("expected a number of up to {CASES_MAX}"))
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows how the sandbox that runs stands.
    Status(Which),
    /// Moves the clock of the sandbox that runs, or changes its speed. What falls due on the way falls due on its day.
    Clock(Clock),
    /// Takes an organisation's node away, or brings it back.
    Peer(Peer),
}

#[derive(Debug, Args)]
struct Which {
    /// Directory of the sandbox; the only one that runs in a temporary directory, if not given.
    #[arg(long, value_name = "DIR")]
    sandbox: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("move").required(true).args(["advance", "to", "speed"]))]
struct Clock {
    /// By so much: working days (3wd), days (10d), hours or minutes (4h, 30m).
    #[arg(long, value_name = "SPAN")]
    advance: Option<String>,
    /// To nine in the morning of a day, or to a local time.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Run so fast from now on, such as 1h/s; 0 to stand still.
    #[arg(long, value_name = "SPAN/s")]
    speed: Option<String>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("to").required(true).args(["stop", "start", "partition", "slow"]))]
struct Peer {
    /// The organisation: trust, council or board, or its code.
    name: String,
    /// End its node: calls are not answered.
    #[arg(long)]
    stop: bool,
    /// All is well again: it starts, reaches the log and catches up.
    #[arg(long)]
    start: bool,
    /// Cut it off from the log: what it accepts waits.
    #[arg(long)]
    partition: bool,
    /// Let it hear of nothing that others append from now on; what it appends gets through.
    #[arg(long)]
    slow: bool,
    #[command(flatten)]
    which: Which,
}

/// Starts a sandbox and keeps it up, or tells one that runs what to do.
pub(crate) fn run(asked: Dev, format: Format) -> Result<(), Failure> {
    let (which, request) = match asked.verb {
        None => return run::run(&asked.start, format),
        Some(Verb::Status(which)) => (which, Request::Status),
        Some(Verb::Clock(clock)) => {
            let request = clock.request()?;
            (clock.which, request)
        }
        Some(Verb::Peer(peer)) => {
            let to = peer.to();
            (
                peer.which,
                Request::Peer {
                    name: peer.name,
                    to,
                },
            )
        }
    };
    show(format, &control::ask(which.sandbox.as_deref(), &request)?)
}

impl Clock {
    /// Read here as well, so that what is misspelt is wrong use whether a sandbox runs or not.
    fn request(&self) -> Result<Request, Failure> {
        let (advance, to, speed) = (self.advance.clone(), self.to.clone(), self.speed.clone());
        match (advance, to, speed) {
            (Some(by), _, _) => by
                .parse::<By>()
                .map(|_| Request::Advance { by })
                .map_err(Failure::Usage),
            (_, Some(to), _) => moment(&to)
                .map(|_| Request::MoveTo { to })
                .map_err(Failure::Usage),
            (_, _, speed) => {
                let speed = speed.unwrap_or_default();
                speed
                    .parse::<Speed>()
                    .map(|_| Request::Speed { speed })
                    .map_err(Failure::Usage)
            }
        }
    }
}

impl Peer {
    fn to(&self) -> State {
        match self {
            Self { stop: true, .. } => State::Stopped,
            Self {
                partition: true, ..
            } => State::Partitioned,
            Self { slow: true, .. } => State::Slow,
            _ => State::Running,
        }
    }
}

fn show(format: Format, standing: &Standing) -> Result<(), Failure> {
    if format != Format::Table {
        return output::json(format, standing);
    }
    output::pairs(&[
        ("clock", clock::local(standing.now)),
        ("speed", standing.speed.clone()),
    ])?;
    output::line(&output::table(&standing.peers).to_string())
}

impl Row for served::PeerView {
    const COLUMNS: &'static [&'static str] =
        &["peer", "organisation", "state", "server", "token file"];

    fn cells(&self) -> Vec<String> {
        let state = match self.state {
            State::Running => "running",
            State::Stopped => "stopped",
            State::Partitioned => "partitioned",
            State::Slow => "slow",
        };
        vec![
            self.name.clone(),
            self.organisation.clone(),
            state.to_owned(),
            self.server.clone(),
            self.token_file.display().to_string(),
        ]
    }
}
