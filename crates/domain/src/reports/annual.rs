//! The annual report (reg 18, E-26).

use super::dossier::{Dossier, Outcome, Share};
use super::figures::{ALL, ByCode};
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;

// Covers: E-26, 002-5.2
/// Figures of one organisation's year.
#[derive(Default)]
pub(crate) struct AnnualReport {
    received: usize,
    anonymous: usize,
    joint: usize,
    well_founded: usize,
    with_ombudsman: usize,
    contributed: usize,
    commissioned: usize,
    passed_on: usize,
    resolved_early: usize,
    excluded: usize,
    merged: usize,
    decided: [usize; Outcome::ALL.len() + 1],
    subjects: ByCode<2>,
    importance: ByCode<1>,
    /// Actions completed in the year, open at its end in time, and overdue then.
    actions: [usize; 3],
}

impl AnnualReport {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }

    fn take_own(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let received = frame.period.contains(dossier.received_on());
        if let Some(why) = dossier.left_out_as() {
            let line = match why {
                "resolved-early" => &mut self.resolved_early,
                "excluded" => &mut self.excluded,
                _ => &mut self.merged,
            };
            *line += usize::from(received);
            return;
        }
        let facts = &dossier.case().facts;
        let opened = dossier.opened();
        let anonymous = opened.is_some_and(|entry| entry.fields().flag("anonymous") == Some(true));
        self.received += usize::from(received);
        self.anonymous += usize::from(received && anonymous);
        self.joint += usize::from(received && facts.roles.joint);
        let decision = dossier
            .answer()
            .filter(|answer| frame.period.contains(answer.on) && !dossier.is_open());
        let well_founded = decision
            .as_ref()
            .is_some_and(|answer| answer.is_well_founded());
        self.well_founded += usize::from(well_founded);
        if let Some(answer) = &decision {
            let place = answer
                .outcome()
                .and_then(|outcome| Outcome::ALL.iter().position(|one| *one == outcome));
            self.decided[place.unwrap_or(Outcome::ALL.len())] += 1;
        }
        let known = dossier.ombudsman_enquiries();
        let known = known.iter().any(|(_, on)| frame.period.contains(*on));
        self.with_ombudsman += usize::from(known);
        if received || well_founded {
            self.subjects
                .count(&dossier.services(), [received, well_founded]);
        }
        if decision.is_some() {
            self.importance.count(&dossier.themes(), [true]);
        }
    }

    fn take_actions(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let own = dossier
            .actions()
            .into_iter()
            .filter(|action| action.body == frame.about.as_str());
        for action in own.filter(|action| action.assigned_on <= frame.period.to) {
            let done = action.completed_on.filter(|on| *on <= frame.period.to);
            match done {
                Some(on) => self.actions[0] += usize::from(frame.period.contains(on)),
                None if action.verified.as_deref() == Some("waived") => {}
                None => {
                    let overdue = action
                        .target
                        .is_some_and(|target| target <= frame.period.to);
                    self.actions[1 + usize::from(overdue)] += 1;
                }
            }
        }
    }

    fn figures(&self) -> Table {
        let mut table = Table::figures("figures", "Complaints of the year")
            .column("measure", Unit::Text, "what is counted")
            .column("number", Unit::Count, "how many complaints");
        let mut line =
            |measure: &str, number: usize| table.row([measure.into(), Cell::count(number)]);
        let received = line("received", self.received);
        let anonymous = line("received: anonymous", self.anonymous);
        let joint = line("received: joint, as lead", self.joint);
        line("well-founded", self.well_founded);
        line("known to be referred to an ombudsman", self.with_ombudsman);
        line("contributed to, counted by its lead", self.contributed);
        line("commissioned, handled by the provider", self.commissioned);
        line("passed on, counted by who accepted it", self.passed_on);
        line(
            "resolved by the next working day, not counted",
            self.resolved_early,
        );
        line("excluded, not counted", self.excluded);
        line("merged into another, not counted", self.merged);
        table.is_part_of(1, received, &[anonymous]);
        table.is_part_of(1, received, &[joint]);
        table
    }

    fn outcomes(&self) -> Table {
        let mut table = Table::figures("outcomes", "Outcomes decided in the year")
            .column(
                "outcome",
                Unit::Text,
                "outcome of the whole, derived from the findings on its issues",
            )
            .column("number", Unit::Count, "how many complaints");
        let codes = Outcome::ALL
            .iter()
            .map(|outcome| outcome.code())
            .chain(["no finding"]);
        let rows: Vec<usize> = codes
            .zip(self.decided)
            .map(|(code, number)| table.row([code.into(), Cell::count(number)]))
            .collect();
        let all = table.row([ALL.into(), Cell::count(self.decided.iter().sum())]);
        table.adds_up(1, all, &rows);
        table
    }

    fn action(&self) -> Table {
        let mut table = Table::figures("action", "Action taken and planned")
            .column("action", Unit::Text, "how it stands at the end of the year")
            .column(
                "number",
                Unit::Count,
                "how many actions of this organisation",
            );
        let [taken, planned, overdue] = self.actions;
        table.row(["taken in the year".into(), Cell::count(taken)]);
        table.row(["planned".into(), Cell::count(planned)]);
        table.row(["planned, past its target".into(), Cell::count(overdue)]);
        table
    }
}

impl Tally for AnnualReport {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let received = usize::from(frame.period.contains(dossier.received_on()));
        match dossier.share_of(&frame.about) {
            Share::Own => self.take_own(frame, dossier),
            Share::Contributed => self.contributed += received,
            Share::Commissioned => self.commissioned += received,
            Share::PassedOn => {
                self.passed_on += usize::from(frame.period.contains(dossier.first_received_on()));
            }
            Share::None => {}
        }
        self.take_actions(frame, dossier);
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut subjects = Table::figures("subjects", "Subject matter")
            .column(
                "service",
                Unit::Text,
                "service concerned, by code; one complaint may have several",
            )
            .column("received", Unit::Count, "received in the year")
            .column(
                "well-founded",
                Unit::Count,
                "decided in the year to be upheld or partly upheld",
            );
        self.subjects.fill(&mut subjects);
        let mut importance = Table::figures("importance", "Matters of general importance")
            .column(
                "theme",
                Unit::Text,
                "theme or underlying cause, by code; one complaint may have several",
            )
            .column("number", Unit::Count, "complaints decided in the year");
        self.importance.fill(&mut importance);
        Draft::new(
            [
                self.figures(),
                self.outcomes(),
                subjects,
                importance,
                self.action(),
            ],
            [
                "A joint complaint counts once, as received by its lead; others that took part show it on a line of their own (Q18).",
                "A complaint that was passed on counts as received by who accepted it, on the day on which it reached them (E-06).",
                "Well-founded: upheld or partly upheld, in the whole or in any issue; counted in the year of the decision.",
                "Settled by the end of the next working day, or excluded as a whole: no complaints under the Regulations (reg 8), so not counted as received.",
            ],
        )
    }
}
