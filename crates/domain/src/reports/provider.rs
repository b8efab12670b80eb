//! The provider report (`002` 5.6, `004`): by provider what was received, how it ended, what was escalated, and what its contract measures.

use std::collections::BTreeMap;

use super::dossier::{Dossier, Outcome};
use super::model::{Cell, Table, Unit};
use super::monitoring::was_met;
use super::trends::providers_of;
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::rules::Rules;

/// Figures of one provider.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    received: usize,
    resolved_early: usize,
    upheld: usize,
    partly: usize,
    not_upheld: usize,
    escalated: usize,
    taken_back: usize,
    acknowledged: [usize; 2],
    answered: [usize; 2],
    actions_open: usize,
    actions_overdue: usize,
}

// Covers: 002-5.6, 003-5, 003-13, C-05
/// Complaints in which a provider takes part.
#[derive(Default)]
pub(crate) struct Provider {
    providers: BTreeMap<OrganisationId, Figures>,
}

impl Provider {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Figures {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>, provider: &OrganisationId) {
        let of = |event: EventType| dossier.last_of(event).is_some();
        let early = dossier.left_out_as() == Some("resolved-early")
            || dossier
                .of(EventType::ResponsiblePersonNotified)
                .any(|entry| entry.fields().flag("resolved_early") == Some(true));
        self.received += 1;
        self.resolved_early += usize::from(early);
        match dossier.outcome() {
            Some(Outcome::Upheld) => self.upheld += 1,
            Some(Outcome::PartlyUpheld) => self.partly += 1,
            Some(Outcome::NotUpheld) => self.not_upheld += 1,
            Some(Outcome::Resolved) | None => {}
        }
        self.escalated += usize::from(of(EventType::ComplainantDissatisfied));
        self.taken_back += usize::from(
            of(EventType::HandlingTakenBack)
                || of(EventType::CouncilReviewDecided) && dossier.case().keeper() != provider,
        );
        for one in dossier
            .timetable()
            .deadlines()
            .iter()
            .filter(|one| one.owed_by == *provider)
        {
            let counts = match one.name.rule() {
                "acknowledge" => &mut self.acknowledged,
                "response" => &mut self.answered,
                _ => continue,
            };
            if let Some(met) = was_met(Some(one)) {
                counts[usize::from(!met)] += 1;
            }
        }
        for action in dossier
            .actions()
            .iter()
            .filter(|action| action.body == provider.as_str())
        {
            let overdue = action.is_overdue(frame.today);
            self.actions_overdue += usize::from(overdue);
            self.actions_open += usize::from(action.is_open() && !overdue);
        }
    }

    /// The value that a measure of a contract names, in tenths of a percent; none for a measure that is not counted here.
    fn value(&self, measure: &str) -> Option<Cell> {
        let of = |[met, late]: [usize; 2]| Cell::percent(met, met + late);
        match measure {
            "acknowledged-in-time" => Some(of(self.acknowledged)),
            "answered-in-time" => Some(of(self.answered)),
            "resolved-early" => Some(Cell::percent(self.resolved_early, self.received)),
            "escalated" => Some(Cell::percent(self.escalated, self.received)),
            "upheld" => Some(Cell::percent(
                self.upheld + self.partly,
                self.upheld + self.partly + self.not_upheld,
            )),
            _ => None,
        }
    }
}

/// A measure such as `answered-in-time>=90`: its name, whether more is better, and the percentage.
fn read_measure(text: &str) -> (&str, Option<(bool, i64)>) {
    for (sign, more) in [(">=", true), ("<=", false)] {
        if let Some((name, number)) = text.split_once(sign) {
            let bound = number.trim().trim_end_matches('%').parse::<i64>();
            return (name.trim(), bound.ok().map(|bound| (more, bound * 10)));
        }
    }
    (text.trim(), None)
}

