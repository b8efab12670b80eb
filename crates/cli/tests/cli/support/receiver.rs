//! Somebody who takes POSTs, in clear or over TLS, and does with each what a test wants; and the stage on which a relay posts to him.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Partnership, Serving, TRUST, set_mode, text};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What the receiver does with a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Answer(u16),
    AskToWait,
    Hang,
    Reset,
    Redirect,
}

/// A POST that was read whole.
pub struct Post {
    pub headers: Value,
    pub body: String,
}

impl Post {
    pub fn id(&self) -> String {
        let id = self.headers["webhook-id"].as_str();
        id.expect("an id").to_owned()
    }

    /// What it is about, and its id.
    pub fn entry(&self) -> (String, String) {
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(body["id"], self.headers["webhook-id"]);
        let subject = body["subject"].as_str().expect("a case");
        (subject.to_owned(), self.id())
    }
}

/// A connection, in clear or not.
pub trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// Takes POSTs one after the other; does as the script says, then answers 204. Gives its address and what it took.
pub fn receiver(script: Vec<Does>) -> (String, Receiver<Post>) {
    let mut script = script.into_iter();
    decider(move |_| script.next().unwrap_or(Does::Answer(204)))
}

/// Takes POSTs one after the other, and decides what to do by what each is.
pub fn decider(decide: impl FnMut(&Post) -> Does + Send + 'static) -> (String, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/inbox", listener.local_addr().expect("bound"));
    let (sender, posts) = mpsc::channel();
    std::thread::spawn(move || {
        take_all(&listener, &sender, decide, |stream| {
            Box::new(stream) as Box<dyn Wire>
        });
    });
    (url, posts)
}

/// The same over TLS, at a name.
pub fn tls_receiver(
    host: &str,
    config: Arc<ServerConfig>,
    script: Vec<Does>,
) -> (String, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, posts) = mpsc::channel();
    std::thread::spawn(move || {
        let mut script = script.into_iter();
        let decide = |_: &Post| script.next().unwrap_or(Does::Answer(204));
        take_all(&listener, &sender, decide, |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("it is configured");
            Box::new(StreamOwned::new(connection, stream)) as Box<dyn Wire>
        });
    });
    (format!("https://{host}:{port}/inbox"), posts)
}

fn take_all(
    listener: &TcpListener,
    posts: &Sender<Post>,
    mut decide: impl FnMut(&Post) -> Does,
    wire: impl Fn(TcpStream) -> Box<dyn Wire>,
) {
    // Kept open, so that who hangs does hang.
    let mut held = Vec::new();
    for stream in listener.incoming() {
        let mut stream = wire(stream.expect("a connection"));
        // Somebody who was killed in the middle of a POST, or does not believe the certificate, has sent no whole one.
        let Some(post) = read(&mut stream) else {
            continue;
        };
        let does = decide(&post);
        if posts.send(post).is_err() {
            return;
        }
        let answer = match does {
            Does::Answer(status) => format!("HTTP/1.1 {status} .\r\n"),
            Does::AskToWait => "HTTP/1.1 429 .\r\nretry-after: 1\r\n".to_owned(),
            Does::Redirect => "HTTP/1.1 307 .\r\nlocation: /inbox?key=CANARY\r\n".to_owned(),
            Does::Hang => {
                held.push(stream);
                continue;
            }
            Does::Reset => continue,
        };
        let answer = format!("{answer}content-length: 0\r\nconnection: close\r\n\r\n");
        // Who is gone needs no answer.
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.flush();
    }
}

fn read(stream: &mut dyn Wire) -> Option<Post> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    assert!(first.starts_with("POST /inbox"), "{first}");
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
pub struct Stage {
    pub node: Serving,
    pub folder: TempDir,
    _partnership: Partnership,
}

impl Stage {
    pub fn set(cases: usize) -> Self {
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

    /// Emits another event on a case.
    pub fn update(&self, case: &str) {
        let output = self.updating(case).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// The command that emits another event on a case, each time that it is run.
    pub fn updating(&self, case: &str) -> Command {
        let fields = json!({"method": "letter"}).to_string();
        let event = ["--type", "complainant-updated", "--json", &fields];
        let emit = [&["event", "emit"], event.as_slice()].concat();
        let mut command = self.node.command(&emit);
        command.args(["--case", case, "--wait-for", "ruled"]);
        command
    }

    pub fn secret(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn relay(&self, more: &[&str]) -> Command {
        let mut command = self.node.command(&["feed", "relay", "engine"]);
        command.args(more);
        command
    }

    pub fn relay_to(&self, url: &str, more: &[&str]) -> Command {
        let mut command = self.relay(&["--to", url]);
        for name in ["new", "old"] {
            command.arg("--secret-file").arg(self.secret(name));
        }
        command.args(["--answer-within", "2s"]).args(more);
        command
    }

    /// Ids of all that the feed has, in its order.
    pub fn ids(&self) -> Vec<String> {
        self.entries().into_iter().map(|(_, id)| id).collect()
    }

    /// All that the feed has, in its order, as subject and id.
    pub fn entries(&self) -> Vec<(String, String)> {
        let tail = ["feed", "tail", "engine", "--until-caught-up", "--take-over"];
        let mut tail = self.node.command(&tail);
        let output = tail.args(["-o", "ndjson"]).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let lines = lines.lines().map(serde_json::from_str::<Value>);
        lines
            .map(|line| line.expect("JSON")["event"]["event"].clone())
            .map(|event| {
                let subject = format!("cases/{}", event["caseId"].as_str().expect("a case"));
                (
                    subject,
                    event["eventId"].as_str().expect("an id").to_owned(),
                )
            })
            .collect()
    }
}

/// In the order of their first arrival.
pub fn first_of_each(ids: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

/// The ids of each subject, in the order of their first arrival.
pub fn by_case(entries: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (subject, id) in entries {
        let ids = cases.entry(subject.clone()).or_default();
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    cases
}

/// Numbers that can be had again: the seed is printed, and `CONCORDAT_SEED` repeats it.
pub struct Draw(u64);

impl Draw {
    #[expect(clippy::print_stdout, reason = "whoever repeats a test needs its seed")]
    pub fn begin() -> Self {
        let given = std::env::var("CONCORDAT_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("seed"));
        println!("CONCORDAT_SEED={seed}");
        Self(seed)
    }

    /// Other numbers, drawn from these: for who draws at the same time.
    pub fn fork(&mut self) -> Self {
        Self(self.below(u64::from(u32::MAX)))
    }

    /// From 0 up to, without, `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        // Knuth's MMIX generator.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
