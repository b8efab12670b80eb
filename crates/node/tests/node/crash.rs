//! kill -9 of a node at random moments while it takes events: what it acknowledged is on the log exactly once afterwards.

use crate::support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use concordat_domain::ids::{CaseId, EventId};
use concordat_node::{BatchEmission, Error, EventView, Node, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_tests::nats::NatsServer;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;
use support::{TRUST, complaint, fresh_emission, fresh_id, node_on_broker, setting};

/// Kills in one run of the test.
const ROUNDS: usize = 30;
/// Events of a batch, and how their ids begin.
const BATCH_EVENTS: u8 = 3;
const OF_A_BATCH: u8 = 0xba;
/// Set for the child: url, directory and case, separated by spaces.
const CHILD: &str = "CONCORDAT_CRASH_CHILD";
/// Set to repeat a run.
const SEED: &str = "CONCORDAT_CRASH_SEED";

/// The process that is killed: takes events and says which it has acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the other test of this file, as a process of its own"]
async fn child() {
    let Some(told) = setting(CHILD) else { return };
    let told: Vec<&str> = told.split(' ').collect();
    let case: CaseId = told[2].parse().expect("a case id");
    let node = node_on_broker(TRUST, Path::new(told[1]), told[0]).await;
    let say = |id: EventId| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "ACCEPTED {id}").expect("the parent listens");
        out.flush().expect("the parent listens");
    };
    loop {
        let mut single = fresh_emission(
            Some(case),
            "complainant-updated",
            &json!({"method": "letter"}),
            Stage::Accepted,
        );
        single.event_id.0[0] = 0;
        let receipt = node.emit(single.clone()).await.expect("accepted");
        say(receipt.event_id);
        let mut id = fresh_id();
        id.0[0] = OF_A_BATCH;
        let events = (0..BATCH_EVENTS).map(|number| {
            id.0[15] = number;
            (id, single.input.clone())
        });
        let batch = BatchEmission {
            case: Some(case),
            events: events.collect(),
            expected: None,
            wait_for: Stage::Accepted,
            wait_at_most: single.wait_at_most,
            validate_only: false,
            traceparent: None,
        };
        for receipt in node.emit_batch(batch).await.expect("accepted") {
            say(receipt.event_id);
        }
    }
}

/// A batch that is on the log at all is there whole, in one bundle.
fn batches_are_whole(events: &[EventView]) -> usize {
    let mut batches: BTreeMap<[u8; 15], Vec<u64>> = BTreeMap::new();
    for event in events
        .iter()
        .filter(|event| event.event_id.0[0] == OF_A_BATCH)
    {
        let name = event.event_id.0[..15].try_into().expect("fifteen bytes");
        let bundle = event.position.expect("it stands on the log").bundle;
        batches.entry(name).or_default().push(bundle);
    }
    for bundles in batches.values() {
        assert_eq!(*bundles, vec![bundles[0]; usize::from(BATCH_EVENTS)]);
    }
    batches.len()
}

/// Starts the child, kills it after a while, and gives the ids that it had acknowledged.
fn round(url: &str, directory: &Path, case: CaseId, alive: Duration) -> Vec<EventId> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "crash::child",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(CHILD, format!("{url} {} {case}", directory.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test starts itself");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (first, acknowledged) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let ids = lines.map_while(Result::ok).filter_map(|line| {
            let id = line.split("ACCEPTED ").nth(1)?.trim().parse().ok()?;
            // Only the first one is waited for.
            let _ = first.send(());
            Some(id)
        });
        ids.collect::<Vec<EventId>>()
    });
    acknowledged
        .recv_timeout(Duration::from_secs(60))
        .expect("the child takes events");
    // Not a wait for something: the moment of death is what the seed draws.
    std::thread::park_timeout(alive);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    reader.join().expect("read to the end")
}

async fn emptied(node: &Node) {
    let wait = async {
        while node.status().await.expect("running").drafts_waiting > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .expect("the outbox empties");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_event_is_effective_exactly_once_after_kill_9_at_random_moments() {
    let seed = setting(SEED)
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from_be_bytes(fresh_id().0[..8].try_into().expect("eight bytes")));
    println!("{SEED}={seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let broker = NatsServer::start();
    let directory = tempfile::TempDir::new().expect("a directory");
    let store = directory.path().join("store");
    let node = node_on_broker(TRUST, &store, &broker.url()).await;
    let case = node
        .emit(fresh_emission(
            None,
            "complaint-received",
            &complaint(),
            Stage::Ruled,
        ))
        .await
        .expect("accepted")
        .case;
    node.stop().await;

    let mut accepted = Vec::new();
    for _ in 0..ROUNDS {
        let alive = Duration::from_millis(u64::from(rng.next_u32() % 300));
        accepted.extend(round(&broker.url(), &store, case, alive));
    }
    println!(
        "{} events acknowledged before {ROUNDS} deaths",
        accepted.len()
    );

    let node = node_on_broker(TRUST, &store, &broker.url()).await;
    emptied(&node).await;
    let events = node.events(case).await.expect("the case");
    for id in &accepted {
        let counted = events
            .iter()
            .filter(|event| event.event_id == *id && event.ruling() == Some(&Ruling::Effective))
            .count();
        assert_eq!(counted, 1, "{id} (seed {seed})");
        assert_eq!(
            events.iter().filter(|event| event.event_id == *id).count(),
            1,
            "{id} (seed {seed})"
        );
    }
    let batches = batches_are_whole(&events);
    println!("{batches} batches are whole");
    assert!(batches > 0, "seed {seed}");
    let status = node.status().await.expect("running");
    assert_eq!(
        (
            status.quarantined,
            status.contradictions.len(),
            status.drafts_held
        ),
        (0, 0, 0)
    );

    // For life: the same event is the first receipt again, other content under its id is refused.
    let mut again = fresh_emission(
        Some(case),
        "complainant-updated",
        &json!({"method": "letter"}),
        Stage::Ruled,
    );
    let mut other = again.clone();
    other.input.actor_role = Some("complaints-manager".to_owned());
    for id in accepted.iter().rev().take(30) {
        (again.event_id, other.event_id) = (*id, *id);
        let receipt = node.emit(again.clone()).await.expect("known");
        assert!(receipt.deduplicated && receipt.position.is_some(), "{id}");
        let refused = node.emit(other.clone()).await;
        assert!(matches!(refused, Err(Error::EventIdReused { .. })), "{id}");
    }

    // What the deaths left of the projection, with what the journal had beyond it, is what the journal alone gives.
    let digest = node.case(case, None).await.expect("the case").digest;
    node.stop().await;
    let projections = Store::open(&store, StoreConfig::default()).expect("nobody has it open");
    projections.clear_projections().expect("cleared");
    drop(projections);
    let node = node_on_broker(TRUST, &store, &broker.url()).await;
    let replayed = node.case(case, None).await.expect("the case").digest;
    assert_eq!(replayed, digest, "seed {seed}");
    node.stop().await;
}
