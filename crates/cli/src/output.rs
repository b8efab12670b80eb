//! The three ways in which every command can answer.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use crate::exit::Failure;

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
}

/// An answer of several rows that people read as a table.
pub(crate) trait Row: Serialize {
    /// Heads of the columns.
    const COLUMNS: &'static [&'static str];
    /// The cells of this row, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// A plain table, aligned by spaces, so that other tools can cut it.
pub(crate) fn table<R: Row>(rows: &[R]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(R::COLUMNS);
    for row in rows {
        table.add_row(row.cells());
    }
    table
}

/// Prints one JSON document, indented for `json` and on one line for `ndjson`.
pub(crate) fn json<T: Serialize>(format: Format, value: &T) -> Result<(), Failure> {
    let text = match format {
        Format::Ndjson => serde_json::to_string(value),
        Format::Json | Format::Table => serde_json::to_string_pretty(value),
    };
    line(&text.map_err(anyhow::Error::from)?)
}

/// Prints one line, or several.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    Ok(writeln!(out, "{text}")?)
}
