//! Suppression of small numbers: a count of one to four could point at a person, and so could a total from which it can be worked out.
//!
//! Counts from 1 to 4 are replaced (primary suppression). Then as many further counts as it takes are replaced until no sum of the table
//! gives a replaced one away (secondary suppression): neither does any equation that follows from the sums have one unknown only, nor do
//! the replaced parts of a total come to less than five together. What is computed from counts goes with them. Zero stays: it is about
//! nobody, and "services with none" is what some reports are for.

use std::collections::BTreeSet;

use super::model::{Cell, Report, Rows, Sum, Table, Unit};

/// The smallest count that is shown besides zero (B10: "cells under 5 suppressed").
pub const SMALLEST_SHOWN: i64 = 5;

/// The report without small numbers, and without rows about single cases.
pub(crate) fn suppress(mut report: Report) -> Report {
    let before = report.tables.len();
    report
        .tables
        .retain(|table| table.rows_are == Rows::Figures);
    if report.tables.len() < before {
        report.notes.push(
            "Tables with a row for each case are left out of a report with suppression.".to_owned(),
        );
    }
    for table in &mut report.tables {
        suppress_table(table);
    }
    report.notes.push(format!(
        "Counts from 1 to {} are replaced by *, with as many others as it takes that no total gives them away, and what is computed from them.",
        SMALLEST_SHOWN - 1
    ));
    report.suppressed = true;
    report
}

fn suppress_table(table: &mut Table) {
    let mut system = System::of(table);
    system.settle();
    for (index, (row, column)) in system.places.iter().enumerate() {
        if system.hidden.contains(&index) {
            table.rows[*row][*column] = Cell::Suppressed;
        }
    }
    let derived: Vec<usize> = (0..table.columns.len())
        .filter(|column| table.columns[*column].unit.is_derived())
        .collect();
    for row in &mut table.rows {
        if row.contains(&Cell::Suppressed) {
            for column in &derived {
                if row[*column] != Cell::Empty {
                    row[*column] = Cell::Suppressed;
                }
            }
        }
    }
}

/// Counts, and the sums between them.
struct System {
    /// Where each count stands; rests of sums have no place.
    places: Vec<(usize, usize)>,
    values: Vec<i64>,
    /// Each a total and its parts, all by number.
    sums: Vec<(usize, Vec<usize>)>,
    hidden: BTreeSet<usize>,
}

impl System {
    fn of(table: &Table) -> Self {
        let mut places = Vec::new();
        let mut values = Vec::new();
        for (row, cells) in table.rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                if let (Unit::Count, Cell::Number(number)) = (table.columns[column].unit, cell) {
                    places.push((row, column));
                    values.push(*number);
                }
            }
        }
        let mut system = Self {
            places,
            values,
            sums: Vec::new(),
            hidden: BTreeSet::new(),
        };
        table.sums.iter().for_each(|sum| system.add(sum));
        system
    }

    fn add(&mut self, sum: &Sum) {
        let number = |place: &(usize, usize)| self.places.iter().position(|one| one == place);
        let Some(total) = number(&sum.total) else {
            return;
        };
        let mut parts: Vec<usize> = sum.parts.iter().filter_map(number).collect();
        if sum.has_rest {
            let shown: i64 = parts.iter().map(|part| self.values[*part]).sum();
            self.values.push(self.values[total] - shown);
            parts.push(self.values.len() - 1);
        }
        self.sums.push((total, parts));
    }

    /// Hides until nothing gives a hidden count away. A rest is never printed, but anybody can compute it: it counts as shown unless hidden.
    fn settle(&mut self) {
        let small = |value: &i64| (1..SMALLEST_SHOWN).contains(value);
        let counts = self.values.iter().enumerate();
        self.hidden = counts
            .filter(|(_, value)| small(value))
            .map(|(index, _)| index)
            .collect();
        while let Some(next) = self
            .given_away_by_group()
            .or_else(|| self.given_away_by_sums())
        {
            self.hidden.insert(next);
        }
    }

    /// A count to hide since the hidden parts of a shown total are too few or too small together.
    fn given_away_by_group(&self) -> Option<usize> {
        self.sums.iter().find_map(|(total, parts)| {
            let (hidden, shown): (Vec<usize>, Vec<usize>) =
                parts.iter().partition(|part| self.hidden.contains(part));
            if hidden.is_empty() || self.hidden.contains(total) {
                return None;
            }
            let together: i64 = hidden.iter().map(|part| self.values[*part]).sum();
            if hidden.len() > 1 && together >= SMALLEST_SHOWN {
                return None;
            }
            self.smallest(&shown).or(Some(*total))
        })
    }

    /// A count to hide since an equation that follows from the sums has one hidden count only.
    fn given_away_by_sums(&self) -> Option<usize> {
        let unknown: Vec<usize> = self.hidden.iter().copied().collect();
        let rows: Vec<Vec<i128>> = self
            .sums
            .iter()
            .map(|(total, parts)| {
                let coefficient = |index: &usize| {
                    let part = parts.iter().filter(|part| *part == index).count();
                    i128::from(*total == *index) - i128::try_from(part).unwrap_or(i128::MAX)
                };
                unknown.iter().map(coefficient).collect()
            })
            .collect();
        let solved = solved_unknown(rows)?;
        let given_away = unknown[solved];
        let beside = self
            .sums
            .iter()
            .filter(|(total, parts)| *total == given_away || parts.contains(&given_away))
            .flat_map(|(total, parts)| parts.iter().chain([total]).copied())
            .filter(|index| !self.hidden.contains(index))
            .collect::<Vec<usize>>();
        self.smallest(&beside).or_else(|| {
            // Nothing beside it is shown any more: hide the smallest count of any sum, so that this always ends.
            let shown: Vec<usize> = self
                .sums
                .iter()
                .flat_map(|(total, parts)| parts.iter().chain([total]).copied())
                .filter(|index| !self.hidden.contains(index))
                .collect();
            self.smallest(&shown)
        })
    }

    /// The smallest of these that is not zero; a zero if there is no other.
    fn smallest(&self, of: &[usize]) -> Option<usize> {
        of.iter()
            .copied()
            .min_by_key(|index| (self.values[*index] == 0, self.values[*index], *index))
    }
}

/// An unknown that the equations determine, whatever their right sides are: by elimination on whole numbers.
fn solved_unknown(mut rows: Vec<Vec<i128>>) -> Option<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut done = 0;
    for column in 0..columns {
        let Some(pivot) = (done..rows.len()).find(|row| rows[*row][column] != 0) else {
            continue;
        };
        rows.swap(done, pivot);
        let pivot_row = rows[done].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != done && row[column] != 0 {
                eliminate(row, &pivot_row, column);
            }
        }
        done += 1;
    }
    rows.iter().take(done).find_map(|row| {
        let mut unknowns = row.iter().enumerate().filter(|(_, factor)| **factor != 0);
        match (unknowns.next(), unknowns.next()) {
            (Some((only, _)), None) => Some(only),
            _ => None,
        }
    })
}

fn eliminate(row: &mut [i128], pivot_row: &[i128], column: usize) {
    let (own, other) = (row[column], pivot_row[column]);
    for (value, pivot) in row.iter_mut().zip(pivot_row) {
        *value = value
            .saturating_mul(other)
            .saturating_sub(pivot.saturating_mul(own));
    }
    let divisor = row.iter().fold(0, |divisor, value| gcd(divisor, *value));
    if divisor > 1 {
        row.iter_mut().for_each(|value| *value /= divisor);
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 {
        a.saturating_abs()
    } else {
        gcd(b, a % b)
    }
}

#[cfg(test)]
mod tests;
