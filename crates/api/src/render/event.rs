//! Events, drafts and receipts.

use std::collections::BTreeSet;

use concordat_domain::Reason;
use concordat_domain::calendar::end_of_day;
use concordat_domain::case::NextEvent;
use concordat_domain::events::row;
use concordat_domain::ids::CaseId;
use concordat_domain::judge::advice_on;
use concordat_domain::timetable::EffectKind;
use concordat_node::{DraftView, EventView, NO_CASE, Receipt, Ruled, Ruling, Stage};
use concordat_proto::v1;

use super::{compartments, instant, texts};
use crate::opaque;

/// The id of a case; empty for what is tied to none.
fn case_id(case: CaseId) -> String {
    if case == NO_CASE {
        String::new()
    } else {
        case.to_string()
    }
}

/// How far an event has come.
pub(crate) fn stage(stage: Stage) -> v1::Stage {
    match stage {
        Stage::Held => v1::Stage::Held,
        Stage::Accepted => v1::Stage::Accepted,
        Stage::Committed => v1::Stage::Committed,
        Stage::Ruled => v1::Stage::Ruled,
        Stage::Witnessed => v1::Stage::Witnessed,
    }
}

/// A verdict, with what the emitter can do.
pub(crate) fn ruling(ruling: &Ruling, warnings: &BTreeSet<String>) -> v1::Ruling {
    let reason = ruling.reason().unwrap_or_default();
    v1::Ruling {
        effective: ruling.is_effective(),
        reason: reason.to_owned(),
        advice: advice_on(reason).unwrap_or_default().to_owned(),
        warnings: texts(warnings),
    }
}

/// Why a draft is held.
pub(crate) fn held_ruling(reason: &str) -> v1::Ruling {
    let void = Ruling::Void {
        reason: reason.to_owned(),
    };
    ruling(&void, &BTreeSet::new())
}

/// What an emitter gets back. A validation has no stage: nothing was stored.
pub(crate) fn receipt(receipt: &Receipt, validated: bool) -> v1::Receipt {
    let reached = if validated {
        v1::Stage::Unspecified
    } else {
        stage(receipt.stage)
    };
    v1::Receipt {
        event_id: receipt.event_id.to_string(),
        case_id: case_id(receipt.case),
        stage: reached.into(),
        ruling: receipt
            .ruling
            .as_ref()
            .map(|verdict| ruling(verdict, &receipt.warnings)),
        position: receipt.position.map(opaque::position).unwrap_or_default(),
        case_version: opaque::version(receipt.version),
        deduplicated: receipt.deduplicated,
        log_reachable: receipt.log_reachable,
        content_kept_back: receipt.content_kept_back,
        publishing_stopped: String::new(),
        next_event_types: texts(&receipt.next_event_types),
    }
}

/// The case behind an event, if there is one.
pub(crate) fn case_after(receipt: &Receipt) -> Option<v1::CaseAfter> {
    Some(v1::CaseAfter {
        state: receipt.state.clone()?,
        next_events: next_events(&receipt.next_events),
        deadline_effects: receipt
            .deadline_effects
            .iter()
            .map(|change| v1::DeadlineEffect {
                kind: match change.kind {
                    EffectKind::Starts => v1::DeadlineEffectKind::Starts,
                    EffectKind::Moves => v1::DeadlineEffectKind::Moves,
                    EffectKind::Met => v1::DeadlineEffectKind::Met,
                    EffectKind::Ends => v1::DeadlineEffectKind::Ends,
                }
                .into(),
                name: change.name.to_string(),
                owner: change.owed_by.to_string(),
                due_date: change.due.map(|due| due.to_string()).unwrap_or_default(),
                due_date_before: change
                    .due_before
                    .map(|due| due.to_string())
                    .unwrap_or_default(),
            })
            .collect(),
    })
}

