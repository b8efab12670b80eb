//! Reports of a node that really runs: each format read back by an independent reader, and the same answer again at its position.

use crate::support;

use std::fs;

use calamine::{Data, DataType, Reader, Xlsx, open_workbook};
use serde_json::{Value, json};
use support::{COUNCIL, Partnership, Serving, TRUST, concordat, text};

const OF_THE_YEAR: [&str; 4] = ["--from", "2020-01-01", "--to", "2099-12-31"];

fn run<'a>(report: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["report", "run", report], more].concat()
}

/// The rows of a table in the JSON of a report, as objects by column.
fn rows(report: &Value, table: &str) -> Vec<Value> {
    let tables = report["tables"].as_array().expect("tables");
    let table = tables
        .iter()
        .find(|one| one["name"] == table)
        .expect("the table");
    let columns = table["columns"].as_array().expect("columns");
    let names: Vec<&str> = columns
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    let rows = table["rows"].as_array().expect("rows").iter();
    let by_name = |row: &Value| {
        let cells = row.as_array().expect("cells").iter().cloned();
        names
            .iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect::<Value>()
    };
    rows.map(by_name).collect()
}

fn figure(report: &Value, measure: &str) -> Value {
    let rows = rows(report, "figures");
    let row = rows
        .iter()
        .find(|row| row["measure"] == measure)
        .expect("the measure");
    row["number"].clone()
}

fn year(node: &Serving, more: &[&str]) -> Value {
    node.json(&run("annual-report", &[&OF_THE_YEAR[..], more].concat()))
}

// Proves: report: annual report
#[test]
fn a_report_is_the_same_again_at_its_position_after_more_has_happened() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    node.open_case();
    let before = year(&node, &[]);
    assert_eq!(figure(&before, "received"), 1);
    let (position, at) = (
        before["position"].as_str().expect("a position").to_owned(),
        before["at"].as_str().expect("an instant").to_owned(),
    );
    for _ in 0..3 {
        node.open_case();
    }
    assert_eq!(figure(&year(&node, &[]), "received"), 4);
    let there = ["--at-position", &position, "--at", &at];
    assert_eq!(year(&node, &there), before);
    let arguments = run(
        "annual-report",
        &[&OF_THE_YEAR[..], &there, &["-o", "json"]].concat(),
    );
    let again = || node.ask(&arguments).stdout;
    assert_eq!(again(), again(), "byte for byte");
    // Without an instant it is the one that the bundle at the position claims: the same each time, too.
    let claimed = year(&node, &there[..2]);
    assert_eq!(claimed, year(&node, &there[..2]));
    assert_eq!(figure(&claimed, "received"), 1);
}

// Proves: report: annual report, report: monitoring
#[test]
fn each_format_says_the_same() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let folder = partnership.folder.path();
    let report = node.json(&run("monitoring", &OF_THE_YEAR));
    let complaint = &rows(&report, "complaints")[0];
    assert_eq!(complaint["case"], case);
    let due = complaint["six months"].as_str().expect("a day").to_owned();

    // CSV: a file for each table, read back by the csv crate.
    let file = folder.join("m.csv");
    let out = file.to_str().expect("text");
    let ended = node.ask(&run(
        "monitoring",
        &[&OF_THE_YEAR[..], &["-o", "csv", "--out", out]].concat(),
    ));
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    let bytes = fs::read(folder.join("m-complaints.csv")).expect("a file for the table");
    let marked = bytes
        .strip_prefix("\u{feff}".as_bytes())
        .expect("marked as UTF-8");
    let mut reader = csv::Reader::from_reader(marked);
    let heads = reader.headers().expect("heads").clone();
    let place = heads
        .iter()
        .position(|head| head == "six months")
        .expect("the column");
    let first = reader
        .records()
        .next()
        .expect("a row")
        .expect("well-formed");
    assert_eq!((&first[0], &first[place]), (case.as_str(), due.as_str()));
    assert!(folder.join("m-kept.csv").exists());
    let one = run(
        "monitoring",
        &[&OF_THE_YEAR[..], &["--table", "kept", "-o", "csv"]].concat(),
    );
    let printed = text(&node.ask(&one).stdout);
    assert!(
        printed.starts_with("period,met,missed,running,"),
        "{printed}"
    );

    // XLSX: typed cells, read back by calamine.
    let book = folder.join("m.xlsx");
    let out = book.to_str().expect("text");
    let write = run(
        "monitoring",
        &[
            &OF_THE_YEAR[..],
            &[
                "--at-position",
                report["position"].as_str().expect("a position"),
            ],
            &["--at", report["at"].as_str().expect("an instant")],
            &["-o", "xlsx", "--out", out],
        ]
        .concat(),
    );
    assert!(node.ask(&write).status.success());
    let first_bytes = fs::read(&book).expect("a workbook");
    let mut workbook: Xlsx<_> = open_workbook(&book).expect("a workbook");
    assert_eq!(workbook.sheet_names(), ["about", "kept", "complaints"]);
    let sheet = workbook.worksheet_range("complaints").expect("a sheet");
    assert_eq!(sheet.get((1, 0)), Some(&Data::String(case.clone())));
    let day = sheet
        .get((1, place))
        .and_then(DataType::as_date)
        .expect("a day, not a text");
    assert_eq!(day.to_string(), due);
    let days = sheet.get((1, heads.len() - 1)).and_then(DataType::as_f64);
    assert_eq!(days, complaint["days"].as_f64());
    assert!(node.ask(&write).status.success());
    assert_eq!(
        fs::read(&book).expect("a workbook"),
        first_bytes,
        "the same bytes again"
    );

    // Lines of JSON, and the table for people.
    let lines = node.ask(&run(
        "monitoring",
        &[&OF_THE_YEAR[..], &["-o", "ndjson"]].concat(),
    ));
    let lines: Vec<Value> = text(&lines.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines[0]["report"], "monitoring");
    assert!(
        lines
            .iter()
            .any(|line| line["table"] == "complaints" && line["case"] == case)
    );
    let table = text(&node.ask(&run("monitoring", &OF_THE_YEAR)).stdout);
    assert!(table.contains("reg 17") && table.contains(&case), "{table}");
}

