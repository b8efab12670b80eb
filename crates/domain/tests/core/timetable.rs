//! What the timetable tells beyond dates: restarts, what rules start by themselves, lateness, explanations, next instants.

use concordat_domain::scenario::instant;
use concordat_domain::timetable;
use concordat_domain::timetable::{DeadlineState, Timetable};
use jiff::Timestamp;

use crate::world::*;

fn at(text: &str) -> Timestamp {
    instant(text.parse().expect("tests name times well")).expect("the time exists")
}

fn table(log: &Log<'_>, world: &World, when: &str) -> Timetable {
    timetable(log.open_case(), at(when), &world.rules())
}

/// E-22: the notice is owed from the day after the relevant period, derived and not stored.
#[test]
fn a_late_notice_is_owed_once_the_relevant_period_is_over() {
    let world = World::new();
    let log = Log::investigating(&world);
    assert!(
        table(&log, &world, "2026-08-08T23:59")
            .get("late-notice")
            .is_none()
    );
    let after = table(&log, &world, "2026-08-09T00:00");
    let notice = after.get("late-notice").expect("the notice is owed");
    assert_eq!(
        notice.due.map(|due| due.to_string()).as_deref(),
        Some("2026-08-10")
    );
    assert!(after.flags().contains("overdue:relevant-period"));
}

#[test]
fn a_late_notice_that_is_issued_is_met_and_moves_the_response() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let notice = r#"{"written": true, "new_expected": "2026-09-30", "reason": "r"}"#;
    log.must("2026-08-10T10:00", TRUST, "late-notice-issued", notice);
    let table = table(&log, &world, "2026-08-11T10:00");
    assert_eq!(
        table.get("late-notice").map(|deadline| deadline.state),
        Some(DeadlineState::Met)
    );
    assert_eq!(
        table.dates()["response"]
            .map(|due| due.to_string())
            .as_deref(),
        Some("2026-09-30")
    );
    assert!(table.flags().contains("late:response"));
}

/// A8: unmet at the end of its due day, once more five working days.
#[test]
fn a_lead_escalation_restarts_once_and_leaves_its_mark() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let dispute = r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#;
    log.must("2026-02-12T10:00", COUNCIL, "lead-disputed", dispute);
    assert_eq!(
        table(&log, &world, "2026-02-19T23:59").dates()["lead-escalation"],
        "2026-02-19".parse().ok()
    );
    let restarted = table(&log, &world, "2026-02-20T00:00");
    assert_eq!(
        restarted.dates()["lead-escalation"],
        "2026-02-26".parse().ok()
    );
    assert!(restarted.flags().contains("late:lead-escalation"));
    assert!(
        table(&log, &world, "2026-02-27T00:00")
            .flags()
            .contains("overdue:lead-escalation")
    );
}

/// Q10: the receiver leads by default once the escalation has passed twice, and not before.
#[test]
fn a_default_lead_waits_for_the_second_escalation() {
    let world = World::new();
    let mut log = Log::joined(&world);
    let dispute = r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#;
    let default = r#"{"lead": "ods:ZT1", "reason": "commissioner", "decided_by": [], "mode": "default-receiver"}"#;
    log.must("2026-02-12T10:00", COUNCIL, "lead-disputed", dispute);
    log.must("2026-02-13T10:00", TRUST, "lead-escalated", r#"{"to": []}"#);
    let early = log.try_event("2026-02-26T10:00", TRUST, "lead-determined", default);
    assert_eq!(early, Err("not-due".to_owned()));
    log.must("2026-02-27T00:00", TRUST, "lead-determined", default);
    assert_eq!(log.open_case().lead(), Some(&org(TRUST)));
}

#[test]
fn an_act_in_time_that_was_recorded_late_is_met() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let mut event = log.event(
        "2026-02-16T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    event.occurred_at = at("2026-02-12T16:00");
    log.submit(event).expect("lateness is no reason");
    let table = table(&log, &world, "2026-02-16T11:00");
    assert_eq!(
        table.get("acknowledge").map(|deadline| deadline.state),
        Some(DeadlineState::Met)
    );
    assert!(
        !table
            .flags()
            .iter()
            .any(|flag| flag.contains("acknowledge"))
    );
}

#[test]
fn a_late_act_says_by_how_many_days() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-16T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    let table = table(&log, &world, "2026-02-16T11:00");
    let met = table.get("acknowledge").expect("it was owed");
    assert_eq!((met.state, met.late_by_days), (DeadlineState::MetLate, 4));
}

