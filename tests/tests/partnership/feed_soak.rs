//! A feed followed through kill -9 of the node, of the subscriber and of the broker at random: in order for each case, nothing missed,
//! duplicates only as such, and the subscriber's digest equal to the node's.

use crate::together;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use concordat_tests::driver::interpreter;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use together::{COUNCIL, TRUST, Together};

/// How long it goes on, in seconds.
const SECONDS: &str = "CONCORDAT_SOAK_SECONDS";
const SECONDS_DEFAULT: u64 = 45;
/// Set to repeat a run.
const SEED: &str = "CONCORDAT_SOAK_SEED";
/// Longest time between two kills, in milliseconds.
const ALIVE_MS_MAX: u32 = 1500;
/// Time between two events of one organisation.
const PAUSE_MS: u32 = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The subscriber: a process of its own, in Python, which has nothing but the documentation.
struct Subscriber {
    child: Child,
    record: PathBuf,
}

impl Subscriber {
    fn start(together: &Together, record: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python/subscriber.py");
        let child = Command::new(interpreter())
            .arg(script)
            .arg(together.serving[COUNCIL].address())
            .arg(together.organisations.token_file(COUNCIL))
            .arg(record)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("CONCORDAT_PYTHON must name a Python with tests/requirements.txt");
        let record = record.to_owned();
        Self { child, record }
    }

    fn kill(&mut self) {
        // It may have ended by itself: its node was away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has written down. A line that a kill cut off was not committed, and comes again.
    fn entries(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn feed_is_complete_and_in_order_through_kills_of_node_subscriber_and_broker() {
    let seed = number(SEED).unwrap_or_else(|| RandomState::new().hash_one("seed"));
    let seconds = number(SECONDS).unwrap_or(SECONDS_DEFAULT);
    println!("{SEED}={seed} {SECONDS}={seconds}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut together = Together::start();
    together.play_all(1..=13);
    let joint = together.case.clone();
    let second = together.open_at(COUNCIL);
    let created = json!({"feedId": "soak", "start": "FEED_START_BEGINNING"});
    together
        .driver
        .call(COUNCIL, "FeedService/CreateFeed", created);
    let progress = (
        "contributor-progress-reported",
        json!({"status": "on-track"}),
    );
    let update = ("complainant-updated", json!({"method": "letter"}));
    for (code, case, (event, fields)) in [(TRUST, &joint, &update), (COUNCIL, &joint, &progress)] {
        let asked = json!({"org": code, "case": case, "event": event, "fields": fields, "wait_for": "STAGE_ACCEPTED", "pause_ms": PAUSE_MS});
        together.driver.run("pour", asked);
    }
    let folder = tempfile::tempdir().expect("a directory");
    let record = folder.path().join("entries.ndjson");
    let mut subscriber = Subscriber::start(&together, &record);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut kills = [0_u32; 3];
    while Instant::now() < until {
        // Not a wait for something: the moment of death is what the seed draws.
        std::thread::park_timeout(Duration::from_millis(u64::from(
            rng.next_u32() % ALIVE_MS_MAX,
        )));
        let victim = (rng.next_u32() % 4).min(2) as usize;
        kills[victim] += 1;
        match victim {
            0 => {
                together.serving.remove(COUNCIL).expect("it runs").kill();
                subscriber.kill();
                together.up(COUNCIL);
                subscriber = Subscriber::start(&together, &record);
            }
            1 => {
                together.broker.kill();
                together.broker.restart();
            }
            _ => {
                subscriber.kill();
                subscriber = Subscriber::start(&together, &record);
            }
        }
    }
    println!(
        "killed: node {}, broker {}, subscriber {}",
        kills[0], kills[1], kills[2]
    );
    for code in [TRUST, COUNCIL] {
        let poured = together.driver.run("stop_pouring", json!({"org": code}));
        assert_eq!(poured["refused"], json!([]), "{code}");
    }
    together.settle();
    let asked = json!({"feedId": "soak"});
    let last = together.wait("the subscriber has committed all", |together| {
        let feed = together
            .driver
            .call(COUNCIL, "FeedService/GetFeed", asked.clone());
        let feed = feed["feed"].clone();
        let done = feed["lag"].as_str().is_none_or(|lag| lag == "0");
        done.then_some(feed)
    });
    subscriber.kill();
    let entries = subscriber.entries();
    let stated = together.driver.call(
        COUNCIL,
        "FeedService/GetFeedStatement",
        json!({"feedId": "soak"}),
    );
    let partnership = together.organisations.directory(COUNCIL);
    let partnership = fs::read_to_string(partnership.join("partnership.toml"));
    let key = public_key(&partnership.expect("the partnership file"));
    let proof = json!({"feed": last, "stated": stated, "publicKey": key});
    assert_eq!(
        stated["upto"], last["count"],
        "the statement is on what was committed"
    );
    check(&entries, &proof, folder.path());
    for case in [&joint, &second] {
        let seen: Vec<&str> = entries
            .iter()
            .filter_map(|entry| entry["event"]["event"].as_object())
            .filter(|event| event["caseId"] == **case)
            .map(|event| event["eventId"].as_str().expect("an id"))
            .collect();
        let mut once: Vec<&str> = Vec::new();
        for id in seen {
            if !once.contains(&id) {
                once.push(id);
            }
        }
        let events = together.events(COUNCIL, case);
        let on_log: Vec<&str> = events
            .iter()
            .filter(|event| event["ruling"]["effective"] == true || event["source"] == COUNCIL)
            .filter_map(|event| event["eventId"].as_str())
            .collect();
        assert_eq!(once, on_log, "in order, and nothing missed, of {case}");
    }
    println!("{} entries were received", entries.len());
}

/// The council's public key, as the partnership file has it.
fn public_key(partnership: &str) -> String {
    let entry = format!("id = \"{COUNCIL}\"");
    let of_council = partnership.split(&entry).nth(1).expect("it is a member");
    let keys = of_council
        .split("signing_keys")
        .nth(1)
        .expect("it has keys");
    keys.split('"').nth(1).expect("a key").to_owned()
}

/// Has the Python verifier check numbers, digests and the statement from the documentation alone.
fn check(entries: &[Value], proof: &Value, folder: &Path) {
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    let received = folder.join("received.ndjson");
    let proof_file = folder.join("proof.json");
    fs::write(&received, lines.join("\n")).expect("written");
    fs::write(&proof_file, proof.to_string()).expect("written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify_feed.py");
    let checked = Command::new(interpreter())
        .arg(script)
        .args([received, proof_file])
        .output()
        .expect("Python runs");
    let complaint = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{complaint}");
}
