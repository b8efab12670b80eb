//! Erasure: at the end of retention nobody can read the content any more, and everything still verifies (D-07, D-08; promise 5).

use crate::support;

use std::path::Path;

use concordat_domain::ids::CaseId;
use concordat_log::{Offset, SharedLog as _};
use concordat_node::audit::{Known, Point, ReplayQuery};
use concordat_node::{Error, EventView};
use concordat_proto::v1::Compartment;
use concordat_store::{Store, StoreConfig};
use concordat_trust::bundle::Bundle;
use concordat_trust::envelope::Class;
use concordat_trust::keyring::CaseKeys;
use serde_json::json;
use support::{COUNCIL, Partnership, TRUST, records};

const CONTENT: [&str; 7] = [
    "identity",
    "narrative",
    "health",
    "social-care",
    "third-party",
    "safeguarding",
    "staff",
];

/// A joint case that was withdrawn and closed in March 2026 and erased ten years later.
async fn erased() -> (Partnership, CaseId) {
    let mut partnership = Partnership::start("2026-03-02T10:00:00Z");
    let case = partnership.joint().await;
    let withdrawn = json!({"said_by": "complainant", "on": "2026-03-02", "carry_on_internally": false, "complainants_left": 0,
        "how": "CANARY by telephone"});
    partnership
        .emit(TRUST, case, "complaint-withdrawn", withdrawn)
        .await;
    partnership
        .emit(TRUST, case, "case-closed", json!({"reason": "withdrawn"}))
        .await;
    for code in [TRUST, COUNCIL] {
        assert!(
            shown(&partnership, code, case).await.contains("CANARY"),
            "{code}"
        );
    }
    partnership
        .clock()
        .move_to("2036-03-03T10:00:00Z".parse().expect("a time"));
    let erasure = json!({"compartments": CONTENT, "kept": ["process"]});
    partnership
        .emit(TRUST, case, "personal-data-erased", erasure)
        .await;
    (partnership, case)
}

async fn events(partnership: &Partnership, code: &str, case: CaseId) -> Vec<EventView> {
    let history = partnership.node(code).events(case).await;
    history.expect("its history")
}

/// All that a node shows of a case.
async fn shown(partnership: &Partnership, code: &str, case: CaseId) -> String {
    format!("{:?}", events(partnership, code, case).await)
}

/// A closed node's store.
fn store(place: &Path) -> Store {
    Store::open(place, StoreConfig::default()).expect("a store")
}

