//! Commissioned care.

use super::{PROVIDER, due, play, state};
use crate::world::*;

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
