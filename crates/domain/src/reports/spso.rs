//! The indicators of the Scottish ombudsman (S-10): four core ones by stage 1, stage 2 and escalated; nine for health boards.

use jiff::civil::Date;

use super::dossier::{Dossier, Outcome, Share};
use super::figures::ALL;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::rules::Rules;

/// Where a complaint was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Answered at stage 1.
    One,
    /// Went straight to stage 2 and was answered there.
    Two,
    /// Answered at stage 1, asked for again, and answered at stage 2.
    Escalated,
}

impl Stage {
    pub(crate) const ALL: [Self; 3] = [Self::One, Self::Two, Self::Escalated];

    fn name(self) -> &'static str {
        match self {
            Self::One => "stage 1",
            Self::Two => "stage 2",
            Self::Escalated => "escalated",
        }
    }

    /// Working days within which it is to be closed (S-01, S-03).
    fn target(self) -> u32 {
        match self {
            Self::One => 5,
            Self::Two | Self::Escalated => 20,
        }
    }
}

/// One closing.
pub(crate) struct Closing {
    pub(crate) stage: Stage,
    pub(crate) on: Date,
    /// Working days, the day of receipt being day 1.
    pub(crate) days: Option<u32>,
    pub(crate) outcome: Option<Outcome>,
}

/// Each closing of a case, stage by stage.
pub(crate) fn closings(dossier: &Dossier<'_>, body: &OrganisationId) -> Vec<Closing> {
    let escalated_on = dossier
        .last_of(EventType::StageEscalated)
        .map(|entry| entry.date_or_day("initiated_on"));
    let mut answered_before = false;
    let mut closings = Vec::new();
    for answer in dossier.answers() {
        let (stage, from) = match (answer.by, escalated_on) {
            (EventType::Stage1ResponseIssued, _) => (Stage::One, dossier.received_on()),
            (_, Some(since)) if answered_before => (Stage::Escalated, since),
            (_, since) => (Stage::Two, since.unwrap_or(dossier.received_on())),
        };
        answered_before |= stage == Stage::One;
        closings.push(Closing {
            stage,
            on: answer.on,
            days: working_days(dossier.rules(), body, from, answer.on),
            outcome: answer.outcome(),
        });
    }
    closings
}

/// Working days of a body from a day to another, the first working day on or after the first being day 1.
pub(crate) fn working_days(
    rules: &Rules<'_>,
    body: &OrganisationId,
    from: Date,
    to: Date,
) -> Option<u32> {
    let counted = rules.working_days(body).ok()?;
    let eve = from.yesterday().ok()?;
    counted
        .calendar
        .working_days_after(eve, to, &counted.closed)
        .ok()
}

/// Figures of one stage.
#[derive(Debug, Clone, Copy, Default)]
struct AtStage {
    closed: usize,
    within: usize,
    dated: usize,
    days: u64,
    outcomes: [usize; 5],
    extended: usize,
}

// Covers: S-10, S-12, 003-20, 003-26
/// The indicators of one body's period.
#[derive(Default)]
pub(crate) struct Spso {
    received: usize,
    stages: [AtStage; 3],
    learning: usize,
    actions_completed: usize,
    invited: usize,
    answered: usize,
    scores: (u64, usize),
}

impl Spso {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }

    fn stage(&mut self, stage: Stage) -> &mut AtStage {
        match stage {
            Stage::One => &mut self.stages[0],
            Stage::Two => &mut self.stages[1],
            Stage::Escalated => &mut self.stages[2],
        }
    }

    fn indicators(&self) -> Table {
        let mut table = Table::figures("indicators", "Closed at each stage")
            .column("stage", Unit::Text, "where it was closed")
            .column("closed", Unit::Count, "closed in the period")
            .column(
                "target",
                Unit::WorkingDays,
                "within which it is to be closed, the day of receipt being day 1",
            )
            .column("within", Unit::Count, "of them within the target")
            .column("share", Unit::Percent, "within, of closed")
            .column("mean", Unit::WorkingDays, "mean working days to close")
            .column(
                "extended",
                Unit::Count,
                "extensions authorised in the period",
            );
        for (stage, at) in Stage::ALL.iter().zip(&self.stages) {
            let row = table.row([
                stage.name().into(),
                Cell::count(at.closed),
                Cell::Number(i64::from(stage.target())),
                Cell::count(at.within),
                Cell::percent(at.within, at.closed),
                Cell::mean(at.days, at.dated),
                Cell::count(at.extended),
            ]);
            table.sums.push(Sum {
                total: (row, 1),
                parts: vec![(row, 3)],
                has_rest: true,
            });
        }
        table
    }

    fn outcomes(&self) -> Table {
        let mut table = Table::figures("outcomes", "Outcomes at each stage")
            .column("stage", Unit::Text, "where it was closed")
            .column("resolved", Unit::Count, "both sides agreed what is done")
            .column("upheld", Unit::Count, "upheld")
            .column("partially upheld", Unit::Count, "partly upheld")
            .column("not upheld", Unit::Count, "not upheld")
            .column(
                "no finding",
                Unit::Count,
                "closed without an outcome of the whole",
            )
            .column(ALL, Unit::Count, "closed");
        for (stage, at) in Stage::ALL.iter().zip(&self.stages) {
            let counts = at.outcomes.map(Cell::count);
            let cells = std::iter::once(Cell::from(stage.name())).chain(counts);
            let row = table.row(cells.chain([Cell::count(at.closed)]));
            table.sums.push(Sum {
                total: (row, 6),
                parts: (1..6).map(|column| (row, column)).collect(),
                has_rest: false,
            });
        }
        table
    }
}

