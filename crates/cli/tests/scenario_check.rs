//! `concordat scenario check`, as a person runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The scenario that the altered copies are made of.
const ORIGINAL: &str = "03-consent-refused-signposted.json";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn check(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(["scenario", "check"])
        .args(arguments)
        .output()
        .expect("the binary was built for this test")
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A folder with the directory of the fixtures and, one level below it, an altered copy of a scenario.
fn altered(alter: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(
        fixtures().join("directory.json"),
        folder.path().join("directory.json"),
    )
    .expect("the directory is copied");
    let text = fs::read_to_string(fixtures().join("scenarios").join(ORIGINAL)).expect("a fixture");
    let mut steps: Value = serde_json::from_str(&text).expect("JSON");
    alter(&mut steps);
    let scenarios = folder.path().join("scenarios");
    fs::create_dir(&scenarios).expect("a folder");
    let file = scenarios.join("copy.json");
    fs::write(&file, steps.to_string()).expect("the copy is written");
    (folder, file)
}

#[test]
fn every_scenario_of_the_fixtures_passes() {
    let scenarios = fs::read_dir(fixtures().join("scenarios")).expect("the fixtures");
    let files: Vec<PathBuf> = scenarios
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(files.len() >= 6, "{files:?}");
    let output = check(&files);
    let answer = told(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert!(answer.ends_with(" steps, 0 differences\n"), "{answer}");
    assert_eq!(answer.lines().count(), 1, "{answer}");
}

#[test]
fn one_altered_expectation_is_one_difference_that_names_file_and_step() {
    let (_folder, file) = altered(|steps| steps[4]["expect"]["state"] = json!("received"));
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(7));
    let answer = told(&output.stdout);
    let row = answer.lines().nth(1).expect("a row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert!(cells[0].ends_with("copy.json"), "{answer}");
    assert_eq!(cells[1..], ["5", "state", "received", "consent-refused"]);
    assert!(answer.ends_with(" steps, 1 differences\n"), "{answer}");
}

#[test]
fn json_carries_every_difference_with_its_place() {
    let (_folder, file) = altered(|steps| steps[4]["expect"]["state"] = json!("received"));
    let whole = check(["-o".as_ref(), "json".as_ref(), file.as_os_str()]);
    let whole: Value = serde_json::from_slice(&whole.stdout).expect("JSON");
    assert_eq!(whole["differences"], 1);
    let difference = json!({
        "file": file, "step": 5, "what": "state", "expected": "received", "actual": "consent-refused",
    });
    assert_eq!(whole["files"][0]["differences"], json!([difference]));
    let original = fixtures().join("scenarios").join(ORIGINAL);
    let lines = check([
        "-o".as_ref(),
        "ndjson".as_ref(),
        original.as_os_str(),
        file.as_os_str(),
    ]);
    assert_eq!(lines.status.code(), Some(7));
    let lines: Vec<Value> = told(&lines.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["differences"], json!([]));
    assert_eq!(lines[1]["differences"], json!([difference]));
}

#[test]
fn an_unknown_event_type_is_a_difference_and_not_skipped() {
    let (_folder, file) = altered(|steps| {
        let count = steps.as_array().map_or(0, Vec::len);
        steps[count - 1]["event"] = json!("complainant-sent-away");
        // Nothing else is expected of the step, so that only the unknown type can fail it.
        steps[count - 1]["expect"] = json!({});
    });
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(7));
    let answer = told(&output.stdout);
    assert!(answer.contains("complainant-sent-away"), "{answer}");
    assert!(answer.ends_with(" steps, 1 differences\n"), "{answer}");
}

#[test]
fn a_missing_directory_is_named_with_the_way_out() {
    let (folder, file) = altered(|_| {});
    fs::remove_file(folder.path().join("directory.json")).expect("it was there");
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let complaint = told(&output.stderr);
    assert!(complaint.contains("directory.json"), "{complaint}");
    assert!(complaint.contains("--directory"), "{complaint}");
    let given = fixtures().join("directory.json");
    let output = check(["--directory".as_ref(), given.as_os_str(), file.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output.stderr));
}

#[test]
fn a_file_that_is_no_scenario_is_named_with_the_line() {
    let (_folder, file) = altered(|_| {});
    fs::write(&file, "[\n  {\"step\": \"one\"}\n]").expect("it is written");
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = told(&output.stderr);
    assert!(complaint.contains("copy.json"), "{complaint}");
    assert!(complaint.contains("line 2"), "{complaint}");
}

#[test]
fn a_file_without_steps_does_not_pass() {
    let (_folder, file) = altered(|steps| *steps = json!([]));
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output.stderr).contains("at least one step"));
}

#[test]
fn a_missing_file_is_named_before_anything_is_played() {
    let original = fixtures().join("scenarios").join(ORIGINAL);
    let missing = fixtures().join("scenarios/none.json");
    let output = check([original, missing]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(told(&output.stderr).contains("none.json"));
}

#[test]
fn differences_fail_the_command_also_when_nobody_reads_them() {
    let (_folder, file) = altered(|steps| steps[4]["expect"]["state"] = json!("received"));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(["scenario", "check"])
        .arg(&file)
        .stdout(writer)
        .status()
        .expect("the binary was built for this test");
    assert_eq!(status.code(), Some(7));
}
