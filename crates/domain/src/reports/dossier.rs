//! One case as reports read it: when it was received and resolved, how it was answered, what was promised.

mod actions;
mod answers;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

pub(crate) use actions::ActionFile;
pub(crate) use answers::{Answer, Outcome};

use super::{Entry, History};
use crate::case::{Case, From, State};
use crate::event::EventType;
use crate::ids::OrganisationId;
use crate::policy::Regime;
use crate::rules::Rules;
use crate::timetable::{Timetable, timetable};

/// What stands in a column of codes where nothing was recorded.
pub(crate) const NOT_STATED: &str = "not-stated";

/// One case at an instant.
pub(crate) struct Dossier<'a> {
    history: &'a History,
    rules: &'a Rules<'a>,
    at: Timestamp,
    timetable: OnceCell<Timetable>,
}

/// What an organisation is to the figures of a case: a joint case is counted once, by whoever answers for it (Q18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// It runs the case: the case is its own in every figure.
    Own,
    /// It is a party to a case that another organisation runs.
    Contributed,
    /// It commissions the care and the provider handles the complaint.
    Commissioned,
    /// It sent the complaint to the organisation that runs it (E-06).
    PassedOn,
    /// None of these.
    None,
}

impl<'a> Dossier<'a> {
    pub(crate) fn new(history: &'a History, rules: &'a Rules<'a>, at: Timestamp) -> Self {
        Self {
            history,
            rules,
            at,
            timetable: OnceCell::new(),
        }
    }

