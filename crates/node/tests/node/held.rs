//! What would be void by the time it can go out is held for a person, who releases or discards it (design, section 4).

use crate::support;

use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId};
use concordat_domain::policy::PolicyPacks;
use concordat_node::sandbox::PATIENCE;
use concordat_node::{Emission, Error, Ruling, Stage};
use serde_json::{Value, json};
use support::{COUNCIL, Partnership, TRUST, complaint};

const START: &str = "2026-12-18T10:00:00Z";

fn proposal() -> Value {
    json!({"lead": COUNCIL, "reason": "greatest-responsibility", "complainant_view": "content"})
}

fn request() -> Value {
    json!({"id": "r-1", "of": TRUST, "basis": "own-records", "due": "2027-01-15", "what": "the ward diary"})
}

/// A joint case in which the trust, cut off, proposes a lead on the version that it knows, while the council acts. Gives the
/// proposal as it was handed in.
async fn held_proposal(partnership: &mut Partnership) -> (CaseId, Emission) {
    let case = partnership.joint().await;
    partnership.cut_off(TRUST).await;
    let version = partnership
        .node(TRUST)
        .case(case, None)
        .await
        .expect("a case")
        .version;
    let proposed = Emission {
        expected: Some(version),
        wait_for: Stage::Accepted,
        ..partnership.emission(Some(case), "lead-proposed", &proposal())
    };
    let receipt = partnership.node(TRUST).emit(proposed.clone()).await;
    assert_eq!(receipt.expect("accepted").stage, Stage::Accepted);
    partnership
        .emit(COUNCIL, case, "information-requested", request())
        .await;
    (case, proposed)
}

async fn accept(
    partnership: &mut Partnership,
    case: CaseId,
    event_type: &str,
    fields: Value,
) -> EventId {
    let emission = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(Some(case), event_type, &fields)
    };
    let id = emission.event_id;
    let receipt = partnership.node(TRUST).emit(emission).await;
    assert_eq!(receipt.expect("accepted").stage, Stage::Accepted);
    id
}

async fn reason_held(partnership: &Partnership, event: EventId) -> String {
    let receipt = partnership.node(TRUST).receipt(event).await.expect("known");
    assert_eq!(receipt.stage, Stage::Held);
    let reason = receipt.ruling.expect("it says why");
    reason.reason().expect("void").to_owned()
}

async fn listed(partnership: &Partnership) -> Vec<(EventId, Option<String>)> {
    let drafts = partnership.node(TRUST).drafts().await.expect("running");
    let listed = drafts.into_iter().map(|draft| (draft.event_id, draft.held));
    listed.collect()
}

