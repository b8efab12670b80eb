//! Restricted channels and disclosure without consent (domain brief B2, fact 7, D-05).

use concordat_domain::State;
use concordat_domain::calendar::local_date;
use concordat_domain::ids::CaseId;
use concordat_domain::scenario::instant;
use serde_json::{Value, json};

use crate::world::*;

const COMPLAINT_ID: CaseId = CaseId([7; 16]);

fn disclosure(changes: Value) -> String {
    let mut fields = json!({"basis": "safeguarding-risk-of-harm", "gdpr_art6": "public-task", "art9_condition": "dpa-sch1-para18",
        "confidentiality_ground": "public-interest", "recipients": [COUNCIL], "decision_maker": "caldicott-guardian",
        "subject_told": false, "main_case": COMPLAINT_ID.to_string()});
    for (name, value) in changes.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    fields.to_string()
}

fn opened<'w>(world: &'w World, changes: Value) -> Log<'w> {
    let mut log = Log::new(world);
    let opener = disclosure(changes);
    log.must(
        "2026-02-09T10:00",
        TRUST,
        "disclosure-without-consent-recorded",
        &opener,
    );
    log
}

// Proves: D-05, 002-2.7, 002-2.9
#[test]
fn a_channel_is_a_case_of_its_own_whose_parties_are_those_referred_to() {
    let world = World::new();
    let mut log = opened(&world, json!({}));
    let case = log.open_case();
    assert!(case.is_channel() && case.state() == State::ChannelOpen);
    assert_eq!(case.main_case(), Some(COMPLAINT_ID));
    assert_eq!(case.parties().len(), 1);
    let refer = |to: &str| json!({"to": to, "route": "lado"}).to_string();
    assert_eq!(
        log.try_event(
            "2026-02-10T10:00",
            TRUST,
            "safeguarding-referred",
            &refer("ods:ZB1")
        ),
        Err("override-not-recorded".to_owned())
    );
    log.must(
        "2026-02-10T11:00",
        TRUST,
        "safeguarding-referred",
        &refer(COUNCIL),
    );
    assert!(log.open_case().is_party(&org(COUNCIL)));
    assert_eq!(log.open_case().keeper(), &org(TRUST));
}

// Proves: D-05, D-06
#[test]
fn what_a_disclosure_opens_follows_from_its_basis_and_its_condition() {
    let world = World::new();
    let opens = |changes: Value| {
        let log = opened(&world, changes);
        let case = log.open_case();
        ["narrative", "health", "safeguarding"]
            .map(|class| case.disclosure_opens(&org(COUNCIL), class))
    };
    assert_eq!(opens(json!({})), [true, true, true]);
    assert_eq!(
        opens(json!({"art9_condition": "not-applicable"})),
        [true, false, true]
    );
    assert_eq!(opens(json!({"basis": "no-personal-data"})), [false; 3]);
    assert_eq!(opens(json!({"recipients": ["ods:ZB1"]})), [false; 3]);
}

/// ADR 0006: a record names single items, and a class of content is more than that.
#[test]
fn a_disclosure_in_a_complaint_lets_its_recipients_be_added_and_opens_no_content() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let add = |log: &mut Log<'_>| {
        log.try_event("2026-02-10T12:00", TRUST, "participant-added", ADD_COUNCIL)
    };
    assert_eq!(add(&mut log), Err("no-consent".to_owned()));
    log.must(
        "2026-02-10T11:00",
        TRUST,
        "disclosure-without-consent-recorded",
        &disclosure(json!({})),
    );
    assert!(!log.open_case().is_channel(), "it is no opener");
    assert_eq!(add(&mut log), Ok(()));
    assert!(!log.open_case().disclosure_opens(&org(COUNCIL), "narrative"));
}