// Proves: D-06, report: case file
#[test]
fn the_case_file_holds_content_and_other_reports_none() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let file = node.json(&run("case-file", &["--case", &case]));
    let timeline = rows(&file, "timeline");
    assert_eq!(timeline[0]["event"], "complaint-received");
    let content = timeline[0]["content"].as_str().expect("content");
    assert!(content.contains("CANARY unsafe discharge"), "{content}");
    let listed = node.json(&["report", "list"]);
    for kind in listed["reports"].as_array().expect("reports") {
        let name = kind["report"].as_str().expect("a name");
        let required = kind["parameters"].as_array().into_iter().flatten();
        if required.clone().any(|one| one["required"] == true) {
            continue;
        }
        let output = node.ask(&run(name, &["-o", "json"]));
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert!(!text(&output.stdout).contains("CANARY"), "{name}");
    }
}

#[test]
fn what_is_asked_wrongly_is_refused_with_the_field() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let output = node.ask(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{said}");
        assert!(output.stdout.is_empty());
    };
    refused(&run("annual", &[]), 2, "report");
    refused(&run("case-file", &[]), 2, "case");
    refused(&run("annual-report", &["--person", "p-1"]), 2, "person");
    refused(
        &run(
            "annual-report",
            &["--from", "2027-01-02", "--to", "2027-01-01"],
        ),
        2,
        "before it begins",
    );
    refused(&run("case-file", &["--case", &"0".repeat(32)]), 3, "case");
    refused(
        &run(
            "annual-report",
            &[
                "--at-position",
                &"f".repeat(16),
                "--at",
                "2027-01-01T00:00:00Z",
            ],
        ),
        2,
        "position",
    );
    refused(
        &run(
            "annual-report",
            &["--at-position", &format!("{:016x}{:08x}", 9, 0)],
        ),
        5,
        "position",
    );
    refused(&run("annual-report", &["-o", "xlsx"]), 2, "--out");
    refused(&["case", "list", "-o", "xlsx"], 2, "reports");
    refused(
        &run("annual-report", &["--table", "nothing"]),
        2,
        "outcomes",
    );
    let offline = concordat(&["report", "list", "--server", "http://127.0.0.1:1"]);
    assert_eq!(offline.status.code(), Some(5), "{}", text(&offline.stderr));
}

/// The other organisation's node counts what it may see: nothing, before it is party to a case.
// Proves: report: KO41a extract
#[test]
fn an_organisation_reports_on_what_it_may_see() {
    let partnership = Partnership::found();
    let trust = partnership.serve(TRUST);
    trust.open_case();
    let arguments = run("ko41a", &OF_THE_YEAR);
    let totals = rows(&trust.json(&arguments), "totals");
    assert_eq!(totals[1], json!({"line": "new", "number": 1}));
    drop(trust);
    let council = partnership.serve(COUNCIL);
    let totals = rows(&council.json(&arguments), "totals");
    assert_eq!(totals[1], json!({"line": "new", "number": 0}));
}
