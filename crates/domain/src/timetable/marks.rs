//! Marks on a body's co-operation (E-11, reg 9 of SI 2009/309; Q9): what happened, on which day, and what proves it.
//!
//! A mark is no verdict: it is what a scorecard counts. A body that was marked can answer (`cooperation-failure-recorded` carries its
//! reply), and a lead is marked like anybody else.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Deadline, DeadlineId, DeadlineState, Timetable, timetable};
use crate::calendar::end_of_day;
use crate::case::{Asked, Case, DeadlineName};
use crate::events::cooperation::CooperationDuty;
use crate::ids::{EventId, OrganisationId};
use crate::rules::Rules;

/// One mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CooperationMark {
    /// Whose.
    pub organisation: OrganisationId,
    /// Which duty was not kept.
    pub duty: CooperationDuty,
    /// The day: of the event, or the first day after a due day.
    pub on: Date,
    /// What proves it.
    pub proof: MarkProof,
}

/// What a mark rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkProof {
    /// An event of the case.
    Event(EventId),
    /// An occurrence of a deadline that was not met in time.
    Deadline {
        /// The occurrence.
        id: DeadlineId,
        /// Its name.
        name: DeadlineName,
    },
}

/// All marks of a case as known at an instant, by day.
///
/// Late strands, answers to invitations, information, comments and actions; silence about the lead when `lead-agreement` passed (Q9:
/// to dispute is lawful, not to speak is not); information refused; an invitation declined; absence from a meeting; and failures that
/// a party recorded.
pub fn cooperation_marks(case: &Case, at: Timestamp, rules: &Rules<'_>) -> Vec<CooperationMark> {
    let table = timetable(case, at, rules);
    let mut marks: Vec<CooperationMark> = from_events(case);
    marks.extend(table.deadlines().iter().filter_map(late_duty));
    marks.extend(late_comments(case, &table, at));
    marks.extend(silence_on_lead(case, &table, at));
    marks.sort_by(|a, b| {
        let key = |mark: &CooperationMark| {
            let (organisation, proof) = (mark.organisation.clone(), mark.proof.clone());
            (mark.on, organisation, mark.duty, proof)
        };
        key(a).cmp(&key(b))
    });
    marks
}

fn from_events(case: &Case) -> Vec<CooperationMark> {
    let marks = case.facts.cooperation.marks.iter().map(|mark| {
        let named = case.facts.days.get(&mark.event);
        CooperationMark {
            organisation: mark.org.clone(),
            duty: mark.duty,
            on: named
                .and_then(|days| days.get("on"))
                .copied()
                .unwrap_or(mark.on),
            proof: MarkProof::Event(mark.event),
        }
    });
    marks.collect()
}

/// A body's own deadline that it met late, has not met, or had moved after its due day.
fn late_duty(deadline: &Deadline) -> Option<CooperationMark> {
    let duty = match deadline.name.rule() {
        "join" => CooperationDuty::Join,
        "information" => CooperationDuty::Information,
        "strand" => CooperationDuty::Strand,
        "action" => CooperationDuty::Action,
        _ => return None,
    };
    let late = deadline.was_late() || deadline.state == DeadlineState::Overdue;
    late.then(|| mark_of(deadline, duty, &deadline.owed_by))
        .flatten()
}

fn mark_of(
    deadline: &Deadline,
    duty: CooperationDuty,
    organisation: &OrganisationId,
) -> Option<CooperationMark> {
    Some(CooperationMark {
        organisation: organisation.clone(),
        duty,
        on: deadline.due?.tomorrow().ok()?,
        proof: MarkProof::Deadline {
            id: deadline.id,
            name: deadline.name.clone(),
        },
    })
}

/// Occurrences of a deadline of the case whose due day was over while they stood, and the instant at which it was over.
fn passed<'t>(
    table: &'t Timetable,
    name: &str,
    at: Timestamp,
) -> impl Iterator<Item = (&'t Deadline, Timestamp)> {
    let name = DeadlineName::from(name);
    table
        .deadlines()
        .iter()
        .filter(move |deadline| deadline.name == name)
        .filter_map(move |deadline| {
            let over = end_of_day(deadline.due?);
            let stood = deadline.stopped_at.is_none_or(|stopped| stopped >= over);
            (over <= at && stood).then_some((deadline, over))
        })
}

/// Who had not commented when the day for comments was over.
fn late_comments(case: &Case, table: &Timetable, at: Timestamp) -> Vec<CooperationMark> {
    let asks = case.facts.cooperation.asks.iter();
    let asks: Vec<_> = asks.filter(|ask| ask.what == Asked::Comment).collect();
    passed(table, "draft-comments", at)
        .flat_map(|(deadline, over)| {
            asks.iter()
                .filter(move |ask| {
                    ask.since < over && ask.until.is_none_or(|answered| answered >= over)
                })
                .filter_map(move |ask| mark_of(deadline, CooperationDuty::Comment, &ask.of))
        })
        .collect()
}

/// Q9: who was party, not alone, and had said nothing about the lead when the day to agree on it was over.
fn silence_on_lead(case: &Case, table: &Timetable, at: Timestamp) -> Vec<CooperationMark> {
    let known = &case.facts.cooperation;
    passed(table, "lead-agreement", at)
        .flat_map(|(deadline, over)| {
            let seated: Vec<&OrganisationId> = known
                .seats
                .iter()
                .filter(|(_, seat)| seat.held_at(over))
                .map(|(org, _)| org)
                .collect();
            let not_alone = seated.len() > 1;
            seated
                .into_iter()
                .filter(move |org| {
                    let spoke = known.spoke_on_lead.get(*org);
                    not_alone && spoke.is_none_or(|spoke| *spoke >= over)
                })
                .filter_map(move |org| mark_of(deadline, CooperationDuty::SeekLead, org))
        })
        .collect()
}
