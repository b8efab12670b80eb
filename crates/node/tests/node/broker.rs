//! Three nodes on a real nats-server: the way of a case, what lies on the disks, and an outage in the middle.

use crate::support;

use std::path::Path;

use concordat_domain::ids::CaseId;
use concordat_node::{Emission, Error, Publishing, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_tests::nats::NatsServer;
use serde_json::json;
use support::{BOARD, CODES, COUNCIL, Partnership, TRUST};

/// Whether any file below a directory has these words, as they are or in hexadecimal, which is how drafts keep what was handed in.
fn is_in_clear(directory: &Path, words: &str) -> bool {
    is_on_disk(directory, words) || is_on_disk(directory, &hex::encode(words))
}

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

/// A draft with content waits on the trust's disk, and is not there in clear. That the store has what is secret, and has it sealed, the
/// entries of drafts and keys show.
async fn waits_in_no_clear(partnership: &mut Partnership, case: CaseId) {
    let told = json!({"method": "letter", "what": "CANARY told"});
    let told = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(Some(case), "complainant-updated", &told)
    };
    let receipt = partnership.node(TRUST).emit(told).await;
    assert_eq!(receipt.expect("accepted").stage, Stage::Accepted);
    partnership.down(TRUST).await;
    let place = partnership.sandbox.store_directory(TRUST);
    let store = Store::open(&place, StoreConfig::default()).expect("the node has closed it");
    let drafts: Vec<_> = store
        .drafts()
        .all()
        .map(|draft| draft.expect("it opens").1)
        .collect();
    let kept = hex::encode("CANARY");
    let has_canary = |draft: &Vec<u8>| draft.windows(kept.len()).any(|at| at == kept.as_bytes());
    assert_eq!(
        (
            drafts.len(),
            drafts.iter().filter(|draft| has_canary(draft)).count()
        ),
        (2, 1)
    );
    assert!(
        store.vault().with_prefix("keys/").count() > 0,
        "it holds keys"
    );
    drop(store);
    assert!(
        !is_in_clear(&place, "CANARY"),
        "content lies in clear in a node's store"
    );
    partnership.up(TRUST);
}

// Proves: D-11, D-13, 002-3.7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_on_a_real_broker_is_nowhere_in_clear_and_survives_an_outage() {
    let mut broker = NatsServer::start();
    let mut partnership = Partnership::on_broker("2026-12-18T10:00:00Z", &broker.url()).await;
    let case = partnership.open().await;
    partnership.settle().await;
    for code in CODES {
        assert!(
            !is_in_clear(&partnership.sandbox.store_directory(code), "CANARY"),
            "content lies in clear in a node's store"
        );
    }
    assert!(
        !is_in_clear(&broker.data_directory(), "CANARY"),
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
    waits_in_no_clear(&mut partnership, case).await;
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
    assert!(!is_in_clear(&broker.data_directory(), "CANARY"));
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
