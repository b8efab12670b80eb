//! Themes across organisations (`001`, `002` 5.1): only where the person agreed to learning, or nothing points at them.

use super::dossier::Dossier;
use super::figures::ByCode;
use super::model::{Table, Unit};
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::rules::Rules;

// Covers: 001-10, 002-5.1, 003-12
/// Themes of complaints received in the period.
#[derive(Default)]
pub(crate) struct Themes {
    themes: ByCode<2>,
    causes: ByCode<2>,
    services: ByCode<2>,
    left_out: usize,
}

impl Themes {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for Themes {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let wanted = frame
            .only
            .as_ref()
            .is_none_or(|only| dossier.case().is_party(only));
        if !wanted
            || dossier.left_out_as().is_some()
            || !frame.period.contains(dossier.received_on())
        {
            return;
        }
        let mut shared = dossier.of(EventType::LearningShared);
        let anonymised = shared.any(|entry| entry.fields().flag("anonymised") == Some(true));
        if !dossier.case().facts.consent.allows_learning() && !anonymised {
            self.left_out += 1;
            return;
        }
        let founded = dossier
            .answer()
            .is_some_and(|answer| answer.is_well_founded());
        let columns = [true, founded];
        self.themes.count(&dossier.themes(), columns);
        self.causes.count(&dossier.root_causes(), columns);
        self.services.count(&dossier.services(), columns);
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let table = |name, title: &str, what| {
            Table::figures(name, title)
                .column("code", Unit::Text, what)
                .column("received", Unit::Count, "received in the period")
                .column(
                    "well-founded",
                    Unit::Count,
                    "of them upheld or partly upheld so far",
                )
        };
        let mut themes = table(
            "themes",
            "Themes and underlying causes",
            "theme or cause; one complaint may have several",
        );
        let mut causes = table(
            "root-causes",
            "Root causes",
            "root cause; one complaint may have several",
        );
        let mut services = table(
            "services",
            "Services",
            "service concerned; one complaint may have several",
        );
        self.themes.fill(&mut themes);
        self.causes.fill(&mut causes);
        self.services.fill(&mut services);
        let left_out = match self.left_out {
            0 => "No complaint was left out for want of consent to learning.",
            _ => {
                "Complaints without consent to learning, and without learning shared anonymously, are left out."
            }
        };
        Draft::new([themes, causes, services], [left_out])
    }
}
