//! A report as a workbook: a sheet about the report, and a sheet for each table.
//!
//! Cells are typed: numbers are numbers and days are days; texts are texts and never formulas. The same report gives the same bytes.

use std::path::Path;

use concordat_codec::time;
use concordat_proto::v1;
use concordat_proto::v1::report_cell::Value as Held;
use jiff::tz::TimeZone;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::answer::{Answer, Table, shown, unit};
use crate::exit::Failure;

/// Longest name of a sheet.
const SHEET_NAME_MAX: usize = 31;
/// Longest text of a cell: Excel takes no longer one.
const TEXT_MAX: usize = 32_767;

/// Writes the workbook.
pub(super) fn write(answer: &Answer, file: &Path) -> Result<(), Failure> {
    let bytes = bytes(answer).map_err(anyhow::Error::from)?;
    super::write(file, &bytes)
}

fn bytes(answer: &Answer) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The time at which it was made is that of the report, or two runs would differ.
    let at = answer.head.at.as_ref().and_then(time::from_wire);
    if let Some(at) = at.and_then(|at| {
        let made = at.to_zoned_datetime(TimeZone::UTC).datetime();
        let year = u16::try_from(made.year()).ok()?;
        let [month, day, hour, minute] =
            [made.month(), made.day(), made.hour(), made.minute()].map(i8::unsigned_abs);
        let second = f64::from(made.second());
        ExcelDateTime::from_ymd(year, month, day)
            .and_then(|day| day.and_hms(u16::from(hour), minute, second))
            .ok()
    }) {
        let properties = DocProperties::new()
            .set_title(&answer.head.title)
            .set_author(&answer.head.organisation)
            .set_creation_datetime(&at);
        workbook.set_properties(&properties);
    }
    about(workbook.add_worksheet(), answer)?;
    for table in &answer.tables {
        sheet(workbook.add_worksheet(), table)?;
    }
    workbook.save_to_buffer()
}

/// What the report is, where it stands, what its columns mean.
fn about(sheet: &mut Worksheet, answer: &Answer) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    sheet.set_name("about")?;
    sheet.set_column_width(0, 24)?.set_column_width(1, 60)?;
    sheet.write_string_with_format(0, 0, &answer.head.title, &bold)?;
    let mut row = 1;
    for (name, value) in answer.particulars() {
        sheet
            .write_string(row, 0, name)?
            .write_string(row, 1, value)?;
        row += 1;
    }
    for note in &answer.head.notes {
        row += 1;
        sheet.write_string(row, 0, cut(note))?;
    }
    row += 2;
    for (column, head) in (0..).zip(["table", "column", "unit", "meaning"]) {
        sheet.write_string_with_format(row, column, head, &bold)?;
    }
    for table in &answer.tables {
        for column in &table.about.columns {
            row += 1;
            sheet.write_string(row, 0, &table.about.name)?;
            sheet.write_string(row, 1, &column.name)?;
            sheet.write_string(row, 2, unit(column))?;
            sheet.write_string(row, 3, &column.meaning)?;
        }
    }
    Ok(())
}

fn sheet(sheet: &mut Worksheet, table: &Table) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let tenth = Format::new().set_num_format("0.0");
    let name: String = table.about.name.chars().take(SHEET_NAME_MAX).collect();
    sheet.set_name(name)?.set_freeze_panes(1, 0)?;
    for (column, about) in (0..).zip(&table.about.columns) {
        sheet.write_string_with_format(0, column, &about.name, &bold)?;
        let longest = table
            .rows
            .iter()
            .filter_map(|row| row.cells.get(usize::from(column)));
        let longest = longest
            .map(|cell| shown(cell).chars().count())
            .max()
            .unwrap_or(0);
        let width = longest.max(about.name.chars().count()).clamp(6, 60);
        sheet.set_column_width(column, u32::try_from(width + 2).unwrap_or(62))?;
    }
    for (row, cells) in (1..).zip(&table.rows) {
        for (column, cell) in (0..).zip(&cells.cells) {
            write_cell(sheet, (row, column), cell, [&day, &tenth])?;
        }
    }
    Ok(())
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &v1::ReportCell,
    [day, tenth]: [&Format; 2],
) -> Result<(), XlsxError> {
    match &cell.value {
        None => {}
        // Excel counts in floats, exact far beyond any count.
        Some(Held::Number(number)) => drop(sheet.write_number(row, column, *number as f64)?),
        Some(Held::Decimal(text)) => match text.parse::<f64>() {
            Ok(number) => drop(sheet.write_number_with_format(row, column, number, tenth)?),
            Err(_) => drop(sheet.write_string(row, column, text)?),
        },
        Some(Held::Date(text)) => match ExcelDateTime::parse_from_str(text) {
            Ok(date) => drop(sheet.write_datetime_with_format(row, column, &date, day)?),
            Err(_) => drop(sheet.write_string(row, column, text)?),
        },
        Some(Held::Text(_) | Held::Flag(_) | Held::Suppressed(_)) => {
            sheet.write_string(row, column, cut(&shown(cell)))?;
        }
    }
    Ok(())
}

/// As much of a text as a cell takes.
fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
