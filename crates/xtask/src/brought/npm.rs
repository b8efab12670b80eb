//! npm packages: the lint of the contract, and what clients in JavaScript and TypeScript are made with.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{is_stamped, lock_tools, stamp};
use crate::command::{output_of, tools_dir, workspace_root};

/// The release of buf that lints the contract; another release may know other rules.
const BUF_VERSION: &str = "1.75.0";

/// The packages of `tests/clients/node/package.json`: the directory that has `node_modules`.
///
/// # Errors
/// Names what is missing (npm, a way to the npm registry) and what to do about it.
pub(super) fn clients() -> Result<PathBuf> {
    let _lock = lock_tools()?;
    let manifest_path = workspace_root().join("tests/clients/node/package.json");
    let manifest = fs::read_to_string(&manifest_path)
        .context("cannot read tests/clients/node/package.json")?;
    let home = tools_dir().join("node");
    let node = node_version()?;
    let wanted = format!("Node.js {node}\n{manifest}");
    if is_stamped(&home, &wanted) {
        return Ok(home);
    }
    eprintln!(
        "bringing the npm packages of tests/clients/node/package.json into target/tools/node (once)"
    );
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    fs::write(home.join("package.json"), &manifest)
        .with_context(|| format!("cannot write to {}", home.display()))?;
    output_of(
        Command::new("npm")
            .current_dir(&home)
            .args(["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]),
    )
    .context("cannot install the npm packages of the clients: npm needs a network connection to its package registry (or a configured mirror)")?;
    stamp(&home, &wanted)?;
    Ok(home)
}

fn node_version() -> Result<String> {
    match output_of(Command::new("node").arg("--version")) {
        Ok(version) => Ok(version.trim().to_owned()),
        Err(_) => bail!(
            "the tests need Node.js, which is not on the PATH: install Node.js 20 or newer (it brings npm), then try again"
        ),
    }
}

/// The pinned buf, as npm package.
///
/// # Errors
/// Names what is missing (npm, a way to the npm registry) and what to do about it.
pub(crate) fn buf() -> Result<PathBuf> {
    let _lock = lock_tools()?;
    let home = tools_dir().join("buf");
    let program = home.join("node_modules/.bin/buf");
    if is_stamped(&home, BUF_VERSION) && output_of(Command::new(&program).arg("--version")).is_ok()
    {
        return Ok(program);
    }
    if output_of(Command::new("npm").arg("--version")).is_err() {
        bail!(
            "the proto lint needs npm, which is not on the PATH: install Node.js 20 or newer (it brings npm), then try again"
        );
    }
    eprintln!("bringing buf {BUF_VERSION} into target/tools/buf (once)");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    output_of(
        Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&home)
            .arg(format!("@bufbuild/buf@{BUF_VERSION}")),
    )
    .context("cannot install buf: npm needs a network connection to its package registry (or a configured mirror)")?;
    stamp(&home, BUF_VERSION)?;
    Ok(program)
}
