//! Three nodes on one embedded log: what a local system sees of the whole way of an event.

use std::sync::Arc;
use std::time::Duration;

use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_log::embedded::{EmbeddedHandle, EmbeddedLog};
use concordat_node::clock::MovableClock;
use concordat_node::{
    Cursor, Emission, Error, FeedContent, Node, NodeConfig, Receipt, Ruling, Stage,
};
use concordat_store::{Store, StoreConfig};
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

const TRUST: &str = "ods:ZT1";
const COUNCIL: &str = "gss:E06999901";
const BOARD: &str = "ods:ZB1";
const CODES: [&str; 3] = [TRUST, COUNCIL, BOARD];

/// Longest wait for something that must happen; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    node: Option<Node>,
    handle: EmbeddedHandle,
    directory: TempDir,
}

struct Partnership {
    clock: MovableClock,
    file: PartnershipFile,
    members: Vec<Member>,
    next_id: u8,
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
    fn start(at: &str) -> Self {
        let clock = MovableClock::starting_at(at.parse::<Timestamp>().expect("an instant"));
        let log = EmbeddedLog::temporary().expect("a log");
        let file = partnership_file();
        let mut members = Vec::new();
        for code in CODES {
            let handle = log.handle(code).expect("a handle");
            members.push(Member {
                node: None,
                handle,
                directory: TempDir::new().expect("a directory"),
            });
        }
        let mut partnership = Self {
            clock,
            file,
            members,
            next_id: 0,
        };
        for code in CODES {
            partnership.up(code);
        }
        partnership
    }

    fn up(&mut self, code: &str) {
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
        let log = Arc::new(member.handle.clone());
        member.node =
            Some(Node::start(config, store, log, Arc::new(self.clock.clone())).expect("a node"));
    }

    async fn down(&mut self, code: &str) {
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

    fn node(&self, code: &str) -> &Node {
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        self.members[place].node.as_ref().expect("it runs")
    }

    fn handle(&self, code: &str) -> &EmbeddedHandle {
        let place = CODES
            .iter()
            .position(|known| *known == code)
            .expect("a member");
        &self.members[place].handle
    }

    fn emission(&mut self, case: Option<CaseId>, event_type: &str, fields: &Value) -> Emission {
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

    async fn emit(&mut self, code: &str, case: CaseId, event_type: &str, fields: Value) -> Receipt {
        let emission = self.emission(Some(case), event_type, &fields);
        let receipt = self.node(code).emit(emission).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective), "{event_type}");
        self.settle().await;
        receipt
    }

