//! TOML that people write: read whole, and a fault told with its place.

use std::path::Path;

use serde::de::DeserializeOwned;

/// What is wrong with a file, and where: `FILE:LINE:COLUMN: …`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(String);

/// Reads `text`, which came from `file`.
///
/// # Errors
/// [`Fault`]: correct the file. The values of the file are not repeated where they could be secrets: only what the reader expected.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| {
        let place = error
            .span()
            .map(|span| place(text, span.start))
            .unwrap_or_default();
        Fault(format!("{}{place}: {}", file.display(), error.message()))
    })
}

/// Line and column of a byte of the text, as `:line:column`, both from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!(":{line}:{column}")
}
