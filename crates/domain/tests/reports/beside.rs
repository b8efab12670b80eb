//! Reports on what is recorded beside cases: agreements, training, services, feedback. Worked case 131 is a year of it.

use concordat_domain::reports::{Compiler, Kind, Note, Parameters, Stand};

use crate::support::{COUNCIL, JOINT_BOARD, Office, cell, days, organisation, shown};

/// The council's contract K-1 with the care provider begins on 1 April 2027; before that the provider has none.
// Proves: 000-6, 003-5, report: agreements register
#[test]
fn agreements_in_force_and_providers_without_one() {
    let office = Office::with(&["131"]);
    let on = |at: &str| office.run("agreements-register", COUNCIL, at, Parameters::default());
    let before = on("2027-03-31T12:00:00Z");
    assert_eq!(
        shown(&before, "agreements"),
        [
            "K-1|gss:E06999901|contract|gss:E06999901, ods:ZCP01|2027-04-01||no|2028-03-01|no|yes|2027-01-18"
        ]
    );
    assert!(shown(&before, "providers-with-none")[0].starts_with("ods:ZCP01|"));
    let after = on("2027-04-01T12:00:00Z");
    assert!(shown(&after, "agreements")[0].contains("||yes|"));
    assert!(shown(&after, "providers-with-none").is_empty());
    let review = on("2028-03-02T12:00:00Z");
    assert!(shown(&review, "agreements")[0].contains("|2028-03-01|yes|"));
}

/// Twelve of fourteen board members came: 85.7 in a hundred. The refresher is due on 12 January 2028 and none was held since.
// Proves: 003-2, 003-12, report: training
#[test]
fn training_and_refreshers() {
    let office = Office::with(&["131"]);
    let of = |at: &str, from: &str, to: &str| {
        let report = office.run("training", JOINT_BOARD, at, days(from, to));
        shown(&report, "trainings")
    };
    let row = "board|Model complaints handling|board-member|2027-01-12|14|12|85.7|2028-01-12";
    assert_eq!(
        of("2027-06-01T09:00:00Z", "2026-04-01", "2027-03-31"),
        [format!("{row}|no")]
    );
    assert!(of("2027-06-01T09:00:00Z", "2027-04-01", "2027-05-31").is_empty());
    assert_eq!(
        of("2028-01-13T09:00:00Z", "2027-04-01", "2028-01-12"),
        [format!("{row}|yes")],
        "overdue ones stay"
    );
}

/// The Board registered its office in January 2027; case 12 came in June 2026 about a service that it has not registered.
// Proves: 003-23, report: quarterly Board report
#[test]
fn the_board_sees_services_with_none() {
    let office = Office::with(&["131", "12"]);
    let quarter = |from: &str, to: &str| {
        let report = office.run(
            "quarterly-board",
            JOINT_BOARD,
            "2027-06-01T09:00:00Z",
            days(from, to),
        );
        shown(&report, "services")
    };
    assert_eq!(
        quarter("2027-01-01", "2027-03-31"),
        ["board-office|Office of the Board|chief-officer|0|none|0.0"]
    );
    assert_eq!(
        quarter("2026-04-01", "2026-06-30"),
        ["adult-day-services|||1|few|"]
    );
    // 1 of 40 people served in a year is 25 in a thousand; here none. Without a period it is the last whole quarter.
    let report = office.run(
        "quarterly-board",
        JOINT_BOARD,
        "2027-06-01T09:00:00Z",
        Parameters::default(),
    );
    assert_eq!(report.parameters[0], ("from", "2027-01-01".to_owned()));
    assert_eq!(shown(&report, "received"), ["received|0"]);
}

/// Two concerns and a compliment were logged; one concern became a complaint on 8 July 2027. None of them is a complaint received.
// Proves: 002-bg.1, report: feedback line
#[test]
fn feedback_stands_beside_complaints() {
    let office = Office::with(&["131"]);
    let stand = Stand {
        organisation: organisation(COUNCIL),
        position: None,
        at: "2027-09-01T09:00:00Z".parse().unwrap(),
    };
    let parameters = days("2027-04-01", "2027-08-31");
    let mut compiler = Compiler::new(Kind::FeedbackLine, &parameters, stand).unwrap();
    for (kind, on, told) in [
        ("concern", "2027-07-06", true),
        ("concern", "2027-08-31", false),
        ("compliment", "2027-04-01", false),
        ("compliment", "2027-03-31", false),
    ] {
        compiler.hear(&Note {
            kind: kind.to_owned(),
            service: "home-care".to_owned(),
            received_on: on.parse().unwrap(),
            told_may_complain: told,
        });
    }
    let report = compiler.finish(&office.rules());
    assert_eq!(
        shown(&report, "line"),
        [
            "compliment|1",
            "comment|0",
            "suggestion|0",
            "concern|2",
            "enquiry|0",
            "told that they may complain|1",
            "became a complaint|1",
            "complaints, for comparison|0",
        ]
    );
    assert_eq!(
        shown(&report, "services"),
        ["home-care|compliment|1", "home-care|concern|2"]
    );
}

/// Case 10: the provider answered on 5 August 2026 in time (7 August told), the person was not satisfied, the council took over; its action was due
/// on 30 November 2026. Case 19: it did not answer by 10 February 2027, the council took the complaint back. Both were upheld.
// Proves: 002-5.6, C-05, report: provider report
#[test]
fn the_provider_report_counts_what_came_of_complaints() {
    let office = Office::with(&["10", "19", "131"]);
    let report = office.run(
        "provider",
        COUNCIL,
        "2027-06-01T09:00:00Z",
        days("2026-04-01", "2027-03-31"),
    );
    assert_eq!(shown(&report, "providers"), ["ods:ZCP01|2|0|2|0|0|1|2|0|1"]);
    let report = office.run(
        "provider",
        COUNCIL,
        "2027-09-01T09:00:00Z",
        days("2027-04-01", "2027-08-31"),
    );
    assert_eq!(
        shown(&report, "returns"),
        ["ods:ZCP01|2027-28-q1|4|2|0|2027-07-05"]
    );
    assert_eq!(
        shown(&report, "measures"),
        ["ods:ZCP01|K-1|Complaints answered in 20 days|Share answered in 20 days||"],
        "a measure in words is for people to fill in"
    );
}

/// What the Board's extract says was made known stands in the directory; figures of deadlines come from its cases.
// Proves: 002-bg.2, report: inspection extract
#[test]
fn the_extract_for_inspectors_joins_the_parts() {
    let office = Office::with(&["131", "12"]);
    let report = office.run(
        "inspection-extract",
        JOINT_BOARD,
        "2027-06-01T09:00:00Z",
        days("2026-04-01", "2027-03-31"),
    );
    let names: Vec<&str> = report.tables.iter().map(|table| table.name).collect();
    assert_eq!(
        names,
        [
            "figures",
            "outcomes",
            "subjects",
            "importance",
            "kept",
            "deadlines",
            "organisations",
            "kinds",
            "feedback",
            "surveys",
            "trainings",
            "publicity",
            "publications",
            "board-reviews"
        ]
    );
    assert_eq!(
        shown(&report, "publications"),
        ["quarterly-board|2026-27-q3|2027-01-15|web, large-print|SPSO"]
    );
    // Stage 1 was extended to 25 June and answered on it.
    let kept = shown(&report, "deadlines");
    assert!(
        kept.iter()
            .any(|row| row.starts_with("stage-1-response|") && row.ends_with("|1|0|0|1|100.0")),
        "{kept:?}"
    );
    assert_eq!(cell(&report, "organisations", JOINT_BOARD, "told"), "1");
}
