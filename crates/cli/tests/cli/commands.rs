//! One loop over all commands: each has help, answers as JSON, and ends as the table of exit codes says.

use crate::support;

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Partnership, TRUST, command, concordat, set_mode, text};

const NO_CASE: &str = "00000000000000000000000000000000";
const NO_EVENT: &str = "018f0000-0000-7000-8000-00000000dead";
/// Nothing listens there.
const NOBODY: &str = "http://127.0.0.1:1";
/// What audits ask of packs: they stand beside what asks nodes, and read files alone.
const OF_FILES: [&str; 3] = ["audit verify", "audit cross-check", "audit ocel"];
/// They follow a feed or a case for as long as it takes, also a node that is away.
const PATIENT: [&str; 4] = ["feed tail", "feed watch", "feed relay", "case watch"];
/// They stand among those that call a node and need none.
const IN_HERE: [&str; 2] = ["event types", "feed verify"];
/// What they print is not an answer but a file for another program, or nothing.
const WITHOUT_ANSWER: [&str; 2] = ["completions", "serve"];
/// They bring nodes up; they have tests of their own.
const RUNS_LONG: [&str; 2] = ["demo", "conformance"];
/// What it names is gone when it is asked again in another format.
const ONCE: [&str; 2] = ["profile delete", "feed delete"];

/// A command with the words that it needs.
struct Leaf {
    name: String,
    words: Vec<String>,
}

