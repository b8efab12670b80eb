//! Audit packs as an auditor gets and checks them: `concordat audit export | verify | cross-check | ocel` at nodes that run.

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::sandbox::Sandbox;
use support::{concordat, text};

/// A sandbox with cases of three organisations, and a folder for packs.
struct Desk {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::start(&["--start", "2026-12-22", "--speed", "0"]),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn export(&self, name: &str, what: &[&str]) -> PathBuf {
        let path = self
            .folder
            .path()
            .join(format!("{name}{}.pack", what.join("")).replace([':', ' '], "-"));
        let mut all = vec!["audit", "export", "--purpose", "yearly-audit", "--out"];
        all.push(path.to_str().expect("a path"));
        all.extend(what);
        let told = self.sandbox.json(name, &all);
        let length = fs::metadata(&path).expect("it was written").len();
        assert_eq!(told["bytes"], length);
        path
    }
}

fn verify(pack: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec![
        "audit",
        "verify",
        pack.to_str().expect("a path"),
        "-o",
        "json",
    ];
    all.extend(more);
    let output = concordat(&all);
    let report = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        report.unwrap_or_else(|_| panic!("{}", text(&output.stderr))),
    )
}

fn python(pack: &Path) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("CONCORDAT_PYTHON").unwrap_or_else(|| "python3".into());
    let verifier = root.join("tests/verify_pack.py");
    Command::new(python)
        .arg(verifier)
        .arg(pack)
        .output()
        .expect("CONCORDAT_PYTHON runs")
}

