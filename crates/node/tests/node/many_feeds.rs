//! Thousands of feeds on one node: what they cost in memory, and what they take from emits.
//!
//! `cargo test --release -p concordat-node --test node many_feeds -- --ignored --nocapture`; see docs/benchmarks.md.

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use concordat_domain::ids::CaseId;
use concordat_node::{
    FeedFilter, FeedFollower, FeedOptions, FeedPlace, Follow, Node, Ruling, Stage,
};
use serde_json::json;
use support::{Partnership, TRUST, fresh_emission};
use tokio::task::JoinSet;

/// Feeds that are followed, unless the environment says otherwise.
const FEEDS: usize = 5_000;
/// Cases, each with an emitter of its own.
const CASES: usize = 64;
/// Events that each emitter hands in.
const EVENTS: usize = 20;

/// Resident memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or_default()
}

/// Emits a second, each emitter one event after the other until all are ruled.
async fn emits_a_second(node: &Node, cases: &[CaseId]) -> f64 {
    let update = json!({"method": "letter"});
    let begun = Instant::now();
    let emitters = cases.iter().map(|case| async {
        for _ in 0..EVENTS {
            let emission =
                fresh_emission(Some(*case), "complainant-updated", &update, Stage::Ruled);
            let receipt = node.emit(emission).await.expect("accepted");
            assert_eq!(receipt.ruling, Some(Ruling::Effective));
        }
    });
    futures::future::join_all(emitters).await;
    let events = u32::try_from(cases.len() * EVENTS).expect("few");
    f64::from(events) / begun.elapsed().as_secs_f64()
}

async fn follow(mut follower: FeedFollower, delivered: Arc<AtomicU64>) {
    while let Ok(portion) = follower.portion(32).await {
        let entries = portion.entries.len() as u64;
        delivered.fetch_add(entries, Ordering::Relaxed);
        if entries == 0 && portion.lag == 0 {
            follower.woken().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: takes minutes, and means something in a release build only"]
async fn thousands_of_followed_feeds_beside_emits() {
    let feeds = support::setting("CONCORDAT_FEEDS");
    let feeds = feeds.and_then(|feeds| feeds.parse().ok()).unwrap_or(FEEDS);
    let mut partnership = Partnership::of_two("2026-03-02T09:00:00Z");
    let mut cases = Vec::new();
    for _ in 0..CASES {
        cases.push(partnership.open().await);
    }
    partnership.settle().await;
    let node = partnership.node(TRUST);
    let without = emits_a_second(node, &cases).await;
    let before = resident_kib();
    let delivered = Arc::new(AtomicU64::new(0));
    let mut followers = JoinSet::new();
    for number in 0..feeds {
        let name = format!("feed-{number}");
        let filter = FeedFilter {
            cases: [cases[number % CASES].to_string()].into(),
            ..FeedFilter::default()
        };
        let options = FeedOptions {
            filter,
            ..FeedOptions::default()
        };
        node.create_feed(name.clone(), FeedPlace::Now, options)
            .await
            .expect("created");
        let (follower, _) = node
            .follow_feed(Follow::Committed(name))
            .await
            .expect("followed");
        followers.spawn(follow(follower, Arc::clone(&delivered)));
    }
    let of_feeds = resident_kib().saturating_sub(before);
    let with = emits_a_second(node, &cases).await;
    let expected: usize = (0..feeds).map(|_| EVENTS).sum();
    let begun = Instant::now();
    while delivered.load(Ordering::Relaxed) < expected as u64 {
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(120),
            "all is delivered"
        );
        tokio::task::yield_now().await;
    }
    followers.shutdown().await;
    // Cases grow longer meanwhile, and longer ones are slower: measured before and after.
    let after = emits_a_second(node, &cases).await;
    println!(
        "{feeds} feeds: {} bytes a feed; emits/s {without:.0} before, {with:.0} with, {after:.0} after, ratio {:.2}; {expected} deliveries",
        of_feeds * 1024 / feeds as u64,
        2.0 * with / (without + after)
    );
}
