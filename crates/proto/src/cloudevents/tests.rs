use serde_json::{Value, json};

use super::{Place, Shape, entry, event, event_type_of, type_of};
use crate::v1::stream_feed_response::Content;
use crate::v1::{
    Case, CaseSnapshot, Checkpoint, Compartment, ConsentGranted, ContentAvailable, EventBody,
    EventEnvelope, FeedCount, FeedTest, Ruling, event_body::Kind,
};

const ID: &str = "0190a6a0-0000-7000-8000-000000000001";
const CASE: &str = "000102030405060708090a0b0c0d0e0f";

fn envelope() -> EventEnvelope {
    let granted = ConsentGranted {
        orgs: vec!["ods:ZT1".to_owned()],
        ..ConsentGranted::default()
    };
    EventEnvelope {
        event_id: ID.to_owned(),
        source: "ods:ZT1".to_owned(),
        r#type: "consent-granted".to_owned(),
        case_id: CASE.to_owned(),
        occurred_at: Some(prost_types::Timestamp {
            seconds: 1_772_442_000,
            nanos: 0,
        }),
        position: "000000000000000300000000".to_owned(),
        ruling: Some(Ruling {
            effective: true,
            ..Ruling::default()
        }),
        body: Some(EventBody {
            kind: Some(Kind::ConsentGranted(granted)),
        }),
        withheld: vec![Compartment::SocialCare.into(), Compartment::Health.into()],
        ..EventEnvelope::default()
    }
}

fn place() -> Place {
    Place {
        feed: "erp".to_owned(),
        cursor: "00000000000000030000000000000000".to_owned(),
        count: Some(FeedCount {
            generation: 1,
            number: 7,
            digest: "ab".repeat(32),
        }),
    }
}

#[test]
fn event_is_strict_cloud_events_json() {
    let written = event(&envelope(), Some(&place()), Shape::CloudEvents).unwrap();
    assert_eq!(
        written,
        json!({
            "specversion": "1.0",
            "id": ID,
            "source": "organisations/ods:ZT1",
            "type": "uk.concordat.consent-granted.v1",
            "subject": format!("cases/{CASE}"),
            "time": "2026-03-02T09:00:00Z",
            "datacontenttype": "application/json",
            "data": {"consentGranted": {"orgs": ["ods:ZT1"]}},
            "position": "000000000000000300000000",
            "effective": true,
            "withheld": "social-care,health",
            "cursor": "00000000000000030000000000000000",
            "feed": "erp",
            "sequence": "00000000000000000007",
            "digest": "ab".repeat(32),
            "generation": "1",
        })
    );
}

/// CloudEvents 1.0.2, naming conventions and JSON format 2.2: small letters and digits, at most 20 of them; texts, booleans, numbers.
#[test]
fn attributes_are_named_and_typed_as_cloud_events_demands_whatever_is_set() {
    let mut full = envelope();
    for text in [
        &mut full.case_version,
        &mut full.causation_id,
        &mut full.corrects,
        &mut full.traceparent,
        &mut full.on_behalf_of,
        &mut full.actor_role,
        &mut full.actor_id,
        &mut full.backdate_reason,
    ] {
        "set".clone_into(text);
    }
    full.recorded_at = full.occurred_at;
    full.late_by = Some(prost_types::Duration {
        seconds: 90,
        nanos: 0,
    });
    full.historical = true;
    full.empty_lists = vec!["orgs".to_owned()];
    full.erased = vec![Compartment::Staff.into()];
    full.ruling = Some(Ruling {
        effective: false,
        reason: "no-consent".to_owned(),
        advice: "Ask.".to_owned(),
        warnings: vec!["incomplete:form".to_owned()],
    });
    let written = event(&full, Some(&place()), Shape::CloudEvents).unwrap();
    let attributes = written.as_object().unwrap();
    // All that there are: one that is added needs a value above.
    assert_eq!(attributes.len(), 32, "{attributes:?}");
    for (name, value) in attributes {
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(plain && name.len() <= 20, "{name}");
        let typed = value.is_string() || value.is_boolean() || name == "data";
        assert!(typed, "{name}: {value}");
    }
}

