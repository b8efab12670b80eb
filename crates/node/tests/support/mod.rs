//! Three nodes of one partnership, for the tests of this folder.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_log::embedded::{EmbeddedHandle, EmbeddedLog};
use concordat_log::jetstream::{JetStreamConfig, JetStreamLog};
use concordat_log::{AppendError, Offset, Record, RecordStream, SharedLog};
use concordat_node::clock::{Clock as _, MovableClock};
use concordat_node::{Emission, Node, NodeConfig, Receipt, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const TRUST: &str = "ods:ZT1";
pub const COUNCIL: &str = "gss:E06999901";
pub const BOARD: &str = "ods:ZB1";
pub const CODES: [&str; 3] = [TRUST, COUNCIL, BOARD];

/// Longest wait for something that must happen; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Member {
    pub node: Option<Node>,
    pub log: Arc<dyn SharedLog>,
    /// The switch that cuts it off, where the log is embedded.
    pub handle: Option<EmbeddedHandle>,
    pub directory: TempDir,
}

pub struct Partnership {
    pub clock: MovableClock,
    pub file: PartnershipFile,
    pub members: Vec<Member>,
    pub next_id: u8,
}

fn key_of(code: &str) -> SigningKey {
    let place = CODES
        .iter()
        .position(|known| *known == code)
        .expect("a member") as u8;
    SigningKey::from_seed(&[place + 1; 32])
}

