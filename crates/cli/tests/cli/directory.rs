//! What is tied to no case, as a person records and reads it at a node that really runs: own events, what members sign together, own records.

use crate::support;

use std::fs;

use serde_json::{Value, json};
use support::{COUNCIL, Partnership, Serving, TRUST, concordat, text};

fn organisation(node: &Serving, code: &str) -> Value {
    node.json(&["directory", "show", code])["organisation"].clone()
}

/// Runs a command that needs no node.
fn offline(arguments: &[&str]) -> std::process::Output {
    let output = concordat(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

// Proves: 002-1.10, 003-2, 003-10
#[test]
fn an_organisation_records_training_and_owes_its_refresher() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let training = json!({"cohort": "front-line", "course": "complaints", "on": "2026-03-02", "audience": "staff",
        "eligible": 40, "attended": 38, "refresher_due": "2099-03-02"});
    node.emit("training-recorded", None, &training);
    let events = node.json(&["directory", "events", "--type", "training-recorded"]);
    assert!(events.to_string().contains("front-line"), "{events}");
    let owed = node
        .json(&["directory", "deadlines", "--organisation", TRUST])
        .to_string();
    assert!(
        owed.contains("training-refresher:front-line") && owed.contains("2099-03-02"),
        "{owed}"
    );
}

/// ADR 0016: what the partnership records together counts with the signatures that its directory asks for, and not before.
// Proves: E-02
#[test]
fn members_change_the_directory_together_or_not_at_all() {
    let partnership = Partnership::found();
    for code in [TRUST, COUNCIL] {
        let file = partnership.directory(code).join("partnership.toml");
        let before = fs::read_to_string(&file).expect("the file");
        fs::write(
            &file,
            before.replace("change_threshold = 1", "change_threshold = 2"),
        )
        .expect("written");
    }
    let node = partnership.serve(TRUST);
    let folder = partnership.folder.path();
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (fields, change) = (path("fields.json"), path("change.json"));
    let agreed = partnership.directory(TRUST).join("partnership.toml");
    let agreed = agreed.to_str().expect("text");
    fs::write(
        &fields,
        json!({"id": COUNCIL, "complaints_manager": "head-of-feedback"}).to_string(),
    )
    .expect("written");
    offline(&[
        "partnership",
        "change",
        "new",
        "--partnership",
        agreed,
        "--type",
        "organisation-updated",
        "--fields",
        &fields,
        "--out",
        &change,
    ]);
    let sign = |code: &str| {
        let data = partnership.directory(code);
        offline(&[
            "partnership",
            "change",
            "sign",
            &change,
            "--partnership",
            agreed,
            "--organisation",
            code,
            "--data",
            data.to_str().expect("text"),
        ]);
    };
    sign(TRUST);
    let refused = node.ask(&["partnership", "change", "emit", &change]);
    assert!(!refused.status.success(), "one signature of two");
    assert!(
        text(&refused.stderr).contains("too few"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(
        organisation(&node, COUNCIL)["complaintsManager"],
        "complaints-manager"
    );
    sign(COUNCIL);
    let receipt = node.json(&["partnership", "change", "emit", &change]);
    assert_eq!(receipt["ruling"]["effective"], true, "{receipt}");
    assert_eq!(
        organisation(&node, COUNCIL)["complaintsManager"],
        "head-of-feedback"
    );
}

/// 002, background: feedback is counted beside complaints, never as one, and leaves the node as little as its text does.
// Proves: 002-bg.1, report: feedback line
#[test]
fn feedback_stays_here_and_counts_in_its_line() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let feedback = json!({"kind": "compliment", "service": "ward-4", "received_on": "2026-03-02", "text": "CANARY kind nurses"});
    node.emit("feedback-logged", None, &feedback);
    let own = node.json(&["directory", "own-records"]).to_string();
    assert!(own.contains("CANARY kind nurses"), "{own}");
    let events = node.json(&["directory", "events"]).to_string();
    assert!(
        !events.contains("feedback"),
        "it is not on the log: {events}"
    );
    let report = node
        .json(&[
            "report",
            "run",
            "feedback-line",
            "--from",
            "2026-01-01",
            "--to",
            "2099-12-31",
        ])
        .to_string();
    assert!(
        report.contains("compliment") && !report.contains("CANARY"),
        "{report}"
    );
    let annual = node.json(&[
        "report",
        "run",
        "annual-report",
        "--from",
        "2026-01-01",
        "--to",
        "2099-12-31",
    ]);
    let tables = annual["tables"].as_array().expect("tables").iter();
    let mut figures = tables.filter(|table| table["name"] == "figures");
    let rows = figures.next().expect("the table")["rows"].clone();
    let mut rows = rows.as_array().expect("rows").clone().into_iter();
    let received = rows
        .find(|row| row.to_string().contains("\"received\""))
        .expect("the measure");
    assert!(
        received.as_array().expect("cells").contains(&json!(0)),
        "{received}"
    );
}
