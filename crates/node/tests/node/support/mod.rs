//! Three nodes of one partnership, for the tests of this folder.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

mod lines;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_domain::ids::{CaseId, EventId};
use concordat_log::embedded::{EmbeddedHandle, EmbeddedLog};
use concordat_log::jetstream::{JetStreamConfig, JetStreamLog};
use concordat_log::{Offset, SharedLog};
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, PATIENCE, Sandbox};
use concordat_node::{Emission, Node, NodeConfig, Receipt, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use lines::{Meddled, OnClock};

pub const TRUST: &str = "ods:ZT1";
pub const COUNCIL: &str = "gss:E06999901";
pub const BOARD: &str = "ods:ZB1";
pub const CODES: [&str; 3] = [TRUST, COUNCIL, BOARD];

pub struct Partnership {
    pub sandbox: Sandbox,
    pub next_id: u8,
    /// Where the stores are, as long as this lives.
    _directory: TempDir,
}

fn founding() -> Founding {
    founding_of(&CODES)
}

/// The same keys in every process that takes part.
fn founding_of(codes: &[&str]) -> Founding {
    let members: Vec<_> = codes
        .iter()
        .map(|code| sandbox::organisation(code, code, "other").expect("a code"))
        .collect();
    let keys = (1..)
        .zip(&members)
        .map(|(seed, member)| (member.id.clone(), SigningKey::from_seed(&[seed; 32])));
    let keys = keys.collect();
    Founding::with_keys("Test partnership", &Directory::new(members, []), &keys)
        .expect("a well-formed partnership file")
}

pub async fn broker_log(code: &str, url: &str) -> JetStreamLog {
    broker_log_with(code, url, 1, Duration::from_secs(5)).await
}

/// A log with so many replicas; an answer that takes longer than `ack_timeout` counts as none.
pub async fn broker_log_with(
    code: &str,
    url: &str,
    replicas: usize,
    ack_timeout: Duration,
) -> JetStreamLog {
    let partnership = founding().file().id().to_string();
    let config = JetStreamConfig {
        replicas,
        ack_timeout,
        ..JetStreamConfig::new(vec![url.to_owned()], &partnership, code)
    };
    let log = JetStreamLog::open(config).await.expect("a client");
    let ready = async {
        // A cluster may need a moment to place a stream.
        while log.ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .expect("a safe stream");
    log
}

impl Partnership {
    /// On an embedded log whose clock moves with that of the nodes.
    pub fn start(at: &str) -> Self {
        let clock = clock_at(at);
        Self::on_embedded(clock.clone(), &clock)
    }

    /// On an embedded log with a clock of its own.
    pub fn on_embedded(clock: MovableClock, log_clock: &MovableClock) -> Self {
        let log = EmbeddedLog::temporary()
            .expect("a log")
            .with_time(log_clock.time_source());
        Self::of(|directory| Sandbox::start(directory, founding(), clock, &log))
    }

    /// The trust and the council alone.
    pub fn of_two(at: &str) -> Self {
        let clock = clock_at(at);
        let log = EmbeddedLog::temporary()
            .expect("a log")
            .with_time(clock.time_source());
        let founding = founding_of(&[TRUST, COUNCIL]);
        Self::of(|directory| Sandbox::start(directory, founding, clock, &log))
    }

    /// On a real broker.
    pub async fn on_broker(at: &str, url: &str) -> Self {
        let clock = clock_at(at);
        let mut logs: BTreeMap<String, Arc<dyn SharedLog>> = BTreeMap::new();
        for code in CODES {
            let log = OnClock::new(broker_log(code, url).await, &clock);
            logs.insert(code.to_owned(), Arc::new(log));
        }
        Self::on_logs(clock, logs)
    }

    /// On these logs, one for each organisation.
    pub fn on_logs(clock: MovableClock, logs: BTreeMap<String, Arc<dyn SharedLog>>) -> Self {
        Self::of(|directory| Sandbox::start_on(directory, founding(), clock, logs))
    }

    /// On one embedded log, to which each organisation is connected by a line that a test can meddle with.
    pub fn meddled(at: &str) -> (Self, [Meddled; 3]) {
        let (partnership, lines) = Self::meddled_of(at, &CODES);
        let Ok(lines) = lines.try_into() else {
            unreachable!("one for each")
        };
        (partnership, lines)
    }

    /// The same with these organisations.
    pub fn meddled_of(at: &str, codes: &[&str]) -> (Self, Vec<Meddled>) {
        let clock = clock_at(at);
        let log = EmbeddedLog::temporary()
            .expect("a log")
            .with_time(clock.time_source());
        let line = |code: &&str| Meddled::new(log.handle(code).expect("a handle"));
        let lines: Vec<Meddled> = codes.iter().map(line).collect();
        let logs = codes.iter().zip(&lines).map(|(code, line)| {
            let line: Arc<dyn SharedLog> = Arc::new(line.clone());
            ((*code).to_owned(), line)
        });
        let logs = logs.collect();
        let founding = founding_of(codes);
        let partnership = Self::of(|directory| Sandbox::start_on(directory, founding, clock, logs));
        (partnership, lines)
    }

    fn of(start: impl FnOnce(&Path) -> Result<Sandbox, sandbox::Error>) -> Self {
        let directory = TempDir::new().expect("a directory");
        Self {
            sandbox: start(directory.path()).expect("three nodes"),
            next_id: 0,
            _directory: directory,
        }
    }

    pub fn clock(&self) -> &MovableClock {
        self.sandbox.clock()
    }

    pub fn up(&mut self, code: &str) {
        self.sandbox.start_node(code).expect("a node");
    }

    pub async fn down(&mut self, code: &str) {
        self.sandbox.stop_node(code).await.expect("it runs");
    }

    /// A node of an organisation whose own does not run, on its store and connection, set up in another way.
    pub fn node_of(&self, code: &str, set_up: impl FnOnce(&mut NodeConfig)) -> Node {
        let founding = self.sandbox.founding();
        let mut config = NodeConfig::new(
            founding.organisation(code).expect("a member"),
            founding.file().clone(),
            founding.signing_key(code).expect("a member"),
        );
        set_up(&mut config);
        let place = self.sandbox.store_directory(code);
        let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
        let log = Arc::new(self.handle(code).clone());
        Node::start(config, store, log, Arc::new(self.clock().clone())).expect("a node")
    }

    pub fn node(&self, code: &str) -> &Node {
        self.sandbox.node(code).expect("it runs")
    }

    pub fn handle(&self, code: &str) -> &EmbeddedHandle {
        self.sandbox.connection(code).expect("an embedded log")
    }

    /// Cuts an organisation off, and returns when its node knows: from here on it signs nothing.
    pub async fn cut_off(&self, code: &str) {
        self.handle(code).detach();
        let known = async {
            while self
                .node(code)
                .status()
                .await
                .expect("running")
                .log_reachable
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, known)
            .await
            .expect("it is told");
    }

    /// Until no node has anything left to say.
    pub async fn settle(&self) {
        self.sandbox.settle().await.expect("the nodes come to rest");
    }

    /// Until an own event has reached a stage.
    pub async fn wait_for(&self, code: &str, event: EventId, stage: Stage) {
        self.sandbox
            .reaches(code, event, stage)
            .await
            .expect("the event gets there");
    }

    pub fn emission(&mut self, case: Option<CaseId>, event_type: &str, fields: &Value) -> Emission {
        self.next_id += 1;
        Emission {
            event_id: EventId([self.next_id; 16]),
            case,
            input: form::read(event_type, fields).expect("a well-formed event"),
            expected: None,
            wait_for: Stage::Ruled,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        }
    }

    pub async fn emit(
        &mut self,
        code: &str,
        case: CaseId,
        event_type: &str,
        fields: Value,
    ) -> Receipt {
        let emission = self.emission(Some(case), event_type, &fields);
        let receipt = self.node(code).emit(emission).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective), "{event_type}");
        self.settle().await;
        receipt
    }

    pub async fn open(&mut self) -> CaseId {
        let emission = self.emission(None, "complaint-received", &complaint());
        let receipt = self.node(TRUST).emit(emission).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective));
        receipt.case
    }

    pub async fn joint(&mut self) -> CaseId {
        let case = self.open().await;
        for (code, event_type, fields) in joining() {
            self.emit(code, case, event_type, fields).await;
        }
        case
    }

    pub async fn digest(&self, code: &str, case: CaseId) -> [u8; 32] {
        self.node(code)
            .case(case, None)
            .await
            .expect("a case")
            .digest
    }
}

