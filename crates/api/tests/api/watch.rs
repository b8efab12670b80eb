//! One case watched over the wires: as it stands, what becomes visible of it, and what a watcher that comes back is told.

use crate::support;

use std::collections::BTreeSet;

use concordat_codec::form;
use concordat_node::{Emission, Receipt, Ruling, Stage};
use concordat_proto::v1;
use concordat_proto::v1::watch_case_response::Content;
use prost::Message as _;
use serde_json::{Value, json};
use support::{COUNCIL, PATIENCE, SECRET, Served, TRUST, acknowledgement, complaint, told};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Request, Status};

type Stream = tonic::Streaming<v1::WatchCaseResponse>;

fn asked(case_id: &str, after: &str) -> v1::WatchCaseRequest {
    v1::WatchCaseRequest {
        case_id: case_id.to_owned(),
        after_position: after.to_owned(),
        include_void: false,
    }
}

async fn watch(served: &Served, case_id: &str, after: &str) -> Result<Stream, Status> {
    let answered = served.cases().watch_case(asked(case_id, after)).await?;
    Ok(answered.into_inner())
}

async fn next(stream: &mut Stream) -> Option<Content> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    let message = message.unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}"));
    let message = message.expect("the stream goes on")?;
    Some(message.content.expect("it says something"))
}

/// Everything up to the word that all there was has been said, and that word.
async fn until_caught_up(stream: &mut Stream) -> (Vec<Content>, v1::WatchPlace) {
    let mut said = Vec::new();
    loop {
        match next(stream).await.expect("it goes on") {
            Content::CaughtUp(place) => return (said, place),
            other => said.push(other),
        }
    }
}

fn snapshot(content: &Content) -> &v1::Case {
    match content {
        Content::Snapshot(one) => one.joint_case.as_ref().expect("a case"),
        other => panic!("the case as it stands: {other:?}"),
    }
}

