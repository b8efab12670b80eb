//! The annual report and monitoring.

use concordat_domain::reports::Parameters;

use crate::support::{COUNCIL, ENGLISH, Office, TRUST, cell, days, organisation, shown, year};

const AFTER: &str = "2027-06-01T09:00:00Z";

/// The trust runs 01, 05, 08, 15 and 18, received 18 December, 20 August, 5 October, 14 September and 2 November 2026: five. Each of them
/// reached the talk about a lead: five joint. Decided: 01, 05 and 08, each with an issue upheld (05 with one of three not upheld), so each
/// partly upheld in the whole.
// Proves: E-26, 002-5.2, report: annual report
#[test]
fn annual_report_of_the_trust() {
    let office = Office::with(ENGLISH);
    let report = office.run("annual-report", TRUST, AFTER, Parameters::default());
    assert_eq!(
        report.parameters,
        [
            ("from", "2026-04-01".to_owned()),
            ("to", "2027-03-31".to_owned()),
            ("organisation", TRUST.to_owned())
        ]
    );
    let figure = |measure: &str| cell(&report, "figures", measure, "number");
    assert_eq!(figure("received"), "5");
    assert_eq!(figure("received: joint, as lead"), "5");
    assert_eq!(figure("received: anonymous"), "0");
    assert_eq!(figure("well-founded"), "3");
    assert_eq!(figure("known to be referred to an ombudsman"), "0");
    assert_eq!(
        shown(&report, "outcomes"),
        [
            "upheld|0",
            "partly-upheld|3",
            "not-upheld|0",
            "resolved|0",
            "no finding|0",
            "all|3"
        ]
    );
    // 01 names two services and is well-founded; the other four name none, two of them well-founded.
    assert_eq!(
        shown(&report, "subjects"),
        [
            "not-stated|4|2",
            "reablement|1|1",
            "ward-discharge|1|1",
            "all|5|3"
        ]
    );
    // 01 was closed with a cause only after the year, but it was decided in it.
    assert_eq!(
        shown(&report, "importance"),
        ["discharge-coordination|1", "not-stated|2", "all|3"]
    );
}

/// The council runs 07 (received 1 June, with the LGSCO from 16 November), 10 (received by the provider on 6 July, taken over by the
/// council's review) and 17 (settled the next working day: not counted). It passed 02 on, and took part in 01, 05, 06, 08, 15, 18 and 21 as
/// far as it joined. 10 was upheld; 07 was answered in part without a finding.
// Proves: E-06, E-09, E-26, report: annual report
#[test]
fn annual_report_of_the_council() {
    let office = Office::with(ENGLISH);
    let report = office.run("annual-report", COUNCIL, AFTER, year());
    let figure = |measure: &str| cell(&report, "figures", measure, "number");
    assert_eq!(figure("received"), "2");
    assert_eq!(figure("resolved by the next working day, not counted"), "1");
    assert_eq!(figure("passed on, counted by who accepted it"), "1");
    assert_eq!(figure("known to be referred to an ombudsman"), "1");
    assert_eq!(figure("well-founded"), "1");
    assert_eq!(
        shown(&report, "outcomes"),
        [
            "upheld|1",
            "partly-upheld|0",
            "not-upheld|0",
            "resolved|0",
            "no finding|1",
            "all|2"
        ]
    );
}

/// Nothing is counted twice over the partnership: each of the twelve cases is received by one organisation, or left out by one.
// Proves: E-26, report: annual report
#[test]
fn a_joint_complaint_is_received_once_over_all_organisations() {
    let office = Office::with(ENGLISH);
    let codes = [
        TRUST,
        "ods:ZT2",
        "ods:ZB1",
        COUNCIL,
        "ods:ZCP01",
        "ods:ZGP01",
    ];
    let counted = codes.map(|code| {
        let parameters = Parameters {
            organisation: Some(organisation(code)),
            ..days("2026-01-01", "2026-12-31")
        };
        let report = office.run("annual-report", TRUST, AFTER, parameters);
        let figure = |measure: &str| {
            cell(&report, "figures", measure, "number")
                .parse::<usize>()
                .unwrap()
        };
        figure("received") + figure("resolved by the next working day, not counted")
    });
    assert_eq!(counted.iter().sum::<usize>(), 12, "{counted:?}");
}

/// 08 was answered on 17 December, a day before the date told, and within six months of 5 October (to 4 April). 05 was answered on 4
/// November with 20 November told. 01: 12 March told, answered 3 March. 15 and 18 are not answered; 15 was received on 14 September, so its six
/// months ended on 13 March 2027, and 18's, received on 2 November, on 1 May 2027.
// Proves: E-25, report: monitoring
#[test]
fn monitoring_says_of_each_complaint_what_was_told_and_whether_it_was_met() {
    let office = Office::with(ENGLISH);
    let report = office.run("monitoring", TRUST, AFTER, year());
    let rows = shown(&report, "complaints");
    assert_eq!(rows.len(), 5);
    let of = |received: &str| {
        let row = rows
            .iter()
            .find(|row| row.split('|').nth(1) == Some(received));
        row.expect("a row")
            .split_once('|')
            .expect("cells")
            .1
            .to_owned()
    };
    assert_eq!(
        of("2026-10-05"),
        "2026-10-05|not-stated|not-stated|responded|partly-upheld|2026-12-17|2026-12-18||0|yes|2027-04-04|yes|73"
    );
    assert!(
        of("2026-09-14").contains("|2027-03-13|no|"),
        "{}",
        of("2026-09-14")
    );
    assert_eq!(
        shown(&report, "kept"),
        [
            "period told, as amended|3|0|0|2|5|100.0",
            "six months, as extended|3|2|0|0|5|60.0"
        ]
    );
}
