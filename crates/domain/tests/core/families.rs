//! Families of events that the worked cases touch little or not at all: what each row demands, refuses, changes and owes.

use concordat_domain::scenario::instant;
use concordat_domain::timetable;

use crate::world::*;

const BOARD: &str = "gss:S37999901";
const PROVIDER: &str = "ods:ZCP01";

/// One act: when, who, what, with which fields, and the reason for which it does not count (empty: it counts).
type Act<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

/// Plays acts in order; each must be judged as written.
fn play(log: &mut Log<'_>, acts: &[Act<'_>]) {
    for (at, who, event, fields, reason) in acts {
        let expected = if reason.is_empty() {
            Ok(())
        } else {
            Err((*reason).to_owned())
        };
        assert_eq!(
            log.try_event(at, who, event, fields),
            expected,
            "{at} {event} by {who}"
        );
    }
}

fn state(log: &Log<'_>) -> String {
    log.open_case().state().to_string()
}

/// The due day of a deadline that runs or is overdue at that time; none if it is met, ended or was never owed.
fn due(log: &Log<'_>, world: &World, at: &str, name: &str) -> Option<String> {
    let at = instant(at.parse().expect("a time")).expect("it exists");
    let dates = timetable(log.open_case(), at, &world.rules()).dates();
    dates
        .get(name)
        .copied()
        .flatten()
        .map(|day| day.to_string())
}

fn flags(log: &Log<'_>, world: &World, at: &str) -> Vec<String> {
    let at = instant(at.parse().expect("a time")).expect("it exists");
    log.open_case()
        .flags(at, &world.rules())
        .into_iter()
        .collect()
}

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

