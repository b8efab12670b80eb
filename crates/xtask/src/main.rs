//! Chores of this repository, as `cargo xtask <chore>`: one entry point on every machine, CI included.
//!
//! Only the Rust toolchain is taken for granted. What else a chore needs it brings into `target/tools`, pinned, or says what is
//! missing and what to do. All messages go to stderr; stdout belongs to the tools that are run.

mod breaking;
mod brought;
mod command;
mod dependencies;
mod layers;
mod lint;
mod reference;
mod test;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the concordat repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all tests, bringing what they need (a broker, a Python environment)
    Test {
        /// Passed on to the test runner: `cargo xtask test -- -p concordat-domain`
        #[arg(last = true)]
        runner_arguments: Vec<String>,
    },
    /// Format, clippy, documentation, proto and layer checks, warnings denied
    Lint,
    /// Check that no crate depends on what its layer may not know
    Layers,
    /// Write docs/traceability.md: which responsibility is covered by what, and what proves it
    Trace,
    /// Write docs/reference: errors, event types, OpenAPI and AsyncAPI, from the contract and the rules
    Reference,
    /// Make today's contract the one that later ones may not break; when a release is cut
    Baseline,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test { runner_arguments } => test::run(&runner_arguments),
        Chore::Lint => lint::run(),
        Chore::Layers => layers::run(),
        Chore::Trace => trace::run(),
        Chore::Reference => reference::run(),
        Chore::Baseline => breaking::promise(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
