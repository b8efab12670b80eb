//! The services as a local system calls them, over a real socket, on real nodes.

use crate::support;

use concordat_proto::v1;
use concordat_proto::v1::server_service_client::ServerServiceClient;
use concordat_proto::v1::stream_feed_response::Content;
use serde_json::json;
use support::{COUNCIL, PATIENCE, SECRET, Served, TRUST, acknowledgement, complaint, told};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread")]
async fn emit_is_judged_and_the_same_again_is_the_first_receipt() {
    let mut served = Served::start().await;
    let request = served.request("", "complaint-received", &complaint());
    let first = served
        .events()
        .emit_event(request.clone())
        .await
        .expect("emitted");
    let first = first.into_inner().receipt.expect("a receipt");
    assert_eq!(first.case_id.len(), 32);
    assert!(matches!(
        first.stage(),
        v1::Stage::Ruled | v1::Stage::Witnessed
    ));
    assert!(first.log_reachable && !first.deduplicated && !first.position.is_empty());

    let again = served
        .events()
        .emit_event(request.clone())
        .await
        .expect("emitted again");
    let again = again.into_inner().receipt.expect("a receipt");
    assert!(again.deduplicated);
    assert_eq!(
        (&again.case_id, &again.position),
        (&first.case_id, &first.position)
    );

    let mut other = request;
    let event = other.event.as_mut().expect("an event");
    event.actor_role = Some("complaints-manager".to_owned());
    let refused = served
        .events()
        .emit_event(other)
        .await
        .expect_err("other content");
    assert_eq!(told(&refused).0, Code::AlreadyExists);
    assert_eq!(told(&refused).1, "EVENT_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_judges_and_stores_nothing() {
    let mut served = Served::start().await;
    let mut request = served.request("", "complaint-received", &complaint());
    request.validate_only = true;
    let judged = served
        .events()
        .emit_event(request.clone())
        .await
        .expect("valid");
    let judged = judged.into_inner().receipt.expect("a receipt");
    assert_eq!(judged.stage(), v1::Stage::Unspecified);
    assert!(judged.ruling.expect("judged").effective);
    assert_eq!(judged.case_id, "");
    let drafts = served
        .events()
        .list_drafts(v1::ListDraftsRequest::default())
        .await;
    assert!(drafts.expect("a list").into_inner().drafts.is_empty());
    let cases = served
        .cases()
        .list_cases(v1::ListCasesRequest::default())
        .await;
    assert!(cases.expect("a list").into_inner().cases.is_empty());
    // The id is as fresh as before.
    request.validate_only = false;
    let emitted = served.events().emit_event(request).await.expect("emitted");
    assert!(
        !emitted
            .into_inner()
            .receipt
            .expect("a receipt")
            .deduplicated
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_names_its_field_and_reason() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;

    let mut no_id = served.request(&case_id, "complaint-acknowledged", &acknowledgement());
    no_id.event_id = String::new();
    let mut bad_id = no_id.clone();
    bad_id.event_id = "not-a-uuid".to_owned();
    let mut bad_case = served.request("zz", "complaint-acknowledged", &acknowledgement());
    let mut no_event = served.request(&case_id, "complaint-acknowledged", &acknowledgement());
    no_event.event = None;
    let mut bad_version = served.request(&case_id, "complaint-acknowledged", &acknowledgement());
    bad_version.expected_version = "7".to_owned();
    let mut held = served.request(&case_id, "complaint-acknowledged", &acknowledgement());
    held.set_wait_for(v1::Stage::Held);
    bad_case.expected_version = String::new();
    for (request, reason, field) in [
        (no_id, "EVENT_ID_MISSING", "event_id"),
        (bad_id, "FIELD_INVALID", "event_id"),
        (bad_case, "FIELD_INVALID", "case_id"),
        (no_event, "FIELD_INVALID", "event"),
        (bad_version, "VERSION_INVALID", "expected_version"),
        (held, "FIELD_INVALID", "wait_for"),
    ] {
        let refused = served.events().emit_event(request).await.expect_err(field);
        let expected = (
            Code::InvalidArgument,
            reason.to_owned(),
            vec![field.to_owned()],
        );
        assert_eq!(told(&refused), expected);
    }
}

/// B, *Ruling reasons*: the ruling names the first missing field; a person who fills in a form is told of all of them.
#[tokio::test(flavor = "multi_thread")]
async fn every_mandatory_field_that_is_missing_is_named_at_once() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let nothing = served.request(&case_id, "consent-requested", &serde_json::json!({}));
    let refused = served.events().emit_event(nothing).await;
    let (code, reason, fields) = told(&refused.expect_err("nothing is filled in"));
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "MISSING_FIELD")
    );
    let names: Vec<&str> = fields
        .iter()
        .filter_map(|path| path.strip_prefix("event.body.consent_requested."))
        .collect();
    assert_eq!(names, ["orgs", "explained"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_timetable_and_timeline_can_be_read() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    let request = v1::GetCaseRequest {
        case_id: receipt.case_id.clone(),
        min_position: receipt.position.clone(),
        ..v1::GetCaseRequest::default()
    };
    let case = served.cases().get_case(request).await.expect("a case");
    let case = case.into_inner().joint_case.expect("a case");
    assert_eq!(
        (case.keeper.as_str(), case.receiver.as_str()),
        (TRUST, TRUST)
    );
    assert_eq!(case.digest.len(), 64);
    assert!(case.opened_at.is_some());
    assert!(
        case.rules
            .expect("pins")
            .packs
            .iter()
            .any(|pack| pack.starts_with("eng-2009@"))
    );
    let names: Vec<&str> = case.deadlines.iter().map(|one| one.name.as_str()).collect();
    assert!(names.contains(&"acknowledge"), "{names:?}");

    let explained = served
        .deadlines()
        .explain_deadline(v1::ExplainDeadlineRequest {
            case_id: receipt.case_id.clone(),
            deadline: "acknowledge".to_owned(),
            at: None,
            min_position: String::new(),
        })
        .await
        .expect("an explanation")
        .into_inner();
    // 2009 Regulations, reg 13(3): not later than 3 working days after the day on which it was received.
    let deadline = explained.deadline.expect("a deadline");
    assert_eq!(deadline.due_date, "2026-03-05");
    assert_eq!(
        explained.steps.iter().filter(|step| step.counted).count(),
        3
    );
    assert!(
        explained
            .sentences
            .iter()
            .any(|one| one.contains("2026-03-05"))
    );

    let timeline = served
        .cases()
        .list_timeline(v1::ListTimelineRequest {
            case_id: receipt.case_id,
            ..v1::ListTimelineRequest::default()
        })
        .await
        .expect("a timeline")
        .into_inner();
    let types: Vec<&str> = timeline
        .entries
        .iter()
        .map(|one| one.r#type.as_str())
        .collect();
    assert_eq!(types, ["complaint-received", "deadline-approaching"]);
    assert_eq!(timeline.entries[0].state_after, case.state);
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_is_listed_by_state_owner_and_day_at_any_instant() {
    let mut served = Served::start().await;
    served.complaint().await;
    let later = concordat_codec::time::to_wire("2026-03-10T12:00:00Z".parse().expect("an instant"));
    let request = v1::ListDeadlinesRequest {
        states: vec![v1::DeadlineState::Overdue.into()],
        owners: vec![TRUST.to_owned()],
        due_before: "2026-03-06".to_owned(),
        at: Some(later),
        ..v1::ListDeadlinesRequest::default()
    };
    let overdue = served.deadlines().list_deadlines(request.clone()).await;
    let overdue = overdue.expect("a list").into_inner().deadlines;
    let named: Vec<(&str, i32)> = overdue
        .iter()
        .map(|one| (one.name.as_str(), one.working_days_late))
        .collect();
    assert_eq!(named, [("triage", 4), ("acknowledge", 3)]);
    let now = v1::ListDeadlinesRequest {
        at: None,
        ..request
    };
    let overdue = served
        .deadlines()
        .list_deadlines(now)
        .await
        .expect("a list");
    assert!(overdue.into_inner().deadlines.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_things_and_things_one_may_not_see_answer_alike() {
    let mut served = Served::start().await;
    let mine = served.complaint().await;
    // The council's own case, of which the trust holds no key.
    let council = served.sandbox.node(COUNCIL).expect("it runs");
    let fields = complaint();
    let receipt = council
        .emit(concordat_node::Emission {
            event_id: "00000000-0000-4000-8000-0000000000ff"
                .parse()
                .expect("a UUID"),
            case: None,
            input: concordat_codec::form::read("complaint-received", &fields).expect("well-formed"),
            expected: None,
            wait_for: concordat_node::Stage::Ruled,
            wait_at_most: PATIENCE,
            validate_only: false,
            traceparent: None,
        })
        .await
        .expect("accepted");
    served.sandbox.settle().await.expect("at rest");
    let get = |case_id: String| v1::GetCaseRequest {
        case_id,
        ..v1::GetCaseRequest::default()
    };
    let hidden = served.cases().get_case(get(receipt.case.to_string())).await;
    let hidden = hidden.expect_err("not to be seen");
    let absent = served.cases().get_case(get("0".repeat(32))).await;
    let absent = absent.expect_err("not there");
    assert_eq!(told(&hidden), told(&absent));
    assert_eq!(hidden.message(), absent.message());
    assert_eq!(hidden.details(), absent.details());
    let act = served.request(
        &receipt.case.to_string(),
        "complaint-acknowledged",
        &acknowledgement(),
    );
    let act = served
        .events()
        .emit_event(act)
        .await
        .expect_err("not to be seen");
    assert_eq!(
        (act.code(), act.message()),
        (hidden.code(), hidden.message())
    );
    let event = v1::GetEventRequest {
        event_id: "00000000-0000-4000-8000-0000000000ff".to_owned(),
        source: COUNCIL.to_owned(),
        min_position: String::new(),
    };
    let event = served
        .events()
        .get_event(event)
        .await
        .expect_err("not to be seen");
    assert_eq!(told(&event).0, Code::NotFound);
    let own = v1::GetEventRequest {
        event_id: mine.event_id,
        source: String::new(),
        min_position: String::new(),
    };
    let own = served
        .events()
        .get_event(own)
        .await
        .expect("an own one")
        .into_inner();
    assert_eq!(own.event.expect("an event").r#type, "complaint-received");
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_gives_what_there_is_then_what_comes_and_resumes_after_a_commit() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    let create = |start: v1::FeedStart| v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        start: start.into(),
        include_void: false,
        ..v1::CreateFeedRequest::default()
    };
    let created = served
        .feeds()
        .create_feed(create(v1::FeedStart::Beginning))
        .await;
    let created = created.expect("created").into_inner();
    assert_eq!(
        (created.existed, created.feed.expect("a feed").lag),
        (false, 2)
    );
    let again = served.feeds().create_feed(create(v1::FeedStart::Now)).await;
    let again = again.expect("as it was").into_inner();
    assert_eq!((again.existed, again.feed.expect("a feed").lag), (true, 2));

    let mut stream = stream_of(&served, "first", false).await.expect("a stream");
    let Some(Content::Event(first)) = next(&mut stream).await else {
        panic!("the complaint comes first");
    };
    assert_eq!(first.event.expect("an event").event_id, receipt.event_id);
    let Some(Content::Event(warning)) = next(&mut stream).await else {
        panic!("then the warning");
    };
    assert!(matches!(
        next(&mut stream).await,
        Some(Content::CaughtUp(_))
    ));
    let acknowledged = served
        .emit(
            &receipt.case_id,
            "complaint-acknowledged",
            acknowledgement(),
        )
        .await;
    let Some(Content::Event(second)) = next(&mut stream).await else {
        panic!("what comes is told without asking again");
    };
    assert_eq!(
        second.event.expect("an event").event_id,
        acknowledged.event_id
    );

    let committed = served
        .feeds()
        .commit_feed(v1::CommitFeedRequest {
            feed_id: "casework".to_owned(),
            cursor: first.cursor.clone(),
            parked: Vec::new(),
        })
        .await
        .expect("committed")
        .into_inner();
    assert_eq!(
        (committed.cursor.as_str(), committed.lag),
        (first.cursor.as_str(), 2)
    );

    let in_use = stream_of(&served, "second", false)
        .await
        .expect_err("it is held");
    assert_eq!(told(&in_use).1, "FEED_IN_USE");
    let mut taken = stream_of(&served, "second", true)
        .await
        .expect("taken over");
    let Some(Content::Closing(closing)) = next(&mut stream).await else {
        panic!("the first is told that it lost the feed");
    };
    assert_eq!(closing.reason, "taken-over");
    let Some(Content::Event(resumed)) = next(&mut taken).await else {
        panic!("the second goes on after the committed cursor");
    };
    assert_eq!(resumed.cursor, warning.cursor);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_that_no_entry_has_names_the_place_to_resume_at() {
    let mut served = Served::start().await;
    served.complaint().await;
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let beyond = "f".repeat(16) + &"0".repeat(16);
    let request = v1::StreamFeedRequest {
        feed_id: "casework".to_owned(),
        after_cursor: beyond.clone(),
        ..v1::StreamFeedRequest::default()
    };
    let mut stream = served
        .feeds()
        .stream_feed(request)
        .await
        .expect("a stream")
        .into_inner();
    let Some(Content::ResyncRequired(resync)) = next(&mut stream).await else {
        panic!("it says that it cannot go on there");
    };
    assert!(!resync.cursor.is_empty());
    let commit = v1::CommitFeedRequest {
        feed_id: "casework".to_owned(),
        cursor: beyond,
        parked: Vec::new(),
    };
    let refused = served
        .feeds()
        .commit_feed(commit)
        .await
        .expect_err("no such place");
    assert_eq!(told(&refused).0, Code::OutOfRange);
    assert_eq!(told(&refused).1, "FEED_RESYNC_REQUIRED");
    for name in ["", "Casework", "7", &"a".repeat(64)] {
        let create = v1::CreateFeedRequest {
            feed_id: name.to_owned(),
            ..v1::CreateFeedRequest::default()
        };
        let refused = served.feeds().create_feed(create).await.expect_err(name);
        assert_eq!(told(&refused).2, ["feed_id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_the_token_are_told_so_and_probes_need_none() {
    let served = Served::start().await;
    let mut bare = ServerServiceClient::new(served.channel.clone());
    let refused = bare
        .who_am_i(v1::WhoAmIRequest {})
        .await
        .expect_err("no token");
    assert_eq!(told(&refused).0, Code::Unauthenticated);
    let mut wrong = Request::new(v1::WhoAmIRequest {});
    let header = format!("Bearer {}", SECRET.replace('a', "b"));
    wrong
        .metadata_mut()
        .insert("authorization", header.parse().expect("a header"));
    let refused = bare.who_am_i(wrong).await.expect_err("another token");
    assert_eq!(told(&refused).0, Code::Unauthenticated);
    let known = served
        .server()
        .who_am_i(v1::WhoAmIRequest {})
        .await
        .expect("known");
    assert_eq!(known.into_inner().organisation, TRUST);

    let mut health = tonic_health::pb::health_client::HealthClient::new(served.channel.clone());
    let asked = tonic_health::pb::HealthCheckRequest::default();
    let health = health.check(asked).await.expect("an answer").into_inner();
    assert_eq!(
        health.status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_is_found_by_reflection_of_both_versions() {
    use tonic_reflection::pb::{v1 as new, v1alpha as old};
    let served = Served::start().await;
    let mut client =
        new::server_reflection_client::ServerReflectionClient::new(served.channel.clone());
    let ask = new::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            new::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .expect("v1")
        .into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    let Some(new::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.message_response
    else {
        panic!("services");
    };
    let names: Vec<String> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in [
        "EventService",
        "CaseService",
        "DeadlineService",
        "FeedService",
        "ServerService",
    ] {
        assert!(
            names.contains(&format!("concordat.v1.{service}")),
            "{names:?}"
        );
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()));

    let mut client =
        old::server_reflection_client::ServerReflectionClient::new(served.channel.clone());
    let ask = old::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            old::server_reflection_request::MessageRequest::FileContainingSymbol(
                "concordat.v1.EventService".to_owned(),
            ),
        ),
    };
    let mut answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .expect("v1alpha")
        .into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    assert!(matches!(
        answer.message_response,
        Some(old::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_context_of_the_call_travels_with_the_event() {
    let mut served = Served::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = Request::new(served.request("", "complaint-received", &complaint()));
    request
        .metadata_mut()
        .insert("traceparent", parent.parse().expect("a header"));
    let receipt = served.events().emit_event(request).await.expect("emitted");
    let event_id = receipt.into_inner().receipt.expect("a receipt").event_id;
    let get = v1::GetEventRequest {
        event_id,
        source: String::new(),
        min_position: String::new(),
    };
    let event = served
        .events()
        .get_event(get)
        .await
        .expect("an event")
        .into_inner();
    assert_eq!(event.event.expect("an event").traceparent, parent);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_describes_itself_and_its_checks_pass() {
    let mut served = Served::start().await;
    served.complaint().await;
    served.sandbox.settle().await.expect("at rest");
    let info = served
        .server()
        .get_server_info(v1::GetServerInfoRequest {})
        .await;
    let info = info.expect("known").into_inner();
    assert_eq!((info.organisation.as_str(), info.connected), (TRUST, true));
    assert!(info.tree_size > 0 && info.calendar_horizons.contains_key("EW"));
    assert_eq!(info.limits["page-size"], 500);
    let checks = served.server().list_checks(v1::ListChecksRequest {}).await;
    for check in checks.expect("checks").into_inner().checks {
        assert_eq!(check.status(), v1::CheckStatus::Pass, "{check:?}");
        assert!(check.cause.is_empty() && check.fix.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_closes_its_streams_with_a_word_and_ends() {
    let mut served = Served::start().await;
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let mut stream = stream_of(&served, "first", false).await.expect("a stream");
    assert!(matches!(
        next(&mut stream).await,
        Some(Content::CaughtUp(_))
    ));
    served.stop.cancel();
    let Some(Content::Closing(closing)) = next(&mut stream).await else {
        panic!("it says that it closes");
    };
    assert_eq!(closing.reason, "shutdown");
    assert_eq!(next(&mut stream).await, None);
    let ended = tokio::time::timeout(PATIENCE, served.serving.join_next()).await;
    assert!(matches!(ended, Ok(Some(Ok(Ok(()))))));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_address_but_loopback_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7171"] {
        let config = concordat_api::ServerConfig {
            listen: address.parse().expect("an address"),
            token: concordat_api::Token::new(SECRET).expect("a token"),
            backdate_reason_after: None,
        };
        let refused = concordat_api::Server::bind(config)
            .await
            .expect_err(address);
        assert!(matches!(refused, concordat_api::Error::NotLoopback { .. }));
    }
}

type Stream = tonic::Streaming<v1::StreamFeedResponse>;

async fn stream_of(
    served: &Served,
    consumer: &str,
    take_over: bool,
) -> Result<Stream, tonic::Status> {
    let request = v1::StreamFeedRequest {
        feed_id: "casework".to_owned(),
        consumer_name: consumer.to_owned(),
        take_over,
        ..v1::StreamFeedRequest::default()
    };
    Ok(served.feeds().stream_feed(request).await?.into_inner())
}

async fn next(stream: &mut Stream) -> Option<Content> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    let message = message.unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}"));
    message
        .expect("the stream goes on")
        .and_then(|message| message.content)
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_that_lost_its_feed_hands_out_nothing_more() {
    let mut served = Served::start().await;
    for _ in 0..40 {
        served.emit("", "complaint-received", complaint()).await;
    }
    let create = v1::CreateFeedRequest {
        feed_id: "casework".to_owned(),
        ..v1::CreateFeedRequest::default()
    };
    served.feeds().create_feed(create).await.expect("created");
    let mut first = stream_of(&served, "first", false).await.expect("a stream");
    let Some(Content::Event(handled)) = next(&mut first).await else {
        panic!("entries come");
    };
    let _second = stream_of(&served, "second", true)
        .await
        .expect("taken over");
    let mut seen = handled.cursor;
    let closing = loop {
        match next(&mut first).await {
            Some(Content::Event(late)) => seen = late.cursor,
            Some(Content::Closing(closing)) => break closing,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(closing.reason, "taken-over");
    assert_eq!(
        closing.cursor, seen,
        "the cursor is that of the last entry handed out"
    );
    assert_eq!(next(&mut first).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_faults_are_told_within_what_headers_hold() {
    let mut served = Served::start().await;
    let names: Vec<String> = (0..400)
        .map(|number| format!("not an organisation {number}"))
        .collect();
    let mut request = served.request("", "complaint-received", &complaint());
    let event = request.event.as_mut().expect("an event");
    let Some(v1::event_body::Kind::ComplaintReceived(body)) =
        event.body.as_mut().and_then(|body| body.kind.as_mut())
    else {
        panic!("a complaint");
    };
    body.orgs_named = names;
    let refused = served
        .events()
        .emit_event(request)
        .await
        .expect_err("malformed");
    assert_eq!(
        (told(&refused).0, told(&refused).1.as_str()),
        (Code::InvalidArgument, "FIELD_INVALID")
    );
    assert!(
        refused.message().contains("and 399 more"),
        "{}",
        refused.message()
    );
    assert!(
        refused.details().len() < 6 * 1024,
        "{} bytes",
        refused.details().len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_emitted_that_has_not_happened_or_happened_before_records() {
    let mut served = Served::start().await;
    for instant in [
        "2026-03-02T09:02:00Z",
        "2099-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ] {
        let mut request = served.request("", "complaint-received", &complaint());
        let event = request.event.as_mut().expect("an event");
        event.occurred_at = Some(concordat_codec::time::to_wire(
            instant.parse().expect("an instant"),
        ));
        let refused = served
            .events()
            .emit_event(request)
            .await
            .expect_err(instant);
        assert_eq!(told(&refused).2, ["event.occurred_at"], "{instant}");
    }
}

/// Domain brief B, envelope: `backdate_reason` when `occurred_at` is older than a configured limit, here 30 days.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_long_ago_says_why_it_is_recorded_so_late() {
    let mut served = Served::start().await;
    let mut emit = async |instant: &str, why: Option<&str>| {
        let mut request = served.request("", "complaint-received", &complaint());
        let event = request.event.as_mut().expect("an event");
        let instant = instant.parse().expect("an instant");
        event.occurred_at = Some(concordat_codec::time::to_wire(instant));
        event.backdate_reason = why.map(str::to_owned);
        served.events().emit_event(request).await
    };
    for why in [None, Some(" ")] {
        let refused = emit("2026-01-31T08:59:59Z", why)
            .await
            .expect_err("refused");
        assert_eq!(told(&refused).2, ["event.backdate_reason"]);
    }
    emit("2026-01-31T09:00:00Z", None)
        .await
        .expect("30 days ago");
    let explained = emit("2025-06-02T09:00:00Z", Some("found in a drawer")).await;
    explained.expect("explained");
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_are_listed_page_by_page_and_each_once() {
    let mut served = Served::start().await;
    let mut emitted = Vec::new();
    for _ in 0..70 {
        emitted.push(
            served
                .emit("", "complaint-received", complaint())
                .await
                .case_id,
        );
    }
    emitted.sort();
    let (mut listed, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = v1::ListCasesRequest {
            states: vec!["received".to_owned()],
            page_size: 32,
            page_token,
            ..v1::ListCasesRequest::default()
        };
        let page = served
            .cases()
            .list_cases(request)
            .await
            .expect("a page")
            .into_inner();
        listed.extend(page.cases.into_iter().map(|case| case.case_id));
        pages += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((pages, listed), (3, emitted));
    let request = v1::ListDeadlinesRequest {
        page_size: 500,
        ..v1::ListDeadlinesRequest::default()
    };
    let deadlines = served.deadlines().list_deadlines(request).await;
    let deadlines = deadlines.expect("a page").into_inner().deadlines;
    assert_eq!(
        deadlines
            .iter()
            .filter(|one| one.name == "acknowledge")
            .count(),
        70
    );
}

/// Issue 3 point 5: a deadline says whom it waited on, and a miss by how much it was published late.
// Proves: E-11
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_says_whom_it_waited_on_and_a_miss_how_late_it_was_published() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let ask = json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"]});
    served.emit(&case_id, "consent-requested", ask).await;
    let later = "2026-03-10T12:00:00Z".parse().expect("an instant");
    served.sandbox.clock().move_to(later);
    served.sandbox.settle().await.expect("at rest");
    let request = v1::ExplainDeadlineRequest {
        case_id: case_id.clone(),
        deadline: "relevant-period".to_owned(),
        at: None,
        min_position: String::new(),
    };
    let explained = served.deadlines().explain_deadline(request).await;
    let explained = explained.expect("an explanation").into_inner();
    let deadline = explained.deadline.expect("a deadline");
    let wait = &deadline.waits[0];
    assert_eq!(
        (wait.on.as_str(), wait.r#for()),
        ("complainant", v1::WaitedFor::Consent)
    );
    // From Monday 2 March: 3 to 6, 9 and 10 March.
    assert_eq!((wait.working_days, wait.until), (Some(6), None));
    assert_eq!(deadline.waited_on[0].working_days, Some(6));
    assert!(deadline.waited_on[0].still);
    let told = "Since Monday 2026-03-02 it waits on complainant for an answer about consent, 6 working day(s) so far.";
    assert!(
        explained.sentences.iter().any(|one| one == told),
        "{:?}",
        explained.sentences
    );

    let request = v1::ListTimelineRequest {
        case_id,
        ..v1::ListTimelineRequest::default()
    };
    let timeline = served.cases().list_timeline(request).await;
    let timeline = timeline.expect("a timeline").into_inner();
    let missed: Vec<_> = timeline
        .entries
        .iter()
        .filter(|one| one.r#type == "deadline-missed")
        .collect();
    // The acknowledgement was due on 5 March: missed from the 6th, published on the 10th at noon.
    let late_by = missed[0].late_by.expect("told of a miss");
    assert_eq!(late_by.seconds, (4 * 24 + 12) * 3600);
    assert!(timeline.entries[0].late_by.is_none());
}

/// Q19: over a case and the sub-case of a strand the person is shown the earliest answer, and every right with its own last day.
// Proves: J-14, J-17
#[tokio::test(flavor = "multi_thread")]
async fn a_case_shows_the_dates_of_the_person_over_its_sub_cases() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let mut opened = complaint();
    opened["policy"] = json!("eng-children-2006");
    opened["matter_known_on"] = json!("2026-02-02");
    let request = served.request("", "complaint-received", &opened);
    let sub = served.events().emit_event(request).await.expect("emitted");
    let sub = sub.into_inner().receipt.expect("a receipt").case_id;
    let link = json!({"other_case": sub, "kind": "strand-subcase"});
    served.emit(&case_id, "cases-linked", link).await;
    let request = v1::GetCaseRequest {
        case_id: case_id.clone(),
        ..v1::GetCaseRequest::default()
    };
    let case = served.cases().get_case(request).await.expect("a case");
    let case = case.into_inner().joint_case.expect("a case");
    let answer = case.answer_by.expect("an answer is owed");
    // Ten working days from 2 March, before the six months of the case itself.
    assert_eq!(
        (
            answer.case_id,
            answer.deadline.as_str(),
            answer.due_date.as_str()
        ),
        (sub.clone(), "stage-1-response", "2026-03-16")
    );
    assert_eq!(case.rights.len(), 1);
    assert_eq!(
        (&case.rights[0].case_id, case.rights[0].due_date.as_str()),
        (&sub, "2027-02-01")
    );
}
