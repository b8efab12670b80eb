//! `concordat conformance`: our own clients pass, a careless one fails by name.

use crate::support;

use std::fs;
use std::path::Path;

use concordat_trust::hash::sha256;
use serde_json::Value;

use support::{clients, command, concordat, text};

/// Checks that a client passes which does everything that the guides show. Nothing is parked there.
const PASSED: [&str; 14] = [
    "authenticates",
    "emits-with-uuid",
    "repeats-with-same-id-after-lost-answer",
    "honours-retry-info",
    "reads-again-when-stale",
    "does-not-repeat-faulty-fields",
    "commits-what-it-got",
    "resumes-from-commit-after-cut",
    "tolerates-duplicates",
    "tolerates-unknown-event-types",
    "reads-again-when-content-is-available",
    "waits-after-closing",
    "follows-resync-required",
    "gives-way-when-taken-over",
];

/// Exit code and report of the kit for a client.
fn tried(client: &[String], more: &[&str]) -> (Option<i32>, Value) {
    let output = command(&["conformance", "-o", "json"])
        .args(more)
        .arg("--")
        .args(client)
        .output()
        .expect("it runs");
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    (output.status.code(), report)
}

fn verdict<'r>(report: &'r Value, id: &str) -> &'r str {
    let checks = report["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["id"] == id);
    let check = check.unwrap_or_else(|| panic!("no check {id}"));
    check["verdict"].as_str().expect("a verdict")
}

fn passes(client: &[String], more: &[&str]) -> Value {
    let (code, report) = tried(client, more);
    for id in PASSED {
        assert_eq!(verdict(&report, id), "PASS", "{id}\n{report:#}");
    }
    assert_eq!(verdict(&report, "comes-back-to-what-it-parked"), "NOT SEEN");
    assert_eq!(code, Some(0));
    report
}

#[test]
fn the_client_in_python_passes_and_the_report_can_be_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (junit, statement, node) = (file("junit.xml"), file("statement.json"), file("node"));
    let made = concordat(&[
        "init",
        "--dir",
        &node,
        "--organisation",
        "ods:ZT1",
        "--partnership",
        "--name",
        "T",
        "--kind",
        "other",
        "--calendar",
        "EW",
        "--responsible-person",
        "p",
        "--complaints-manager",
        "p",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let more = [
        "--junit",
        &junit,
        "--statement",
        &statement,
        "--sign-with",
        &node,
    ];
    let report = passes(&clients::python("integration.py"), &more);
    let junit = fs::read_to_string(junit).expect("a report");
    assert!(
        junit.contains("tests=\"15\" failures=\"0\" skipped=\"1\""),
        "{junit}"
    );
    let statement: Value =
        serde_json::from_str(&fs::read_to_string(statement).expect("a statement")).expect("JSON");
    let payload = statement["payload"].as_str().expect("the report");
    assert_eq!(
        statement["payload_sha256"],
        hex::encode(sha256(payload.as_bytes()).0)
    );
    assert_eq!(statement["signature"].as_str().map(str::len), Some(128));
    let kept: Value = serde_json::from_str(payload).expect("JSON");
    assert_eq!(kept, report);
}

#[test]
fn the_client_in_typescript_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    passes(&clients::typescript(folder.path()), &[]);
}

#[test]
fn the_client_in_java_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(client) = clients::java(folder.path()) {
        passes(&client, &[]);
    }
}

#[test]
fn a_careless_client_fails_by_name() {
    let (code, report) = tried(&clients::python("careless.py"), &["--for", "20s"]);
    assert_eq!(code, Some(7), "{report:#}");
    for (id, expected) in [
        ("repeats-with-same-id-after-lost-answer", "FAIL"),
        ("honours-retry-info", "FAIL"),
        ("does-not-repeat-faulty-fields", "FAIL"),
        ("reads-again-when-content-is-available", "FAIL"),
        ("waits-after-closing", "FAIL"),
        ("follows-resync-required", "FAIL"),
        ("gives-way-when-taken-over", "FAIL"),
        // What it does not do wrong.
        ("authenticates", "PASS"),
        ("emits-with-uuid", "PASS"),
        ("commits-what-it-got", "PASS"),
    ] {
        assert_eq!(verdict(&report, id), expected, "{id}\n{report:#}");
    }
}

#[test]
fn what_is_not_done_is_not_seen_and_counts_only_if_strict() {
    let idle = ["true".to_owned()];
    let (code, report) = tried(&idle, &[]);
    assert_eq!(
        (code, verdict(&report, "emits-with-uuid")),
        (Some(0), "NOT SEEN")
    );
    assert_eq!(tried(&idle, &["--strict"]).0, Some(7));
    // By JSON it may do well, and nobody looks: the report says so.
    let call = "curl -sS -H 'content-type: application/json' -d '{}' $CONCORDAT_SERVER/concordat.v1.ServerService/GetServerInfo";
    let by_json = ["sh", "-c", call].map(str::to_owned);
    let (code, report) = tried(&by_json, &[]);
    assert_eq!((code, &report["not_looked_at"]), (Some(7), &Value::from(1)));
    assert_eq!(verdict(&report, "authenticates"), "FAIL", "it had no token");
    let missing = concordat(&[
        "conformance",
        "--",
        Path::new("/no/such/program").to_str().expect("text"),
    ]);
    assert_eq!(missing.status.code(), Some(3), "{}", text(&missing.stderr));
}
