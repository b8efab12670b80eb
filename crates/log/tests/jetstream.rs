//! JetStream keeps the contract, on one server and on a cluster, and through the failures of wire.md 3.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};
use async_trait::async_trait;
use bytes::Bytes;
use concordat_log::contract::{self, Harness};
use concordat_log::jetstream::{JetStreamConfig, JetStreamLog};
use concordat_log::{AppendError, Error, Offset, Record, SharedLog, Uncertainty};
use concordat_tests::nats::{NatsCluster, NatsServer};
use concordat_tests::proxy::TcpProxy;
use futures::StreamExt;

const HANG: Duration = Duration::from_secs(60);

/// One partnership on given servers.
struct Partnership {
    servers: Vec<String>,
    name: String,
    replicas: usize,
    _server: Option<NatsServer>,
}

impl Partnership {
    async fn on_a_new_server() -> Self {
        let server = NatsServer::start();
        Self {
            servers: vec![server.url()],
            name: "north".into(),
            replicas: 1,
            _server: Some(server),
        }
    }
}

#[async_trait]
impl Harness for Partnership {
    async fn open(&self, organisation: &str) -> Arc<dyn SharedLog> {
        let config = JetStreamConfig {
            replicas: self.replicas,
            ..JetStreamConfig::new(self.servers.clone(), &self.name, organisation)
        };
        Arc::new(ready(config).await)
    }
}

concordat_log::contract_tests!(Partnership::on_a_new_server());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_of_three_keeps_the_contract() {
    let cluster = NatsCluster::start(3);
    contract::every_property(async |number| Partnership {
        servers: cluster.urls(),
        name: format!("p{number}"),
        replicas: 3,
        _server: None,
    })
    .await;
}

