//! Remedies (`002` 4.6): what was offered, for how much, by whom.

use std::collections::{BTreeMap, BTreeSet};

use super::dossier::{Dossier, NOT_STATED};
use super::figures::ALL;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::rules::Rules;

// Covers: 002-4.6
/// Remedies offered in the period.
pub(crate) struct Remedies {
    remedies: Table,
    /// By body and kind: offered, accepted, provided, pounds.
    kinds: BTreeMap<(String, String), [u64; 4]>,
    /// By service and kind: how many.
    services: BTreeMap<(String, String), u64>,
}

impl Remedies {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            remedies: Table::listing("remedies", "Remedies offered")
                .column("case", Unit::Text, "id of the case")
                .column("offered", Unit::Date, "day of the offer")
                .column("organisation", Unit::Text, "who offers or pays it")
                .column("kind", Unit::Text, "kind of remedy")
                .column("amount", Unit::Pounds, "its share of the amount")
                .column("service", Unit::Text, "services concerned, by code")
                .column("outcome", Unit::Text, "outcome of the whole")
                .column("accepted", Unit::Flag, "whether the person accepted it")
                .column("provided", Unit::Flag, "whether it was given"),
            kinds: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }
}

impl Tally for Remedies {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        for remedy in dossier.remedies() {
            let wanted = frame
                .only
                .as_ref()
                .is_none_or(|only| only.as_str() == remedy.body);
            if !wanted || !frame.period.contains(remedy.offered_on) {
                continue;
            }
            let key = (remedy.body.clone(), remedy.kind.clone());
            let counts = self.kinds.entry(key).or_default();
            counts[0] += 1;
            counts[1] += u64::from(remedy.accepted);
            counts[2] += u64::from(remedy.provided);
            counts[3] += u64::from(remedy.amount_gbp.unwrap_or(0));
            let services = dossier.services();
            for service in &services {
                let key = (service.clone(), remedy.kind.clone());
                *self.services.entry(key).or_default() += 1;
            }
            let services: Vec<String> = services.into_iter().collect();
            self.remedies.row([
                dossier.case().id().to_string().into(),
                remedy.offered_on.into(),
                remedy.body.into(),
                remedy.kind.into(),
                remedy.amount_gbp.into(),
                services.join(", ").into(),
                dossier.outcome().map(|outcome| outcome.code()).into(),
                remedy.accepted.into(),
                remedy.provided.into(),
            ]);
        }
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        self.remedies
            .rows
            .sort_by(|a, b| (&a[1], &a[0]).cmp(&(&b[1], &b[0])));
        let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let mut kinds = Table::figures("kinds", "Remedies by organisation and kind")
            .column("organisation", Unit::Text, "who offers or pays")
            .column("kind", Unit::Text, "kind of remedy")
            .column("offered", Unit::Count, "offered in the period")
            .column("accepted", Unit::Count, "of them accepted")
            .column("provided", Unit::Count, "of them given")
            .column("amount", Unit::Pounds, "sum of the amounts offered");
        let mut all = [0; 4];
        let rows: Vec<usize> = self
            .kinds
            .iter()
            .map(|((body, kind), counts)| {
                all.iter_mut()
                    .zip(counts)
                    .for_each(|(all, count)| *all += count);
                let cells = counts.map(number);
                kinds.row(
                    [body.as_str().into(), kind.as_str().into()]
                        .into_iter()
                        .chain(cells),
                )
            })
            .collect();
        let last = kinds.row(
            [Cell::from(ALL), Cell::Empty]
                .into_iter()
                .chain(all.map(number)),
        );
        for column in 2..5 {
            kinds.sums.push(Sum {
                total: (last, column),
                parts: rows.iter().map(|row| (*row, column)).collect(),
                has_rest: false,
            });
        }
        let mut services = Table::figures("services", "Remedies by service and kind")
            .column(
                "service",
                Unit::Text,
                "service concerned, by code; one complaint may have several",
            )
            .column("kind", Unit::Text, "kind of remedy")
            .column("offered", Unit::Count, "offered in the period");
        let several: BTreeSet<&String> = self.services.keys().map(|(service, _)| service).collect();
        let split = several.iter().any(|service| service.as_str() != NOT_STATED);
        let rows: Vec<usize> = self
            .services
            .iter()
            .map(|((service, kind), count)| {
                services.row([
                    service.as_str().into(),
                    kind.as_str().into(),
                    number(*count),
                ])
            })
            .collect();
        if split && self.services.values().sum::<u64>() == all[0] {
            let last = services.row([ALL.into(), Cell::Empty, number(all[0])]);
            services.adds_up(2, last, &rows);
        }
        Draft::new(
            [kinds, services, self.remedies],
            ["A remedy of several organisations counts for each of them with its share."],
        )
    }
}
