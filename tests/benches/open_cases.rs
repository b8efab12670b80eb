//! A node with 100,000 open cases: how fast `what is due` answers, through the node's handle and over gRPC, what the process takes in
//! memory, how long a start takes, and what emits cost beside emits of the same node with 100 cases, in one run.
//!
//! `cargo bench -p concordat-tests`; another number of cases: `cargo bench -p concordat-tests -- --cases 10000`; see docs/benchmarks.md.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use concordat_api::{Server, ServerConfig, Token};
use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_domain::ids::{CaseId, EventId};
use concordat_log::embedded::EmbeddedLog;
use concordat_node::clock::MovableClock;
use concordat_node::sandbox::{self, Founding, Sandbox};
use concordat_node::{CaseQuery, DueQuery, DueState, Emission, Node, Stage};
use concordat_proto::v1;
use concordat_proto::v1::deadline_service_client::DeadlineServiceClient;
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::transport::Channel;

const TRUST: &str = "ods:ZT1";
const NOW: &str = "2026-12-18T10:00:00Z";
/// Emits under way at one time while cases are opened: what fills whole bundles.
const AT_ONCE: usize = 512;
/// Emits under way at one time when emits are measured, each on a case of its own.
const EMITTERS: usize = 64;
/// How often those are measured: one sample says more of the disk at that moment than of the node.
const ROUNDS: usize = 40;
/// How often each question is asked.
const ASKED: usize = 300;
const SECRET: &str = "a-token-of-thirty-two-characters";

fn emission(case: Option<CaseId>, event_type: &str, fields: &Value) -> Emission {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("randomness");
    Emission {
        event_id: EventId(id),
        case,
        input: form::read(event_type, fields).expect("a well-formed event"),
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: Duration::from_secs(600),
        validate_only: false,
        traceparent: None,
    }
}

async fn emit(node: &Node, case: Option<CaseId>, event_type: &str, fields: &Value) -> CaseId {
    let receipt = node.emit(emission(case, event_type, fields)).await;
    let receipt = receipt.expect("accepted");
    assert!(
        receipt.ruling.expect("ruled").is_effective(),
        "{event_type}"
    );
    receipt.case
}

/// Cases number `from` to `to`, received over the forty days before now; some are acknowledged, some have been looked through.
async fn open_cases(node: &Node, from: usize, to: usize) -> Vec<CaseId> {
    let today: Date = "2026-12-18".parse().expect("a day");
    let open = |number: usize| async move {
        let days = i64::try_from(number % 40).expect("few");
        let received = today
            .checked_sub(jiff::Span::new().days(days))
            .expect("a day");
        let opening = json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email",
            "complainant_ref": "p-1", "subject_ref": "p-1", "nature": "a complaint",
            "received_on": received.to_string(), "screened_on": received.to_string()});
        let case = emit(node, None, "complaint-received", &opening).await;
        if number.is_multiple_of(3) {
            let acknowledged = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true,
                "reassured_no_detriment": true});
            emit(node, Some(case), "complaint-acknowledged", &acknowledged).await;
        }
        if number.is_multiple_of(5) {
            let ours = json!({"ours": true, "procedure": "eng-2009"});
            emit(node, Some(case), "triage-recorded", &ours).await;
        }
        case
    };
    futures::stream::iter(from..to)
        .map(open)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Emits a second, [`EMITTERS`] at a time, each on another of these cases, in rounds; over all rounds, and in the middle one.
async fn emits_a_second(node: &Node, cases: &[CaseId]) -> (f64, f64) {
    let update = json!({"method": "letter", "what": "The investigation goes on."});
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut cases = cases.iter().cycle();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let emits = cases
            .by_ref()
            .take(EMITTERS)
            .map(|case| emit(node, Some(*case), "complainant-updated", &update));
        futures::future::join_all(emits).await;
        rounds.push(begun.elapsed());
    }
    let all: Duration = rounds.iter().sum();
    rounds.sort();
    let a_second = |emits: usize, took: Duration| emits as f64 / took.as_secs_f64();
    (
        a_second(ROUNDS * EMITTERS, all),
        a_second(EMITTERS, rounds[ROUNDS / 2]),
    )
}

/// Percentiles of how long one thing took, in milliseconds.
struct Took(Vec<Duration>);

impl Took {
    fn at(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0[(self.0.len() * percent / 100).min(last)].as_secs_f64() * 1000.0
    }
}