/// Opens a log and waits for it; a cluster may need a moment to place a stream.
async fn ready(config: JetStreamConfig) -> JetStreamLog {
    let log = JetStreamLog::open(config)
        .await
        .expect("a good configuration");
    let trying = async {
        while let Err(error) = log.ready().await {
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(HANG, trying)
        .await
        .expect("the servers are up");
    log
}

fn config(url: String) -> JetStreamConfig {
    JetStreamConfig {
        ack_timeout: Duration::from_millis(700),
        ..JetStreamConfig::new(vec![url], "north", "ods:A")
    }
}

fn text(number: u64) -> Bytes {
    Bytes::from(format!("record {number}"))
}

async fn own(log: &JetStreamLog) -> Option<Record> {
    log.last_own().await.expect("the log can be reached")
}

#[tokio::test]
async fn stream_is_made_safe_and_an_unsafe_one_is_refused_by_name() {
    let server = NatsServer::start();
    ready(config(server.url())).await;
    let client = async_nats::connect(server.url()).await.expect("it is up");
    let context = async_nats::jetstream::new(client);
    let stream = context
        .get_stream("concordat-v1-north")
        .await
        .expect("it was made");
    assert!(stream.delete_message(1).await.is_err());
    let made = stream.cached_info().config.clone();
    assert!(made.deny_delete && made.deny_purge);

    let loose = Config {
        name: "concordat-v1-south".into(),
        subjects: vec!["concordat.v1.south.*".into()],
        storage: StorageType::Memory,
        max_age: Duration::from_secs(3600),
        ..Config::default()
    };
    context
        .create_stream(loose)
        .await
        .expect("the server does not mind");
    let config = JetStreamConfig::new(vec![server.url()], "south", "ods:A");
    let log = JetStreamLog::open(config.clone())
        .await
        .expect("a good configuration");
    match log.ready().await {
        Err(Error::UnsafeStream { stream, faults }) => {
            assert_eq!(stream, "concordat-v1-south");
            for fault in ["storage", "deny_delete", "deny_purge", "discard", "max_age"] {
                assert!(
                    faults.iter().any(|named| named.contains(fault)),
                    "{fault} is not among {faults:?}"
                );
            }
        }
        other => panic!("answered {other:?}"),
    }
    assert!(matches!(
        log.append(text(1), "1", Offset(0)).await,
        Err(AppendError::Uncertain { .. })
    ));

    let told = JetStreamLog::open(JetStreamConfig {
        allow_unsafe: true,
        ..config
    })
    .await
    .expect("good");
    told.ready().await.expect("it was told to take it");
    told.append(text(1), "1", Offset(0))
        .await
        .expect("it was told to take it");
}

#[tokio::test]
async fn stream_that_becomes_unsafe_is_refused_to_the_next_follower() {
    let server = NatsServer::start();
    let log = ready(config(server.url())).await;
    drop(log.follow(Offset(0)).await.expect("safe so far"));
    let context =
        async_nats::jetstream::new(async_nats::connect(server.url()).await.expect("it is up"));
    let mut changed = context
        .get_stream("concordat-v1-north")
        .await
        .expect("it is there")
        .cached_info()
        .config
        .clone();
    changed.max_age = Duration::from_secs(3600);
    context
        .update_stream(changed)
        .await
        .expect("the server does not mind");
    assert!(matches!(
        log.follow(Offset(0)).await,
        Err(Error::UnsafeStream { .. })
    ));
}

#[tokio::test]
async fn lost_acknowledgement_is_uncertain_and_the_record_is_found_later() {
    let server = NatsServer::start();
    let proxy = TcpProxy::start(server.address()).await;
    let log = ready(config(proxy.url())).await;
    let direct = ready(config(server.url())).await;
    let first = log
        .append(text(1), "1", Offset(0))
        .await
        .expect("the proxy forwards");

    proxy.drop_replies();
    assert!(matches!(
        log.append(text(2), "2", first).await,
        Err(AppendError::Uncertain { .. })
    ));
    assert_eq!(
        own(&direct).await.map(|record| record.bytes),
        Some(text(2)),
        "it was stored all the same"
    );

    proxy.restore();
    tokio::time::timeout(HANG, log.ready())
        .await
        .expect("it reconnects")
        .expect("the stream is there");
    let retried = retry_until_answered(&log, text(2), first).await;
    assert_eq!(retried, Uncertainty::WrongLastOwn);
    assert_eq!(
        own(&log).await.map(|record| record.offset),
        Some(Offset(first.0 + 1))
    );
    assert_eq!(log.head().await.expect("reachable"), Offset(2));
}

/// What the server says to the same bytes again, once it can be asked.
async fn retry_until_answered(log: &JetStreamLog, record: Bytes, expected: Offset) -> Uncertainty {
    let asking = async {
        for attempt in 0.. {
            tokio::task::yield_now().await;
            match log
                .append(record.clone(), &format!("again {attempt}"), expected)
                .await
            {
                Err(AppendError::Uncertain {
                    why: Uncertainty::Disconnected | Uncertainty::TimedOut,
                }) => {}
                Err(AppendError::Uncertain { why }) => return why,
                other => panic!("answered {other:?}"),
            }
        }
        unreachable!("it asks for ever")
    };
    tokio::time::timeout(HANG, asking)
        .await
        .expect("it reconnects")
}

#[tokio::test]
async fn follower_ends_when_the_connection_is_cut_and_the_next_misses_nothing() {
    let server = NatsServer::start();
    let proxy = TcpProxy::start(server.address()).await;
    let log = ready(config(proxy.url())).await;
    let direct = ready(config(server.url())).await;
    let mut records = log.follow(Offset(0)).await.expect("connected");
    let first = direct
        .append(text(1), "1", Offset(0))
        .await
        .expect("connected");
    assert_eq!(
        records
            .next()
            .await
            .expect("live")
            .expect("connected")
            .offset,
        first
    );

    proxy.cut();
    let next = tokio::time::timeout(HANG, records.next())
        .await
        .expect("it is told");
    assert!(
        matches!(next, Some(Err(Error::Unavailable { .. }))),
        "{next:?}"
    );
    assert!(records.next().await.is_none());
    assert!(!log.connected());
    assert!(matches!(log.head().await, Err(Error::Unavailable { .. })));
    assert!(matches!(
        log.append(text(9), "9", first).await,
        Err(AppendError::Uncertain {
            why: Uncertainty::Disconnected
        })
    ));
    let second = direct.append(text(2), "2", first).await.expect("connected");

    proxy.restore();
    tokio::time::timeout(HANG, log.ready())
        .await
        .expect("it reconnects")
        .expect("the stream is there");
    let mut records = log.follow(first).await.expect("connected");
    let next = tokio::time::timeout(HANG, records.next())
        .await
        .expect("it was missed");
    assert_eq!(next.expect("live").expect("connected").offset, second);
}

#[tokio::test]
async fn log_opens_without_a_server_and_works_once_there_is_one() {
    let mut server = NatsServer::stopped();
    let log = JetStreamLog::open(config(server.url()))
        .await
        .expect("a good configuration");
    assert!(!log.connected());
    assert!(matches!(
        log.append(text(1), "1", Offset(0)).await,
        Err(AppendError::Uncertain {
            why: Uncertainty::Disconnected
        })
    ));
    server.restart();
    tokio::time::timeout(HANG, log.ready())
        .await
        .expect("it connects")
        .expect("it makes the stream");
    log.append(text(1), "1", Offset(0))
        .await
        .expect("connected");
}

#[tokio::test]
async fn acknowledged_records_survive_a_killed_server() {
    let mut server = NatsServer::start();
    let log = ready(config(server.url())).await;
    let mut last = Offset(0);
    for number in 0..50 {
        last = log
            .append(text(number), &format!("a{number}"), last)
            .await
            .expect("connected");
    }
    let mut loss = log.follow(last).await.expect("connected");
    server.kill();
    let ended = tokio::time::timeout(HANG, loss.next())
        .await
        .expect("the follower is told");
    assert!(matches!(ended, Some(Err(Error::Unavailable { .. }))));
    server.restart();
    let trying = async {
        while log.ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANG, trying)
        .await
        .expect("it reconnects");
    assert_eq!(
        own(&log).await.map(|record| (record.offset, record.bytes)),
        Some((last, text(49)))
    );
    log.append(text(50), "after", last)
        .await
        .expect("the fence was kept");
}

#[tokio::test]
async fn refused_permission_is_uncertain() {
    let server = NatsServer::start_with(
        "authorization { users = [ { user: a, password: a, permissions: { publish: [\"$JS.API.>\"], subscribe: [\">\"] } } ] }\n",
    );
    let credentials = concordat_log::jetstream::Credentials::UserAndPassword {
        user: "a".into(),
        password: "a".into(),
    };
    let log = ready(JetStreamConfig {
        credentials,
        ..config(server.url())
    })
    .await;
    assert!(matches!(
        log.append(text(1), "1", Offset(0)).await,
        Err(AppendError::Uncertain {
            why: Uncertainty::TimedOut
        })
    ));
    assert_eq!(log.head().await.expect("it may ask"), Offset(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_loses_nothing_acknowledged_when_its_leader_is_killed() {
    const RECORDS: u64 = 60;
    let mut cluster = NatsCluster::start(3);
    let config = JetStreamConfig {
        replicas: 3,
        ack_timeout: Duration::from_secs(2),
        ..JetStreamConfig::new(cluster.urls(), "north", "ods:A")
    };
    let log = ready(config).await;
    let tried_again = AtomicUsize::new(0);
    let mut last = Offset(0);
    for number in 0..RECORDS {
        if number == RECORDS / 3 {
            let context =
                async_nats::jetstream::new(async_nats::connect(cluster.urls()).await.expect("up"));
            let mut stream = context
                .get_stream("concordat-v1-north")
                .await
                .expect("it is there");
            let leader = stream
                .info()
                .await
                .expect("up")
                .cluster
                .clone()
                .and_then(|cluster| cluster.leader);
            cluster.kill(
                cluster
                    .number_of(&leader.expect("a cluster has one"))
                    .expect("one of ours"),
            );
        }
        let appending = append_as_a_node_does(&log, text(number), last, &tried_again);
        last = tokio::time::timeout(HANG, appending)
            .await
            .expect("two of three are enough");
    }
    println!("tried again {} times", tried_again.load(Ordering::SeqCst));
    let mut records = contract::follow(&log, Offset(0)).await;
    for number in 0..RECORDS {
        assert_eq!(records.next().await.bytes, text(number));
    }
    assert_eq!(
        log.head().await.expect("connected"),
        last,
        "none is there twice"
    );
}

/// wire.md 3: whatever is not a plain acknowledgement, look first, then append the same bytes again.
async fn append_as_a_node_does(
    log: &JetStreamLog,
    record: Bytes,
    last: Offset,
    again: &AtomicUsize,
) -> Offset {
    loop {
        let attempt = again.load(Ordering::SeqCst);
        let id = format!("{}-{attempt}", String::from_utf8_lossy(&record));
        if let Ok(offset) = log.append(record.clone(), &id, last).await {
            return offset;
        }
        again.fetch_add(1, Ordering::SeqCst);
        match log.last_own().await {
            Ok(Some(own)) if own.offset > last => {
                assert_eq!(own.bytes, record);
                return own.offset;
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