impl Leaf {
    fn arguments(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    fn run(&self, more: &[&str]) -> Output {
        concordat(&[self.arguments().as_slice(), more].concat())
    }

    /// Whether it calls a node.
    fn is_client(&self) -> bool {
        let words: Vec<&str> = self.name.split(' ').collect();
        let help = concordat(&[words.as_slice(), &["--help"]].concat());
        assert!(help.status.success(), "{}", self.name);
        let help = text(&help.stdout);
        assert!(help.contains("Usage: concordat"), "{}: {help}", self.name);
        let calls = help.contains("--explain") && help.contains("--server <URL>");
        calls && !IN_HERE.contains(&self.name.as_str())
    }
}

fn leaves() -> Vec<Leaf> {
    let all = concordat(&["commands", "-o", "json"]);
    let all: Value = serde_json::from_slice(&all.stdout).expect("JSON");
    let commands = all.as_array().expect("a list").iter();
    commands
        .map(|one| {
            let name = one["command"].as_str().expect("a name").to_owned();
            let mut words: Vec<String> = name.split(' ').map(str::to_owned).collect();
            for argument in required(&one["options"]) {
                words.push(argument.clone());
                words.push(sample(&argument));
            }
            words.extend(required(&one["arguments"]).map(|argument| sample(&argument)));
            if name == "event emit" {
                words.extend(["--json", "{\"subject_ref\":\"p\"}"].map(str::to_owned));
            }
            // One of two ways to name it is asked for.
            if name == "audit what-if" {
                words.extend(["--pack", "eng-2009"].map(str::to_owned));
            }
            if name == "audit prove event" {
                words.push(NO_EVENT.to_owned());
            }
            if name == "audit export" {
                words.extend(["--case", NO_CASE].map(str::to_owned));
            }
            if name == "feed seek" {
                words.extend(["--from", "now"].map(str::to_owned));
            }
            if name == "feed relay" {
                let target = ["--to", NOBODY, "--secret-file", "unknown"];
                words.extend(target.map(str::to_owned));
            }
            Leaf { name, words }
        })
        .collect()
}

fn required(arguments: &Value) -> impl Iterator<Item = String> {
    let arguments = arguments.as_array().expect("a list").iter();
    arguments
        .filter(|one| one["required"] == true)
        .map(|one| one["name"].as_str().expect("a name").to_owned())
}

/// A value of the right form for something that is not there.
fn sample(argument: &str) -> String {
    match argument {
        "case" | "--case" => NO_CASE,
        "event_id" | "event" => NO_EVENT,
        "organisation" | "--organisation" => "ods:ZT9",
        "--type" => "complaint-received",
        "--calendar" => "EW",
        "--from" | "--to" | "--before" => "2026-01-05",
        "--old-size" => "1",
        "shell" => "bash",
        _ => "unknown",
    }
    .to_owned()
}

#[test]
fn every_command_has_help_and_wrong_use_gives_2() {
    let leaves = leaves();
    assert!(leaves.len() > 40, "{}", leaves.len());
    for leaf in leaves {
        leaf.is_client();
        let wrong = leaf.run(&["--no-such-option"]);
        assert_eq!(wrong.status.code(), Some(2), "{}", leaf.name);
        assert!(wrong.stdout.is_empty(), "{}", leaf.name);
        let wrong = leaf.run(&["-o", "yaml"]);
        assert_eq!(wrong.status.code(), Some(2), "{}", leaf.name);
    }
}

#[test]
fn every_command_that_calls_a_node_explains_its_call_and_gives_5_when_there_is_none() {
    let mut faults = Vec::new();
    let calls = |leaf: &Leaf| leaf.is_client() && !OF_FILES.contains(&leaf.name.as_str());
    for leaf in leaves().into_iter().filter(calls) {
        let near = ["--server", NOBODY, "--timeout", "2s"];
        let explained = leaf.run(&[near.as_slice(), &["--explain", "-o", "json"]].concat());
        let shown: Result<Value, _> = serde_json::from_slice(&explained.stdout);
        // What is wrong before a call is made is said instead: a file that is not there.
        match (explained.status.code(), shown) {
            (Some(0), Ok(shown)) => {
                let method = shown["method"].as_str().unwrap_or_default();
                assert!(method.starts_with("concordat.v1."), "{}", leaf.name);
                let line = shown["command"].as_str().unwrap_or_default();
                assert!(line.contains(method), "{}: {line}", leaf.name);
            }
            (Some(3), Err(_)) => continue,
            (code, _) => {
                faults.push(format!(
                    "{}: --explain {code:?} {}",
                    leaf.name,
                    text(&explained.stderr)
                ));
                continue;
            }
        }
        if PATIENT.contains(&leaf.name.as_str()) {
            continue;
        }
        let alone = leaf.run(&near);
        if alone.status.code() != Some(5) {
            faults.push(format!(
                "{}: no node: {:?} {}",
                leaf.name,
                alone.status.code(),
                text(&alone.stderr)
            ));
        }
        assert!(alone.stdout.is_empty(), "{}", leaf.name);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_command_that_answers_here_answers_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answered = 0;
    for leaf in leaves().into_iter().filter(|leaf| !leaf.is_client()) {
        let name = leaf.name.as_str();
        if WITHOUT_ANSWER.contains(&name) || name.starts_with("dev") || RUNS_LONG.contains(&name) {
            continue;
        }
        let run = |format: &str| {
            command(&[leaf.arguments().as_slice(), &["-o", format]].concat())
                .current_dir(folder.path())
                .env("XDG_CONFIG_HOME", folder.path())
                .output()
                .expect("it runs")
        };
        let json = run("json");
        // What it is given is not there; those have tests of their own.
        if !json.status.success() {
            continue;
        }
        answered += 1;
        serde_json::from_slice::<Value>(&json.stdout).unwrap_or_else(|_| panic!("{name}"));
        for line in text(&run("ndjson").stdout).lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{name}: {line}"));
        }
        if ONCE.contains(&name) {
            continue;
        }
        let csv = run("csv");
        assert!(csv.status.success(), "{name}: {}", text(&csv.stderr));
        assert!(text(&csv.stdout).ends_with("\r\n"), "{name}");
    }
    assert!(answered >= 6, "{answered}");
}

#[test]
fn every_read_of_a_node_answers_in_every_format_and_what_is_not_there_gives_3() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    node.open_case();
    let mut faults = Vec::new();
    let mut answered = 0;
    let mut missing = 0;
    for leaf in leaves().into_iter().filter(Leaf::is_client) {
        let name = leaf.name.as_str();
        if PATIENT.contains(&name) || name == "event emit" {
            continue;
        }
        let json = node.ask(&[leaf.arguments().as_slice(), &["-o", "json"]].concat());
        let names_something = leaf.words.len() > leaf.name.split(' ').count();
        match json.status.code() {
            Some(0) => {
                answered += 1;
                let value = serde_json::from_slice::<Value>(&json.stdout);
                value.unwrap_or_else(|_| panic!("{name}: {}", text(&json.stdout)));
                if ONCE.contains(&name) {
                    continue;
                }
                let csv = node.ask(&[leaf.arguments().as_slice(), &["-o", "csv"]].concat());
                if !csv.status.success() {
                    faults.push(format!("{name}: csv: {}", text(&csv.stderr)));
                }
            }
            Some(3) if names_something => missing += 1,
            // A cursor, a release or a period of the wrong form is wrong use; a request that does not fit is refused.
            Some(2 | 6) if names_something => {}
            code => faults.push(format!("{name}: {code:?} {}", text(&json.stderr))),
        }
    }
    let misspelt = node.ask(&["directory", "show", "ods:ZT2"]);
    assert_eq!(misspelt.status.code(), Some(3));
    assert!(text(&misspelt.stderr).contains("did you mean `ods:ZT1`"));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(answered >= 12, "{answered}");
    assert!(missing >= 5, "{missing}");
}

