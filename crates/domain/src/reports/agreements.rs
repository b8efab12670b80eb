//! The agreements register (`000` 55, `003` 5): what is in force, whose review is due, which providers have none.

use super::dossier::Dossier;
use super::model::{Cell, Table, Unit};
use super::{Draft, Frame, Tally};
use crate::directory::Organisation;
use crate::ids::OrganisationId;
use crate::rules::Rules;

// Covers: 000-6, 003-5
/// Nothing of cases: agreements stand in the directory.
pub(crate) struct Agreements;

impl Agreements {
    pub(crate) fn new(_: &Frame) -> Self {
        Self
    }
}

impl Tally for Agreements {
    fn take(&mut self, _: &Frame, _: &Dossier<'_>) {}

    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft {
        let register = rules.directory.register();
        let mut agreements = Table::figures("agreements", "Agreements")
            .column("agreement", Unit::Text, "its id")
            .column("recorded by", Unit::Text, "whose record it is")
            .column(
                "kind",
                Unit::Text,
                "section 75, memorandum, protocol, contract or partnership protocol",
            )
            .column("parties", Unit::Text, "who agreed")
            .column("from", Unit::Date, "first day in force")
            .column("to", Unit::Date, "last day, if it ends")
            .column(
                "in force",
                Unit::Flag,
                "whether it is in force on the day of the report",
            )
            .column(
                "review",
                Unit::Date,
                "day on which it is to be looked at again",
            )
            .column("review overdue", Unit::Flag, "whether that day is over")
            .column(
                "complaint clause",
                Unit::Flag,
                "whether it says how complaints are handled",
            )
            .column(
                "briefed",
                Unit::Date,
                "day on which the provider was told of the regulations",
            );
        let mut with_one = std::collections::BTreeSet::new();
        for entry in register.newest_agreements() {
            let body = &entry.body;
            let concerned =
                |org: &OrganisationId| entry.recorded.by == *org || body.parties.contains(org);
            if !frame.only.as_ref().is_none_or(concerned) {
                continue;
            }
            let in_force = body.valid_from <= frame.today
                && body.valid_to.is_none_or(|last| frame.today <= last);
            if in_force {
                with_one.extend(body.parties.iter().cloned());
            }
            let parties: Vec<String> = body.parties.iter().map(ToString::to_string).collect();
            agreements.row([
                body.id.as_str().into(),
                Cell::from(&entry.recorded.by),
                body.kind.code().into(),
                parties.join(", ").into(),
                body.valid_from.into(),
                body.valid_to.into(),
                in_force.into(),
                body.review_on.into(),
                body.review_on.map(|on| on < frame.today).into(),
                body.complaint_clause.is_some().into(),
                body.briefed_on_regulations_on.into(),
            ]);
        }
        agreements.rows.sort();
        let mut without = Table::figures(
            "providers-with-none",
            "Providers without an agreement in force",
        )
        .column("provider", Unit::Text, "its code")
        .column("name", Unit::Text, "its name")
        .column("commissioned by", Unit::Text, "whose services it provides");
        let wanted = |provider: &&Organisation| {
            provider.kind == "provider"
                && !provider.is_retired_on(frame.today)
                && frame.only.as_ref().is_none_or(|only| {
                    provider.commissioned_by.contains(only) || provider.id == *only
                })
        };
        for provider in rules.directory.organisations().filter(wanted) {
            if with_one.contains(&provider.id) {
                continue;
            }
            let by: Vec<String> = provider
                .commissioned_by
                .iter()
                .map(ToString::to_string)
                .collect();
            without.row([
                Cell::from(&provider.id),
                provider.name.as_str().into(),
                by.join(", ").into(),
            ]);
        }
        Draft::new([agreements, without], [])
    }
}
