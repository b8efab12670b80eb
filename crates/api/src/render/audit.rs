//! What auditors are told.

use concordat_domain::audit::{DeadlineChange, DeadlineChangeKind, FieldChange};
use concordat_domain::ids::CaseId;
use concordat_domain::timetable::Deadline;
use concordat_node::CaseView;
use concordat_node::audit::{AccessRecord, ChangedBy, ComparedCase, Comparison, PastCase};
use concordat_proto::v1;
use jiff::Timestamp;

use super::{case, deadline, event, explanation, instant};
use crate::opaque;

/// A case as it stood at a point.
pub(crate) fn past_case(access_record: String, past: &PastCase) -> v1::GetCaseAsOfResponse {
    let at = past.point.valid_at;
    v1::GetCaseAsOfResponse {
        access_record,
        joint_case: Some(case(&past.case, at)),
        known_position: past
            .point
            .position
            .map(opaque::position)
            .unwrap_or_default(),
        valid_at: Some(instant(at)),
        explanations: explanations(&past.case, at),
    }
}

/// How each deadline came about.
fn explanations(view: &CaseView, at: Timestamp) -> Vec<v1::ExplainDeadlineResponse> {
    let all = view.deadlines.iter().enumerate();
    let explained = all.map(|(place, one)| {
        let before = view.deadlines[..place].iter();
        let before: Vec<&Deadline> = before.filter(|other| other.name == one.name).collect();
        explanation(one, &before, view, at)
    });
    explained.collect()
}

/// What differs between two points.
pub(crate) fn comparison(
    access_record: String,
    case: CaseId,
    found: &Comparison,
) -> v1::CompareCaseResponse {
    let (before, after) = (found.before.point.valid_at, found.after.point.valid_at);
    let changes = found.deadlines.iter();
    v1::CompareCaseResponse {
        access_record,
        before: Some(compared(&found.before)),
        after: Some(compared(&found.after)),
        fields: found.fields.iter().map(field_change).collect(),
        deadlines: changes
            .map(|change| deadline_change(change, case, (before, after)))
            .collect(),
        events: found.events.iter().map(|one| event(one, false)).collect(),
    }
}

fn compared(compared: &ComparedCase) -> v1::ComparedPoint {
    let (state, digest) = compared.stood.clone().unzip();
    v1::ComparedPoint {
        known_position: compared
            .point
            .position
            .map(opaque::position)
            .unwrap_or_default(),
        valid_at: Some(instant(compared.point.valid_at)),
        exists: state.is_some(),
        state: state.unwrap_or_default(),
        digest: digest.map(hex::encode).unwrap_or_default(),
    }
}

fn field_change((change, by): &(FieldChange, Option<ChangedBy>)) -> v1::FieldChange {
    let by = by.as_ref();
    v1::FieldChange {
        path: change.path.clone(),
        before: change.before.clone().unwrap_or_default(),
        after: change.after.clone().unwrap_or_default(),
        event_id: by.map(|by| by.event.to_string()).unwrap_or_default(),
        source: by.map(|by| by.author.to_string()).unwrap_or_default(),
        position: by
            .map(|by| opaque::position(by.position))
            .unwrap_or_default(),
    }
}

/// A deadline that is not the same at two instants.
pub(crate) fn deadline_change(
    change: &DeadlineChange,
    case: CaseId,
    (before, after): (Timestamp, Timestamp),
) -> v1::DeadlineChange {
    let render = |one: &Option<Deadline>, at| one.as_ref().map(|one| deadline(one, None, case, at));
    v1::DeadlineChange {
        kind: kind(change.kind).into(),
        before: render(&change.before, before),
        after: render(&change.after, after),
    }
}

fn kind(kind: DeadlineChangeKind) -> v1::DeadlineChangeKind {
    use v1::DeadlineChangeKind as Wire;
    match kind {
        DeadlineChangeKind::Appeared => Wire::Appeared,
        DeadlineChangeKind::Moved => Wire::Moved,
        DeadlineChangeKind::Met => Wire::Met,
        DeadlineChangeKind::Ended => Wire::Ended,
        DeadlineChangeKind::Overdue => Wire::Overdue,
        DeadlineChangeKind::Otherwise => Wire::Otherwise,
        DeadlineChangeKind::Gone => Wire::Gone,
    }
}

/// Somebody looked.
pub(crate) fn access_record(record: &AccessRecord) -> v1::AccessRecord {
    v1::AccessRecord {
        access_record: record.id.to_string(),
        at: Some(instant(record.at)),
        who: record.who.clone(),
        purpose: record.purpose.clone(),
        rpc: record.rpc.clone(),
        case_id: record.case.map(|case| case.to_string()).unwrap_or_default(),
        feed_id: record.feed.clone().unwrap_or_default(),
    }
}