#[test]
fn a_day_is_an_instant_in_every_command() {
    let list = [
        "case",
        "list",
        "--as-of",
        "2026-03-01",
        "--explain",
        "-o",
        "json",
    ];
    let shown: Value = serde_json::from_slice(&concordat(&list).stdout).expect("JSON");
    assert_eq!(shown["request"]["at"], "2026-03-01T23:59:59Z");
    let wrong = concordat(&["deadline", "list", "--at", "yesterday"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("a span ago (2d)"));
}

#[test]
fn range_begins_with_a_day_or_a_span_ago_wherever_there_is_one() {
    for (words, place) in [
        (vec!["case", "timeline", NO_CASE], "/request/from"),
        (vec!["feed", "create", "engine"], "/request/startAt/time"),
        (vec!["feed", "seek", "engine"], "/request/to/time"),
        (
            vec!["audit", "replay", "--purpose", "inspection"],
            "/request/from",
        ),
        (
            vec!["audit", "access", "--purpose", "inspection"],
            "/request/from",
        ),
    ] {
        let shown = |since: &str| {
            let more = ["--since", since, "--explain", "-o", "json"];
            let shown = concordat(&[words.as_slice(), &more].concat());
            let error = text(&shown.stderr);
            let shown: Value = serde_json::from_slice(&shown.stdout)
                .unwrap_or_else(|_| panic!("{words:?}: {error}"));
            let instant = shown.pointer(place).and_then(Value::as_str);
            instant.unwrap_or_else(|| panic!("{shown}")).to_owned()
        };
        assert_eq!(shown("2026-07-01"), "2026-06-30T23:00:00Z", "{words:?}");
        assert!(shown("2d") < shown("1d"), "{words:?}");
    }
}

/// Whoever emits by one program and reads by another waits for what it wrote, whatever it reads.
#[test]
fn every_read_that_can_wait_for_a_position_takes_one() {
    const PLACE: &str = "000000000000000700000000";
    let calls = |leaf: &Leaf| leaf.is_client() && !OF_FILES.contains(&leaf.name.as_str());
    let mut taken = 0;
    for leaf in leaves().into_iter().filter(calls) {
        let explain = ["--explain", "-o", "json"];
        let shown = leaf.run(&explain);
        let Ok(shown) = serde_json::from_slice::<Value>(&shown.stdout) else {
            continue;
        };
        let method = shown["method"].as_str().expect("a method");
        let (service, method) = method.split_once('/').expect("service and method");
        let service = concordat_proto::descriptor_pool().get_service_by_name(service);
        let mut methods = service.as_ref().expect("of the contract").methods();
        let input = methods.find(|one| one.name() == method).expect("a call");
        if input.input().get_field_by_name("min_position").is_none() {
            continue;
        }
        let shown = leaf.run(&[&["--min-position", PLACE], &explain[..]].concat());
        let error = text(&shown.stderr);
        let shown: Value = serde_json::from_slice(&shown.stdout)
            .unwrap_or_else(|_| panic!("{}: {error}", leaf.name));
        assert_eq!(shown["request"]["minPosition"], PLACE, "{}", leaf.name);
        taken += 1;
    }
    assert!(taken >= 13, "{taken}");
}

#[test]
fn what_explain_prints_for_a_shell_gives_the_same_answer() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    for asked in [
        vec!["case", "show", &case],
        vec!["case", "timeline", &case],
        vec!["server", "whoami"],
    ] {
        let explained = node.json(&[asked.as_slice(), &["--explain"]].concat());
        let line = explained["command"].as_str().expect("a line");
        assert!(
            !line.contains("Bearer 0"),
            "the token is in no line: {line}"
        );
        let called = Command::new("sh").args(["-c", line]).output();
        let called = called.expect("there is a shell");
        let over_http: Value = serde_json::from_slice(&called.stdout)
            .unwrap_or_else(|_| panic!("{line}: {}", text(&called.stderr)));
        let mut answer = node.json(&asked);
        if asked[1] == "show" {
            answer = serde_json::json!({ "jointCase": answer });
        }
        assert_eq!(over_http, answer, "{line}");
    }
}

