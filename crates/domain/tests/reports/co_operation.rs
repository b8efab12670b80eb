//! What is due, waiting on others, and the scorecard, over worked case 08: the council's strand is late.

use concordat_domain::reports::Parameters;

use crate::support::{COUNCIL, Office, TRUST, cell, organisation, shown, year};

/// Noon on the day after the lead was refused its draft for want of the council's strand.
const WAITING: &str = "2026-11-17T12:00:00Z";

/// The council's strand was due on Friday 13 November: by Tuesday 17 it is two working days late.
// Proves: E-11, J-10, report: waiting on others
#[test]
fn a_strand_is_owed_to_the_lead_by_the_other() {
    let office = Office::until(&["08"], 16);
    let case = office.histories[0].case().id().to_string();
    let late = format!("strand|strand:gss:E06999901|{case}|2");
    let trust = office.run("waiting-on-others", TRUST, WAITING, Parameters::default());
    assert_eq!(
        shown(&trust, "owed-to-me"),
        [format!("2026-11-13|overdue|{COUNCIL}|{late}")]
    );
    assert!(shown(&trust, "i-owe").is_empty());
    let council = office.run("waiting-on-others", COUNCIL, WAITING, Parameters::default());
    assert_eq!(
        shown(&council, "i-owe"),
        [format!("2026-11-13|overdue|{TRUST}|{late}")]
    );
    assert!(shown(&council, "owed-to-me").is_empty());
    // The trust's own response waits on it.
    let waits = shown(&trust, "waits");
    let on_council = |row: &&String| row.contains("|response|2026-12-18|gss:E06999901|its strand|");
    assert!(waits.iter().any(|row| on_council(&row)), "{waits:?}");
}

/// Open on 17 November: the council's strand (overdue); the trust's response (18 December), six months (4 April) and update (14 December,
/// twenty working days after the one of 16 November).
// Proves: report: what is due
#[test]
fn what_is_due_by_organisation_and_day() {
    let office = Office::until(&["08"], 16);
    let report = office.run("what-is-due", TRUST, WAITING, Parameters::default());
    assert_eq!(
        shown(&report, "organisations"),
        ["gss:E06999901|1|0|0|0|0", "ods:ZT1|0|0|0|3|0"]
    );
    assert_eq!(
        shown(&report, "days"),
        [
            "2026-11-13|1",
            "2026-12-14|1",
            "2026-12-18|1",
            "2027-04-04|1"
        ]
    );
    assert!(shown(&report, "due")[0].starts_with("2026-11-13|overdue|gss:E06999901|strand:"));
    let only = Parameters {
        organisation: Some(organisation(COUNCIL)),
        ..Parameters::default()
    };
    let report = office.run("what-is-due", TRUST, WAITING, only);
    assert_eq!(shown(&report, "due").len(), 1);
    // On 13 November it was due that day; on 6 November within five working days.
    let office = Office::until(&["08"], 13);
    let at = |instant| {
        let report = office.run("what-is-due", TRUST, instant, Parameters::default());
        shown(&report, "organisations")[0].clone()
    };
    assert_eq!(at("2026-11-13T12:00:00Z"), "gss:E06999901|0|1|0|0|0");
    assert_eq!(at("2026-11-06T12:00:00Z"), "gss:E06999901|0|0|1|0|0");
    assert_eq!(at("2026-11-05T12:00:00Z"), "gss:E06999901|0|0|0|1|0");
}

/// The council joined on 7 October, two days before it had to; its strand was moved on 19 November, after 13 November had passed, and came on
/// Monday 30 instead of Friday 27: two lates. It commented on 9 December, a day early. The trust's strand came on 12 November.
// Proves: J-10, 000-7, 000-31, 001-7, report: co-operation scorecard
#[test]
fn the_scorecard_counts_each_duty_on_its_day() {
    let office = Office::with(&["08"]);
    let report = office.run(
        "co-operation-scorecard",
        TRUST,
        "2027-06-01T09:00:00Z",
        year(),
    );
    assert_eq!(
        shown(&report, "duties"),
        [
            "gss:E06999901|comments|1|0|0|1|100.0",
            "gss:E06999901|join|1|0|0|1|100.0",
            "gss:E06999901|strand|0|2|0|2|0.0",
            "ods:ZT1|strand|1|0|0|1|100.0",
        ]
    );
    assert_eq!(cell(&report, "marked", COUNCIL, "duty"), "strand");
    assert_eq!(cell(&report, "marked", COUNCIL, "number"), "2");
    let proofs = shown(&report, "marks");
    assert_eq!(proofs.len(), 2);
    assert!(
        proofs[0].starts_with("2026-11-14|gss:E06999901|strand|"),
        "{proofs:?}"
    );
}
