//! Monitoring: the record that reg 17 asks for (E-25), and how far periods were kept.

use super::dossier::{Dossier, Share};
use super::figures::ALL;
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;
use crate::timetable::{Deadline, DeadlineState, Timetable};

// Covers: E-25
/// One row for each complaint received in the period.
pub(crate) struct Monitoring {
    complaints: Table,
    /// Met, missed and still running: the six months, and the period told as it was last amended.
    relevant_period: Kept,
    response: Kept,
}

/// How a date was kept.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    met: usize,
    missed: usize,
    running: usize,
    not_owed: usize,
}

impl Kept {
    fn count(&mut self, kept: Option<bool>, running: bool) {
        match kept {
            Some(true) => self.met += 1,
            Some(false) => self.missed += 1,
            None if running => self.running += 1,
            None => self.not_owed += 1,
        }
    }

    fn all(&self) -> usize {
        self.met + self.missed + self.running + self.not_owed
    }
}

impl Monitoring {
    pub(crate) fn new(_: &Frame) -> Self {
        let complaints = Table::listing("complaints", "Complaints received")
            .column("case", Unit::Text, "id of the case")
            .column(
                "received",
                Unit::Date,
                "day of receipt, after a pass-on that at who accepted it",
            )
            .column("service", Unit::Text, "services concerned, by code")
            .column(
                "subject",
                Unit::Text,
                "themes and underlying causes, by code",
            )
            .column("state", Unit::Text, "where the case stands")
            .column("outcome", Unit::Text, "outcome of the whole")
            .column(
                "answered",
                Unit::Date,
                "day of the answer, or of the end without one",
            )
            .column(
                "period told",
                Unit::Date,
                "the first date that was named for the answer",
            )
            .column(
                "amended to",
                Unit::Date,
                "the last date named, if it was changed",
            )
            .column("amendments", Unit::Count, "how often it was changed")
            .column(
                "met",
                Unit::Flag,
                "whether the period told, or its amended version, was met",
            )
            .column(
                "six months",
                Unit::Date,
                "last day of the relevant period, extensions counted",
            )
            .column("six months met", Unit::Flag, "whether it was met")
            .column(
                "days",
                Unit::Days,
                "from receipt to the answer, or to the instant of the report",
            );
        Self {
            complaints,
            relevant_period: Kept::default(),
            response: Kept::default(),
        }
    }
}

impl Tally for Monitoring {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let counted = dossier.share_of(&frame.about) == Share::Own
            && dossier.left_out_as().is_none()
            && frame.period.contains(dossier.received_on());
        if !counted {
            return;
        }
        let timetable = dossier.timetable();
        let (response, six_months) = (timetable.get("response"), timetable.get("relevant-period"));
        let told = named_dates(timetable, "response");
        let resolved = dossier.resolved_on();
        self.response.count(was_met(response), is_running(response));
        self.relevant_period
            .count(was_met(six_months), is_running(six_months));
        let until = resolved.unwrap_or(frame.today);
        let received = dossier.received_on();
        let join = |codes: std::collections::BTreeSet<String>| {
            codes.into_iter().collect::<Vec<_>>().join(", ")
        };
        let amended = told
            .last()
            .filter(|_| told.len() > 1)
            .and_then(|one| one.due);
        self.complaints.row([
            Cell::from(dossier.case().id().to_string()),
            received.into(),
            join(dossier.services()).into(),
            join(dossier.themes()).into(),
            dossier.case().state().code().into(),
            dossier.outcome().map(|outcome| outcome.code()).into(),
            resolved.into(),
            told.first().and_then(|one| one.due).into(),
            amended.into(),
            Cell::count(told.len().saturating_sub(1)),
            was_met(response).into(),
            six_months.and_then(|one| one.due).into(),
            was_met(six_months).into(),
            Cell::Number(i64::from((until - received).get_days())),
        ]);
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        self.complaints
            .rows
            .sort_by(|a, b| (&a[1], &a[0]).cmp(&(&b[1], &b[0])));
        let mut kept = Table::figures("kept", "Periods kept")
            .column("period", Unit::Text, "which date")
            .column("met", Unit::Count, "answered by that day")
            .column("missed", Unit::Count, "not answered by that day")
            .column(
                "running",
                Unit::Count,
                "not answered, and the day has not passed",
            )
            .column(
                "not owed",
                Unit::Count,
                "no date was named, or none is owed any more",
            )
            .column(ALL, Unit::Count, "complaints received")
            .column(
                "met of those decided",
                Unit::Percent,
                "met, of met and missed",
            );
        for (name, one) in [
            ("period told, as amended", self.response),
            ("six months, as extended", self.relevant_period),
        ] {
            let row = kept.row([
                name.into(),
                Cell::count(one.met),
                Cell::count(one.missed),
                Cell::count(one.running),
                Cell::count(one.not_owed),
                Cell::count(one.all()),
                Cell::percent(one.met, one.met + one.missed),
            ]);
            kept.sums.push(super::model::Sum {
                total: (row, 5),
                parts: (1..5).map(|column| (row, column)).collect(),
                has_rest: false,
            });
        }
        Draft {
            tables: vec![kept, self.complaints],
            notes: vec![
                "What counts is when something was done, not when it was recorded.".to_owned(),
                "A joint complaint stands in the record of its lead (Q18).".to_owned(),
            ],
        }
    }
}

/// The occurrences of a deadline whose date an event named, in order.
fn named_dates<'t>(timetable: &'t Timetable, name: &str) -> Vec<&'t Deadline> {
    let all = timetable.deadlines().iter();
    all.filter(|one| one.name.to_string() == name).collect()
}

/// Whether a deadline was kept; none while it runs, or if it is not owed.
pub(crate) fn was_met(deadline: Option<&Deadline>) -> Option<bool> {
    match deadline?.state {
        DeadlineState::Met => Some(true),
        DeadlineState::MetLate | DeadlineState::Overdue => Some(false),
        DeadlineState::Running
        | DeadlineState::Moved
        | DeadlineState::Ended
        | DeadlineState::Window
        | DeadlineState::Undated => None,
    }
}

fn is_running(deadline: Option<&Deadline>) -> bool {
    deadline.is_some_and(|one| one.state == DeadlineState::Running)
}
