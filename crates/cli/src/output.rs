//! The three ways in which every command can answer.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use concordat_proto::json as canonical;
use prost::{Message, Name};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::exit::Failure;

/// How an answer is written, as options take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values. Reports only.
    Csv,
    /// A workbook. Reports only, into a file.
    Xlsx,
}

impl Output {
    /// How it is printed; none for what only reports are written as.
    pub(crate) fn format(self) -> Option<Format> {
        match self {
            Self::Table => Some(Format::Table),
            Self::Json => Some(Format::Json),
            Self::Ndjson => Some(Format::Ndjson),
            Self::Csv | Self::Xlsx => None,
        }
    }
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
}

/// One of several things that people read as a table.
pub(crate) trait Row {
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

/// Names and values, one pair a line, the values aligned. Pairs without a value are left out.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> Result<(), Failure> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        line(&format!("{name:<width$}  {value}"))?;
    }
    Ok(())
}

/// Prints one JSON document, indented for `json` and on one line for `ndjson`.
pub(crate) fn json<T: Serialize>(format: Format, value: &T) -> Result<(), Failure> {
    let text = match format {
        Format::Ndjson => serde_json::to_string(value),
        Format::Json | Format::Table => serde_json::to_string_pretty(value),
    };
    line(&text.map_err(anyhow::Error::from)?)
}

/// Prints a message of the contract in its canonical JSON.
pub(crate) fn message<M: Message + Name>(format: Format, message: &M) -> Result<(), Failure> {
    json(format, &value(message)?)
}

/// Prints a list of the contract: a table; one document with the list under `key`, as the answer of the call has it; or a document a
/// line.
pub(crate) fn messages<M: Message + Name + Row>(
    format: Format,
    key: &str,
    messages: &[M],
) -> Result<(), Failure> {
    match format {
        Format::Table if messages.is_empty() => Ok(()),
        Format::Table => line(&table(messages).to_string()),
        Format::Json => {
            let list: Result<Vec<Value>, Failure> = messages.iter().map(value).collect();
            json(
                format,
                &Map::from_iter([(key.to_owned(), Value::Array(list?))]),
            )
        }
        Format::Ndjson => messages.iter().try_for_each(|one| message(format, one)),
    }
}

fn value<M: Message + Name>(message: &M) -> Result<Value, Failure> {
    Ok(canonical::to_value(message).map_err(anyhow::Error::from)?)
}

/// Prints one line, or several.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    Ok(writeln!(out, "{text}")?)
}
