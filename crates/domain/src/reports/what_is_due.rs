//! What is due: by organisation, person and day; overdue; not acknowledged; without an update (B10; complaints manager, daily).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::case_file::state_code;
use super::dossier::Dossier;
use super::model::{Cell, Table, Unit};
use super::spso::working_days;
use super::{Draft, Frame, Tally};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::rules::Rules;
use crate::timetable::{Deadline, DeadlineState};

/// Due within so many working days is soon.
const SOON: u32 = 5;
/// A person who has heard nothing for so many working days has waited long (E-19: every 20 unless the plan says otherwise).
const QUIET: u32 = 20;

/// Open deadlines at the instant, windows apart.
pub(crate) struct WhatIsDue {
    due: Table,
    quiet: Table,
    /// By organisation: overdue, today, soon, later, not acknowledged.
    organisations: BTreeMap<OrganisationId, [usize; 5]>,
    /// By handler of the case: overdue, today, soon, later.
    people: BTreeMap<String, [usize; 4]>,
    days: BTreeMap<Date, usize>,
}

impl WhatIsDue {
    pub(crate) fn new(_: &Frame) -> Self {
        Self {
            due: Table::listing("due", "What is due")
                .column("due", Unit::Date, "last day in time")
                .column("state", Unit::Text, "running or overdue")
                .column("owed by", Unit::Text, "who owes it")
                .column("deadline", Unit::Text, "name of the deadline")
                .column("case", Unit::Text, "id of the case")
                .column(
                    "handler",
                    Unit::Text,
                    "who handles the case at its keeper, by pseudonym",
                )
                .column("late", Unit::WorkingDays, "working days after the due day")
                .column("rule", Unit::Text, "rule that sets it"),
            quiet: Table::listing(
                "no-update",
                "People who have heard nothing for 20 working days",
            )
            .column("case", Unit::Text, "id of the case")
            .column("keeper", Unit::Text, "who owes the update")
            .column(
                "last heard",
                Unit::Date,
                "day of the last word to the person",
            )
            .column(
                "since",
                Unit::WorkingDays,
                "working days since, that day being day 1",
            ),
            organisations: BTreeMap::new(),
            people: BTreeMap::new(),
            days: BTreeMap::new(),
        }
    }

    fn take_deadline(
        &mut self,
        frame: &Frame,
        dossier: &Dossier<'_>,
        one: &Deadline,
        handler: &str,
    ) {
        let soon = one
            .due
            .and_then(|due| working_days(dossier.rules(), &one.owed_by, frame.today, due));
        let place = match (one.state, one.due) {
            (DeadlineState::Overdue, _) => 0,
            (_, Some(due)) if due == frame.today => 1,
            // Today is day 1 of the count.
            (_, Some(_)) if soon.is_some_and(|days| days <= SOON + 1) => 2,
            _ => 3,
        };
        let counts = self.organisations.entry(one.owed_by.clone()).or_default();
        counts[place] += 1;
        counts[4] += usize::from(one.name.rule().ends_with("acknowledge"));
        if !handler.is_empty() {
            self.people.entry(handler.to_owned()).or_default()[place] += 1;
        }
        if let Some(due) = one.due {
            *self.days.entry(due).or_default() += 1;
        }
        self.due.row([
            one.due.into(),
            state_code(one.state).into(),
            Cell::from(&one.owed_by),
            one.name.to_string().into(),
            dossier.case().id().to_string().into(),
            handler.into(),
            one.late_by_working_days.filter(|late| *late > 0).into(),
            one.rule.as_str().into(),
        ]);
    }

    fn take_quiet(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let keeper = dossier.case().keeper();
        let wanted = frame.only.as_ref().is_none_or(|only| only == keeper);
        if !wanted || !dossier.is_open() {
            return;
        }
        let heard = last_heard(dossier);
        let since = working_days(dossier.rules(), keeper, heard, frame.today);
        if let Some(since) = since.filter(|since| *since > QUIET) {
            self.quiet.row([
                dossier.case().id().to_string().into(),
                Cell::from(keeper),
                heard.into(),
                since.into(),
            ]);
        }
    }
}

