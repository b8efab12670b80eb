//! `concordat feed relay` against a receiver that fails in every way, and through being killed.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};
use support::{PATIENCE, Partnership, Serving, TRUST, set_mode, text};
use tempfile::TempDir;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What the receiver does with a POST.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16),
    AskToWait,
    Hang,
    Reset,
    Redirect,
}

/// A POST that was read whole.
struct Post {
    headers: Value,
    body: String,
}

impl Post {
    fn id(&self) -> String {
        self.headers["webhook-id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }
}

/// Takes POSTs one after the other; does as the script says, then answers 204.
fn receiver(script: Vec<Does>) -> (String, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/inbox", listener.local_addr().expect("bound"));
    let (sender, posts) = mpsc::channel();
    std::thread::spawn(move || {
        let mut script = script.into_iter();
        // Kept open, so that who hangs does hang.
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // Somebody who was killed in the middle of a POST has sent no whole one.
            let Some(post) = read(&stream) else { continue };
            let does = script.next().unwrap_or(Does::Answer(204));
            if sender.send(post).is_err() {
                return;
            }
            let answer = match does {
                Does::Answer(status) => format!("HTTP/1.1 {status} .\r\n"),
                Does::AskToWait => "HTTP/1.1 429 .\r\nretry-after: 1\r\n".to_owned(),
                Does::Redirect => {
                    "HTTP/1.1 307 .\r\nlocation: http://localhost:1/elsewhere\r\n".to_owned()
                }
                Does::Hang => {
                    held.push(stream);
                    continue;
                }
                Does::Reset => continue,
            };
            // Who is gone needs no answer.
            let _ = write!(
                stream,
                "{answer}content-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
    });
    (url, posts)
}

fn read(stream: &TcpStream) -> Option<Post> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    assert!(first.starts_with("POST /inbox HTTP/1.1"), "{first}");
    let mut headers = serde_json::Map::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.into());
    }
    let length = headers["content-length"].as_str()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Post {
        headers: headers.into(),
        body: text(&body),
    })
}

/// A node with a feed, cases, and secrets.
struct Stage {
    node: Serving,
    folder: TempDir,
    _partnership: Partnership,
}

impl Stage {
    fn set(cases: usize) -> Self {
        let partnership = Partnership::found();
        let node = partnership.serve(TRUST);
        for _ in 0..cases {
            node.open_case();
        }
        node.json(&["feed", "create", "engine"]);
        let folder = tempfile::tempdir().expect("a folder");
        for (name, secret) in [("new", SECRET), ("old", OLD_SECRET)] {
            fs::write(folder.path().join(name), secret).expect("written");
            set_mode(&folder.path().join(name), 0o600);
        }
        Self {
            node,
            folder,
            _partnership: partnership,
        }
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn relay(&self, more: &[&str]) -> Command {
        let mut command = self.node.command(&["feed", "relay", "engine"]);
        command.args(more);
        command
    }

    fn relay_to(&self, url: &str, more: &[&str]) -> Command {
        let mut command = self.relay(&["--to", url]);
        for name in ["new", "old"] {
            command.arg("--secret-file").arg(self.secret(name));
        }
        command.args(["--answer-within", "2s"]).args(more);
        command
    }

    /// Ids of all that the feed has, in its order.
    fn ids(&self) -> Vec<String> {
        let tail = [
            "feed",
            "tail",
            "engine",
            "--until-caught-up",
            "-o",
            "ndjson",
        ];
        let lines = text(&self.node.ask(&tail).stdout);
        let lines = lines.lines().map(serde_json::from_str::<Value>);
        lines
            .map(|line| line.expect("JSON")["event"]["event"]["eventId"].clone())
            .map(|id| id.as_str().expect("an id").to_owned())
            .collect()
    }
}

/// In the order of their first arrival.
fn first_of_each(ids: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

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
    let ids = stage.ids();
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
    assert_eq!(first_of_each(&got), ids, "in the feed's order");
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

/// Killed at a random place again and again: nothing is missed, and what comes twice has the same id.
#[test]
fn a_relay_that_is_killed_loses_nothing_and_keeps_the_order() {
    let stage = Stage::set(12);
    let ids = stage.ids();
    let seed = std::env::var("CONCORDAT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("CONCORDAT_SEED={seed}");
    let mut random = seed;
    let mut draw = |below: u64| {
        // Knuth's MMIX generator: any sequence does that can be had again.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (url, posts) = receiver(Vec::new());
    let mut got = Vec::new();
    for _ in 0..6 {
        let mut relay = stage
            .relay_to(&url, &["--take-over"])
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        for _ in 0..=draw(3) {
            let post = posts.recv_timeout(PATIENCE);
            got.push(post.expect("the feed has more").id());
        }
        // Somewhere between the answer, the commit and the next POST.
        std::thread::sleep(Duration::from_micros(draw(4000)));
        relay.kill().expect("it runs");
        relay.wait().expect("it was ours");
        if first_of_each(&got).len() == ids.len() {
            break;
        }
    }
    let rest = stage.relay_to(&url, &["--take-over", "--until-caught-up"]);
    let rest = { rest }.output().expect("it runs");
    assert!(rest.status.success(), "{}", text(&rest.stderr));
    got.extend(posts.try_iter().map(|post| post.id()));
    assert_eq!(first_of_each(&got), ids, "CONCORDAT_SEED={seed}");
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