async fn time<F: Future<Output = u64>>(mut ask: impl FnMut(usize) -> F) -> (Took, u64) {
    let (mut took, mut total) = (Vec::new(), 0);
    for number in 0..ASKED {
        let begun = Instant::now();
        total = ask(number).await;
        took.push(begun.elapsed());
    }
    took.sort();
    (Took(took), total)
}

fn day(text: &str) -> Option<Date> {
    Some(text.parse().expect("a day"))
}

/// What is due, as a complaints manager asks for it.
fn questions() -> Vec<(&'static str, DueQuery)> {
    let page = || DueQuery {
        max: 50,
        ..DueQuery::default()
    };
    let overdue = || [DueState::Overdue].into();
    vec![
        ("all, first page", page()),
        ("all, counted only", DueQuery::default()),
        (
            "due today",
            DueQuery {
                due_within_working_days: Some(0),
                ..page()
            },
        ),
        (
            "due within 5 working days",
            DueQuery {
                due_within_working_days: Some(5),
                ..page()
            },
        ),
        (
            "overdue, of one body",
            DueQuery {
                owners: [TRUST.parse().expect("a code")].into(),
                states: overdue(),
                ..page()
            },
        ),
        (
            "not acknowledged and overdue",
            DueQuery {
                names: ["acknowledge".to_owned()].into(),
                states: overdue(),
                ..page()
            },
        ),
        (
            "nothing done for 20 working days",
            DueQuery {
                counted_for_working_days: Some(20),
                ..page()
            },
        ),
        (
            "in a year, 500 on a page",
            DueQuery {
                at: Some("2027-12-18T10:00:00Z".parse().expect("an instant")),
                states: overdue(),
                max: 500,
                ..page()
            },
        ),
        (
            "from the middle of June on",
            DueQuery {
                due_from: day("2027-05-15"),
                ..page()
            },
        ),
    ]
}

/// Memory of this process that is in use, in MiB: node, embedded log and this program.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// The same questions over gRPC, on a connection that is there.
struct Served {
    client: DeadlineServiceClient<Channel>,
    stop: CancellationToken,
    serving: JoinSet<Result<(), concordat_api::Error>>,
}

impl Served {
    async fn of(sandbox: &Sandbox) -> Self {
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            token: Token::new(SECRET).expect("a token"),
            backdate_reason_after: None,
        };
        let server = Server::bind(config).await.expect("a free port");
        let address = server.local_addr();
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        let node = Arc::clone(sandbox.node(TRUST).expect("it runs"));
        serving.spawn(server.serve(node, Arc::new(sandbox.clock().clone()), stop.clone()));
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect().await.expect("a server");
        Self {
            client: DeadlineServiceClient::new(channel),
            stop,
            serving,
        }
    }

    async fn ask(&self, asked: &v1::ListDeadlinesRequest) -> u64 {
        let mut request = Request::new(asked.clone());
        let token = format!("Bearer {SECRET}").parse().expect("ASCII");
        request.metadata_mut().insert("authorization", token);
        let answer = self.client.clone().list_deadlines(request).await;
        let total = answer.expect("a page").into_inner().total;
        u64::try_from(total).expect("a count")
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while self.serving.join_next().await.is_some() {}
    }
}

fn wire_questions() -> Vec<(&'static str, v1::ListDeadlinesRequest)> {
    let overdue = || vec![v1::DeadlineState::Overdue.into()];
    vec![
        ("all, first page", v1::ListDeadlinesRequest::default()),
        (
            "due within 5 working days",
            v1::ListDeadlinesRequest {
                due_within_working_days: Some(5),
                ..Default::default()
            },
        ),
        (
            "overdue, of one body",
            v1::ListDeadlinesRequest {
                owners: vec![TRUST.to_owned()],
                states: overdue(),
                ..Default::default()
            },
        ),
        (
            "not acknowledged and overdue",
            v1::ListDeadlinesRequest {
                names: vec!["acknowledge".to_owned()],
                states: overdue(),
                ..Default::default()
            },
        ),
    ]
}

