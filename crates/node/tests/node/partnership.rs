//! Three nodes on one embedded log: what a local system sees of the whole way of an event.

use crate::support;

use concordat_codec::form;
use concordat_node::{Cursor, Emission, Error, FeedContent, Ruling, Stage};
use concordat_proto::v1;
use concordat_store::{Batch, Store, StoreConfig};
use serde_json::json;
use support::{BOARD, COUNCIL, Partnership, TRUST};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_sees_nothing_before_the_grant_and_the_whole_case_afterwards() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    assert!(matches!(
        partnership.node(COUNCIL).case(case, None).await,
        Err(Error::UnknownCase)
    ));
    let case = partnership.joint().await;
    for code in [TRUST, COUNCIL] {
        assert_eq!(
            partnership.digest(code, case).await,
            partnership.digest(TRUST, case).await
        );
    }
    assert!(matches!(
        partnership.node(BOARD).case(case, None).await,
        Err(Error::UnknownCase)
    ));
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its history");
    let received = events
        .first()
        .and_then(|event| event.event.clone())
        .expect("readable");
    assert!(
        format!("{received:?}").contains("CANARY"),
        "the consent covers the narrative"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_shows_the_history_then_the_content_then_each_event_once() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let entries = partnership
        .node(COUNCIL)
        .feed(None, 100)
        .await
        .expect("a feed");
    let told: Vec<String> = entries
        .iter()
        .map(|entry| match &entry.content {
            FeedContent::Event { event, historical } => {
                format!(
                    "{}{}",
                    event.event_type.expect("readable"),
                    if *historical { " (historical)" } else { "" }
                )
            }
            FeedContent::ContentAvailable { compartment, .. } => {
                format!("content {}", compartment.as_str_name())
            }
            other => panic!("of named feeds only: {other:?}"),
        })
        // The enforcer warns of what is due soon; when it does is not this test's subject.
        .filter(|told| !told.starts_with("deadline-approaching"))
        .collect();
    assert_eq!(
        told,
        [
            "complaint-received (historical)",
            "consent-granted (historical)",
            "participant-added (historical)",
            "participant-joined",
            "content COMPARTMENT_IDENTITY",
            "content COMPARTMENT_NARRATIVE",
            "content COMPARTMENT_HEALTH",
            "content COMPARTMENT_SOCIAL_CARE",
        ]
        .map(str::to_owned),
        "{case}"
    );
    let cursors: Vec<Cursor> = entries.iter().map(|entry| entry.cursor).collect();
    assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]));
    let rest = partnership
        .node(COUNCIL)
        .feed(Some(cursors[2]), 100)
        .await
        .expect("a feed");
    assert_eq!(rest.first().map(|entry| entry.cursor), Some(cursors[3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_refuses_is_refused_at_the_door_and_nothing_is_stored() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let before = partnership.node(TRUST).events(case).await.expect("a case");
    let emission = partnership.emission(Some(case), "plan-agreed",
        &json!({"strands": [], "agreed_by": [], "discussed_with_complainant": true, "local_procedures": []}));
    let id = emission.event_id;
    match partnership.node(COUNCIL).emit(emission).await {
        Err(Error::Refused { code, advice, .. }) => {
            assert_eq!(code, "no-lead");
            assert!(!advice.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        partnership.node(COUNCIL).event(id).await,
        Err(Error::UnknownEvent)
    ));
    let drafts = partnership.node(COUNCIL).drafts().await.expect("running");
    assert!(drafts.is_empty());
    partnership.settle().await;
    let after = partnership.node(TRUST).events(case).await.expect("a case");
    assert_eq!(after.len(), before.len());
}

/// ADR 0006: keys never open more than the person agreed to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_for_some_classes_opens_these_and_consent_for_some_issues_opens_none() {
    for (name, narrowed, readable) in [
        (
            "categories",
            json!(["identity"]),
            vec![v1::Compartment::Identity],
        ),
        ("categories", json!(["records"]), vec![]),
        ("issues", json!(["I1"]), vec![]),
    ] {
        let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
        let case = partnership.open().await;
        let mut fields = json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "d-1"});
        fields[name] = narrowed;
        partnership
            .emit(TRUST, case, "consent-granted", fields)
            .await;
        let add = json!({"participant": COUNCIL, "why_code": "issue-owner"});
        partnership
            .emit(TRUST, case, "participant-added", add)
            .await;
        partnership.settle().await;
        let join = json!({"responsible_person": "chief-executive"});
        partnership
            .emit(COUNCIL, case, "participant-joined", join)
            .await;
        partnership.settle().await;
        let feed = partnership
            .node(COUNCIL)
            .feed(None, 1000)
            .await
            .expect("running");
        let opened: Vec<_> = feed
            .into_iter()
            .filter_map(|entry| match entry.content {
                FeedContent::ContentAvailable { compartment, .. } => Some(compartment),
                _ => None,
            })
            .collect();
        assert_eq!(opened, readable, "{name}");
        // The receiver has everything from the person, and the case goes on with both.
        let events = partnership.node(TRUST).events(case).await.expect("a case");
        assert!(events[0].withheld.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_event_again_is_the_first_receipt_and_other_content_under_its_id_is_refused() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    let acknowledged = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let emission = partnership.emission(Some(case), "complaint-acknowledged", &acknowledged);
    let first = partnership
        .node(TRUST)
        .emit(emission.clone())
        .await
        .expect("accepted");
    let again = partnership
        .node(TRUST)
        .emit(emission.clone())
        .await
        .expect("known");
    assert!(again.deduplicated && !first.deduplicated);
    assert_eq!(
        (again.position, again.ruling),
        (first.position, first.ruling)
    );
    let mut other = emission;
    other.input = form::read(
        "complaint-acknowledged",
        &json!({"method": "email", "discussion_offered": true}),
    )
    .expect("an event");
    assert!(matches!(
        partnership.node(TRUST).emit(other).await,
        Err(Error::EventIdReused { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_log_is_away_drafts_are_durable_judged_in_order_and_committed_in_order_afterwards()
 {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    partnership.handle(TRUST).detach();
    let mut waiting = Vec::new();
    for (event_type, fields) in [
        (
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
        ),
        (
            "consent-requested",
            json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"]}),
        ),
        (
            "consent-granted",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
        ),
    ] {
        let emission = Emission {
            wait_for: Stage::Accepted,
            ..partnership.emission(Some(case), event_type, &fields)
        };
        waiting.push(emission.event_id);
        let receipt = partnership
            .node(TRUST)
            .emit(emission)
            .await
            .expect("accepted");
        assert_eq!(receipt.stage, Stage::Accepted);
    }
    // Judged on own drafts: the acknowledgement is pending, so a second one is refused though none is ruled.
    let second = partnership.emission(Some(case), "complaint-acknowledged",
        &json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}));
    assert!(
        matches!(partnership.node(TRUST).emit(second).await, Err(Error::Refused { code, .. }) if code == "already-decided")
    );
    // A restart in between loses nothing.
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    assert_eq!(
        partnership
            .node(TRUST)
            .drafts()
            .await
            .expect("running")
            .len(),
        3
    );
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    let mut positions = Vec::new();
    for id in waiting {
        let receipt = partnership.node(TRUST).receipt(id).await.expect("known");
        assert_eq!(receipt.ruling, Some(Ruling::Effective));
        positions.push(receipt.position);
    }
    assert!(
        positions.windows(2).all(|pair| pair[0] < pair[1]),
        "{positions:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_gives_one_admitted_bundle() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    partnership.handle(TRUST).lose_next_acknowledgement();
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let receipt = partnership
        .emit(TRUST, case, "complaint-acknowledged", fields)
        .await;
    let events = partnership.node(TRUST).events(case).await.expect("a case");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.event_id == receipt.event_id)
            .count(),
        1
    );
    assert_eq!(
        partnership
            .node(TRUST)
            .status()
            .await
            .expect("running")
            .quarantined,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keepers_enforcer_publishes_a_missed_deadline_once_and_nobody_else_does() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    partnership
        .clock()
        .move_to("2026-12-24T00:00:00Z".parse().expect("an instant"));
    partnership.settle().await;
    for code in [TRUST, COUNCIL] {
        let events = partnership.node(code).events(case).await.expect("a case");
        let missed: Vec<_> = events
            .iter()
            .filter(|event| {
                event
                    .event_type
                    .is_some_and(|kind| kind.to_string() == "deadline-missed")
            })
            .filter(|event| event.ruling() == Some(&Ruling::Effective))
            .filter(|event| format!("{:?}", event.event).contains("\"acknowledge\""))
            .collect();
        assert_eq!(missed.len(), 1, "{code}");
        assert_eq!(missed[0].author.as_str(), TRUST);
        assert!(
            partnership
                .node(code)
                .case(case, None)
                .await
                .expect("a case")
                .flags
                .contains("overdue:acknowledge")
        );
    }
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emit_costs_one_sync_at_the_node_and_is_witnessed_by_the_others() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    let before = partnership
        .node(TRUST)
        .status()
        .await
        .expect("running")
        .syncs;
    let fields = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    let emission = partnership.emission(Some(case), "complaint-acknowledged", &fields);
    let id = emission.event_id;
    let receipt = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.stage, Stage::Ruled);
    let after = partnership
        .node(TRUST)
        .status()
        .await
        .expect("running")
        .syncs;
    assert_eq!(
        after - before,
        1,
        "draft, signed bundle and high-water mark are one write and one sync"
    );
    partnership.wait_for(TRUST, id, Stage::Witnessed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_projections_were_deleted_replays_its_journal_to_the_same_case() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let before = partnership.digest(COUNCIL, case).await;
    let feed = partnership.node(COUNCIL).feed(None, 100).await;
    let feed: Vec<Cursor> = feed
        .expect("a feed")
        .iter()
        .map(|entry| entry.cursor)
        .collect();
    partnership.down(COUNCIL).await;
    let place = partnership.sandbox.store_directory(COUNCIL);
    let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
    assert!(!store.cases().ids(None, 10).expect("sound").is_empty());
    store.clear_projections().expect("cleared");
    assert!(store.cases().ids(None, 10).expect("sound").is_empty());
    drop(store);
    // From the journal alone: the log cannot be reached.
    partnership.handle(COUNCIL).detach();
    partnership.up(COUNCIL);
    assert_eq!(partnership.digest(COUNCIL, case).await, before);
    let again = partnership.node(COUNCIL).feed(None, 100).await;
    let again: Vec<Cursor> = again
        .expect("a feed")
        .iter()
        .map(|entry| entry.cursor)
        .collect();
    assert_eq!(again, feed, "what was delivered is not delivered anew");

    // It is whole again: it takes part, and starts once more without a replay.
    partnership.handle(COUNCIL).attach();
    let asked = json!({"id": "r-1", "of": TRUST, "basis": "own-records", "due": "2027-01-15", "what": "the ward diary"});
    partnership
        .emit(COUNCIL, case, "information-requested", asked)
        .await;
    partnership.down(COUNCIL).await;
    let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
    assert!(!store.rebuild_due().expect("sound"));
    assert!(store.projections().get(&case.0).expect("sound").is_some());
    drop(store);
    partnership.up(COUNCIL);
    assert_eq!(
        partnership.digest(COUNCIL, case).await,
        partnership.digest(TRUST, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_was_written_as_parked_goes_on_if_its_key_has_come_since() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    partnership.down(COUNCIL).await;
    let place = partnership.sandbox.store_directory(COUNCIL);
    let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
    // As a crash leaves it: the projection is older than the grant, which the journal and the keyring have.
    let kept = store
        .projections()
        .get(&case.0)
        .expect("sound")
        .expect("it was written");
    let mut kept: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    assert!(kept["parked"].is_null());
    kept["parked"] = json!([kept["last"], "key-missing"]);
    let mut batch = Batch::new();
    let kept = serde_json::to_vec(&kept).expect("JSON");
    store
        .projections()
        .put(&mut batch, &case.0, &kept)
        .expect("it fits");
    // What lies ahead of it is written with it, and says that it is parked as well: then it is not read.
    store.due().delete(&mut batch, &case.0);
    store.commit(batch).expect("written");
    drop(store);
    partnership.up(COUNCIL);
    let view = partnership
        .node(COUNCIL)
        .case(case, None)
        .await
        .expect("a case");
    assert_eq!(view.parked, None);
    assert_eq!(view.digest, partnership.digest(TRUST, case).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_again_from_its_store_with_the_same_case() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let before = partnership.digest(COUNCIL, case).await;
    partnership.down(COUNCIL).await;
    partnership.handle(COUNCIL).detach();
    partnership.up(COUNCIL);
    assert_eq!(
        partnership.digest(COUNCIL, case).await,
        before,
        "from the store alone: the log cannot be reached"
    );
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("its history");
    assert!(
        format!("{:?}", events[0].event).contains("CANARY"),
        "the keyring came back, too"
    );
}
