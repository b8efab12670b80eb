//! `concordat feed relay` against a receiver that fails in every way.

use crate::support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::receiver::{Does, Post, Stage, by_case, receiver};
use support::{set_mode, text};

fn python(script_argument: &Path, posts: &[Post]) -> Vec<String> {
    let interpreter = std::env::var_os("CONCORDAT_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/clients/python/webhook_receiver.py"
    );
    let mut child = Command::new(interpreter)
        .arg(script)
        .arg(script_argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a Python");
    let mut input = child.stdin.take().expect("asked for");
    for post in posts {
        let line = json!({ "headers": post.headers, "body": post.body });
        writeln!(input, "{line}").expect("it reads");
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn what_a_receiver_does_not_take_is_tried_again_and_the_official_library_verifies_it() {
    let stage = Stage::set(3);
    let entries = stage.entries();
    let ids: Vec<String> = entries.iter().map(|(_, id)| id.clone()).collect();
    assert!(ids.len() >= 3);
    let script = vec![
        Does::Answer(503),
        Does::AskToWait,
        Does::Reset,
        Does::Answer(204),
        Does::Hang,
        Does::Redirect,
    ];
    let (url, posts) = receiver(script);
    let done = stage.relay_to(&url, &["--until-caught-up", "-o", "json"]);
    let done = { done }.output().expect("it runs");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let answer: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(answer, json!({"delivered": ids.len(), "parked": 0}));
    let posts: Vec<Post> = posts.try_iter().collect();
    let got: Vec<String> = posts.iter().map(Post::id).collect();
    let arrived: Vec<_> = posts.iter().map(Post::entry).collect();
    assert_eq!(by_case(&arrived), by_case(&entries), "in order per case");
    assert_eq!(got.len(), ids.len() + 5, "once more for each failure");
    let said = text(&done.stderr);
    for why in [
        "http-503",
        "http-429",
        "broken-off",
        "timed-out",
        "http-307",
    ] {
        assert!(said.contains(why), "{why}: {said}");
    }
    assert!(!said.contains("CANARY"), "{said}");

    for secret in ["new", "old"] {
        let verified = python(&stage.secret(secret), &posts);
        assert_eq!(verified.len(), posts.len());
        for (line, id) in verified.iter().zip(&got) {
            assert!(line.starts_with(&format!("{id} uk.concordat.")), "{line}");
        }
    }
    let mut tampered = posts;
    for post in &mut tampered {
        post.body.push(' ');
    }
    let refused = python(&stage.secret("new"), &tampered);
    assert!(refused.iter().all(|line| line == "refused"), "{refused:?}");
    assert_eq!(stage.ids(), Vec::<String>::new(), "all is committed");
}

#[test]
fn what_a_receiver_refuses_is_parked_and_what_comes_after_it_goes_on() {
    let stage = Stage::set(3);
    let ids = stage.ids();
    let (url, posts) = receiver(vec![Does::Answer(204), Does::Answer(422)]);
    let stopped = stage.relay_to(&url, &["--until-caught-up", "--on-failure", "stop"]);
    let stopped = { stopped }.output().expect("it runs");
    assert_eq!(stopped.status.code(), Some(6), "{}", text(&stopped.stderr));
    assert_eq!(posts.try_iter().count(), 2);

    let (url, posts) = receiver(vec![Does::Answer(422)]);
    let parked = stage.relay_to(&url, &["--until-caught-up", "-o", "json"]);
    let parked = { parked }.output().expect("it runs");
    let answer: Value = serde_json::from_slice(&parked.stdout).expect("JSON");
    assert_eq!(answer, json!({"delivered": ids.len() - 2, "parked": 1}));
    let got: Vec<String> = posts.try_iter().map(|post| post.id()).collect();
    assert_eq!(got, ids[1..], "the refused one was the next one again");

    stage.node.open_case();
    let (url, _posts) = receiver(vec![Does::Answer(410)]);
    let gone = stage.relay_to(&url, &["--until-caught-up"]).output();
    assert_eq!(gone.expect("it runs").status.code(), Some(6));
    let late = stage.relay_to(
        "http://127.0.0.1:1/",
        &[
            "--until-caught-up",
            "--retry-for",
            "1s",
            "--on-failure",
            "stop",
        ],
    );
    let late = { late }.output().expect("it runs");
    assert_eq!(late.status.code(), Some(6));
    assert!(text(&late.stderr).contains("undelivered-unreachable"));
    assert_eq!(stage.ids().len(), 1, "what was not taken is still there");
}

#[test]
fn an_address_in_clear_and_a_secret_that_others_may_read_are_refused() {
    let stage = Stage::set(1);
    let open = stage.relay_to("http://receiver.example/", &[]).output();
    assert_eq!(open.expect("it runs").status.code(), Some(2));
    set_mode(&stage.secret("old"), 0o644);
    let read = stage.relay_to("http://127.0.0.1:1/", &[]).output();
    assert_eq!(read.expect("it runs").status.code(), Some(6));
    let none = stage.relay(&[]).output().expect("it runs");
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn a_folder_gets_a_file_for_each_entry_under_names_that_sort() {
    let stage = Stage::set(4);
    let ids = stage.ids();
    let inbox = stage.folder.path().join("inbox");
    let inbox_text = inbox.to_str().expect("text");
    let some = stage
        .relay(&["--to-dir", inbox_text, "--max", "2"])
        .output();
    assert!(some.expect("it runs").status.success());
    let arguments = [
        "--to-dir",
        inbox_text,
        "--until-caught-up",
        "--shape",
        "mns",
        "--take-over",
    ];
    let rest = stage.relay(&arguments).output().expect("it runs");
    assert!(rest.status.success(), "{}", text(&rest.stderr));
    let mut names: Vec<String> = fs::read_dir(&inbox)
        .expect("a folder")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let expected: Vec<String> = (1..)
        .zip(&ids)
        .map(|(number, id)| format!("{number:020}-{id}.json"))
        .collect();
    assert_eq!(names, expected);
    let read = |name: &String| -> Value {
        serde_json::from_slice(&fs::read(inbox.join(name)).expect("a file")).expect("JSON")
    };
    let first = read(&names[0]);
    assert_eq!(first["specversion"], "1.0");
    assert!(first["data"]["complaintReceived"].is_object(), "{first}");
    let signal = names.last().map(read).expect("a file");
    assert!(signal["filtering"].is_object(), "{signal}");
    assert_eq!(signal["data"], Value::Null);
}
