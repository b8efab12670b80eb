//! The subject-access export (D-09): what this organisation holds about one person, across cases.

use super::case_file::{add_to_timeline, timeline_table};
use super::dossier::Dossier;
use super::model::{Cell, Table, Unit};
use super::{Draft, Entry, Frame, Tally};
use crate::fields::{Fields, Value};
use crate::rules::Rules;

// Covers: D-09
/// Cases that name the person, and their events.
pub(crate) struct SubjectAccess {
    cases: Table,
    events: Table,
}

impl SubjectAccess {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            cases: Table::listing("cases", "Cases that name the person")
                .column("case", Unit::Text, "id of the case")
                .column("received", Unit::Date, "day of receipt")
                .column("state", Unit::Text, "where it stands")
                .column("keeper", Unit::Text, "who runs it")
                .column(
                    "named as",
                    Unit::Text,
                    "in which fields the person is named",
                )
                .column(
                    "others named",
                    Unit::Flag,
                    "whether other people are named in it, too",
                ),
            events: timeline_table("events", "What is held"),
        }
    }
}

/// Fields in which a person stands by pseudonym.
const REFERENCES: [&str; 7] = [
    "complainant_ref",
    "subject_ref",
    "person_ref",
    "representative_ref",
    "given_by",
    "said_by",
    "ref",
];

/// The references to people in an event, each with its field.
fn people(entry: &Entry) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    for fields in [entry.fields(), &entry.content] {
        collect(fields, &mut found);
    }
    found
}

fn collect<'f>(fields: &'f Fields, found: &mut Vec<(&'static str, &'f str)>) {
    for (name, value) in &fields.0 {
        let reference = REFERENCES.iter().find(|reference| *reference == name);
        match value {
            Value::Text(text) => found.extend(reference.map(|name| (*name, text.as_str()))),
            Value::Record(record) => collect(record, found),
            Value::List(values) => {
                for value in values {
                    if let Value::Record(record) = value {
                        collect(record, found);
                    }
                }
            }
            Value::Flag(_) | Value::Number(_) => {}
        }
    }
}

impl Tally for SubjectAccess {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let Some(person) = frame.person.as_deref() else {
            return;
        };
        let named: Vec<(&str, &str)> = dossier.entries().iter().flat_map(people).collect();
        let mut as_what: Vec<&str> = named
            .iter()
            .filter(|(_, who)| *who == person)
            .map(|(field, _)| *field)
            .collect();
        as_what.sort_unstable();
        as_what.dedup();
        if as_what.is_empty() {
            return;
        }
        let others = named
            .iter()
            .any(|(field, who)| *field != "ref" && *who != person);
        self.cases.row([
            dossier.case().id().to_string().into(),
            dossier.received_on().into(),
            dossier.case().state().code().into(),
            Cell::from(dossier.case().keeper()),
            as_what.join(", ").into(),
            others.into(),
        ]);
        for entry in dossier.entries() {
            add_to_timeline(&mut self.events, dossier, entry);
        }
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        Draft::new(
            [self.cases, self.events],
            [
                "For the steward of records: other people's data and what an exemption covers are to be taken out before it is given to the person.",
                "Restricted channels are cases of their own and are not in it: whether the person may see them is decided on them.",
            ],
        )
    }
}
