//! The client commands against a node that really runs: what they print, and how they end.

use crate::support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};
use support::{COUNCIL, Partnership, TRUST, command, complaint, concordat, text};

const NO_CASE: &str = "00000000000000000000000000000000";
const NO_EVENT: &str = "018f0000-0000-7000-8000-00000000dead";

#[test]
fn a_case_is_emitted_read_explained_and_followed() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let id = "018f0000-0000-7000-8000-000000000001";
    let fields = complaint().to_string();
    let emit = [
        "event",
        "emit",
        "--type",
        "complaint-received",
        "--json",
        &fields,
        "--event-id",
        id,
        "--wait-for",
        "ruled",
        "--traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    let receipt = node.json(&emit);
    assert_eq!(receipt["stage"], "STAGE_RULED");
    assert_eq!(receipt["eventId"], id);
    let case = receipt["caseId"].as_str().expect("a case");
    assert_eq!(node.json(&emit)["deduplicated"], true);

    let shown = node.json(&["case", "show", case]);
    assert_eq!(shown["keeper"], TRUST);
    assert_eq!(shown["version"], receipt["caseVersion"]);
    let table = text(&node.ask(&["case", "show", case]).stdout);
    assert!(table.contains("May be emitted now: "), "{table}");
    assert!(table.contains("acknowledge"), "{table}");

    let event = node.json(&["event", "get", id]);
    assert_eq!(
        event["event"]["traceparent"],
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    );
    assert!(event["event"]["body"]["complaintReceived"]["nature"].is_string());
    let table = text(&node.ask(&["event", "get", id]).stdout);
    assert!(
        table.contains("\"nature\": \"CANARY unsafe discharge\""),
        "{table}"
    );

    let timeline = node.json(&["case", "timeline", case]);
    assert_eq!(timeline["entries"][0]["type"], "complaint-received");
    let timetable = node.json(&["case", "timetable", case]);
    let deadline = &timetable["deadlines"][0];
    let (name, due) = (
        deadline["name"].as_str().expect("a name"),
        deadline["dueDate"].as_str().expect("a day"),
    );
    assert_eq!(
        node.json(&["deadline", "list", "--case", case])["deadlines"][0]["dueDate"],
        due
    );
    let explained = node.json(&["deadline", "explain", case, name]);
    assert_eq!(explained["deadline"]["dueDate"], due);
    let table = text(&node.ask(&["deadline", "explain", case, name]).stdout);
    assert!(table.contains(due) && table.contains("source"), "{table}");

    let columns = ["case", "list", "-o", "csv", "--columns", "caseId,STATE"];
    let csv = text(&node.ask(&columns).stdout);
    assert_eq!(csv.lines().next(), Some("caseId,state"), "{csv}");
    assert!(csv.contains(&format!("{case},")), "{csv}");
    let bare = ["case", "list", "--columns", "case", "--no-headers"];
    assert_eq!(text(&node.ask(&bare).stdout).trim(), case);
    let wrong = node.ask(&["case", "list", "--columns", "kase"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean `case`?"));
    let csv = text(&node.ask(&["feed", "list", "-o", "csv"]).stdout);
    assert!(csv.starts_with("feed,lag,"), "{csv}");

    let feed = node.json(&["feed", "create", "engine"]);
    assert_eq!(feed["feed"]["feedId"], "engine");
    let tail = [
        "feed",
        "tail",
        "engine",
        "--until-caught-up",
        "-o",
        "ndjson",
    ];
    let entries = lines(&text(&node.ask(&tail).stdout));
    assert_eq!(entries[0]["event"]["event"]["eventId"], id);
    let tail_csv = ["feed", "tail", "engine", "--until-caught-up", "-o", "csv"];
    let csv = text(&node.ask(&tail_csv).stdout);
    assert!(csv.starts_with("cursor,recorded,case,"), "{csv}");
    assert!(csv.contains(id), "{csv}");
    // Nothing was committed, so it comes again; then it is, and does not.
    let committing = node.ask(&["feed", "tail", "engine", "--max", "1", "--commit"]);
    assert!(committing.status.success(), "{}", text(&committing.stderr));
    assert_eq!(text(&committing.stdout).lines().count(), 1);
    assert_eq!(lines(&text(&node.ask(&tail).stdout)), Vec::<Value>::new());
    assert_eq!(node.json(&["feed", "list"])["feeds"][0]["feedId"], "engine");

    assert_eq!(node.json(&["draft", "list"])["drafts"], json!([]));
    assert_eq!(node.json(&["server", "info"])["organisation"], TRUST);
    let checks = node.json(&["server", "checks"]);
    assert!(
        checks["checks"]
            .as_array()
            .is_some_and(|checks| !checks.is_empty())
    );
}

#[test]
fn an_event_can_be_judged_without_being_emitted_and_read_from_standard_input() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let emit = |more: &[&str], fields: &Value| {
        let mut arguments = vec!["event", "emit", "--type", "complaint-received"];
        arguments.extend(["--fields", "-", "-o", "json"]);
        arguments.extend(more);
        let mut child = node
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut stdin = child.stdin.take().expect("it was asked for");
        stdin
            .write_all(fields.to_string().as_bytes())
            .expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let judged = emit(&["--validate-only"], &complaint());
    assert!(judged.status.success(), "{}", text(&judged.stderr));
    let judged: Value = serde_json::from_slice(&judged.stdout).expect("JSON");
    assert_eq!(judged["receipt"]["ruling"]["effective"], true);
    let effects = judged["after"]["deadlineEffects"].as_array();
    let starts = effects.expect("some").iter().map(|one| &one["name"]);
    assert!(starts.collect::<Vec<_>>().contains(&&json!("acknowledge")));
    assert_eq!(node.json(&["case", "list"])["cases"], json!([]));
    assert_eq!(
        node.json(&["server", "info"])["treeSize"],
        Value::Null,
        "nothing on the log"
    );
    assert!(emit(&[], &complaint()).status.success());
    assert_eq!(node.json(&["case", "list"])["cases"][0]["keeper"], TRUST);
}

#[test]
fn a_feed_has_one_reader_at_a_time_and_a_cursor_that_is_committed() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    node.open_case();
    node.json(&["feed", "create", "engine"]);
    let mut tail = node
        .command(&[
            "feed",
            "tail",
            "engine",
            "-o",
            "ndjson",
            "--consumer-name",
            "first",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut entries = BufReader::new(tail.stdout.take().expect("it was asked for")).lines();
    let entry = entries.next().expect("an entry").expect("text");
    let entry: Value = serde_json::from_str(&entry).expect("JSON");
    let cursor = entry["event"]["cursor"].as_str().expect("a cursor");

    assert_eq!(node.json(&["feed", "list"])["feeds"][0]["holder"], "first");
    let second = node.ask(&["feed", "tail", "engine"]);
    assert_eq!(second.status.code(), Some(5), "{}", text(&second.stderr));
    assert!(text(&second.stderr).contains("FEED_IN_USE"));
    let third = node.ask(&["feed", "tail", "engine", "--take-over", "--max", "1"]);
    assert!(third.status.success(), "{}", text(&third.stderr));
    let ended = tail.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(6));
    assert!(text(&ended.stderr).contains("has taken the feed over"));

    let committed = node.json(&["feed", "commit", "engine", cursor]);
    assert_eq!(committed["cursor"], cursor);
    let rest = node.ask(&["feed", "tail", "engine", "--until-caught-up"]);
    assert!(rest.stdout.is_empty(), "{}", text(&rest.stdout));
    let unknown = node.ask(&["feed", "commit", "engine", "nix"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
}

#[test]
fn a_case_is_watched_as_it_stands_and_as_it_goes_on() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let watch = ["case", "watch", &case, "-o", "ndjson"];
    let stands = node.ask(&[&watch[..], &["--until-caught-up"]].concat());
    assert!(stands.status.success(), "{}", text(&stands.stderr));
    let stands = lines(&text(&stands.stdout));
    assert_eq!(stands.len(), 1, "{stands:?}");
    assert_eq!(stands[0]["snapshot"]["jointCase"]["caseId"], case.as_str());
    let state = stands[0]["snapshot"]["jointCase"]["state"].as_str();
    let state = state.expect("a state");
    let there = node.ask(&["case", "watch", &case, "--until", state]);
    assert_eq!(text(&there.stdout).lines().count(), 1);
    assert!(text(&there.stdout).contains(state));

    let mut watching = node
        .command(&watch)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut said = BufReader::new(watching.stdout.take().expect("it was asked for")).lines();
    assert!(
        said.next()
            .expect("the case")
            .expect("text")
            .contains(&case)
    );
    let fields = r#"{"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}"#;
    let emitted = node.json(&[
        "event",
        "emit",
        "--case",
        &case,
        "--type",
        "complaint-acknowledged",
        "--json",
        fields,
    ]);
    let id = emitted["eventId"].as_str().expect("an id");
    let told = said
        .map(|line| line.expect("text"))
        .find(|line| line.contains(id));
    let told: Value = serde_json::from_str(&told.expect("it comes")).expect("JSON");
    assert_eq!(told["event"]["event"]["type"], "complaint-acknowledged");
    watching.kill().expect("it ran");
    watching.wait().expect("it ended");

    // It goes on where an earlier watch was.
    let cursor = stands[0]["snapshot"]["cursor"].as_str().expect("a cursor");
    let more = ["--after", cursor, "--max", "1"];
    let more = lines(&text(&node.ask(&[&watch[..], &more].concat()).stdout));
    assert!(more[0]["event"].is_object(), "{more:?}");
    let absent = node.ask(&["case", "watch", "00000000000000000000000000000000"]);
    assert_eq!(absent.status.code(), Some(3), "{}", text(&absent.stderr));
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("one JSON document a line"))
        .collect()
}

#[test]
fn every_listing_answers_in_every_format() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    node.json(&["feed", "create", "engine"]);
    for arguments in [
        &["case", "list"][..],
        &["case", "show", &case],
        &["case", "timeline", &case],
        &["case", "timetable", &case],
        &["event", "list", &case],
        &["deadline", "list"],
        &["feed", "list"],
        &["feed", "tail", "engine", "--until-caught-up"],
        &["server", "info"],
        &["server", "checks"],
        &["server", "whoami"],
    ] {
        let ask = |format: &str| {
            let mut all = arguments.to_vec();
            all.extend(["-o", format]);
            let output = node.ask(&all);
            assert!(output.status.success(), "{all:?}: {}", text(&output.stderr));
            text(&output.stdout)
        };
        assert!(!ask("table").is_empty(), "{arguments:?}");
        let json: Value = serde_json::from_str(&ask("json")).expect("one JSON document");
        assert!(json.is_object(), "{arguments:?}: {json}");
        assert!(!lines(&ask("ndjson")).is_empty(), "{arguments:?}");
    }
}

#[test]
fn exit_codes_say_what_the_caller_can_do() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let consent = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let used = node.emit("complaint-acknowledged", Some(&case), &consent);
    let used = used["eventId"].as_str().expect("an id");
    let added = json!({"participant": COUNCIL, "why_code": "issue-owner"}).to_string();
    for (code, reason, arguments) in [
        (
            2,
            "unknown field",
            &[
                "event",
                "emit",
                "--type",
                "consent-requested",
                "--json",
                "{\"nix\":1}",
            ][..],
        ),
        (
            2,
            "is not known here",
            &["event", "emit", "--type", "nix", "--json", "{}"],
        ),
        (
            2,
            "occurs twice",
            &[
                "event",
                "emit",
                "--type",
                "consent-requested",
                "--json",
                "{\"form\":\"a\",\"form\":\"b\"}",
            ],
        ),
        (
            2,
            "INVALID_ARGUMENT MISSING_FIELD",
            &[
                "event",
                "emit",
                "--type",
                "complaint-received",
                "--json",
                "{}",
            ],
        ),
        (
            2,
            "INVALID_ARGUMENT VERSION_INVALID",
            &[
                "event",
                "emit",
                "--type",
                "complaint-acknowledged",
                "--case",
                &case,
                "--json",
                "{}",
                "--expected-version",
                "nix",
            ],
        ),
        (3, "NOT_FOUND: there is no such", &["case", "show", NO_CASE]),
        (
            3,
            "NOT_FOUND: there is no such",
            &["case", "timeline", NO_CASE],
        ),
        (
            3,
            "NOT_FOUND: there is no such",
            &["event", "list", NO_CASE],
        ),
        (
            3,
            "NOT_FOUND: there is no such",
            &["event", "get", NO_EVENT],
        ),
        (
            3,
            "NOT_FOUND: there is no such",
            &["deadline", "explain", &case, "nix"],
        ),
        (
            3,
            "NOT_FOUND: there is no such",
            &["draft", "release", NO_EVENT],
        ),
        (
            3,
            "NOT_FOUND: there is no such",
            &["draft", "discard", NO_EVENT, "--why", "test"],
        ),
        (3, "NOT_FOUND: there is no such", &["feed", "tail", "nix"]),
        (
            3,
            "there is no file",
            &[
                "event",
                "emit",
                "--type",
                "consent-requested",
                "--fields",
                "/nonexistent",
            ],
        ),
        (
            6,
            "FAILED_PRECONDITION NO_CONSENT",
            &[
                "event",
                "emit",
                "--type",
                "participant-added",
                "--case",
                &case,
                "--json",
                &added,
            ],
        ),
        (
            6,
            "ALREADY_EXISTS EVENT_ID_REUSED",
            &[
                "event",
                "emit",
                "--type",
                "participant-added",
                "--case",
                &case,
                "--json",
                &added,
                "--event-id",
                used,
            ],
        ),
    ] {
        let output = node.ask(arguments);
        let complaint = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {complaint}"
        );
        assert!(complaint.contains(reason), "{arguments:?}: {complaint}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed an answer");
    }
}

