//! A report as it arrived, piece by piece.

use concordat_proto::json as canonical;
use concordat_proto::v1;
use concordat_proto::v1::report_cell::Value as Held;
use concordat_proto::v1::run_report_response::Piece;
use serde_json::{Map, Value, json};

use crate::display;
use crate::exit::Failure;

/// What stands in the place of a small number.
const SUPPRESSED: &str = "*";

/// A report with its tables.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) head: v1::ReportHead,
    pub(super) tables: Vec<Table>,
    end: Option<v1::ReportEnd>,
}

/// A table with its rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) about: v1::ReportTable,
    pub(super) rows: Vec<v1::ReportRow>,
}

impl Answer {
    /// Takes the next piece.
    pub(super) fn take(&mut self, response: v1::RunReportResponse) {
        match response.piece {
            Some(Piece::Head(head)) => self.head = head,
            Some(Piece::Table(about)) => self.tables.push(Table {
                about,
                rows: Vec::new(),
            }),
            Some(Piece::Rows(more)) => {
                if let Some(table) = self.tables.last_mut() {
                    table.rows.extend(more.rows);
                }
            }
            Some(Piece::End(end)) => self.end = Some(end),
            None => {}
        }
    }

    /// The same, if nothing of it is missing.
    pub(super) fn whole(self) -> Result<Self, Failure> {
        let rows: usize = self.tables.iter().map(|table| table.rows.len()).sum();
        let whole = self.end.as_ref().is_some_and(|end| {
            usize::try_from(end.tables) == Ok(self.tables.len())
                && usize::try_from(end.rows) == Ok(rows)
        });
        if whole {
            Ok(self)
        } else {
            Err(Failure::Failed(anyhow::anyhow!(
                "the report was cut off; run it again"
            )))
        }
    }

    /// The same with these tables only; with all, if none is named.
    pub(super) fn only(mut self, names: &[String]) -> Result<Self, Failure> {
        let there: Vec<String> = self
            .tables
            .iter()
            .map(|one| one.about.name.clone())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !there.contains(name)) {
            return Err(Failure::Usage(format!(
                "the report has no table `{unknown}`, but {}",
                there.join(", ")
            )));
        }
        self.tables
            .retain(|table| names.is_empty() || names.contains(&table.about.name));
        Ok(self)
    }

    /// One document: the head as the contract writes it, and each table with plain values.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        let Value::Object(mut document) = self.head_json()? else {
            return Err(Failure::Failed(anyhow::anyhow!("a head is an object")));
        };
        let tables: Vec<Value> = self.tables.iter().map(Table::json).collect();
        document.insert("tables".to_owned(), tables.into());
        Ok(Value::Object(document))
    }

    /// The head, and then a document for each row, by the names of the columns.
    pub(super) fn lines(&self) -> Result<Vec<Value>, Failure> {
        let mut lines = vec![self.head_json()?];
        for table in &self.tables {
            for row in &table.rows {
                let mut line = Map::new();
                line.insert("table".to_owned(), table.about.name.clone().into());
                let columns = table.about.columns.iter().zip(&row.cells);
                line.extend(columns.map(|(column, cell)| (column.name.clone(), plain(cell))));
                lines.push(Value::Object(line));
            }
        }
        Ok(lines)
    }

    fn head_json(&self) -> Result<Value, Failure> {
        Ok(canonical::to_value(&self.head).map_err(anyhow::Error::from)?)
    }

    /// What the head says, as names and values, for people.
    pub(super) fn particulars(&self) -> Vec<(String, String)> {
        let head = &self.head;
        let line = |name: &str, value: String| (name.to_owned(), value);
        let mut lines = vec![
            line("report", head.report.clone()),
            line("source", head.source.clone()),
            line("made by", head.organisation.clone()),
            line("at", display::instant(head.at.as_ref())),
            line("position", head.position.clone()),
        ];
        lines.extend(
            head.parameters
                .iter()
                .map(|one| line(&one.name, one.value.clone())),
        );
        let suppressed = if head.suppressed { "replaced" } else { "shown" };
        lines.push(line("small numbers", suppressed.to_owned()));
        lines
    }
}

impl Table {
    fn json(&self) -> Value {
        let columns = self.about.columns.iter().map(
            |column| json!({"name": column.name, "unit": unit(column), "meaning": column.meaning}),
        );
        let rows = self
            .rows
            .iter()
            .map(|row| row.cells.iter().map(plain).collect::<Value>());
        json!({
            "name": self.about.name,
            "title": self.about.title,
            "listing": self.about.listing,
            "columns": columns.collect::<Value>(),
            "rows": rows.collect::<Value>(),
        })
    }
}

/// The code of a column's unit.
pub(super) fn unit(column: &v1::ReportColumn) -> String {
    display::code(column.unit().as_str_name(), "REPORT_UNIT_")
}

/// A cell as a value of JSON; one without a value is null.
fn plain(cell: &v1::ReportCell) -> Value {
    match &cell.value {
        None => Value::Null,
        Some(Held::Text(text) | Held::Date(text)) => text.as_str().into(),
        Some(Held::Number(number)) => (*number).into(),
        Some(Held::Decimal(decimal)) => decimal
            .parse::<f64>()
            .map_or_else(|_| decimal.as_str().into(), Value::from),
        Some(Held::Flag(flag)) => (*flag).into(),
        Some(Held::Suppressed(_)) => SUPPRESSED.into(),
    }
}

/// A cell as a text.
pub(super) fn shown(cell: &v1::ReportCell) -> String {
    match &cell.value {
        None => String::new(),
        Some(Held::Text(text) | Held::Date(text) | Held::Decimal(text)) => text.clone(),
        Some(Held::Number(number)) => number.to_string(),
        Some(Held::Flag(true)) => "yes".to_owned(),
        Some(Held::Flag(false)) => "no".to_owned(),
        Some(Held::Suppressed(_)) => SUPPRESSED.to_owned(),
    }
}
