//! `cargo xtask test`: everything that can be tested, with what it needs brought along.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::brought::{self, TestEnvironment};
use crate::command::{self, cargo};

/// Packages whose tests start the `concordat` program itself.
const STARTS_THE_PROGRAM: [&str; 2] = ["concordat-tests", "concordat"];

/// Runs the tests; `runner_arguments` go to the test runner and narrow the run (documentation tests are then left out).
///
/// Documentation tests come first, so that the last lines on the screen are the summary of the tests proper.
pub(crate) fn run(runner_arguments: &[String]) -> Result<()> {
    let environment = brought::test_environment()?;
    let packages = chosen_packages(runner_arguments);
    let program = if needs_the_program(&packages) {
        Some(build_program()?)
    } else {
        None
    };
    if runner_arguments.is_empty() {
        command::run(give(
            cargo().args(["test", "--quiet", "--doc", "--workspace"]),
            &environment,
            program.as_ref(),
        ))?;
    }
    let mut runner = if has_nextest() {
        nextest()
    } else {
        plain_runner()
    };
    if packages.is_empty() {
        runner.arg("--workspace");
    }
    runner.args(runner_arguments);
    command::run(give(&mut runner, &environment, program.as_ref()))
}

/// cargo-nextest runs each test in a process of its own, with the time limits of `.config/nextest.toml`.
fn nextest() -> Command {
    let mut command = cargo();
    command.args(["nextest", "run", "--no-tests", "warn"]);
    command
}

/// What every toolchain has. `--tests` stands for the tests of libraries and programs too. Time limits per test are not enforced.
fn plain_runner() -> Command {
    eprintln!("cargo-nextest is not installed: running with `cargo test`");
    let mut command = cargo();
    command.args(["test", "--no-fail-fast", "--tests"]);
    command
}

fn has_nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}

/// What tests find in their environment.
fn give<'a>(
    command: &'a mut Command,
    environment: &TestEnvironment,
    program: Option<&PathBuf>,
) -> &'a mut Command {
    command.envs(environment.variables());
    if let Some(program) = program {
        command.env("CONCORDAT_PROGRAM", program);
    }
    command
}

/// The packages that the arguments name; none named means all.
fn chosen_packages(runner_arguments: &[String]) -> Vec<&str> {
    let mut packages = Vec::new();
    let mut arguments = runner_arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "-p" | "--package" => packages.extend(arguments.next()),
            _ => packages.extend(
                argument
                    .strip_prefix("--package=")
                    .or_else(|| argument.strip_prefix("-p")),
            ),
        }
    }
    packages
}

fn needs_the_program(packages: &[&str]) -> bool {
    packages.is_empty()
        || packages
            .iter()
            .any(|package| STARTS_THE_PROGRAM.contains(package))
}

/// Builds `concordat` with the features that the tests are built with, and returns where it is.
fn build_program() -> Result<PathBuf> {
    eprintln!("building the program that the end-to-end tests start");
    let mut build = cargo();
    build
        .args([
            "build",
            "--workspace",
            "--bin",
            "concordat",
            "--message-format",
            "json-render-diagnostics",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = build.output().context("cannot start cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "the `concordat` program does not build"
    );
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    executable_in(&messages)
        .context("cargo built no `concordat` program: crates/cli must have a [[bin]] of that name")
}

/// One of cargo's build messages, as far as it matters here.
#[derive(Deserialize)]
struct BuildMessage {
    executable: Option<PathBuf>,
}

fn executable_in(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<BuildMessage>(line).ok())
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn packages_are_found_in_every_spelling_of_the_option() {
        for line in [
            "-p concordat-log x",
            "--package concordat-log",
            "--package=concordat-log",
            "-pconcordat-log",
        ] {
            assert_eq!(
                chosen_packages(&arguments(line)),
                ["concordat-log"],
                "{line}"
            );
        }
        assert!(chosen_packages(&arguments("append --no-capture")).is_empty());
    }

    #[test]
    fn the_program_is_built_only_for_those_who_start_it() {
        assert!(needs_the_program(&[]));
        assert!(needs_the_program(&["concordat-domain", "concordat-tests"]));
        assert!(!needs_the_program(&["concordat-domain"]));
    }

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = "not json\n\
             {\"reason\":\"compiler-artifact\",\"executable\":null}\n\
             {\"reason\":\"compiler-artifact\",\"executable\":\"/somewhere/concordat\"}\n\
             {\"reason\":\"build-finished\",\"success\":true}\n";

        assert_eq!(
            executable_in(messages),
            Some(PathBuf::from("/somewhere/concordat"))
        );
        assert_eq!(executable_in(""), None);
    }
}