#[test]
fn without_a_node_or_the_right_token_every_command_says_so() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let wrong = partnership.directory(COUNCIL).join("api.token");
    for arguments in [
        &[
            "event",
            "emit",
            "--type",
            "consent-requested",
            "--json",
            "{}",
            "--retries",
            "1",
        ][..],
        &["event", "get", NO_EVENT],
        &["event", "list", NO_CASE],
        &["draft", "list"],
        &["case", "list"],
        &["case", "show", NO_CASE],
        &["case", "timeline", NO_CASE],
        &["deadline", "list"],
        &["deadline", "explain", NO_CASE, "acknowledge"],
        &["feed", "create", "engine"],
        &["feed", "list"],
        &["feed", "tail", "engine"],
        &["feed", "commit", "engine", "x"],
        &["server", "info"],
        &["server", "checks"],
        &["server", "whoami"],
    ] {
        let told = |mut command: std::process::Command| {
            let output = command.output().expect("it runs");
            (output.status.code(), text(&output.stderr))
        };
        let mut with_wrong = command(arguments);
        with_wrong
            .args(["--server", &node.url, "--token-file"])
            .arg(&wrong);
        let mut without = command(arguments);
        without.args(["--server", &node.url]);
        for command in [with_wrong, without] {
            let (code, complaint) = told(command);
            assert_eq!(code, Some(4), "{arguments:?}: {complaint}");
            assert!(complaint.contains("UNAUTHENTICATED"), "{complaint}");
        }
        if arguments[1] != "tail" {
            // Nothing listens on the port of discard; a tail would wait for it to come up.
            let mut nobody = command(arguments);
            nobody.args(["--server", "http://127.0.0.1:9"]);
            let (code, complaint) = told(nobody);
            assert_eq!(code, Some(5), "{arguments:?}: {complaint}");
            assert!(complaint.contains("cannot be reached"), "{complaint}");
        }
    }
}

