//! Staged procedures: Scotland and the services for children.

use super::{BOARD, due, flags, play, state};
use crate::world::*;

const CHILD: &str = r#"{"policy": "eng-children-2006", "channel": "email", "complainant_ref": "p-1", "received_on": "2026-12-10",
    "screened_on": "2026-12-10", "nature": "n", "matter_known_on": "2026-12-01"}"#;

/// K-01 to K-07: the three stages with their days, as the date vectors have them.
#[test]
fn childrens_representation_goes_through_three_stages() {
    let world = World::new();
    let mut log = Log::new(&world);
    play(
        &mut log,
        &[("2026-12-10T10:00", COUNCIL, "complaint-received", CHILD, "")],
    );
    assert_eq!(
        due(&log, &world, "2026-12-10T10:00", "stage-1-response").as_deref(),
        Some("2026-12-24")
    );
    play(
        &mut log,
        &[
            // K-01: twenty working days at most.
            (
                "2026-12-16T10:00",
                COUNCIL,
                "stage-1-extended",
                r#"{"date": "2027-01-13", "complainant_told": true, "why": "w"}"#,
                "stage-1-maximum",
            ),
            (
                "2026-12-16T11:00",
                COUNCIL,
                "stage-1-extended",
                r#"{"date": "2027-01-08", "complainant_told": true, "why": "w"}"#,
                "",
            ),
            (
                "2027-01-07T10:00",
                COUNCIL,
                "stage-1-response-issued",
                r#"{"outcome": "not-upheld"}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        due(&log, &world, "2027-01-07T11:00", "stage-2-request").as_deref(),
        Some("2027-02-04")
    );
    play(
        &mut log,
        &[
            (
                "2027-01-20T09:00",
                COUNCIL,
                "stage-escalated",
                r#"{"from": 1, "to": 2}"#,
                "missing-field:written_statement_agreed_on",
            ),
            (
                "2027-01-20T10:00",
                COUNCIL,
                "stage-escalated",
                r#"{"from": 1, "to": 2, "written_statement_agreed_on": "2027-01-20"}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        due(&log, &world, "2027-01-20T11:00", "stage-2-response").as_deref(),
        Some("2027-02-24")
    );
    play(
        &mut log,
        &[
            (
                "2027-01-21T10:00",
                COUNCIL,
                "independent-person-appointed",
                r#"{"investigating_officer": "staff-1", "independent_person": "staff-1"}"#,
                "conflict-of-interest",
            ),
            (
                "2027-01-21T11:00",
                COUNCIL,
                "independent-person-appointed",
                r#"{"investigating_officer": "staff-1", "independent_person": "ip-1"}"#,
                "",
            ),
            // K-03: 65 working days at most, and written notice before the 25 have expired.
            (
                "2027-02-20T10:00",
                COUNCIL,
                "stage-2-extended",
                r#"{"date": "2027-04-26", "why": "w", "written_reasons": true}"#,
                "stage-2-maximum",
            ),
            (
                "2027-02-25T10:00",
                COUNCIL,
                "stage-2-extended",
                r#"{"date": "2027-03-10", "why": "w", "written_reasons": true}"#,
                "stage-2-maximum",
            ),
            (
                "2027-02-24T10:00",
                COUNCIL,
                "stage-2-extended",
                r#"{"date": "2027-04-23", "why": "w", "written_reasons": true}"#,
                "",
            ),
            (
                "2027-04-01T10:00",
                COUNCIL,
                "investigation-report-received",
                r#"{"io_report_ref": "d-1", "ip_report_ref": "d-2"}"#,
                "",
            ),
            (
                "2027-04-20T10:00",
                COUNCIL,
                "adjudication-issued",
                r#"{"outcome": "partly-upheld", "panel_right": true}"#,
                "",
            ),
            (
                "2027-05-04T10:00",
                COUNCIL,
                "panel-requested",
                r#"{"received_on": "2027-05-04"}"#,
                "",
            ),
        ],
    );
    assert_eq!(state(&log), "stage-3");
    assert_eq!(
        due(&log, &world, "2027-05-04T11:00", "panel").as_deref(),
        Some("2027-06-16")
    );
    play(
        &mut log,
        &[
            (
                "2027-05-05T10:00",
                COUNCIL,
                "complaint-acknowledged",
                r#"{"method": "letter", "stage": 3}"#,
                "",
            ),
            // K-06: the independent person of stage 2 may not sit.
            (
                "2027-05-10T10:00",
                COUNCIL,
                "panel-appointed",
                r#"{"members": ["m-1", "ip-1", "m-2"], "chair": "m-1"}"#,
                "panel-member-not-independent",
            ),
            (
                "2027-05-10T11:00",
                COUNCIL,
                "panel-appointed",
                r#"{"members": ["m-1", "m-2", "m-3"], "chair": "m-1"}"#,
                "",
            ),
            (
                "2027-06-18T10:00",
                COUNCIL,
                "panel-held",
                r#"{"on": "2027-06-18"}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        due(&log, &world, "2027-06-18T11:00", "panel-findings").as_deref(),
        Some("2027-06-25")
    );
    play(
        &mut log,
        &[(
            "2027-06-24T10:00",
            COUNCIL,
            "panel-findings-issued",
            r#"{"recommendations": [{"id": "P1"}], "received_by_authority_on": "2027-06-24"}"#,
            "",
        )],
    );
    assert_eq!(
        due(&log, &world, "2027-06-24T11:00", "authority-response").as_deref(),
        Some("2027-07-15")
    );
    let answer = r#"{"accepted": ["P1"], "rejected": [], "signed_by": "director-childrens-services", "role": "authorised",
        "delegation_ref": "D-DCS-SIGN", "ombudsman": ["LGSCO"], "independent_person_consulted": true}"#;
    let unsigned = r#"{"accepted": ["P1"], "rejected": [], "signed_by": "clerk", "role": "responsible-person", "ombudsman": ["LGSCO"],
        "independent_person_consulted": true}"#;
    play(
        &mut log,
        &[
            (
                "2027-07-14T10:00",
                COUNCIL,
                "authority-response-issued",
                unsigned,
                "not-authorised-signatory",
            ),
            (
                "2027-07-14T11:00",
                COUNCIL,
                "authority-response-issued",
                answer,
                "",
            ),
        ],
    );
    assert_eq!(state(&log), "responded");
    assert_eq!(
        due(&log, &world, "2027-07-15T10:00", "ombudsman-watch").as_deref(),
        Some("2028-07-14")
    );
}

/// K-08 (reg 9): the limit for representations of children is twelve months after the event; whether a later one is taken is the authority's to decide, so it
/// blocks nothing.
// Proves: K-08
#[test]
fn childrens_representation_after_twelve_months_is_taken_at_discretion() {
    let world = World::new();
    let packs = world.rules().packs;
    let pack = packs.get(&"eng-children-2006".parse().expect("a pack"));
    let limit = pack
        .and_then(|pack| pack.rule("time-limit", None))
        .expect("K-08 is in the pack");
    let last = concordat_domain::calendar::due_months(
        "2025-12-09".parse().expect("a day"),
        limit.n,
        limit.convention,
    );
    assert_eq!(last.expect("in range").due.to_string(), "2026-12-09");
    let mut log = Log::new(&world);
    let late = CHILD.replace("2026-12-01", "2025-12-01");
    log.must("2026-12-10T10:00", COUNCIL, "complaint-received", &late);
    let answered = r#"{"outcome": "upheld", "right_to_stage_2": true}"#;
    log.must(
        "2026-12-14T10:00",
        COUNCIL,
        "stage-1-response-issued",
        answered,
    );
    assert_eq!(state(&log), "stage-1-answered");
}

/// S-05: two months after the answer or six months after knowing, whichever is later.
#[test]
fn scottish_stage_2_may_be_asked_for_until_the_later_of_two_days() {
    let world = World::new();
    let received = |known: &str| {
        format!(
            r#"{{"policy": "sco-mchp", "channel": "email", "complainant_ref": "p-1", "received_on": "2026-06-11",
            "screened_on": "2026-06-11", "nature": "n", "matter_known_on": "{known}"}}"#
        )
    };
    let answer = r#"{"outcome": "upheld", "closed_on": "2026-06-18", "action_taken": "a"}"#;
    for (known, until) in [("2026-01-05", "2026-08-18"), ("2026-06-01", "2026-12-01")] {
        let mut log = Log::new(&world);
        log.must(
            "2026-06-11T10:00",
            BOARD,
            "complaint-received",
            &received(known),
        );
        log.must("2026-06-18T10:00", BOARD, "stage-1-response-issued", answer);
        assert_eq!(
            due(&log, &world, "2026-06-19T10:00", "stage-2-request").as_deref(),
            Some(until)
        );
        // A window: shown, never missed.
        assert!(
            flags(&log, &world, "2027-06-19T10:00")
                .iter()
                .all(|flag| !flag.contains("stage-2-request"))
        );
    }
}
