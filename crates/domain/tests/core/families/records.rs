//! Requests about data, what rules begin again, and corrections.

use concordat_domain::scenario::instant;
use concordat_domain::timetable;

use super::{due, flags, play};
use crate::world::*;

/// D-09, D-14: requests about data have their own days, owed by the body that recorded them.
#[test]
fn requests_about_data_have_their_own_days() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    play(
        &mut log,
        &[
            (
                "2026-02-20T10:00",
                COUNCIL,
                "subject-access-recorded",
                r#"{"id": "SA1", "received_on": "2026-01-31"}"#,
                "",
            ),
            (
                "2026-02-20T11:00",
                COUNCIL,
                "dp-complaint-received",
                r#"{"id": "DP1", "received_on": "2026-02-18"}"#,
                "",
            ),
            (
                "2026-02-20T12:00",
                COUNCIL,
                "confidentiality-breach-recorded",
                r#"{"id": "B1", "kind": "post", "recipients": ["neighbour"], "known_on": "2026-02-20", "contained": true}"#,
                "",
            ),
        ],
    );
    let day = |name: &str| due(&log, &world, "2026-02-20T13:00", name);
    assert_eq!(
        day("subject-access:SA1").as_deref(),
        Some("2026-02-28"),
        "a month that ends before the corresponding day"
    );
    assert_eq!(day("dp-acknowledge:DP1").as_deref(), Some("2026-03-20"));
    assert_eq!(day("breach-notice:B1").as_deref(), Some("2026-02-23"));
    let owner = |name: &str| {
        let at = instant("2026-02-20T13:00".parse().expect("a time")).expect("it exists");
        timetable(log.open_case(), at, &world.rules())
            .get(name)
            .expect("owed")
            .owed_by
            .clone()
    };
    assert_eq!(owner("subject-access:SA1").as_str(), COUNCIL);
    play(
        &mut log,
        &[
            (
                "2026-02-25T10:00",
                COUNCIL,
                "subject-access-answered",
                r#"{"id": "SA1", "on": "2026-02-25", "redacted": false}"#,
                "",
            ),
            (
                "2026-02-25T11:00",
                COUNCIL,
                "dp-complaint-answered",
                r#"{"id": "DP1", "on": "2026-02-25", "stage": "acknowledged"}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        due(&log, &world, "2026-02-25T12:00", "subject-access:SA1"),
        None
    );
}

/// Domain brief A8: a deadline that its own rule began again was missed all the same, and once.
#[test]
fn deadline_that_its_rule_began_again_was_missed_once() {
    let world = World::new();
    let mut log = Log::joined(&world);
    log.must("2026-02-12T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    log.must(
        "2026-02-12T11:00",
        COUNCIL,
        "lead-disputed",
        r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#,
    );
    let missed = |due: &str| format!(r#"{{"deadline": "lead-escalation", "due": "{due}"}}"#);
    log.must(
        "2026-02-20T00:00",
        TRUST,
        "deadline-missed",
        &missed("2026-02-19"),
    );
    assert_eq!(
        log.try_event(
            "2026-02-20T00:01",
            TRUST,
            "deadline-missed",
            &missed("2026-02-19")
        ),
        Err("already-decided".to_owned())
    );
    assert_eq!(
        due(&log, &world, "2026-02-20T00:02", "lead-escalation").as_deref(),
        Some("2026-02-26")
    );
}

/// D-10: the author or the keeper puts a mistake right; what follows from the day follows from the right one, and nothing counts as moved.
#[test]
fn correction_puts_days_right_in_place() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let plan = log.history.last().expect("the plan").0.id;
    let request = r#"{"id": "R1", "of": "ods:ZT1", "basis": "own-records", "due": "2026-02-20", "what": "w"}"#;
    log.must(
        "2026-02-17T10:00",
        COUNCIL,
        "information-requested",
        request,
    );
    let asked = log.history.last().expect("the request").0.id;
    let correct = |event: String, day: &str| {
        format!(
            r#"{{"corrects": "{event}", "changed": ["due"], "reason_code": "typing", "values": {{"due": "{day}"}}}}"#
        )
    };
    let name = "information:R1";
    assert_eq!(
        due(&log, &world, "2026-02-18T10:00", name).as_deref(),
        Some("2026-02-20")
    );
    // The keeper may correct another's event, another party the keeper's not.
    log.must(
        "2026-02-23T10:00",
        TRUST,
        "correction-recorded",
        &correct(asked.to_string(), "2026-02-27"),
    );
    assert_eq!(
        due(&log, &world, "2026-02-23T11:00", name).as_deref(),
        Some("2026-02-27")
    );
    assert!(
        flags(&log, &world, "2026-02-23T11:00")
            .iter()
            .all(|flag| !flag.contains(name)),
        "it was never late"
    );
    let not_yours = correct(plan.to_string(), "2026-03-01");
    assert_eq!(
        log.try_event(
            "2026-02-23T12:00",
            COUNCIL,
            "correction-recorded",
            &not_yours
        ),
        Err("not-yours".to_owned())
    );
    // A second correction starts from the first.
    log.must(
        "2026-02-24T10:00",
        COUNCIL,
        "correction-recorded",
        &correct(asked.to_string(), "2026-02-26"),
    );
    assert_eq!(
        due(&log, &world, "2026-02-24T11:00", name).as_deref(),
        Some("2026-02-26")
    );
}

/// Event ids are unique for their organisation only: who takes another's id must not get at what that one's event set.
#[test]
fn correction_of_an_id_that_two_organisations_used_changes_nothing() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let complaint = log.history[0].0.id;
    let request = r#"{"id": "R1", "of": "ods:ZT1", "basis": "own-records", "due": "2026-02-09", "what": "w"}"#;
    let mut twin = log.event(
        "2026-02-17T10:00",
        COUNCIL,
        "information-requested",
        request,
    );
    twin.id = complaint;
    log.submit(twin).expect("the id is new for the council");
    let before = due(&log, &world, "2026-02-18T10:00", "relevant-period");
    let correct = format!(
        r#"{{"corrects": "{complaint}", "changed": ["due"], "reason_code": "typing",
        "values": {{"due": "2027-02-09", "received_on": "2027-02-09"}}}}"#
    );
    log.must("2026-02-18T09:00", COUNCIL, "correction-recorded", &correct);
    assert_eq!(
        due(&log, &world, "2026-02-18T10:00", "relevant-period"),
        before
    );
}
