//! A record of a format that the partnership permits and this release cannot read: the one record that stops a node (wire.md 2).

use crate::support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use concordat_log::embedded::EmbeddedLog;
use concordat_log::{Offset, SharedLog};
use concordat_node::clock::{Clock as _, MovableClock};
use concordat_node::sandbox::{Founding, PATIENCE, organisation};
use concordat_node::{Node, NodeConfig, Stage, Status};
use concordat_store::{Store, StoreConfig};
use concordat_trust::admission::Admission;
use concordat_trust::bundle::{Bundle, Place};
use concordat_trust::digest::BundleHash;
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use serde_json::json;
use support::{BOARD, TRUST, clock_at, complaint, fresh_emission, records, rest};
use tempfile::TempDir;

/// A bundle of format 2, of which this release knows no more than the number.
const OF_FORMAT_2: &[u8] = b"\x0a\x02\x08\x02whatever follows";

/// The trust and the board; only the trust's node runs.
fn founding() -> Founding {
    let members = [TRUST, BOARD].map(|code| organisation(code, code, "other").expect("a code"));
    let keys = (1..)
        .zip(&members)
        .map(|(seed, member)| (member.id.clone(), SigningKey::from_seed(&[seed; 32])));
    let directory = concordat_domain::directory::Directory::new(members.clone(), []);
    Founding::with_keys("Test partnership", &directory, &keys.collect()).expect("well-formed")
}

/// The same partnership, permitting format 2 as well.
fn file(founding: &Founding) -> PartnershipFile {
    let mut content: serde_json::Value =
        serde_json::from_str(founding.file().canonical()).expect("canonical JSON");
    content["formats"] = json!([1, 2]);
    PartnershipFile::from_canonical(&content.to_string()).expect("a partnership file")
}

fn start(place: &Path, log: &EmbeddedLog, clock: &MovableClock) -> Node {
    let founding = founding();
    let mut config = NodeConfig::new(
        founding.organisation(TRUST).expect("a member"),
        file(&founding),
        founding.signing_key(TRUST).expect("a member"),
    );
    config.tick = Duration::from_millis(10);
    let store = Store::open(place, StoreConfig::default()).expect("nobody has it open");
    let log = Arc::new(log.handle(TRUST).expect("a handle"));
    Node::start(config, store, log, Arc::new(clock.clone())).expect("a node")
}

/// The board's next bundle, as it would sign it on the log as it stands.
async fn head_of_the_board(log: &dyn SharedLog, clock: &MovableClock) -> Bytes {
    let founding = founding();
    let mut admission = Admission::new(file(&founding));
    for record in records(log).await {
        admission.admit(&record);
    }
    let place = Place {
        partnership: *admission.partnership(),
        organisation: founding.organisation(BOARD).expect("a member"),
        directory_version: admission.directory_version(),
        seq: 1,
        prev: BundleHash::ZERO,
        seen: admission.seen(),
        claimed_time: clock.now(),
    };
    let key = founding.signing_key(BOARD).expect("a member");
    let head = Bundle::sign(place, Vec::new(), &key).expect("it is small");
    head.to_record().into()
}

async fn says_upgrade(node: &Node) -> Status {
    let told = async {
        loop {
            let status = node.status().await.expect("running");
            if status.upgrade_needed {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    told.expect("it says that it must be upgraded")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_needs_an_upgrade_stops_the_node_and_stops_it_again_after_a_restart() {
    let clock = clock_at("2026-12-18T10:00:00Z");
    let log = EmbeddedLog::temporary()
        .expect("a log")
        .with_time(clock.time_source());
    let place = TempDir::new().expect("a directory");
    let node = start(&place.path().join("store"), &log, &clock);
    let opened = fresh_emission(None, "complaint-received", &complaint(), Stage::Ruled);
    let case = node.emit(opened).await.expect("accepted").case;
    rest(&[&node]).await;
    let before = node.status().await.expect("running");

    // What comes after it would be admitted, if it were read.
    let board = log.handle(BOARD).expect("a handle");
    let head = head_of_the_board(&board, &clock).await;
    let at = board
        .append(Bytes::from_static(OF_FORMAT_2), "format-2", Offset(0))
        .await
        .expect("the log takes anything");
    board.append(head, "head", at).await.expect("appended");
    let stopped = says_upgrade(&node).await;
    assert_eq!((stopped.size, stopped.root), (before.size, before.root));

    // It takes drafts on, and signs nothing.
    let told = json!({"method": "letter"});
    let told = fresh_emission(Some(case), "complainant-updated", &told, Stage::Accepted);
    let id = told.event_id;
    assert_eq!(
        node.emit(told).await.expect("accepted").stage,
        Stage::Accepted
    );

    node.stop().await;
    drop(node);
    let node = start(&place.path().join("store"), &log, &clock);
    let again = says_upgrade(&node).await;
    assert_eq!((again.size, again.root), (before.size, before.root));
    assert_eq!(again.quarantined, before.quarantined);
    let receipt = node.receipt(id).await.expect("known");
    assert_eq!(receipt.stage, Stage::Accepted);
    node.stop().await;
}
