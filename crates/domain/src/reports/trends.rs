//! Trends (`003` 21): twelve months by service, subject and provider, with rises flagged.

use std::collections::{BTreeMap, BTreeSet};

use super::dossier::{Dossier, Share};
use super::figures::ALL;
use super::model::{Cell, Sum, Table, Unit};
use super::{Draft, Frame, Period, Tally};
use crate::ids::OrganisationId;
use crate::rules::Rules;

/// Months that are compared with those before them.
const RECENT: usize = 3;
/// A rise of fewer complaints than this is chance.
const RISE_MIN: usize = 3;

// Covers: 003-21
/// Complaints received, by month.
pub(crate) struct Trends {
    months: Vec<Period>,
    whole: Vec<usize>,
    services: BTreeMap<String, Vec<usize>>,
    subjects: BTreeMap<String, Vec<usize>>,
    providers: BTreeMap<String, Vec<usize>>,
}

impl Trends {
    pub(crate) fn new(frame: &Frame) -> Self {
        let months = frame.period.months();
        Self {
            whole: vec![0; months.len()],
            months,
            services: BTreeMap::new(),
            subjects: BTreeMap::new(),
            providers: BTreeMap::new(),
        }
    }

    fn table(
        &self,
        name: &'static str,
        title: &str,
        code: &'static str,
        of: &BTreeMap<String, Vec<usize>>,
    ) -> Table {
        let mut table = Table::figures(name, title)
            .column("code", Unit::Text, code)
            .column("month", Unit::Text, "month of receipt")
            .column("received", Unit::Count, "received in the month");
        for (code, counts) in of
            .iter()
            .map(|(code, counts)| (code.as_str(), counts))
            .chain([(ALL, &self.whole)])
        {
            for (month, count) in self.months.iter().zip(counts) {
                table.row([code.into(), month_name(month).into(), Cell::count(*count)]);
            }
        }
        table
    }

    fn rises(&self) -> Table {
        let mut table = Table::figures("rises", "Rises")
            .column("by", Unit::Text, "service, subject, provider or all")
            .column("code", Unit::Text, "which one")
            .column("received", Unit::Count, "received in the period")
            .column("recent", Unit::Count, "of them in the last three months")
            .column("usual", Unit::Number, "mean of three months before those")
            .column("rising", Unit::Flag, "whether it rises");
        let groups = [
            ("service", &self.services),
            ("subject", &self.subjects),
            ("provider", &self.providers),
        ];
        let mut add = |by: &str, code: &str, counts: &[usize]| {
            let (recent, usual) = compare(counts);
            let received: usize = counts.iter().sum();
            let row = table.row([
                by.into(),
                code.into(),
                Cell::count(received),
                Cell::count(recent),
                usual.map_or(Cell::Empty, |tenths| {
                    Cell::Tenths(i64::try_from(tenths).unwrap_or(i64::MAX))
                }),
                rises(counts).into(),
            ]);
            table.sums.push(Sum {
                total: (row, 2),
                parts: vec![(row, 3)],
                has_rest: true,
            });
        };
        add(ALL, ALL, &self.whole);
        for (by, group) in groups {
            for (code, counts) in group {
                add(by, code, counts);
            }
        }
        table
    }
}

/// How many came in the last three months, and how many usually do in three, in tenths.
fn compare(counts: &[usize]) -> (usize, Option<usize>) {
    let (before, recent) = counts.split_at(counts.len().saturating_sub(RECENT));
    let recent = recent.iter().sum();
    let before_all: usize = before.iter().sum();
    let usual =
        (!before.is_empty()).then(|| (before_all * RECENT * 10 + before.len() / 2) / before.len());
    (recent, usual)
}

/// Whether the last three months have at least half as many again as three months usually have, and three more.
fn rises(counts: &[usize]) -> bool {
    let (recent, usual) = compare(counts);
    usual.is_some_and(|usual| recent * 20 >= usual * 3 && recent * 10 >= usual + RISE_MIN * 10)
}

fn month_name(month: &Period) -> String {
    month.from.strftime("%Y-%m").to_string()
}

/// The providers of a case: registered as such, and receiver, keeper or participant.
pub(crate) fn providers_of<'c>(dossier: &'c Dossier<'_>) -> BTreeSet<&'c OrganisationId> {
    let case = dossier.case();
    let directory = dossier.rules().directory;
    let is_provider = |org: &&OrganisationId| {
        directory
            .organisation(org)
            .is_some_and(|one| one.kind == "provider")
    };
    let roles = &case.facts.roles;
    let members = roles.members.keys().chain(&roles.named_before);
    members
        .chain([&roles.receiver, &roles.keeper])
        .filter(is_provider)
        .collect()
}

impl Tally for Trends {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let counted = matches!(
            dossier.share_of(&frame.about),
            Share::Own | Share::Commissioned
        );
        let received = dossier.received_on();
        let Some(month) = self
            .months
            .iter()
            .position(|month| month.contains(received))
        else {
            return;
        };
        if !counted || dossier.left_out_as().is_some() {
            return;
        }
        self.whole[month] += 1;
        let length = self.months.len();
        let add = |group: &mut BTreeMap<String, Vec<usize>>, code: String| {
            group.entry(code).or_insert_with(|| vec![0; length])[month] += 1;
        };
        for service in dossier.services() {
            add(&mut self.services, service);
        }
        for subject in dossier.themes() {
            add(&mut self.subjects, subject);
        }
        for provider in providers_of(dossier) {
            add(&mut self.providers, provider.to_string());
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        Draft::new(
            [
                self.rises(),
                self.table(
                    "services",
                    "By service",
                    "service concerned; several are possible",
                    &self.services,
                ),
                self.table(
                    "subjects",
                    "By subject",
                    "theme or underlying cause; several are possible",
                    &self.subjects,
                ),
                self.table(
                    "providers",
                    "By provider",
                    "provider that takes part",
                    &self.providers,
                ),
            ],
            [
                "Rising: the last three months have at least half as many again as three months usually had before, and three more.",
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine months with two each: six in three months usually. Nine in the last three are half as many again, and three more.
    // Proves: 003-21, report: trends
    #[test]
    fn a_rise_is_half_as_many_again_and_three_more() {
        let with = |recent: [usize; 3]| [&[2; 9][..], &recent].concat();
        assert!(rises(&with([3, 3, 3])));
        assert!(!rises(&with([3, 3, 2])), "eight are not half as many again");
        let few = |recent: [usize; 3]| [&[0, 0, 0, 1, 0, 0, 0, 0, 0][..], &recent].concat();
        assert!(!rises(&few([1, 1, 0])), "two are chance");
        assert!(rises(&few([2, 1, 1])));
        assert!(!rises(&[5, 5, 5]), "nothing to compare with");
    }
}
