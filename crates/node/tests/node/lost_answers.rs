//! An append whose answer does not come is looked for before it is made again: one admitted bundle, whatever the broker said.

use crate::support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use concordat_domain::ids::EventId;
use concordat_log::SharedLog;
use concordat_node::{Emission, Ruling, Stage};
use concordat_tests::nats::{NatsCluster, NatsServer};
use concordat_tests::proxy::TcpProxy;
use concordat_trust::bundle::Bundle;
use serde_json::json;
use support::{
    BOARD, CODES, COUNCIL, OnClock, Partnership, TRUST, broker_log_with, clock_at, records,
};

const START: &str = "2026-12-18T10:00:00Z";
/// Shorter than the default, so that a lost answer is given up soon.
const ACK_TIMEOUT: Duration = Duration::from_millis(700);

fn update() -> serde_json::Value {
    json!({"method": "letter"})
}

/// Bundles on the log that carry an event.
async fn bundles_with(log: &dyn SharedLog, event: EventId) -> usize {
    let carries = |record: &bytes::Bytes| {
        let bundle = Bundle::parse(record).expect("nothing else was appended");
        let mut ids = bundle
            .envelopes()
            .iter()
            .map(|envelope| envelope.header().event_id);
        ids.any(|id| id == event)
    };
    records(log)
        .await
        .iter()
        .filter(|record| carries(record))
        .count()
}

/// The trust's answers are lost while it appends: its bundle counts once, and its receipts say what happened.
async fn an_answer_is_lost(servers: &[String], replicas: usize) {
    let first = servers[0]
        .trim_start_matches("nats://")
        .parse()
        .expect("an address");
    let proxy = TcpProxy::start(first).await;
    let clock = clock_at(START);
    let mut logs: BTreeMap<String, Arc<dyn SharedLog>> = BTreeMap::new();
    for (place, code) in CODES.iter().enumerate() {
        let direct = servers[place % servers.len()].clone();
        let url = if *code == TRUST { proxy.url() } else { direct };
        let log = broker_log_with(code, &url, replicas, ACK_TIMEOUT).await;
        logs.insert((*code).to_owned(), Arc::new(OnClock::new(log, &clock)));
    }
    let looking = Arc::clone(&logs[COUNCIL]);
    let mut partnership = Partnership::on_logs(clock, logs);
    let case = partnership.joint().await;
    for round in 0..3 {
        let mut progress = partnership.node(COUNCIL).progress();
        proxy.drop_replies();
        let emission = Emission {
            wait_for: Stage::Accepted,
            ..partnership.emission(Some(case), "complainant-updated", &update())
        };
        let id = emission.event_id;
        let receipt = partnership
            .node(TRUST)
            .emit(emission)
            .await
            .expect("accepted");
        assert_eq!(receipt.stage, Stage::Accepted);
        // Others see it on the log while its author knows nothing.
        let stored = async {
            while bundles_with(&*looking, id).await == 0 {
                // A head of another may come first.
                progress.changed().await.expect("running");
            }
        };
        tokio::time::timeout(Duration::from_secs(30), stored)
            .await
            .expect("it was stored");
        assert_eq!(bundles_with(&*looking, id).await, 1);
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!((receipt.stage, receipt.ruling), (Stage::Accepted, None));
        proxy.restore();
        partnership.wait_for(TRUST, id, Stage::Ruled).await;
        partnership.settle().await;
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!(receipt.ruling, Some(Ruling::Effective), "round {round}");
        assert_eq!(bundles_with(&*looking, id).await, 1, "round {round}");
        assert!(
            partnership
                .node(TRUST)
                .drafts()
                .await
                .expect("running")
                .is_empty()
        );
    }
    for code in [TRUST, COUNCIL, BOARD] {
        let status = partnership.node(code).status().await.expect("running");
        assert_eq!(
            (status.quarantined, status.contradictions.len()),
            (0, 0),
            "{code}"
        );
    }
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_lost_on_one_server_gives_one_admitted_bundle() {
    let server = NatsServer::start();
    an_answer_is_lost(&[server.url()], 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_lost_on_a_cluster_of_three_gives_one_admitted_bundle() {
    let cluster = NatsCluster::start(3);
    an_answer_is_lost(&cluster.urls(), 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_says_in_process_is_given_time_before_the_same_bundle_is_appended_again() {
    let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
    let case = partnership.joint().await;
    trust.refuse_next(4);
    let emission = partnership.emission(Some(case), "complainant-updated", &update());
    let id = emission.event_id;
    let receipt = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.ruling, Some(Ruling::Effective));
    let appends = trust.appends();
    assert!(
        appends.len() >= 5,
        "four refused, one taken: {}",
        appends.len()
    );
    for (tried, pair) in appends[..5].windows(2).enumerate() {
        let pause = pair[1] - pair[0];
        let least = Duration::from_millis(10) * 2_u32.pow(u32::try_from(tried).expect("few"));
        assert!(pause >= least, "after try {tried} only {pause:?}");
    }
    partnership.settle().await;
    assert_eq!(bundles_with(&trust, id).await, 1);
}