fn partnership_file() -> PartnershipFile {
    let mut text = String::from(
        "name = \"Test partnership\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 2\n\
         compartments = [\"process\", \"identity\", \"narrative\", \"health\", \"social-care\", \"third-party\", \"safeguarding\", \"staff\"]\n",
    );
    for code in CODES {
        let key = hex::encode(key_of(code).public_key().as_bytes());
        text.push_str(&format!(
            "\n[[organisations]]\nid = \"{code}\"\nname = \"{code}\"\nkind = \"other\"\ncalendar = \"EW\"\nparticipation = \"node\"\n\
             responsible_person = \"chief-executive\"\ncomplaints_manager = \"complaints-manager\"\nsigning_keys = [\"{key}\"]\n"
        ));
    }
    PartnershipFile::from_toml(&text).expect("a well-formed partnership file")
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
        let handles = CODES.map(|code| log.handle(code).expect("a handle"));
        let logs = handles
            .clone()
            .map(|handle| Arc::new(handle) as Arc<dyn SharedLog>);
        Self::on(clock, logs, handles.map(Some))
    }

    /// On a real broker.
    pub async fn on_broker(at: &str, url: &str) -> Self {
        let partnership = partnership_file().id().to_string();
        let clock = clock_at(at);
        let mut logs: Vec<Arc<dyn SharedLog>> = Vec::new();
        for code in CODES {
            let mut config = JetStreamConfig::new(vec![url.to_owned()], &partnership, code);
            config.replicas = 1;
            let log = JetStreamLog::open(config).await.expect("a client");
            log.ready().await.expect("a safe stream");
            logs.push(Arc::new(OnClock::new(log, &clock)));
        }
        let Ok(logs) = <[_; 3]>::try_from(logs) else {
            unreachable!("one for each")
        };
        Self::on(clock, logs, [None, None, None])
    }

    fn on(
        clock: MovableClock,
        logs: [Arc<dyn SharedLog>; 3],
        handles: [Option<EmbeddedHandle>; 3],
    ) -> Self {
        let members = logs.into_iter().zip(handles).map(|(log, handle)| Member {
            node: None,
            log,
            handle,
            directory: TempDir::new().expect("a directory"),
        });
        let mut partnership = Self {
            clock,
            file: partnership_file(),
            members: members.collect(),
            next_id: 0,
        };
        for code in CODES {
            partnership.up(code);
        }
        partnership
    }

    pub fn up(&mut self, code: &str) {
        let organisation: OrganisationId = code.parse().expect("a code");
        let mut config = NodeConfig::new(organisation, self.file.clone(), key_of(code));
        config.witness_after = Duration::from_millis(50);
        config.witness_step = Duration::from_millis(20);
        config.tick = Duration::from_millis(10);
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        let member = &mut self.members[place];
        let store = Store::open(
            &member.directory.path().join("store"),
            StoreConfig::default(),
        )
        .expect("a store");
        let log = Arc::clone(&member.log);
        member.node =
            Some(Node::start(config, store, log, Arc::new(self.clock.clone())).expect("a node"));
    }

    pub async fn down(&mut self, code: &str) {
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        self.members[place]
            .node
            .take()
            .expect("it runs")
            .stop()
            .await;
    }

    pub fn node(&self, code: &str) -> &Node {
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        self.members[place].node.as_ref().expect("it runs")
    }

    pub fn handle(&self, code: &str) -> &EmbeddedHandle {
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        self.members[place]
            .handle
            .as_ref()
            .expect("an embedded log")
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
        let emission = self.emission(
            None,
            "complaint-received",
            &json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
                "subject_ref": "p-1", "nature": "CANARY unsafe discharge", "received_on": "2026-12-18",
                "screened_on": "2026-12-18"}),
        );
        let receipt = self.node(TRUST).emit(emission).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective));
        receipt.case
    }

    /// Until no node has anything left to say: all have read the same bundles, and nothing is in flight.
    pub async fn settle(&self) {
        let wait = async {
            let mut quiet = (Vec::new(), 0);
            loop {
                let mut now = Vec::new();
                for member in &self.members {
                    let Some(node) = &member.node else { continue };
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

    /// Until an own event has reached a stage.
    pub async fn wait_for(&self, code: &str, event: EventId, stage: Stage) {
        let wait = async {
            while self.node(code).receipt(event).await.expect("known").stage < stage {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the event gets there");
    }

    pub async fn joint(&mut self) -> CaseId {
        let case = self.open().await;
        let consent = json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"});
        self.emit(TRUST, case, "consent-granted", consent).await;
        self.emit(
            TRUST,
            case,
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner", "why": "reablement"}),
        )
        .await;
        self.emit(
            COUNCIL,
            case,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
        )
        .await;
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

/// A clock that shows this instant until it is moved.
pub fn clock_at(at: &str) -> MovableClock {
    MovableClock::starting_at(at.parse::<Timestamp>().expect("an instant"))
}

/// A real log that tells the time of a clock which a test moves; all else is the log's own doing.
pub struct OnClock<L> {
    log: L,
    clock: MovableClock,
}

impl<L> OnClock<L> {
    pub fn new(log: L, clock: &MovableClock) -> Self {
        Self {
            log,
            clock: clock.clone(),
        }
    }
}

#[async_trait]
impl<L: SharedLog> SharedLog for OnClock<L> {
    async fn append(
        &self,
        record: Bytes,
        message_id: &str,
        expected_last_own: Offset,
    ) -> Result<Offset, AppendError> {
        self.log.append(record, message_id, expected_last_own).await
    }

    async fn last_own(&self) -> Result<Option<Record>, concordat_log::Error> {
        self.log.last_own().await
    }

    async fn record_at(&self, offset: Offset) -> Result<Option<Record>, concordat_log::Error> {
        self.log.record_at(offset).await
    }

    async fn head(&self) -> Result<Offset, concordat_log::Error> {
        self.log.head().await
    }

    async fn follow(&self, after: Offset) -> Result<RecordStream, concordat_log::Error> {
        self.log.follow(after).await
    }

    async fn time(&self) -> Result<Timestamp, concordat_log::Error> {
        self.log.time().await.map(|_| self.clock.now())
    }

    fn connected(&self) -> bool {
        self.log.connected()
    }
}

/// A node of one organisation on a broker, with its store in a given directory.
pub async fn node_on_broker(code: &str, directory: &std::path::Path, url: &str) -> Node {
    let file = partnership_file();
    let mut config = JetStreamConfig::new(vec![url.to_owned()], &file.id().to_string(), code);
    config.replicas = 1;
    let log = JetStreamLog::open(config).await.expect("a client");
    log.ready().await.expect("a safe stream");
    let organisation: OrganisationId = code.parse().expect("a code");
    let mut config = NodeConfig::new(organisation, file, key_of(code));
    config.tick = Duration::from_millis(10);
    let clock = clock_at("2026-12-18T10:00:00Z");
    let log = OnClock::new(log, &clock);
    let store = Store::open(directory, StoreConfig::default()).expect("a store");
    Node::start(config, store, Arc::new(log), Arc::new(clock)).expect("a node")
}
