//! The `concordat` binary. It holds no rules: it reads arguments, asks a layer below, and prints what it says.

mod audit;
mod calendar;
mod case;
mod certificates;
mod change;
mod client;
mod commands;
mod config;
mod conformance;
mod deadline;
mod demo;
mod dev;
mod directory;
mod display;
mod draft;
mod event;
mod exit;
mod feed;
mod init;
mod key_file;
mod nearest;
mod output;
mod pack_file;
mod partnership;
mod pins;
mod policy;
mod profile;
mod profiles;
mod progress;
mod report;
mod scenario;
mod secret_file;
mod serve;
mod server;
mod signals;
mod token_file;
mod toml_file;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::exit::Failure;
use crate::output::layout::Layout;
use crate::output::{Format, Output};

/// Organisations answer one health-and-social-care complaint together.
///
/// Answers go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "concordat",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = exit::TABLE
)]
struct Arguments {
    /// How to print the answer: a table, unless the profile says otherwise.
    #[arg(short, long, value_enum, global = true)]
    output: Option<Output>,

    /// The profile to take: address, token file and output under a name. Options and environment go before it.
    #[arg(long, value_name = "NAME", env = "CONCORDAT_PROFILE", global = true)]
    profile: Option<String>,

    #[command(flatten)]
    layout: Layout,

    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Plays a real case with three organisations on an embedded log and shows that their nodes agree.
    Demo,
    /// Three organisations in one process to build against: ports, tokens, sample cases, a clock that can be moved, peers that can be
    /// taken away.
    ///
    /// Prints where everything is (`-o json` for programs) and says `concordat: ready sandbox=…` on standard error; SIGINT or SIGTERM ends
    /// it. Without --data nothing is left behind.
    Dev(Box<dev::Dev>),
    /// Tries an integration: it meets lost answers, waits, cut streams, duplicates and more, and the kit says how it took them.
    ///
    /// Exit code 7 if something was wrong.
    Conformance(Box<conformance::Conformance>),
    /// Working days and months: when a duty is due, and why.
    #[command(subcommand)]
    Calendar(calendar::Verb),
    /// Worked cases as files: what should happen, step by step.
    #[command(subcommand)]
    Scenario(scenario::Verb),
    /// Makes a node's data directory with a fresh signing key, an API token and a configuration to begin with, and prints the
    /// organisation's entry for the partnership file.
    ///
    /// Key, token and directory are for their owner only, and what is there is never overwritten. Nothing is sent anywhere: give the
    /// printed entry to whoever writes the partnership file.
    Init(Box<init::Init>),
    /// The partnership file: who takes part, with which keys, under which policy packs and calendars.
    #[command(subcommand)]
    Partnership(partnership::Verb),
    /// Policy packs: how long each duty may take, by which rule, and how sure that is.
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Runs a node: it follows the log, acts and signs for its organisation, and answers local systems over gRPC.
    ///
    /// Says `concordat: ready organisation=… api=…` on standard error when calls are taken. SIGTERM or SIGINT ends it in good order, a
    /// second one at once; what was accepted is durable in any case.
    Serve(serve::Serve),
    /// Events: emit them to a node, and read them back.
    Event(event::Event),
    /// Events accepted and not signed yet, the held ones among them.
    Draft(draft::Draft),
    /// Cases as a node has judged them.
    Case(case::Case),
    /// What is owed, by whom, by when, and why.
    Deadline(deadline::Deadline),
    /// What regulations, guidance and people who run complaints ask to see, as tables and files.
    Report(report::Report),
    /// What happened, what was known when, and whether the rules were kept. Every look is recorded.
    Audit(audit::Audit),
    /// Organisations, what is recorded beside cases, and what bodies owe outside them.
    Directory(directory::Directory),
    /// The ordered stream of what became visible to an organisation.
    Feed(feed::Feed),
    /// A node about itself and about its caller.
    Server(server::Server),
    /// Who the node takes this caller for.
    Whoami(server::WhoAmI),
    /// Nodes under a name: address, token file, output.
    #[command(subcommand)]
    Profile(profile::Verb),
    /// Lists every command with its arguments and options, for people and programs.
    Commands(commands::Commands),
    /// Prints a script by which a shell completes commands and options.
    ///
    /// For bash: `concordat completions bash > ~/.local/share/bash-completion/completions/concordat`.
    Completions(commands::Completions),
    /// Writes man pages, one for each command, into a folder.
    Man(commands::Man),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// How the answer is printed: as the option says, the profile, or a table.
fn output(arguments: &Arguments) -> Result<Output, Failure> {
    // Profiles are of people who call. A node must start whatever they say, and they must be mendable.
    let is_apart = matches!(
        arguments.noun,
        Noun::Serve(_) | Noun::Profile(_) | Noun::Completions(_)
    );
    let profile = match is_apart {
        true => None,
        false => profiles::choose(arguments.profile.as_deref())?,
    };
    let of_profile = profile.and_then(|profile| profile.output);
    Ok(arguments.output.or(of_profile).unwrap_or(Output::Table))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let output = output(&arguments)?;
    arguments.layout.set(output.format())?;
    let format = match (&arguments.noun, output.format()) {
        (_, Some(format)) => format,
        (Noun::Report(_), None) => Format::Table,
        (_, None) => {
            return Err(Failure::Usage(
                "only reports are written as xlsx: take table, json, ndjson or csv".to_owned(),
            ));
        }
    };
    match arguments.noun {
        Noun::Demo => demo::run(format),
        Noun::Dev(asked) => dev::run(*asked, format),
        Noun::Conformance(asked) => conformance::run(&asked, format),
        Noun::Calendar(verb) => calendar::run(verb, format),
        Noun::Scenario(verb) => scenario::run(verb, format),
        Noun::Init(asked) => init::run(*asked, format),
        Noun::Partnership(verb) => partnership::run(verb, format),
        Noun::Policy(verb) => policy::run(verb, format),
        Noun::Serve(asked) => serve::run(asked),
        Noun::Event(asked) => event::run(asked, format),
        Noun::Draft(asked) => draft::run(asked, format),
        Noun::Case(asked) => case::run(asked, format),
        Noun::Deadline(asked) => deadline::run(asked, format),
        Noun::Report(asked) => report::run(asked, output),
        Noun::Audit(asked) => audit::run(asked, format),
        Noun::Directory(asked) => directory::run(asked, format),
        Noun::Feed(asked) => feed::run(asked, format),
        Noun::Server(asked) => server::run(asked, format),
        Noun::Whoami(asked) => server::who_am_i(asked, format),
        Noun::Profile(verb) => profile::run(verb, format),
        Noun::Commands(asked) => commands::list(&asked, &built(), format),
        Noun::Completions(asked) => commands::completions(&asked, &mut Arguments::command()),
        Noun::Man(asked) => commands::man(&asked, Arguments::command(), format),
    }
}

/// The description of all commands, with what each takes from those above it.
fn built() -> clap::Command {
    let mut command = Arguments::command();
    command.build();
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Arguments::command().debug_assert();
    }
}
