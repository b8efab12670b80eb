//! The case file, actions, record completeness, remedies, themes, trends and the subject-access export.

use concordat_domain::reports::Parameters;

use crate::support::{COUNCIL, ENGLISH, JOINT_BOARD, Office, TRUST, cell, days, shown, year};

const AFTER: &str = "2027-06-01T09:00:00Z";

/// A1 of 01 is the council's: done with evidence on 27 April 2027, told, verified. That of 12 was done with evidence and told. Those of 10 and
/// 21 were due on 30 November and 31 December 2026 and were not done.
// Proves: 002-5.4, report: actions register
#[test]
fn each_action_stands_where_its_events_left_it() {
    let office = Office::with(&[ENGLISH, &["12"]].concat());
    let report = office.run("actions-register", TRUST, AFTER, Parameters::default());
    assert_eq!(
        shown(&report, "organisations"),
        [
            "gss:E06999901|0|0|1|1|1|0",
            "gss:S37999901|0|0|1|1|0|0",
            "ods:ZB1|0|1|0|0|0|0",
            "ods:ZCP01|0|1|0|0|0|0",
            "all|0|2|2|2|1|0",
        ]
    );
    let actions = shown(&report, "actions");
    assert_eq!(actions.len(), 4);
    assert!(
        actions[0]
            .contains("|A1|ods:ZCP01|reg-mgr|registered-manager|2026-10-07|2026-11-30|overdue|")
    );
    // On the day of the target it is open; the day after, overdue.
    let on = |instant: &str| {
        let report = office.run("actions-register", TRUST, instant, Parameters::default());
        cell(&report, "organisations", "ods:ZCP01", "overdue")
    };
    assert_eq!(on("2026-11-30T23:59:59Z"), "0");
    assert_eq!(on("2026-12-01T00:00:00Z"), "1");
}

/// Case 12 names no contact details; it is not closed, so cause and remedial action are not due yet, and no ombudsman wrote.
// Proves: S-11, 003-14, report: record completeness
#[test]
fn the_twelve_items_of_the_minimum_record() {
    let office = Office::with(&["12"]);
    let report = office.run("record-completeness", JOINT_BOARD, AFTER, year());
    let items = shown(&report, "items");
    assert_eq!(items.len(), 12);
    assert_eq!(items[0], "name and contact|0|1|0|1|0.0");
    for item in &items[1..10] {
        assert!(item.ends_with("|1|0|0|1|100.0"), "{item}");
    }
    assert_eq!(items[10], "underlying cause and remedial action|0|0|1|1|");
    assert_eq!(items[11], "ombudsman outcome|0|0|1|1|");
    assert_eq!(
        shown(&report, "cases")[0]
            .split('|')
            .skip(2)
            .collect::<Vec<_>>(),
        ["9", "1", "name and contact"]
    );
    let warnings = shown(&report, "warnings");
    assert!(
        warnings
            .iter()
            .any(|row| row.contains("|complaint-received|")),
        "{warnings:?}"
    );
}

/// Every effective event of case 23 stands in the file, with the values that were corrected later; what was refused does not.
// Proves: D-10, report: case file
#[test]
fn the_case_file_tells_the_whole_history_as_corrected() {
    let office = Office::with(&["23"]);
    let history = &office.histories[0];
    let parameters = Parameters {
        case: Some(history.case().id()),
        ..Parameters::default()
    };
    let report = office.run("case-file", TRUST, "2040-01-01T09:00:00Z", parameters);
    assert_eq!(shown(&report, "timeline").len(), history.entries().len());
    let correction = history
        .entries()
        .iter()
        .find(|entry| entry.event_type().code() == "correction-recorded")
        .expect("case 23 is corrected");
    let wrong = correction.fields().text("corrects").expect("an event");
    let timeline = shown(&report, "timeline");
    let corrected = timeline
        .iter()
        .find(|row| row.contains(&format!("|{wrong}|")))
        .expect("a row");
    let values = serde_json::to_value(correction.fields().get("values")).expect("values");
    for value in values.as_object().expect("values").values() {
        let value = value.as_str().expect("a day");
        assert!(corrected.contains(value), "{corrected}");
    }
    assert_eq!(cell(&report, "case", "state", "value"), "erased");
    assert!(shown(&report, "deadlines").len() > 5);
}

/// p-8 complains in 08 and nowhere else.
// Proves: D-09, report: subject-access export
#[test]
fn the_export_finds_a_person_in_every_case_that_names_them() {
    let office = Office::with(ENGLISH);
    let of = |person: &str| {
        let parameters = Parameters {
            person: Some(person.to_owned()),
            ..Parameters::default()
        };
        office.run("subject-access-export", TRUST, AFTER, parameters)
    };
    let report = of("p-8");
    let cases = shown(&report, "cases");
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert!(
        cases[0].contains("|2026-10-05|responded|ods:ZT1|complainant_ref, given_by, subject_ref|"),
        "{cases:?}"
    );
    assert_eq!(shown(&report, "events").len(), 23, "24 steps, one refused");
    assert!(shown(&of("p-999"), "cases").is_empty());
}

/// Fewer than five complaints of any theme: all is replaced, and not even the total says how many there were.
// Proves: 001-10, 002-5.1, report: themes
#[test]
fn themes_are_shown_from_five_on() {
    let office = Office::with(&["01", "05", "08"]);
    let report = office.run("themes", TRUST, AFTER, year());
    assert!(report.suppressed, "always");
    assert_eq!(
        shown(&report, "themes"),
        ["discharge-coordination|*|*", "not-stated|*|*", "all|*|*"]
    );
}

/// The council runs 07 (June) and 10 (July; a care provider takes part) in the twelve months of 2026.
// Proves: 003-21, report: trends
#[test]
fn trends_count_by_month_and_provider() {
    let office = Office::with(ENGLISH);
    let report = office.run("trends", COUNCIL, AFTER, days("2026-01-01", "2026-12-31"));
    let providers = shown(&report, "providers");
    assert!(
        providers.contains(&"ods:ZCP01|2026-07|1".to_owned()),
        "{providers:?}"
    );
    assert!(
        providers.contains(&"all|2026-06|1".to_owned()),
        "{providers:?}"
    );
    assert_eq!(cell(&report, "rises", "all", "received"), "2");
    assert_eq!(cell(&report, "rises", "all", "rising"), "no");
}
