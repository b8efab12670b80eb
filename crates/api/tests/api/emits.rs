//! `EventService` as a local system calls it when it hands in more than one event, over a real socket, on real nodes.

use crate::support;

use concordat_codec::form;
use concordat_proto::v1;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use support::{COUNCIL, PATIENCE, Served, TRUST, acknowledgement, complaint, told};
use tonic::{Code, Request};
use tonic_types::StatusExt;

fn event(event_id: &str, event_type: &str, fields: &Value) -> v1::BatchEvent {
    v1::BatchEvent {
        event_id: event_id.to_owned(),
        event: Some(form::read(event_type, fields).expect("a well-formed event")),
    }
}

/// A complaint and its acknowledgement, as handed in together.
fn opening(served: &mut Served) -> v1::BatchEmitEventsRequest {
    let (one, two) = (served.fresh_id(), served.fresh_id());
    v1::BatchEmitEventsRequest {
        events: vec![
            event(&one, "complaint-received", &complaint()),
            event(&two, "complaint-acknowledged", &acknowledgement()),
        ],
        ..v1::BatchEmitEventsRequest::default()
    }
}

async fn drafts_and_cases(served: &Served) -> (usize, usize) {
    let drafts = v1::ListDraftsRequest::default();
    let drafts = served.events().list_drafts(drafts).await;
    let drafts = drafts.expect("a list").into_inner().drafts;
    let cases = v1::ListCasesRequest::default();
    let cases = served.cases().list_cases(cases).await;
    let cases = cases.expect("a list").into_inner().cases;
    (drafts.len(), cases.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_receipt_an_event_and_the_same_again_has_the_first() {
    let mut served = Served::start().await;
    let mut request = opening(&mut served);
    request.validate_only = true;
    let judged = served.events().batch_emit_events(request.clone()).await;
    let judged = judged.expect("valid").into_inner().receipts;
    assert!(judged.iter().all(|receipt| {
        receipt.stage() == v1::Stage::Unspecified && receipt.case_id.is_empty()
    }));
    assert_eq!(drafts_and_cases(&served).await, (0, 0));

    request.validate_only = false;
    let first = served.events().batch_emit_events(request.clone()).await;
    let first = first.expect("emitted").into_inner().receipts;
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].case_id, first[1].case_id);
    assert_eq!(first[1].event_id, request.events[1].event_id);
    assert!(
        first
            .iter()
            .all(|receipt| receipt.ruling.as_ref().expect("ruled").effective)
    );
    // Positions are those of one bundle, one after the other.
    assert_eq!(first[0].position[..16], first[1].position[..16]);

    let again = served.events().batch_emit_events(request.clone()).await;
    let again = again.expect("emitted again").into_inner().receipts;
    assert!(again.iter().all(|receipt| receipt.deduplicated));
    assert_eq!(again[1].position, first[1].position);

    let id = served.fresh_id();
    let update = json!({"method": "letter"});
    request
        .events
        .push(event(&id, "complainant-updated", &update));
    let mixed = served.events().batch_emit_events(request.clone()).await;
    let mixed = mixed.expect_err("two of three are known");
    let (code, reason, fields) = told(&mixed);
    assert_eq!(
        (code, reason.as_str()),
        (Code::AlreadyExists, "BATCH_PARTLY_KNOWN")
    );
    assert_eq!(fields, ["events[0].event_id", "events[1].event_id"]);

    request.events.truncate(2);
    let other = request.events[1].event.as_mut().expect("an event");
    other.actor_role = Some("complaints-manager".to_owned());
    let reused = served.events().batch_emit_events(request).await;
    let reused = reused.expect_err("other content");
    assert_eq!(told(&reused).1, "EVENT_ID_REUSED");
    let details = reused.get_details_error_info().expect("details").metadata;
    assert_eq!(details["index"], "1");
    assert_ne!(details["digestKnown"], details["digestGiven"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_whole_with_the_place_of_what_is_wrong() {
    let mut served = Served::start().await;
    // Nobody has proposed a lead.
    let mut twice = opening(&mut served);
    let id = served.fresh_id();
    let early = json!({"lead": COUNCIL});
    twice.events.push(event(&id, "lead-accepted", &early));
    let refused = served.events().batch_emit_events(twice.clone()).await;
    let refused = refused.expect_err("it comes too early");
    assert!(refused.message().starts_with("events[2]: "), "{refused}");
    let details = refused.get_details_error_info().expect("details").metadata;
    assert_eq!((details["index"].as_str(), &details["eventId"]), ("2", &id));
    assert_eq!(drafts_and_cases(&served).await, (0, 0));

    // What is malformed is told of all events at once.
    for index in [0, 2] {
        let event = twice.events[index].event.as_mut().expect("an event");
        event.actor_role = Some("not a code".to_owned());
    }
    let malformed = served.events().batch_emit_events(twice).await;
    let (code, reason, fields) = told(&malformed.expect_err("codes have no spaces"));
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "FIELD_INVALID")
    );
    assert_eq!(
        fields,
        ["events[0].event.actor_role", "events[2].event.actor_role"]
    );

    let mut none = opening(&mut served);
    none.events.clear();
    let mut too_many = opening(&mut served);
    too_many.events = vec![too_many.events[1].clone(); 257];
    let mut same_id = opening(&mut served);
    same_id.events[1].event_id = same_id.events[0].event_id.clone();
    let mut no_id = opening(&mut served);
    no_id.events[1].event_id = String::new();
    let mut no_event = opening(&mut served);
    no_event.events[1].event = None;
    let mut no_case = opening(&mut served);
    let feedback = json!({"kind": "compliment", "service": "acute", "received_on": "2026-03-02"});
    no_case.events[1].event = form::read("feedback-logged", &feedback).ok();
    for (request, reason, field) in [
        (none, "FIELD_INVALID", "events"),
        (too_many, "FIELD_INVALID", "events"),
        (same_id, "FIELD_INVALID", "events[1].event_id"),
        (no_id, "EVENT_ID_MISSING", "events[1].event_id"),
        (no_event, "FIELD_INVALID", "events[1].event"),
        (no_case, "FIELD_INVALID", "events[1].event"),
    ] {
        let refused = served.events().batch_emit_events(request).await;
        let refused = refused.expect_err(field);
        let expected = (
            Code::InvalidArgument,
            reason.to_owned(),
            vec![field.to_owned()],
        );
        assert_eq!(told(&refused), expected);
    }
    assert_eq!(drafts_and_cases(&served).await, (0, 0));
}

/// SI 2009/309, regulations 13(3) and 14(3) count from the day of receipt: a slip of the year would be a deadline of the next century.
#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_cannot_come_tomorrow_or_in_another_century_nor_be_screened_before_it_came() {
    let mut served = Served::start().await;
    let received = "event.body.complaint_received.received_on";
    let screened = "event.body.complaint_received.screened_on";
    let matter = "event.body.complaint_received.matter_occurred_on";
    for (received_on, screened_on, occurred_on, fields) in [
        (
            "2026-03-03",
            "2026-03-03",
            "2026-03-02",
            vec![received, screened],
        ),
        ("1026-03-02", "2026-03-02", "2026-03-02", vec![received]),
        ("2026-03-02", "2026-03-01", "2026-03-02", vec![screened]),
        ("2026-03-02", "2026-03-02", "2099-03-02", vec![matter]),
    ] {
        let mut fields_given = complaint();
        fields_given["received_on"] = json!(received_on);
        fields_given["screened_on"] = json!(screened_on);
        fields_given["matter_occurred_on"] = json!(occurred_on);
        let request = served.request("", "complaint-received", &fields_given);
        let refused = served.events().emit_event(request).await;
        let (code, reason, told) = told(&refused.expect_err("not a day that was"));
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "FIELD_INVALID")
        );
        assert_eq!(told, fields);
    }
    assert_eq!(drafts_and_cases(&served).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_no_bundle_holds_is_refused_with_both_limits() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let long = json!({"method": "letter", "what": "long ".repeat(12_500)});
    let events = (0..9).map(|_| event(&served.fresh_id(), "complainant-updated", &long));
    let request = v1::BatchEmitEventsRequest {
        case_id,
        events: events.collect(),
        ..v1::BatchEmitEventsRequest::default()
    };
    let refused = served.events().batch_emit_events(request).await;
    let refused = refused.expect_err("more than 512 KiB");
    assert_eq!(told(&refused).1, "BATCH_TOO_LARGE");
    let details = refused.get_details_error_info().expect("details").metadata;
    assert_eq!(details["envelopesLimit"], "256");
    let number = |key: &str| details[key].parse::<u64>().expect("a number");
    assert!(number("bytes") > number("bytesLimit"));
}

