//! Clients that others wrote, on the wires beside plain gRPC: buf, @connectrpc/connect-node, curl, CloudEvents SDKs, readers of OpenAPI and
//! AsyncAPI. `cargo xtask test` brings them and says where they are.

use crate::support;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use concordat_proto::v1;
use serde_json::{Value, json};
use support::{SECRET, Served, TRUST};
use tempfile::TempDir;

/// Paths from the root of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Where a tool is.
#[expect(
    clippy::disallowed_methods,
    reason = "what `cargo xtask test` brings, it tells by the environment"
)]
fn brought(variable: &str) -> OsString {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run the tests by `cargo xtask test`"))
}

/// Runs a client to its end, while the node goes on.
fn output(command: &mut Command) -> Output {
    tokio::task::block_in_place(|| command.output()).expect("it starts")
}

/// Runs a client that must succeed; what it printed.
fn run(command: &mut Command) -> String {
    let output = output(command);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}{complaint}");
    said
}

fn run_json(command: &mut Command) -> Value {
    let said = run(command);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("JSON: {said}"))
}

fn curl(served: &Served, path: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30"])
        .args(["--header", &format!("authorization: Bearer {SECRET}")])
        .arg(format!("http://{}{path}", served.address));
    curl
}

fn buf(arguments: &[&str]) -> Command {
    let mut buf = Command::new(brought("CONCORDAT_BUF"));
    buf.args(arguments);
    buf
}

fn node(script: &str) -> Command {
    let mut node = Command::new("node");
    node.env("CONCORDAT_NODE_MODULES", brought("CONCORDAT_NODE_MODULES"))
        .arg(repository(script));
    node
}

fn python(script: &str) -> Command {
    let mut python = Command::new(brought("CONCORDAT_PYTHON"));
    python.arg(repository(script));
    python
}

