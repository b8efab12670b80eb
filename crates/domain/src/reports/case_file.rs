//! The case file: everything that this organisation may see of one case (B10; handler).

use jiff::Timestamp;

use super::dossier::Dossier;
use super::model::{Cell, Table, Unit};
use super::told::told;
use super::{Access, Draft, Entry, Frame, Tally};
use crate::calendar::{local_date, london};
use crate::case::ConsentStanding;
use crate::event::EventType;
use crate::rules::Rules;
use crate::timetable::DeadlineState;

// Covers: D-10
/// The tables of one case.
pub(crate) struct CaseFile {
    particulars: Table,
    timeline: Table,
    deadlines: Table,
    consents: Table,
    shared: Table,
}

impl CaseFile {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            particulars: Table::listing("case", "The case")
                .column("what", Unit::Text, "which particular")
                .column("value", Unit::Text, "as the case stands"),
            timeline: timeline_table("timeline", "What happened"),
            deadlines: Table::listing("deadlines", "What is and was owed")
                .column("deadline", Unit::Text, "name of the deadline")
                .column("owed by", Unit::Text, "who owes it")
                .column("due", Unit::Date, "last day in time")
                .column("state", Unit::Text, "how it stands")
                .column(
                    "done",
                    Unit::Date,
                    "day on which it was met, ended or moved",
                )
                .column("late", Unit::WorkingDays, "working days after the due day")
                .column("rule", Unit::Text, "rule that sets it")
                .column("source", Unit::Text, "legal or local source")
                .column("started by", Unit::Text, "event that set the date")
                .column(
                    "stopped by",
                    Unit::Text,
                    "event that met, ended or moved it",
                ),
            consents: Table::listing("consents", "What the person agreed to")
                .column("organisation", Unit::Text, "whom it covers")
                .column(
                    "standing",
                    Unit::Text,
                    "granted, withdrawn, refused, excluded, or disclosed to without consent",
                )
                .column("categories", Unit::Text, "classes of data, if not all")
                .column("issues", Unit::Text, "issues, if not all")
                .column("until", Unit::Date, "last day, if the person set one"),
            shared: Table::listing("who-saw-what", "Who takes part, and what was sent to whom")
                .column("day", Unit::Date, "when")
                .column("organisation", Unit::Text, "organisation that could see it from then on, or who looked at it here, by pseudonym")
                .column("by", Unit::Text, "event that allows or records it")
                .column("what", Unit::Text, "which part")
                .column("event", Unit::Text, "id of that event"),
        }
    }

    fn take_particulars(&mut self, dossier: &Dossier<'_>) {
        let case = dossier.case();
        let joined = |organisations: Vec<String>| organisations.join(", ");
        let packs: Vec<String> = case.packs().map(ToString::to_string).collect();
        let parties = case
            .parties()
            .into_iter()
            .map(ToString::to_string)
            .collect();
        let invitees = case
            .invitees()
            .into_iter()
            .map(ToString::to_string)
            .collect();
        let flags: Vec<String> = case
            .flags(dossier.at(), dossier.rules())
            .into_iter()
            .collect();
        for (what, value) in [
            ("case", case.id().to_string()),
            ("state", case.state().to_string()),
            ("received on", dossier.first_received_on().to_string()),
            ("packs", packs.join(", ")),
            ("keeper", case.keeper().to_string()),
            (
                "lead",
                case.lead().map(ToString::to_string).unwrap_or_default(),
            ),
            ("receiver", case.receiver().to_string()),
            ("parties", joined(parties)),
            ("invitees", joined(invitees)),
            ("flags", flags.join(", ")),
            (
                "outcome",
                dossier
                    .outcome()
                    .map(|one| one.code().to_owned())
                    .unwrap_or_default(),
            ),
        ] {
            self.particulars.row([what.into(), value.into()]);
        }
    }

    fn take_deadlines(&mut self, dossier: &Dossier<'_>) {
        for one in dossier.timetable().deadlines() {
            self.deadlines.row([
                one.name.to_string().into(),
                Cell::from(&one.owed_by),
                one.due.into(),
                state_code(one.state).into(),
                one.stopped_at.map(local_date).into(),
                one.late_by_working_days.filter(|late| *late > 0).into(),
                one.rule.as_str().into(),
                one.source.as_str().into(),
                one.set_by.to_string().into(),
                one.stopped_by.map(|event| event.to_string()).into(),
            ]);
        }
    }

    fn take_consents(&mut self, dossier: &Dossier<'_>) {
        let consent = &dossier.case().facts.consent;
        let joined = |codes: &std::collections::BTreeSet<String>| {
            codes.iter().cloned().collect::<Vec<_>>().join(", ")
        };
        let bodies = consent.bodies.iter().map(|(body, standing)| {
            let standing = match standing {
                ConsentStanding::Granted => "granted",
                ConsentStanding::Withdrawn => "withdrawn",
                ConsentStanding::Refused => "refused",
            };
            (body, standing)
        });
        let excluded = consent.excluded.iter().map(|body| (body, "excluded"));
        let disclosed = consent.disclosed_to.iter();
        let disclosed = disclosed.map(|body| (body, "disclosed to without consent"));
        for (body, standing) in bodies.chain(excluded).chain(disclosed) {
            self.consents.row([
                Cell::from(body),
                standing.into(),
                consent.categories.get(body).map(joined).into(),
                consent.issues.as_ref().map(joined).into(),
                consent.expires.into(),
            ]);
        }
    }

    fn take_shared(&mut self, entry: &Entry) {
        let what = |field: &str| told_field(entry, field);
        let (whom, what) = match entry.event_type() {
            EventType::ComplaintReceived | EventType::ComplaintAccepted => (
                vec![entry.actor().to_string()],
                "all that it receives".to_owned(),
            ),
            EventType::ParticipantJoined => (
                vec![entry.actor().to_string()],
                "process, and content within consent".to_owned(),
            ),
            EventType::DetailsSent => (texts(entry, "to"), what("issues")),
            EventType::ComplaintPassedOn => {
                (texts(entry, "to"), "details of the complaint".to_owned())
            }
            EventType::DraftCirculated => {
                (texts(entry, "to"), format!("draft {}", what("version")))
            }
            EventType::DisclosureWithoutConsentRecorded => (
                texts(entry, "recipients"),
                format!("disclosed without consent: {}", what("basis")),
            ),
            EventType::InformationProvided => (
                vec!["the parties".to_owned()],
                format!("items {}", what("items")),
            ),
            EventType::ParticipantRemoved => {
                (texts(entry, "participant"), "nothing more".to_owned())
            }
            _ => return,
        };
        for organisation in whom {
            self.shared.row([
                entry.day().into(),
                organisation.into(),
                entry.event_type().code().into(),
                what.as_str().into(),
                entry.event.id.to_string().into(),
            ]);
        }
    }
}