/// Rulings that the council has on an event, in log order: none, if it never left the trust.
async fn rulings(partnership: &Partnership, case: CaseId, event: EventId) -> Vec<Option<Ruling>> {
    let events = partnership
        .node(COUNCIL)
        .events(case)
        .await
        .expect("a case");
    let found = events.iter().filter(|on_log| on_log.event_id == event);
    found.map(|on_log| on_log.ruling().cloned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_became_void_is_held_with_its_dependants_and_holds_up_nothing_else() {
    let mut partnership = Partnership::start(START);
    let (case, proposed) = held_proposal(&mut partnership).await;
    let accepted = accept(
        &mut partnership,
        case,
        "lead-accepted",
        json!({"lead": COUNCIL}),
    )
    .await;
    let told = accept(
        &mut partnership,
        case,
        "complainant-updated",
        json!({"method": "letter"}),
    )
    .await;
    partnership.handle(TRUST).attach();
    partnership.settle().await;

    let expected = [
        (proposed.event_id, Some("stale-sequence".to_owned())),
        (accepted, Some("step-out-of-order".to_owned())),
    ];
    assert_eq!(listed(&partnership).await, expected);
    assert_eq!(
        reason_held(&partnership, proposed.event_id).await,
        "stale-sequence"
    );
    assert_eq!(
        reason_held(&partnership, accepted).await,
        "step-out-of-order"
    );
    assert_eq!(
        rulings(&partnership, case, told).await,
        [Some(Ruling::Effective)]
    );
    assert_eq!(rulings(&partnership, case, proposed.event_id).await, []);
    // Who asks again is told that it is held, at once, though it waits for more.
    let again = partnership.node(TRUST).emit(Emission {
        wait_for: Stage::Witnessed,
        ..proposed.clone()
    });
    assert_eq!(again.await.expect("known").stage, Stage::Held);
    // Enforcement never waits behind a held draft.
    partnership
        .clock()
        .move_to("2026-12-24T00:00:00Z".parse().expect("an instant"));
    partnership.settle().await;
    let view = partnership
        .node(COUNCIL)
        .case(case, None)
        .await
        .expect("a case");
    assert!(view.flags.contains("overdue:acknowledge"));

    // Held is held after a restart, too.
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    assert_eq!(listed(&partnership).await, expected);
    let status = partnership.node(TRUST).status().await.expect("running");
    assert_eq!((status.drafts_held, status.drafts_waiting), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_draft_is_judged_on_todays_case_and_goes_out_under_its_id() {
    let mut partnership = Partnership::start(START);
    let (case, proposed) = held_proposal(&mut partnership).await;
    let accepted = accept(
        &mut partnership,
        case,
        "lead-accepted",
        json!({"lead": COUNCIL}),
    )
    .await;
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    assert_eq!(listed(&partnership).await.len(), 2);

    // Nothing is proposed yet: what depends on it would still be void.
    partnership
        .node(TRUST)
        .release(accepted)
        .await
        .expect("it is held");
    partnership.settle().await;
    assert_eq!(
        reason_held(&partnership, accepted).await,
        "step-out-of-order"
    );

    partnership
        .node(TRUST)
        .release(proposed.event_id)
        .await
        .expect("it is held");
    partnership.settle().await;
    assert_eq!(
        rulings(&partnership, case, proposed.event_id).await,
        [Some(Ruling::Effective)]
    );
    partnership
        .node(TRUST)
        .release(accepted)
        .await
        .expect("it is held");
    partnership.settle().await;
    assert_eq!(
        rulings(&partnership, case, accepted).await,
        [Some(Ruling::Effective)]
    );
    assert_eq!(listed(&partnership).await, []);
    let receipt = partnership.node(TRUST).emit(proposed).await.expect("known");
    assert!(receipt.deduplicated && receipt.stage >= Stage::Ruled);
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_draft_still_wants_nobody_to_come_between() {
    let mut partnership = Partnership::start(START);
    let (case, proposed) = held_proposal(&mut partnership).await;
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    assert_eq!(
        reason_held(&partnership, proposed.event_id).await,
        "stale-sequence"
    );

    partnership.cut_off(TRUST).await;
    partnership
        .node(TRUST)
        .release(proposed.event_id)
        .await
        .expect("it is held");
    let waiting = [(proposed.event_id, None)];
    assert_eq!(listed(&partnership).await, waiting, "today it would count");
    assert!(matches!(
        partnership.node(TRUST).release(proposed.event_id).await,
        Err(Error::DraftNotHeld)
    ));
    let mut request = request();
    request["id"] = json!("r-2");
    partnership
        .emit(COUNCIL, case, "information-requested", request)
        .await;
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    assert_eq!(
        reason_held(&partnership, proposed.event_id).await,
        "stale-sequence"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discarded_draft_is_gone_and_its_id_stays_used() {
    let mut partnership = Partnership::start(START);
    let (case, proposed) = held_proposal(&mut partnership).await;
    partnership.handle(TRUST).attach();
    partnership.settle().await;
    let id = proposed.event_id;
    partnership
        .node(TRUST)
        .discard(id)
        .await
        .expect("it is held");
    for _ in 0..2 {
        let node = partnership.node(TRUST);
        assert_eq!(listed(&partnership).await, []);
        assert!(matches!(node.release(id).await, Err(Error::UnknownDraft)));
        assert!(matches!(node.discard(id).await, Err(Error::UnknownDraft)));
        assert!(
            matches!(node.receipt(id).await, Err(Error::Discarded { event_id }) if event_id == id)
        );
        assert!(
            matches!(node.emit(proposed.clone()).await, Err(Error::Discarded { event_id }) if event_id == id)
        );
        let other = Emission {
            input: form::read("complainant-updated", &json!({"method": "letter"}))
                .expect("an event"),
            ..proposed.clone()
        };
        assert!(
            matches!(node.emit(other).await, Err(Error::EventIdReused { event_id, .. }) if event_id == id)
        );
        partnership.settle().await;
        assert_eq!(rulings(&partnership, case, id).await, []);
        // Nor after a restart.
        partnership.down(TRUST).await;
        partnership.up(TRUST);
    }
    partnership
        .emit(TRUST, case, "lead-proposed", proposal())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_whose_policy_pack_is_gone_is_held_and_the_node_goes_on() {
    let mut partnership = Partnership::start(START);
    let known = partnership.joint().await;
    partnership.cut_off(TRUST).await;
    let opening = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(None, "complaint-received", &complaint())
    };
    let id = opening.event_id;
    let receipt = partnership.node(TRUST).emit(opening).await;
    assert_eq!(receipt.expect("accepted").stage, Stage::Accepted);
    partnership.down(TRUST).await;
    partnership.handle(TRUST).attach();
    let node = partnership.node_of(TRUST, |config| config.packs = PolicyPacks::default());
    let held = async {
        loop {
            let receipt = node.receipt(id).await.expect("known");
            if receipt.stage == Stage::Held {
                break receipt.ruling.expect("it says why");
            }
            node.tick().await.expect("it runs on");
        }
    };
    let ruling = tokio::time::timeout(PATIENCE, held)
        .await
        .expect("it is held");
    assert_eq!(ruling.reason(), Some("missing-field:policy"));
    assert!(node.case(known, None).await.is_ok(), "it runs on");
    node.stop().await;
}
