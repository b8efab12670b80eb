//! Restricted channels are never counted and named nowhere; anonymous complaints are.

use concordat_domain::ids::{CaseId, EventId};
use concordat_domain::reports::{Access, Compiler, Kind, Parameter, Parameters, Stand};

use crate::support::{COUNCIL, Office, TRUST, cell, days, organisation, shown};

const AFTER: &str = "2027-06-01T09:00:00Z";

/// Case 101 has a complaint and a channel about it, opened by the council on 2 February 2026. The complaint is received once; the channel is in
/// no report, not even in the file of the complaint.
// Proves: 002-2.7, D-11, report: annual report, report: case file
#[test]
fn a_restricted_channel_is_in_no_report() {
    let office = Office::with(&["101"]);
    let is_channel = |history: &&concordat_domain::reports::History| {
        history.entries()[0].event_type().code() != "complaint-received"
    };
    let channel = office
        .histories
        .iter()
        .find(is_channel)
        .expect("101 has a channel");
    let channel = channel.case().id();
    let main = office
        .histories
        .iter()
        .find(|history| !is_channel(history))
        .expect("101 has a complaint");
    let received: usize = [TRUST, COUNCIL, "ods:ZT2", "ods:ZB1"]
        .into_iter()
        .map(|code| {
            let report = office.run(
                "annual-report",
                code,
                AFTER,
                days("2026-01-01", "2026-12-31"),
            );
            cell(&report, "figures", "received", "number")
                .parse::<usize>()
                .expect("a number")
        })
        .sum();
    assert_eq!(received, 1);
    for kind in Kind::ALL {
        let mut parameters = Parameters::default();
        for parameter in kind.parameters() {
            match parameter {
                Parameter::Case => parameters.case = Some(main.case().id()),
                Parameter::Person => parameters.person = Some("p-1".to_owned()),
                Parameter::Period(_) | Parameter::Organisation | Parameter::AnyOrganisation => {}
            }
        }
        let report = office.run(kind.id(), COUNCIL, AFTER, parameters);
        let cells = report
            .tables
            .iter()
            .flat_map(|table| table.rows.iter().flatten());
        for cell in cells {
            let text = cell.to_string();
            let names = [
                channel.to_string(),
                "safeguarding-concern-recorded".to_owned(),
                "channel-open".to_owned(),
            ];
            assert!(
                names.iter().all(|name| !text.contains(name)),
                "{kind}: {text}"
            );
        }
    }
}

/// Who holds the channel can ask for its own file by its id.
#[test]
fn a_channel_has_a_file_of_its_own() {
    let office = Office::with(&["101"]);
    let channel = office.histories.iter().find(|history| {
        history.entries()[0].event_type().code() == "safeguarding-concern-recorded"
    });
    let channel = channel.expect("101 has a channel").case().id();
    let mut only = Office::with(&["101"]);
    only.histories
        .retain(|history| history.case().id() == channel);
    let parameters = Parameters {
        case: Some(channel),
        ..Parameters::default()
    };
    let report = only.run("case-file", COUNCIL, AFTER, parameters);
    assert!(shown(&report, "timeline")[0].contains("|safeguarding-concern-recorded|"));
    let disclosed = shown(&report, "who-saw-what");
    assert!(
        disclosed
            .iter()
            .any(|row| row.contains("|ods:ZT2|disclosure-without-consent-recorded|")),
        "{disclosed:?}"
    );
}

/// Case 14: an anonymous letter that the council looked into is a complaint received, and counted as anonymous.
// Proves: 002-3.6, E-26, report: annual report
#[test]
fn an_anonymous_complaint_is_received() {
    let office = Office::with(&["14"]);
    let report = office.run(
        "annual-report",
        COUNCIL,
        AFTER,
        days("2026-01-01", "2026-12-31"),
    );
    assert_eq!(cell(&report, "figures", "received", "number"), "1");
    assert_eq!(
        cell(&report, "figures", "received: anonymous", "number"),
        "1"
    );
}

/// Looks at a case, as its node keeps them, stand in its file; looks at another case do not.
// Proves: 002-3.7, D-06, report: case file
#[test]
fn the_case_file_says_who_looked() {
    let office = Office::with(&["14"]);
    let case = office.histories[0].case().id();
    let parameters = Parameters {
        case: Some(case),
        ..Parameters::default()
    };
    let stand = Stand {
        organisation: organisation(COUNCIL),
        position: None,
        at: AFTER.parse().unwrap(),
    };
    let mut compiler = Compiler::new(Kind::CaseFile, &parameters, stand).unwrap();
    compiler.take(&office.histories[0], &office.rules());
    for (case, who) in [(case, "staff-12"), (CaseId([9; 16]), "staff-13")] {
        compiler.see(&Access {
            who: who.to_owned(),
            case,
            purpose: "handling".to_owned(),
            on: "2026-03-20".parse().unwrap(),
            event: EventId([7; 16]),
        });
    }
    let report = compiler.finish(&office.rules());
    let seen = shown(&report, "who-saw-what");
    let looks: Vec<&String> = seen
        .iter()
        .filter(|row| row.contains("|access-logged|"))
        .collect();
    assert_eq!(looks.len(), 1, "{seen:?}");
    assert!(looks[0].starts_with("2026-03-20|staff-12|access-logged|handling|"));
}