fn joining() -> [(&'static str, Value); 2] {
    [
        (
            "consent-granted",
            json!({"given_by": "person-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
        ),
        (
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner", "why": "reablement"}),
        ),
    ]
}

/// The council does something in the case.
async fn council_does(served: &Served, id: &str, case_id: &str, event_type: &str, fields: Value) {
    let emission = concordat_node::Emission {
        event_id: id.parse().expect("a UUID"),
        case: case_id.parse().ok(),
        input: form::read(event_type, &fields).expect("well-formed"),
        expected: None,
        wait_for: concordat_node::Stage::Ruled,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    };
    let council = served.sandbox.node(COUNCIL).expect("it runs");
    let receipt = council.emit(emission).await.expect(event_type);
    assert!(receipt.ruling.expect("ruled").is_effective());
    served.sandbox.settle().await.expect("at rest");
}

/// A joint case of the trust and the council.
async fn joint(served: &mut Served) -> String {
    let case_id = served.complaint().await.case_id;
    for (event_type, fields) in joining() {
        served.emit(&case_id, event_type, fields).await;
        served.sandbox.settle().await.expect("at rest");
    }
    let id = served.fresh_id();
    let joined = json!({"responsible_person": "chief-executive"});
    council_does(served, &id, &case_id, "participant-joined", joined).await;
    case_id
}

async fn case(served: &Served, case_id: &str) -> v1::Case {
    let request = v1::GetCaseRequest {
        case_id: case_id.to_owned(),
        ..v1::GetCaseRequest::default()
    };
    let answer = served.cases().get_case(request).await.expect("a case");
    answer.into_inner().joint_case.expect("a case")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_is_told_with_what_came_between_and_the_version_today() {
    let mut served = Served::start().await;
    let case_id = joint(&mut served).await;
    let seen = case(&served, &case_id).await.version;
    let mut ids = Vec::new();
    for number in 0..12 {
        let id = served.fresh_id();
        let asked = json!({"id": format!("r-{number}"), "of": TRUST, "basis": "own-records", "due": "2026-04-15", "what": "notes"});
        council_does(&served, &id, &case_id, "information-requested", asked).await;
        ids.push(id);
    }
    let proposal = json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "content"});
    let mut request = served.request(&case_id, "lead-proposed", &proposal);
    request.expected_version = seen;
    let stale = served.events().emit_event(request.clone()).await;
    let stale = stale.expect_err("the council was faster");
    let (code, reason, _) = told(&stale);
    assert_eq!((code, reason.as_str()), (Code::Aborted, "STALE_SEQUENCE"));
    let today = case(&served, &case_id).await.version;
    let details = stale.get_details_error_info().expect("details").metadata;
    assert_eq!(details["actualVersion"], today);
    assert_eq!(details["eventsBetween"], "12");
    let failed = stale.get_details_precondition_failure().expect("details");
    let events: Vec<_> = failed.violations.iter().skip(1).collect();
    let named: Vec<&str> = events.iter().map(|one| one.subject.as_str()).collect();
    let expected = ids[2..].iter().map(|id| format!("{COUNCIL}/{id}"));
    assert_eq!(named, expected.collect::<Vec<_>>());
    assert!(
        events
            .iter()
            .all(|one| one.description.starts_with("information-requested by gss:"))
    );
    // Decided anew on what it has read, it is taken under the same id.
    request.expected_version = today;
    served.events().emit_event(request).await.expect("fresh");
}

/// An emitter whose first answer was lost must not pass for one that saw what others did before it asked again.
#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_a_receipt_is_the_same_whenever_it_is_asked_for_again() {
    let mut served = Served::start().await;
    let case_id = joint(&mut served).await;
    let noted = json!({"id": "r-own", "of": COUNCIL, "basis": "own-records", "due": "2026-04-15", "what": "notes"});
    let request = served.request(&case_id, "information-requested", &noted);
    let first = served.events().emit_event(request.clone()).await;
    let first = first.expect("taken").into_inner().receipt.expect("one");
    let id = served.fresh_id();
    let asked = json!({"id": "r-other", "of": TRUST, "basis": "own-records", "due": "2026-04-15", "what": "notes"});
    council_does(&served, &id, &case_id, "information-requested", asked).await;
    let again = served.events().emit_event(request).await;
    let again = again.expect("known").into_inner().receipt.expect("one");
    assert!(again.deduplicated);
    assert_eq!(again.case_version, first.case_version);

    let proposal = json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "content"});
    let mut next = served.request(&case_id, "lead-proposed", &proposal);
    next.expected_version = again.case_version;
    let stale = served.events().emit_event(next.clone()).await;
    assert_eq!(told(&stale.expect_err("unseen")).1, "STALE_SEQUENCE");

    // More than has happened in the case cannot have been seen.
    next.expected_version = "f".repeat(32);
    let ahead = served.events().emit_event(next).await;
    let (code, reason, fields) = told(&ahead.expect_err("made up"));
    assert_eq!(
        (code, reason.as_str(), fields),
        (
            Code::InvalidArgument,
            "VERSION_INVALID",
            vec!["expected_version".to_owned()]
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_tells_state_deadlines_and_what_may_come_next_as_the_event_then_brings_them() {
    let mut served = Served::start().await;
    let mut request = served.request("", "complaint-received", &complaint());
    request.validate_only = true;
    let judged = served.events().emit_event(request.clone()).await;
    let after = judged.expect("valid").into_inner().after.expect("a case");
    let started: Vec<_> = after
        .deadline_effects
        .iter()
        .map(|one| (one.kind(), one.name.as_str()))
        .collect();
    let starts = v1::DeadlineEffectKind::Starts;
    assert!(started.contains(&(starts, "acknowledge")), "{started:?}");
    assert!(
        after
            .deadline_effects
            .iter()
            .all(|one| one.kind() == starts && one.owner == TRUST)
    );

    request.validate_only = false;
    let emitted = served.events().emit_event(request).await;
    let emitted = emitted.expect("emitted").into_inner();
    let real = emitted.after.expect("a case");
    assert_eq!(
        (&real.state, &real.next_events),
        (&after.state, &after.next_events)
    );
    let case_id = emitted.receipt.expect("a receipt").case_id;
    // The enforcer has its say before the case is compared.
    served.sandbox.settle().await.expect("at rest");
    let stands = case(&served, &case_id).await;
    let dates: Vec<_> = stands
        .deadlines
        .iter()
        .map(|one| (&one.name, &one.due_date))
        .collect();
    for change in &after.deadline_effects {
        assert!(
            dates.contains(&(&change.name, &change.due_date)),
            "{change:?}"
        );
    }

    let mut acknowledged = served.request(&case_id, "complaint-acknowledged", &acknowledgement());
    acknowledged.validate_only = true;
    let judged = served.events().emit_event(acknowledged).await;
    let judged = judged.expect("valid").into_inner();
    let changes = judged.after.expect("a case").deadline_effects;
    let met = changes
        .iter()
        .find(|one| one.name == "acknowledge")
        .expect("it is met");
    assert_eq!(
        (met.kind(), met.due_date.as_str()),
        (v1::DeadlineEffectKind::Met, "2026-03-05")
    );
    assert_eq!(judged.receipt.expect("a receipt").case_id, case_id);
    assert_eq!(case(&served, &case_id).await.digest, stands.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_says_what_may_come_next_and_by_whom() {
    let mut served = Served::start().await;
    let case_id = joint(&mut served).await;
    let case = case(&served, &case_id).await;
    let of = |name: &str| case.next_events.iter().find(|one| one.r#type == name);
    let proposed = of("lead-proposed").expect("the lead is to be agreed");
    assert_eq!(proposed.organisations, [COUNCIL, TRUST]);
    let requested = of("information-requested").expect("a party may ask");
    assert!(
        requested
            .unless
            .contains(&"consent-scope-exceeded".to_owned())
    );
    assert!(
        of("information-provided")
            .expect("by whoever was asked")
            .by_owner_only
    );
    let own = case
        .next_events
        .iter()
        .filter(|one| one.organisations.contains(&TRUST.to_owned()));
    let own: Vec<&str> = own.map(|one| one.r#type.as_str()).collect();
    assert_eq!(own, case.next_event_types);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_each_event_in_order_and_goes_on_after_a_refusal() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let update = json!({"method": "letter"});
    let mut items = Vec::new();
    for sequence in [7, 3, 9, 4] {
        let emit = match sequence {
            3 => served.request(&case_id, "lead-accepted", &json!({"lead": COUNCIL})),
            _ => served.request(&case_id, "complainant-updated", &update),
        };
        items.push(v1::StreamEmitEventsRequest {
            sequence,
            emit: Some(emit),
        });
    }
    items[3].emit = None;
    let answers = served
        .events()
        .stream_emit_events(stream::iter(items))
        .await;
    let answers: Vec<_> = answers.expect("a stream").into_inner().collect().await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|one| one.expect("an answer"))
        .collect();
    let sequences: Vec<u64> = answers.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [7, 3, 9, 4]);
    let error = |index: usize| match &answers[index].outcome {
        Some(v1::stream_emit_events_response::Outcome::Error(error)) => error.clone(),
        other => panic!("{other:?}"),
    };
    let receipt = |index: usize| match &answers[index].outcome {
        Some(v1::stream_emit_events_response::Outcome::Answer(answer)) => {
            answer.receipt.clone().expect("a receipt")
        }
        other => panic!("{other:?}"),
    };
    assert!(receipt(0).position < receipt(2).position);
    assert_eq!(error(1).code, i32::from(Code::FailedPrecondition));
    assert_eq!(
        error(1).details[0].type_url,
        "type.googleapis.com/google.rpc.ErrorInfo"
    );
    assert_eq!(error(3).code, i32::from(Code::InvalidArgument));
    assert!(error(3).message.contains("emit"));
}

/// Whoever sends without reading is held up once the node has as many events under way as it takes: nothing piles up in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reads_no_further_than_what_is_under_way() {
    const SENT: u64 = 600;
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    // Without a log no event is ruled, and each takes the whole time that an emit waits.
    served.sandbox.connection(TRUST).expect("embedded").detach();
    let long = json!({"method": "letter", "what": "long ".repeat(2_000)});
    let template = served.request(&case_id, "complainant-updated", &long);
    let read = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let pulled = std::sync::Arc::clone(&read);
    let items = stream::iter(0..SENT).map(move |sequence| {
        pulled.store(sequence + 1, std::sync::atomic::Ordering::SeqCst);
        v1::StreamEmitEventsRequest {
            sequence,
            emit: Some(v1::EmitEventRequest {
                event_id: format!("00000000-0000-4000-9000-{sequence:012x}"),
                ..template.clone()
            }),
        }
    });
    let answers = served.events().stream_emit_events(items).await;
    let mut answers = answers.expect("a stream").into_inner();
    let first = answers.message().await.expect("an answer").expect("one");
    assert_eq!(first.sequence, 0);
    let read = read.load(std::sync::atomic::Ordering::SeqCst);
    assert!((256..400).contains(&read), "{read} events were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emit_waits_for_the_stage_asked_for_and_a_read_for_the_position() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let update = json!({"method": "letter"});
    for (wait_for, at_least) in [
        (v1::Stage::Accepted, v1::Stage::Accepted),
        (v1::Stage::Committed, v1::Stage::Committed),
        (v1::Stage::Unspecified, v1::Stage::Ruled),
    ] {
        let mut request = served.request(&case_id, "complainant-updated", &update);
        request.set_wait_for(wait_for);
        let answer = served.events().emit_event(request).await.expect("emitted");
        let stage = answer.into_inner().receipt.expect("a receipt").stage();
        assert!(stage >= at_least, "{stage:?}");
    }
    // The council's bundles cover it, once it has something to say.
    served.sandbox.settle().await.expect("at rest");
    let mut request = served.request(&case_id, "complainant-updated", &update);
    request.set_wait_for(v1::Stage::Witnessed);
    let id = request.event_id.clone();
    let mut events = served.events();
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { events.emit_event(request).await });
    let node = served.sandbox.node(TRUST).expect("it runs");
    while node.receipt(id.parse().expect("a UUID")).await.is_err() {
        tokio::task::yield_now().await;
    }
    let id = served.fresh_id();
    council_does(&served, &id, "", "complaint-received", complaint()).await;
    let witnessed = waiting.join_next().await.expect("one");
    let witnessed = witnessed.expect("it ends").expect("emitted");
    let receipt = witnessed.into_inner().receipt.expect("a receipt");
    assert_eq!(receipt.stage(), v1::Stage::Witnessed);

    let far = "00000000ffffffff00000000".to_owned();
    let within = |message| {
        let mut request = Request::new(message);
        request.set_timeout(std::time::Duration::from_millis(300));
        request
    };
    let list = within(v1::ListCasesRequest {
        min_position: far.clone(),
        ..v1::ListCasesRequest::default()
    });
    let early = served.cases().list_cases(list).await.expect_err("too far");
    assert_eq!(told(&early).0, Code::Unavailable);
    assert_eq!(told(&early).1, "POSITION_NOT_REACHED");
    let request = v1::ListDeadlinesRequest {
        min_position: receipt.position.clone(),
        ..v1::ListDeadlinesRequest::default()
    };
    served
        .deadlines()
        .list_deadlines(request)
        .await
        .expect("reached");
    let mut request = Request::new(v1::ListEventsRequest {
        case_id,
        min_position: receipt.position.clone(),
        ..v1::ListEventsRequest::default()
    });
    let name = "check-1".parse().expect("a header value");
    request.metadata_mut().insert("concordat-request-id", name);
    let answer = served.events().list_events(request).await.expect("reached");
    let told = |name: &str| {
        answer
            .metadata()
            .get(name)
            .expect(name)
            .to_str()
            .expect("text")
    };
    assert_eq!(told("concordat-request-id"), "check-1");
    assert!(told("concordat-position")[..16] >= receipt.position[..16]);
}
