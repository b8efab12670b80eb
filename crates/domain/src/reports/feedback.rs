//! Feedback (`002` 5.3): whom was asked how the handling was, who answered, and how.

use std::collections::BTreeMap;

use super::dossier::{Dossier, Share};
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::rules::Rules;

// Covers: 002-5.3
/// Invitations and answers of the period, in cases that the organisation runs.
#[derive(Default)]
pub(crate) struct Feedback {
    ended: usize,
    invited: usize,
    answered: usize,
    /// Answers, those with a score, and the sum of scores, by survey.
    surveys: BTreeMap<String, (usize, usize, u64)>,
}

impl Feedback {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for Feedback {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        if dossier.share_of(&frame.about) != Share::Own {
            return;
        }
        let within = |event_type: EventType| {
            dossier
                .of(event_type)
                .any(|entry| frame.period.contains(entry.date_or_day("on")))
        };
        let resolved = dossier.resolved_on();
        self.ended += usize::from(resolved.is_some_and(|on| frame.period.contains(on)));
        let surveyed = dossier.of(EventType::CaseClosed).any(|entry| {
            entry.fields().flag("survey_sent") == Some(true) && frame.period.contains(entry.day())
        });
        self.invited += usize::from(within(EventType::FeedbackInvited) || surveyed);
        self.answered += usize::from(within(EventType::FeedbackReceived));
        let received = dossier.of(EventType::FeedbackReceived);
        for entry in received.filter(|entry| frame.period.contains(entry.day())) {
            let survey = entry.fields().text("survey").unwrap_or_default();
            let score = entry
                .fields()
                .number("score")
                .and_then(|score| u64::try_from(score).ok());
            let counts = self.surveys.entry(survey.to_owned()).or_default();
            counts.0 += 1;
            counts.1 += usize::from(score.is_some());
            counts.2 += score.unwrap_or(0);
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut figures = Table::figures("feedback", "Feedback on the handling")
            .column("measure", Unit::Text, "what is counted")
            .column("number", Unit::Count, "how many complaints");
        figures.row(["answered or ended".into(), Cell::count(self.ended)]);
        figures.row([
            "invited to say how it was".into(),
            Cell::count(self.invited),
        ]);
        figures.row(["said how it was".into(), Cell::count(self.answered)]);
        let mut surveys = Table::figures("surveys", "Scores")
            .column("survey", Unit::Text, "which survey")
            .column("answers", Unit::Count, "answers in the period")
            .column("scored", Unit::Count, "of them with a score")
            .column("mean score", Unit::Number, "mean of the scores given");
        for (survey, (answers, scored, sum)) in &self.surveys {
            surveys.row([
                survey.as_str().into(),
                Cell::count(*answers),
                Cell::count(*scored),
                Cell::mean(*sum, *scored),
            ]);
        }
        Draft::new([figures, surveys], [])
    }
}
