//! `EventService` as a local system calls it when it hands in more than one event, over a real socket, on real nodes.

mod support;

use concordat_codec::form;
use concordat_proto::v1;
use serde_json::{Value, json};
use support::{Served, acknowledgement, complaint, told};
use tonic::Code;
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
    let early = json!({"lead": support::COUNCIL});
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