/// The day on which the person last heard from whoever runs the case.
fn last_heard(dossier: &Dossier<'_>) -> Date {
    use EventType as E;
    let word = |event: EventType| {
        matches!(
            event,
            E::ComplaintAcknowledged
                | E::DiscussionHeld
                | E::ComplainantUpdated
                | E::InterimResponseIssued
                | E::LateNoticeIssued
                | E::Stage1ResponseIssued
                | E::ConsentRequested
                | E::ResponsePeriodSet
                | E::ResponsePeriodAmended
        )
    };
    let words = dossier
        .entries()
        .iter()
        .filter(|entry| word(entry.event_type()));
    let days = words.map(super::Entry::day);
    days.max().unwrap_or(dossier.received_on())
}

/// Who handles the case, by the last assignment.
pub(crate) fn handler_of(dossier: &Dossier<'_>) -> String {
    let assigned = dossier.last_of(EventType::HandlerAssigned);
    let staff = assigned.and_then(|entry| entry.fields().text("staff"));
    staff.unwrap_or_default().to_owned()
}

/// Whether it is owed now: open, and no window.
pub(crate) fn is_owed(deadline: &Deadline) -> bool {
    deadline.is_open() && !deadline.is_window()
}

impl Tally for WhatIsDue {
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>) {
        let handler = handler_of(dossier);
        let owed = dossier
            .timetable()
            .deadlines()
            .iter()
            .filter(|one| is_owed(one));
        let owed = owed.filter(|one| frame.only.as_ref().is_none_or(|only| *only == one.owed_by));
        for one in owed {
            self.take_deadline(frame, dossier, one, &handler);
        }
        self.take_quiet(frame, dossier);
    }

    fn finish(mut self: Box<Self>, _: &Frame, _: &Rules<'_>) -> Draft {
        self.due.rows.sort();
        self.quiet
            .rows
            .sort_by(|a, b| (&a[2], &a[0]).cmp(&(&b[2], &b[0])));
        let mut organisations = Table::figures("organisations", "By organisation")
            .column("organisation", Unit::Text, "who owes it")
            .column("overdue", Unit::Count, "past the due day")
            .column("today", Unit::Count, "due today")
            .column("soon", Unit::Count, "due within five working days")
            .column("later", Unit::Count, "due later, or without a date")
            .column(
                "not acknowledged",
                Unit::Count,
                "of all these, acknowledgements that are owed",
            );
        for (organisation, counts) in &self.organisations {
            organisations
                .row(std::iter::once(Cell::from(organisation)).chain(counts.map(Cell::count)));
        }
        let mut people = Table::figures("people", "By handler")
            .column(
                "handler",
                Unit::Text,
                "who handles the case at its keeper, by pseudonym",
            )
            .column("overdue", Unit::Count, "past the due day")
            .column("today", Unit::Count, "due today")
            .column("soon", Unit::Count, "due within five working days")
            .column("later", Unit::Count, "due later, or without a date");
        for (person, counts) in &self.people {
            people.row(std::iter::once(Cell::from(person.as_str())).chain(counts.map(Cell::count)));
        }
        let mut days = Table::figures("days", "By day")
            .column("due", Unit::Date, "the day")
            .column(
                "number",
                Unit::Count,
                "deadlines that fall on it and are still open",
            );
        for (day, number) in &self.days {
            days.row([(*day).into(), Cell::count(*number)]);
        }
        Draft::new(
            [organisations, people, days, self.due, self.quiet],
            [
                "Windows, such as the last day for the ombudsman, are owed by nobody and are left out. So is what is owed in restricted channels: ask for it by the case.",
            ],
        )
    }
}