    pub(crate) fn case(&self) -> &'a Case {
        self.history.case()
    }

    pub(crate) fn rules(&self) -> &'a Rules<'a> {
        self.rules
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    pub(crate) fn entries(&self) -> &'a [Entry] {
        self.history.entries()
    }

    /// The deadlines at the instant of the report.
    pub(crate) fn timetable(&self) -> &Timetable {
        self.timetable
            .get_or_init(|| timetable(self.case(), self.at, self.rules))
    }

    /// The events of one type, in log order.
    pub(crate) fn of(&self, event_type: EventType) -> impl DoubleEndedIterator<Item = &'a Entry> {
        let entries = self.entries().iter();
        entries.filter(move |entry| entry.event_type() == event_type)
    }

    /// The last event of one type.
    pub(crate) fn last_of(&self, event_type: EventType) -> Option<&'a Entry> {
        self.of(event_type).next_back()
    }

    /// The event that opened the case.
    pub(crate) fn opened(&self) -> Option<&'a Entry> {
        self.entries().first()
    }

    /// Whether it is a complaint, and not a restricted channel.
    pub(crate) fn is_complaint(&self) -> bool {
        self.opened()
            .is_some_and(|entry| entry.event_type() == EventType::ComplaintReceived)
    }

    /// How it ended, by the code of the closing reasons: `responded`, `resolved-early`, `merged` … None while it is open.
    pub(crate) fn ended_as(&self) -> Option<&'a str> {
        let state = self.case().state();
        match state {
            State::Closed | State::Erased => self
                .last_of(EventType::CaseClosed)
                .and_then(|entry| entry.fields().text("reason")),
            state if is_open(state) => None,
            State::WithOmbudsman => Some(State::Responded.code()),
            state => Some(state.code()),
        }
    }

    /// Why it is none of the complaints that the Regulations count, if so: settled by the next working day, excluded as a whole (reg 8,
    /// E-09), or going on in another case (Q25).
    pub(crate) fn left_out_as(&self) -> Option<&'a str> {
        self.ended_as()
            .filter(|end| matches!(*end, "resolved-early" | "excluded" | "merged"))
    }

    /// What the organisation is to the figures of this case.
    pub(crate) fn share_of(&self, organisation: &OrganisationId) -> Share {
        let case = self.case();
        if case.keeper() == organisation {
            Share::Own
        } else if case.former_receivers().any(|former| former == organisation) {
            Share::PassedOn
        } else if case.facts.roles.commissioner.as_ref() == Some(organisation) {
            Share::Commissioned
        } else if case.is_party(organisation) {
            Share::Contributed
        } else {
            Share::None
        }
    }

    /// The day from which the case counts for whoever runs it: of its receipt there, after a pass-on (E-06).
    pub(crate) fn received_on(&self) -> Date {
        let fallback = || self.opened().map_or(Date::MIN, Entry::day);
        self.case()
            .facts
            .receipt
            .received_on
            .unwrap_or_else(fallback)
    }

    /// The day on which the first organisation received it.
    pub(crate) fn first_received_on(&self) -> Date {
        let opened = self.opened();
        opened.map_or(Date::MIN, |entry| entry.date_or_day("received_on"))
    }

    pub(crate) fn regime(&self) -> Regime {
        self.case().regime()
    }

    /// Whether it is still to be answered.
    pub(crate) fn is_open(&self) -> bool {
        is_open(self.case().state())
    }

    /// The state at the end of a day, by when things occurred; none before the case was received.
    pub(crate) fn state_on(&self, day: Date) -> Option<State> {
        let mut until = self.entries().iter().filter(|entry| entry.day() <= day);
        let last = until.next_back().map(|entry| entry.state_after);
        last.filter(|_| self.received_on() <= day)
            .or_else(|| (self.received_on() <= day).then_some(State::Received))
    }

    /// Whether it was received and not resolved at the end of a day.
    pub(crate) fn was_open_on(&self, day: Date) -> bool {
        self.state_on(day).is_some_and(is_open)
    }

    /// The day on which it was last answered or ended, unless it is open.
    pub(crate) fn resolved_on(&self) -> Option<Date> {
        let mut resolved = None;
        let mut open = true;
        for entry in self.entries() {
            let now = is_open(entry.state_after);
            if open && !now {
                resolved = Some(entry.date_or_day("closed_on"));
            }
            if now {
                resolved = None;
            }
            open = now;
        }
        resolved
    }

    /// The services concerned, by code.
    pub(crate) fn services(&self) -> BTreeSet<String> {
        self.codes_or_not_stated(
            self.opened()
                .into_iter()
                .flat_map(|entry| entry.fields().texts("services")),
        )
    }

    /// Themes, underlying causes and root causes recorded so far, by code.
    pub(crate) fn themes(&self) -> BTreeSet<String> {
        let shared = self.of(EventType::LearningShared);
        let themes = shared.flat_map(|entry| entry.fields().texts("themes"));
        let closed = self.of(EventType::CaseClosed);
        let causes = closed.filter_map(|entry| entry.fields().text("underlying_cause_code"));
        self.codes_or_not_stated(themes.chain(causes))
    }

    /// Root causes, by code: of strands and of the case.
    pub(crate) fn root_causes(&self) -> BTreeSet<String> {
        let strands = self.of(EventType::StrandSubmitted);
        let closed = self.of(EventType::CaseClosed);
        let causes = strands
            .chain(closed)
            .filter_map(|entry| entry.fields().text("root_cause"));
        self.codes_or_not_stated(causes)
    }

    fn codes_or_not_stated<'t>(&self, codes: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
        let mut codes: BTreeSet<String> = codes.map(str::to_owned).collect();
        if codes.is_empty() {
            codes.insert(NOT_STATED.to_owned());
        }
        codes
    }

    /// Enquiries of ombudsmen that this case was told of: ombudsman and day.
    pub(crate) fn ombudsman_enquiries(&self) -> Vec<(&'a str, Date)> {
        self.of(EventType::OmbudsmanEnquiryReceived)
            .filter_map(|entry| Some((entry.fields().text("ombudsman")?, entry.day())))
            .collect()
    }
}

/// Whether a case in this state is still to be answered.
pub(crate) fn is_open(state: State) -> bool {
    From::Open.contains(state)
}