fn event_ids(said: &[Content]) -> Vec<&str> {
    let events = said.iter().filter_map(|content| match content {
        Content::Event(one) => one.event.as_ref(),
        _ => None,
    });
    events.map(|event| event.event_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_is_told_as_it_stands_then_each_event_with_its_ruling_then_the_case_anew() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let other = served.complaint().await.case_id;
    let mut stream = watch(&served, &case, "").await.expect("a watch");
    let (said, place) = until_caught_up(&mut stream).await;
    assert_eq!(said.len(), 1, "the case, and nothing of what it came from");
    let first = snapshot(&said[0]).clone();
    let get = v1::GetCaseRequest {
        case_id: case.clone(),
        ..v1::GetCaseRequest::default()
    };
    let got = served.cases().get_case(get.clone()).await.expect("a case");
    assert_eq!(Some(&first), got.into_inner().joint_case.as_ref());
    assert_eq!(place.lag, 0);
    assert!(place.head >= first.position, "{place:?}");

    // What happens on other cases is not told.
    served
        .emit(&other, "complaint-acknowledged", acknowledgement())
        .await;
    let receipt = served
        .emit(&case, "complaint-acknowledged", acknowledgement())
        .await;
    let Some(Content::Event(told)) = next(&mut stream).await else {
        panic!("what comes is told by itself");
    };
    let event = told.event.expect("an event");
    assert_eq!(event.event_id, receipt.event_id);
    assert_eq!(event.position, receipt.position);
    assert!(event.ruling.expect("ruled").effective);
    assert_eq!(
        told.state_after, first.state,
        "an acknowledgement leaves it"
    );
    let behind = loop {
        match next(&mut stream).await.expect("it goes on") {
            Content::Snapshot(one) => break one,
            Content::Event(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(behind.cursor >= told.cursor);
    let behind = behind.joint_case.expect("a case");
    assert!(behind.position >= receipt.position);
    let met = |case: &v1::Case| {
        let mut all = case.deadlines.iter();
        let found = all.find(|one| one.name == "acknowledge").expect("owed");
        found.state()
    };
    assert_eq!(
        (met(&first), met(&behind)),
        (v1::DeadlineState::Running, v1::DeadlineState::Met)
    );
    assert_ne!(behind.version, first.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn watcher_that_comes_back_is_told_what_came_meanwhile_then_the_case() {
    let mut served = Served::start().await;
    let opened = served.complaint().await;
    let case = opened.case_id.clone();
    let mut stream = watch(&served, &case, "").await.expect("a watch");
    let (_, place) = until_caught_up(&mut stream).await;
    drop(stream);
    let mut emitted = Vec::new();
    for method in ["letter", "email", "letter"] {
        let fields = json!({ "method": method });
        emitted.push(served.emit(&case, "complainant-updated", fields).await);
    }
    let ids: Vec<&str> = emitted.iter().map(|one| one.event_id.as_str()).collect();

    // By the cursor of the watch, and by the position of an answer that has nothing to do with it.
    let got = v1::GetCaseRequest {
        case_id: case.clone(),
        min_position: emitted[2].position.clone(),
        ..v1::GetCaseRequest::default()
    };
    let now = served.cases().get_case(got).await.expect("a case");
    let now = now.into_inner().joint_case.expect("a case");
    for (after, expected) in [
        (place.cursor.as_str(), &ids[..]),
        (emitted[0].position.as_str(), &ids[1..]),
        (emitted[2].position.as_str(), &[]),
    ] {
        let mut stream = watch(&served, &case, after).await.expect("a watch");
        let (said, _) = until_caught_up(&mut stream).await;
        assert_eq!(event_ids(&said), expected, "{after}");
        let last = said.last().expect("the case comes behind them");
        assert_eq!(snapshot(last).version, now.version);
    }
    let mut stream = watch(&served, &case, &place.cursor).await.expect("a watch");
    let Some(Content::Event(first)) = next(&mut stream).await else {
        panic!("what came meanwhile comes first");
    };
    let mut stream = watch(&served, &case, &first.cursor).await.expect("a watch");
    assert_eq!(event_ids(&until_caught_up(&mut stream).await.0), &ids[1..]);

    // A cursor that this node does not know: the case as it stands is all there is to say.
    let unknown = "f".repeat(16) + &"0".repeat(16);
    let mut stream = watch(&served, &case, &unknown).await.expect("a watch");
    let (said, _) = until_caught_up(&mut stream).await;
    assert_eq!((said.len(), &snapshot(&said[0]).version), (1, &now.version));
    let refused = watch(&served, &case, "unknown")
        .await
        .expect_err("no place");
    let (code, reason, fields) = told(&refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "FIELD_INVALID")
    );
    assert_eq!(fields, ["after_position"]);
    let mut far = Request::new(asked(&case, "00000000ffffffff00000000"));
    far.set_timeout(std::time::Duration::from_millis(300));
    let early = served.cases().watch_case(far).await.expect_err("too far");
    assert_eq!(told(&early).1, "POSITION_NOT_REACHED");
}

/// An event of the council's own system.
async fn council(
    served: &mut Served,
    case: Option<&str>,
    event_type: &str,
    fields: Value,
) -> Receipt {
    let emission = Emission {
        event_id: served.fresh_id().parse().expect("a UUID"),
        case: case.map(|case| case.parse().expect("a case id")),
        input: form::read(event_type, &fields).expect("well-formed"),
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    };
    let node = served.sandbox.node(COUNCIL).expect("a node");
    let receipt = node.emit(emission).await.expect("accepted");
    assert_eq!(receipt.ruling, Some(Ruling::Effective), "{event_type}");
    receipt
}

/// What the person agrees to later opens what was closed, and a watcher need not ask for it.
#[tokio::test(flavor = "multi_thread")]
async fn grant_that_comes_while_one_watches_is_told_and_opens_what_was_withheld() {
    let mut served = Served::start().await;
    let opened = council(&mut served, None, "complaint-received", complaint()).await;
    let case = opened.case.to_string();
    let absent = watch(&served, &case, "")
        .await
        .expect_err("not its case yet");
    assert_eq!(told(&absent).0, Code::NotFound);
    let consent = |categories: Option<Value>| {
        let mut fields = json!({"given_by": "person-1", "orgs": [TRUST], "issues": "all", "learning": true, "evidence_ref": "d-1"});
        if let Some(categories) = categories {
            fields["categories"] = categories;
        }
        fields
    };
    let narrow = consent(Some(json!(["identity"])));
    council(&mut served, Some(&case), "consent-granted", narrow).await;
    let add = json!({"participant": TRUST, "why_code": "issue-owner"});
    council(&mut served, Some(&case), "participant-added", add).await;
    served.sandbox.settle().await.expect("at rest");
    let join = json!({"responsible_person": "chief-executive"});
    served.emit(&case, "participant-joined", join).await;
    served.sandbox.settle().await.expect("at rest");

    let mut stream = watch(&served, &case, "").await.expect("its case now");
    until_caught_up(&mut stream).await;
    let narrative = i32::from(v1::Compartment::Narrative);
    let first = opened.event_id.to_string();
    assert!(withheld(&served, &first).await.contains(&narrative));
    let wide = consent(None);
    let granted = council(&mut served, Some(&case), "consent-granted", wide).await;
    let granted = granted.event_id.to_string();
    let (mut opened, mut is_told) = (BTreeSet::new(), false);
    while !opened.contains(&narrative) {
        match next(&mut stream).await.expect("it goes on") {
            Content::Event(one) => is_told |= one.event.expect("an event").event_id == granted,
            Content::ContentAvailable(one) => {
                opened.insert(one.compartment);
            }
            Content::Snapshot(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(is_told, "the basis comes before what it opens");
    assert!(!withheld(&served, &first).await.contains(&narrative));
}

/// Two act without knowing of each other: the second changes nothing, and only who asks for such events is told.
#[tokio::test(flavor = "multi_thread")]
async fn void_event_of_another_is_told_with_its_reason_to_who_asks_for_those() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let consent = json!({"given_by": "person-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "d-1"});
    served.emit(&case, "consent-granted", consent).await;
    let add = json!({"participant": COUNCIL, "why_code": "issue-owner"});
    served.emit(&case, "participant-added", add).await;
    served.sandbox.settle().await.expect("at rest");
    let join = json!({"responsible_person": "chief-executive"});
    council(&mut served, Some(&case), "participant-joined", join).await;
    served.sandbox.settle().await.expect("at rest");

    let mut plain = watch(&served, &case, "").await.expect("a watch");
    let (_, place) = until_caught_up(&mut plain).await;
    let with_void = v1::WatchCaseRequest {
        include_void: true,
        ..asked(&case, &place.cursor)
    };
    let with_void = served.cases().watch_case(with_void).await;
    let mut with_void = with_void.expect("a watch").into_inner();

    let id = served.fresh_id();
    let node = served.sandbox.node(COUNCIL).expect("a node");
    let seen = node.case(case.parse().expect("a case id"), None).await;
    let line = served.sandbox.connection(COUNCIL).expect("a log");
    line.fall_behind();
    let request = json!({"id": "R1", "of": TRUST, "basis": "own-records", "due": "2026-03-20", "what": "the record"});
    let emission = Emission {
        event_id: id.parse().expect("a UUID"),
        case: case.parse().ok(),
        input: form::read("information-requested", &request).expect("well-formed"),
        expected: Some(seen.expect("its case").version),
        wait_for: Stage::Committed,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    };
    let node = std::sync::Arc::clone(node);
    let update = json!({"method": "letter"});
    let first = served.emit(&case, "complainant-updated", update).await;
    node.emit(emission).await.expect("its node knows no better");
    let connection = served.sandbox.connection(COUNCIL).expect("a log");
    connection.catch_up();
    served.sandbox.settle().await.expect("at rest");
    let last = json!({"method": "email"});
    let last = served.emit(&case, "complainant-updated", last).await;

    let told = async |stream: &mut Stream| {
        let mut told = Vec::new();
        loop {
            if let Content::Event(one) = next(stream).await.expect("it goes on") {
                let event = one.event.expect("an event");
                told.push((event.event_id.clone(), event.ruling.expect("ruled").reason));
                if event.event_id == last.event_id {
                    return told;
                }
            }
        }
    };
    let effective = (first.event_id.clone(), String::new());
    let void = (id, "stale-sequence".to_owned());
    let plain = told(&mut plain).await;
    assert!(
        plain.contains(&effective) && !plain.contains(&void),
        "{plain:?}"
    );
    let with_void = told(&mut with_void).await;
    assert!(
        with_void.contains(&effective) && with_void.contains(&void),
        "{with_void:?}"
    );
}

/// The compartments of an event of the council's that this organisation may not read.
async fn withheld(served: &Served, event_id: &str) -> Vec<i32> {
    let get = v1::GetEventRequest {
        event_id: event_id.to_owned(),
        source: COUNCIL.to_owned(),
        ..v1::GetEventRequest::default()
    };
    let event = served.events().get_event(get).await.expect("an event");
    event.into_inner().event.expect("an event").withheld
}

#[tokio::test(flavor = "multi_thread")]
async fn watcher_that_reads_nothing_holds_nobody_up_and_all_are_told_when_the_node_stops() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let idle = watch(&served, &case, "").await.expect("a watch");
    let mut stream = watch(&served, &case, "").await.expect("a watch");
    until_caught_up(&mut stream).await;
    let mut last = String::new();
    for _ in 0..100 {
        let fields = json!({"method": "letter"});
        let receipt = served.emit(&case, "complainant-updated", fields).await;
        last = receipt.event_id;
    }
    loop {
        match next(&mut stream).await.expect("it goes on") {
            Content::Event(one) if one.event.as_ref().is_some_and(|one| one.event_id == last) => {
                break;
            }
            _ => {}
        }
    }
    served.stop.cancel();
    for mut stream in [stream, idle] {
        let closing = loop {
            match next(&mut stream).await.expect("it says that it closes") {
                Content::Closing(closing) => break closing,
                Content::Event(_) | Content::Snapshot(_) | Content::CaughtUp(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(closing.reason, "shutdown");
        assert!(closing.retry_after.is_some());
        assert_eq!(next(&mut stream).await, None);
    }
}

/// A quiet case says every 20 seconds that it is watched, and up to where the log was read: so quiet and broken differ.
#[tokio::test(flavor = "multi_thread")]
async fn quiet_watch_has_heartbeats_with_the_head_of_the_log() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let mut stream = watch(&served, &case, "").await.expect("a watch");
    until_caught_up(&mut stream).await;
    // The log goes on with another case; this one stays quiet.
    let elsewhere = served.complaint().await;
    let beat = loop {
        match next(&mut stream).await.expect("it goes on") {
            Content::Checkpoint(place) => break place,
            Content::Event(_) | Content::Snapshot(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(beat.head >= elsewhere.position, "{beat:?}");
    assert_eq!(beat.lag, 0);
    assert!(beat.at.is_some());
}

/// A message with the five bytes that stand before it on a stream.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    [&[0], &length[..], message].concat()
}

async fn send(served: &Served, head: &str, body: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    let head = format!(
        "{head} HTTP/1.0\r\nauthorization: Bearer {SECRET}\r\ncontent-length: {}\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

/// Reads until a text has come.
async fn until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(wanted) {
            return text.into_owned();
        }
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("no {wanted}: {text}"));
        let read = read.expect("read");
        assert_ne!(read, 0, "ended before {wanted}: {text}");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_is_watched_by_grpc_web_and_connect_as_by_grpc() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let proto = asked(&case, "").encode_to_vec();
    let json = json!({ "caseId": case }).to_string();
    let mut sockets = Vec::new();
    for (media_type, body) in [
        ("application/grpc-web+proto", &proto[..]),
        ("application/connect+proto", &proto[..]),
        ("application/connect+json", json.as_bytes()),
    ] {
        let body = framed(body);
        let head = "POST /concordat.v1.CaseService/WatchCase";
        let mut socket = send(&served, head, &body).await;
        let rest = format!("content-type: {media_type}\r\n\r\n");
        socket.write_all(rest.as_bytes()).await.expect("sent");
        socket.write_all(&body).await.expect("sent");
        let first = until(&mut socket, &case).await;
        assert!(first.contains("200 OK"), "{media_type}: {first}");
        sockets.push((media_type, socket));
    }
    let receipt = served
        .emit(&case, "complaint-acknowledged", acknowledgement())
        .await;
    for (_, socket) in &mut sockets {
        until(socket, &receipt.event_id).await;
    }
}

fn line<'a>(block: &'a str, name: &str) -> &'a str {
    let found = block
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_is_watched_by_sse_and_resumed_by_last_event_id() {
    let mut served = Served::start().await;
    let case = served.complaint().await.case_id;
    let open = async |served: &Served, last: &str| {
        let mut socket = send(served, &format!("GET /v1/cases/{case}/watch"), b"").await;
        let rest = format!("last-event-id: {last}\r\n\r\n");
        socket.write_all(rest.as_bytes()).await.expect("sent");
        socket
    };
    let mut socket = open(&served, "").await;
    let text = until(&mut socket, "event: caught-up").await;
    assert!(text.contains("text/event-stream"), "{text}");
    let mut blocks = text.split("\n\n");
    let first = blocks.find(|block| line(block, "event") == "snapshot");
    let first = first.unwrap_or_else(|| panic!("the case: {text}"));
    let data: Value = serde_json::from_str(line(first, "data")).expect("JSON");
    assert_eq!(data["jointCase"]["caseId"], case.as_str());
    let cursor = line(first, "id").to_owned();
    assert_eq!(data["cursor"], cursor.as_str());

    let receipt = served
        .emit(&case, "complaint-acknowledged", acknowledgement())
        .await;
    until(&mut socket, &receipt.event_id).await;
    drop(socket);
    let mut socket = open(&served, &cursor).await;
    let text = until(&mut socket, "event: snapshot").await;
    let mut blocks = text.split("\n\n");
    let event = blocks.find(|block| line(block, "event") == "event");
    let event = event.unwrap_or_else(|| panic!("what came meanwhile: {text}"));
    let data: Value = serde_json::from_str(line(event, "data")).expect("JSON");
    assert_eq!(data["specversion"], "1.0");
    assert_eq!(data["type"], "uk.concordat.complaint-acknowledged.v1");
    assert_eq!(data["id"], receipt.event_id.as_str());
    assert_eq!(data["cursor"], line(event, "id"));
    assert_eq!(data["stateafter"], "received");
    served.stop.cancel();
    let text = until(&mut socket, "event: closing").await;
    assert!(text.contains("retry: "), "{text}");
}
