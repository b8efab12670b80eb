//! The wires beside gRPC, as bytes on a socket: JSON calls, paths, Server-Sent Events, and what a port must bear.

use crate::support;

use std::time::Duration;

use concordat_codec::form;
use concordat_node::{Emission, Stage};
use concordat_proto::v1;
use serde_json::{Value, json};
use support::{COUNCIL, PATIENCE, SECRET, Served, complaint, told};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

/// An answer without its framing.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    fn has(&self, header: &str) -> bool {
        self.headers
            .iter()
            .any(|one| one.eq_ignore_ascii_case(header))
    }

    /// Code, reason and named fields of an error.
    fn told(&self) -> (String, String, Vec<String>) {
        let error = self.json();
        let details = error["details"].as_array().expect("details").clone();
        let find = |name: &str| {
            let mut found = details.iter().filter(|one| one["type"] == name);
            found
                .next()
                .map(|one| one["debug"].clone())
                .unwrap_or_default()
        };
        let info = find("google.rpc.ErrorInfo");
        assert_eq!(info["domain"], "concordat", "{error}");
        let fields = find("google.rpc.BadRequest");
        let fields = fields["fieldViolations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&error["code"]),
            text(&info["reason"]),
            fields.iter().map(|one| text(&one["field"])).collect(),
        )
    }
}

/// HTTP/1.0, so that the body is what comes until the end.
async fn http(served: &Served, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    let head = format!(
        "{method} {path} HTTP/1.0\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    // A server that refuses a body unread may close before it is all sent.
    let _ = socket.write_all(body.as_bytes()).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes))
        .await
        .expect("in time")
        .expect("read");
    answer(&bytes)
}

fn answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("an answer: {text}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    Answer {
        status: status.expect("a status"),
        headers: lines
            .filter(|line| !line.starts_with("date:"))
            .map(str::to_owned)
            .collect(),
        body: body.to_owned(),
    }
}

fn with_token(more: &str) -> String {
    format!("authorization: Bearer {SECRET}\r\n{more}")
}

async fn call(served: &Served, rpc: &str, body: &Value) -> Answer {
    let headers = with_token("content-type: application/json\r\n");
    http(
        served,
        "POST",
        &format!("/concordat.v1.{rpc}"),
        &headers,
        &body.to_string(),
    )
    .await
}

