//! Who was waited on, and which marks a body's co-operation has.

use concordat_domain::scenario::instant;
use concordat_domain::timetable::{MarkProof, Waiting, cooperation_marks, timetable, waiting};
use jiff::Timestamp;

use crate::world::*;

fn at(text: &str) -> Timestamp {
    instant(text.parse().expect("tests name times well")).expect("the time exists")
}

fn waits(log: &Log<'_>, world: &World, deadline: &str, when: &str) -> Waiting {
    let rules = world.rules();
    let table = timetable(log.open_case(), at(when), &rules);
    let deadline = table.get(deadline).expect("it was started");
    waiting(log.open_case(), deadline, at(when), &rules)
}

/// Each stretch as `who what from until days`.
fn told(waiting: &Waiting) -> Vec<String> {
    let day = |at: Timestamp| concordat_domain::calendar::local_date(at).to_string();
    let told = waiting.waits.iter().map(|wait| {
        format!(
            "{} {:?} {} {} {}",
            wait.on,
            wait.what,
            day(wait.from),
            wait.until.map_or("still".to_owned(), day),
            wait.working_days.expect("the calendar covers them")
        )
    });
    told.collect()
}

fn totals(waiting: &Waiting) -> Vec<String> {
    let told = waiting.totals.iter().map(|total| {
        let days = total.working_days.expect("the calendar covers them");
        format!(
            "{} {days}{}",
            total.on,
            if total.still { " still" } else { "" }
        )
    });
    told.collect()
}

/// Every mark as `who duty day proof`, the proof by its kind or the name of the deadline.
fn marks(log: &Log<'_>, world: &World, when: &str) -> Vec<String> {
    let marks = cooperation_marks(log.open_case(), at(when), &world.rules());
    let told = marks.into_iter().map(|mark| {
        let proof = match mark.proof {
            MarkProof::Event(id) => {
                let proved = log.history.iter().find(|(event, _)| event.id == id);
                proved
                    .expect("a mark names an event of the case")
                    .0
                    .event_type
                    .to_string()
            }
            MarkProof::Deadline { name, .. } => name.to_string(),
        };
        format!(
            "{} {} {} {proof}",
            mark.organisation,
            mark.duty.code(),
            mark.on
        )
    });
    told.collect()
}

const REQUEST: &str =
    r#"{"id": "R1", "of": "gss:E06999901", "basis": "consent", "due": "2026-02-27", "what": "w"}"#;
const COUNCIL_STRAND: &str = r#"{"findings": [{"issue": "I2", "outcome": "upheld"}], "actions": [], "authorised_by": "director-asc"}"#;

/// E-11. By hand, England and Wales: working days after 20 February up to 4 March are 8, after 16 February up to
/// 20 March are 24; the information lies within the strand, so the total is 24.
// Proves: E-11, 000-7, 000-31
#[test]
fn a_response_waited_on_the_body_whose_strand_and_information_were_out() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    log.must("2026-02-20T10:00", TRUST, "information-requested", REQUEST);
    log.must(
        "2026-03-04T10:00",
        COUNCIL,
        "information-provided",
        r#"{"request": "R1", "items": 2}"#,
    );
    log.must("2026-03-10T10:00", TRUST, "strand-submitted", STRAND);
    log.must(
        "2026-03-20T10:00",
        COUNCIL,
        "strand-submitted",
        COUNCIL_STRAND,
    );
    let response = waits(&log, &world, "response", "2026-03-25T10:00");
    assert_eq!(
        told(&response),
        [
            "gss:E06999901 Strand 2026-02-16 2026-03-20 24",
            "gss:E06999901 Information 2026-02-20 2026-03-04 8",
        ]
    );
    assert_eq!(totals(&response), ["gss:E06999901 24"]);
    assert_eq!(response.mostly_on(), Some(&org(COUNCIL)));
}

