//! What a case remembers about the duty to co-operate (E-11): who was asked for what and when it stopped, who took part when, who was
//! invited to which meeting, and the marks that events leave. What follows from it is derived in `timetable`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Case, From, State};
use crate::events::cooperation::CooperationDuty;
use crate::ids::{EventId, OrganisationId};

/// The facts behind marks and waiting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cooperation {
    /// What bodies were asked for without a date of their own, in the order in which it was asked.
    pub(crate) asks: Vec<Ask>,
    /// When each body took part; the receiver from the start.
    pub(crate) seats: BTreeMap<OrganisationId, Seat>,
    /// When each body first said something about who leads (Q9).
    pub(crate) spoke_on_lead: BTreeMap<OrganisationId, Timestamp>,
    /// Bodies that will not have the lead proposed last.
    pub(crate) against_lead: BTreeSet<OrganisationId>,
    /// Who was invited to each meeting.
    pub(crate) meetings: BTreeMap<String, BTreeSet<OrganisationId>>,
    /// The marks that events left.
    pub(crate) marks: Vec<EventMark>,
}

/// Something that one body waits for from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) of: OrganisationId,
    pub(crate) what: Asked,
    pub(crate) since: Timestamp,
    /// When it was given, or not wanted any more.
    pub(crate) until: Option<Timestamp>,
}

/// What a body is asked for that no deadline of its own covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Asked {
    /// To take a complaint that was passed on, or to decline it.
    Acceptance,
    /// To accept the lead proposed, or to dispute it.
    Lead,
    /// To comment on the draft.
    Comment,
}

/// From when until when a body was party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl Seat {
    pub(crate) fn held_at(self, at: Timestamp) -> bool {
        self.from < at && self.until.is_none_or(|until| at <= until)
    }
}

/// A mark that an event leaves on a body's co-operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventMark {
    pub(crate) org: OrganisationId,
    pub(crate) duty: CooperationDuty,
    pub(crate) event: EventId,
    /// The day of the failure. A day that the event names stands among the days that a correction puts right, and goes first.
    pub(crate) on: Date,
}

impl Case {
    /// Brings seats and asks in line with the case as it is after an event of this instant.
    pub(crate) fn note_who_is_asked(&mut self, at: Timestamp) {
        self.note_seats(at);
        let wanted = self.who_is_asked();
        let asks = &mut self.facts.cooperation.asks;
        for ask in asks.iter_mut().filter(|ask| ask.until.is_none()) {
            if !wanted.contains(&(ask.of.clone(), ask.what)) {
                ask.until = Some(at.max(ask.since));
            }
        }
        let running = |asks: &[Ask], of: &OrganisationId, what| {
            asks.iter()
                .any(|ask| ask.until.is_none() && ask.of == *of && ask.what == what)
        };
        for (of, what) in wanted {
            if !running(asks, &of, what) {
                asks.push(Ask {
                    of,
                    what,
                    since: at,
                    until: None,
                });
            }
        }
    }

    fn note_seats(&mut self, at: Timestamp) {
        let parties: BTreeSet<OrganisationId> = self.parties().into_iter().cloned().collect();
        let seats = &mut self.facts.cooperation.seats;
        for (org, seat) in seats.iter_mut() {
            if seat.until.is_none() && !parties.contains(org) {
                seat.until = Some(at);
            }
        }
        for org in parties {
            let seat = seats.entry(org).or_insert(Seat {
                from: at,
                until: None,
            });
            seat.until = None;
        }
    }

    /// Who owes the others a word as the case stands.
    fn who_is_asked(&self) -> BTreeSet<(OrganisationId, Asked)> {
        let facts = &self.facts;
        let mut wanted = BTreeSet::new();
        if self.state() == State::PassedOn {
            let target = facts.roles.passed_to.iter();
            wanted.extend(target.map(|org| (org.clone(), Asked::Acceptance)));
        }
        if From::Joining.contains(self.state()) && facts.lead.proposed.is_some() {
            let silent = self.parties().into_iter().filter(|org| {
                !facts.lead.accepted.contains(*org)
                    && !facts.cooperation.against_lead.contains(*org)
            });
            wanted.extend(silent.map(|org| (org.clone(), Asked::Lead)));
        }
        if self.state() == State::Commenting {
            let comments = facts.answer.circulated.iter().flat_map(|it| &it.comments);
            let silent = comments.filter(|(org, said)| said.is_none() && self.is_party(org));
            wanted.extend(silent.map(|(org, _)| (org.clone(), Asked::Comment)));
        }
        wanted
    }
}
