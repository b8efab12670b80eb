//! Every reason of `errors.proto` is reached by a test: triggered here if that is cheap, else by a test that is named here, or by a worked
//! case. A reason that nothing reaches says so in the table (`unreached`), and a new reason without a test fails here.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use concordat_proto::reasons;
use concordat_proto::v1;
use concordat_proto::v1::case_service_client::CaseServiceClient;
use serde_json::{Value, json};
use support::{Served, TRUST, complaint, told};
use tonic::{Request, Status};

/// Reason, the file of the test that reaches it, the test, and the word by which it names the reason.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    (
        "FIELD_UNKNOWN",
        "crates/api/tests/api/wires.rs",
        "every_fault_of_a_request_is_told_with_its_reason_whatever_the_wire",
        "FIELD_UNKNOWN",
    ),
    (
        "METHOD_UNKNOWN",
        "crates/api/tests/api/wires.rs",
        "every_fault_of_a_request_is_told_with_its_reason_whatever_the_wire",
        "METHOD_UNKNOWN",
    ),
    (
        "DEADLINE_EXCEEDED",
        "crates/api/tests/api/wires.rs",
        "every_fault_of_a_request_is_told_with_its_reason_whatever_the_wire",
        "DEADLINE_EXCEEDED",
    ),
    (
        "REQUEST_TOO_LARGE",
        "crates/api/tests/api/wires.rs",
        "request_above_the_limit_is_refused_with_our_reason_on_every_wire",
        "REQUEST_TOO_LARGE",
    ),
    (
        "ENCODING_UNSUPPORTED",
        "crates/api/tests/api/compression.rs",
        "other_compression_is_refused_and_what_unfolds_beyond_the_limit_as_well",
        "ENCODING_UNSUPPORTED",
    ),
    (
        "EVENT_TOO_LARGE",
        "tests/tests/partnership/bad_input.rs",
        "what_is_wrong_is_refused_with_one_reason_and_its_field_and_leaves_no_trace",
        "EVENT_TOO_LARGE",
    ),
    (
        "DRAFT_NOT_HELD",
        "crates/cli/tests/cli/held.rs",
        "a_held_event_is_listed_released_and_discarded",
        "DRAFT_NOT_HELD",
    ),
    (
        "EVENT_DISCARDED",
        "crates/cli/tests/cli/held.rs",
        "a_held_event_is_listed_released_and_discarded",
        "EVENT_DISCARDED",
    ),
    (
        "FEED_IN_USE",
        "crates/api/tests/api/services.rs",
        "feed_gives_what_there_is_then_what_comes_and_resumes_after_a_commit",
        "FEED_IN_USE",
    ),
    (
        "FEED_RESYNC_REQUIRED",
        "crates/api/tests/api/services.rs",
        "cursor_that_no_entry_has_names_the_place_to_resume_at",
        "FEED_RESYNC_REQUIRED",
    ),
    (
        "OVERLOADED",
        "crates/api/tests/api/feeds.rs",
        "test_entry_comes_in_one_feed_counted_and_marked_as_one",
        "OVERLOADED",
    ),
    (
        "BATCH_PARTLY_KNOWN",
        "crates/api/tests/api/emits.rs",
        "a_batch_has_one_receipt_an_event_and_the_same_again_has_the_first",
        "BATCH_PARTLY_KNOWN",
    ),
    (
        "BATCH_TOO_LARGE",
        "crates/api/tests/api/emits.rs",
        "a_batch_that_no_bundle_holds_is_refused_with_both_limits",
        "BATCH_TOO_LARGE",
    ),
    (
        "ACT_SUSPENDED",
        "crates/node/tests/node/channels.rs",
        "an_act_that_an_enquiry_suspends_is_refused_at_the_door_until_the_channel_frees_it",
        "ActSuspended",
    ),
    // What goes wrong in a node itself: its errors, as callers are told them.
    (
        "ACT_SUSPENDED",
        "crates/api/src/failure.rs",
        "what_goes_wrong_in_the_node_has_its_reason",
        "ACT_SUSPENDED",
    ),
    (
        "CASE_PARKED",
        "crates/api/src/failure.rs",
        "what_goes_wrong_in_the_node_has_its_reason",
        "CASE_PARKED",
    ),
    (
        "CORRUPTED",
        "crates/api/src/failure.rs",
        "what_goes_wrong_in_the_node_has_its_reason",
        "CORRUPTED",
    ),
    (
        "INTERNAL",
        "crates/api/src/services/audit_pack.rs",
        "pack_that_cannot_be_written_is_a_fault_of_the_node",
        "INTERNAL",
    ),
];

/// Reasons that no test reaches, each with why. Only what a test would have to break the machine for.
const UNTESTED: &[(&str, &str)] = &[(
    "STORE_FAILED",
    "a disk would have to fail a reading; a write that fails ends the node, and its callers are told SHUTTING_DOWN",
)];

fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("crates/api is two below it")
}

/// Reasons for which an event of a worked case is to be refused or void: `missing-field:findings` is MISSING_FIELD.
fn of_worked_cases() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = root().join("tests/fixtures/scenarios");
    for entry in std::fs::read_dir(folder).expect("worked cases") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("read");
        let steps: Value = serde_json::from_str(&text).expect("JSON");
        for step in steps.as_array().expect("steps") {
            if let Some(code) = step["expect"]["rejected"].as_str() {
                let family = code.split(':').next().unwrap_or_default();
                found.insert(family.to_ascii_uppercase().replace('-', "_"));
            }
        }
    }
    found
}

