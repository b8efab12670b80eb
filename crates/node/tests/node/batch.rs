//! Several events of one case in one emit: all are accepted or none, and they go out together.

use crate::support;

use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId};
use concordat_node::sandbox::PATIENCE;
use concordat_node::{BatchEmission, Error, Receipt, Ruling, Stage};
use serde_json::{Value, json};
use support::{BOARD, COUNCIL, Partnership, TRUST, complaint, joining, records};

const START: &str = "2026-12-18T10:00:00Z";

fn id(number: u8) -> EventId {
    EventId([0xa0, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn batch(case: Option<CaseId>, events: &[(&str, Value)]) -> BatchEmission {
    let events = (0..=u8::MAX)
        .zip(events)
        .map(|(number, (event_type, fields))| {
            let input = form::read(event_type, fields).expect("a well-formed event");
            (id(number), input)
        });
    BatchEmission {
        case,
        events: events.collect(),
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    }
}

fn told(what: &str) -> (&'static str, Value) {
    (
        "complainant-updated",
        json!({"method": "letter", "what": what}),
    )
}

/// A complaint with the consent and the invitation that its taker recorded with it.
fn opening() -> Vec<(&'static str, Value)> {
    let [(_, granted, consent), (_, added, council), _] = joining();
    vec![
        ("complaint-received", complaint()),
        (granted, consent),
        (added, council),
    ]
}

/// Asks for records twice and tells the person of it.
fn asking() -> Vec<(&'static str, Value)> {
    let asked = json!({"id": "r-1", "of": COUNCIL, "basis": "consent", "due": "2027-01-15", "what": "the care diary"});
    vec![
        told("We go on."),
        ("information-requested", asked),
        told("We have asked the council."),
    ]
}

fn bundles(receipts: &[Receipt]) -> Vec<Option<u64>> {
    let position = |receipt: &Receipt| receipt.position.map(|position| position.bundle);
    receipts.iter().map(position).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_opens_a_case_judged_in_order_and_stands_in_one_bundle() {
    let mut partnership = Partnership::start(START);
    let batch = batch(None, &opening());
    let receipts = partnership
        .node(TRUST)
        .emit_batch(batch)
        .await
        .expect("accepted");
    assert_eq!(receipts.len(), 3);
    let case = receipts[0].case;
    assert!(receipts.iter().all(|receipt| receipt.case == case));
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.ruling == Some(Ruling::Effective))
    );
    assert!(receipts.is_sorted_by_key(|receipt| receipt.position));
    let bundle = bundles(&receipts)[0];
    assert_eq!(bundles(&receipts), [bundle; 3]);
    // The council was invited by it, and can join.
    partnership.settle().await;
    let [_, _, (_, joined, fields)] = joining();
    partnership.emit(COUNCIL, case, joined, fields).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_event_is_named_and_nothing_of_the_batch_is_stored() {
    let mut partnership = Partnership::start(START);
    let case = partnership.joint().await;
    let before = partnership.digest(TRUST, case).await;
    let mut events = asking();
    events.push(("lead-accepted", json!({"lead": COUNCIL})));
    let refused = partnership
        .node(TRUST)
        .emit_batch(batch(Some(case), &events))
        .await
        .expect_err("nobody proposed it");
    let Error::InBatch { index, error } = refused else {
        panic!("{refused}");
    };
    assert_eq!(index, 3);
    assert!(matches!(*error, Error::Refused { .. }), "{error}");
    partnership.settle().await;
    assert_eq!(partnership.digest(TRUST, case).await, before);
    assert!(
        partnership
            .node(TRUST)
            .drafts()
            .await
            .expect("running")
            .is_empty()
    );
    // No id was used up.
    let receipts = partnership
        .node(TRUST)
        .emit_batch(batch(Some(case), &asking()))
        .await
        .expect("accepted");
    assert!(receipts.iter().all(|receipt| !receipt.deduplicated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_batch_is_answered_with_the_first_receipts_and_a_mixture_is_refused() {
    let mut partnership = Partnership::start(START);
    let node = partnership.node(TRUST);
    let first = node
        .emit_batch(batch(None, &opening()))
        .await
        .expect("accepted");
    let case = first[0].case;
    partnership.settle().await;
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    let node = partnership.node(TRUST);
    // Its case may be named, now that it is known.
    for named in [None, Some(case)] {
        let again = node
            .emit_batch(batch(named, &opening()))
            .await
            .expect("known");
        assert!(again.iter().all(|receipt| receipt.deduplicated));
        assert_eq!(bundles(&again), bundles(&first));
    }
    let mut longer = opening();
    longer.push(told("Received."));
    let mixed = node.emit_batch(batch(None, &longer)).await;
    let Err(Error::BatchPartlyKnown { known }) = mixed else {
        panic!("{mixed:?}");
    };
    assert_eq!(known, [0, 1, 2]);
    let mut other = opening();
    other[2].1 =
        json!({"participant": BOARD, "why_code": "issue-owner", "why": "district nursing"});
    let reused = node.emit_batch(batch(None, &other)).await;
    let Err(Error::InBatch { index: 2, error }) = reused else {
        panic!("{reused:?}");
    };
    let Error::EventIdReused { first, this, .. } = *error else {
        panic!("{error}");
    };
    assert_ne!(first, this);
}

/// Design, section 4: what became void before it went out is held; the rest of a batch counts, in one bundle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_race_makes_void_is_held_and_the_rest_of_the_batch_goes_out_together() {
    let mut partnership = Partnership::start(START);
    let case = partnership.joint().await;
    partnership.cut_off(TRUST).await;
    let waiting = BatchEmission {
        wait_for: Stage::Accepted,
        ..batch(Some(case), &asking())
    };
    let receipts = partnership.node(TRUST).emit_batch(waiting).await;
    let stages: Vec<Stage> = receipts
        .expect("accepted")
        .iter()
        .map(|receipt| receipt.stage)
        .collect();
    assert_eq!(stages, [Stage::Accepted; 3]);
    let withdrawn = json!({"given_by": "p-1", "orgs": [COUNCIL], "from": "2026-12-18", "reason": "changed her mind"});
    partnership
        .emit(COUNCIL, case, "consent-withdrawn", withdrawn)
        .await;
    // A batch is as durable as a single event.
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    let mut receipts = Vec::new();
    for number in 0..3 {
        receipts.push(
            partnership
                .node(TRUST)
                .receipt(id(number))
                .await
                .expect("known"),
        );
    }
    assert_eq!(receipts[1].stage, Stage::Held);
    let reason = receipts[1].ruling.as_ref().and_then(Ruling::reason);
    assert_eq!(reason, Some("consent-scope-exceeded"));
    assert_eq!(receipts[0].ruling, Some(Ruling::Effective));
    assert_eq!(receipts[2].ruling, Some(Ruling::Effective));
    let bundles = bundles(&receipts);
    assert_eq!(bundles[0], bundles[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fills_a_bundle_goes_out_in_one_and_a_larger_one_is_refused_with_both_limits()
{
    let mut partnership = Partnership::start(START);
    let case = partnership.open().await;
    // 256 short events fill it by their number.
    let many = vec![told("On it."); BatchEmission::EVENTS_MAX];
    let receipts = partnership
        .node(TRUST)
        .emit_batch(batch(Some(case), &many))
        .await
        .expect("accepted");
    let bundle = bundles(&receipts)[0].expect("on the log");
    assert_eq!(
        bundles(&receipts),
        vec![Some(bundle); BatchEmission::EVENTS_MAX]
    );
    partnership.settle().await;
    let written = records(partnership.handle(TRUST)).await.len();
    // Nine long texts do not fit by their size.
    let long: Vec<_> = (0..9).map(|_| told(&"long ".repeat(12_500))).collect();
    let mut other = batch(Some(case), &long);
    other.events.iter_mut().for_each(|(id, _)| id.0[15] = 1);
    let refused = partnership.node(TRUST).emit_batch(other).await;
    let Err(Error::BatchTooLarge {
        bytes, bytes_max, ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(bytes > bytes_max);
    partnership.settle().await;
    assert_eq!(records(partnership.handle(TRUST)).await.len(), written);
}
