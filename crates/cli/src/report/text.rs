//! A report for people, at a terminal.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::answer::{Answer, shown};
use crate::exit::Failure;
use crate::output;

/// Prints it.
pub(super) fn print(answer: &Answer) -> Result<(), Failure> {
    output::line(text(answer).trim_end())
}

/// Head, tables, notes.
pub(super) fn text(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.head.title);
    let lines = answer.particulars();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<width$}  {value}");
    }
    for table in &answer.tables {
        let _ = writeln!(text, "\n{} ({})", table.about.title, table.about.name);
        if table.rows.is_empty() {
            text.push_str("nothing\n");
            continue;
        }
        let mut grid = Table::new();
        let heads = table
            .about
            .columns
            .iter()
            .map(|column| column.name.to_uppercase());
        grid.load_style(NOTHING).set_header(heads);
        for row in &table.rows {
            grid.add_row(row.cells.iter().map(shown));
        }
        let _ = writeln!(text, "{grid}");
    }
    for note in &answer.head.notes {
        let _ = write!(text, "\n{note}");
    }
    text.push('\n');
    text
}
