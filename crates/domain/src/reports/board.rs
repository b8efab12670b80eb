//! The quarterly report to the Board (`003` 23): indicators, trends, and services with few complaints or none.

use std::collections::BTreeMap;

use jiff::ToSpan;

use super::composed::Composed;
use super::dossier::{Dossier, Share};
use super::model::{Cell, Table, Unit};
use super::spso::Spso;
use super::timeliness::Timeliness;
use super::trends::Trends;
use super::{Draft, Frame, Period, Tally};
use crate::rules::Rules;

/// Fewer complaints than this in the period are few.
const FEW: usize = 3;

// Covers: 003-23, S-12
/// The quarterly report, over the quarter; its trends over the twelve months that end with it.
pub(crate) fn quarterly(frame: &Frame) -> Composed {
    let year_before = frame.period.to.checked_sub(12.months());
    let months = Frame {
        period: Period {
            from: year_before
                .and_then(|day| day.tomorrow())
                .unwrap_or(frame.period.from),
            to: frame.period.to,
        },
        ..frame.clone()
    };
    Composed::default()
        .with(
            frame,
            Spso::new,
            &["received", "indicators", "outcomes", "experience"],
        )
        .with(frame, Timeliness::new, &["deadlines"])
        .with(&months, Trends::new, &["rises"])
        .with(frame, ByService::new, &["services", "subjects-to"])
}

/// Complaints by registered service.
#[derive(Default)]
pub(crate) struct ByService {
    received: BTreeMap<String, usize>,
}

impl ByService {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

impl Tally for ByService {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let counted = matches!(
            dossier.share_of(&frame.about),
            Share::Own | Share::Commissioned | Share::Contributed
        );
        if !counted || !frame.period.contains(dossier.received_on()) {
            return;
        }
        for service in dossier.services() {
            *self.received.entry(service).or_default() += 1;
        }
    }

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let mut table = Table::figures(
            "services",
            "Services, those with few complaints or none among them",
        )
        .column("service", Unit::Text, "its code")
        .column(
            "name",
            Unit::Text,
            "as it is registered; empty if it is not",
        )
        .column("director", Unit::Text, "post that owns it")
        .column("received", Unit::Count, "complaints that concern it")
        .column("few", Unit::Text, "none, few, or nothing")
        .column(
            "per 1000",
            Unit::Number,
            "complaints for a thousand people served, where the yearly volume is known",
        );
        let registered = rules.directory.register().services_on(frame.period.to);
        let own: Vec<_> = registered
            .into_iter()
            .filter(|entry| entry.recorded.by == frame.about)
            .collect();
        let few = |number: usize| match number {
            0 => "none",
            1..FEW => "few",
            _ => "",
        };
        for entry in &own {
            let body = &entry.body;
            let number = self.received.get(&body.service).copied().unwrap_or(0);
            let volume = body
                .volume_per_year
                .and_then(|volume| usize::try_from(volume).ok());
            table.row([
                body.service.as_str().into(),
                body.name.as_str().into(),
                body.owner_post.as_str().into(),
                Cell::count(number),
                few(number).into(),
                volume.map_or(Cell::Empty, |volume| {
                    Cell::mean(number as u64 * 1000, volume)
                }),
            ]);
        }
        for (service, number) in &self.received {
            if own.iter().all(|entry| entry.body.service != *service) {
                table.row([
                    service.as_str().into(),
                    Cell::Empty,
                    Cell::Empty,
                    Cell::count(*number),
                    few(*number).into(),
                    Cell::Empty,
                ]);
            }
        }
        Draft::new(
            [table],
            [
                "Few or no complaints may mean a good service, or one whose users do not know how to complain.",
            ],
        )
    }
}
