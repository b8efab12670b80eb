//! `cargo xtask reference`: the pages and documents that follow from the contract and the rules, under `docs/reference`, and the examples of
//! the catalogue. A test fails when one of them is out of date.

mod asyncapi;
mod errors;
mod events;
mod examples;
mod openapi;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::workspace_root;

/// The release that the documents describe.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the examples stand from which the catalogue is built.
const EXAMPLES: &str = "crates/codec/data/examples.json";

/// Writes all of them.
pub(crate) fn run() -> Result<()> {
    let root = workspace_root();
    let mut examples_changed = false;
    for (path, text) in files(&root)? {
        let file = root.join(path);
        let changed = fs::read_to_string(&file).ok().as_deref() != Some(text.as_str());
        examples_changed |= changed && path == EXAMPLES;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        eprintln!(
            "reference: {path}{}",
            if changed { ", changed" } else { "" }
        );
    }
    if examples_changed {
        eprintln!(
            "reference: the examples have changed, and the other files have the old ones: run it once more"
        );
    }
    Ok(())
}

/// Every file with its text.
fn files(root: &Path) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        (EXAMPLES, document(&examples::from_worked_cases(root)?)?),
        ("docs/reference/errors.md", errors::page()),
        ("docs/reference/events.md", events::page()),
        (
            "docs/reference/openapi.json",
            document(&openapi::document())?,
        ),
        (
            "docs/reference/asyncapi.json",
            document(&asyncapi::document())?,
        ),
    ])
}

fn document(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The first sentence of a comment.
fn first_sentence(text: &str) -> &str {
    text.split_once(". ")
        .map_or(text, |(first, _)| first)
        .trim_end_matches('.')
}
