//! Compliance by rule and seed item: for each responsibility whether it was met or missed in the cases of an organisation, with the
//! events that prove it (inspection; `002` l.40).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::Date;

use super::dossier::{Dossier, Share};
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::events::{EventType, row};
use crate::responsibilities::{Responsibility, responsibilities, rule_ids};
use crate::rules::Rules;
use crate::timetable::DeadlineState;

/// Proofs shown for each responsibility: enough to look into, few enough to read.
const PROOFS_MAX: usize = 20;

/// The responsibilities that each event covers.
static COVERED: LazyLock<BTreeMap<EventType, BTreeSet<String>>> = LazyLock::new(|| {
    let covered = |event_type: &EventType| {
        let row = row(*event_type);
        let items = row.covers.iter().map(|item| {
            let id = item.split_once(" by ").map_or(*item, |(id, _)| id);
            id.to_owned()
        });
        (*event_type, items.chain(rule_ids(row.summary)).collect())
    };
    EventType::ALL.iter().map(covered).collect()
});

/// One proof.
struct Proof {
    case: String,
    on: Option<Date>,
    by: String,
    what: String,
    event: String,
    result: &'static str,
}

/// What was found on one responsibility.
#[derive(Default)]
struct Found {
    met: usize,
    missed: usize,
    proofs: Vec<Proof>,
    /// Proofs beyond those that are kept.
    more: usize,
}

impl Found {
    fn keep(&mut self, proof: Proof) {
        if self.proofs.len() < PROOFS_MAX {
            self.proofs.push(proof);
        } else {
            self.more += 1;
        }
    }
}

// Covers: 001-9, 002-bg.1, E-01
/// Responsibilities by id.
#[derive(Default)]
pub(crate) struct Compliance {
    found: BTreeMap<String, Found>,
    cases: usize,
}

impl Compliance {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }

    /// What deadlines say: a duty done in time, or not.
    fn take_deadlines(
        &mut self,
        frame: &Frame,
        dossier: &Dossier<'_>,
        met: &mut BTreeSet<String>,
        missed: &mut BTreeSet<String>,
    ) {
        for one in dossier.timetable().deadlines() {
            if one.owed_by != frame.about || one.is_window() {
                continue;
            }
            let result = match one.state {
                DeadlineState::Met => "met",
                DeadlineState::MetLate | DeadlineState::Overdue => "missed",
                DeadlineState::Moved if one.was_late() => "missed",
                DeadlineState::Running
                | DeadlineState::Moved
                | DeadlineState::Ended
                | DeadlineState::Window
                | DeadlineState::Undated => continue,
            };
            for id in one.rule.split(", ") {
                let set = if result == "met" {
                    &mut *met
                } else {
                    &mut *missed
                };
                set.insert(id.to_owned());
                self.found.entry(id.to_owned()).or_default().keep(Proof {
                    case: dossier.case().id().to_string(),
                    on: one.due,
                    by: one.owed_by.to_string(),
                    what: format!("deadline {}", one.name),
                    event: one.stopped_by.unwrap_or(one.set_by).to_string(),
                    result,
                });
            }
        }
    }

    /// What events say: that it was done.
    fn take_events(&mut self, frame: &Frame, dossier: &Dossier<'_>, met: &mut BTreeSet<String>) {
        for entry in dossier.entries() {
            if *entry.actor() != frame.about {
                continue;
            }
            for id in COVERED.get(&entry.event_type()).into_iter().flatten() {
                met.insert(id.clone());
                self.found.entry(id.clone()).or_default().keep(Proof {
                    case: dossier.case().id().to_string(),
                    on: Some(entry.day()),
                    by: entry.actor().to_string(),
                    what: entry.event_type().code().to_owned(),
                    event: entry.event.id.to_string(),
                    result: "met",
                });
            }
        }
    }

    /// What the body recorded outside cases.
    fn take_register(&mut self, frame: &Frame, rules: &Rules<'_>) {
        let register = rules.directory.register();
        let mut records = Vec::new();
        macro_rules! records {
            ($($list:ident = $event:ident),* $(,)?) => {$(
                records.extend(register.$list().map(|entry| (EventType::$event, entry.recorded.clone())));
            )*};
        }
        records!(
            services = ServiceRegistered,
            retired_services = ServiceRetired,
            adoptions = PolicyAdopted,
            trainings = TrainingRecorded,
            publicity = PublicityRecorded,
            publications = ReportPublished,
            board_reviews = BoardReviewRecorded,
            liaison_meetings = LiaisonMeetingHeld,
            agreements = AgreementRecorded,
            provider_returns = ProviderReturnSubmitted,
            feedback_that_became_complaints = FeedbackBecameComplaint,
        );
        for (event_type, recorded) in records {
            if recorded.by != frame.about || recorded.day > frame.period.to {
                continue;
            }
            for id in COVERED.get(&event_type).into_iter().flatten() {
                let found = self.found.entry(id.clone()).or_default();
                found.keep(Proof {
                    case: String::new(),
                    on: Some(recorded.day),
                    by: recorded.by.to_string(),
                    what: event_type.code().to_owned(),
                    event: recorded.event.to_string(),
                    result: "met",
                });
            }
        }
    }
}