impl Tally for Provider {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        if !frame.period.contains(dossier.first_received_on()) {
            return;
        }
        for provider in providers_of(dossier) {
            if frame.only.as_ref().is_none_or(|only| only == provider) {
                let figures = self.providers.entry(provider.clone()).or_default();
                figures.take(frame, dossier, provider);
            }
        }
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let mut table = Table::figures("providers", "Complaints by provider")
            .column("provider", Unit::Text, "its code")
            .column(
                "received",
                Unit::Count,
                "complaints received in which it takes part",
            )
            .column("resolved early", Unit::Count, "settled by it at once")
            .column("upheld", Unit::Count, "upheld so far")
            .column("partly upheld", Unit::Count, "partly upheld so far")
            .column("not upheld", Unit::Count, "not upheld so far")
            .column(
                "escalated",
                Unit::Count,
                "the person was not satisfied with its answer",
            )
            .column("taken back", Unit::Count, "the council handles them since")
            .column(
                "actions open",
                Unit::Count,
                "its actions that are not done and not past their target",
            )
            .column(
                "actions overdue",
                Unit::Count,
                "its actions past their target",
            );
        for (provider, one) in &self.providers {
            let counts = [
                one.received,
                one.resolved_early,
                one.upheld,
                one.partly,
                one.not_upheld,
                one.escalated,
                one.taken_back,
                one.actions_open,
                one.actions_overdue,
            ];
            table.row(std::iter::once(Cell::from(provider)).chain(counts.map(Cell::count)));
        }
        let register = rules.directory.register();
        let wanted =
            |provider: &OrganisationId| frame.only.as_ref().is_none_or(|only| only == provider);
        let mut returns = Table::figures("returns", "What providers counted themselves")
            .column("provider", Unit::Text, "its code")
            .column("period", Unit::Text, "which period")
            .column(
                "received",
                Unit::Count,
                "complaints received by its own count",
            )
            .column("resolved early", Unit::Count, "of them settled early")
            .column("escalated", Unit::Count, "of them sent on to the council")
            .column("submitted", Unit::Date, "day of the return");
        for entry in register
            .provider_returns()
            .filter(|entry| wanted(&entry.recorded.by) && frame.period.contains(entry.recorded.day))
        {
            returns.row([
                Cell::from(&entry.recorded.by),
                entry.body.period.as_str().into(),
                entry.body.received.into(),
                entry.body.resolved_early.into(),
                entry.body.escalated.into(),
                entry.recorded.day.into(),
            ]);
        }
        let mut measures = Table::figures("measures", "What contracts measure")
            .column("provider", Unit::Text, "its code")
            .column("agreement", Unit::Text, "id of the contract")
            .column("objective", Unit::Text, "what is aimed at")
            .column("measure", Unit::Text, "how it is measured")
            .column(
                "value",
                Unit::Percent,
                "value in the period, if it is counted here",
            )
            .column(
                "met",
                Unit::Flag,
                "whether the bound named in the measure is kept",
            );
        for entry in register.agreements_on(frame.period.to) {
            let body = &entry.body;
            let providers = body.parties.iter().filter(|party| wanted(party));
            let providers = providers.filter(|party| {
                rules
                    .directory
                    .organisation(party)
                    .is_some_and(|one| one.kind == "provider")
            });
            for provider in providers {
                let figures = self.providers.get(provider).copied().unwrap_or_default();
                let (objectives, listed) = (
                    body.objectives.iter().flatten(),
                    body.measures.iter().flatten(),
                );
                let objectives: Vec<&String> = objectives.collect();
                for (index, measure) in listed.enumerate() {
                    let (name, bound) = read_measure(measure);
                    let value = figures.value(name).unwrap_or(Cell::Empty);
                    let met = match (&value, bound) {
                        (Cell::Tenths(value), Some((true, bound))) => Some(*value >= bound),
                        (Cell::Tenths(value), Some((false, bound))) => Some(*value <= bound),
                        _ => None,
                    };
                    measures.row([
                        Cell::from(provider),
                        body.id.as_str().into(),
                        objectives.get(index).map(|text| text.as_str()).into(),
                        measure.as_str().into(),
                        value,
                        met.into(),
                    ]);
                }
            }
        }
        Draft::new(
            [table, returns, measures],
            [
                "Counted here are the measures acknowledged-in-time, answered-in-time, resolved-early, escalated and upheld, with a bound such as >=90; others are for people to fill in.",
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_names_what_is_counted_and_its_bound() {
        assert_eq!(
            read_measure("answered-in-time>=90"),
            ("answered-in-time", Some((true, 900)))
        );
        assert_eq!(
            read_measure("escalated <= 10%"),
            ("escalated", Some((false, 100)))
        );
        assert_eq!(read_measure("satisfaction"), ("satisfaction", None));
    }
}
