//! The embedded log keeps the contract, survives its process, and can be cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use concordat_log::contract::{self, Harness};
use concordat_log::embedded::EmbeddedLog;
use concordat_log::{AppendError, Error, Offset, SharedLog, Uncertainty};
use futures::StreamExt;
use jiff::Timestamp;

/// A log in a directory that is removed with it.
struct OnDisk {
    log: EmbeddedLog,
    _directory: tempfile::TempDir,
}

impl OnDisk {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            log: EmbeddedLog::open(directory.path()).expect("a new log"),
            _directory: directory,
        }
    }
}

#[async_trait]
impl Harness for OnDisk {
    async fn open(&self, organisation: &str) -> Arc<dyn SharedLog> {
        Arc::new(self.log.handle(organisation).expect("a plain code"))
    }
}

concordat_log::contract_tests!(OnDisk::new());

struct Temporary(EmbeddedLog);

#[async_trait]
impl Harness for Temporary {
    async fn open(&self, organisation: &str) -> Arc<dyn SharedLog> {
        Arc::new(self.0.handle(organisation).expect("a plain code"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_log_keeps_the_contract() {
    contract::every_property(async |_| Temporary(EmbeddedLog::temporary().expect("a new log")))
        .await;
}

#[tokio::test]
async fn records_and_fence_survive_reopening() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut last = Offset(0);
    for round in 0..3_u8 {
        let log = EmbeddedLog::open(directory.path()).expect("closed by the round before");
        let handle = log.handle("ods:A").expect("a plain code");
        assert_eq!(handle.head().await.expect("attached"), last);
        let record = Bytes::from(vec![round; 300 * 1024]);
        last = handle
            .append(record.clone(), "id", last)
            .await
            .expect("the fence was kept");
        let stored = handle
            .record_at(last)
            .await
            .expect("attached")
            .expect("just appended");
        assert_eq!(stored.bytes, record);
    }
    assert_eq!(last, Offset(3));
}

#[tokio::test]
async fn second_opener_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let _first = EmbeddedLog::open(directory.path()).expect("a new log");
    assert!(matches!(
        EmbeddedLog::open(directory.path()),
        Err(Error::InUse { .. })
    ));
}

#[tokio::test]
async fn detached_organisation_is_cut_off_alone_and_comes_back() {
    let log = EmbeddedLog::temporary().expect("a new log");
    let (a, b) = (
        log.handle("ods:A").expect("plain"),
        log.handle("gss:B").expect("plain"),
    );
    let mut following = a.follow(Offset(0)).await.expect("attached");

    a.detach();
    let next = tokio::time::timeout(Duration::from_secs(60), following.next())
        .await
        .expect("the follower is told");
    assert!(matches!(next, Some(Err(Error::Unavailable { .. }))));
    assert!(following.next().await.is_none());
    assert!(!a.connected());
    assert!(matches!(a.head().await, Err(Error::Unavailable { .. })));
    assert!(matches!(
        a.append(Bytes::from_static(b"x"), "1", Offset(0)).await,
        Err(AppendError::Uncertain {
            why: Uncertainty::Disconnected
        })
    ));
    b.append(Bytes::from_static(b"y"), "2", Offset(0))
        .await
        .expect("b is attached");

    assert!(matches!(a.time().await, Err(Error::Unavailable { .. })));

    a.attach();
    let mut following = a.follow(Offset(0)).await.expect("attached again");
    let record = following
        .next()
        .await
        .expect("b appended")
        .expect("attached");
    assert_eq!(record.bytes, Bytes::from_static(b"y"));
    assert_eq!(a.last_own().await.expect("attached"), None);
}

#[tokio::test]
async fn log_tells_the_time_of_the_clock_that_its_owner_gave_it() {
    let hands = Arc::new(AtomicI64::new(1_000));
    let read = Arc::clone(&hands);
    let log = EmbeddedLog::temporary()
        .expect("a new log")
        .with_time(Arc::new(move || {
            Timestamp::from_second(read.load(Ordering::SeqCst)).expect("in range")
        }));
    let handle = log.handle("ods:A").expect("plain");
    for second in [1_000, 5_000, 2_000] {
        hands.store(second, Ordering::SeqCst);
        assert_eq!(handle.time().await.expect("attached").as_second(), second);
    }
}

#[tokio::test]
async fn one_that_has_fallen_behind_appends_and_hears_of_nothing_until_it_catches_up() {
    let log = EmbeddedLog::temporary().expect("a new log");
    let (a, b) = (
        log.handle("ods:A").expect("plain"),
        log.handle("gss:B").expect("plain"),
    );
    let mut following = a.follow(Offset(0)).await.expect("attached");
    b.append(Bytes::from_static(b"1"), "1", Offset(0))
        .await
        .expect("attached");
    a.fall_behind();
    b.append(Bytes::from_static(b"2"), "2", Offset(1))
        .await
        .expect("attached");
    let own = a.append(Bytes::from_static(b"3"), "3", Offset(0)).await;
    assert_eq!(own.expect("it appends as before"), Offset(3));

    let mut next = async || following.next().await.expect("more").expect("attached");
    assert_eq!(next().await.offset, Offset(1), "what was there before");
    let waiting = tokio::time::timeout(Duration::from_millis(50), next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    let waiting = tokio::time::timeout(Duration::from_millis(50), a.time()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    a.catch_up();
    a.time().await.expect("attached");
    for offset in [2, 3] {
        assert_eq!(next().await.offset, Offset(offset));
    }
}

#[tokio::test]
async fn lost_acknowledgement_is_uncertain_though_the_record_is_stored() {
    let log = EmbeddedLog::temporary().expect("a new log");
    let handle = log.handle("ods:A").expect("plain");
    handle.lose_next_acknowledgement();
    assert!(matches!(
        handle
            .append(Bytes::from_static(b"x"), "1", Offset(0))
            .await,
        Err(AppendError::Uncertain {
            why: Uncertainty::TimedOut
        })
    ));
    let own = handle
        .last_own()
        .await
        .expect("attached")
        .expect("it was stored");
    assert_eq!(own.offset, Offset(1));
    handle
        .append(Bytes::from_static(b"y"), "2", Offset(1))
        .await
        .expect("only one acknowledgement is lost");
}
