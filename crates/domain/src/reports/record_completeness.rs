//! Record completeness: the twelve items that every record has to hold (`003` 14, S-11), and what people left out.

use std::collections::BTreeMap;

use super::dossier::{Dossier, Share};
use super::figures::ALL;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::judge::warnings;
use crate::rules::Rules;

/// Whether an item stands in the record of a case; none where the case has not come to it.
type Check = fn(&Dossier<'_>) -> Option<bool>;

/// The items of paragraph 14, in its order.
const ITEMS: [(&str, Check); 12] = [
    ("name and contact", |dossier| {
        let opened = dossier.opened()?;
        let known = opened.fields().flag("anonymous") != Some(true);
        let withheld = opened.fields().values("withheld").is_empty();
        (known && withheld).then(|| opened.event.filled.contains("complainants"))
    }),
    ("date received", |dossier| {
        Some(dossier.opened()?.fields().date("received_on").is_some())
    }),
    ("nature", |dossier| {
        Some(dossier.opened()?.event.filled.contains("nature"))
    }),
    ("service", |dossier| {
        Some(!dossier.opened()?.fields().values("services").is_empty())
    }),
    ("staff member", |dossier| {
        Some(
            dossier.last_of(EventType::HandlerAssigned).is_some()
                || dossier.last_of(EventType::NamedContactAssigned).is_some(),
        )
    }),
    ("stage 1 action and outcome", |dossier| {
        let answer = dossier.last_of(EventType::Stage1ResponseIssued)?;
        Some(
            answer.fields().text("outcome").is_some()
                && answer.event.filled.contains("action_taken"),
        )
    }),
    ("stage 1 closed", |dossier| {
        let answer = dossier.last_of(EventType::Stage1ResponseIssued)?;
        Some(answer.fields().date("closed_on").is_some())
    }),
    ("stage 2 initiated", |dossier| {
        let escalated = dossier.last_of(EventType::StageEscalated)?;
        Some(escalated.fields().date("initiated_on").is_some())
    }),
    ("stage 2 action and outcome", |dossier| {
        let answer = dossier.last_of(EventType::ResponseIssued)?;
        Some(
            answer.fields().text("overall_outcome").is_some()
                && answer.fields().get("actions").is_some(),
        )
    }),
    ("stage 2 closed", |dossier| {
        let answer = dossier.last_of(EventType::ResponseIssued)?;
        Some(answer.fields().date("closed_on").is_some())
    }),
    ("underlying cause and remedial action", |dossier| {
        let closed = dossier.last_of(EventType::CaseClosed)?;
        Some(
            closed.fields().text("underlying_cause_code").is_some()
                && closed.event.filled.contains("remedial_action"),
        )
    }),
    ("ombudsman outcome", |dossier| {
        dossier.last_of(EventType::OmbudsmanEnquiryReceived)?;
        let outcome = dossier.last_of(EventType::OmbudsmanDecisionRecorded);
        Some(outcome.is_some() || dossier.last_of(EventType::OmbudsmanReturned).is_some())
    }),
];

// Covers: S-11, 003-14
/// What is there, what is missing, and the warnings of each body.
pub(crate) struct RecordCompleteness {
    cases: Table,
    /// Complete, missing, not come to, by item.
    items: [[usize; 3]; ITEMS.len()],
    warnings: Table,
    /// Warnings by body and event type and field.
    by_body: BTreeMap<(String, &'static str, String), usize>,
}

impl RecordCompleteness {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            cases: Table::listing("cases", "Records of complaints received in the period")
                .column("case", Unit::Text, "id of the case")
                .column("received", Unit::Date, "day of receipt")
                .column("complete", Unit::Count, "items that are there")
                .column("missing", Unit::Count, "items that are missing")
                .column("missing items", Unit::Text, "which"),
            items: [[0; 3]; ITEMS.len()],
            warnings: Table::listing("warnings", "Expected fields left out")
                .column("case", Unit::Text, "id of the case")
                .column("organisation", Unit::Text, "whose event it is")
                .column("event", Unit::Text, "type of the event")
                .column(
                    "incomplete",
                    Unit::Text,
                    "fields that were expected and are absent",
                )
                .column("event id", Unit::Text, "id of the event"),
            by_body: BTreeMap::new(),
        }
    }

    fn take_items(&mut self, dossier: &Dossier<'_>) {
        let mut missing = Vec::new();
        let mut complete = 0;
        for ((name, check), counts) in ITEMS.iter().zip(&mut self.items) {
            let place = match check(dossier) {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            };
            counts[place] += 1;
            complete += usize::from(place == 0);
            if place == 1 {
                missing.push(*name);
            }
        }
        self.cases.row([
            dossier.case().id().to_string().into(),
            dossier.received_on().into(),
            Cell::count(complete),
            Cell::count(missing.len()),
            missing.join(", ").into(),
        ]);
    }
}

impl Tally for RecordCompleteness {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        if !frame.period.contains(dossier.received_on()) {
            return;
        }
        if dossier.share_of(&frame.about) == Share::Own {
            self.take_items(dossier);
        }
        if !dossier.case().is_party(&frame.about) {
            return;
        }
        for entry in dossier.entries() {
            let absent: Vec<String> = warnings(&entry.event)
                .iter()
                .filter_map(|warning| Some(warning.split_once(':')?.1.to_owned()))
                .collect();
            for field in &absent {
                let key = (
                    entry.actor().to_string(),
                    entry.event_type().code(),
                    field.clone(),
                );
                *self.by_body.entry(key).or_default() += 1;
            }
            if !absent.is_empty() {
                self.warnings.row([
                    dossier.case().id().to_string().into(),
                    Cell::from(entry.actor()),
                    entry.event_type().code().into(),
                    absent.join(", ").into(),
                    entry.event.id.to_string().into(),
                ]);
            }
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut items = Table::figures("items", "The twelve items of the minimum record")
            .column("item", Unit::Text, "which item")
            .column("there", Unit::Count, "complaints whose record holds it")
            .column(
                "missing",
                Unit::Count,
                "complaints whose record should hold it and does not",
            )
            .column(
                "not due",
                Unit::Count,
                "complaints that have not come to it, or will not",
            )
            .column(ALL, Unit::Count, "complaints received")
            .column("share", Unit::Percent, "there, of there and missing");
        for ((name, _), counts) in ITEMS.iter().zip(&self.items) {
            let all: usize = counts.iter().sum();
            let cells = [(*name).into()].into_iter().chain(counts.map(Cell::count));
            let row = items.row(cells.chain([
                Cell::count(all),
                Cell::percent(counts[0], counts[0] + counts[1]),
            ]));
            items.sums.push(Sum {
                total: (row, 4),
                parts: (1..4).map(|column| (row, column)).collect(),
                has_rest: false,
            });
        }
        let mut bodies = Table::figures("left-out", "Expected fields left out, by organisation")
            .column("organisation", Unit::Text, "whose events they are")
            .column("event", Unit::Text, "type of the event")
            .column("field", Unit::Text, "the field that is absent")
            .column("number", Unit::Count, "events without it");
        for ((body, event, field), number) in &self.by_body {
            bodies.row([
                body.as_str().into(),
                (*event).into(),
                field.as_str().into(),
                Cell::count(*number),
            ]);
        }
        Draft::new(
            [items, bodies, self.cases, self.warnings],
            [
                "A person who declines to give details is respected: name and contact are not due then (003 15).",
                "An absent expected field never made an event void.",
            ],
        )
    }
}
