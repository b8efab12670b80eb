//! Each pack, unit and convention explained in the words that people read (`deadline explain`, the API's `sentences`), held against
//! `explanations.txt`.

use std::fmt::Write as _;

use concordat_domain::scenario::instant;
use concordat_domain::timetable::{Deadline, sentences, timetable, waiting};

use crate::world::*;

const GOLDEN: &str = include_str!("explanations.txt");

/// The explanation of the latest occurrence of a deadline at an instant.
fn explained(log: &Log<'_>, world: &World, title: &str, name: &str, when: &str) -> String {
    let at = instant(when.parse().expect("tests name times well")).expect("the time exists");
    let rules = world.rules();
    let table = timetable(log.open_case(), at, &rules);
    let deadlines = table.deadlines();
    let place = deadlines
        .iter()
        .rposition(|one| one.name.to_string() == name)
        .unwrap_or_else(|| panic!("{name} was never started"));
    let (before, rest) = deadlines.split_at(place);
    let earlier: Vec<&Deadline> = before
        .iter()
        .filter(|one| one.name == rest[0].name)
        .collect();
    let waited = waiting(log.open_case(), &rest[0], at, &rules);
    let mut text = format!("## {title}\n");
    for sentence in sentences(&rest[0], &earlier, Some(&waited)) {
        writeln!(text, "{sentence}").expect("texts take what is written");
    }
    text
}

/// A complaint under a pack, received on a day.
fn opened<'w>(world: &'w World, author: &str, policy: &str, on: &str) -> Log<'w> {
    let complaint = COMPLAINT
        .replace("eng-2009", policy)
        .replace("2026-02-09", on);
    let mut log = Log::new(world);
    log.must(
        &format!("{on}T10:00"),
        author,
        "complaint-received",
        &complaint,
    );
    log
}

const BOARD: &str = "gss:S37999901";
const HEALTH_BOARD: &str = "gss:S08999901";

/// A pack of the release with its open figures confirmed.
fn confirmed(text: &str, figure: &str) -> String {
    let signed = format!(
        "\n{figure}\nconfirmed-by = \"complaints-manager\"\nconfirmed-on = \"2026-02-01\"\nopen = ["
    );
    text.replace("\nopen = [", &signed)
}