#[test]
fn a_wait_that_goes_on_is_counted_up_to_the_instant_and_an_own_strand_is_no_wait() {
    let world = World::new();
    let log = Log::investigating(&world);
    let now = "2026-02-19T10:00";
    assert_eq!(
        told(&waits(&log, &world, "response", now)),
        ["gss:E06999901 Strand 2026-02-16 still 3"]
    );
    assert_eq!(
        waits(&log, &world, "strand:gss:E06999901", now),
        Waiting::default()
    );
    assert_eq!(
        waits(&log, &world, "complainant-update", now),
        Waiting::default()
    );
}

/// Q6: consent stops no clock, and the time it took is the person's.
// Proves: E-21, J-03
#[test]
fn the_relevant_period_waited_on_the_person_for_consent_and_on_the_invitee() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must("2026-02-10T10:00", TRUST, "consent-requested", ASK);
    log.must("2026-02-17T10:00", TRUST, "consent-granted", GRANT);
    log.must("2026-02-17T11:00", TRUST, "participant-added", ADD_COUNCIL);
    let joined = r#"{"responsible_person": "chief-executive"}"#;
    log.must("2026-02-19T10:00", COUNCIL, "participant-joined", joined);
    log.must("2026-02-20T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    let period = waits(&log, &world, "relevant-period", "2026-02-24T10:00");
    assert_eq!(
        told(&period),
        [
            "complainant Consent 2026-02-10 2026-02-17 5",
            "gss:E06999901 Joining 2026-02-17 2026-02-19 2",
            "gss:E06999901 Lead 2026-02-20 still 2",
        ]
    );
    assert_eq!(totals(&period), ["complainant 5", "gss:E06999901 4 still"]);
}

#[test]
fn a_strand_that_was_moved_is_one_wait() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    let amended = r#"{"strands": [{"org": "gss:E06999901", "due": "2026-03-20"}], "agreed_by": ["gss:E06999901"]}"#;
    log.must("2026-03-02T10:00", TRUST, "plan-amended", amended);
    assert_eq!(
        told(&waits(&log, &world, "response", "2026-03-03T10:00")),
        ["gss:E06999901 Strand 2026-02-16 still 11"]
    );
}

/// Q9: silence past `lead-agreement` is a mark, a dispute is none.
// Proves: E-11, 000-7
#[test]
fn silence_about_the_lead_is_a_mark_and_dispute_is_none() {
    let world = World::new();
    let mut log = Log::joined(&world);
    log.must("2026-02-12T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    assert_eq!(marks(&log, &world, "2026-02-17T23:59"), [""; 0]);
    assert_eq!(
        marks(&log, &world, "2026-02-18T00:00"),
        ["gss:E06999901 seek-lead 2026-02-18 lead-agreement"]
    );
    let dispute = r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#;
    log.must("2026-02-17T16:00", COUNCIL, "lead-disputed", dispute);
    assert_eq!(marks(&log, &world, "2026-02-18T00:00"), [""; 0]);
}

#[test]
fn a_lead_that_does_not_seek_agreement_is_marked_like_anybody_else() {
    let world = World::new();
    let log = Log::joined(&world);
    assert_eq!(
        marks(&log, &world, "2026-02-18T00:00"),
        [
            "gss:E06999901 seek-lead 2026-02-18 lead-agreement",
            "ods:ZT1 seek-lead 2026-02-18 lead-agreement",
        ]
    );
}

// Proves: E-11, 000-31, 000-38
#[test]
fn late_strands_and_information_and_refusals_are_marks_with_what_proves_them() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    log.must("2026-02-20T10:00", TRUST, "information-requested", REQUEST);
    let other = REQUEST.replace("R1", "R2");
    log.must("2026-02-20T10:00", TRUST, "information-requested", &other);
    log.must(
        "2026-02-25T10:00",
        COUNCIL,
        "information-refused",
        r#"{"request": "R2", "why_code": "not-held"}"#,
    );
    log.must(
        "2026-03-04T10:00",
        COUNCIL,
        "information-provided",
        r#"{"request": "R1", "items": 2}"#,
    );
    log.must("2026-03-13T10:00", TRUST, "strand-submitted", STRAND);
    let failure = r#"{"org": "gss:E06999901", "duty": "update", "on": "2026-03-02"}"#;
    log.must(
        "2026-03-16T10:00",
        TRUST,
        "cooperation-failure-recorded",
        failure,
    );
    assert_eq!(
        marks(&log, &world, "2026-03-17T10:00"),
        [
            "gss:E06999901 information 2026-02-25 information-refused",
            "gss:E06999901 information 2026-02-28 information:R1",
            "gss:E06999901 update 2026-03-02 cooperation-failure-recorded",
            "gss:E06999901 strand 2026-03-14 strand:gss:E06999901",
        ]
    );
}

