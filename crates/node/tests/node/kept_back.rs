//! kill -9 between the signature of a bundle and its append, while another organisation makes its event void: the place must be
//! filled, but the content need not be shown to anyone any more (design, section 4).

use crate::support;

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use concordat_domain::ids::{CaseId, EventId};
use concordat_node::{Emission, EventView, Node, Receipt, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use concordat_tests::nats::NatsServer;
use concordat_tests::proxy::TcpProxy;
use concordat_trust::bundle::Bundle;
use serde_json::json;
use support::{COUNCIL, TRUST, complaint, fresh_emission, joining, node_on_broker, rest, setting};

/// Set for the child: url, directory, and the case in which it asks for something, or `new` if it opens one; separated by spaces.
const CHILD: &str = "CONCORDAT_KEPT_BACK_CHILD";
/// In the content of the event that does not get out in time.
const SECRET: &str = "CANARY ward diary";

fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}").expect("the parent listens");
    out.flush().expect("the parent listens");
}

/// The process that is killed: waits for a word, then takes one event that insists on the version of the case that it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the other tests of this file, as a process of its own"]
async fn child() {
    let Some(told) = setting(CHILD) else { return };
    let told: Vec<&str> = told.split(' ').collect();
    let case: Option<CaseId> = told[2].parse().ok();
    let node = node_on_broker(COUNCIL, Path::new(told[1]), told[0]).await;
    rest(&[&node]).await;
    say("READY");
    std::io::stdin()
        .lines()
        .next()
        .expect("the parent speaks")
        .expect("text");
    let emission = match case {
        None => fresh_emission(None, "complaint-received", &complaint(), Stage::Accepted),
        Some(case) => {
            let fields = json!({"id": "r-1", "of": TRUST, "basis": "own-records", "due": "2027-01-15", "what": SECRET});
            Emission {
                expected: Some(node.case(case, None).await.expect("its case").version),
                ..fresh_emission(
                    Some(case),
                    "information-requested",
                    &fields,
                    Stage::Accepted,
                )
            }
        }
    };
    let receipt = node.emit(emission).await.expect("accepted");
    say(&format!("ACCEPTED {}", receipt.event_id));
    std::future::pending::<()>().await;
}

fn start_child(
    url: &str,
    directory: &Path,
    case: Option<CaseId>,
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "kept_back::child",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(
            CHILD,
            format!(
                "{url} {} {}",
                directory.display(),
                case.map_or("new".to_owned(), |case| case.to_string())
            ),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test starts itself");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines)
}

/// What follows a word in the child's output.
fn heard(lines: &mut Lines<BufReader<ChildStdout>>, word: &str) -> String {
    let found = lines.map_while(Result::ok).find_map(|line| {
        line.split_once(word)
            .map(|(_, rest)| rest.trim().to_owned())
    });
    found.unwrap_or_else(|| panic!("the child never said {word}"))
}

/// What became of the event that was signed and not sent.
struct Outcome {
    receipt: Receipt,
    kept_back: u64,
    own: EventView,
    others: EventView,
}

/// The council signs, is cut off and dies; `meanwhile` says whether the trust acts before it is back.
async fn outcome(meanwhile: bool) -> Outcome {
    let broker = NatsServer::start();
    let directory = tempfile::TempDir::new().expect("a directory");
    let (here, there) = (
        directory.path().join("trust"),
        directory.path().join("council"),
    );
    let trust = node_on_broker(TRUST, &here, &broker.url()).await;
    let council = node_on_broker(COUNCIL, &there, &broker.url()).await;
    let opening = fresh_emission(None, "complaint-received", &complaint(), Stage::Ruled);
    let case = trust.emit(opening).await.expect("accepted").case;
    for (code, event_type, fields) in joining() {
        rest(&[&trust, &council]).await;
        let node = if code == TRUST { &trust } else { &council };
        let emission = fresh_emission(Some(case), event_type, &fields, Stage::Ruled);
        let receipt = node.emit(emission).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective), "{event_type}");
    }
    rest(&[&trust, &council]).await;
    council.stop().await;

    let id = dies_before_it_appends(&broker, &there, Some(case)).await;
    if meanwhile {
        let update = fresh_emission(
            Some(case),
            "complainant-updated",
            &json!({"method": "letter"}),
            Stage::Ruled,
        );
        let receipt = trust.emit(update).await.expect("accepted");
        assert_eq!(receipt.ruling, Some(Ruling::Effective));
    }
    let council = node_on_broker(COUNCIL, &there, &broker.url()).await;
    rest(&[&trust, &council]).await;
    // Once more, so that what is said does not rest on what is in memory.
    council.stop().await;
    let council = node_on_broker(COUNCIL, &there, &broker.url()).await;
    rest(&[&trust, &council]).await;
    let outcome = Outcome {
        receipt: council.receipt(id).await.expect("known"),
        kept_back: council.status().await.expect("running").kept_back,
        own: council.event(id).await.expect("known"),
        others: seen_by(&trust, case, id).await,
    };
    council.stop().await;
    trust.stop().await;
    outcome
}

