//! The `concordat` binary. It holds no rules: it reads arguments, asks a layer below, and prints what it says.

mod calendar;
mod demo;
mod exit;
mod init;
mod key_file;
mod output;
mod partnership;
mod scenario;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::Format;

/// Organisations answer one health-and-social-care complaint together.
///
/// Answers go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 6
/// precondition not met, 7 differences found.
#[derive(Debug, Parser)]
#[command(
    name = "concordat",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Arguments {
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    output: Format,

    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Plays a real case with three organisations on an embedded log and shows that their nodes agree.
    Demo,
    /// Working days and months: when a duty is due, and why.
    #[command(subcommand)]
    Calendar(calendar::Verb),
    /// Worked cases as files: what should happen, step by step.
    #[command(subcommand)]
    Scenario(scenario::Verb),
    /// Makes a node's data directory with a fresh signing key, and prints the organisation's entry for the partnership file.
    ///
    /// The key and the directory are for their owner only, and a key that is there is never overwritten. Nothing is sent anywhere:
    /// give the printed entry to whoever writes the partnership file.
    Init(init::Init),
    /// The partnership file: who takes part, with which keys.
    #[command(subcommand)]
    Partnership(partnership::Verb),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.noun {
        Noun::Demo => demo::run(arguments.output),
        Noun::Calendar(verb) => calendar::run(verb, arguments.output),
        Noun::Scenario(verb) => scenario::run(verb, arguments.output),
        Noun::Init(asked) => init::run(asked, arguments.output),
        Noun::Partnership(verb) => partnership::run(verb, arguments.output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Arguments::command().debug_assert();
    }
}