#[test]
fn a_profile_says_where_and_who_and_an_option_goes_before_it() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        command(arguments)
            .env("XDG_CONFIG_HOME", folder.path())
            .output()
            .expect("it runs")
    };
    let token = node.token_file.to_str().expect("text");
    let made = run(&[
        "profile",
        "set",
        "trust",
        "--server",
        &node.url,
        "--token-file",
        token,
        "--default-output",
        "json",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(run(&["whoami"]).status.code(), Some(5), "not in use yet");
    let named = run(&["whoami", "--profile", "trust"]);
    assert!(named.status.success(), "{}", text(&named.stderr));
    assert!(run(&["profile", "use", "trust"]).status.success());
    let used = run(&["whoami"]);
    let who: Value = serde_json::from_slice(&used.stdout).expect("JSON, as the profile says");
    assert_eq!(who["organisation"], TRUST);
    assert!(text(&run(&["whoami", "-o", "table"]).stdout).starts_with("organisation"));
    assert_eq!(run(&["whoami", "--server", NOBODY]).status.code(), Some(5));
    let misspelt = run(&["whoami", "--profile", "trsut"]);
    assert_eq!(misspelt.status.code(), Some(3));
    assert!(text(&misspelt.stderr).contains("did you mean `trust`?"));

    let file = folder.path().join("concordat/profiles.toml");
    let written = fs::read_to_string(&file).expect("profiles");
    let secret = fs::read_to_string(token).expect("a token");
    assert!(!written.contains(secret.trim()), "a token is in no profile");
    set_mode(&file, 0o666);
    assert_eq!(
        run(&["whoami"]).status.code(),
        Some(6),
        "others may write it"
    );
    set_mode(&file, 0o600);
    assert!(run(&["profile", "delete", "trust"]).status.success());
    assert_eq!(run(&["profile", "show"]).status.code(), Some(3));
}

#[test]
fn bash_completes_the_words_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("concordat.bash");
    fs::write(&script, concordat(&["completions", "bash"]).stdout).expect("written");
    let ask = format!(
        "source {}; COMP_WORDS=(concordat case ti); COMP_CWORD=2; _concordat concordat ti case; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let completed = Command::new("bash").args(["-c", &ask]).output();
    let completed = completed.expect("there is a bash");
    assert!(completed.stderr.is_empty(), "{}", text(&completed.stderr));
    assert_eq!(text(&completed.stdout).trim(), "timeline timetable");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = concordat(&["completions", shell]);
        assert!(
            script.status.success() && script.stdout.len() > 1000,
            "{shell}"
        );
    }
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = concordat(&["man", folder.path().to_str().expect("text"), "-o", "json"]);
    let pages: Value = serde_json::from_slice(&written.stdout).expect("JSON");
    assert!(pages.as_array().is_some_and(|pages| pages.len() > 40));
    for leaf in leaves() {
        let page = format!("concordat-{}.1", leaf.name.replace(' ', "-"));
        let page = fs::read_to_string(folder.path().join(&page)).expect(&page);
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
}

#[test]
fn the_reference_page_says_what_the_program_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let committed = fs::read_to_string(page).expect("the page");
    assert!(
        committed == text(&concordat(&["commands", "--page"]).stdout),
        "docs/reference/cli.md is out of date: cargo run -q -p concordat -- commands --page > docs/reference/cli.md"
    );
}
