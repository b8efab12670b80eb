//! Events from the form that people write, over the wire, to what judging sees, and back.

use std::collections::BTreeSet;

use concordat_codec::{
    Error,
    event::{HeaderFacts, NodeFacts, from_input, to_domain},
    fields, form, parts, shape,
};
use concordat_domain::{
    event::{CaseVersion, EventType},
    fields::Value as Field,
    ids::{CaseId, EventId},
};
use concordat_proto::v1::{self, Compartment};
use jiff::Timestamp;
use serde_json::{Value, json};

fn violations(event_type: &str, fields: Value) -> Vec<(String, String)> {
    match form::read(event_type, &fields) {
        Err(Error::Invalid(violations)) => violations
            .into_iter()
            .map(|one| (one.path, one.what))
            .collect(),
        other => panic!("should be refused: {other:?}"),
    }
}

fn pair(path: &str, what: &str) -> (String, String) {
    (path.to_owned(), what.to_owned())
}

fn issues_agreed() -> v1::EventInput {
    let fields = json!({
        "issues": [{"id": "I1", "body": "ods:ZT1"}, {"id": "I2"}],
        "issue_texts": [{"id": "I1", "text": "canary one"}, {"id": "I2", "text": "canary two"}],
        "desired_outcomes": [],
        "agreed_with_complainant": "stated-by-body",
    });
    let mut input = form::read("issues-agreed", &fields).expect("the form is well-formed");
    input.backdate_reason = Some("canary three".to_owned());
    input
}

fn node_facts() -> NodeFacts {
    NodeFacts {
        recorded_at: Timestamp::constant(1_772_445_600, 0),
        lead_epoch: Some(2),
        basis: CaseVersion {
            others: 3,
            own_seq: 4,
        },
        applied: Some((7, [9; 32])),
        ..NodeFacts::default()
    }
}

fn header_facts() -> HeaderFacts {
    HeaderFacts {
        id: EventId([1; 16]),
        case: CaseId([2; 16]),
        author: "ods:ZT1".parse().expect("an organisation code"),
        claimed_at: Timestamp::constant(1_772_445_601, 0),
        content_digest: [3; 32],
    }
}

#[test]
fn form_reads_back_what_it_writes() {
    let fields = json!({
        "given_by": "p-5", "orgs": ["ods:ZCP01"], "from": "2026-09-28", "scope": "orgs", "issues": [], "reason": "fears",
    });
    let input = form::read("consent-withdrawn", &fields).unwrap();
    assert_eq!(input.empty_lists, ["issues"]);
    let (event_type, written) =
        form::write(input.body.as_ref().unwrap(), &input.empty_lists).unwrap();
    assert_eq!(
        (event_type.as_str(), written),
        ("consent-withdrawn", fields)
    );
}

#[test]
fn single_value_for_a_list_is_a_list_of_one() {
    let fields = json!({"given_by": "p-1", "orgs": "ods:ZT1", "issues": "all", "learning": true, "evidence_ref": "doc-1"});
    let input = form::read("consent-granted", &fields).unwrap();
    let extract = fields::extract(input.body.as_ref().unwrap(), &input.empty_lists).unwrap();
    assert_eq!(
        extract.fields.get("issues"),
        Some(&Field::List(vec![Field::Text("all".to_owned())]))
    );
    assert_eq!(extract.event_type, "consent-granted");
}

#[test]
fn form_says_all_that_is_wrong_at_once() {
    let found = violations(
        "plan-agreed",
        json!({
            "strands": [{"org": "ods:ZT1", "due": "2026-02-30"}, {"organisation": "x"}, {"org": "ZT1"}],
            "discussed_with_complainant": "yes",
            "update_interval": -1,
            "plan_text": "long ".repeat(20_000),
            "colour": "red",
        }),
    );
    let expected = [
        pair("colour", "unknown field"),
        pair("discussed_with_complainant", "expected true or false"),
        pair("plan_text", "too long"),
        pair("strands[0].due", "not a date"),
        pair("strands[1].organisation", "unknown field"),
        pair("strands[2].org", "not an organisation code"),
        pair("update_interval", "expected a whole number from 0"),
    ];
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from(expected));
}

#[test]
fn form_names_the_codes_of_an_enumeration() {
    let error = form::read(
        "action-verified",
        &json!({"action": "A1", "result": "fine", "by_post": "manager"}),
    )
    .unwrap_err();
    assert!(error.to_string().contains(
        "result: not a code of this field; expected one of: verified, insufficient, waived"
    ));
}

#[test]
fn form_refuses_free_text_in_process_and_repeated_ids() {
    let fields = json!({"contact": "Mrs O'Brien", "details_sent": true});
    assert_eq!(
        violations("named-contact-assigned", fields),
        [pair("contact", "not a code")]
    );
    let fields = json!({"issues": [{"id": "I1"}, {"id": "I1"}]});
    assert_eq!(
        violations("issues-agreed", fields),
        [pair("issues[1].id", "occurs twice in the list")]
    );
}

#[test]
fn form_refuses_text_that_says_nothing_or_cannot_be_shown_and_names_that_stand_twice() {
    for (text, what) in [
        ("", "empty"),
        (" \n", "empty"),
        ("late\u{0}reply", "holds control characters"),
        ("late\u{1b}[2Jreply", "holds control characters"),
    ] {
        assert_eq!(
            violations("complaint-received", json!({"nature": text})),
            [pair("nature", what)]
        );
    }
    let lines = json!({"nature": "Late reply.\r\n\tNobody called back; \u{202f}Zoë waited."});
    assert!(form::read("complaint-received", &lines).is_ok());
    let fields = json!({"orgs_named": ["ods:ZT1", "gss:E06999901", "ods:ZT1"]});
    assert_eq!(
        violations("complaint-received", fields),
        [pair("orgs_named[2]", "occurs twice in the list")]
    );
}