/// E-07, E-08: a commissioner that received the complaint may hand it to the provider with consent only; then it is the provider's, with
/// an acknowledgement and a relevant period of its own.
#[test]
fn commissioner_hands_a_complaint_to_the_provider_with_consent() {
    let world = World::new();
    let mut log = Log::new(&world);
    let complaint = COMPLAINT.replace(
        "\"nature\"",
        "\"commissioner\": \"gss:E06999901\", \"nature\"",
    );
    log.must(
        "2026-02-09T10:00",
        COUNCIL,
        "complaint-received",
        &complaint,
    );
    let hand_over = r#"{"decided": "provider", "authorised_to_respond": true, "notified_both": true, "notified_on": "2026-02-12"}"#;
    let consent = GRANT.replace("gss:E06999901", PROVIDER);
    play(
        &mut log,
        &[
            (
                "2026-02-10T10:00",
                COUNCIL,
                "handling-decided",
                hand_over,
                "no-consent",
            ),
            (
                "2026-02-11T10:00",
                COUNCIL,
                "consent-requested",
                &ASK.replace("gss:E06999901", PROVIDER)
                    .replace('}', r#", "purpose": "hand-over"}"#),
                "",
            ),
            ("2026-02-12T10:00", COUNCIL, "consent-granted", &consent, ""),
            (
                "2026-02-12T11:00",
                COUNCIL,
                "handling-decided",
                hand_over,
                "",
            ),
        ],
    );
    assert_eq!(log.open_case().keeper().as_str(), PROVIDER);
    assert_eq!(state(&log), "provider-handling");
    let at = "2026-02-12T12:00";
    assert_eq!(
        due(&log, &world, at, "acknowledge:ods:ZCP01").as_deref(),
        Some("2026-02-17")
    );
    assert_eq!(
        due(&log, &world, at, "relevant-period").as_deref(),
        Some("2026-08-11")
    );
    assert_eq!(due(&log, &world, at, "notify-council"), None);
    // A provider that received it itself keeps it, unless the commissioner takes it.
    let mut log = Log::new(&world);
    log.must(
        "2026-02-09T10:00",
        PROVIDER,
        "complaint-received",
        &complaint,
    );
    play(
        &mut log,
        &[
            (
                "2026-02-09T11:00",
                PROVIDER,
                "responsible-person-notified",
                r#"{"council": "gss:E06999901", "method": "email"}"#,
                "",
            ),
            (
                "2026-02-10T10:00",
                PROVIDER,
                "handling-decided",
                hand_over,
                "not-yours",
            ),
            (
                "2026-02-10T11:00",
                COUNCIL,
                "handling-decided",
                r#"{"decided": "commissioner", "authorised_to_respond": false, "notified_both": true}"#,
                "",
            ),
        ],
    );
    assert_eq!(log.open_case().keeper().as_str(), COUNCIL);
    assert_eq!(log.open_case().lead_epoch(), 2);
}

/// C-03, C-06, C-08: who may sign for the council, and who decides what follows.
#[test]
fn provider_answers_under_a_delegation_and_the_council_decides_what_follows() {
    let world = World::new();
    let mut log = Log::new(&world);
    let complaint = COMPLAINT.replace(
        "\"nature\"",
        "\"commissioner\": \"gss:E06999901\", \"nature\"",
    );
    log.must(
        "2026-02-09T10:00",
        PROVIDER,
        "complaint-received",
        &complaint,
    );
    let response = |signed_by: &str| {
        format!(
            r#"{{"overall_outcome": "upheld", "findings": [], "how_considered": "h", "conclusion": "c", "action_confirmation": "none-needed",
            "actions": [], "signed_by": "{signed_by}", "authorised_by": "gss:E06999901", "delegation_ref": "D-CARE-SIGN", "next_step": "council"}}"#
        )
    };
    play(
        &mut log,
        &[
            (
                "2026-02-09T11:00",
                PROVIDER,
                "responsible-person-notified",
                r#"{"council": "gss:E06999901", "method": "email"}"#,
                "",
            ),
            (
                "2026-02-10T10:00",
                COUNCIL,
                "handling-decided",
                r#"{"decided": "provider", "authorised_to_respond": true, "notified_both": true}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        log.try_event(
            "2026-02-20T10:00",
            PROVIDER,
            "provider-response-issued",
            &response("clerk")
        ),
        Err("not-authorised-signatory".to_owned())
    );
    log.must(
        "2026-02-20T11:00",
        PROVIDER,
        "provider-response-issued",
        &response("registered-manager"),
    );
    play(
        &mut log,
        &[
            (
                "2026-02-25T10:00",
                PROVIDER,
                "ombudsman-signposted",
                r#"{"ombudsmen": ["LGSCO"], "for": []}"#,
                "council-decision-needed",
            ),
            (
                "2026-02-26T10:00",
                PROVIDER,
                "complainant-dissatisfied",
                r#"{"said_on": "2026-02-26"}"#,
                "",
            ),
        ],
    );
    assert_eq!(
        due(&log, &world, "2026-02-26T11:00", "council-review").as_deref(),
        Some("2026-03-05")
    );
    let factors = r#""factors": {"seriousness": "low", "impact": "low", "wider_impact": "low"}"#;
    let incomplete =
        r#"{"decision": "signpost", "factors": {"seriousness": "low", "impact": "low"}}"#;
    assert_eq!(
        log.try_event(
            "2026-03-02T10:00",
            COUNCIL,
            "council-review-decided",
            incomplete
        ),
        Err("missing-field:factors".to_owned())
    );
    log.must(
        "2026-03-02T11:00",
        COUNCIL,
        "council-review-decided",
        &format!(r#"{{"decision": "signpost", {factors}}}"#),
    );
    assert_eq!(
        due(&log, &world, "2026-03-02T12:00", "ombudsman-signpost").as_deref(),
        Some("2026-03-03")
    );
    log.must(
        "2026-03-03T10:00",
        PROVIDER,
        "ombudsman-signposted",
        r#"{"ombudsmen": ["LGSCO"], "for": []}"#,
    );
    assert_eq!(state(&log), "responded");
}

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