/// What may come next, and by whom.
pub(crate) fn next_events(next: &[NextEvent]) -> Vec<v1::NextEvent> {
    let next = next.iter().map(|one| v1::NextEvent {
        r#type: one.event_type.to_string(),
        organisations: texts(&one.by),
        by_owner_only: one.by_owner_only,
        unless: one.unless.iter().map(Reason::code).collect(),
    });
    next.collect()
}

/// An event as it may be read.
pub(crate) fn event(view: &EventView, historical: bool) -> v1::EventEnvelope {
    let event = view.event.clone().unwrap_or_default();
    v1::EventEnvelope {
        event_id: view.event_id.to_string(),
        source: view.author.to_string(),
        r#type: view
            .event_type
            .map(|event_type| event_type.to_string())
            .unwrap_or_default(),
        case_id: case_id(view.case),
        occurred_at: view.occurred_at.map(instant),
        recorded_at: view.recorded_at.map(instant),
        position: view.position.map(opaque::position).unwrap_or_default(),
        case_version: view
            .ruled
            .as_ref()
            .map(|ruled| opaque::version(ruled.version_after))
            .unwrap_or_default(),
        causation_id: event.causation_id.unwrap_or_default(),
        corrects: event.corrects.unwrap_or_default(),
        traceparent: event.traceparent.unwrap_or_default(),
        on_behalf_of: event.on_behalf_of.unwrap_or_default(),
        actor_role: event.actor_role.unwrap_or_default(),
        actor_id: event.actor_id.unwrap_or_default(),
        backdate_reason: event.backdate_reason.unwrap_or_default(),
        ruling: view.ruled.as_ref().map(ruled),
        body: event.body,
        empty_lists: event.empty_lists,
        withheld: compartments(&view.withheld),
        erased: compartments(&view.erased),
        historical,
        late_by: late_by(view),
    }
}

/// How long after the end of the due day a miss was recorded: long, where the keeper's node had been down.
fn late_by(view: &EventView) -> Option<prost_types::Duration> {
    let body = view.event.as_ref()?.body.as_ref()?;
    let Some(v1::event_body::Kind::DeadlineMissed(missed)) = &body.kind else {
        return None;
    };
    let due: jiff::civil::Date = missed.due.as_ref()?.parse().ok()?;
    let late = view.recorded_at?.duration_since(end_of_day(due));
    Some(prost_types::Duration {
        seconds: late.as_secs(),
        nanos: late.subsec_nanos(),
    })
}

fn ruled(ruled: &Ruled) -> v1::Ruling {
    ruling(&ruled.ruling, &ruled.warnings)
}

/// An event in one sentence, which is that of its row: it holds nothing of the event itself.
pub(crate) fn timeline_entry(view: &EventView) -> v1::TimelineEntry {
    v1::TimelineEntry {
        event_id: view.event_id.to_string(),
        source: view.author.to_string(),
        r#type: view
            .event_type
            .map(|event_type| event_type.to_string())
            .unwrap_or_default(),
        sentence: view
            .event_type
            .map(|event_type| row(event_type).summary.to_owned())
            .unwrap_or_default(),
        occurred_at: view.occurred_at.map(instant),
        recorded_at: view.recorded_at.map(instant),
        position: view.position.map(opaque::position).unwrap_or_default(),
        ruling: view.ruled.as_ref().map(ruled),
        state_after: view
            .ruled
            .as_ref()
            .and_then(|ruled| ruled.state_after.clone())
            .unwrap_or_default(),
        late_by: late_by(view),
    }
}

/// An event that waits here.
pub(crate) fn draft(draft: &DraftView) -> v1::Draft {
    let stage = match draft.held {
        Some(_) => v1::Stage::Held,
        None => v1::Stage::Accepted,
    };
    v1::Draft {
        event_id: draft.event_id.to_string(),
        case_id: case_id(draft.case),
        r#type: draft.event_type.to_string(),
        stage: stage.into(),
        ruling: draft.held.as_deref().map(held_ruling),
        accepted_at: Some(instant(draft.accepted_at)),
    }
}
