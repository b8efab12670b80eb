//! WITNESSED: bundles of two other organisations, or of the only other, cover the one that carries the event (design, section 2).

use crate::support;

use std::time::Duration;

use concordat_node::{Emission, Stage};
use serde_json::json;
use support::{BOARD, COUNCIL, Partnership, TRUST};

const START: &str = "2026-12-18T10:00:00Z";

async fn until_size(partnership: &Partnership, code: &str, size: u64) {
    let progress = async {
        while partnership.node(code).status().await.expect("running").size < size {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), progress)
        .await
        .expect("the log grows");
}

/// An update of the case by the trust, whose emitter waits until it is witnessed.
async fn waiting(partnership: &mut Partnership) -> Emission {
    let case = partnership.open().await;
    partnership.settle().await;
    Emission {
        wait_for: Stage::Witnessed,
        ..partnership.emission(
            Some(case),
            "complainant-updated",
            &json!({"method": "letter"}),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_witnesses_is_answered_when_two_of_three_have_seen_it() {
    let mut partnership = Partnership::start(START);
    let emission = waiting(&mut partnership).await;
    let receipt = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Witnessed);
    assert!(receipt.position.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_others_is_not_enough() {
    let mut partnership = Partnership::start(START);
    let emission = waiting(&mut partnership).await;
    let id = emission.event_id;
    partnership.cut_off(BOARD).await;
    let (emitted, ()) = tokio::join!(partnership.node(TRUST).emit(emission), async {
        partnership.wait_for(TRUST, id, Stage::Ruled).await;
        let ruled = partnership.node(TRUST).receipt(id).await.expect("known");
        let place = ruled.position.expect("it stands on the log").bundle;
        // The council's head comes behind it and covers it; the board's cannot.
        until_size(&partnership, TRUST, place + 2).await;
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!(receipt.stage, Stage::Ruled);
        partnership.handle(BOARD).attach();
    });
    assert_eq!(emitted.expect("accepted").stage, Stage::Witnessed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_partnership_of_two_the_only_other_is_enough_and_needed() {
    let mut partnership = Partnership::of_two(START);
    let emission = waiting(&mut partnership).await;
    let id = emission.event_id;
    partnership.cut_off(COUNCIL).await;
    let (emitted, ()) = tokio::join!(partnership.node(TRUST).emit(emission), async {
        partnership.wait_for(TRUST, id, Stage::Ruled).await;
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!(receipt.stage, Stage::Ruled);
        partnership.handle(COUNCIL).attach();
    });
    assert_eq!(emitted.expect("accepted").stage, Stage::Witnessed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_had_covered_before_a_restart_is_covered_after_it() {
    let mut partnership = Partnership::of_two(START);
    let emission = Emission {
        wait_for: Stage::Ruled,
        ..waiting(&mut partnership).await
    };
    let id = emission.event_id;
    partnership.down(COUNCIL).await;
    let receipt = partnership.node(TRUST).emit(emission).await;
    let place = receipt
        .expect("accepted")
        .position
        .expect("on the log")
        .bundle;

    // A node of the council that is in no hurry reads the bundle and stops, long before it would cover it.
    let patient = partnership.node_of(COUNCIL, |config| {
        config.witness_after = Duration::from_secs(3600)
    });
    let mut progress = patient.progress();
    progress
        .wait_for(|size| *size > place)
        .await
        .expect("it runs");
    patient.stop().await;
    assert_eq!(
        partnership
            .node(TRUST)
            .receipt(id)
            .await
            .expect("known")
            .stage,
        Stage::Ruled
    );

    partnership.up(COUNCIL);
    partnership.wait_for(TRUST, id, Stage::Witnessed).await;
}