impl Tally for Spso {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        if dossier.share_of(&frame.about) != Share::Own || !dossier.regime().is_staged() {
            return;
        }
        self.received += usize::from(frame.period.contains(dossier.received_on()));
        for closing in closings(dossier, &frame.about) {
            if !frame.period.contains(closing.on) {
                continue;
            }
            let at = self.stage(closing.stage);
            at.closed += 1;
            if let Some(days) = closing.days {
                at.dated += 1;
                at.days += u64::from(days);
                at.within += usize::from(days <= closing.stage.target());
            }
            let place = match closing.outcome {
                Some(Outcome::Resolved) => 0,
                Some(Outcome::Upheld) => 1,
                Some(Outcome::PartlyUpheld) => 2,
                Some(Outcome::NotUpheld) => 3,
                None => 4,
            };
            at.outcomes[place] += 1;
        }
        let answered_at_one = dossier.last_of(EventType::Stage1ResponseIssued).is_some();
        for entry in dossier
            .entries()
            .iter()
            .filter(|entry| frame.period.contains(entry.day()))
        {
            match entry.event_type() {
                EventType::Stage1Extended => self.stages[0].extended += 1,
                EventType::Stage2Extended => {
                    self.stages[1 + usize::from(answered_at_one)].extended += 1
                }
                EventType::LearningShared => self.learning += 1,
                EventType::ActionCompleted => self.actions_completed += 1,
                EventType::FeedbackInvited => self.invited += 1,
                EventType::FeedbackReceived => {
                    self.answered += 1;
                    let score = entry.fields().number("score");
                    if let Some(score) = score.and_then(|score| u64::try_from(score).ok()) {
                        self.scores = (self.scores.0 + score, self.scores.1 + 1);
                    }
                }
                _ => {}
            }
        }
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let mut received = Table::figures("received", "Complaints received")
            .column("measure", Unit::Text, "what is counted")
            .column("number", Unit::Count, "in the period");
        received.row(["received".into(), Cell::count(self.received)]);
        let mut tables = vec![received, self.indicators(), self.outcomes()];
        let organisation = rules.directory.organisation(&frame.about);
        let board = organisation.is_some_and(|one| one.kind == "health-board");
        let mut more = Table::figures(
            "experience",
            if board {
                "The further indicators of health boards"
            } else {
                "Learning and experience"
            },
        )
        .column("indicator", Unit::Text, "what is counted")
        .column("number", Unit::Count, "in the period")
        .column("mean score", Unit::Number, "mean of the scores given");
        more.row([
            "learning shared".into(),
            Cell::count(self.learning),
            Cell::Empty,
        ]);
        more.row([
            "actions completed".into(),
            Cell::count(self.actions_completed),
            Cell::Empty,
        ]);
        more.row([
            "asked how it was".into(),
            Cell::count(self.invited),
            Cell::Empty,
        ]);
        more.row([
            "said how it was".into(),
            Cell::count(self.answered),
            Cell::mean(self.scores.0, self.scores.1),
        ]);
        let extended = self.stages.iter().map(|at| at.extended).sum();
        more.row([
            "extensions authorised".into(),
            Cell::count(extended),
            Cell::Empty,
        ]);
        tables.push(more);
        Draft {
            tables,
            notes: vec![
                "Day 1 is the day of receipt, or the next working day; at stage 2 the day on which it began.".to_owned(),
                "Escalated: answered at stage 1 and asked for again. The narrative on learning is written by people; its figures stand here.".to_owned(),
            ],
        }
    }
}