/// The text of a function in a file, up to the brace that ends it at its own indentation.
fn text_of<'a>(source: &'a str, function: &str) -> Option<&'a str> {
    let start = source.find(&format!("fn {function}("))?;
    let line = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = source[line..].len() - source[line..].trim_start_matches(' ').len();
    let end = format!("\n{}}}\n", " ".repeat(indent));
    let length = source[start..].find(&end)?;
    Some(&source[start..start + length])
}

async fn triggered() -> BTreeSet<String> {
    let mut served = Served::start().await;
    let mut reasons = BTreeSet::new();
    let mut refused = |status: Result<(), Status>| {
        let (_, reason, _) = told(&status.expect_err("refused"));
        reasons.insert(reason);
    };
    let get = |case_id: &str| v1::GetCaseRequest {
        case_id: case_id.to_owned(),
        ..v1::GetCaseRequest::default()
    };
    let absent = "0".repeat(32);
    refused(served.cases().get_case(get("x")).await.map(drop)); // FIELD_INVALID
    refused(served.cases().get_case(get(&absent)).await.map(drop)); // NOT_FOUND
    let mut bare = CaseServiceClient::new(served.channel.clone());
    refused(bare.get_case(get(&absent)).await.map(drop)); // UNAUTHENTICATED
    let list = v1::ListCasesRequest {
        page_token: "00".to_owned(),
        ..v1::ListCasesRequest::default()
    };
    refused(served.cases().list_cases(list).await.map(drop)); // PAGE_TOKEN_INVALID
    let mut far = Request::new(v1::ListCasesRequest {
        min_position: "00000000ffffffff00000000".to_owned(),
        ..v1::ListCasesRequest::default()
    });
    far.set_timeout(Duration::from_millis(300));
    refused(served.cases().list_cases(far).await.map(drop)); // POSITION_NOT_REACHED
    let late = v1::ListDeadlinesRequest {
        due_within_working_days: Some(260),
        at: Some(prost_types::Timestamp {
            seconds: 4_102_444_800, // 2100-01-01, which no calendar reaches
            nanos: 0,
        }),
        ..v1::ListDeadlinesRequest::default()
    };

    let first = served.request("", "complaint-received", &complaint());
    let emitted = served.events().emit_event(first.clone()).await;
    let receipt = emitted.expect("emitted").into_inner().receipt;
    let case_id = receipt.expect("a receipt").case_id;
    refused(served.deadlines().list_deadlines(late).await.map(drop)); // CALENDAR_HORIZON
    let mut other = served.request("", "complaint-received", &complaint());
    other.event_id = String::new();
    refused(served.events().emit_event(other.clone()).await.map(drop)); // EVENT_ID_MISSING
    let mut reused = served.request(
        &case_id,
        "complainant-updated",
        &json!({"method": "letter"}),
    );
    reused.event_id.clone_from(&first.event_id);
    refused(served.events().emit_event(reused.clone()).await.map(drop)); // EVENT_ID_REUSED
    reused.event_id = served.fresh_id();
    reused.expected_version = "x".to_owned();
    refused(served.events().emit_event(reused).await.map(drop)); // VERSION_INVALID
    served.sandbox.stop_node(TRUST).await.expect("it ran");
    refused(served.cases().get_case(get(&case_id)).await.map(drop)); // SHUTTING_DOWN
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_is_reached_by_a_test_or_says_why_none_can_be() {
    let triggered = triggered().await;
    let worked = of_worked_cases();
    let mut sources = BTreeMap::new();
    for (reason, file, test, word) in ELSEWHERE {
        let source = sources.entry(*file).or_insert_with(|| {
            std::fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("no {file}"))
        });
        let text = text_of(source, test);
        let text = text.unwrap_or_else(|| panic!("{file} has no {test}, which reaches {reason}"));
        assert!(
            text.contains(word),
            "{test} of {file} says nothing of {word}"
        );
        assert!(reasons::by_name(reason).is_some(), "there is no {reason}");
    }
    for row in reasons::all() {
        let name = row.name.as_str();
        let is_tested = triggered.contains(name)
            || row.is_of_ruling() && worked.contains(name)
            || ELSEWHERE.iter().any(|(reason, ..)| *reason == name);
        let is_excused = UNTESTED.iter().any(|(reason, _)| *reason == name);
        assert!(!(is_tested && is_excused), "{name} is tested after all");
        if row.unreached.is_some() {
            assert!(!triggered.contains(name), "{name} is reached after all");
            continue;
        }
        assert!(
            is_tested || is_excused,
            "no test reaches {name}: trigger it here, or name the test that does"
        );
    }
    for reason in &triggered {
        assert!(reasons::by_name(reason).is_some(), "{reason} has no row");
    }
}

#[test]
fn text_of_a_function_ends_with_it() {
    let source =
        "mod a {\n    fn one() {\n        x\n    }\n\n    fn two() {\n        y\n    }\n}\n";
    assert_eq!(text_of(source, "one"), Some("fn one() {\n        x"));
    assert_eq!(text_of(source, "three"), None);
}