#[test]
fn unknown_event_type_is_told_apart() {
    assert_eq!(
        form::read("tea-made", &json!({})),
        Err(Error::UnknownEventType("tea-made".to_owned()))
    );
}

#[test]
fn door_refuses_with_paths_of_the_contract() {
    let mut input = form::read(
        "consent-withdrawn",
        &json!({"from": "2026-01-01", "orgs": ["ods:ZT1"]}),
    )
    .unwrap();
    if let Some(v1::event_body::Kind::ConsentWithdrawn(withdrawn)) =
        input.body.as_mut().and_then(|body| body.kind.as_mut())
    {
        withdrawn.effective_from = Some("1 May".to_owned());
        withdrawn.scope = Some(77);
    }
    input.corrects = Some("not-a-uuid".to_owned());
    input.empty_lists = vec!["orgs".to_owned(), "given_by".to_owned()];
    let Err(Error::Invalid(found)) = shape::validate(&input) else {
        panic!("should be refused")
    };
    let paths: BTreeSet<_> = found.iter().map(|one| one.path.as_str()).collect();
    let expected = [
        "body.consent_withdrawn.effective_from",
        "body.consent_withdrawn.scope",
        "corrects",
        "empty_lists[0]",
        "empty_lists[1]",
    ];
    assert_eq!(paths, BTreeSet::from(expected));
    assert_eq!(shape::validate(&issues_agreed()), Ok(()));
}

#[test]
fn door_refuses_an_event_without_kind_or_above_its_size() {
    assert!(
        matches!(shape::validate(&v1::EventInput::default()), Err(Error::Invalid(found)) if found[0].path == "body")
    );
    let texts: Vec<_> = (0..6)
        .map(|index| json!({"id": format!("I{index}"), "text": "x".repeat(60_000)}))
        .collect();
    let input = form::read("issues-agreed", &json!({"issue_texts": texts})).unwrap();
    assert!(
        matches!(shape::validate(&input), Err(Error::Invalid(found)) if found[0].what == "the event is too long")
    );
}

#[test]
fn split_keeps_content_out_of_process_and_merge_gives_the_event_back() {
    let event = from_input(&issues_agreed(), node_facts()).unwrap();
    let parts = parts::split(&event);
    let compartments: Vec<_> = parts.iter().map(|part| part.compartment).collect();
    assert_eq!(compartments, [Compartment::Process, Compartment::Narrative]);
    assert!(!parts[0].bytes.windows(6).any(|window| window == b"canary"));
    let merged = parts::merge(
        parts
            .iter()
            .map(|part| (part.compartment, part.bytes.as_slice())),
    )
    .unwrap();
    assert_eq!(merged, event);
}

#[test]
fn judging_sees_the_same_with_and_without_the_content() {
    let event = from_input(&issues_agreed(), node_facts()).unwrap();
    let parts = parts::split(&event);
    let process = parts::merge([(Compartment::Process, parts[0].bytes.as_slice())]).unwrap();
    let judged = to_domain(&process, header_facts()).unwrap();
    assert_eq!(judged, to_domain(&event, header_facts()).unwrap());
    assert_eq!(judged.event_type, EventType::IssuesAgreed);
    assert_eq!(judged.filled, BTreeSet::from(["issue_texts".to_owned()]));
    assert_eq!(
        judged.fields.get("desired_outcomes"),
        Some(&Field::List(Vec::new()))
    );
    assert_eq!(
        judged.fields.text("agreed_with_complainant"),
        Some("stated-by-body")
    );
    assert_eq!(
        judged.basis,
        CaseVersion {
            others: 3,
            own_seq: 4
        }
    );
    assert_eq!(judged.occurred_at, node_facts().recorded_at);
    assert_eq!(judged.recorded_at, header_facts().claimed_at);
}

#[test]
fn part_with_a_field_of_an_other_compartment_is_unreadable() {
    let event = from_input(&issues_agreed(), node_facts()).unwrap();
    let parts = parts::split(&event);
    let process_as_narrative = [
        (Compartment::Process, &parts[0].bytes[..]),
        (Compartment::Narrative, &parts[0].bytes[..]),
    ];
    assert!(matches!(
        parts::merge(process_as_narrative),
        Err(Error::Unreadable(_))
    ));
    let narrative_as_process = [(Compartment::Process, &parts[1].bytes[..])];
    assert!(matches!(
        parts::merge(narrative_as_process),
        Err(Error::Unreadable(_))
    ));
}

#[test]
fn part_of_an_other_kind_of_event_is_unreadable() {
    let one = parts::split(&from_input(&issues_agreed(), node_facts()).unwrap());
    let refused = form::read(
        "consent-refused",
        &json!({"given_by": "p-1", "reason": "private"}),
    )
    .unwrap();
    let other = parts::split(&from_input(&refused, node_facts()).unwrap());
    let mixed = [
        (Compartment::Process, &one[0].bytes[..]),
        (Compartment::Narrative, &other[1].bytes[..]),
    ];
    assert!(matches!(parts::merge(mixed), Err(Error::Unreadable(_))));
}

#[test]
fn event_without_time_is_unreadable_and_without_kind_unknown() {
    let mut event = from_input(&issues_agreed(), node_facts()).unwrap();
    event.occurred_at = None;
    assert!(matches!(
        to_domain(&event, header_facts()),
        Err(Error::Unreadable(_))
    ));
    event.body = None;
    assert!(matches!(
        to_domain(&event, header_facts()),
        Err(Error::UnknownEventType(_))
    ));
}
