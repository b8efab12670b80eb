//! How deadlines of one body were kept, rule by rule.

use std::collections::BTreeMap;

use super::dossier::Dossier;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;
use crate::timetable::DeadlineState;

/// Deadlines of the body that fell due in the period: met, late, running.
#[derive(Default)]
pub(crate) struct Timeliness {
    rules: BTreeMap<(String, String), [usize; 3]>,
}

impl Timeliness {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for Timeliness {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for one in dossier.timetable().deadlines() {
            let due = one.due.is_some_and(|due| frame.period.contains(due));
            if one.owed_by != frame.about || !due || one.is_window() {
                continue;
            }
            let place = match one.state {
                DeadlineState::Met => 0,
                DeadlineState::MetLate | DeadlineState::Overdue => 1,
                DeadlineState::Running => 2,
                DeadlineState::Moved
                | DeadlineState::Ended
                | DeadlineState::Window
                | DeadlineState::Undated => continue,
            };
            let key = (one.name.rule().to_owned(), one.source.clone());
            self.rules.entry(key).or_default()[place] += 1;
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut table = Table::figures("deadlines", "Deadlines that fell due")
            .column("deadline", Unit::Text, "which duty")
            .column("source", Unit::Text, "legal or local source")
            .column("met", Unit::Count, "done by the due day")
            .column("late", Unit::Count, "done later, or overdue")
            .column(
                "running",
                Unit::Count,
                "not done, and the due day is not over",
            )
            .column("all", Unit::Count, "due in the period")
            .column("share", Unit::Percent, "met, of met and late");
        for ((rule, source), counts) in &self.rules {
            let cells = [rule.as_str().into(), source.as_str().into()];
            let cells = cells.into_iter().chain(counts.map(Cell::count));
            let row = table.row(cells.chain([
                Cell::count(counts.iter().sum()),
                Cell::percent(counts[0], counts[0] + counts[1]),
            ]));
            table.sums.push(Sum {
                total: (row, 5),
                parts: (2..5).map(|column| (row, column)).collect(),
                has_rest: false,
            });
        }
        Draft::new([table], [])
    }
}
