//! The feedback line (`002` background): compliments, comments, concerns and enquiries beside complaints, never counted as complaints.

use std::collections::BTreeMap;

use super::dossier::{Dossier, Share};
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Note, Tally};
use crate::rules::Rules;

// Covers: 002-bg.1
/// Feedback of one body beside its complaints.
#[derive(Default)]
pub(crate) struct FeedbackLine {
    complaints: usize,
    kinds: BTreeMap<String, usize>,
    services: BTreeMap<(String, String), usize>,
    told: usize,
}

/// The kinds, in the order of the domain brief.
const KINDS: [&str; 5] = ["compliment", "comment", "suggestion", "concern", "enquiry"];

impl FeedbackLine {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for FeedbackLine {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let counted =
            dossier.share_of(&frame.about) == Share::Own && dossier.left_out_as().is_none();
        self.complaints += usize::from(counted && frame.period.contains(dossier.received_on()));
    }

    fn hear(&mut self, frame: &Frame, note: &Note) {
        if !frame.period.contains(note.received_on) {
            return;
        }
        *self.kinds.entry(note.kind.clone()).or_default() += 1;
        let key = (note.service.clone(), note.kind.clone());
        *self.services.entry(key).or_default() += 1;
        self.told += usize::from(note.told_may_complain);
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let mut line = Table::figures("line", "Feedback beside complaints")
            .column("kind", Unit::Text, "what it was")
            .column("number", Unit::Count, "received in the period");
        for kind in KINDS {
            let number = self.kinds.get(kind).copied().unwrap_or(0);
            line.row([kind.into(), Cell::count(number)]);
        }
        line.row(["told that they may complain".into(), Cell::count(self.told)]);
        let became = rules.directory.register().feedback_that_became_complaints();
        let became = became.filter(|entry| {
            entry.recorded.by == frame.about && frame.period.contains(entry.body.received_on)
        });
        line.row(["became a complaint".into(), Cell::count(became.count())]);
        line.row([
            "complaints, for comparison".into(),
            Cell::count(self.complaints),
        ]);
        let mut services = Table::figures("services", "By service")
            .column("service", Unit::Text, "service concerned, by code")
            .column("kind", Unit::Text, "what it was")
            .column("number", Unit::Count, "received in the period");
        for ((service, kind), number) in &self.services {
            services.row([
                service.as_str().into(),
                kind.as_str().into(),
                Cell::count(*number),
            ]);
        }
        Draft::new(
            [line, services],
            [
                "Feedback never leaves the node that logged it and is never counted as a complaint. What became one counts from the day the person first asked for it.",
            ],
        )
    }
}