async fn get(served: &Served, path: &str) -> Answer {
    http(served, "GET", path, &with_token(""), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn call_in_json_does_what_the_call_by_grpc_does() {
    let mut served = Served::start().await;
    let request = served.request("", "complaint-received", &complaint());
    let body = concordat_proto::json::to_value(&request).expect("JSON");
    let emitted = call(&served, "EventService/EmitEvent", &body).await;
    assert_eq!(emitted.status, 200, "{emitted:?}");
    let receipt = emitted.json()["receipt"].clone();
    assert_eq!(receipt["stage"], "STAGE_RULED");
    let again = call(&served, "EventService/EmitEvent", &body).await;
    assert_eq!(again.json()["receipt"]["deduplicated"], true);

    // The enforcer warns of the nearest deadline: what is compared must not change between two readings.
    served.sandbox.settle().await.expect("at rest");
    let case_id = receipt["caseId"].as_str().expect("a case").to_owned();
    let by_grpc = v1::GetCaseRequest {
        case_id: case_id.clone(),
        ..v1::GetCaseRequest::default()
    };
    let by_grpc = served
        .cases()
        .get_case(by_grpc)
        .await
        .expect("the case")
        .into_inner();
    let by_json = call(&served, "CaseService/GetCase", &json!({"caseId": case_id})).await;
    let by_grpc = concordat_proto::json::to_value(&by_grpc).expect("JSON");
    assert_eq!(by_json.json(), by_grpc);
    let by_path = get(&served, &format!("/v1/cases/{case_id}")).await;
    assert_eq!((by_path.status, by_path.json()), (200, by_grpc));
    assert!(by_path.has("cache-control: no-store"), "{by_path:?}");
    let timeline = get(
        &served,
        &format!("/v1/cases/{case_id}/timeline?pageSize=1&include_void=true"),
    )
    .await;
    assert_eq!(
        timeline.json()["entries"].as_array().map(Vec::len),
        Some(1),
        "{timeline:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_is_told_with_its_reason_whatever_the_wire() {
    let served = Served::start().await;
    let json = |code: &str, reason: &str, fields: &[&str]| {
        (
            code.to_owned(),
            reason.to_owned(),
            fields
                .iter()
                .map(|one| (*one).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let unknown = call(
        &served,
        "CaseService/GetCase",
        &json!({"caseId": "00", "colour": 1}),
    )
    .await;
    assert_eq!(
        unknown.told(),
        json("invalid_argument", "FIELD_UNKNOWN", &["colour"])
    );
    assert_eq!(unknown.status, 400);
    let wrong = call(&served, "CaseService/GetCase", &json!({"caseId": 7})).await;
    assert_eq!(
        wrong.told(),
        json("invalid_argument", "FIELD_INVALID", &["caseId"])
    );
    let headers = with_token("content-type: application/json\r\n");
    let get_case = "/concordat.v1.CaseService/GetCase";
    let twice = http(
        &served,
        "POST",
        get_case,
        &headers,
        r#"{"caseId": "a", "caseId": "b"}"#,
    )
    .await;
    assert_eq!(
        twice.told(),
        json("invalid_argument", "FIELD_INVALID", &["caseId"])
    );
    let nothing = http(&served, "POST", get_case, &headers, "").await;
    assert_eq!(
        nothing.told(),
        json("invalid_argument", "FIELD_INVALID", &[])
    );

    let query = get(&served, "/v1/cases?colour=1").await;
    assert_eq!(
        query.told(),
        json("invalid_argument", "FIELD_UNKNOWN", &["colour"])
    );
    let flag = get(&served, "/v1/cases?overdueOnly=yes").await;
    assert_eq!(
        flag.told(),
        json("invalid_argument", "FIELD_INVALID", &["overdueOnly"])
    );

    for (path, method, status, reason) in [
        (
            "/concordat.v1.CaseService/Nothing",
            "POST",
            404,
            "METHOD_UNKNOWN",
        ),
        ("/v1/nothing", "GET", 404, "METHOD_UNKNOWN"),
        ("/", "GET", 404, "METHOD_UNKNOWN"),
        ("/v1/cases", "POST", 405, "METHOD_UNKNOWN"),
        (get_case, "GET", 405, "METHOD_UNKNOWN"),
    ] {
        let answered = http(&served, method, path, &headers, "").await;
        assert_eq!(
            (answered.status, answered.told().1.as_str()),
            (status, reason),
            "{method} {path}"
        );
    }
    let text = http(
        &served,
        "POST",
        get_case,
        &with_token("content-type: text/plain\r\n"),
        "{}",
    )
    .await;
    assert_eq!(
        (text.status, text.told().1.as_str()),
        (415, "ENCODING_UNSUPPORTED")
    );
    // Its body never comes to an end, so only the caller's own limit ends it.
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    let slow = with_token("content-type: application/json\r\nconnect-timeout-ms: 50\r\n");
    let slow = format!("POST {get_case} HTTP/1.0\r\n{slow}content-length: 100\r\n\r\n{{");
    socket.write_all(slow.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await;
    read.expect("in time").expect("read");
    let slow = answer(&bytes);
    assert_eq!(
        (slow.status, slow.told().1.as_str()),
        (504, "DEADLINE_EXCEEDED")
    );
    assert!(slow.has("retry-after: 1"), "{slow:?}");
}

/// One answer is enough to mend a request, and it names fields as JSON does (google.rpc.BadRequest).
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_request_in_json_is_told_at_once() {
    let served = Served::start().await;
    let emit = "EventService/EmitEvent";
    let told = |reason: &str, fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|one| (*one).to_owned()).collect();
        ("invalid_argument".to_owned(), reason.to_owned(), fields)
    };
    let wrong = json!({
        "eventId": 7, "waitFor": "SOON", "validateOnly": null,
        "event": {"occurredAt": "yesterday", "colour": 1, "body": {"consentRequested": {"orgs": "ods:ZT1"}}},
    });
    let wrong = call(&served, emit, &wrong).await;
    let fields = [
        "event.body.consentRequested.orgs",
        "event.colour",
        "event.occurredAt",
        "eventId",
        "waitFor",
    ];
    assert_eq!(wrong.told(), told("FIELD_INVALID", &fields));
    assert!(wrong.body.contains("(and 4 more)"), "{}", wrong.body);
    assert!(wrong.body.contains("COMMITTED"), "what may stand there");
    assert!(!wrong.body.contains("yesterday"), "no value is repeated");

    let nothing = call(&served, emit, &json!({})).await;
    assert_eq!(
        nothing.told(),
        told("EVENT_ID_MISSING", &["eventId", "event"])
    );
    let version = json!({"eventId": "7", "expectedVersion": "7", "event": {}, "waitFor": 99});
    let version = call(&served, emit, &version).await;
    let fields = ["eventId", "expectedVersion", "waitFor"];
    assert_eq!(version.told(), told("FIELD_INVALID", &fields));
    for body in [json!(null), json!([]), json!("text")] {
        let answered = call(&served, emit, &body).await;
        assert_eq!(answered.told(), told("FIELD_INVALID", &[]), "{body}");
    }
    let state = get(&served, "/v1/cases?states=closed&states=nonsense").await;
    assert_eq!(state.told(), told("FIELD_INVALID", &["states[1]"]));

    let packed = with_token("content-type: application/json\r\ncontent-encoding: br\r\n");
    let path = format!("/concordat.v1.{emit}");
    let packed = http(&served, "POST", &path, &packed, "{}").await;
    assert_eq!(
        (packed.status, packed.told().1.as_str()),
        (415, "ENCODING_UNSUPPORTED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wire_asks_for_the_token_and_health_does_not() {
    let served = Served::start().await;
    let json = "content-type: application/json\r\n";
    for (method, path) in [
        ("POST", "/concordat.v1.ServerService/WhoAmI"),
        ("GET", "/v1/cases"),
        ("GET", "/v1/feeds/casework/events"),
    ] {
        let answered = http(&served, method, path, json, "{}").await;
        assert_eq!(
            (answered.status, answered.told().1.as_str()),
            (401, "UNAUTHENTICATED"),
            "{path}"
        );
        assert!(answered.has("www-authenticate: Bearer"), "{answered:?}");
    }
    let health = http(&served, "POST", "/grpc.health.v1.Health/Check", json, "{}").await;
    assert_eq!(
        (health.status, health.json()),
        (200, json!({"status": "SERVING"}))
    );
}

/// The answer without what tells two answers of one text apart whatever was asked: the id of the request, and how far the node has read,
/// which goes on by itself between two calls.
fn without_request_id(mut answer: Answer) -> Answer {
    answer.headers.retain(|header| {
        !header.starts_with("concordat-request-id:") && !header.starts_with("concordat-position:")
    });
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_answers_like_what_is_not_there_byte_for_byte() {
    let served = Served::start().await;
    let council = served.sandbox.node(COUNCIL).expect("a node");
    let id = "00000000-0000-4000-8000-0000000000ff";
    let emission = Emission {
        event_id: id.parse().expect("a UUID"),
        case: None,
        input: form::read("complaint-received", &complaint()).expect("well-formed"),
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    };
    let hidden = council.emit(emission).await.expect("accepted");
    let hidden = hidden.case.to_string();
    served.sandbox.settle().await.expect("at rest");
    let absent = "0".repeat(32);

    for path in ["", "/timeline", "/events", "/watch"] {
        let of = async |case: &str| {
            without_request_id(get(&served, &format!("/v1/cases/{case}{path}")).await)
        };
        let hidden = of(&hidden).await;
        assert_eq!(hidden, of(&absent).await, "{path}");
        assert_eq!(
            (hidden.status, hidden.told().1.as_str()),
            (404, "NOT_FOUND")
        );
    }
    for rpc in [
        "CaseService/GetCase",
        "CaseService/ListTimeline",
        "EventService/ListEvents",
    ] {
        let of = async |case: &str| {
            without_request_id(call(&served, rpc, &json!({"caseId": case})).await)
        };
        assert_eq!(of(&hidden).await, of(&absent).await, "{rpc}");
    }
    let of = async |case: &str| {
        let headers = with_token("content-type: application/connect+json\r\n");
        let answer = http(
            &served,
            "POST",
            "/concordat.v1.CaseService/GetCase",
            &headers,
            case,
        );
        without_request_id(answer.await)
    };
    assert_eq!(of(&hidden).await, of(&absent).await);
    let of = async |case: &str| {
        let message = json!({ "caseId": case }).to_string();
        let length = u32::try_from(message.len()).expect("short").to_be_bytes();
        let frame = [&[0], &length[..], message.as_bytes()].concat();
        let headers = with_token("content-type: application/connect+json\r\n");
        let answer = http(
            &served,
            "POST",
            "/concordat.v1.CaseService/WatchCase",
            &headers,
            std::str::from_utf8(&frame).expect("small lengths are ASCII"),
        );
        without_request_id(answer.await)
    };
    let watched = of(&hidden).await;
    assert!(watched.body.contains("NOT_FOUND"), "{watched:?}");
    assert_eq!(watched, of(&absent).await);
    let of = async |id: &str| {
        without_request_id(get(&served, &format!("/v1/events/{id}?source={COUNCIL}")).await)
    };
    let event = of(id).await;
    assert_eq!(event, of(&id.replace("ff", "fe")).await);
    assert_eq!(event.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_above_the_limit_is_refused_with_our_reason_on_every_wire() {
    let mut served = Served::start().await;
    let long = "x".repeat(5 * 1024 * 1024);
    let by_json = call(&served, "CaseService/GetCase", &json!({"caseId": long})).await;
    assert_eq!(by_json.told().1, "REQUEST_TOO_LARGE", "{by_json:?}");
    // Most clients send all of it before they listen.
    let path = "/concordat.v1.CaseService/GetCase";
    let head = with_token("content-type: application/json\r\n");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n{head}content-length: {}\r\n\r\n",
        3 * long.len()
    );
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    for piece in [&head, &long, &long, &long] {
        let sent = socket.write_all(piece.as_bytes()).await;
        sent.expect("the server reads it to its end");
    }
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await;
    read.expect("in time").expect("read");
    assert_eq!(answer(&bytes).status, 400);
    assert!(String::from_utf8_lossy(&bytes).contains("REQUEST_TOO_LARGE"));
    let mut request = served.request("", "complaint-received", &complaint());
    request.case_id = long;
    let by_grpc = served
        .events()
        .emit_event(request)
        .await
        .expect_err("too large");
    let (code, reason, _) = told(&by_grpc);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "REQUEST_TOO_LARGE")
    );
}

/// Reads Server-Sent Events until one of a kind; gives the blocks.
async fn events_until(socket: &mut TcpStream, kind: &str) -> Vec<String> {
    let mut text = String::new();
    let mut buffer = vec![0; 64 * 1024];
    let wanted = format!("event: {kind}\n");
    loop {
        let ended = text.find(&wanted).and_then(|at| text[at..].find("\n\n"));
        if ended.is_some() {
            let (_, events) = text.split_once("\r\n\r\n").expect("a head");
            return events
                .split("\n\n")
                .filter(|block| !block.is_empty())
                .map(str::to_owned)
                .collect();
        }
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await;
        let read = read
            .unwrap_or_else(|_| panic!("no {kind}: {text}"))
            .expect("read");
        assert_ne!(read, 0, "ended before {kind}: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).expect("UTF-8"));
    }
}

async fn follow(served: &Served, last_event_id: &str) -> TcpStream {
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    let headers = with_token(&format!("last-event-id: {last_event_id}\r\n"));
    let head = format!("GET /v1/feeds/casework/events?takeOver=true HTTP/1.0\r\n{headers}\r\n");
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

fn line<'a>(block: &'a str, name: &str) -> &'a str {
    let found = block
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_is_followed_by_sse_resumed_by_last_event_id_and_committed() {
    let mut served = Served::start().await;
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let receipt = served.complaint().await;

    let mut socket = follow(&served, "").await;
    let blocks = events_until(&mut socket, "caught-up").await;
    let first = blocks
        .iter()
        .find(|block| line(block, "event") == "event")
        .expect("an event");
    let event: Value = serde_json::from_str(line(first, "data")).expect("JSON");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "uk.concordat.complaint-received.v1");
    assert_eq!(event["id"], receipt.event_id.as_str());
    assert_eq!(event["subject"], format!("cases/{}", receipt.case_id));
    assert_eq!(event["cursor"], line(first, "id"));
    assert_eq!(
        event["data"]["complaintReceived"]["complainantRef"],
        "person-1"
    );

    // What comes while it is followed comes by itself.
    let emitted = served
        .emit(
            &receipt.case_id,
            "complaint-acknowledged",
            support::acknowledgement(),
        )
        .await;
    let live = events_until_text(&mut socket, &emitted.event_id).await;
    assert!(
        live.contains("uk.concordat.complaint-acknowledged.v1"),
        "{live}"
    );
    drop(socket);

    let cursor = line(first, "id").to_owned();
    let mut socket = follow(&served, &cursor).await;
    let blocks = events_until(&mut socket, "caught-up").await;
    assert!(
        blocks
            .iter()
            .all(|block| !block.contains(&receipt.event_id)),
        "{blocks:?}"
    );
    assert!(
        blocks.iter().any(|block| block.contains(&emitted.event_id)),
        "{blocks:?}"
    );

    let headers = with_token("content-type: application/json\r\n");
    let body = json!({"cursor": cursor}).to_string();
    let committed = http(
        &served,
        "POST",
        "/v1/feeds/casework/commit",
        &headers,
        &body,
    )
    .await;
    assert_eq!(
        (committed.status, committed.json()["cursor"].as_str()),
        (200, Some(cursor.as_str()))
    );
    let twice = json!({"cursor": cursor, "feedId": "other"}).to_string();
    let twice = http(
        &served,
        "POST",
        "/v1/feeds/casework/commit",
        &headers,
        &twice,
    )
    .await;
    assert_eq!(twice.told().1, "FIELD_INVALID");

    served.stop.cancel();
    let blocks = events_until_text(&mut socket, "event: closing").await;
    assert!(blocks.contains("retry: "), "{blocks}");
}

async fn events_until_text(socket: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = vec![0; 64 * 1024];
    while !(text.contains(wanted) && text.ends_with("\n\n")) {
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await;
        let read = read
            .unwrap_or_else(|_| panic!("no {wanted}: {text}"))
            .expect("read");
        assert_ne!(read, 0, "ended before {wanted}: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).expect("UTF-8"));
    }
    text
}

/// A node stops within its time limit whatever its clients do: one said nothing, one stopped in the middle of a head, one in the middle of a
/// preface, one in the middle of a body, one follows a feed and reads nothing.
#[tokio::test(flavor = "multi_thread")]
async fn half_open_clients_do_not_keep_a_server_from_stopping() {
    let mut served = Served::start().await;
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let mut held = vec![TcpStream::connect(served.address).await.expect("a port")];
    let body = with_token("content-type: application/json\r\ncontent-length: 100\r\n");
    let body =
        format!("POST /concordat.v1.CaseService/GetCase HTTP/1.1\r\nhost: x\r\n{body}\r\n{{");
    for half in [
        "GET /v1/cases HTTP/1.1\r\nauthor",
        "PRI * HT",
        body.as_str(),
    ] {
        let mut socket = TcpStream::connect(served.address).await.expect("a port");
        socket.write_all(half.as_bytes()).await.expect("sent");
        held.push(socket);
    }
    let mut following = follow(&served, "").await;
    events_until(&mut following, "caught-up").await;
    held.push(following);

    let told_at = std::time::Instant::now();
    served.stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, served.serving.join_next()).await;
    assert!(matches!(ended, Ok(Some(Ok(Ok(()))))), "{ended:?}");
    // Five seconds for the last calls, and some for a busy machine.
    assert!(
        told_at.elapsed() < Duration::from_secs(12),
        "{:?}",
        told_at.elapsed()
    );
    drop(held);
}
