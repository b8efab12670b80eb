//! The list of dependencies is true: each library in `[workspace.dependencies]` has its reason in `docs/dependencies.md`, and a user.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command::{cargo, output_of, workspace_root};

/// Packages that are brought by other package managers and listed in the same page.
const OUTSIDE_CARGO: &str = "## Brought for tests and lint, outside Cargo";

/// Fails, naming each library without a reason or without a user, and each reason without a library.
pub(crate) fn run() -> Result<()> {
    let root = workspace_root();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let page = fs::read_to_string(root.join("docs/dependencies.md"))
        .context("cannot read docs/dependencies.md")?;
    let metadata = output_of(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let findings = findings(
        &declared_in(&manifest)?,
        &reasoned_in(&page),
        &used_in(&metadata)?,
    );
    if findings.is_empty() {
        eprintln!("dependencies: each has a reason and a user");
        return Ok(());
    }
    bail!("{}", findings.join("\n"))
}

fn findings(
    declared: &BTreeSet<String>,
    reasoned: &BTreeSet<String>,
    used: &BTreeSet<String>,
) -> Vec<String> {
    let without_reason = declared
        .difference(reasoned)
        .map(|name| format!("{name} has no reason: add a row to docs/dependencies.md"));
    let without_library = reasoned.difference(declared).map(|name| {
        format!(
            "{name} is not in [workspace.dependencies]: remove its row from docs/dependencies.md"
        )
    });
    let without_user = declared.difference(used).map(|name| {
        format!("{name} is used by no crate: remove it from Cargo.toml and docs/dependencies.md")
    });
    without_reason
        .chain(without_library)
        .chain(without_user)
        .collect()
}

/// The root manifest, as far as it matters here.
#[derive(Deserialize)]
struct Manifest {
    workspace: WorkspaceTable,
}

#[derive(Deserialize)]
struct WorkspaceTable {
    dependencies: toml::Table,
}

/// Libraries of others; our own crates are explained in the architecture.
fn declared_in(manifest: &str) -> Result<BTreeSet<String>> {
    let manifest: Manifest = toml::from_str(manifest).context("Cargo.toml is not as expected")?;
    let ours = |declaration: &toml::Value| declaration.get("path").is_some();
    Ok(manifest
        .workspace
        .dependencies
        .into_iter()
        .filter(|(_, declaration)| !ours(declaration))
        .map(|(name, _)| name)
        .collect())
}

/// First cells of the page's tables.
fn reasoned_in(page: &str) -> BTreeSet<String> {
    page.lines()
        .take_while(|line| *line != OUTSIDE_CARGO)
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|row| row.split_once(" |"))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "crate")
        .collect()
}

/// `cargo metadata`, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    dependencies: Vec<Used>,
}

#[derive(Deserialize)]
struct Used {
    name: String,
}

fn used_in(metadata: &str) -> Result<BTreeSet<String>> {
    let metadata: Metadata =
        serde_json::from_str(metadata).context("cargo metadata answered in an unknown form")?;
    let used = metadata
        .packages
        .into_iter()
        .flat_map(|package| package.dependencies);
    Ok(used.map(|used| used.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_library_without_reason_or_user_is_found() {
        let found = findings(&names(&["a", "b"]), &names(&["a", "c"]), &names(&["b"]));

        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("b has no reason"));
        assert!(found[1].starts_with("c is not in"));
        assert!(found[2].starts_with("a is used by no crate"));
    }

    #[test]
    fn own_crates_need_no_row() {
        let manifest =
            "[workspace.dependencies]\nconcordat-log = { path = \"crates/log\" }\nhex = \"1\"\n";

        assert_eq!(declared_in(manifest).unwrap(), names(&["hex"]));
    }

    #[test]
    fn rows_are_read_up_to_the_packages_of_others() {
        let page = format!(
            "| crate | reason |\n|---|---|\n| hex | text |\n{OUTSIDE_CARGO}\n| buf | lint |\n"
        );

        assert_eq!(reasoned_in(&page), names(&["hex"]));
    }
}
