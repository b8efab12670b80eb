//! The actions register (`002` 5.4): what was promised, whether it was done, evidenced and told.

use std::collections::BTreeMap;

use super::dossier::{ActionFile, Dossier};
use super::figures::ALL;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;

/// Counts of one body: open in time, overdue, evidenced, told, verified, waived.
type Counts = [usize; 6];

// Covers: 002-5.4
/// Every action, and how each body stands.
pub(crate) struct ActionsRegister {
    actions: Table,
    bodies: BTreeMap<String, Counts>,
}

impl ActionsRegister {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            actions: Table::listing("actions", "Actions")
                .column("case", Unit::Text, "id of the case")
                .column("action", Unit::Text, "id of the action")
                .column("organisation", Unit::Text, "whose it is")
                .column("owner", Unit::Text, "post that sees to it")
                .column("authorised by", Unit::Text, "post that agreed to it")
                .column("assigned", Unit::Date, "day on which it was promised")
                .column(
                    "target",
                    Unit::Date,
                    "day by which it is to be done, as last moved",
                )
                .column(
                    "state",
                    Unit::Text,
                    "open, overdue, completed, told, verified or waived",
                )
                .column("completed", Unit::Date, "day on which it was done")
                .column("evidence", Unit::Text, "reference of the evidence")
                .column("told", Unit::Date, "day on which the person was told")
                .column("verified", Unit::Text, "what the check of it came to")
                .column(
                    "monitored until",
                    Unit::Date,
                    "how long its effect is looked at",
                ),
            bodies: BTreeMap::new(),
        }
    }
}

/// How an action stands, by the furthest that it has come.
pub(crate) fn standing(action: &ActionFile, frame: &Frame) -> &'static str {
    match action.verified.as_deref() {
        Some("waived") => "waived",
        Some("verified") if action.completed_on.is_some() => "verified",
        _ if action.is_overdue(frame.today) => "overdue",
        _ if action.is_open() => "open",
        _ if action.told_on.is_some() => "told",
        _ => "completed",
    }
}

impl Tally for ActionsRegister {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for action in dossier.actions() {
            let wanted = frame
                .only
                .as_ref()
                .is_none_or(|only| only.as_str() == action.body);
            if !wanted {
                continue;
            }
            let state = standing(&action, frame);
            let counts = self.bodies.entry(action.body.clone()).or_default();
            let counted = [
                state == "open",
                state == "overdue",
                action.completed_on.is_some() && action.evidence.is_some(),
                action.told_on.is_some(),
                state == "verified",
                state == "waived",
            ];
            for (count, counted) in counts.iter_mut().zip(counted) {
                *count += usize::from(counted);
            }
            self.actions.row([
                dossier.case().id().to_string().into(),
                action.id.into(),
                action.body.into(),
                action.owner.into(),
                action.authorised_by.into(),
                action.assigned_on.into(),
                action.target.into(),
                state.into(),
                action.completed_on.into(),
                action.evidence.into(),
                action.told_on.into(),
                action.verified.into(),
                action.monitoring_until.into(),
            ]);
        }
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        self.actions
            .rows
            .sort_by(|a, b| (&a[6], &a[0], &a[1]).cmp(&(&b[6], &b[0], &b[1])));
        let mut bodies = Table::figures("organisations", "Actions by organisation")
            .column("organisation", Unit::Text, "whose they are")
            .column("open", Unit::Count, "not done, the target has not passed")
            .column(
                "overdue",
                Unit::Count,
                "not done, and the target has passed",
            )
            .column("evidenced", Unit::Count, "done, with evidence")
            .column("told", Unit::Count, "the person was told")
            .column("verified", Unit::Count, "looked at and found done")
            .column("waived", Unit::Count, "given up, with a reason");
        let mut all = Counts::default();
        let rows: Vec<usize> = self
            .bodies
            .iter()
            .map(|(body, counts)| {
                all.iter_mut()
                    .zip(counts)
                    .for_each(|(all, count)| *all += count);
                let counts = counts.map(Cell::count);
                bodies.row(std::iter::once(Cell::from(body.as_str())).chain(counts))
            })
            .collect();
        let last = bodies.row(std::iter::once(Cell::from(ALL)).chain(all.map(Cell::count)));
        for column in 1..=all.len() {
            bodies.sums.push(Sum {
                total: (last, column),
                parts: rows.iter().map(|row| (*row, column)).collect(),
                has_rest: false,
            });
        }
        Draft::new(
            [bodies, self.actions],
            [
                "An action that was found insufficient is open again, with the new target if one was named.",
            ],
        )
    }
}
