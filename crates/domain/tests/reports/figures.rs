//! Remedies, feedback, management, equality, compliance, and what is published.

use concordat_domain::fields::{Fields, Value};
use concordat_domain::reports::{History, Parameters};

use crate::support::{COUNCIL, ENGLISH, Office, TRUST, cell, days, shown, year};

const AFTER: &str = "2027-06-01T09:00:00Z";

/// Case 174: a payment of 300 pounds, 200 by the council and 100 by the trust, accepted and paid.
// Proves: 002-4.6, report: remedies
#[test]
fn a_shared_remedy_counts_for_each_with_its_share() {
    let office = Office::with(&["174"]);
    let report = office.run("remedies", TRUST, AFTER, year());
    assert_eq!(
        shown(&report, "kinds"),
        [
            "gss:E06999901|payment|1|1|1|200",
            "ods:ZT1|payment|1|1|1|100",
            "all||2|2|2|300"
        ]
    );
    assert_eq!(shown(&report, "remedies").len(), 2);
    let earlier = office.run("remedies", TRUST, AFTER, days("2026-06-17", "2027-03-31"));
    assert_eq!(
        shown(&earlier, "kinds"),
        ["all||0|0|0|0"],
        "offered on 16 June"
    );
}

/// Case 185: the person was asked on 17 August 2026 and gave a three on the 25th.
// Proves: 002-5.3, report: feedback
#[test]
fn feedback_on_the_handling() {
    let office = Office::with(&["185"]);
    let report = office.run("feedback", COUNCIL, AFTER, year());
    assert_eq!(
        shown(&report, "feedback"),
        [
            "answered or ended|1",
            "invited to say how it was|1",
            "said how it was|1"
        ]
    );
    assert_eq!(shown(&report, "surveys"), ["s-1|1|1|3.0"]);
}

/// Case 171: the council came to the meeting of 17 September and the community trust sent its matron.
// Proves: 000-10, report: co-operation scorecard
#[test]
fn meetings_are_attended_or_represented() {
    let office = Office::with(&["171"]);
    let report = office.run("co-operation-scorecard", TRUST, AFTER, year());
    assert_eq!(
        shown(&report, "meetings"),
        ["gss:E06999901|1|0|0", "ods:ZT2|0|1|0"]
    );
}

/// In the week from 6 July 2026 the council had 07 open from before; 10 came on the 6th. Neither was answered in it.
// Proves: 003-4, 003-22, 002-1.11, report: management report
#[test]
fn volumes_of_a_week() {
    let office = Office::with(ENGLISH);
    let report = office.run(
        "management",
        COUNCIL,
        AFTER,
        days("2026-07-06", "2026-07-12"),
    );
    assert_eq!(
        shown(&report, "volumes"),
        [
            "open at the start|1",
            "new|1",
            "reopened|0",
            "in hand|2",
            "answered or ended|0",
            "open at the end|2"
        ]
    );
    let report = office.run(
        "management",
        COUNCIL,
        AFTER,
        days("2026-09-07", "2026-09-13"),
    );
    assert_eq!(
        cell(&report, "volumes", "answered or ended", "number"),
        "1",
        "07 on 9 September"
    );
}

/// Six complaints of the trust, five people of one group and one of another: the one is hidden, under a name that says nothing, and with it the
/// five, since the whole is known.
// Proves: 002-1.2, report: equality
#[test]
fn groups_of_few_people_have_no_name_and_no_number() {
    let mut office = Office::with(&["01", "05", "08", "15", "18", "08"]);
    let saying = |history: &History, said: &str| {
        let entries = history.entries().iter().enumerate().map(|(index, entry)| {
            let said = [("equality".to_owned(), Value::Text(said.to_owned()))];
            let content = if index == 0 {
                Fields(said.into())
            } else {
                Fields::default()
            };
            entry.clone().with_content(content, Vec::new())
        });
        History::new(history.case().clone(), entries.collect()).expect("a case")
    };
    let groups = [
        "White British",
        "White British",
        "White British",
        "White British",
        "White British",
        "Roma",
    ];
    let histories = office.histories.iter().zip(groups);
    office.histories = histories
        .map(|(history, group)| saying(history, &format!("ethnicity: {group}")))
        .collect();
    let report = office.run("equality", TRUST, AFTER, year());
    assert!(report.suppressed, "always");
    let rows = shown(&report, "groups");
    assert_eq!(
        rows,
        [
            "ethnicity|other|*|*|*|*",
            "ethnicity|white british|*|*|*|*",
            "all|all|6|*|*|*"
        ]
    );
    assert_eq!(
        shown(&report, "said"),
        ["received|6", "said something about themselves|6"]
    );
}

