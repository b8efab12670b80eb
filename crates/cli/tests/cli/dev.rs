//! `concordat dev`: what it promises to whoever builds an integration against it.

use crate::support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::sandbox::Sandbox;
use support::{PATIENCE, text};

fn state(sandbox: &Sandbox, name: &str, kind: &str) -> String {
    let answer = sandbox.json(name, &["case", "show", &sandbox.case(kind)]);
    let state = answer["case"]["state"]
        .as_str()
        .or(answer["state"].as_str());
    state.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Names of the deadlines of a case that are overdue.
fn overdue(sandbox: &Sandbox, name: &str, kind: &str) -> Vec<String> {
    let answer = sandbox.json(name, &["case", "timetable", &sandbox.case(kind)]);
    let deadlines = answer["deadlines"].as_array().expect("deadlines");
    let overdue = deadlines.iter().filter(|deadline| {
        deadline["state"]
            .as_str()
            .is_some_and(|state| state.ends_with("OVERDUE"))
    });
    overdue
        .map(|deadline| deadline["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Asks until it is so.
fn becomes(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_sample_case_is_in_the_state_that_is_told_of_it() {
    // A Saturday: nothing may depend on the day on which it is started.
    for start in ["2026-11-21", "2027-01-04", "2026-06-10"] {
        let sandbox = Sandbox::start(&["--start", start, "--speed", "0"]);
        assert!(
            sandbox.ready["now"]
                .as_str()
                .expect("a time")
                .starts_with(start)
        );
        for (name, kind, expected) in [
            ("trust", "overdue", "investigating"),
            ("board", "lead-in-dispute", "lead-disputed"),
            ("trust", "waiting-for-consent", "awaiting-consent"),
            ("council", "closed-with-learning", "closed"),
            ("trust", "withdrawn", "withdrawn"),
            ("council", "just-arrived", "received"),
        ] {
            assert_eq!(state(&sandbox, name, kind), expected, "{start} {kind}");
        }
        assert_eq!(
            overdue(&sandbox, "council", "overdue"),
            ["strand:gss:E06999901"],
            "{start}"
        );
        for (name, kind) in [
            ("trust", "lead-in-dispute"),
            ("trust", "waiting-for-consent"),
            ("council", "just-arrived"),
            ("trust", "closed-with-learning"),
        ] {
            assert_eq!(overdue(&sandbox, name, kind), [""; 0], "{start} {kind}");
        }
        // What one must not know of is not there, whoever reads the list of cases beside it.
        let case = sandbox.case("waiting-for-consent");
        assert_eq!(
            sandbox
                .ask("council", &["case", "show", &case])
                .status
                .code(),
            Some(3)
        );
    }
}

#[test]
fn the_clock_is_moved_by_working_days_and_what_falls_due_fires() {
    let sandbox = Sandbox::start(&["--start", "2026-12-22", "--speed", "0", "--cases", "6"]);
    sandbox.does(&["clock", "--advance", "3wd"]);
    let acknowledge = "acknowledge".to_owned();
    assert!(
        !overdue(&sandbox, "council", "just-arrived").contains(&acknowledge),
        "due, and not over"
    );
    sandbox.does(&["clock", "--advance", "1wd"]);
    assert!(overdue(&sandbox, "council", "just-arrived").contains(&acknowledge));
    // Beyond two bank holidays and a weekend.
    let status = sandbox.tell(&["status", "-o", "json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["now"], "2026-12-30T09:00:00Z");
    let events = sandbox.json("council", &["event", "list", &sandbox.case("just-arrived")]);
    assert!(events.to_string().contains("deadline-missed"), "{events}");
    let back = sandbox.tell(&["clock", "--to", "2026-12-24"]);
    assert_eq!(back.status.code(), Some(6), "{}", text(&back.stderr));
    assert_eq!(
        sandbox.tell(&["clock", "--advance", "soon"]).status.code(),
        Some(2)
    );
    // It runs by itself when it is told to.
    sandbox.does(&["clock", "--speed", "1d/s"]);
    becomes("a later day", || {
        let status = sandbox.tell(&["status", "-o", "json"]);
        let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
        status["now"].as_str() > Some("2026-12-31")
    });
}

#[test]
fn peers_go_away_and_come_back_with_nothing_lost() {
    let sandbox = Sandbox::start(&["--start", "2026-12-22", "--speed", "0"]);
    let case = sandbox.case("just-arrived");
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let fields = fields.to_string();
    sandbox.does(&["peer", "council", "--partition"]);
    let emit = [
        "event",
        "emit",
        "--type",
        "complaint-acknowledged",
        "--case",
        &case,
        "--json",
        &fields,
    ];
    let receipt = sandbox.json("council", &emit);
    assert_eq!(receipt["stage"], "STAGE_ACCEPTED", "{receipt}");
    let drafts = sandbox.json("council", &["draft", "list"]);
    assert_eq!(
        drafts["drafts"].as_array().map(Vec::len),
        Some(1),
        "{drafts}"
    );
    sandbox.does(&["peer", "council", "--start"]);
    becomes("no drafts", || {
        let drafts = sandbox.json("council", &["draft", "list"]);
        drafts["drafts"].as_array().is_some_and(Vec::is_empty)
    });

    sandbox.does(&["peer", "gss:E06999901", "--stop"]);
    assert_eq!(
        sandbox.ask("council", &["server", "info"]).status.code(),
        Some(5)
    );
    let slowed = sandbox.tell(&["peer", "council", "--slow"]);
    assert_eq!(slowed.status.code(), Some(6), "{}", text(&slowed.stderr));
    sandbox.does(&["clock", "--advance", "10d"]);
    sandbox.does(&["peer", "council", "--start"]);
    assert_eq!(
        sandbox.ask("council", &["server", "info"]).status.code(),
        Some(0)
    );
    becomes("the council has read on", || {
        overdue(&sandbox, "council", "overdue").contains(&"strand:gss:E06999901".to_owned())
            && sandbox
                .json("council", &["event", "list", &case])
                .to_string()
                .contains("complaint-acknowledged")
    });
    assert_eq!(
        sandbox.tell(&["peer", "nobody", "--stop"]).status.code(),
        Some(3)
    );
}

#[test]
fn it_ends_cleanly_and_leaves_nothing_behind_unless_it_is_to_stay() {
    for signal in ["INT", "TERM"] {
        let mut sandbox = Sandbox::start(&["--cases", "1"]);
        let directory = sandbox.directory();
        assert!(directory.join("control.sock").exists());
        assert!(sandbox.end(signal).success());
        assert!(!directory.exists());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let mut first = Sandbox::start(&["--data", data, "--start", "2026-12-22"]);
    first.does(&["clock", "--advance", "5d"]);
    let case = first.case("overdue");
    // The directory is in use.
    let second = support::concordat(&["dev", "--port-base", "0", "--data", data]);
    assert_eq!(second.status.code(), Some(5), "{}", text(&second.stderr));
    assert!(first.end("TERM").success());
    let again = Sandbox::start(&["--data", data]);
    assert_eq!(again.case("overdue"), case);
    assert_eq!(state(&again, "council", "overdue"), "investigating");
    assert!(
        again.ready["now"].as_str() >= Some("2026-12-27"),
        "{}",
        again.ready["now"]
    );
}
