//! Equality (`002` 1.2): outcome and time by what people chose to say about themselves. Always suppressed.

use std::collections::BTreeMap;

use super::dossier::{Dossier, Share};
use super::model::{Cell, Sum, Table, Unit};
use super::suppress::SMALLEST_SHOWN;
use super::{Draft, Frame, Tally};
use crate::fields::Value;
use crate::rules::Rules;

/// Received, well-founded, answered, days to the answer.
type Counts = [u64; 4];

// Covers: 002-1.2
/// Figures by group.
#[derive(Default)]
pub(crate) struct Equality {
    /// By characteristic and what was said.
    groups: BTreeMap<(String, String), Counts>,
    whole: Counts,
    said: u64,
}

impl Equality {
    pub(crate) fn new(_: &Frame) -> Self {
        Self::default()
    }
}

/// What was said, as characteristics and answers: `ethnicity: white; disability: yes`. Anything else is left aside, since it may be a
/// sentence about somebody.
fn groups(said: &str) -> Vec<(String, String)> {
    let pairs = said
        .split([';', '\n', ','])
        .filter_map(|part| part.split_once([':', '=']));
    let plain = |text: &str| {
        let text = text.trim().to_lowercase();
        let words = text.split_whitespace().count();
        (!text.is_empty() && words <= 4 && text.len() <= 40).then_some(text)
    };
    pairs
        .filter_map(|(name, value)| Some((plain(name)?, plain(value)?)))
        .collect()
}

impl Tally for Equality {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let counted = dossier.share_of(&frame.about) == Share::Own
            && dossier.left_out_as().is_none()
            && frame.period.contains(dossier.received_on());
        if !counted {
            return;
        }
        let founded = dossier
            .answer()
            .is_some_and(|answer| answer.is_well_founded());
        let resolved = dossier.resolved_on();
        let days = resolved.map(|on| (on - dossier.received_on()).get_days());
        let days = days.and_then(|days| u64::try_from(days).ok());
        let counts = [
            1,
            u64::from(founded),
            u64::from(days.is_some()),
            days.unwrap_or(0),
        ];
        let add = |to: &mut Counts| {
            to.iter_mut()
                .zip(counts)
                .for_each(|(to, count)| *to += count)
        };
        add(&mut self.whole);
        let said = dossier
            .opened()
            .and_then(|entry| match entry.content.get("equality") {
                Some(Value::Text(said)) => Some(groups(said)),
                _ => None,
            });
        let said = said.unwrap_or_default();
        self.said += u64::from(!said.is_empty());
        for group in said {
            add(self.groups.entry(group).or_default());
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        let mut table = Table::figures("groups", "Outcome and time by group")
            .column("characteristic", Unit::Text, "what people were asked about")
            .column(
                "group",
                Unit::Text,
                "what they said; answers of few people together",
            )
            .column("received", Unit::Count, "received in the period")
            .column(
                "well-founded",
                Unit::Count,
                "of them upheld or partly upheld so far",
            )
            .column("answered", Unit::Count, "of them answered or ended")
            .column("mean days", Unit::Days, "mean calendar days to the answer");
        let mut joined: BTreeMap<(String, String), Counts> = BTreeMap::new();
        for ((name, group), counts) in self.groups {
            // The name of a rare group would say what its number is hidden for.
            let few = counts[0] < SMALLEST_SHOWN.unsigned_abs();
            let key = (name, if few { "other".to_owned() } else { group });
            let sum = joined.entry(key).or_default();
            sum.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        let number = |count: u64| Cell::Number(i64::try_from(count).unwrap_or(i64::MAX));
        let mut add = |name: &str, group: &str, counts: &Counts| {
            let answered = usize::try_from(counts[2]).unwrap_or(usize::MAX);
            let row = table.row([
                name.into(),
                group.into(),
                number(counts[0]),
                number(counts[1]),
                number(counts[2]),
                Cell::mean(counts[3], answered),
            ]);
            for column in [3, 4] {
                table.sums.push(Sum {
                    total: (row, 2),
                    parts: vec![(row, column)],
                    has_rest: true,
                });
            }
            row
        };
        let mut of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for ((name, group), counts) in &joined {
            let row = add(name, group, counts);
            of.entry(name.clone()).or_default().push(row);
        }
        let all = add("all", "all", &self.whole);
        for rows in of.values() {
            for column in 2..5 {
                // Those who said nothing are the rest.
                table.is_part_of(column, all, rows);
            }
        }
        let mut said = Table::figures("said", "Who said something")
            .column("measure", Unit::Text, "what is counted")
            .column("number", Unit::Count, "received in the period");
        let whole = said.row(["received".into(), number(self.whole[0])]);
        let part = said.row(["said something about themselves".into(), number(self.said)]);
        said.is_part_of(1, whole, &[part]);
        Draft::new(
            [table, said],
            [
                "Nobody has to say anything about themselves, and whether they did changes nothing in the handling (003 15).",
                "Answers written as `characteristic: answer` are counted; sentences are not.",
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn pairs_are_groups_and_sentences_are_not() {
        let found = groups(
            "Ethnicity: White British; disability = yes; she is my neighbour Jane Example of 1 High Street",
        );
        let found: Vec<String> = found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(found, ["ethnicity=white british", "disability=yes"]);
        assert!(groups("note: lives with her sister at the old mill").is_empty());
    }
}
