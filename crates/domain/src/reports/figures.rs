//! Figures by code, as several reports need them: a row for each code, columns of counts, a row for all.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Cell, Table};

/// Counts by code. A case with several codes counts under each of them and once in the whole.
#[derive(Debug, Clone)]
pub(crate) struct ByCode<const N: usize> {
    rows: BTreeMap<String, [usize; N]>,
    whole: [usize; N],
}

impl<const N: usize> Default for ByCode<N> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            whole: [0; N],
        }
    }
}

impl<const N: usize> ByCode<N> {
    /// Counts one case under its codes, in the columns that hold for it.
    pub(crate) fn count(&mut self, codes: &BTreeSet<String>, columns: [bool; N]) {
        let add = |counts: &mut [usize; N]| {
            for (count, counted) in counts.iter_mut().zip(columns) {
                *count += usize::from(counted);
            }
        };
        for code in codes {
            add(self.rows.entry(code.clone()).or_insert([0; N]));
        }
        add(&mut self.whole);
    }

    /// Fills a table whose first column is the code and whose others are the counts.
    pub(crate) fn fill(&self, table: &mut Table) {
        let cells = |code: &str, counts: &[usize; N]| {
            let counts: Vec<Cell> = counts.iter().map(|count| Cell::count(*count)).collect();
            std::iter::once(Cell::from(code))
                .chain(counts)
                .collect::<Vec<_>>()
        };
        let rows: Vec<usize> = self
            .rows
            .iter()
            .map(|(code, counts)| table.row(cells(code, counts)))
            .collect();
        let all = table.row(cells(ALL, &self.whole));
        for column in 0..N {
            let parts: usize = self.rows.values().map(|counts| counts[column]).sum();
            // With several codes to a case the rows are more than the whole, and no sum gives anything away.
            if parts == self.whole[column] {
                table.adds_up(column + 1, all, &rows);
            }
        }
    }
}

/// The first cell of a row for all.
pub(crate) const ALL: &str = "all";
