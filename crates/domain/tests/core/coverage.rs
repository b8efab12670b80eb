//! What the worked cases exercise: every kind of event takes effect in one of them, and every reason is given in one.
//!
//! Who adds a kind of event or a reason writes a worked case for it. `scenarios` holds that the cases go as written, so a name in a file
//! is a thing that was seen to happen.

use std::collections::BTreeSet;

use concordat_domain::{EventType, Reason};

use crate::fixtures::worked_cases;

/// Events that no worked case can show taking effect, each with what proves it instead.
const EVENTS_PROVEN_ELSEWHERE: [(&str, &str); 1] = [(
    "deadline-approaching",
    "published by enforcers whenever it is due, never by a step: `families`",
)];

/// Reasons that no worked case can provoke, each with what proves it instead.
const REASONS_PROVEN_ELSEWHERE: [(&str, &str); 0] = [];

/// Fails if what is there falls short of what must be, apart from exceptions; and if an exception is none any more.
fn check(what: &str, all: &BTreeSet<String>, seen: &BTreeSet<String>, elsewhere: &[(&str, &str)]) {
    let excepted: BTreeSet<String> = elsewhere
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let missing: Vec<_> = all
        .iter()
        .filter(|name| !seen.contains(*name) && !excepted.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "no worked case exercises the {what} {missing:?}"
    );
    for (name, _) in elsewhere {
        assert!(all.contains(*name), "{name} is no {what}");
        assert!(
            !seen.contains(*name),
            "a worked case exercises {name}: no exception any more"
        );
    }
}

#[test]
fn every_event_takes_effect_in_a_worked_case() {
    let all = EventType::ALL.iter().map(ToString::to_string).collect();
    let cases = worked_cases();
    let effective = cases
        .iter()
        .flat_map(|(_, steps)| steps)
        .filter(|step| step.expect.rejected.is_none());
    let seen = effective.map(|step| step.event.clone()).collect();
    check("event", &all, &seen, &EVENTS_PROVEN_ELSEWHERE);
}

#[test]
fn every_reason_is_given_in_a_worked_case() {
    let missing_field = Reason::MissingField(String::new());
    let reasons = Reason::ALL.iter().chain([&missing_field]);
    let all = reasons.map(|reason| reason.family().to_owned()).collect();
    let cases = worked_cases();
    let refused = cases
        .iter()
        .flat_map(|(_, steps)| steps)
        .filter_map(|step| step.expect.rejected.as_deref());
    let seen = refused
        .map(|code| code.split(':').next().unwrap_or(code).to_owned())
        .collect();
    check("reason", &all, &seen, &REASONS_PROVEN_ELSEWHERE);
}
