//! `concordat init --partnership` and `concordat partnership check`, as the people who found a partnership run them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What the writer of the file adds to the entries.
const HEAD: &str = r#"
name = "Example"
formats = [1]
judging_rules = 1
change_threshold = 1
compartments = ["process", "identity"]
"#;

fn concordat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(arguments)
        .output()
        .expect("the binary was built for this test")
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Runs `init` for an organisation with a name that has to be quoted in TOML.
fn init(directory: &Path, code: &str, more: &[&str]) -> Output {
    let directory = directory.to_str().expect("a path of text");
    let mut arguments = vec![
        "init",
        "--partnership",
        "--dir",
        directory,
        "--organisation",
        code,
        "--name",
        "The \"Old\" Trust",
        "--kind",
        "nhs-trust",
        "--calendar",
        "EW",
        "--contact",
        "complaints@example.org",
        "--responsible-person",
        "chief-executive",
        "--complaints-manager",
        "complaints-manager",
        "--post",
        "chair=chair-of-the-board",
    ];
    arguments.extend(more);
    concordat(&arguments)
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("it was made");
    metadata.permissions().mode() & 0o777
}

fn check(text: &str, more: &[&str]) -> (Output, TempDir) {
    let folder = folder();
    let file = folder.path().join("partnership.toml");
    fs::write(&file, text).expect("the file is written");
    let mut arguments = vec!["partnership", "check", file.to_str().expect("text")];
    arguments.extend(more);
    (concordat(&arguments), folder)
}

#[test]
fn init_makes_directory_and_key_for_their_owner_only() {
    let folder = folder();
    let directory = folder.path().join("node");
    let output = init(&directory, "ods:ZT1", &[]);
    assert!(output.status.success(), "{}", told(&output.stderr));
    assert_eq!(mode(&directory), 0o700);
    let key = directory.join("signing.key");
    assert_eq!(mode(&key), 0o600);
    let seed = fs::read(&key).expect("the key");
    assert_eq!(seed.len(), 32);
    let said = told(&output.stdout) + &told(&output.stderr);
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!said.contains(&hex), "the private key was printed");
}

#[test]
fn init_never_overwrites_a_key() {
    let folder = folder();
    let directory = folder.path().join("node");
    assert!(init(&directory, "ods:ZT1", &[]).status.success());
    let before = fs::read(directory.join("signing.key")).expect("the key");
    let again = init(&directory, "ods:ZT1", &[]);
    assert_eq!(again.status.code(), Some(6));
    assert!(again.stdout.is_empty());
    assert_eq!(
        fs::read(directory.join("signing.key")).expect("the key"),
        before
    );
}

#[test]
fn init_refuses_a_directory_that_others_may_use() {
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).expect("it is ours");
    let output = init(folder.path(), "ods:ZT1", &[]);
    assert_eq!(output.status.code(), Some(6));
    assert!(told(&output.stderr).contains("0750"));
    assert!(!folder.path().join("signing.key").exists());
}