/// What is published hides small numbers without being asked to.
// Proves: 003-24, report: annual outcomes and actions
#[test]
fn what_is_published_is_suppressed() {
    let office = Office::with(ENGLISH);
    let report = office.run("annual-outcomes-and-actions", TRUST, AFTER, year());
    assert!(report.suppressed);
    assert_eq!(
        shown(&report, "outcomes"),
        [
            "upheld|0",
            "partly-upheld|*",
            "not-upheld|0",
            "resolved|0",
            "no finding|0",
            "all|*"
        ]
    );
}

/// In 08 the trust acknowledged on the day after receipt: E-15 is met, by that event. The council's strand was late: J-10 is missed for the
/// council, and for the trust, whose own strand came in time, it is not. Nobody was refused for being late: E-13 does not come up.
// Proves: 001-9, 002-bg.1, report: compliance by rule and seed item
#[test]
fn compliance_names_the_events_that_prove_it() {
    let office = Office::with(&["08"]);
    let trust = office.run("compliance", TRUST, AFTER, year());
    assert_eq!(cell(&trust, "items", "E-15", "result"), "met");
    assert_eq!(cell(&trust, "items", "E-15", "met"), "1");
    assert_eq!(cell(&trust, "items", "002-1.10", "result"), "n.a.");
    let acknowledged = office.histories[0]
        .entries()
        .iter()
        .find(|entry| entry.event_type().code() == "complaint-acknowledged")
        .expect("08 is acknowledged");
    let proofs = shown(&trust, "proofs");
    let id = acknowledged.event.id.to_string();
    let proof = proofs
        .iter()
        .find(|row| row.starts_with("E-15|met|") && row.ends_with(&id));
    assert!(proof.is_some(), "{proofs:?}");
    let council = office.run("compliance", COUNCIL, AFTER, year());
    let strand = office.rules();
    let pack = strand
        .packs
        .get(&"joint-example-v1".parse().expect("a pack"))
        .expect("built in");
    let rule = pack.rule("strand", None).or_else(|| {
        let eng = strand.packs.get(&"eng-2009".parse().expect("a pack"));
        eng.and_then(|eng| eng.rule("strand", None))
    });
    let rule = rule.expect("strands have a rule").id.clone();
    for id in rule.split(", ") {
        assert_eq!(cell(&council, "items", id, "missed"), "1", "{id}");
        assert_eq!(cell(&trust, "items", id, "missed"), "0", "{id}");
    }
    let items = shown(&trust, "items");
    assert_eq!(
        items.len(),
        concordat_domain::responsibilities::responsibilities().len()
    );
}

/// Every report can be asked for in any period, also in one in which nothing happened.
#[test]
fn an_empty_period_gives_empty_figures() {
    let office = Office::with(&["01"]);
    let report = office.run(
        "annual-report",
        TRUST,
        AFTER,
        days("2001-01-01", "2001-12-31"),
    );
    assert_eq!(cell(&report, "figures", "received", "number"), "0");
    let none = Office::with(&[]);
    let report = none.run(
        "co-operation-scorecard",
        TRUST,
        AFTER,
        Parameters::default(),
    );
    assert!(shown(&report, "duties").is_empty());
}