fn all() -> String {
    let ni = confirmed(
        include_str!("../../packs/ni-hsc-2026.toml"),
        "convention = \"from\"",
    );
    let wales = confirmed(include_str!("../../packs/wal-nhs-2026.toml"), "n = 30");
    let world = World::with_packs(&[&ni, &wales]);
    let mut told = Vec::new();
    let mut tell = |log: &Log<'_>, title: &str, name: &str, when: &str| {
        told.push(explained(log, &world, title, name, when));
    };

    let log = opened(&world, TRUST, "eng-2009", "2026-12-24");
    tell(
        &log,
        "eng-2009, working days after the trigger, over Christmas",
        "acknowledge",
        "2026-12-30T10:00",
    );

    let mut log = opened(&world, TRUST, "eng-2009", "2026-08-31");
    let agreed = r#"{"kind": "extension", "date": "2027-04-30", "agreed_by_complainant": true, "agreed_on": "2027-02-26", "why": "w"}"#;
    log.must(
        "2026-09-01T10:00",
        TRUST,
        "discussion-held",
        r#"{"options_offered": ["meeting"]}"#,
    );
    log.must("2026-09-01T11:00", TRUST, "issues-agreed", ISSUES);
    log.must(
        "2026-09-02T10:00",
        TRUST,
        "response-period-set",
        r#"{"mode": "agreed", "date": "2026-11-30"}"#,
    );
    tell(
        &log,
        "eng-2009, months commencing on a day, at the end of February",
        "relevant-period",
        "2026-09-02T11:00",
    );
    log.must("2027-02-26T10:00", TRUST, "response-period-amended", agreed);
    tell(
        &log,
        "eng-2009, extended in time",
        "relevant-period",
        "2027-03-02T10:00",
    );
    tell(
        &log,
        "eng-2009, a day that an event names, moved after it was over",
        "response",
        "2027-05-04T10:00",
    );

    let mut log = Log::joined(&world);
    let dispute = r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#;
    log.must("2026-02-12T09:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    log.must("2026-02-12T10:00", COUNCIL, "lead-disputed", dispute);
    tell(
        &log,
        "joint-example-v1, begun once more by its rule",
        "lead-escalation",
        "2026-02-23T10:00",
    );

    let mut log = Log::investigating(&world);
    let request = r#"{"id": "R1", "of": "gss:E06999901", "basis": "consent", "due": "2026-02-27", "what": "w"}"#;
    log.must("2026-02-20T10:00", TRUST, "information-requested", request);
    log.must(
        "2026-03-03T10:00",
        COUNCIL,
        "information-provided",
        r#"{"request": "R1", "items": 1}"#,
    );
    tell(
        &log,
        "eng-2009, information given late",
        "information:R1",
        "2026-03-04T10:00",
    );
    tell(
        &log,
        "eng-2009, whom the response waits on",
        "response",
        "2026-06-01T10:00",
    );
    let breach = r#"{"id": "B1", "kind": "misdirected", "recipients": ["ods:ZT2"], "known_on": "2026-03-27", "contained": true}"#;
    log.must(
        "2026-03-27T10:00",
        TRUST,
        "confidentiality-breach-recorded",
        breach,
    );
    tell(
        &log,
        "eng-2009, days",
        "breach-notice:B1",
        "2026-03-28T10:00",
    );

    let log = opened(&world, COUNCIL, "eng-ph-2012", "2026-04-02");
    tell(
        &log,
        "eng-ph-2012, over Easter",
        "acknowledge",
        "2026-04-03T10:00",
    );

    let mut log = opened(&world, COUNCIL, "eng-children-2006", "2026-02-09");
    log.must(
        "2026-02-20T10:00",
        COUNCIL,
        "stage-1-response-issued",
        r#"{"outcome": "not-upheld"}"#,
    );
    tell(
        &log,
        "eng-children-2006, a window",
        "stage-2-request",
        "2026-02-21T10:00",
    );

    let mut log = opened(&world, BOARD, "sco-mchp", "2026-06-13");
    tell(
        &log,
        "sco-mchp, the day of receipt is day 1, or the next working day",
        "stage-1-response",
        "2026-06-13T11:00",
    );
    let extended = r#"{"date": "2026-06-26", "complainant_told": true, "why": "w", "authorised_by": "head-of-service"}"#;
    log.must("2026-06-18T10:00", BOARD, "stage-1-extended", extended);
    tell(
        &log,
        "sco-mchp, extended",
        "stage-1-response",
        "2026-06-22T10:00",
    );

    let mut log = opened(&world, HEALTH_BOARD, "sco-nhs", "2026-11-27");
    log.must(
        "2026-11-30T10:00",
        HEALTH_BOARD,
        "stage-escalated",
        r#"{"from": 1, "to": 2, "initiated_on": "2026-11-27"}"#,
    );
    tell(
        &log,
        "sco-nhs, over Saint Andrew's Day and the end of the year",
        "stage-2-response",
        "2026-12-29T10:00",
    );

    let mut log = opened(&world, COUNCIL, "lgsco-code-2024", "2026-02-09");
    log.must(
        "2026-02-12T10:00",
        COUNCIL,
        "complaint-acknowledged",
        r#"{"method": "letter"}"#,
    );
    tell(
        &log,
        "lgsco-code-2024, from the acknowledgement",
        "stage-1-response",
        "2026-02-27T10:00",
    );

    let mut log = opened(&world, COUNCIL, "wal-ss-2014", "2026-02-09");
    log.must(
        "2026-02-13T10:00",
        COUNCIL,
        "complaint-acknowledged",
        r#"{"method": "letter"}"#,
    );
    tell(
        &log,
        "wal-ss-2014, met late",
        "acknowledge",
        "2026-02-16T10:00",
    );

    let log = opened(&world, TRUST, "wal-nhs-2026", "2026-02-09");
    tell(
        &log,
        "wal-nhs-2026, once confirmed",
        "relevant-period",
        "2026-02-10T10:00",
    );

    let log = opened(&world, TRUST, "ni-hsc-2026", "2026-02-09");
    tell(
        &log,
        "ni-hsc-2026, once confirmed",
        "stage-1-response",
        "2026-02-16T00:00",
    );

    let mut log = opened(&world, TRUST, "eng-2009", "2026-02-09");
    let signposted =
        r#"{"orgs": ["gss:E06999901"], "contacts": "c", "advocacy": true, "whole": true}"#;
    log.must(
        "2026-02-27T10:00",
        TRUST,
        "complainant-signposted",
        signposted,
    );
    log.must(
        "2028-02-29T10:00",
        TRUST,
        "case-closed",
        r#"{"reason": "signposted"}"#,
    );
    tell(
        &log,
        "joint-example-v1, years, from a leap day",
        "retention-review",
        "2028-03-01T10:00",
    );

    let log = opened(&world, TRUST, "eng-2009", "2031-12-30");
    tell(
        &log,
        "eng-2009, beyond the horizon of the calendar",
        "acknowledge",
        "2031-12-30T11:00",
    );

    told.join("\n")
}

/// Issue 3: rule and source, start, each day counted or skipped and why, extensions, moves, restarts, calendar version.
// Proves: E-15, E-21, S-01, S-02, S-03, K-02, O-01, O-02, O-03, O-04, D-09
#[test]
fn a_deadline_of_each_pack_is_explained_as_a_person_would() {
    let told = all();
    assert!(told == GOLDEN, "explanations.txt should be:\n{told}");
}