#[test]
fn init_checks_its_options_before_it_makes_anything() {
    let folder = folder();
    let directory = folder.path().join("node");
    assert_eq!(init(&directory, "xyz:ZT1", &[]).status.code(), Some(2));
    let twice = init(&directory, "ods:ZT1", &["--post", "chair=other"]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(!directory.exists());
}

#[test]
fn printed_entries_make_a_partnership_file_with_their_key_ids() {
    let folder = folder();
    let first = init(&folder.path().join("one"), "ods:ZT1", &[]);
    let second = init(
        &folder.path().join("two"),
        "ods:ZT2",
        &["--commissioned-by", "ods:ZT1"],
    );
    let (first, second) = (told(&first.stdout), told(&second.stdout));
    let pins = told(&concordat(&["partnership", "packs"]).stdout);
    let text = format!("{HEAD}{pins}{first}{second}");
    let (output, _file) = check(&text, &["-o", "json"]);
    assert!(output.status.success(), "{}", told(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (place, entry) in [first, second].iter().enumerate() {
        let member = &answer["members"][place];
        let key_id = member["key_ids"][0].as_str().expect("a key id");
        assert_eq!(
            entry.lines().next(),
            Some(format!("# key id {key_id}").as_str())
        );
        assert_eq!(member["name"], "The \"Old\" Trust");
    }
    assert_ne!(
        answer["members"][0]["key_ids"],
        answer["members"][1]["key_ids"]
    );
    for pin in ["policy_packs", "calendars"] {
        let pins = answer[pin].as_array().expect("pins");
        assert!(pins.len() > 2, "{answer}");
        for pin in pins {
            assert_eq!(pin["standing"], "same", "{pin}");
            assert_eq!(pin["hash"], pin["release_hash"], "{pin}");
        }
    }
    let (output, _file) = check(&format!("# a comment\n{text}"), &[]);
    let id = answer["id"].as_str().expect("an id");
    let table = told(&output.stdout);
    assert!(
        table.starts_with(&format!("partnership {id} (Example)\n")),
        "{table}"
    );
    assert!(
        table.contains("ods:ZT2") && table.contains("joint-example-v1"),
        "{table}"
    );
}

#[test]
fn a_pin_that_this_release_does_not_carry_is_shown_beside_what_it_has() {
    let folder = folder();
    let entry = told(&init(&folder.path().join("node"), "ods:ZT1", &[]).stdout);
    let (ones, twos) = ("1".repeat(64), "2".repeat(64));
    let pins = format!(
        "policy_packs = [{{ id = \"eng-2009\", hash = \"{ones}\" }}, {{ id = \"eng-2030\", hash = \"{ones}\" }}]\n\
         calendars = [{{ name = \"EW\", version = 3, hash = \"{twos}\" }}]\n"
    );
    let (output, _file) = check(&format!("{HEAD}{pins}{entry}"), &["-o", "json"]);
    assert_eq!(output.status.code(), Some(7), "{}", told(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packs = &answer["policy_packs"];
    assert_eq!(packs[0]["standing"], "differs");
    assert_eq!(packs[0]["hash"], ones);
    assert_eq!(packs[0]["release_hash"].as_str().map(str::len), Some(64));
    assert_eq!(packs[1]["standing"], "missing");
    assert_eq!(packs[1]["release_hash"], Value::Null);
    assert_eq!(answer["calendars"][0]["standing"], "differs");
}

#[test]
fn the_entry_is_there_as_json_too() {
    let folder = folder();
    let output = init(&folder.path().join("node"), "ods:ZT1", &["-o", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["entry"]["id"], "ods:ZT1");
    assert_eq!(answer["entry"]["posts"]["chair"], "chair-of-the-board");
    assert_eq!(answer["key_id"].as_str().map(str::len), Some(32));
}

#[test]
fn a_fault_of_the_file_is_told_with_its_line() {
    for (text, place) in [
        (
            HEAD.replace("formats = [1]", "formast = [1]"),
            ":3:1: unknown field `formast`",
        ),
        (HEAD.replace("formats = [1]", "formats = [1"), ":4:"),
        (
            HEAD.replace("judging_rules = 1", "judging_rules = 1.5"),
            ":4:17: ",
        ),
    ] {
        let (output, _file) = check(&text, &[]);
        assert_eq!(output.status.code(), Some(1));
        let complaint = told(&output.stderr);
        assert!(
            complaint.contains(&format!("partnership.toml{place}")),
            "{complaint}"
        );
    }
}

#[test]
fn a_file_that_contradicts_itself_is_refused_with_the_reason() {
    let folder = folder();
    let entry = told(&init(&folder.path().join("node"), "ods:ZT1", &[]).stdout);
    let (output, _file) = check(&format!("{HEAD}{entry}{entry}"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output.stderr).contains("listed twice"));
}
