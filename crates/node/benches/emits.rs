//! Emits a second through one node on the embedded log, beside bare synced commits of the same bytes to the same kind of store, in
//! the same run: the disk decides both, so that their ratio says what the node adds and what its bundles save.
//!
//! `cargo bench -p concordat-node`; see docs/benchmarks.md.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_domain::ids::{CaseId, EventId};
use concordat_log::SharedLog as _;
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, Sandbox};
use concordat_node::{Emission, Node, Ruling, Stage};
use concordat_store::{Batch, Store, StoreConfig};
use concordat_trust::bundle::Bundle;
use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Local systems that emit at the same time, each on a case of its own and one event after the other.
const EMITTERS: usize = 64;
const TRUST: &str = "ods:ZT1";

fn emission(case: Option<CaseId>, event_type: &str, fields: &Value) -> Emission {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("randomness");
    Emission {
        event_id: EventId(id),
        case,
        input: form::read(event_type, fields).expect("a well-formed event"),
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: Duration::from_secs(60),
        validate_only: false,
        traceparent: None,
    }
}

async fn emit(node: &Node, emission: Emission) -> CaseId {
    let receipt = node.emit(emission).await.expect("accepted");
    assert_eq!(receipt.ruling, Some(Ruling::Effective));
    receipt.case
}

/// One organisation with its node on disk, and a case for each emitter.
struct Office {
    sandbox: Arc<Sandbox>,
    cases: Vec<CaseId>,
}

impl Office {
    async fn open(directory: &Path) -> Self {
        let clock = MovableClock::starting_at("2026-12-18T10:00:00Z".parse().expect("an instant"));
        let log = EmbeddedLog::open(&directory.join("log"))
            .expect("a new log")
            .with_time(clock.time_source());
        let trust = sandbox::organisation(TRUST, "Trust", "nhs-trust").expect("a code");
        let own = trust.id.clone();
        let founding =
            Founding::new("Benchmark", &Directory::new([trust], []), [&own]).expect("founded");
        let sandbox = Sandbox::start(directory, founding, clock, &log).expect("a node");
        let opening = json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
            "subject_ref": "p-1", "nature": "a complaint", "received_on": "2026-12-18", "screened_on": "2026-12-18"});
        let mut cases = Vec::new();
        for _ in 0..EMITTERS {
            let node = sandbox.node(TRUST).expect("it runs");
            cases.push(emit(node, emission(None, "complaint-received", &opening)).await);
        }
        Self {
            sandbox: Arc::new(sandbox),
            cases,
        }
    }

    fn node(&self) -> &Node {
        self.sandbox.node(TRUST).expect("it runs")
    }

    /// Each emitter hands in so many events, one after the other; until all are ruled.
    async fn work(&self, rounds: u64) -> Duration {
        let update = json!({"method": "letter", "what": "The investigation goes on; the ward has sent its notes and the doctor has been asked."});
        let begun = Instant::now();
        let emitters = self.cases.iter().map(|case| {
            let update = &update;
            async move {
                for _ in 0..rounds {
                    emit(
                        self.node(),
                        emission(Some(*case), "complainant-updated", update),
                    )
                    .await;
                }
            }
        });
        futures::future::join_all(emitters).await;
        begun.elapsed()
    }

    /// Number of events, and the records that carry them, from an offset on.
    async fn written_after(&self, first: u64) -> (u64, Vec<Vec<u8>>) {
        let log = self.sandbox.connection(TRUST).expect("embedded");
        let head = log.head().await.expect("attached");
        let (mut events, mut records) = (0, Vec::new());
        for offset in first + 1..=head.0 {
            let record = log
                .record_at(concordat_log::Offset(offset))
                .await
                .expect("attached");
            let bytes = record.expect("no holes").bytes.to_vec();
            events += Bundle::parse(&bytes).expect("a bundle").envelopes().len() as u64;
            records.push(bytes);
        }
        (events, records)
    }
}

/// Commits each of `records` with a sync of its own.
fn commit_each<'r>(store: &Store, records: impl Iterator<Item = &'r [u8]>) -> Duration {
    let begun = Instant::now();
    for record in records {
        let mut batch = Batch::new();
        let index = store.journal().len();
        store
            .journal()
            .append(&mut batch, index, index + 1, record)
            .expect("it fits");
        store.commit(batch).expect("the disk takes it");
    }
    begun.elapsed()
}

/// What several samples of one thing came to.
#[derive(Default)]
struct Tally {
    done: u64,
    took: Duration,
}

impl Tally {
    fn add(&mut self, done: u64, took: Duration) -> Duration {
        self.done += done;
        self.took += took;
        took
    }

    fn a_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

#[expect(clippy::print_stdout, reason = "the figure is what it is for")]
fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let directory = tempfile::TempDir::new().expect("a directory");
    let office = runtime.block_on(Office::open(directory.path()));
    let before = runtime.block_on(office.node().status()).expect("running");

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(8))
        .configure_from_args();
    let mut group = criterion.benchmark_group("emits");
    group.throughput(Throughput::Elements(EMITTERS as u64));
    let mut emitted = Tally::default();
    group.bench_function("one node, 64 emitters, ruled", |bench| {
        bench.iter_custom(|rounds| {
            let took = runtime.block_on(office.work(rounds));
            emitted.add(rounds * EMITTERS as u64, took)
        });
    });

    let after = runtime.block_on(office.node().status()).expect("running");
    let (events, records) = runtime.block_on(office.written_after(before.offset));
    let bytes: usize = records.iter().map(Vec::len).sum();
    let an_event = bytes / usize::try_from(events.max(1)).expect("few");
    let store =
        Store::open(&directory.path().join("bare"), StoreConfig::default()).expect("a store");
    let record = vec![7; an_event];
    let mut committed = Tally::default();
    group.bench_function("bare store, a synced commit an event", |bench| {
        bench.iter_custom(|rounds| {
            let commits = rounds * EMITTERS as u64;
            let all = (0..commits).map(|_| record.as_slice());
            committed.add(commits, commit_each(&store, all))
        });
    });
    group.finish();
    criterion.final_summary();
    if emitted.done == 0 || committed.done == 0 {
        // Run as a test, or with a filter: nothing was measured.
        return;
    }
    // The node's own bundles again, one synced commit each: what remains if all but store and disk cost nothing.
    let as_bundled = commit_each(&store, records.iter().map(Vec::as_slice));
    let as_bundled = events as f64 / as_bundled.as_secs_f64();
    println!(
        "\n{:.0} emits/s; {events} events in {} bundles, {an_event} bytes an event, {} syncs of the node's store",
        emitted.a_second(),
        records.len(),
        after.syncs - before.syncs
    );
    println!(
        "{:.0} commits/s bare, one an event: ratio {:.2}",
        committed.a_second(),
        emitted.a_second() / committed.a_second()
    );
    println!(
        "{as_bundled:.0} events/s bare, one commit a bundle: ratio {:.2}",
        emitted.a_second() / as_bundled
    );
}
