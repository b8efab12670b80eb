//! Reports for readers outside: annual outcomes and actions (`003` 24), and the extract for inspectors.

use super::actions_register::ActionsRegister;
use super::annual::AnnualReport;
use super::composed::Composed;
use super::feedback::Feedback;
use super::model::{Cell, Table, Unit};
use super::monitoring::Monitoring;
use super::remedies::Remedies;
use super::timeliness::Timeliness;
use super::training::Training;
use super::{Draft, Frame, Tally};
use crate::reports::dossier::Dossier;
use crate::rules::Rules;

// Covers: 003-24, 003-25, 002-1.8
/// What is published: outcomes, subjects and actions of the year.
pub(crate) fn annual_outcomes(frame: &Frame) -> Composed {
    Composed::default().with(
        frame,
        AnnualReport::new,
        &["outcomes", "subjects", "importance", "action"],
    )
}

// Covers: 002-bg.2
/// What inspectors ask for, in figures.
pub(crate) fn inspection(frame: &Frame) -> Composed {
    let own = Frame {
        only: Some(frame.about.clone()),
        ..frame.clone()
    };
    Composed::default()
        .with(
            frame,
            AnnualReport::new,
            &["figures", "outcomes", "subjects", "importance"],
        )
        .with(frame, Monitoring::new, &["kept"])
        .with(frame, Timeliness::new, &["deadlines"])
        .with(&own, ActionsRegister::new, &["organisations"])
        .with(&own, Remedies::new, &["kinds"])
        .with(frame, Feedback::new, &["feedback", "surveys"])
        .with(frame, Training::new, &["trainings"])
        .with(
            frame,
            MadeKnown::new,
            &["publicity", "publications", "board-reviews"],
        )
}

/// What the body made known, from the directory.
pub(crate) struct MadeKnown;

impl MadeKnown {
    pub(crate) fn new(_: &Frame) -> Self {
        Self
    }
}

impl Tally for MadeKnown {
    fn take(&mut self, _: &Frame, _: &Dossier<'_>) {}

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let register = rules.directory.register();
        let mut publicity = Table::figures("publicity", "What was made known about complaining")
            .column("what", Unit::Text, "what was published")
            .column("where", Unit::Text, "where it is")
            .column("reviewed", Unit::Text, "when it was last looked at")
            .column("formats", Unit::Text, "in which formats")
            .column("recorded", Unit::Date, "day of the record");
        for entry in register
            .publicity()
            .filter(|entry| entry.recorded.by == frame.about)
        {
            publicity.row([
                entry.body.what.as_str().into(),
                entry.body.r#where.as_str().into(),
                entry.body.reviewed.as_str().into(),
                codes(entry.body.formats.as_deref()),
                entry.recorded.day.into(),
            ]);
        }
        let mut publications = Table::figures("publications", "Reports published")
            .column("report", Unit::Text, "which report")
            .column("period", Unit::Text, "which period")
            .column("published", Unit::Date, "on which day")
            .column("formats", Unit::Text, "in which formats")
            .column("sent to", Unit::Text, "who got it");
        for entry in register
            .publications()
            .filter(|entry| entry.recorded.by == frame.about)
        {
            publications.row([
                entry.body.kind.code().into(),
                entry.body.period.as_str().into(),
                entry.recorded.day.into(),
                codes(entry.body.formats.as_deref()),
                codes(entry.body.sent_to.as_deref()),
            ]);
        }
        let mut reviews = Table::figures("board-reviews", "Reviews by the board")
            .column("report", Unit::Text, "which report")
            .column("on", Unit::Date, "day of the review")
            .column("decisions", Unit::Text, "what was decided, by code")
            .column("trends acted on", Unit::Text, "by code");
        for entry in register
            .board_reviews()
            .filter(|entry| entry.recorded.by == frame.about)
        {
            reviews.row([
                entry.body.report.as_str().into(),
                entry.body.on.into(),
                codes(entry.body.decisions.as_deref()),
                codes(entry.body.trends_acted_on.as_deref()),
            ]);
        }
        Draft::new([publicity, publications, reviews], [])
    }
}

/// Codes in one cell; an empty one where none were given.
fn codes(given: Option<&[String]>) -> Cell {
    given.unwrap_or_default().join(", ").into()
}