// Proves: E-11, 000-10
#[test]
fn absence_from_a_meeting_and_coming_without_information_are_marks() {
    let world = World::new();
    let mut log = Log::planning(&world);
    let call = |id: &str| {
        format!(r#"{{"meeting": "{id}", "when": "2026-02-18", "invited": ["gss:E06999901"]}}"#)
    };
    for id in ["M1", "M2", "M3", "M4"] {
        log.must("2026-02-16T10:00", TRUST, "meeting-scheduled", &call(id));
    }
    for (id, rest) in [
        (
            "M1",
            r#""attended": ["ods:ZT1"], "apologies": ["gss:E06999901"]"#,
        ),
        (
            "M2",
            r#""attended": ["ods:ZT1"], "represented": [{"org": "gss:E06999901"}]"#,
        ),
        (
            "M3",
            r#""attended": ["ods:ZT1", "gss:E06999901"], "information_provided": []"#,
        ),
        (
            "M4",
            r#""attended": ["gss:E06999901"], "information_provided": [{"org": "gss:E06999901"}]"#,
        ),
    ] {
        let held = format!(r#"{{"meeting": "{id}", {rest}}}"#);
        log.must("2026-02-18T10:00", TRUST, "meeting-held", &held);
    }
    assert_eq!(
        marks(&log, &world, "2026-02-19T10:00"),
        [
            "gss:E06999901 information 2026-02-18 meeting-held",
            "gss:E06999901 meeting 2026-02-18 meeting-held",
        ]
    );
}

#[test]
fn an_invitation_declined_or_answered_late_is_a_mark() {
    let world = World::new();
    let mut log = Log::opened(&world);
    log.must("2026-02-10T10:00", TRUST, "consent-granted", GRANT);
    log.must("2026-02-10T11:00", TRUST, "participant-added", ADD_COUNCIL);
    log.must(
        "2026-02-16T10:00",
        COUNCIL,
        "participant-declined",
        r#"{"why_code": "not-ours"}"#,
    );
    assert_eq!(
        marks(&log, &world, "2026-02-16T11:00"),
        [
            "gss:E06999901 join 2026-02-14 join:gss:E06999901",
            "gss:E06999901 join 2026-02-16 participant-declined",
        ]
    );
}

#[test]
fn who_had_not_commented_when_the_day_was_over_is_marked() {
    let world = World::new();
    let mut log = Log::investigating(&world);
    log.must("2026-03-10T10:00", TRUST, "strand-submitted", STRAND);
    log.must(
        "2026-03-11T10:00",
        COUNCIL,
        "strand-submitted",
        COUNCIL_STRAND,
    );
    let draft = r#"{"version": 1, "to": ["gss:E06999901"], "shared_with_complainant": true}"#;
    log.must("2026-03-12T10:00", TRUST, "draft-circulated", draft);
    let waited = waits(&log, &world, "draft-comments", "2026-03-16T10:00");
    assert_eq!(told(&waited), ["gss:E06999901 Comment 2026-03-12 still 2"]);
    log.must(
        "2026-03-20T10:00",
        COUNCIL,
        "draft-commented",
        r#"{"version": 1, "result": "agreed"}"#,
    );
    assert_eq!(
        marks(&log, &world, "2026-03-20T11:00"),
        ["gss:E06999901 comment 2026-03-20 draft-comments"]
    );
}
