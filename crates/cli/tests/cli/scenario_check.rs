//! `concordat scenario check`, as a person runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The scenario that most altered copies are made of.
const ORIGINAL: &str = "03-consent-refused-signposted.json";
/// One with an outsider's event and a race.
const RACES: &str = "18-broker-discipline.json";

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
    altered_copy(ORIGINAL, alter)
}

fn altered_copy(original: &str, alter: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(
        fixtures().join("directory.json"),
        folder.path().join("directory.json"),
    )
    .expect("the directory is copied");
    let text = fs::read_to_string(fixtures().join("scenarios").join(original)).expect("a fixture");
    let mut steps: Value = serde_json::from_str(&text).expect("JSON");
    alter(&mut steps);
    let scenarios = folder.path().join("scenarios");
    fs::create_dir(&scenarios).expect("a folder");
    let file = scenarios.join("copy.json");
    fs::write(&file, steps.to_string()).expect("the copy is written");
    (folder, file)
}

/// Checks all scenarios of the fixtures; every one must pass.
fn passes_all(options: &[&str]) {
    let scenarios = fs::read_dir(fixtures().join("scenarios")).expect("the fixtures");
    let files: Vec<PathBuf> = scenarios
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(files.len() >= 10, "{files:?}");
    let options = options.iter().map(PathBuf::from);
    let output = check(options.chain(files));
    let answer = told(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert!(answer.ends_with(" steps, 0 differences\n"), "{answer}");
    assert_eq!(answer.lines().count(), 1, "{answer}");
}

/// State, deadlines, flags and reasons after every step, and the digests of all parties, through real nodes.
#[test]
fn every_scenario_of_the_fixtures_passes_through_nodes() {
    passes_all(&[]);
}

#[test]
fn every_scenario_of_the_fixtures_passes_on_the_bare_core() {
    passes_all(&["--core"]);
}

/// Alters one step of a scenario; gives what the command then finds, as `step what: expected, actual`.
fn found(original: &str, step: usize, alter: impl FnOnce(&mut Value)) -> Vec<String> {
    let (_folder, file) = altered_copy(original, |steps| alter(&mut steps[step - 1]));
    let output = check(["-o".as_ref(), "json".as_ref(), file.as_os_str()]);
    assert_eq!(output.status.code(), Some(7));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let differences = answer["files"][0]["differences"]
        .as_array()
        .expect("a list");
    let text =
        |difference: &Value, name: &str| difference[name].as_str().expect("a text").to_owned();
    let shown = differences.iter().map(|difference| {
        let (what, actual) = (text(difference, "what"), text(difference, "actual"));
        let expected = text(difference, "expected");
        format!("{} {what}: {expected}, {actual}", difference["step"])
    });
    shown.collect()
}

#[test]
fn what_an_outsider_appends_past_the_door_is_ruled_by_every_party() {
    let differences = found(RACES, 3, |step| {
        step["expect"]["rejected"] = json!("wrong-state");
    });
    assert_eq!(differences, ["3 rejected: wrong-state, not-participant"]);
}

#[test]
fn whoever_is_based_on_an_earlier_step_acts_without_knowing_of_those_since() {
    let differences = found(RACES, 19, |step| {
        step["expect"]
            .as_object_mut()
            .expect("an object")
            .remove("rejected");
    });
    assert_eq!(differences, ["19 rejected: none, stale-sequence"]);
    // Not insisting on what it knew, it proposes a lead before it has heard that the other has joined: no less valid.
    let differences = found(RACES, 19, |step| {
        let step = step.as_object_mut().expect("an object");
        step.remove("expected_version");
    });
    assert_eq!(differences, ["19 rejected: stale-sequence, none"]);
}

#[test]
fn a_deadline_that_the_enforcer_does_not_miss_is_a_difference() {
    let file = fixtures().join("scenarios/08-late-contributor-strand.json");
    let steps: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("a fixture")).expect("JSON");
    let misses = steps.as_array().expect("a list").iter();
    let miss = misses
        .filter(|step| step["event"] == "deadline-missed")
        .find(|step| step["expect"].get("rejected").is_none())
        .expect("one is missed");
    let number = miss["step"].as_u64().expect("a number");
    let step = usize::try_from(number).expect("few");
    let differences = found("08-late-contributor-strand.json", step, |step| {
        step["fields"]["due"] = json!("2026-01-01");
    });
    assert_eq!(differences, [format!("{number} firings: 1, 0")]);
}

#[test]
fn a_step_of_a_body_without_a_node_is_a_difference_that_says_so() {
    let (folder, file) = altered(|_| {});
    let place = folder.path().join("directory.json");
    let text = fs::read_to_string(&place).expect("the directory");
    let mut directory: Value = serde_json::from_str(&text).expect("JSON");
    for organisation in directory["organisations"].as_array_mut().expect("a list") {
        if organisation["id"] == "ods:ZB1" {
            organisation["participation"] = json!("contact-only");
        }
    }
    fs::write(&place, directory.to_string()).expect("it is written");
    let output = check([&file]);
    assert_eq!(output.status.code(), Some(7));
    let answer = told(&output.stdout);
    assert!(
        answer.contains("not played: ods:ZB1 takes part as contact-only"),
        "{answer}"
    );
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