// Proves: D-05, 002-2.7
#[test]
fn acts_are_suspended_by_the_last_list_and_no_longer_once_the_channel_is_closed() {
    let world = World::new();
    let mut log = opened(&world, json!({}));
    let refer = json!({"to": COUNCIL, "route": "police"}).to_string();
    log.must("2026-02-09T11:00", TRUST, "safeguarding-referred", &refer);
    let outcome = |acts: Value| {
        json!({"enquiry": "police", "status": "opened", "affects_complaint": acts}).to_string()
    };
    let asked = |log: &Log<'_>| {
        let asked = log.open_case().suspended_acts();
        asked.map(|(complaint, acts)| {
            (
                complaint,
                acts.iter()
                    .map(|(body, act)| format!("{body} {act}"))
                    .collect::<Vec<_>>(),
            )
        })
    };
    assert_eq!(asked(&log), None);
    let acts = json!([{"org": TRUST, "act": "staff-notified"}, {"org": COUNCIL, "act": "draft-circulated"}]);
    log.must(
        "2026-02-10T10:00",
        COUNCIL,
        "safeguarding-outcome-received",
        &outcome(acts),
    );
    let both = vec![
        "gss:E06999901 draft-circulated".to_owned(),
        "ods:ZT1 staff-notified".to_owned(),
    ];
    assert_eq!(asked(&log), Some((COMPLAINT_ID, both.clone())));
    log.must(
        "2026-02-10T11:00",
        COUNCIL,
        "safeguarding-outcome-received",
        r#"{"enquiry": "police", "status": "closed"}"#,
    );
    assert_eq!(
        asked(&log),
        Some((COMPLAINT_ID, both)),
        "no list, nothing new"
    );
    log.must(
        "2026-02-10T12:00",
        COUNCIL,
        "safeguarding-outcome-received",
        &outcome(json!([])),
    );
    assert_eq!(asked(&log), None);
    let one = json!([{"org": TRUST, "act": "staff-notified"}]);
    log.must(
        "2026-02-10T13:00",
        COUNCIL,
        "safeguarding-outcome-received",
        &outcome(one),
    );
    assert!(asked(&log).is_some());
    log.must(
        "2026-02-11T10:00",
        TRUST,
        "case-closed",
        r#"{"reason": "channel-ended"}"#,
    );
    assert_eq!(asked(&log), None);
}

/// Domain brief B, *Roles*: a former receiver may emit only what meets its own open deadlines, else `not-participant`.
#[test]
fn a_first_body_may_do_what_meets_its_own_deadlines_and_nothing_else() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-09T10:30",
        TRUST,
        "subject-access-recorded",
        r#"{"id": "S1", "received_on": "2026-02-09"}"#,
    );
    let ask = json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"], "purpose": "pass-on"});
    log.must(
        "2026-02-09T11:00",
        TRUST,
        "consent-requested",
        &ask.to_string(),
    );
    log.must("2026-02-09T12:00", TRUST, "consent-granted", GRANT);
    let pass = json!({"to": COUNCIL, "method": "portal", "complainant_told": true}).to_string();
    log.must("2026-02-09T13:00", TRUST, "complaint-passed-on", &pass);
    let accept = r#"{"received_on": "2026-02-09", "first_received_on": "2026-02-09"}"#;
    log.must("2026-02-10T10:00", COUNCIL, "complaint-accepted", accept);
    let outside = Err("not-participant".to_owned());
    let update = r#"{"method": "letter"}"#;
    assert_eq!(
        log.try_event("2026-02-10T11:00", TRUST, "complainant-updated", update),
        outside
    );
    log.must(
        "2026-02-10T12:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    assert_eq!(
        log.try_event(
            "2026-02-10T13:00",
            TRUST,
            "complaint-acknowledged",
            ACKNOWLEDGE
        ),
        outside
    );
    let answer = r#"{"id": "S1", "on": "2026-02-11", "redacted": true}"#;
    log.must("2026-02-11T10:00", TRUST, "subject-access-answered", answer);
    assert_eq!(
        log.try_event("2026-02-11T11:00", TRUST, "subject-access-answered", answer),
        outside
    );
}

/// The event does not say which classes, so that none is left until the person grants again (D-01, Q13).
#[test]
fn withdrawn_categories_open_no_class_until_a_new_grant() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let on = local_date(instant("2026-02-12T10:00".parse().expect("a time")).expect("it exists"));
    let opens = |log: &Log<'_>| {
        log.open_case()
            .consent_opens_on(&org(COUNCIL), "health", on)
    };
    assert!(opens(&log));
    let withdrawn =
        json!({"given_by": "p-1", "orgs": [COUNCIL], "from": "2026-02-12", "scope": "categories"})
            .to_string();
    log.must("2026-02-12T10:00", TRUST, "consent-withdrawn", &withdrawn);
    assert!(!opens(&log));
    assert!(
        log.open_case().consent_covers(&org(COUNCIL)),
        "it stays in the case"
    );
    log.must("2026-02-12T11:00", TRUST, "consent-granted", GRANT);
    assert!(opens(&log));
}