/// Every record on a log, in order.
pub async fn records(log: &dyn SharedLog) -> Vec<Bytes> {
    let head = log.head().await.expect("reachable");
    let mut records = Vec::new();
    for offset in 1..=head.0 {
        let record = log.record_at(Offset(offset)).await.expect("reachable");
        records.extend(record.map(|record| record.bytes));
    }
    records
}

/// A complaint with a word in its narrative that must be found nowhere in clear.
pub fn complaint() -> Value {
    json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
        "subject_ref": "p-1", "nature": "CANARY unsafe discharge", "received_on": "2026-12-18", "screened_on": "2026-12-18"})
}

/// What brings the council into the trust's case: who does what.
pub fn joining() -> [(&'static str, &'static str, Value); 3] {
    [
        (
            TRUST,
            "consent-granted",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
        ),
        (
            TRUST,
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner", "why": "reablement"}),
        ),
        (
            COUNCIL,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
        ),
    ]
}

/// An event under a fresh id.
pub fn fresh_emission(
    case: Option<CaseId>,
    event_type: &str,
    fields: &Value,
    wait_for: Stage,
) -> Emission {
    Emission {
        event_id: fresh_id(),
        case,
        input: form::read(event_type, fields).expect("a well-formed event"),
        expected: None,
        wait_for,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    }
}

