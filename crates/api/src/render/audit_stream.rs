//! Pieces of long answers to auditors.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::Reason;
use concordat_domain::audit::{DeadlineChange, Played, RulingDifference, WhatIf};
use concordat_domain::ids::CaseId;
use concordat_domain::timetable::{Deadline, DeadlineState};
use concordat_node::Ruling;
use concordat_node::audit::{Finding, Replayed, StateAfter, Verified};
use concordat_proto::v1;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::audit::deadline_change;
use super::event::ruling;
use super::proof::signed;
use super::{deadline, event};
use crate::opaque;

/// A number of things on the wire.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One event of a replay.
pub(crate) fn replayed(replayed: &Replayed) -> v1::ReplayedEvent {
    let version = replayed.event.ruled.as_ref();
    let version = version.map(|ruled| opaque::version(ruled.version_after));
    v1::ReplayedEvent {
        event: Some(event(&replayed.event, false)),
        signed: replayed.signed.as_ref().map(signed),
        state: replayed
            .state
            .as_ref()
            .map(|state| state_after(state, version.unwrap_or_default(), replayed.event.case)),
    }
}

fn state_after(state: &StateAfter, version: String, case: CaseId) -> v1::StateAfter {
    let changes = state.deadlines.iter();
    v1::StateAfter {
        state: state.state.clone(),
        digest: hex::encode(state.digest),
        version,
        deadlines: changes
            .map(|change| deadline_change(change, case, (state.at, state.at)))
            .collect(),
    }
}

/// One digest over several cases, in ascending order of their ids.
pub(crate) fn digest_of_cases(digests: &BTreeMap<CaseId, [u8; 32]>) -> String {
    let mut hash = Sha256::new();
    for (case, digest) in digests {
        hash.update(case.0);
        hash.update(digest);
    }
    hex::encode(hash.finalize())
}

/// A case that would be otherwise.
pub(crate) fn what_if(case: CaseId, found: &WhatIf, at: Timestamp) -> v1::WhatIfCase {
    let state = |played: &Played| {
        let case = played.case.as_ref();
        case.map(|case| case.state().to_string())
            .unwrap_or_default()
    };
    let replaced = found.replaced.as_ref().map(|replaced| {
        let version = replaced.version.clone().unwrap_or_default();
        format!("{}@{version}", replaced.pack)
    });
    v1::WhatIfCase {
        case_id: case.to_string(),
        replaced_pack: replaced.unwrap_or_default(),
        state_before: state(&found.before),
        state_after: state(&found.after),
        rulings: found.rulings.iter().map(ruling_difference).collect(),
        deadlines: found
            .deadlines
            .iter()
            .map(|change| what_if_deadline(change, case, at))
            .collect(),
    }
}

fn ruling_difference(difference: &RulingDifference) -> v1::RulingDifference {
    let verdict = |of: &Result<(), Reason>| {
        let verdict = match of {
            Ok(()) => Ruling::Effective,
            Err(reason) => Ruling::Void {
                reason: reason.code(),
            },
        };
        Some(ruling(&verdict, &BTreeSet::new()))
    };
    v1::RulingDifference {
        event_id: difference.event.to_string(),
        source: difference.author.to_string(),
        r#type: difference.event_type.to_string(),
        position: opaque::position(difference.position),
        before: verdict(&difference.before),
        after: verdict(&difference.after),
    }
}

fn what_if_deadline(change: &DeadlineChange, case: CaseId, at: Timestamp) -> v1::WhatIfDeadline {
    let render = |one: &Option<Deadline>| one.as_ref().map(|one| deadline(one, None, case, at));
    let missed = |one: &Option<Deadline>| {
        one.as_ref()
            .is_some_and(|one| one.state == DeadlineState::Overdue || one.was_late())
    };
    v1::WhatIfDeadline {
        before: render(&change.before),
        after: render(&change.after),
        missed_before: missed(&change.before),
        missed_after: missed(&change.after),
    }
}

/// Something that was found.
pub(crate) fn finding(finding: &Finding) -> v1::VerifyFinding {
    let severity = if finding.code.is_error() {
        v1::FindingSeverity::Error
    } else {
        v1::FindingSeverity::Note
    };
    let text = |one: Option<String>| one.unwrap_or_default();
    v1::VerifyFinding {
        code: finding.code.code().to_owned(),
        severity: severity.into(),
        what: finding.code.what().to_owned(),
        position: finding.position.map(opaque::position).unwrap_or_default(),
        organisation: text(finding.organisation.as_ref().map(ToString::to_string)),
        case_id: text(finding.case.map(|case| case.to_string())),
    }
}

/// What was verified.
pub(crate) fn verified(verified: &Verified) -> v1::VerifyVerdict {
    v1::VerifyVerdict {
        bundles: count(verified.bundles),
        envelopes: count(verified.envelopes),
        cases: count(verified.cases),
        rulings: count(verified.rulings),
        tree_size: count(verified.tree_size),
        tree_root: hex::encode(verified.tree_root),
        ..v1::VerifyVerdict::default()
    }
}