fn texts(entry: &Entry, field: &str) -> Vec<String> {
    entry.fields().texts(field).map(str::to_owned).collect()
}

fn told_field(entry: &Entry, field: &str) -> String {
    let fields = entry.fields().0.iter().filter(|(name, _)| *name == field);
    let all = fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    told(&crate::fields::Fields(all))
}

/// A timeline with content.
pub(crate) fn timeline_table(name: &'static str, title: &str) -> Table {
    Table::listing(name, title)
        .column("case", Unit::Text, "id of the case")
        .column(
            "occurred",
            Unit::Text,
            "when it happened, local time in Europe/London",
        )
        .column(
            "recorded",
            Unit::Text,
            "when its author recorded it, local time",
        )
        .column("by", Unit::Text, "whose act it is")
        .column("event", Unit::Text, "what happened")
        .column("state", Unit::Text, "the state of the case after it")
        .column(
            "process",
            Unit::Text,
            "codes, days and ids, with later corrections",
        )
        .column(
            "content",
            Unit::Text,
            "names and free text that this organisation may read",
        )
        .column(
            "withheld",
            Unit::Text,
            "classes of data that it may not read",
        )
        .column("event id", Unit::Text, "id of the event")
        .column("position", Unit::Text, "place on the log")
}

/// Adds an event to a timeline.
pub(crate) fn add_to_timeline(table: &mut Table, dossier: &Dossier<'_>, entry: &Entry) {
    table.row([
        dossier.case().id().to_string().into(),
        local_time(entry.event.occurred_at).into(),
        local_time(entry.event.recorded_at).into(),
        Cell::from(entry.actor()),
        entry.event_type().code().into(),
        entry.state_after.code().into(),
        told(entry.fields()).into(),
        told(&entry.content).into(),
        entry.withheld.join(", ").into(),
        entry.event.id.to_string().into(),
        entry.position.to_string().into(),
    ]);
}

fn local_time(at: Timestamp) -> String {
    let local = at.to_zoned_datetime(london()).datetime();
    local.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The code of a deadline's state.
pub(crate) fn state_code(state: DeadlineState) -> &'static str {
    match state {
        DeadlineState::Running => "running",
        DeadlineState::Overdue => "overdue",
        DeadlineState::Met => "met",
        DeadlineState::MetLate => "met-late",
        DeadlineState::Moved => "moved",
        DeadlineState::Ended => "ended",
        DeadlineState::Window => "window",
        DeadlineState::Undated => "undated",
    }
}

impl Tally for CaseFile {
    fn take(&mut self, _: &Frame, dossier: &Dossier<'_>) {
        self.take_particulars(dossier);
        self.take_deadlines(dossier);
        self.take_consents(dossier);
        for entry in dossier.entries() {
            add_to_timeline(&mut self.timeline, dossier, entry);
            self.take_shared(entry);
        }
    }

    fn see(&mut self, frame: &Frame, access: &Access) {
        if frame.case != Some(access.case) {
            return;
        }
        self.shared.row([
            access.on.into(),
            access.who.as_str().into(),
            EventType::AccessLogged.code().into(),
            access.purpose.as_str().into(),
            access.event.to_string().into(),
        ]);
    }

    fn finish(self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        Draft::new(
            [
                self.particulars,
                self.timeline,
                self.deadlines,
                self.consents,
                self.shared,
            ],
            [
                "It holds personal data. What this organisation held no key for at the position is named in `withheld`.",
                "A restricted channel is a case of its own and is named nowhere in this file.",
            ],
        )
    }
}
