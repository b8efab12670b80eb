//! `concordat commands`, `completions` and `man`: the command line described from what parses it, so that no description can be out of date.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, Args, Command, ValueHint};
use clap_complete::Shell;
use serde::Serialize;

use crate::exit::{self, Failure};
use crate::output::{self, Format, Row};

/// How the commands are listed.
#[derive(Debug, Args)]
pub(crate) struct Commands {
    /// Prints the reference page in Markdown instead.
    #[arg(long)]
    page: bool,
}

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Where man pages are put.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder; made if it is not there. A page for each command.
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

/// A command that does something.
#[derive(Debug, Serialize)]
struct Described {
    /// Its words, such as `case list`.
    command: String,
    about: String,
    arguments: Vec<Argument>,
    /// Further words that it takes from all commands are left out.
    options: Vec<Argument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    name: String,
    value: String,
    help: String,
    required: bool,
    values: Vec<String>,
}

impl Row for Described {
    const COLUMNS: &'static [&'static str] = &["COMMAND", "ABOUT"];

    fn cells(&self) -> Vec<String> {
        vec![self.command.clone(), self.about.clone()]
    }
}

/// Lists all commands, or prints the page.
pub(crate) fn list(asked: &Commands, root: &Command, format: Format) -> Result<(), Failure> {
    let all = described(root);
    if asked.page {
        let mut out = io::stdout().lock();
        return Ok(out.write_all(page(root, &all).as_bytes())?);
    }
    output::rows(format, &all)
}

/// Prints a script that makes a shell complete the words of this program.
pub(crate) fn completions(asked: &Completions, root: &mut Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, root, "concordat", &mut script);
    let mut out = io::stdout().lock();
    Ok(out.write_all(&script)?)
}

/// Writes the man pages and names them.
pub(crate) fn man(asked: &Man, root: Command, format: Format) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Page {
        page: String,
    }
    impl Row for Page {
        const COLUMNS: &'static [&'static str] = &["PAGE"];

        fn cells(&self) -> Vec<String> {
            vec![self.page.clone()]
        }
    }
    let dir = &asked.dir;
    let cannot = || format!("cannot write into {}", dir.display());
    std::fs::create_dir_all(dir).with_context(cannot)?;
    clap_mangen::generate_to(root, dir).with_context(cannot)?;
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(cannot)? {
        let name = entry.with_context(cannot)?.file_name();
        let page = name.to_string_lossy().into_owned();
        if page.starts_with("concordat") {
            pages.push(Page { page });
        }
    }
    pages.sort_by(|left, right| left.page.cmp(&right.page));
    output::rows(format, &pages)
}

fn described(root: &Command) -> Vec<Described> {
    fn walk(words: &[&str], command: &Command, found: &mut Vec<Described>) {
        let mut verbs = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
            .peekable();
        if verbs.peek().is_none() || !command.is_subcommand_required_set() && !words.is_empty() {
            found.push(one(words, command));
        }
        for verb in verbs {
            let words = [words, &[verb.get_name()]].concat();
            walk(&words, verb, found);
        }
    }
    let mut found = Vec::new();
    walk(&[], root, &mut found);
    found
}

fn one(words: &[&str], command: &Command) -> Described {
    let (arguments, options): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !argument.is_global_set())
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .partition(|argument| argument.is_positional());
    Described {
        command: words.join(" "),
        about: command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default(),
        arguments: arguments.into_iter().map(argument).collect(),
        options: options.into_iter().map(argument).collect(),
    }
}

fn argument(argument: &Arg) -> Argument {
    let long = argument.get_long().map(|long| format!("--{long}"));
    let takes = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.first().map(ToString::to_string).unwrap_or_default();
    Argument {
        name: long.unwrap_or_else(|| argument.get_id().to_string()),
        value: if takes { value } else { String::new() },
        help: argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default(),
        required: argument.is_required_set(),
        values: argument
            .get_possible_values()
            .iter()
            .filter(|_| takes)
            .map(|value| value.get_name().to_owned())
            .collect(),
    }
}

/// The reference page.
fn page(root: &Command, all: &[Described]) -> String {
    let mut text = String::from(
        "# Commands\n\nMade by `concordat commands --page`; a test compares it. `concordat COMMAND --help` says more.\n\n## For every command\n\n",
    );
    let mut global: Vec<&Arg> = root
        .get_arguments()
        .filter(|one| one.is_global_set())
        .collect();
    let connection = root.find_subcommand("whoami");
    let of_client = connection.into_iter().flat_map(Command::get_arguments);
    global.retain(|one| !one.is_hide_set());
    options(&mut text, global.into_iter().map(argument));
    text.push_str("\n## For every command that calls a node\n\n");
    let of_client = of_client.filter(|one| one.is_global_set());
    let of_client =
        of_client.filter(|one| !root.get_arguments().any(|own| own.get_id() == one.get_id()));
    options(&mut text, of_client.map(argument));
    let _ = write!(
        text,
        "\n## How a command ends\n\n```\n{}\n```\n",
        exit::TABLE
    );
    for one in all {
        let words: String = one
            .arguments
            .iter()
            .map(|one| format!(" {}", placed(one)))
            .collect();
        let _ = write!(text, "\n## `concordat {}`\n\n", one.command);
        let _ = writeln!(text, "{}\n", one.about);
        let _ = writeln!(text, "`concordat {}{words}`\n", one.command);
        options(&mut text, one.arguments.iter());
        options(&mut text, one.options.iter());
    }
    text
}

fn placed(argument: &Argument) -> String {
    let name = argument.name.to_uppercase();
    if argument.required {
        name
    } else {
        format!("[{name}]")
    }
}

fn options(text: &mut String, options: impl Iterator<Item = impl std::borrow::Borrow<Argument>>) {
    for option in options {
        let option = option.borrow();
        let value = if option.value.is_empty() || !option.name.starts_with('-') {
            String::new()
        } else {
            format!(" {}", option.value)
        };
        let values = if option.values.is_empty() {
            String::new()
        } else {
            format!(" ({})", option.values.join(", "))
        };
        let help = option.help.replace('\n', " ");
        // A String takes whatever is written into it.
        let _ = writeln!(text, "- `{}{value}`: {help}{values}", option.name);
    }
}