#[test]
fn packs_of_each_scope_verify_offline_by_both_verifiers_and_agree_with_each_other() {
    let desk = Desk::new();
    let case = desk.sandbox.case("overdue");
    let scopes: [&[&str]; 3] = [
        &["--partnership"],
        &["--organisation", "ods:ZT1"],
        &["--case", &case],
    ];
    let mut packs = Vec::new();
    for scope in scopes {
        let pack = desk.export("council", scope);
        let (code, report) = verify(&pack, &[]);
        assert_eq!(code, Some(0), "{scope:?}: {report:#}");
        assert_ne!(report["checked"]["cases_judged"], 0, "{scope:?}");
        assert_ne!(report["checked"]["deadlines"], 0, "{scope:?}");
        let answer = python(&pack);
        assert!(
            answer.status.success(),
            "{scope:?}: {}{}",
            text(&answer.stdout),
            text(&answer.stderr)
        );
        // Neither computes anew what people read, and both say so.
        let renderings = "renderings-not-recomputed";
        assert!(text(&answer.stdout).contains(renderings), "{scope:?}");
        assert!(report.to_string().contains(renderings), "{report:#}");
        packs.push((pack, report));
    }
    let (whole, report) = &packs[0];
    let fingerprint = report["fingerprint"].as_str().expect("an id");
    assert_eq!(verify(whole, &["--fingerprint", fingerprint]).0, Some(0));
    let wrong = "00".repeat(32);
    let (code, report) = verify(whole, &["--fingerprint", &wrong]);
    assert_eq!(
        (code, &report["findings"][0]["code"]),
        (Some(7), &Value::from("other-partnership"))
    );

    let other = desk.export("trust", &["--case", &case]);
    let both = [
        whole.to_str().expect("a path"),
        other.to_str().expect("a path"),
    ];
    let output = concordat(&["audit", "cross-check", both[0], both[1], "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_ne!(report["common_bundles"], 0);
    assert_ne!(report["common_rulings"], 0);

    let output = concordat(&["audit", "ocel", both[0]]);
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(log["events"].as_array().expect("events").len() > 10);
    let objects = log["objects"].as_array().expect("objects");
    assert!(objects.iter().any(|object| object["type"] == "deadline"));
    let path = desk.folder.path().join("log.json");
    fs::write(&path, &output.stdout).expect("written");
    assert_ocel_is_read(&path);
}

/// PM4Py reads what was written, and finds the objects of its events.
fn assert_ocel_is_read(path: &Path) {
    let script = "import sys, warnings; warnings.filterwarnings('ignore'); import pm4py; log = pm4py.read_ocel2_json(sys.argv[1]); \
                  print(len(log.events), sorted(set(log.objects['ocel:type'])))";
    let python = std::env::var_os("CONCORDAT_PYTHON").unwrap_or_else(|| "python3".into());
    let answer = Command::new(python)
        .args(["-c", script])
        .arg(path)
        .output()
        .expect("it runs");
    let said = text(&answer.stdout);
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    // It leaves out objects that no event names: deadlines follow from rules, and stand beside their case.
    for kind in ["action", "case", "organisation", "strand"] {
        assert!(said.contains(kind), "{said}");
    }
}

#[test]
fn a_byte_changed_on_the_way_is_found_and_ends_with_seven() {
    let desk = Desk::new();
    let pack = desk.export("council", &["--partnership"]);
    let mut bytes = fs::read(&pack).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).expect("written");
    let output = concordat(&["audit", "verify", pack.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stdout));
    assert_eq!(
        concordat(&["audit", "verify", "/nowhere"]).status.code(),
        Some(2)
    );
}

#[test]
fn keys_of_content_go_in_only_when_asked_for() {
    let desk = Desk::new();
    let case = desk.sandbox.case("overdue");
    let keys = |with: &[&str]| -> Vec<String> {
        let mut what = vec!["--case", case.as_str()];
        what.extend(with);
        let pack = desk.export("council", &what);
        let (code, report) = verify(&pack, &[]);
        assert_eq!(code, Some(0), "{report:#}");
        let manifest = concordat_manifest(&pack);
        let listed = manifest["compartments"].as_array().expect("a list").clone();
        listed
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(keys(&[]), ["process"]);
    assert_eq!(
        keys(&["--with-keys", "narrative"]),
        ["process", "narrative"]
    );
    assert_eq!(keys(&["--with-keys", "none"]), [""; 0]);
}

#[test]
fn process_mining_takes_the_pack_of_one_case_and_refuses_one_without_keys() {
    let desk = Desk::new();
    let case = desk.sandbox.case("overdue");
    let pack = desk.export("council", &["--case", &case]);
    let output = concordat(&["audit", "ocel", pack.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let objects = log["objects"].as_array().expect("objects");
    let cases: Vec<&Value> = objects.iter().filter(|one| one["type"] == "case").collect();
    assert_eq!(cases.len(), 1, "{log:#}");
    assert_eq!(cases[0]["id"], format!("case:{case}"));
    assert!(log["events"].as_array().is_some_and(|all| !all.is_empty()));

    let pack = desk.export("council", &["--case", &case, "--with-keys", "none"]);
    let output = concordat(&["audit", "ocel", pack.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("keys"),
        "{}",
        text(&output.stderr)
    );
}

/// The manifest, read by a tool that knows nothing of packs.
fn concordat_manifest(pack: &Path) -> Value {
    let python = std::env::var_os("CONCORDAT_PYTHON").unwrap_or_else(|| "python3".into());
    let script =
        "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('manifest.json').decode())";
    let answer = Command::new(python)
        .args(["-c", script])
        .arg(pack)
        .output()
        .expect("it runs");
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

/// The page for auditors, word by word.
#[test]
fn the_page_for_auditors_does_what_it_says() {
    let desk = Desk::new();
    let program = env!("CARGO_BIN_EXE_concordat");
    let programs = desk.folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    let stand_in = programs.join("concordat");
    fs::write(&stand_in, format!("#!/bin/sh\nexec {program} \"$@\"\n")).expect("written");
    support::set_mode(&stand_in, 0o755);
    let fingerprint = desk.export("council", &["--partnership"]);
    let fingerprint = verify(&fingerprint, &[]).1["fingerprint"].clone();
    let token = fs::read_to_string(desk.sandbox.token_file("council")).expect("a token");
    let settings = [
        ("CASE", desk.sandbox.case("overdue")),
        (
            "FINGERPRINT",
            fingerprint.as_str().expect("an id").to_owned(),
        ),
        ("OTHER_SERVER", desk.sandbox.server("trust").to_owned()),
        (
            "OTHER_TOKEN_FILE",
            desk.sandbox.token_file("trust").to_owned(),
        ),
        (
            "CONCORDAT_SERVER",
            desk.sandbox.server("council").to_owned(),
        ),
        ("CONCORDAT_TOKEN", token.trim().to_owned()),
    ];
    let steps = support::page::steps(include_str!("../../../../docs/how-to/audit-pack.md"));
    assert!(steps.len() >= 10, "the page was not understood");
    let commands: Vec<String> = steps.into_iter().map(|step| step.command).collect();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-ec", &commands.join("\n")])
        .current_dir(desk.folder.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .envs(settings)
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(
        said.contains("no findings") && said.contains("not proven"),
        "{said}"
    );
    assert!(
        said.contains("00000.html") && said.contains("common rulings"),
        "{said}"
    );
    let timeline = desk.folder.path().join("case/timelines/00000.html");
    let timeline = fs::read_to_string(timeline).expect("unpacked");
    for never in ["<script", "http://", "https://", "src=", "@import"] {
        assert!(!timeline.contains(never), "{never}");
    }
}