impl Tally for Compliance {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let concerned = dossier.share_of(&frame.about) != Share::None;
        if !concerned || !frame.period.contains(dossier.first_received_on()) {
            return;
        }
        self.cases += 1;
        let (mut met, mut missed) = (BTreeSet::new(), BTreeSet::new());
        self.take_deadlines(frame, dossier, &mut met, &mut missed);
        self.take_events(frame, dossier, &mut met);
        for id in &missed {
            self.found.entry(id.clone()).or_default().missed += 1;
        }
        for id in met.difference(&missed) {
            self.found.entry(id.clone()).or_default().met += 1;
        }
    }

    fn finish(mut self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        self.take_register(frame, rules);
        let mut items = Table::figures("items", "Responsibilities")
            .column("id", Unit::Text, "rule or seed item")
            .column(
                "source",
                Unit::Text,
                "document or family of rules, and the place in it",
            )
            .column("responsibility", Unit::Text, "what has to be done")
            .column(
                "result",
                Unit::Text,
                "met, missed, partly, or n.a. where nothing in the period bears on it",
            )
            .column("met", Unit::Count, "cases in which it was met")
            .column("missed", Unit::Count, "cases in which it was missed");
        let mut proofs = Table::listing("proofs", "What proves it")
            .column("id", Unit::Text, "rule or seed item")
            .column("result", Unit::Text, "met or missed")
            .column(
                "case",
                Unit::Text,
                "id of the case; empty for what was recorded outside cases",
            )
            .column(
                "day",
                Unit::Date,
                "due day of a deadline, or day of the event",
            )
            .column("organisation", Unit::Text, "whose act or duty")
            .column("what", Unit::Text, "event, or deadline")
            .column("event", Unit::Text, "id of the event that proves it");
        let nothing = Found::default();
        for Responsibility {
            id,
            source,
            place,
            text,
        } in responsibilities()
        {
            let found = self.found.get(id).unwrap_or(&nothing);
            let result = match (found.met, found.missed, found.proofs.is_empty()) {
                (_, 0, false) => "met",
                (0, 1.., _) => "missed",
                (1.., 1.., _) => "partly",
                (_, 0, true) => "n.a.",
            };
            items.row([
                id.as_str().into(),
                format!("{source}, {place}").into(),
                text.as_str().into(),
                result.into(),
                Cell::count(found.met),
                Cell::count(found.missed),
            ]);
            for proof in &found.proofs {
                proofs.row([
                    id.as_str().into(),
                    proof.result.into(),
                    proof.case.as_str().into(),
                    proof.on.into(),
                    proof.by.as_str().into(),
                    proof.what.as_str().into(),
                    proof.event.as_str().into(),
                ]);
            }
        }
        let left_out: usize = self.found.values().map(|found| found.more).sum();
        let mut notes = vec![
            format!("{} cases received in the period in which the organisation has or had a part.", self.cases),
            "Met: an event records it, or its deadline was met. Missed: its deadline was met late or is overdue. A case that met it and missed it counts as missed.".to_owned(),
            "Whether what was done was done well is for people to judge.".to_owned(),
        ];
        if left_out > 0 {
            notes.push(format!(
                "At most {PROOFS_MAX} proofs are shown for each; {left_out} more are in the cases."
            ));
        }
        Draft {
            tables: vec![items, proofs],
            notes,
        }
    }
}
