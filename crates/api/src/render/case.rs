//! Cases with their timetables.

use concordat_domain::timetable::PersonDate;
use concordat_node::{CaseView, Exposure};
use concordat_proto::v1;
use jiff::Timestamp;

use super::{deadline, instant, texts};
use crate::opaque;

/// A case as it stands at an instant.
pub(crate) fn case(view: &CaseView, at: Timestamp) -> v1::Case {
    let deadlines = view.deadlines.iter();
    v1::Case {
        case_id: view.id.to_string(),
        state: view.state.clone(),
        keeper: view.keeper.to_string(),
        lead: view
            .lead
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        lead_epoch: view.lead_epoch,
        receiver: view.receiver.to_string(),
        parties: texts(&view.parties),
        invitees: texts(&view.invitees),
        former_receivers: texts(&view.former_receivers),
        flags: texts(&view.flags),
        deadlines: deadlines
            .map(|one| deadline(one, view.waiting.get(&one.id), view.id, at))
            .collect(),
        digest: hex::encode(view.digest),
        version: opaque::version(view.version),
        position: opaque::position(view.position),
        next_event_types: texts(&view.next_event_types),
        exposures: view.exposures.iter().flat_map(exposure).collect(),
        parked_reason: view.parked.clone().unwrap_or_default(),
        rules: Some(v1::PinnedRules {
            judging_rules: view.pins.rules_version,
            packs: view
                .packs
                .iter()
                .map(|(id, version)| format!("{id}@{version}"))
                .collect(),
            time_zone_release: view.pins.tz_release.clone(),
        }),
        opened_at: view.opened_at.map(instant),
        answer_by: view.person_dates.answer_by.as_ref().map(person_date),
        next_events: super::next_events(&view.next_events),
        rights: view.person_dates.rights.iter().map(person_date).collect(),
    }
}

fn person_date(date: &PersonDate) -> v1::PersonDate {
    v1::PersonDate {
        case_id: date.case.to_string(),
        deadline: date.name.to_string(),
        due_date: date.due.to_string(),
        source: date.source.clone(),
    }
}

/// One for each organisation that could read.
fn exposure(exposure: &Exposure) -> Vec<v1::Exposure> {
    let recipients = exposure.recipients.iter();
    recipients
        .map(|recipient| v1::Exposure {
            kind: exposure.kind.clone(),
            author: exposure.author.to_string(),
            recipient: recipient.to_string(),
            compartment: exposure.compartment.clone(),
            position: opaque::position(exposure.position),
        })
        .collect()
}
