//! What holds for all reports.

use concordat_domain::reports::{Compiler, Error, Kind, Needs, Parameter, Parameters, Rows, Stand};

use crate::support::{ENGLISH, Office, TRUST, organisation, shown, year};

/// Parameters that a report accepts.
fn fit(kind: Kind, office: &Office) -> Parameters {
    let mut parameters = Parameters::default();
    for parameter in kind.parameters() {
        match parameter {
            Parameter::Case => parameters.case = Some(office.histories[0].case().id()),
            Parameter::Person => parameters.person = Some("p-1".to_owned()),
            Parameter::Period(_) | Parameter::Organisation | Parameter::AnyOrganisation => {}
        }
    }
    parameters
}

#[test]
fn every_report_runs_and_each_row_has_a_cell_for_each_column() {
    let office = Office::with(&["01", "12", "17"]);
    for kind in Kind::ALL {
        let parameters = fit(*kind, &office);
        let report = office.run(kind.id(), TRUST, "2027-06-01T09:00:00Z", parameters);
        assert!(!report.tables.is_empty(), "{kind}");
        let mut names: Vec<&str> = report.tables.iter().map(|table| table.name).collect();
        names.dedup();
        assert_eq!(names.len(), report.tables.len(), "{kind}");
        for table in &report.tables {
            assert!(
                table.name.len() <= 31,
                "{kind} {}: a sheet has no longer name",
                table.name
            );
            for row in &table.rows {
                assert_eq!(row.len(), table.columns.len(), "{kind} {}", table.name);
            }
        }
    }
}

/// Reproducible: the same cases and parameters give the same report, with more of them after the position left aside.
#[test]
fn the_same_cases_give_the_same_report() {
    for kind in Kind::ALL {
        let run = || {
            let office = Office::until(ENGLISH, 9);
            let parameters = fit(*kind, &office);
            office.run(kind.id(), TRUST, "2027-06-01T09:00:00Z", parameters)
        };
        assert_eq!(run(), run(), "{kind}");
    }
}

#[test]
fn a_parameter_that_a_report_does_not_take_is_refused_by_name() {
    let stand = Stand {
        organisation: organisation(TRUST),
        position: None,
        at: "2027-06-01T09:00:00Z".parse().unwrap(),
    };
    let refused =
        |kind: Kind, parameters: Parameters| Compiler::new(kind, &parameters, stand.clone()).err();
    let person = Parameters {
        person: Some("p-1".to_owned()),
        ..Parameters::default()
    };
    assert_eq!(
        refused(Kind::AnnualReport, person),
        Some(Error::Unwanted("person"))
    );
    let reversed = Parameters {
        from: year().to,
        to: year().from,
        ..Parameters::default()
    };
    let error = refused(Kind::AnnualReport, reversed);
    assert!(matches!(error, Some(Error::Period { .. })), "{error:?}");
    for kind in Kind::ALL {
        let needs_one = kind
            .parameters()
            .iter()
            .any(|one| matches!(one, Parameter::Case | Parameter::Person));
        let error = refused(*kind, Parameters::default());
        assert_eq!(error.is_some(), needs_one, "{kind}");
    }
}

/// Names and free text are in the case file and the subject-access export only.
// Proves: D-06, D-11
#[test]
fn only_two_reports_are_given_content() {
    let with_content = Kind::ALL
        .iter()
        .filter(|kind| kind.needs() == Needs::Content);
    let with_content: Vec<&str> = with_content.map(|kind| kind.id()).collect();
    assert!(
        with_content
            .iter()
            .all(|id| ["case-file", "subject-access-export"].contains(id)),
        "{with_content:?}"
    );
}

#[test]
fn with_suppression_no_row_is_about_one_case_and_no_count_is_small() {
    let office = Office::with(ENGLISH);
    for kind in Kind::ALL {
        let parameters = Parameters {
            suppress: true,
            ..fit(*kind, &office)
        };
        let report = office.run(kind.id(), TRUST, "2027-06-01T09:00:00Z", parameters);
        assert!(report.suppressed, "{kind}");
        for table in &report.tables {
            assert_eq!(table.rows_are, Rows::Figures, "{kind} {}", table.name);
            for (index, column) in table.columns.iter().enumerate() {
                let counts = column.unit.code() == "count";
                for row in table.rows.iter().filter(|_| counts) {
                    let small = ["1", "2", "3", "4"].contains(&row[index].to_string().as_str());
                    assert!(!small, "{kind} {} {row:?}", table.name);
                }
            }
        }
    }
    let report = office.run(
        "annual-report",
        TRUST,
        "2027-06-01T09:00:00Z",
        Parameters {
            suppress: true,
            ..year()
        },
    );
    // Five received, all five joint; three well-founded: hidden.
    assert_eq!(shown(&report, "figures")[3], "well-founded|*");
}
