//! People and what they say of their complaint.

use super::{due, flags, play, state};
use crate::world::*;

/// D-02 to D-04: while nobody's authority is checked, nothing new is shared and nobody new is added.
#[test]
fn changed_person_stops_sharing_until_authority_is_checked() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let changed =
        r#"{"person_ref": "p-1", "change": "died", "on": "2026-02-15", "source": "family"}"#;
    let checked = r#"{"basis": "personal-representative", "result": "satisfied"}"#;
    let grant = GRANT.replace("gss:E06999901", "ods:ZT2");
    let add = ADD_COUNCIL.replace("gss:E06999901", "ods:ZT2");
    log.must("2026-02-16T09:00", TRUST, "consent-granted", &grant);
    log.must(
        "2026-02-16T10:00",
        COUNCIL,
        "person-status-changed",
        changed,
    );
    assert!(flags(&log, &world, "2026-02-16T11:00").contains(&"authority-pending".to_owned()));
    assert_eq!(
        due(&log, &world, "2026-02-16T11:00", "authority-recheck").as_deref(),
        Some("2026-03-02")
    );
    for (event, fields) in [
        ("consent-requested", ASK),
        ("consent-granted", GRANT),
        ("participant-added", add.as_str()),
    ] {
        assert_eq!(
            log.try_event("2026-02-16T12:00", TRUST, event, fields),
            Err("authority-pending".to_owned()),
            "{event}"
        );
    }
    log.must(
        "2026-02-17T10:00",
        TRUST,
        "representative-authority-checked",
        checked,
    );
    log.must("2026-02-17T11:00", TRUST, "participant-added", &add);
    assert_eq!(
        due(&log, &world, "2026-02-17T12:00", "authority-recheck"),
        None
    );
}

/// E-09, E-10: what is excluded need not be answered; excluding everything ends the case.
#[test]
fn excluded_withdrawn_and_held_issues_need_no_answer() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "issues-agreed",
        &ISSUES.replace(
            r#"{"id": "I2"}"#,
            r#"{"id": "I2"}, {"id": "I3"}, {"id": "I4"}"#,
        ),
    );
    play(
        &mut log,
        &[
            (
                "2026-02-10T11:00",
                TRUST,
                "exclusion-decided",
                r#"{"ground": "employment", "issues": ["I2"], "written_notice_on": "2026-02-10"}"#,
                "",
            ),
            (
                "2026-02-10T12:00",
                TRUST,
                "issue-withdrawn",
                r#"{"issue": "I3"}"#,
                "",
            ),
            (
                "2026-02-10T13:00",
                TRUST,
                "hold-started",
                r#"{"id": "H1", "issues": ["I4"], "decided_by": "solicitor", "advice_ref": "d-1", "review_on": "2026-05-01", "complainant_told": true}"#,
                "",
            ),
            (
                "2026-02-11T10:00",
                TRUST,
                "discussion-declined",
                r#"{"declined_on": "2026-02-11"}"#,
                "",
            ),
            (
                "2026-02-12T10:00",
                TRUST,
                "response-period-set",
                r#"{"mode": "determined", "date": "2026-05-01", "written_notice_on": "2026-02-12"}"#,
                "",
            ),
            (
                "2026-02-20T10:00",
                TRUST,
                "response-signed-off",
                r#"{"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}"#,
                "",
            ),
        ],
    );
    assert!(flags(&log, &world, "2026-02-20T11:00").contains(&"on-hold-part".to_owned()));
    let answer = |issue: &str| {
        format!(
            r#"{{"version": 1, "overall_outcome": "upheld", "findings": [{{"issue": "{issue}", "org": "ods:ZT1", "outcome": "upheld"}}],
            "how_considered": "h", "conclusion": "c", "action_confirmation": "none-needed", "actions": [], "ombudsman": ["PHSO"],
            "desired_outcomes": []}}"#
        )
    };
    assert_eq!(
        log.try_event("2026-02-21T10:00", TRUST, "response-issued", &answer("I2")),
        Err("issue-not-answered".to_owned())
    );
    log.must("2026-02-21T11:00", TRUST, "response-issued", &answer("I1"));
    play(
        &mut log,
        &[
            (
                "2026-02-23T10:00",
                TRUST,
                "case-closed",
                r#"{"reason": "responded"}"#,
                "actions-open",
            ),
            (
                "2026-02-23T11:00",
                TRUST,
                "hold-ended",
                r#"{"id": "H1"}"#,
                "",
            ),
            (
                "2026-02-23T12:00",
                TRUST,
                "case-closed",
                r#"{"reason": "responded"}"#,
                "",
            ),
        ],
    );
    let mut excluded = Log::opened(&world);
    play(
        &mut excluded,
        &[(
            "2026-02-10T11:00",
            TRUST,
            "exclusion-decided",
            r#"{"ground": "foi", "issues": "all", "written_notice_on": "2026-02-10"}"#,
            "",
        )],
    );
    assert_eq!(state(&excluded), "excluded");
    assert_eq!(
        due(&excluded, &world, "2026-02-11T10:00", "acknowledge"),
        None
    );
}

