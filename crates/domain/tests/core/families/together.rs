//! Bodies with one another, and with the ombudsman.

use concordat_domain::scenario::instant;
use concordat_domain::timetable;

use super::{due, flags, play};
use crate::world::*;

/// The lead passes on offer, or when two parties find the keeper lost; nobody just takes it.
#[test]
fn lead_passes_on_offer_or_when_two_find_the_keeper_lost() {
    let world = World::new();
    let take = r#"{"from": "ods:ZT1", "on": "2026-02-20", "complainant_told": true}"#;
    let mut log = Log::investigating(&world);
    play(
        &mut log,
        &[
            (
                "2026-02-20T09:00",
                COUNCIL,
                "lead-transferred",
                take,
                "step-out-of-order",
            ),
            (
                "2026-02-20T10:00",
                TRUST,
                "lead-transfer-offered",
                r#"{"to": "ods:ZT2", "why_code": "resources"}"#,
                "body-not-joined",
            ),
            (
                "2026-02-20T11:00",
                TRUST,
                "lead-transfer-offered",
                r#"{"to": "gss:E06999901", "why_code": "resources"}"#,
                "",
            ),
            ("2026-02-20T12:00", COUNCIL, "lead-transferred", take, ""),
        ],
    );
    assert_eq!(log.open_case().keeper().as_str(), COUNCIL);
    assert_eq!(
        log.open_case().lead().map(|lead| lead.as_str()),
        Some(COUNCIL)
    );
    assert_eq!(log.open_case().lead_epoch(), 2);
    assert_eq!(
        log.try_event("2026-02-21T10:00", TRUST, "lead-transferred", take),
        Err("step-out-of-order".to_owned()),
        "an offer serves once"
    );

    let mut lost = Log::investigating(&world);
    let found = r#"{"org": "ods:ZT1", "since": "2026-02-10"}"#;
    play(
        &mut lost,
        &[
            (
                "2026-02-20T10:00",
                COUNCIL,
                "keeper-lost-declared",
                found,
                "",
            ),
            (
                "2026-02-20T11:00",
                COUNCIL,
                "keeper-lost-declared",
                found,
                "",
            ),
            (
                "2026-02-20T12:00",
                COUNCIL,
                "lead-transferred",
                take,
                "step-out-of-order",
            ),
            ("2026-02-20T13:00", TRUST, "keeper-lost-declared", found, ""),
            ("2026-02-20T14:00", COUNCIL, "lead-transferred", take, ""),
        ],
    );
}

/// A body is succeeded only once the directory says that it is gone.
#[test]
fn body_that_still_exists_has_no_successor() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let gone = r#"{"from": "gss:E06999901", "to": "none", "basis": "order", "complainant_told": true, "records_held_by": "ods:ZT1"}"#;
    play(
        &mut log,
        &[(
            "2026-02-20T10:00",
            TRUST,
            "participant-succeeded",
            gone,
            "organisation-not-retired",
        )],
    );
}

/// E-11: only a body that was ever part of the case can fail to co-operate in it.
#[test]
fn co_operation_fails_only_where_it_was_owed() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let failure =
        |org: &str| format!(r#"{{"org": "{org}", "duty": "meeting", "on": "2026-02-20"}}"#);
    log.must(
        "2026-02-21T10:00",
        TRUST,
        "cooperation-failure-recorded",
        &failure(COUNCIL),
    );
    assert_eq!(
        log.try_event(
            "2026-02-21T11:00",
            TRUST,
            "cooperation-failure-recorded",
            &failure("ods:ZT2")
        ),
        Err("no-consent".to_owned())
    );
}

/// J-04: what was learnt is shared without names, or with consent for learning.
#[test]
fn learning_is_shared_without_names_or_with_consent() {
    let world = World::new();
    let mut log = Log::opened(&world);
    play(
        &mut log,
        &[
            (
                "2026-02-10T10:00",
                TRUST,
                "learning-shared",
                r#"{"audience": ["board"], "anonymised": false}"#,
                "no-consent",
            ),
            (
                "2026-02-10T11:00",
                TRUST,
                "learning-shared",
                r#"{"audience": ["board"], "anonymised": true}"#,
                "",
            ),
            (
                "2026-02-10T12:00",
                TRUST,
                "handler-assigned",
                r#"{"staff": "s-1", "role": "handler", "conflict_declared": "unmanaged"}"#,
                "conflict-of-interest",
            ),
            (
                "2026-02-10T13:00",
                TRUST,
                "staff-notified",
                r#"{"staff_ref": "s", "issues": []}"#,
                "missing-field:told_on",
            ),
        ],
    );
}

/// J-13: other processes never stop the clock of the complaint.
#[test]
fn other_processes_are_shown_and_stop_nothing() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let before = due(&log, &world, "2026-02-20T09:00", "relevant-period");
    log.must(
        "2026-02-20T10:00",
        TRUST,
        "parallel-process-linked",
        r#"{"kind": "coroner", "ref": "x-1", "clock_paused": true}"#,
    );
    assert!(flags(&log, &world, "2026-02-20T11:00").contains(&"parallel-process".to_owned()));
    assert_eq!(
        due(&log, &world, "2026-02-20T11:00", "relevant-period"),
        before
    );
    log.must(
        "2026-02-21T10:00",
        TRUST,
        "parallel-process-ended",
        r#"{"ref": "x-1"}"#,
    );
    assert!(!flags(&log, &world, "2026-02-21T11:00").contains(&"parallel-process".to_owned()));
}

/// J-16, 003-11: an ombudsman may write to a body that does not lead; that body answers for itself.
// Proves: J-16, 003-11
#[test]
fn body_that_the_ombudsman_wrote_to_answers_for_itself() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let enquiry = r#"{"ombudsman": "LGSCO", "reply_by": "2026-03-20"}"#;
    let evidence = r#"{"ombudsman": "LGSCO", "sent_on": "2026-03-10", "items": 3}"#;
    play(
        &mut log,
        &[
            (
                "2026-03-02T10:00",
                COUNCIL,
                "ombudsman-evidence-sent",
                evidence,
                "not-lead",
            ),
            (
                "2026-03-02T11:00",
                COUNCIL,
                "ombudsman-enquiry-received",
                enquiry,
                "",
            ),
        ],
    );
    let at = instant("2026-03-03T09:00".parse().expect("a time")).expect("it exists");
    let timetable = timetable(log.open_case(), at, &world.rules());
    let reply = timetable
        .deadlines()
        .iter()
        .find(|deadline| deadline.name.to_string() == "ombudsman-reply")
        .expect("a reply is owed");
    assert_eq!(reply.owed_by, org(COUNCIL));
    assert!(flags(&log, &world, "2026-03-03T09:00").contains(&"ombudsman-premature".to_owned()));
    play(
        &mut log,
        &[(
            "2026-03-10T10:00",
            COUNCIL,
            "ombudsman-evidence-sent",
            evidence,
            "",
        )],
    );
    assert_eq!(
        due(&log, &world, "2026-03-10T11:00", "ombudsman-reply"),
        None
    );
}
