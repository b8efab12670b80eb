//! Policy packs as data: the regimes beside England, Scotland and children, and what a partnership adds of its own.

use concordat_domain::scenario::instant;
use concordat_domain::timetable;
use concordat_domain::timetable::Timetable;

use crate::world::*;

/// A complaint under another pack.
fn complaint(policy: &str, protocol: &str) -> String {
    COMPLAINT
        .replace("eng-2009", policy)
        .replace("joint-example-v1", protocol)
}

fn table(log: &Log<'_>, world: &World, when: &str) -> Timetable {
    let at = instant(when.parse().expect("tests name times well")).expect("the time exists");
    timetable(log.open_case(), at, &world.rules())
}

/// The due day of the latest occurrence while it is open.
fn due(log: &Log<'_>, world: &World, name: &str, when: &str) -> Option<String> {
    let dates = table(log, world, when).dates();
    dates
        .get(name)
        .copied()
        .flatten()
        .map(|due| due.to_string())
}

const TOLD: &str = r#"{"method": "letter"}"#;

/// O-01: five working days to acknowledge, ten from the acknowledgement to answer, at most ten more; then the same with five and twenty.
// Proves: O-01
#[test]
fn under_the_ombudsmans_code_the_answers_run_from_the_acknowledgements() {
    let world = World::new();
    let mut log = Log::new(&world);
    let opened = complaint("lgsco-code-2024", "joint-example-v1");
    log.must("2026-02-09T10:00", COUNCIL, "complaint-received", &opened);
    let now = "2026-02-09T11:00";
    assert_eq!(log.open_case().state().code(), "stage-1");
    assert_eq!(
        due(&log, &world, "acknowledge", now).as_deref(),
        Some("2026-02-16")
    );
    assert_eq!(
        due(&log, &world, "stage-1-response", now),
        None,
        "nothing runs before the acknowledgement"
    );
    log.must("2026-02-12T10:00", COUNCIL, "complaint-acknowledged", TOLD);
    assert_eq!(due(&log, &world, "acknowledge", "2026-02-12T11:00"), None);
    assert_eq!(
        due(&log, &world, "stage-1-response", "2026-02-12T11:00").as_deref(),
        Some("2026-02-26")
    );
    let extended =
        |date: &str| format!(r#"{{"date": "{date}", "complainant_told": true, "why": "w"}}"#);
    // Twenty working days after 12 February end on 12 March.
    let beyond = log.try_event(
        "2026-02-20T10:00",
        COUNCIL,
        "stage-1-extended",
        &extended("2026-03-13"),
    );
    assert_eq!(beyond, Err("stage-1-maximum".to_owned()));
    log.must(
        "2026-02-20T10:00",
        COUNCIL,
        "stage-1-extended",
        &extended("2026-03-12"),
    );
    log.must(
        "2026-03-10T10:00",
        COUNCIL,
        "stage-1-response-issued",
        r#"{"outcome": "not-upheld"}"#,
    );
    let asked = r#"{"from": 1, "to": 2, "requested_on": "2026-03-16"}"#;
    log.must("2026-03-17T10:00", COUNCIL, "stage-escalated", asked);
    let now = "2026-03-17T11:00";
    assert_eq!(
        due(&log, &world, "stage-2-acknowledge", now).as_deref(),
        Some("2026-03-23")
    );
    assert_eq!(due(&log, &world, "stage-2-response", now), None);
    log.must("2026-03-19T10:00", COUNCIL, "complaint-acknowledged", TOLD);
    // Twenty working days after 19 March, Good Friday and Easter Monday apart.
    assert_eq!(
        due(&log, &world, "stage-2-response", "2026-03-19T11:00").as_deref(),
        Some("2026-04-20")
    );
    assert_eq!(
        due(&log, &world, "stage-2-acknowledge", "2026-03-19T11:00"),
        None
    );
}

/// O-03: two working days, a discussion within ten, terms in writing within five if it settled the matter, else 25 from the statement.
// Proves: O-03
#[test]
fn in_wales_a_discussion_is_due_and_then_the_terms_in_writing() {
    let world = World::new();
    let mut log = Log::new(&world);
    let opened = complaint("wal-ss-2014", "joint-example-v1");
    log.must("2026-02-09T10:00", COUNCIL, "complaint-received", &opened);
    assert_eq!(
        due(&log, &world, "acknowledge", "2026-02-09T11:00").as_deref(),
        Some("2026-02-11")
    );
    log.must("2026-02-10T10:00", COUNCIL, "complaint-acknowledged", TOLD);
    assert_eq!(
        due(&log, &world, "local-discussion", "2026-02-10T11:00").as_deref(),
        Some("2026-02-24")
    );
    let mut settled = log.clone();
    let tried = |result: &str| format!(r#"{{"kind": "meeting", "result": "{result}"}}"#);
    settled.must(
        "2026-02-20T10:00",
        COUNCIL,
        "resolution-option-tried",
        &tried("settled"),
    );
    assert_eq!(
        due(&settled, &world, "local-discussion", "2026-02-20T11:00"),
        None
    );
    assert_eq!(
        due(&settled, &world, "written-terms", "2026-02-20T11:00").as_deref(),
        Some("2026-02-27")
    );
    settled.must(
        "2026-02-25T10:00",
        COUNCIL,
        "stage-1-response-issued",
        r#"{"outcome": "resolved"}"#,
    );
    assert_eq!(
        due(&settled, &world, "written-terms", "2026-02-25T11:00"),
        None
    );

    log.must(
        "2026-02-20T10:00",
        COUNCIL,
        "resolution-option-tried",
        &tried("not"),
    );
    assert_eq!(due(&log, &world, "written-terms", "2026-02-20T11:00"), None);
    let asked = r#"{"from": 1, "to": 2, "written_statement_agreed_on": "2026-03-02"}"#;
    log.must("2026-03-02T10:00", COUNCIL, "stage-escalated", asked);
    assert_eq!(
        due(&log, &world, "stage-2-response", "2026-03-02T11:00").as_deref(),
        Some("2026-04-08")
    );
}

/// A8: a pack with a figure marked `?` may be shown, not adopted.
// Proves: O-02, O-04
#[test]
fn no_case_is_opened_under_a_pack_with_open_figures() {
    let world = World::new();
    for policy in [
        "ni-hsc-2026",
        "wal-nhs-2026",
        "no-such-pack",
        "joint-example-v1",
    ] {
        let mut log = Log::new(&world);
        let opened = complaint(policy, "joint-example-v1");
        let refused = log.try_event("2026-02-09T10:00", COUNCIL, "complaint-received", &opened);
        assert_eq!(refused, Err("missing-field:policy".to_owned()), "{policy}");
    }
    let mut log = Log::new(&world);
    let opened = complaint("eng-2009", "ni-hsc-2026");
    let refused = log.try_event("2026-02-09T10:00", COUNCIL, "complaint-received", &opened);
    assert_eq!(refused, Err("missing-field:protocol".to_owned()));
}

/// O-04: once a person stands for the convention, the pack counts.
// Proves: O-04
#[test]
fn a_confirmed_pack_is_judged_by() {
    let text = include_str!("../../packs/ni-hsc-2026.toml");
    let confirmed = text.replace(
        "\nopen = [",
        "\nconvention = \"from\"\nconfirmed-by = \"complaints-manager\"\nconfirmed-on = \"2026-02-01\"\nopen = [",
    );
    let world = World::with_packs(&[&confirmed]);
    let mut log = Log::new(&world);
    let opened = complaint("ni-hsc-2026", "joint-example-v1");
    log.must("2026-02-09T10:00", COUNCIL, "complaint-received", &opened);
    assert_eq!(
        due(&log, &world, "stage-1-response", "2026-02-09T11:00").as_deref(),
        Some("2026-02-13")
    );
    let asked = r#"{"from": 1, "to": 2, "initiated_on": "2026-02-16"}"#;
    log.must("2026-02-16T10:00", COUNCIL, "stage-escalated", asked);
    let now = "2026-02-16T11:00";
    assert_eq!(
        due(&log, &world, "stage-2-acknowledge", now).as_deref(),
        Some("2026-02-18")
    );
    // Day 1 is 16 February, so day 20 is 13 March.
    assert_eq!(
        due(&log, &world, "stage-2-response", now).as_deref(),
        Some("2026-03-13")
    );
}

const OWN: &str = r#"
id = "county-v1"
version = "1"
title = "A county's own protocol"
regime = "protocol"
warn = 2

[[rule]]
name = "join"
unit = "working-days"
n = 1
trigger = "the body was added"
id = "C-1"
source = "our protocol, section 4"
force = "local"
mark = "L"

[[rule]]
name = "reply-target"
unit = "working-days"
n = 25
trigger = "the day the complaint was received"
id = "C-2"
source = "our protocol, section 7"
force = "local"
mark = "L"
started-by = [{ event = "complaint-received", from = "received_on" }]
met-by = ["response-issued"]
ended-by = ["complaint-withdrawn"]
"#;

/// Issue 3, point 3: a partnership adds its own targets, from its own file, without a line of code.
#[test]
fn a_partnerships_own_protocol_sets_its_own_intervals_and_targets() {
    let world = World::with_packs(&[OWN]);
    let mut log = Log::new(&world);
    let opened = complaint("eng-2009", "county-v1");
    log.must("2026-02-09T10:00", TRUST, "complaint-received", &opened);
    log.must("2026-02-10T10:00", TRUST, "consent-granted", GRANT);
    log.must("2026-02-10T11:00", TRUST, "participant-added", ADD_COUNCIL);
    let now = "2026-02-10T12:00";
    assert_eq!(
        due(&log, &world, "join:gss:E06999901", now).as_deref(),
        Some("2026-02-11")
    );
    assert_eq!(
        due(&log, &world, "reply-target", now).as_deref(),
        Some("2026-03-16")
    );
    // What the protocol does not prescribe is not owed.
    assert_eq!(due(&log, &world, "lead-agreement", now), None);
    let table = table(&log, &world, "2026-03-17T00:00");
    assert!(table.flags().contains("overdue:reply-target"));
    let withdrawn = r#"{"said_by": "p-1", "on": "2026-03-17", "carry_on_internally": false, "complainants_left": 0}"#;
    log.must("2026-03-17T10:00", TRUST, "complaint-withdrawn", withdrawn);
    assert_eq!(due(&log, &world, "reply-target", "2026-03-17T11:00"), None);
}

/// A8: what a policy pack holds as `local` only fills a gap.
#[test]
fn a_local_interval_of_the_protocol_goes_before_that_of_the_policy_pack() {
    let own = OWN.replace("name = \"join\"", "name = \"consent-reply\"");
    let world = World::with_packs(&[&own]);
    let mut log = Log::new(&world);
    let opened = complaint("sco-mchp", "county-v1");
    log.must(
        "2026-02-09T10:00",
        "gss:S12999901",
        "complaint-received",
        &opened,
    );
    log.must(
        "2026-02-10T10:00",
        "gss:S12999901",
        "consent-requested",
        ASK,
    );
    assert_eq!(
        due(&log, &world, "consent-reply", "2026-02-10T11:00").as_deref(),
        Some("2026-02-11")
    );
    assert_eq!(
        due(&log, &world, "stage-1-response", "2026-02-10T11:00").as_deref(),
        Some("2026-02-13")
    );
}