#[test]
fn body_that_may_not_be_read_leaves_no_data() {
    let withheld = EventEnvelope {
        body: None,
        ..envelope()
    };
    let written = event(&withheld, None, Shape::CloudEvents).unwrap();
    let absent = ["data", "datacontenttype", "cursor", "sequence", "reason"];
    assert!(
        absent.iter().all(|name| written.get(name).is_none()),
        "{written}"
    );
}

#[test]
fn mns_shape_has_a_reference_and_filtering_and_no_body() {
    let written = event(&envelope(), Some(&place()), Shape::Mns).unwrap();
    assert_eq!(
        written,
        json!({
            "specversion": "1.0",
            "id": ID,
            "source": "uk.concordat.ods.zt1",
            "type": "concordat-consent-granted-1",
            "subject": format!("cases/{CASE}"),
            "time": "2026-03-02T09:00:00Z",
            "dataref": format!("/v1/events/{ID}?source=ods:ZT1"),
            "filtering": {"organisation": "ods:ZT1", "eventtype": "consent-granted", "caseid": CASE, "effective": "true"},
        })
    );
}

#[test]
fn what_the_feed_says_itself_names_the_feed_and_its_cursor() {
    let available = Content::ContentAvailable(ContentAvailable {
        cursor: place().cursor,
        case_id: CASE.to_owned(),
        compartment: Compartment::Narrative.into(),
        count: place().count,
    });
    let written = entry(&available, "erp", Shape::CloudEvents)
        .unwrap()
        .unwrap();
    assert_eq!(written["type"], "uk.concordat.feed.content-available.v1");
    assert_eq!(written["source"], "feeds/erp");
    assert_eq!(written["id"], Value::from(place().cursor));
    assert_eq!(written["compartment"], "narrative");
    assert_eq!(written["sequence"], "00000000000000000007");
}

#[test]
fn snapshot_has_the_case_as_data_and_a_test_says_that_it_is_one() {
    let snapshot = Content::Snapshot(CaseSnapshot {
        cursor: place().cursor,
        joint_case: Some(Case {
            case_id: CASE.to_owned(),
            state: "received".to_owned(),
            ..Case::default()
        }),
        ..CaseSnapshot::default()
    });
    let written = entry(&snapshot, "erp", Shape::CloudEvents)
        .unwrap()
        .unwrap();
    assert_eq!(written["type"], "uk.concordat.feed.case-snapshot.v1");
    assert_eq!(written["data"]["state"], "received");
    let test = Content::FeedTest(FeedTest {
        cursor: place().cursor,
        event_id: ID.to_owned(),
        source: "ods:ZT1".to_owned(),
        ..FeedTest::default()
    });
    for (shape, mark) in [
        (Shape::CloudEvents, "/test"),
        (Shape::Mns, "/filtering/test"),
    ] {
        let written = entry(&test, "erp", shape).unwrap().unwrap();
        assert_eq!(written["type"], "uk.concordat.feed.test.v1");
        assert!(written.pointer(mark).is_some(), "{written}");
    }
    let heartbeat = Content::Checkpoint(Checkpoint::default());
    assert_eq!(entry(&heartbeat, "erp", Shape::CloudEvents).unwrap(), None);
}

#[test]
fn types_come_back_and_those_of_the_feed_are_none() {
    assert_eq!(
        event_type_of(&type_of("consent-granted")),
        Some("consent-granted")
    );
    for other in [
        "uk.concordat.feed.test.v1",
        "uk.concordat..v1",
        "uk.other.x.v1",
    ] {
        assert_eq!(event_type_of(other), None, "{other}");
    }
}
