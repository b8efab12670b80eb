//! A report as CSV (RFC 4180), for spreadsheets and other tools.
//!
//! A table is a file. Several tables in one would have to be taken apart by hand: `--out year.csv` writes `year-figures.csv` and so on.
//! On standard output each table stands under a line with its name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use csv::{Terminator, WriterBuilder};

use super::answer::{Answer, Table, shown};
use crate::exit::Failure;
use crate::output::comma;
use concordat_proto::v1;
use concordat_proto::v1::report_cell::Value as Held;

/// By which Excel knows UTF-8 when it opens a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Prints all tables.
pub(super) fn print(answer: &Answer) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let several = answer.tables.len() > 1;
    for (index, table) in answer.tables.iter().enumerate() {
        if several {
            let gap = if index > 0 { "\r\n" } else { "" };
            write!(out, "{gap}# {}\r\n", table.about.name)?;
        }
        out.write_all(&bytes(table)?)?;
    }
    Ok(())
}

/// Writes a file for each table, or the one named if there is one table.
pub(super) fn write(answer: &Answer, file: &Path) -> Result<(), Failure> {
    for table in &answer.tables {
        let place = match answer.tables.len() {
            1 => file.to_owned(),
            _ => beside(file, &table.about.name),
        };
        let bytes = [BYTE_ORDER_MARK, &bytes(table)?].concat();
        super::write(&place, &bytes)?;
    }
    Ok(())
}

/// `year.csv` and `figures` make `year-figures.csv`.
fn beside(file: &Path, table: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().map_or_else(
        || "csv".to_owned(),
        |ending| ending.to_string_lossy().into_owned(),
    );
    file.with_file_name(format!("{stem}-{table}.{ending}"))
}

fn bytes(table: &Table) -> Result<Vec<u8>, Failure> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let heads = table.about.columns.iter().map(|column| &column.name);
    writer.write_record(heads).map_err(anyhow::Error::from)?;
    for row in &table.rows {
        let cells = row.cells.iter().map(harmless);
        writer.write_record(cells).map_err(anyhow::Error::from)?;
    }
    Ok(writer
        .into_inner()
        .map_err(|error| anyhow::anyhow!("{error}"))?)
}

/// The text of a cell. One that a spreadsheet would run as a formula gets an apostrophe before it.
fn harmless(cell: &v1::ReportCell) -> String {
    let text = shown(cell);
    match cell.value {
        Some(Held::Text(_)) => comma::disarmed(&text).into_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_would_run_as_a_formula_is_disarmed_and_a_negative_number_is_not() {
        let cell = |value| v1::ReportCell { value: Some(value) };
        for formula in ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1", " =1", "＝1"] {
            let shown = harmless(&cell(Held::Text(formula.to_owned())));
            assert_eq!(shown, format!("'{formula}"));
        }
        assert_eq!(harmless(&cell(Held::Number(-3))), "-3");
        assert_eq!(harmless(&cell(Held::Text("ods:ZT1".to_owned()))), "ods:ZT1");
    }

    #[test]
    fn each_table_has_a_file_of_its_own() {
        let place = beside(Path::new("/a/year.csv"), "figures");
        assert_eq!(place, Path::new("/a/year-figures.csv"));
        assert_eq!(beside(Path::new("year"), "x"), Path::new("year-x.csv"));
    }
}
