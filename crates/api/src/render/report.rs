//! Reports as the contract writes them: a head, tables with their rows in chunks, an end.

use concordat_codec::time;
use concordat_domain::reports::{Cell, Column, Report, Rows, Table, Unit};
use concordat_proto::v1;
use concordat_proto::v1::run_report_response::Piece;

use crate::opaque;

/// Rows of one piece: a row is some hundred bytes, so that a piece stays far below the 4 MiB that clients take.
const ROWS_AT_ONCE: usize = 500;
/// Cells of one piece: rows with free text are longer.
const BYTES_AT_ONCE: usize = 512 * 1024;

/// The pieces of a report, in order.
pub(crate) fn report(report: Report) -> impl Iterator<Item = v1::RunReportResponse> {
    let tables = report.tables.len();
    let rows: usize = report.tables.iter().map(|table| table.rows.len()).sum();
    let head = Piece::Head(head(&report));
    let end = Piece::End(v1::ReportEnd {
        tables: i32::try_from(tables).unwrap_or(i32::MAX),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
    });
    let tables = report.tables.into_iter().flat_map(table);
    let pieces = std::iter::once(head).chain(tables).chain([end]);
    pieces.map(|piece| v1::RunReportResponse { piece: Some(piece) })
}

fn head(report: &Report) -> v1::ReportHead {
    let parameter = |(name, value): &(&str, String)| v1::ReportParameter {
        name: (*name).to_owned(),
        value: value.clone(),
    };
    v1::ReportHead {
        report: report.id.to_owned(),
        title: report.title.to_owned(),
        source: report.source.to_owned(),
        organisation: report.organisation.to_string(),
        position: report.position.map(opaque::position).unwrap_or_default(),
        at: Some(time::to_wire(report.at)),
        parameters: report.parameters.iter().map(parameter).collect(),
        suppressed: report.suppressed,
        notes: report.notes.clone(),
    }
}

fn table(table: Table) -> Vec<Piece> {
    let mut pieces = vec![Piece::Table(v1::ReportTable {
        name: table.name.to_owned(),
        title: table.title,
        listing: table.rows_are == Rows::Listing,
        columns: table.columns.iter().map(column).collect(),
    })];
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for cells in table.rows {
        let row = v1::ReportRow {
            cells: cells.into_iter().map(cell).collect(),
        };
        bytes += prost::Message::encoded_len(&row);
        rows.push(row);
        if rows.len() == ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
            pieces.push(Piece::Rows(v1::ReportRows {
                rows: std::mem::take(&mut rows),
            }));
            bytes = 0;
        }
    }
    if !rows.is_empty() {
        pieces.push(Piece::Rows(v1::ReportRows { rows }));
    }
    pieces
}

fn column(column: &Column) -> v1::ReportColumn {
    let unit = match column.unit {
        Unit::Text => v1::ReportUnit::Text,
        Unit::Date => v1::ReportUnit::Date,
        Unit::Count => v1::ReportUnit::Count,
        Unit::Percent => v1::ReportUnit::Percent,
        Unit::WorkingDays => v1::ReportUnit::WorkingDays,
        Unit::Days => v1::ReportUnit::Days,
        Unit::Pounds => v1::ReportUnit::Pounds,
        Unit::Number => v1::ReportUnit::Number,
        Unit::Flag => v1::ReportUnit::Flag,
    };
    v1::ReportColumn {
        name: column.name.to_owned(),
        unit: unit.into(),
        meaning: column.meaning.to_owned(),
    }
}

fn cell(cell: Cell) -> v1::ReportCell {
    use v1::report_cell::Value;
    let value = match cell {
        Cell::Empty => None,
        Cell::Text(text) => Some(Value::Text(text)),
        Cell::Number(number) => Some(Value::Number(number)),
        Cell::Tenths(_) => Some(Value::Decimal(cell.to_string())),
        Cell::Date(day) => Some(Value::Date(day.to_string())),
        Cell::Flag(flag) => Some(Value::Flag(flag)),
        Cell::Suppressed => Some(Value::Suppressed(true)),
    };
    v1::ReportCell { value }
}