    async fn open(&mut self) -> CaseId {
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
    async fn settle(&self) {
        let wait = async {
            let mut quiet = (Vec::new(), 0);
            loop {
                let mut now = Vec::new();
                for member in &self.members {
                    let Some(node) = &member.node else { continue };
                    node.tick().await.expect("running");
                    let status = node.status().await.expect("running");
                    now.push((
                        status.size,
                        status.caught_up || !status.log_reachable,
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

    async fn joint(&mut self) -> CaseId {
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

    async fn digest(&self, code: &str, case: CaseId) -> [u8; 32] {
        self.node(code)
            .case(case, None)
            .await
            .expect("a case")
            .digest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_sees_nothing_before_the_grant_and_the_whole_case_afterwards() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    assert!(matches!(
        partnership.node(COUNCIL).case(case, None).await,
        Err(Error::UnknownCase)
    ));
    let case = partnership.joint().await;
    for code in [TRUST, COUNCIL] {
        assert_eq!(
            partnership.digest(code, case).await,
            partnership.digest(TRUST, case).await
        );
    }
    assert!(matches!(
        partnership.node(BOARD).case(case, None).await,
        Err(Error::UnknownCase)
    ));
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its history");
    let received = events
        .first()
        .and_then(|event| event.event.clone())
        .expect("readable");
    assert!(
        format!("{received:?}").contains("CANARY"),
        "the consent covers the narrative"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_shows_the_history_then_the_content_then_each_event_once() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let entries = partnership
        .node(COUNCIL)
        .feed(None, 100)
        .await
        .expect("a feed");
    let told: Vec<String> = entries
        .iter()
        .map(|entry| match &entry.content {
            FeedContent::Event { event, historical } => {
                format!(
                    "{}{}",
                    event.event_type.expect("readable"),
                    if *historical { " (historical)" } else { "" }
                )
            }
            FeedContent::ContentAvailable { compartment, .. } => {
                format!("content {}", compartment.as_str_name())
            }
        })
        // The enforcer warns of what is due soon; when it does is not this test's subject.
        .filter(|told| !told.starts_with("deadline-approaching"))
        .collect();
    assert_eq!(
        told,
        [
            "complaint-received (historical)",
            "consent-granted (historical)",
            "participant-added (historical)",
            "participant-joined",
            "content COMPARTMENT_IDENTITY",
            "content COMPARTMENT_NARRATIVE",
            "content COMPARTMENT_HEALTH",
            "content COMPARTMENT_SOCIAL_CARE",
        ]
        .map(str::to_owned),
        "{case}"
    );
    let cursors: Vec<Cursor> = entries.iter().map(|entry| entry.cursor).collect();
    assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]));
    let rest = partnership
        .node(COUNCIL)
        .feed(Some(cursors[2]), 100)
        .await
        .expect("a feed");
    assert_eq!(rest.first().map(|entry| entry.cursor), Some(cursors[3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_refuses_is_refused_at_the_door_and_nothing_is_stored() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let size = partnership
        .node(TRUST)
        .status()
        .await
        .expect("running")
        .size;
    let emission = partnership.emission(Some(case), "plan-agreed",
        &json!({"strands": [], "agreed_by": [], "discussed_with_complainant": true, "local_procedures": []}));
    let id = emission.event_id;
    match partnership.node(COUNCIL).emit(emission).await {
        Err(Error::Refused { code, advice, .. }) => {
            assert_eq!(code, "no-lead");
            assert!(!advice.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        partnership.node(COUNCIL).event(id).await,
        Err(Error::UnknownEvent)
    ));
    partnership.settle().await;
    assert_eq!(
        partnership
            .node(TRUST)
            .status()
            .await
            .expect("running")
            .size,
        size
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_event_again_is_the_first_receipt_and_other_content_under_its_id_is_refused() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    let acknowledged = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let emission = partnership.emission(Some(case), "complaint-acknowledged", &acknowledged);
    let first = partnership
        .node(TRUST)
        .emit(emission.clone())
        .await
        .expect("accepted");
    let again = partnership
        .node(TRUST)
        .emit(emission.clone())
        .await
        .expect("known");
    assert!(again.deduplicated && !first.deduplicated);
    assert_eq!(
        (again.position, again.ruling),
        (first.position, first.ruling)
    );
    let mut other = emission;
    other.input = form::read(
        "complaint-acknowledged",
        &json!({"method": "email", "discussion_offered": true}),
    )
    .expect("an event");
    assert!(matches!(
        partnership.node(TRUST).emit(other).await,
        Err(Error::EventIdReused { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_log_is_away_drafts_are_durable_judged_in_order_and_committed_in_order_afterwards()
 {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    partnership.handle(TRUST).detach();
    let mut waiting = Vec::new();
    for (event_type, fields) in [
        (
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
        ),
        (
            "consent-requested",
            json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"]}),
        ),
        (
            "consent-granted",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
        ),
    ] {
        let emission = Emission {
            wait_for: Stage::Accepted,
            ..partnership.emission(Some(case), event_type, &fields)
        };
        waiting.push(emission.event_id);
        let receipt = partnership
            .node(TRUST)
            .emit(emission)
            .await
            .expect("accepted");
        assert_eq!(receipt.stage, Stage::Accepted);
    }
    // Judged on own drafts: the acknowledgement is pending, so a second one is refused though none is ruled.
    let second = partnership.emission(Some(case), "complaint-acknowledged",
        &json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}));
    assert!(
        matches!(partnership.node(TRUST).emit(second).await, Err(Error::Refused { code, .. }) if code == "already-decided")
    );
    // A restart in between loses nothing.
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    assert_eq!(
        partnership
            .node(TRUST)
            .drafts()
            .await
            .expect("running")
            .len(),
        3
    );
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    let mut positions = Vec::new();
    for id in waiting {
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!(receipt.ruling, Some(Ruling::Effective));
        positions.push(receipt.position);
    }
    assert!(
        positions.windows(2).all(|pair| pair[0] < pair[1]),
        "{positions:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_gives_one_admitted_bundle() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    partnership.handle(TRUST).lose_next_acknowledgement();
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let receipt = partnership
        .emit(TRUST, case, "complaint-acknowledged", fields)
        .await;
    let events = partnership.node(TRUST).events(case).await.expect("a case");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.event_id == receipt.event_id)
            .count(),
        1
    );
    assert_eq!(
        partnership
            .node(TRUST)
            .status()
            .await
            .expect("running")
            .quarantined,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keepers_enforcer_publishes_a_missed_deadline_once_and_nobody_else_does() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    partnership
        .clock
        .move_to("2026-12-24T00:00:00Z".parse().expect("an instant"));
    partnership.settle().await;
    for code in [TRUST, COUNCIL] {
        let events = partnership.node(code).events(case).await.expect("a case");
        let missed: Vec<_> = events
            .iter()
            .filter(|event| {
                event
                    .event_type
                    .is_some_and(|kind| kind.to_string() == "deadline-missed")
            })
            .filter(|event| event.ruling == Some(Ruling::Effective))
            .filter(|event| format!("{:?}", event.event).contains("\"acknowledge\""))
            .collect();
        assert_eq!(missed.len(), 1, "{code}");
        assert_eq!(missed[0].author.as_str(), TRUST);
        assert!(
            partnership
                .node(code)
                .case(case, None)
                .await
                .expect("a case")
                .flags
                .contains("overdue:acknowledge")
        );
    }
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emit_costs_one_sync_at_the_node_and_is_witnessed_by_the_others() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    let before = partnership
        .node(TRUST)
        .status()
        .await
        .expect("running")
        .syncs;
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let emission = partnership.emission(Some(case), "complaint-acknowledged", &fields);
    let id = emission.event_id;
    let receipt = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Ruled);
    let after = partnership
        .node(TRUST)
        .status()
        .await
        .expect("running")
        .syncs;
    assert_eq!(
        after - before,
        1,
        "draft, signed bundle and high-water mark are one write and one sync"
    );
    partnership.settle().await;
    assert_eq!(
        partnership
            .node(TRUST)
            .receipt(id)
            .await
            .expect("known")
            .stage,
        Stage::Witnessed
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_again_from_its_store_with_the_same_case() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let before = partnership.digest(COUNCIL, case).await;
    partnership.down(COUNCIL).await;
    partnership.handle(COUNCIL).detach();
    partnership.up(COUNCIL);
    assert_eq!(
        partnership.digest(COUNCIL, case).await,
        before,
        "from the store alone: the log cannot be reached"
    );
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its history");
    assert!(
        format!("{:?}", events[0].event).contains("CANARY"),
        "the keyring came back, too"
    );
}
