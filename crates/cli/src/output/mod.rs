//! The ways in which every command can answer: a table, one JSON document, a document a line, or comma-separated values.
//!
//! A command hands over what it has once, and the format decides: [`messages`] and [`rows`] for lists, [`message`] and [`json`] for one
//! thing, [`Lines`] for what comes one after the other. Which columns, and whether with heads, is in [`layout`].

mod cell;
mod columns;
pub(crate) mod comma;
pub(crate) mod layout;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use concordat_proto::json as canonical;
use prost::{Message, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::exit::Failure;
use columns::Columns;

/// How an answer is written, as options take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values with one line of heads.
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
            Self::Csv => Some(Format::Csv),
            Self::Xlsx => None,
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
    /// Comma-separated values: lists by their columns, one thing by the names of its JSON.
    Csv,
}

/// One of several things that people read as a table.
pub(crate) trait Row {
    /// Heads of the columns.
    const COLUMNS: &'static [&'static str];
    /// The cells of this row, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// A plain table, aligned by spaces, so that other tools can cut it. With all its columns: for tables that stand below other text.
pub(crate) fn table<R: Row>(rows: &[R]) -> Table {
    let cells = rows.iter().map(Row::cells);
    drawn(R::COLUMNS.iter().copied(), cells)
}

fn drawn<'a>(
    heads: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if layout::layout().headers {
        table.set_header(heads);
    }
    for row in rows {
        table.add_row(row.iter().map(|text| cell::visible(text)));
    }
    table
}

/// Names and values, one pair a line, the values aligned. Pairs without a value are left out; `--columns` picks some by name.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> Result<(), Failure> {
    let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    let chosen = columns::by_head(&names)?;
    let shown = || {
        let pairs = chosen.iter().filter_map(|index| pairs.get(*index));
        pairs.filter(|(_, value)| !value.is_empty())
    };
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in shown() {
        let value = cell::visible(value);
        if layout::layout().headers {
            line(&format!("{name:<width$}  {value}"))?;
        } else {
            line(&value)?;
        }
    }
    Ok(())
}

/// Prints one JSON document, indented for `json` and on one line for `ndjson`. As `csv`: an object is a row under the names of its
/// fields, a list of objects is a row each.
pub(crate) fn json<T: Serialize>(format: Format, value: &T) -> Result<(), Failure> {
    let text = match format {
        Format::Csv => {
            let value = serde_json::to_value(value).map_err(anyhow::Error::from)?;
            return comma::print_document(&value, None);
        }
        Format::Ndjson => serde_json::to_string(value),
        Format::Json | Format::Table => serde_json::to_string_pretty(value),
    };
    line(&text.map_err(anyhow::Error::from)?)
}

/// Prints a message of the contract in its canonical JSON.
pub(crate) fn message<M: Message + Name>(format: Format, message: &M) -> Result<(), Failure> {
    match format {
        Format::Csv => comma::print_document(&value(message)?, Some(&M::full_name())),
        Format::Table | Format::Json | Format::Ndjson => json(format, &value(message)?),
    }
}

/// Prints a list of the contract: a table; one document with the list under `key`, as the answer of the call has it; a document a line;
/// or its columns as comma-separated values.
pub(crate) fn messages<M: Message + Name + Row>(
    format: Format,
    key: &str,
    messages: &[M],
) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Csv => {
            let columns = Columns::of_messages::<M>()?;
            let rows = columns.rows(messages, value)?;
            listed(format, &columns, rows)
        }
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

/// Prints a list that is of this program and not of the contract: a table, one JSON list, a document a line, or its columns.
pub(crate) fn rows<R: Row + Serialize>(format: Format, rows: &[R]) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Csv => {
            let columns = Columns::of_rows::<R>()?;
            let cells = columns.rows(rows, |row| {
                Ok(serde_json::to_value(row).map_err(anyhow::Error::from)?)
            })?;
            listed(format, &columns, cells)
        }
        Format::Json => json(format, &rows),
        Format::Ndjson => rows.iter().try_for_each(|one| json(format, one)),
    }
}

/// Prints a table of what is no list of the contract as it is; nothing, if there is no row.
pub(crate) fn listing<R: Row>(rows: &[R]) -> Result<(), Failure> {
    let columns = Columns::of_rows::<R>()?;
    let cells = columns.rows(rows, |_| Ok(Value::Null))?;
    listed(Format::Table, &columns, cells)
}

fn listed(format: Format, columns: &Columns, rows: Vec<Vec<String>>) -> Result<(), Failure> {
    if format == Format::Csv {
        return comma::print(columns.heads(), &rows);
    }
    if rows.is_empty() {
        return Ok(());
    }
    line(&drawn(columns.heads().iter().map(String::as_str), rows.into_iter()).to_string())
}

/// Messages that come one after the other, printed as they come; heads stand once.
#[derive(Debug)]
pub(crate) struct Lines {
    format: Format,
    columns: Option<Columns>,
}

impl Lines {
    /// Nothing is printed yet.
    pub(crate) const fn new(format: Format) -> Self {
        Self {
            format,
            columns: None,
        }
    }

    /// Prints the next one. In a table it is `sentence` on a line of its own, as the width of what comes later is not known.
    pub(crate) fn next<M: Message + Name + Row>(
        &mut self,
        message: &M,
        sentence: impl FnOnce(&M) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => line(&cell::visible(&sentence(message))),
            Format::Json | Format::Ndjson => self::message(self.format, message),
            Format::Csv => {
                let is_first = self.columns.is_none();
                let columns = match self.columns.take() {
                    Some(columns) => columns,
                    None => Columns::of_messages::<M>()?,
                };
                let rows = columns.rows(std::slice::from_ref(message), value)?;
                if is_first {
                    comma::print(columns.heads(), &rows)?;
                } else {
                    comma::print(&[], &rows)?;
                }
                self.columns = Some(columns);
                Ok(())
            }
        }
    }
}

fn value<M: Message + Name>(message: &M) -> Result<Value, Failure> {
    Ok(canonical::to_value(message).map_err(anyhow::Error::from)?)
}

/// Prints one line, or several. Whoever reads along sees it at once.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    Ok(writeln!(out, "{text}")?)
}

/// Names what is likely wanted after a table: on standard error, and only where a person reads both.
pub(crate) fn next(format: Format, commands: &[&str]) {
    if format == Format::Table && io::stdout().is_terminal() && io::stderr().is_terminal() {
        for command in commands {
            eprintln!("Next: {command}");
        }
    }
}
