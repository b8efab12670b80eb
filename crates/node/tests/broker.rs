//! Three nodes on a real nats-server: the way of a case, what lies on the disks, and an outage in the middle.

mod support;

use std::path::Path;

use concordat_node::{Emission, Error, Publishing, Ruling, Stage};
use concordat_tests::nats::NatsServer;
use serde_json::json;
use support::{BOARD, CODES, COUNCIL, Partnership, TRUST};

/// Whether any file below a directory has these bytes.
fn is_on_disk(directory: &Path, wanted: &str) -> bool {
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes
                .windows(wanted.len())
                .any(|window| window == wanted.as_bytes())
            {
                return true;
            }
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_on_a_real_broker_is_nowhere_in_clear_and_survives_an_outage() {
    let mut broker = NatsServer::start();
    let mut partnership = Partnership::on_broker("2026-12-18T10:00:00Z", &broker.url()).await;
    let case = partnership.open().await;
    partnership.settle().await;
    for code in CODES {
        assert!(
            !is_on_disk(&partnership.sandbox.store_directory(code), "CANARY"),
            "content lies in clear in a node's store"
        );
    }
    assert!(
        !is_on_disk(&broker.data_directory(), "CANARY"),
        "content lies in clear at the broker"
    );
    assert!(matches!(
        partnership.node(COUNCIL).case(case, None).await,
        Err(Error::UnknownCase)
    ));

    broker.kill();
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let emission = partnership.emission(Some(case), "complaint-acknowledged", &fields);
    let id = emission.event_id;
    let receipt = partnership
        .node(TRUST)
        .emit(Emission {
            wait_for: Stage::Accepted,
            ..emission
        })
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Accepted);
    broker.restart();
    partnership.wait_for(TRUST, id, Stage::Ruled).await;
    let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
    assert_eq!(receipt.ruling, Some(Ruling::Effective));

    let consent = json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"});
    partnership
        .emit(TRUST, case, "consent-granted", consent)
        .await;
    partnership
        .emit(
            TRUST,
            case,
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner"}),
        )
        .await;
    partnership
        .emit(
            COUNCIL,
            case,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
        )
        .await;
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
    let history = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its history");
    assert!(
        format!("{:?}", history[0].event).contains("CANARY"),
        "now the consent covers it"
    );
    assert!(matches!(
        partnership.node(BOARD).case(case, None).await,
        Err(Error::UnknownCase)
    ));
    assert!(!is_on_disk(&broker.data_directory(), "CANARY"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        let there = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &there);
        } else {
            std::fs::copy(&path, &there).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_rolled_back_to_an_older_copy_is_found_and_nothing_is_signed_twice() {
    let mut broker = NatsServer::start();
    let mut partnership = Partnership::on_broker("2026-12-18T10:00:00Z", &broker.url()).await;
    let case = partnership.open().await;
    partnership.settle().await;

    broker.kill();
    let older = tempfile::TempDir::new().expect("a directory");
    copy(&broker.data_directory(), older.path());
    broker.restart();
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    partnership
        .emit(TRUST, case, "complaint-acknowledged", fields)
        .await;
    let before = partnership.node(TRUST).status().await.expect("running");

    broker.kill();
    std::fs::remove_dir_all(broker.data_directory()).expect("the newer copy is lost");
    copy(older.path(), &broker.data_directory());
    broker.restart();
    let stopped = async {
        loop {
            let status = partnership.node(TRUST).status().await.expect("running");
            if let Publishing::Stopped { why } = status.publishing {
                return why;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let why = tokio::time::timeout(std::time::Duration::from_secs(60), stopped)
        .await
        .expect("it is found");
    assert!(why.contains("the log"), "{why}");

    // Emits are still accepted here; nothing is signed over the lost place.
    let update = partnership.emission(
        Some(case),
        "complainant-updated",
        &json!({"method": "letter"}),
    );
    let receipt = partnership
        .node(TRUST)
        .emit(Emission {
            wait_for: Stage::Accepted,
            ..update
        })
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Accepted);
    let after = partnership.node(TRUST).status().await.expect("running");
    assert_eq!(
        (after.size, after.root),
        (before.size, before.root),
        "the journal is the record"
    );
    for (_, node) in partnership.sandbox.nodes() {
        assert!(
            node.status()
                .await
                .expect("running")
                .contradictions
                .is_empty(),
            "nobody signed a place twice"
        );
    }
}
