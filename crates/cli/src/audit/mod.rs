//! `concordat audit`: what happened, what was known when, and whether the rules were kept.

mod access;
mod cross_check;
mod export;
mod ocel;
mod past;
mod point;
mod progress;
mod prove;
mod replay;
mod verify;
mod verify_log;
mod what_if;

use clap::{Args, Subcommand};

use crate::client::{self, Connection};
use crate::exit::Failure;
use crate::output::Format;

/// What is asked of which node.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

/// Who reads, and what for: it is recorded before the node answers.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// What for, as a code such as `complaint-review`. It is recorded.
    #[arg(long, value_name = "CODE")]
    purpose: String,
    /// Pseudonymous id of the person who asks. It is recorded.
    #[arg(long, value_name = "ID", default_value = "")]
    actor: String,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Replays events in log order, each judged anew, and ends with the digest of the state.
    Replay(replay::Replay),
    /// Shows a case as it stood at a position or time, with its deadlines as then known.
    Case(past::Case),
    /// Compares a case at two points: fields with the event that changed each, deadlines, and the events between.
    Compare(past::Compare),
    /// Judges the same history under another policy pack and lists what would be otherwise. Nothing is written.
    WhatIf(what_if::WhatIf),
    /// Reads the node's whole journal again: signatures, chains, admission, tree, rulings, digests. Ends with 7 if it is not sound.
    VerifyLog(verify_log::VerifyLog),
    /// Proves what stands on the log, for somebody who has nothing but the partnership file (docs/format.md, *Proofs*).
    #[command(subcommand)]
    Prove(prove::Prove),
    /// Lists who read what, and what for.
    Access(access::Access),
    /// Has a node write an audit pack: one file with a case, what concerns an organisation, or the whole log.
    ///
    /// Whoever has the pack can read what it holds keys for: `process` (codes, dates, organisations, ids) if nothing else is said.
    Export(export::Export),
    /// Verifies a pack offline: signatures, chains, places, rulings, states and deadlines; exit code 7 if anything is found.
    Verify(verify::Verify),
    /// Lays two packs of one log side by side, from two organisations: were both shown the same? Exit code 7 if not.
    CrossCheck(cross_check::CrossCheck),
    /// Writes a pack as an object-centric event log (OCEL 2.0, JSON) for process mining, without personal data.
    Ocel(ocel::Ocel),
}

/// Runs an audit command.
pub(crate) fn run(asked: Audit, format: Format) -> Result<(), Failure> {
    let verb = match asked.verb {
        Verb::Export(what) => return export::run(&asked.connection, &what, format),
        Verb::Verify(what) => return verify::run(&what, format),
        Verb::CrossCheck(what) => return cross_check::run(&what, format),
        Verb::Ocel(what) => return ocel::run(&what),
        other => other,
    };
    client::block_on(async {
        let client = asked.connection.client()?;
        match verb {
            Verb::Replay(asked) => replay::run(&client, asked, format).await,
            Verb::Case(asked) => past::case(&client, asked, format).await,
            Verb::Compare(asked) => past::compare(&client, asked, format).await,
            Verb::WhatIf(asked) => what_if::run(&client, asked, format).await,
            Verb::VerifyLog(asked) => verify_log::run(&client, asked, format).await,
            Verb::Prove(asked) => prove::run(&client, asked, format).await,
            Verb::Access(asked) => access::run(&client, asked, format).await,
            Verb::Export(_) | Verb::Verify(_) | Verb::CrossCheck(_) | Verb::Ocel(_) => Ok(()),
        }
    })
}

/// The answer was cut off.
fn cut_off() -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "the answer has no end: it was cut off; ask again"
    ))
}