fn sandbox_in(directory: &Path, founding: Founding) -> Sandbox {
    let clock = MovableClock::starting_at(NOW.parse().expect("an instant"));
    // The log's clock is five minutes behind, so that the enforcer waits: its events are not what is measured here.
    let earlier: Timestamp = "2026-12-18T09:55:00Z".parse().expect("an instant");
    let log = EmbeddedLog::open(&directory.join("log"))
        .expect("a log")
        .with_time(MovableClock::starting_at(earlier).time_source());
    Sandbox::start(directory, founding, clock, &log).expect("a node")
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn measure(cases: usize) {
    let directory = TempDir::new().expect("a directory");
    let trust = sandbox::organisation(TRUST, "Trust", "nhs-trust").expect("a code");
    let own = trust.id.clone();
    let founding =
        Founding::new("Benchmark", &Directory::new([trust], []), [&own]).expect("founded");
    let mut sandbox = sandbox_in(directory.path(), founding);

    let few = open_cases(sandbox.node(TRUST).expect("it runs"), 0, 100.min(cases)).await;
    let node = sandbox.node(TRUST).expect("it runs");
    let before = emits_a_second(node, &few[..EMITTERS.min(few.len())]).await;
    let begun = Instant::now();
    let many = open_cases(sandbox.node(TRUST).expect("it runs"), few.len(), cases).await;
    let node = sandbox.node(TRUST).expect("it runs");
    println!(
        "{} cases opened in {:.0} s",
        many.len(),
        begun.elapsed().as_secs_f64()
    );
    let told = |what: &str, (all, middle): (f64, f64)| {
        println!(
            "emits/s, {what}: {all:.0}, in the middle round {middle:.0}; ratio {:.2}, {:.2}",
            all / before.0,
            middle / before.1
        );
    };
    told("100 open cases", before);
    let last = &many[many.len().saturating_sub(EMITTERS)..];
    let just_opened = emits_a_second(node, last).await;
    told("all open, on the cases opened last", just_opened);
    // Each on a case whose fold is not in memory.
    let cold = many.len().min(ROUNDS * EMITTERS);
    let read_back = emits_a_second(node, &many[..cold]).await;
    told("all open, on cases that are read from disk", read_back);
    let status = node.status().await.expect("running");
    println!(
        "{} cases, {} folds in memory, {} MiB resident",
        status.cases,
        status.folds,
        resident_mib()
    );

    println!("\nthrough the handle: question, matches, p50 ms, p99 ms, slowest ms");
    for (name, query) in questions() {
        let (took, total) =
            time(|_| async { node.due(query.clone()).await.expect("an answer").total }).await;
        println!(
            "{name}: {total}, {:.2}, {:.2}, {:.2}",
            took.at(50),
            took.at(99),
            took.at(100)
        );
    }
    let (took, _) = time(|number| {
        let query = CaseQuery {
            after: many.get(number * 7).copied(),
            overdue_only: true,
            max: 50,
            ..CaseQuery::default()
        };
        async move { node.cases(query).await.expect("cases").len() as u64 }
    })
    .await;
    println!(
        "50 overdue cases, read from disk: {:.2}, {:.2}, {:.2}",
        took.at(50),
        took.at(99),
        took.at(100)
    );

    let served = Served::of(&sandbox).await;
    println!("\nover gRPC: question, matches, p50 ms, p99 ms, slowest ms");
    for (name, asked) in wire_questions() {
        let (took, total) = time(|_| served.ask(&asked)).await;
        println!(
            "{name}: {total}, {:.2}, {:.2}, {:.2}",
            took.at(50),
            took.at(99),
            took.at(100)
        );
    }
    served.stop().await;

    sandbox.stop_node(TRUST).await.expect("it ran");
    let stopped = resident_mib();
    let begun = Instant::now();
    sandbox.start_node(TRUST).expect("it starts");
    let started = begun.elapsed();
    let node = sandbox.node(TRUST).expect("it runs");
    let total = node
        .due(DueQuery::default())
        .await
        .expect("an answer")
        .total;
    let status = node.status().await.expect("running");
    println!(
        "\nstart: {:.1} s until it runs, {:.1} s until the first answer ({total} due); {} folds; {} MiB resident ({stopped} before)",
        started.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        status.folds,
        resident_mib()
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let named = arguments.iter().position(|one| one == "--cases");
    let named = named.and_then(|at| arguments.get(at + 1)?.parse().ok());
    // Run as a test, it only shows that it runs.
    let is_bench = arguments.iter().any(|one| one == "--bench");
    let cases = named.unwrap_or(if is_bench { 100_000 } else { 120 });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(cases));
}
