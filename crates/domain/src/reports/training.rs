//! Training (`003` 2, 12): who was trained, whose refresher is due, and what root causes say is needed.

use super::dossier::{Dossier, Share};
use super::figures::ByCode;
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;

// Covers: 003-2, 003-10, 003-12, 002-1.10
/// Training of one body, and root causes of its complaints.
#[derive(Default)]
pub(crate) struct Training {
    causes: ByCode<1>,
}

impl Training {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for Training {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let resolved = dossier
            .resolved_on()
            .is_some_and(|on| frame.period.contains(on));
        if resolved && dossier.share_of(&frame.about) == Share::Own {
            self.causes.count(&dossier.root_causes(), [true]);
        }
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let mut trained =
            Table::figures("trainings", "Training held in the period, and refreshers")
                .column("cohort", Unit::Text, "who was trained")
                .column("course", Unit::Text, "which course")
                .column(
                    "audience",
                    Unit::Text,
                    "board members, staff or contractors",
                )
                .column("held", Unit::Date, "day of the course")
                .column("eligible", Unit::Count, "people who should have come")
                .column("attended", Unit::Count, "people who came")
                .column("share", Unit::Percent, "attended, of eligible")
                .column(
                    "refresher due",
                    Unit::Date,
                    "day by which it is to be refreshed",
                )
                .column(
                    "overdue",
                    Unit::Flag,
                    "whether that day is over and no later course was held",
                );
        let own: Vec<_> = rules
            .directory
            .register()
            .trainings()
            .filter(|entry| entry.recorded.by == frame.about)
            .collect();
        for entry in &own {
            let body = &entry.body;
            let again = own
                .iter()
                .any(|later| later.body.cohort == body.cohort && later.body.on > body.on);
            let overdue = body.refresher_due.map(|due| due < frame.today && !again);
            if !frame.period.contains(body.on) && overdue != Some(true) {
                continue;
            }
            let (eligible, attended) = (body.eligible as usize, body.attended as usize);
            trained.row([
                body.cohort.as_str().into(),
                body.course.as_str().into(),
                body.audience.code().into(),
                body.on.into(),
                Cell::count(eligible),
                Cell::count(attended),
                Cell::percent(attended, eligible),
                body.refresher_due.into(),
                overdue.into(),
            ]);
        }
        trained
            .rows
            .sort_by(|a, b| (&a[3], &a[0]).cmp(&(&b[3], &b[0])));
        let mut causes = Table::figures(
            "needs",
            "Root causes of complaints answered or ended in the period",
        )
        .column(
            "root cause",
            Unit::Text,
            "root cause, by code; one complaint may have several",
        )
        .column("number", Unit::Count, "complaints");
        self.causes.fill(&mut causes);
        Draft::new(
            [trained, causes],
            ["Root causes point at training needs; which ones do is for people to say."],
        )
    }
}