async fn seen_by(node: &Node, case: CaseId, id: EventId) -> EventView {
    let events = node.events(case).await.expect("the case");
    let mut found = events.into_iter().filter(|event| event.event_id == id);
    let event = found.next().expect("it is on the log");
    assert!(found.next().is_none(), "once");
    event
}

async fn dies_before_it_appends(
    broker: &NatsServer,
    store: &Path,
    case: Option<CaseId>,
) -> EventId {
    let proxy = TcpProxy::start(broker.address()).await;
    let (mut child, mut lines) = start_child(&proxy.url(), store, case);
    let (store, lines) = (store.to_owned(), &mut lines);
    heard(lines, "READY");
    proxy.blackhole();
    writeln!(child.stdin.as_ref().expect("piped"), "emit").expect("the child listens");
    let id = heard(lines, "ACCEPTED").parse().expect("an id");
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    let store = Store::open(&store, StoreConfig::default()).expect("it can be opened");
    let signed = store
        .in_flight()
        .get()
        .expect("sound")
        .expect("it was signed");
    let signed = Bundle::parse(&signed).expect("a bundle");
    assert!(signed.is_complete(), "with its content");
    assert!(
        signed
            .envelopes()
            .iter()
            .any(|envelope| envelope.header().event_id == id)
    );
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_event_that_is_void_after_a_crash_goes_out_without_its_content_and_is_reported() {
    let outcome = outcome(true).await;
    let stale = Ruling::Void {
        reason: "stale-sequence".to_owned(),
    };
    assert_eq!(outcome.receipt.ruling, Some(stale.clone()));
    assert!(outcome.receipt.content_kept_back);
    assert_eq!(outcome.kept_back, 1);
    assert!(
        format!("{:?}", outcome.own.event).contains(SECRET),
        "nothing handed in is lost"
    );
    // The trust holds the key: that it cannot read the content shows that it was not sent.
    assert_eq!(outcome.others.ruling(), Some(&stale));
    assert!(!outcome.others.withheld.is_empty());
    assert!(!format!("{:?}", outcome.others.event).contains(SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_event_that_still_counts_after_a_crash_goes_out_whole() {
    let outcome = outcome(false).await;
    assert_eq!(outcome.receipt.ruling, Some(Ruling::Effective));
    assert!(!outcome.receipt.content_kept_back);
    assert_eq!(outcome.kept_back, 0);
    assert!(format!("{:?}", outcome.others.event).contains(SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_whose_opening_was_signed_before_a_crash_can_be_read_and_worked_on_after_it() {
    let broker = NatsServer::start();
    let directory = tempfile::TempDir::new().expect("a directory");
    let store = directory.path().join("council");
    let id = dies_before_it_appends(&broker, &store, None).await;
    let council = node_on_broker(COUNCIL, &store, &broker.url()).await;
    rest(&[&council]).await;
    let receipt = council.receipt(id).await.expect("known");
    assert_eq!(receipt.ruling, Some(Ruling::Effective));
    let update = fresh_emission(
        Some(receipt.case),
        "complainant-updated",
        &json!({"method": "letter"}),
        Stage::Ruled,
    );
    let updated = council.emit(update).await.expect("accepted");
    assert_eq!(updated.ruling, Some(Ruling::Effective));
    let events = council.events(receipt.case).await.expect("its case");
    assert!(
        format!("{:?}", events[0].event).contains("CANARY"),
        "its keys are here"
    );
    council.stop().await;
}