// Proves: D-07, D-08, 003-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_is_gone_at_every_party_and_the_case_stays() {
    let (partnership, case) = erased().await;
    for code in [TRUST, COUNCIL] {
        let view = partnership
            .node(code)
            .case(case, None)
            .await
            .expect("it stays");
        assert_eq!(view.state, "erased", "{code}");
        assert_eq!(view.digest, partnership.digest(TRUST, case).await, "{code}");
        assert!(
            !shown(&partnership, code, case).await.contains("CANARY"),
            "{code}"
        );
        let received = &events(&partnership, code, case).await[0];
        assert!(received.erased.contains(&Compartment::Narrative), "{code}");
        assert!(
            received.withheld.is_empty(),
            "{code}: what is gone is not withheld"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_keys_nor_content_are_left_in_a_store() {
    let (mut partnership, case) = erased().await;
    for code in [TRUST, COUNCIL] {
        let place = partnership.sandbox.store_directory(code);
        partnership.down(code).await;
        assert!(
            !place.join("1").exists(),
            "{code}: the files that had it are gone"
        );
        let store = store(&place);
        let keys = store.vault().get(&format!("keys/{case}")).expect("sound");
        let keys: CaseKeys =
            serde_json::from_slice(&keys.expect("process stays readable")).expect("keys");
        assert_eq!(
            keys.offers().count(),
            0,
            "{code}: no grant can be opened again"
        );
        let lines: std::collections::BTreeSet<_> = keys.versions().map(|held| held.alias).collect();
        assert_eq!(lines.len(), 1, "{code}: process alone");
        for record in store.journal().from(0) {
            let bundle = Bundle::parse(&record.expect("sound").bytes).expect("a bundle");
            for envelope in bundle.envelopes() {
                let missing = envelope.missing_parts().count();
                assert_eq!(
                    missing,
                    envelope.header().parts.len() - 1,
                    "{code}: part 0 alone is left"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_case_is_the_same_after_a_restart_and_from_the_journal_alone() {
    let (mut partnership, case) = erased().await;
    let before = partnership.digest(COUNCIL, case).await;
    partnership.down(COUNCIL).await;
    let place = partnership.sandbox.store_directory(COUNCIL);
    store(&place).clear_projections().expect("writable");
    partnership.up(COUNCIL);
    partnership.settle().await;
    assert_eq!(partnership.digest(COUNCIL, case).await, before);
    assert!(!shown(&partnership, COUNCIL, case).await.contains("CANARY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_bundle_on_the_log_brings_nothing_back() {
    let (mut partnership, case) = erased().await;
    let log = partnership.handle(TRUST).clone();
    let all = records(&log).await;
    let with_content = all.iter().find(|record| {
        let bundle = Bundle::parse(record).expect("only honest ones");
        let mut envelopes = bundle.envelopes().iter();
        envelopes.any(|envelope| {
            matches!(envelope.header().class, Class::Event(_)) && envelope.header().parts.len() > 1
        })
    });
    let again = with_content.expect("the log keeps the ciphertext").clone();
    let before = log
        .last_own()
        .await
        .expect("reachable")
        .map_or(Offset(0), |last| last.offset);
    log.append(again, "unused", before)
        .await
        .expect("it takes any record");
    partnership.settle().await;
    partnership.down(COUNCIL).await;
    let store = store(&partnership.sandbox.store_directory(COUNCIL));
    for record in store.journal().from(0) {
        let bundle = Bundle::parse(&record.expect("sound").bytes).expect("a bundle");
        let whole = bundle
            .envelopes()
            .iter()
            .all(|envelope| envelope.missing_parts().count() == envelope.header().parts.len() - 1);
        assert!(whole, "nothing of {case} was taken again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_erased_before_its_time_or_under_a_legal_hold() {
    let mut partnership = Partnership::start("2026-03-02T10:00:00Z");
    let case = partnership.open().await;
    let erasure = json!({"compartments": CONTENT, "kept": ["process"]});
    let emission = partnership.emission(Some(case), "personal-data-erased", &erasure);
    match partnership.node(TRUST).emit(emission).await {
        Err(Error::Refused { code, .. }) => assert_eq!(code, "retention-not-due"),
        other => panic!("{other:?}"),
    }
    assert!(shown(&partnership, TRUST, case).await.contains("CANARY"));
}

// Proves: D-07, D-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_back_behind_an_erasure_shows_structure_and_says_what_is_gone() {
    let (partnership, case) = erased().await;
    for code in [TRUST, COUNCIL] {
        let node = partnership.node(code);
        let last = node
            .events(case)
            .await
            .expect("its events")
            .pop()
            .expect("events");
        let before = node.events(case).await.expect("its events");
        let before = before.iter().rev().nth(1).and_then(|event| event.position);
        let point = Point {
            known: Known::Position(before.expect("on the log")),
            valid_at: None,
        };
        let then = node.case_as_of(case, point).await.expect("structure stays");
        assert_eq!(then.case.state, "closed", "{code}");
        assert!(!then.case.deadlines.is_empty());
        let found = node
            .compare_case(case, point, Point::default())
            .await
            .expect("compared");
        assert_eq!(found.events.len(), 1);
        assert_eq!(found.events[0].event_id, last.event_id);
        let point = node.point(point).await.expect("a point");
        let query = ReplayQuery {
            case: Some(case),
            ..ReplayQuery::default()
        };
        let replay = node
            .replay(query, &point)
            .await
            .expect("readable")
            .expect("there");
        let (_, events, more) = node.replay_more(replay).await.expect("sound");
        assert!(!more && events.len() > 4);
        assert!(!format!("{events:?}").contains("CANARY"), "{code}");
        let of_content = events.iter().filter(|event| !event.event.erased.is_empty());
        assert!(of_content.count() >= 2, "{code}: erased is not withheld");
    }
}
