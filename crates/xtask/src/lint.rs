//! `cargo xtask lint`: all checks that need no test to run. Every check is run; the chore fails if any failed.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::brought;
use crate::command::{self, cargo, workspace_root};
use crate::{breaking, dependencies, layers};

/// A check and what it is called in the summary.
type Check = (&'static str, fn() -> Result<()>);

/// Cheap ones first, so that a slip shows at once.
const CHECKS: [Check; 6] = [
    ("format", format),
    ("layers", layers::run),
    ("dependencies", dependencies::run),
    ("proto", proto),
    ("clippy", clippy),
    ("documentation", documentation),
];

/// Runs every check and names those that failed.
pub(crate) fn run() -> Result<()> {
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        if let Err(error) = check() {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        eprintln!("\nlint: {} checks passed", CHECKS.len());
        return Ok(());
    }
    bail!("lint failed: {}", failed.join(", "))
}

fn format() -> Result<()> {
    command::run(cargo().args(["fmt", "--all", "--check"]))
        .context("`cargo fmt --all` puts it right")
}

fn clippy() -> Result<()> {
    command::run(cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<()> {
    command::run(
        cargo()
            .args(["doc", "--quiet", "--no-deps", "--workspace"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// The contract follows the rules of `proto/buf.yaml`, and breaks nothing that the last released one promised.
fn proto() -> Result<()> {
    let buf = brought::buf()?;
    command::run(
        Command::new(&buf)
            .current_dir(workspace_root())
            .args(["lint", "proto"]),
    )?;
    breaking::run(&buf)
}