/// Q24: an anonymous complaint is looked into or ends; one with a name cannot be treated so.
#[test]
fn anonymous_complaint_is_looked_into_or_ends() {
    let world = World::new();
    let anonymous = COMPLAINT.replace(r#""complainant_ref": "p-1""#, r#""anonymous": true"#);
    let decide = |decision: &str| format!(r#"{{"decision": "{decision}", "treat_as": "concern"}}"#);
    let mut log = Log::new(&world);
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &anonymous);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "anonymous-consideration-recorded",
        &decide("look-into"),
    );
    assert_eq!(state(&log), "investigating");
    log.must(
        "2026-02-20T10:00",
        TRUST,
        "outcome-recorded",
        r#"{"overall_outcome": "upheld", "actions": [], "no_response_code": "anonymous"}"#,
    );
    assert_eq!(state(&log), "responded");
    let mut log = Log::new(&world);
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &anonymous);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "anonymous-consideration-recorded",
        &decide("no-action"),
    );
    assert_eq!(state(&log), "closed");
    assert_eq!(
        due(&log, &world, "2026-02-11T10:00", "retention-review").as_deref(),
        Some("2036-02-10")
    );
    let mut named = Log::opened(&world);
    assert_eq!(
        named.try_event(
            "2026-02-10T10:00",
            TRUST,
            "anonymous-consideration-recorded",
            &decide("look-into")
        ),
        Err("wrong-state".to_owned())
    );
}

/// Q25: when cases are merged the earlier receipt governs the one that goes on, and the other owes nothing more.
#[test]
fn merged_cases_keep_the_earlier_receipt() {
    let world = World::new();
    let merge = |role: &str| {
        format!(r#"{{"role": "{role}", "other_case": "c-2", "other_received_on": "2026-02-02"}}"#)
    };
    let mut surviving = Log::opened(&world);
    surviving.must(
        "2026-02-10T10:00",
        TRUST,
        "cases-merged",
        &merge("surviving"),
    );
    assert_eq!(
        due(&surviving, &world, "2026-02-10T11:00", "relevant-period").as_deref(),
        Some("2026-08-01")
    );
    let mut ended = Log::opened(&world);
    ended.must("2026-02-10T10:00", TRUST, "cases-merged", &merge("ended"));
    assert_eq!(state(&ended), "merged");
    assert_eq!(
        due(&ended, &world, "2026-02-10T11:00", "relevant-period"),
        None
    );
}

/// A case ends when the last complainant withdraws, not before.
#[test]
fn case_ends_with_the_last_complainant() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let withdraw = |left: u32| {
        format!(
            r#"{{"said_by": "p-1", "on": "2026-02-10", "carry_on_internally": true, "complainants_left": {left}}}"#
        )
    };
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "complaint-withdrawn",
        &withdraw(1),
    );
    assert_eq!(state(&log), "received");
    log.must(
        "2026-02-10T11:00",
        TRUST,
        "complaint-withdrawn",
        &withdraw(0),
    );
    assert_eq!(state(&log), "withdrawn");
    assert!(
        due(&log, &world, "2026-02-10T12:00", "acknowledge").is_some(),
        "the acknowledgement stays owed"
    );
    assert_eq!(
        due(&log, &world, "2026-02-10T12:00", "relevant-period"),
        None
    );
}