/// A node with a feed and a complaint in it.
async fn served() -> Served {
    let mut served = Served::start().await;
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    served.complaint().await;
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_calls_over_grpc_grpc_web_and_connect() {
    let served = served().await;
    let contract = repository("proto");
    let contract = contract.to_str().expect("UTF-8");
    let token = format!("authorization: Bearer {SECRET}");
    let address = |rpc: &str| format!("http://{}/concordat.v1.{rpc}", served.address);
    for wire in [
        &["--protocol", "grpc", "--http2-prior-knowledge"][..],
        &["--protocol", "grpcweb"],
        &["--protocol", "connect"],
    ] {
        let call = |rpc: &str, body: &str| {
            let mut buf = buf(&["curl", "--schema", contract, "--header", &token]);
            buf.args(wire).args(["--data", body]).arg(address(rpc));
            buf
        };
        let answered = run_json(&mut call("ServerService/GetServerInfo", "{}"));
        assert_eq!(answered["organisation"], TRUST, "{wire:?}");
        let mut refused = call("CaseService/GetCase", r#"{"case_id": "nonsense"}"#);
        let refused = output(&mut refused);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success());
        // buf shows what a detail holds as base64: `FIELD_INVALID` behind its tag and length.
        let told = [
            "invalid_argument",
            "google.rpc.ErrorInfo",
            "Cg1GSUVMRF9JTlZBTElE",
        ];
        assert!(
            told.iter().all(|one| said.contains(one)),
            "{wire:?}: {said}"
        );
    }
    // By reflection alone, without any file of ours.
    let mut reflected = buf(&[
        "curl",
        "--http2-prior-knowledge",
        "--protocol",
        "grpc",
        "--header",
        &token,
        "--data",
        "{}",
    ]);
    let reflected = run_json(reflected.arg(address("ServerService/WhoAmI")));
    assert_eq!(reflected["organisation"], TRUST);
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_node_speaks_every_wire_with_details_of_errors_and_streams() {
    let served = served().await;
    let folder = TempDir::new().expect("a folder");
    let image = folder.path().join("contract.binpb");
    let mut build = buf(&["build"]);
    run(build.arg(repository("proto")).arg("--output").arg(&image));
    let mut client = node("tests/clients/node/wires.mjs");
    let client = client
        .arg(format!("http://{}", served.address))
        .arg(SECRET)
        .arg(image);
    let told = run_json(client);
    let wires = told.as_object().expect("wires");
    assert_eq!(wires.len(), 5);
    for (wire, told) in wires {
        assert_eq!(told["organisation"], TRUST, "{wire}");
        assert_eq!(told["cases"], 1, "{wire}");
        assert_eq!(told["refused"], "NotFound true", "{wire}");
        let entries = told["entries"].as_array().expect("entries");
        assert!(
            entries.contains(&json!("event")) && entries.contains(&json!("caughtUp")),
            "{wire}: {told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_reads_and_writes_compressed_json() {
    let served = served().await;
    let mut list = curl(&served, "/v1/cases");
    let listed = run(list.args(["--compressed", "--include"]));
    let (head, body) = listed.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.to_ascii_lowercase().contains("content-encoding: gzip"),
        "{head}"
    );
    let listed: Value = serde_json::from_str(body).expect("JSON");
    let case = listed["cases"][0]["caseId"]
        .as_str()
        .expect("a case")
        .to_owned();

    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("request.json");
    std::fs::write(&file, json!({"caseId": case}).to_string()).expect("written");
    run(Command::new("gzip").arg(&file));
    let mut get = curl(&served, "/concordat.v1.CaseService/GetCase");
    get.args([
        "--header",
        "content-type: application/json",
        "--header",
        "content-encoding: gzip",
    ]);
    let body = format!("@{}", file.with_extension("json.gz").display());
    let got = run_json(get.args(["--data-binary", &body]));
    assert_eq!(got["jointCase"]["caseId"], case.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_by_sse_is_read_by_the_cloud_events_sdks_of_python_and_javascript() {
    let served = served().await;
    let folder = TempDir::new().expect("a folder");
    let kept = folder.path().join("events.ndjson");
    let mut follower = python("tests/clients/python/documents.py");
    follower.args([
        "--follow",
        &format!("http://{}", served.address),
        SECRET,
        "casework",
    ]);
    let described = repository("docs/reference/asyncapi.json");
    let by_python = run_json(follower.arg(&kept).arg(&described));
    let types = by_python["types"].as_array().expect("types");
    assert!(
        types.contains(&json!("uk.concordat.complaint-received.v1")),
        "{types:?}"
    );
    let mut reader = node("tests/clients/node/documents.mjs");
    let reader = reader.arg(&described).arg(&kept);
    let by_javascript = run_json(reader);
    assert_eq!(by_javascript["complaints"], json!([]));
    assert_eq!(by_javascript["types"], by_python["types"]);

    // What a feed says itself fits the document as well.
    let create = v1::CreateFeedRequest {
        feed_id: "desk".to_owned(),
        start: v1::FeedStart::Snapshot.into(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let test = v1::SendTestEventRequest {
        feed_id: "desk".to_owned(),
    };
    served.feeds().send_test_event(test).await.expect("sent");
    let mut follower = python("tests/clients/python/documents.py");
    follower.args([
        "--follow",
        &format!("http://{}", served.address),
        SECRET,
        "desk",
    ]);
    let of_desk = run_json(follower.arg(&kept).arg(&described));
    assert_eq!(
        of_desk["kinds"],
        json!(["caught-up", "feed-test", "snapshot"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_by_their_reference_readers_and_every_example_fits_its_schema() {
    let mut reader = python("tests/clients/python/documents.py");
    for document in ["openapi.json", "asyncapi.json"] {
        reader.arg(repository("docs/reference").join(document));
    }
    let found = run_json(&mut reader);
    assert_eq!(found["examples"], concordat_domain::EventType::ALL.len());
    assert!(found["paths"].as_u64() > Some(40), "{found}");
}
