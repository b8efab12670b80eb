//! The worked cases as reports get them, and reports over them.

use std::path::PathBuf;

use concordat_domain::Rules;
use concordat_domain::calendar::Calendars;
use concordat_domain::directory::Directory;
use concordat_domain::ids::{OrganisationId, Position};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::reports::{Compiler, History, Kind, Parameters, Report, Stand, Table};
use concordat_domain::scenario;

pub(crate) const TRUST: &str = "ods:ZT1";
pub(crate) const COUNCIL: &str = "gss:E06999901";
pub(crate) const JOINT_BOARD: &str = "gss:S37999901";

/// The cases that are in the files, by the first two digits of their names.
pub(crate) const ENGLISH: &[&str] = &[
    "01", "02", "03", "05", "06", "07", "08", "10", "15", "17", "18", "21",
];

/// The rules of the fixtures, with cases to report on.
pub(crate) struct Office {
    directory: Directory,
    packs: PolicyPacks,
    calendars: Calendars,
    pub(crate) histories: Vec<History>,
}

impl Office {
    /// With the main cases of these files, all played to their end.
    pub(crate) fn with(files: &[&str]) -> Self {
        Self::until(files, usize::MAX)
    }

    /// With the main cases of these files, each played up to a step.
    pub(crate) fn until(files: &[&str], step: usize) -> Self {
        let directory =
            serde_json::from_str(include_str!("../../../../tests/fixtures/directory.json"));
        let mut office = Self {
            directory: directory.expect("the fixture is a directory"),
            packs: PolicyPacks::built_in(),
            calendars: Calendars::built_in(),
            histories: Vec::new(),
        };
        for number in files {
            let text = fixture(number);
            let mut steps = scenario::read(&text).expect("the fixture is a scenario");
            steps.truncate(step);
            let played = scenario::play(&steps, &office.rules());
            let played = played.expect("each step can be played");
            office.histories.extend(played.histories);
            office.directory = played.directory;
        }
        office
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            directory: &self.directory,
            packs: &self.packs,
            calendars: &self.calendars,
        }
    }

    /// Runs a report for an organisation at an instant.
    pub(crate) fn run(&self, kind: &str, by: &str, at: &str, parameters: Parameters) -> Report {
        let stand = Stand {
            organisation: organisation(by),
            position: Some(Position {
                bundle: 9,
                envelope: 0,
            }),
            at: at.parse().expect("an instant"),
        };
        let kind: Kind = kind.parse().expect("a report");
        let mut compiler = Compiler::new(kind, &parameters, stand).expect("fit parameters");
        for history in &self.histories {
            compiler.take(history, &self.rules());
        }
        compiler.finish(&self.rules())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads its fixtures; the crate itself reads no files"
)]
fn fixture(number: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scenarios");
    for file in std::fs::read_dir(folder).expect("fixtures") {
        let file = file.expect("fixtures");
        let name = file.file_name();
        if name.to_string_lossy().starts_with(&format!("{number}-")) {
            return std::fs::read_to_string(file.path()).expect("text");
        }
    }
    panic!("no worked case {number}");
}

pub(crate) fn organisation(code: &str) -> OrganisationId {
    code.parse().expect("tests name organisations well")
}

/// A period.
pub(crate) fn days(from: &str, to: &str) -> Parameters {
    Parameters {
        from: Some(from.parse().expect("a day")),
        to: Some(to.parse().expect("a day")),
        ..Parameters::default()
    }
}

/// The year to 31 March 2027, in which most worked cases begin.
pub(crate) fn year() -> Parameters {
    days("2026-04-01", "2027-03-31")
}

/// The cells of a table as text, a row a line, separated by bars.
pub(crate) fn shown(report: &Report, table: &str) -> Vec<String> {
    let table: &Table = report.table(table).expect("the report has the table");
    let rows = table.rows.iter().map(|row| {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        cells.join("|")
    });
    rows.collect()
}

/// One cell as text.
pub(crate) fn cell(report: &Report, table: &str, row: &str, column: &str) -> String {
    let table = report.table(table).expect("the report has the table");
    let cell = table.cell(row, column).expect("the table has the cell");
    cell.to_string()
}