#[test]
fn a_deadline_answers_who_when_why_and_how_counted() {
    let world = World::new();
    let log = Log::opened(&world);
    let table = table(&log, &world, "2026-02-10T10:00");
    let owed = table.get("acknowledge").expect("it is owed");
    assert_eq!(owed.owed_by, org(TRUST));
    assert_eq!(owed.owed_to, "complainant");
    assert_eq!(owed.source, "SI 2009/309 reg 13(3)-(6)");
    assert_eq!(owed.due_instant, Some(at("2026-02-13T00:00")));
    let steps: Vec<String> = owed
        .explanation
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        steps,
        [
            "2026-02-09: start",
            "2026-02-10: day 1",
            "2026-02-11: day 2",
            "2026-02-12: day 3"
        ]
    );
}

#[test]
fn each_restart_is_an_occurrence_of_its_own() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let first = table(&log, &world, "2026-02-20T10:00")
        .get("complainant-update")
        .map(|deadline| deadline.id);
    log.must(
        "2026-02-20T10:00",
        TRUST,
        "complainant-updated",
        r#"{"method": "letter"}"#,
    );
    let second = table(&log, &world, "2026-02-20T11:00")
        .get("complainant-update")
        .map(|deadline| deadline.id);
    assert!(first.is_some() && second.is_some() && first != second);
}

/// What the enforcer sleeps until: the warning two working days before, then the end of the due day.
#[test]
fn the_next_instant_of_interest_is_a_warning_or_a_miss() {
    let world = World::new();
    let log = Log::opened(&world);
    let next = |when: &str| table(&log, &world, when).next_instant_of_interest();
    assert_eq!(next("2026-02-09T11:00"), Some(at("2026-02-10T00:00")));
    assert_eq!(next("2026-02-10T00:00"), Some(at("2026-02-12T00:00")));
    assert_eq!(next("2026-02-12T00:00"), Some(at("2026-02-13T00:00")));
    let warned = table(&log, &world, "2026-02-11T09:00");
    let names: Vec<String> = warned
        .due_to_warn(at("2026-02-11T09:00"))
        .map(|due| due.name.to_string())
        .collect();
    assert_eq!(names, ["acknowledge", "triage"]);
}

/// E-21, Q8: an extension agreed in time moves the relevant period; an expectation does not.
#[test]
fn an_extension_moves_the_relevant_period_and_an_expectation_does_not() {
    let world = World::new();
    let extension = r#"{"kind": "extension", "date": "2026-10-30", "agreed_by_complainant": true,
        "agreed_on": "2026-08-08"}"#;
    let expectation =
        r#"{"kind": "expectation", "date": "2026-10-30", "agreed_by_complainant": true}"#;
    let mut extended = Log::investigating(&world);
    extended.must(
        "2026-08-12T10:00",
        TRUST,
        "response-period-amended",
        extension,
    );
    let flags = table(&extended, &world, "2026-08-12T11:00").flags();
    assert!(
        !flags.contains("overdue:relevant-period") && !flags.contains("late:relevant-period"),
        "{flags:?}"
    );
    let mut expected = Log::investigating(&world);
    expected.must(
        "2026-08-12T10:00",
        TRUST,
        "response-period-amended",
        expectation,
    );
    assert!(
        table(&expected, &world, "2026-08-12T11:00")
            .flags()
            .contains("overdue:relevant-period")
    );
}

/// C, `pass-on`: what the first body owes itself stays with it.
#[test]
fn the_first_bodys_acknowledgement_stays_its_own_after_a_pass_on() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "consent-requested",
        &ASK.replace("\"explained\"", "\"purpose\": \"pass-on\", \"explained\""),
    );
    log.must("2026-02-10T11:00", TRUST, "consent-granted", GRANT);
    let pass_on = r#"{"to": "gss:E06999901", "method": "broker", "complainant_told": true}"#;
    log.must("2026-02-10T12:00", TRUST, "complaint-passed-on", pass_on);
    let accept = r#"{"received_on": "2026-02-10", "first_received_on": "2026-02-09"}"#;
    log.must("2026-02-11T10:00", COUNCIL, "complaint-accepted", accept);
    let table = table(&log, &world, "2026-02-11T11:00");
    let owed_by = |name: &str| table.get(name).map(|deadline| deadline.owed_by.clone());
    assert_eq!(owed_by("acknowledge"), Some(org(TRUST)));
    assert_eq!(owed_by("acknowledge:gss:E06999901"), Some(org(COUNCIL)));
    assert_eq!(owed_by("relevant-period"), Some(org(COUNCIL)));
    assert!(log.open_case().is_former_receiver(&org(TRUST)));
    log.must(
        "2026-02-12T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
}