#[test]
fn the_token_comes_from_the_environment_too_and_never_leaves_the_machine() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let token = std::fs::read_to_string(&node.token_file).expect("a token");
    let output = command(&["server", "whoami"])
        .env("CONCORDAT_SERVER", &node.url)
        .env("CONCORDAT_TOKEN", token.trim())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let by_file = command(&["server", "whoami"])
        .env("CONCORDAT_SERVER", &node.url)
        .env("CONCORDAT_TOKEN_FILE", &node.token_file)
        .output()
        .expect("it runs");
    assert!(by_file.status.success(), "{}", text(&by_file.stderr));
    for server in [
        "http://192.0.2.1:7171",
        "https://127.0.0.1:7171",
        "nonsense",
    ] {
        let output = command(&["server", "whoami", "--server", server])
            .env("CONCORDAT_TOKEN", token.trim())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn a_tail_follows_what_comes_and_survives_a_restart_of_the_node() {
    let partnership = Partnership::found();
    // The same port again after the restart.
    let mut node = partnership.serve(TRUST);
    let address = node.url.trim_start_matches("http://").to_owned();
    partnership.edit(TRUST, "127.0.0.1:0", &address);
    let first = node.open_case();
    node.json(&["feed", "create", "engine"]);
    let mut tail = node
        .command(&["feed", "tail", "engine", "--commit", "-o", "ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut entries = BufReader::new(tail.stdout.take().expect("it was asked for")).lines();
    let mut next_case = || {
        let line = entries.next().expect("an entry").expect("text");
        let entry: Value = serde_json::from_str(&line).expect("JSON");
        entry["event"]["event"]["caseId"]
            .as_str()
            .expect("a case")
            .to_owned()
    };
    assert_eq!(next_case(), first);
    let second = node.open_case();
    assert_eq!(next_case(), second);

    node.signal("TERM");
    assert_eq!(
        node.wait().code(),
        Some(0),
        "a stream does not keep it from stopping"
    );
    let node = partnership.serve(TRUST);
    let third = node.open_case();
    assert_eq!(next_case(), third, "nothing twice, nothing left out");

    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &tail.id().to_string()])
        .status();
    assert!(interrupted.expect("kill is there").success());
    assert_eq!(tail.wait().expect("our child").code(), Some(130));
}

#[test]
fn event_types_are_listed_and_described_without_a_node() {
    let all = concordat(&["event", "types", "-o", "ndjson"]);
    assert!(all.status.success(), "{}", text(&all.stderr));
    let all = text(&all.stdout);
    let types: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(types.len(), concordat_domain::events::EventType::ALL.len());
    let one = text(&concordat(&["event", "types", "consent-requested", "-o", "json"]).stdout);
    let one: Value = serde_json::from_str(&one).expect("JSON");
    assert!(types.contains(&one), "{one}");
    assert_eq!(one["publishers"], json!(["keeper"]));
    assert_eq!(
        one["deadlines"][0],
        json!({"act": "starts", "deadline": "consent-reply"})
    );
    assert!(
        one["reasons"]
            .as_array()
            .expect("a list")
            .contains(&json!("authority-pending"))
    );
    let purpose = json!({"name": "purpose", "need": "may be left out", "kind": "joint | pass-on | hand-over | provider-details"});
    assert!(
        one["fields"].as_array().expect("a list").contains(&purpose),
        "{one}"
    );

    let table = text(&concordat(&["event", "types", "meeting-held"]).stdout);
    assert!(table.contains("Each of `represented`:"), "{table}");
    let unknown = concordat(&["event", "types", "complaint-recieved"]);
    assert_eq!(unknown.status.code(), Some(3));

    let emit = concordat(&["event", "emit", "--type", "complaint-recieved"]);
    assert_eq!(emit.status.code(), Some(2));
    assert!(
        text(&emit.stderr).contains("`concordat event types` lists them"),
        "{}",
        text(&emit.stderr)
    );
}