pub fn fresh_id() -> EventId {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("randomness");
    EventId(id)
}

/// What the parent of a test's second process told it. A test that starts itself again has no other way to say so.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test's two processes find each other, and how a run is repeated"
)]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Until these nodes have read the same bundles, and none has anything left to say.
pub async fn rest(nodes: &[&Node]) {
    let wait = async {
        let mut quiet = (Vec::new(), 0);
        loop {
            let mut now = Vec::new();
            for node in nodes {
                node.tick().await.expect("running");
                let status = node.status().await.expect("running");
                let done = status.caught_up && status.enforcement_waiting == 0;
                now.push((
                    status.size,
                    done || !status.log_reachable,
                    status.drafts_waiting,
                ));
            }
            let together = now.windows(2).all(|pair| pair[0] == pair[1])
                && now.iter().all(|(_, done, left)| *done && *left == 0);
            quiet = if together && quiet.0 == now {
                (now, quiet.1 + 1)
            } else {
                (now, 0)
            };
            if quiet.1 > 20 {
                return;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the nodes come to rest");
}

/// A clock that shows this instant until it is moved.
pub fn clock_at(at: &str) -> MovableClock {
    MovableClock::starting_at(at.parse::<Timestamp>().expect("an instant"))
}

/// A node of one organisation on a broker, with its store in a given directory.
pub async fn node_on_broker(code: &str, directory: &std::path::Path, url: &str) -> Node {
    let founding = founding();
    let clock = clock_at("2026-12-18T10:00:00Z");
    let log = Arc::new(OnClock::new(broker_log(code, url).await, &clock));
    let organisation = founding.organisation(code).expect("a member");
    let key = founding.signing_key(code).expect("a member");
    let mut config = NodeConfig::new(organisation, founding.file().clone(), key);
    config.tick = Duration::from_millis(10);
    let store = Store::open(directory, StoreConfig::default()).expect("a store");
    Node::start(config, store, log, Arc::new(clock)).expect("a node")
}
