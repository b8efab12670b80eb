//! What a report is: tables of typed cells, with where and when it stands.
//!
//! One shape for all reports, so that the API, the command line and the files that people open need to know one only.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::ids::{OrganisationId, Position};

/// A report that was run. Equal inputs give equal reports: nothing in it says when it was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its code, as `concordat report run` takes it.
    pub id: &'static str,
    /// Its name, for people.
    pub title: &'static str,
    /// The rule or guidance that asks for it.
    pub source: &'static str,
    /// Whose node made it: it holds what that organisation may see, no more.
    pub organisation: OrganisationId,
    /// Up to which position of the log events count; none on an empty log.
    pub position: Option<Position>,
    /// The instant at which deadlines were looked at.
    pub at: Timestamp,
    /// The parameters in force, defaults too, as names and values.
    pub parameters: Vec<(&'static str, String)>,
    /// Whether cells with small numbers were replaced.
    pub suppressed: bool,
    /// The tables, in reading order.
    pub tables: Vec<Table>,
    /// What a reader must know: definitions, what was left out, and why.
    pub notes: Vec<String>,
}

/// Whether the rows of a table are about many cases or about one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Figures over many cases: small ones can be suppressed.
    Figures,
    /// One row is about one case, or part of it: left out of reports with suppression.
    Listing,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its code, unique in the report: names a sheet or a file.
    pub name: &'static str,
    /// Its heading.
    pub title: String,
    /// What its rows are about.
    pub rows_are: Rows,
    /// What its cells mean, from left to right.
    pub columns: Vec<Column>,
    /// The rows; each has a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Which counts add up to which: read by suppression, so that no total gives a small number away.
    pub sums: Vec<Sum>,
}

/// A total and its parts, each as row and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The total.
    pub total: (usize, usize),
    /// The parts shown.
    pub parts: Vec<(usize, usize)>,
    /// Whether the parts shown leave a rest, which anybody can compute.
    pub has_rest: bool,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, in the words of the glossary.
    pub name: &'static str,
    /// What its cells are in.
    pub unit: Unit,
    /// What it says, in one clause.
    pub meaning: &'static str,
}

/// The unit of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Codes, names, ids.
    Text,
    /// Days of the calendar, in Europe/London.
    Date,
    /// How many: a number of cases, events or people.
    Count,
    /// Hundredths of something counted.
    Percent,
    /// Working days of the body concerned.
    WorkingDays,
    /// Calendar days.
    Days,
    /// Whole pounds sterling.
    Pounds,
    /// A plain number, such as a score.
    Number,
    /// Yes or no.
    Flag,
}

impl Unit {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Count => "count",
            Self::Percent => "percent",
            Self::WorkingDays => "working-days",
            Self::Days => "days",
            Self::Pounds => "pounds",
            Self::Number => "number",
            Self::Flag => "flag",
        }
    }

    /// Whether it is computed from counts, so that it could give a suppressed one away.
    pub(crate) fn is_derived(self) -> bool {
        match self {
            Self::Percent | Self::WorkingDays | Self::Days | Self::Pounds | Self::Number => true,
            Self::Text | Self::Date | Self::Count | Self::Flag => false,
        }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Nothing to say: not applicable, or not recorded.
    Empty,
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A number of tenths: percentages and averages are given to one place.
    Tenths(i64),
    /// A day.
    Date(Date),
    /// Yes or no.
    Flag(bool),
    /// Replaced, since it or what it gives away is a small number.
    Suppressed,
}

impl Cell {
    /// How many.
    pub(crate) fn count(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A part of a whole in percent, to one place, halves up; empty where there is no whole.
    pub(crate) fn percent(part: usize, whole: usize) -> Self {
        Self::ratio(part.saturating_mul(100), whole)
    }

    /// An average, to one place, halves up; empty where there is nothing to average.
    pub(crate) fn mean(sum: u64, number: usize) -> Self {
        Self::ratio(usize::try_from(sum).unwrap_or(usize::MAX), number)
    }

    fn ratio(part: usize, whole: usize) -> Self {
        let Some(whole) = u128::try_from(whole).ok().filter(|whole| *whole > 0) else {
            return Self::Empty;
        };
        let part = u128::try_from(part).unwrap_or(u128::MAX);
        let tenths = (part.saturating_mul(20) + whole) / (2 * whole);
        Self::Tenths(i64::try_from(tenths).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text.to_owned())
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&OrganisationId> for Cell {
    fn from(organisation: &OrganisationId) -> Self {
        Self::Text(organisation.to_string())
    }
}

impl From<Date> for Cell {
    fn from(day: Date) -> Self {
        Self::Date(day)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl<T> From<Option<T>> for Cell
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Self::from)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Tenths(tenths) => {
                let sign = if *tenths < 0 { "-" } else { "" };
                let tenths = tenths.unsigned_abs();
                write!(f, "{sign}{}.{}", tenths / 10, tenths % 10)
            }
            Self::Date(day) => write!(f, "{day}"),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Suppressed => f.write_str(SUPPRESSED),
        }
    }
}

/// What stands in the place of a small number.
pub const SUPPRESSED: &str = "*";

impl Table {
    /// A table of figures over many cases.
    pub(crate) fn figures(name: &'static str, title: impl Into<String>) -> Self {
        Self::of(name, title, Rows::Figures)
    }

    /// A table with a row for each case, or part of one.
    pub(crate) fn listing(name: &'static str, title: impl Into<String>) -> Self {
        Self::of(name, title, Rows::Listing)
    }

    fn of(name: &'static str, title: impl Into<String>, rows_are: Rows) -> Self {
        Self {
            name,
            title: title.into(),
            rows_are,
            columns: Vec::new(),
            rows: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// The same with a further column.
    pub(crate) fn column(mut self, name: &'static str, unit: Unit, meaning: &'static str) -> Self {
        self.columns.push(Column {
            name,
            unit,
            meaning,
        });
        self
    }

    /// Adds a row and says which it is.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> usize {
        let row: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "table {}", self.name);
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// Says that in one column the rows `parts` add up to the row `total`.
    pub(crate) fn adds_up(&mut self, column: usize, total: usize, parts: &[usize]) {
        self.add_sum(column, total, parts, false);
    }

    /// Says that in one column the rows `parts` are parts of the row `total` that leave a rest.
    pub(crate) fn is_part_of(&mut self, column: usize, total: usize, parts: &[usize]) {
        self.add_sum(column, total, parts, true);
    }

    fn add_sum(&mut self, column: usize, total: usize, parts: &[usize], has_rest: bool) {
        self.sums.push(Sum {
            total: (total, column),
            parts: parts.iter().map(|row| (*row, column)).collect(),
            has_rest,
        });
    }

    /// The cell of a row, found by the text of its first cell, in the column of that name.
    pub fn cell(&self, row: &str, column: &str) -> Option<&Cell> {
        let column = self.columns.iter().position(|one| one.name == column)?;
        let rows = self.rows.iter();
        rows.filter(|cells| cells.first().is_some_and(|cell| cell.to_string() == row))
            .find_map(|cells| cells.get(column))
    }
}

impl Report {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}
