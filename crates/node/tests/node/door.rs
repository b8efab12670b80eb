//! What an emitter is told at the door, and what it may not choose.

use crate::support;

use std::time::Duration;

use concordat_domain::ids::CaseId;
use concordat_domain::policy::PolicyPacks;
use concordat_node::{Emission, Error, Stage};
use jiff::SignedDuration;
use serde_json::json;
use support::{BOARD, COUNCIL, Partnership, TRUST, complaint};

const START: &str = "2026-12-18T10:00:00Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_a_case_does_not_choose_its_id() {
    let mut partnership = Partnership::start(START);
    let case = partnership.open().await;
    partnership.settle().await;
    // Another's case and one that nobody has answer alike.
    for chosen in [case, CaseId([7; 16])] {
        let opening = partnership.emission(Some(chosen), "complaint-received", &complaint());
        let id = opening.event_id;
        let refused = partnership.node(BOARD).emit(opening).await;
        assert!(
            matches!(refused, Err(Error::CaseIdChosen { case }) if case == chosen),
            "{refused:?}"
        );
        let unknown = partnership.node(BOARD).receipt(id).await;
        assert!(matches!(unknown, Err(Error::UnknownEvent)), "{unknown:?}");
    }
    let drafts = partnership.node(BOARD).drafts().await.expect("running");
    assert!(drafts.is_empty(), "nothing was stored");
    // On its own case it is what a rule says.
    let opening = partnership.emission(Some(case), "complaint-received", &complaint());
    let refused = partnership.node(TRUST).emit(opening).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_was_recorded_when_its_node_accepted_it_however_long_it_waited() {
    let mut partnership = Partnership::start(START);
    let case = partnership.joint().await;
    partnership.cut_off(TRUST).await;
    let told = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(
            Some(case),
            "complainant-updated",
            &json!({"method": "letter"}),
        )
    };
    let id = told.event_id;
    partnership
        .node(TRUST)
        .emit(told)
        .await
        .expect("it waits here");
    partnership.clock().advance(SignedDuration::from_hours(3));
    partnership.handle(TRUST).attach();
    partnership.wait_for(TRUST, id, Stage::Ruled).await;
    partnership.settle().await;
    for code in [TRUST, COUNCIL] {
        let author = partnership.sandbox.founding().organisation(TRUST);
        let event = partnership
            .node(code)
            .event_of(author.expect("a member"), id)
            .await
            .expect("both read it");
        let accepted_at = START.parse().expect("an instant");
        assert_eq!(event.recorded_at, Some(accepted_at), "{code}");
        assert_eq!(event.occurred_at, Some(accepted_at), "{code}");
    }
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emitter_whose_wait_runs_out_is_told_whether_it_came_before() {
    let mut partnership = Partnership::start(START);
    let case = partnership.open().await;
    partnership.settle().await;
    partnership.cut_off(TRUST).await;
    let told = Emission {
        wait_at_most: Duration::from_millis(20),
        ..partnership.emission(
            Some(case),
            "complainant-updated",
            &json!({"method": "letter"}),
        )
    };
    for deduplicated in [false, true] {
        let receipt = partnership.node(TRUST).emit(told.clone()).await;
        let receipt = receipt.expect("it waits here");
        assert_eq!(
            (receipt.stage, receipt.deduplicated),
            (Stage::Accepted, deduplicated)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_cannot_be_judged_is_listed_all_the_same() {
    let mut partnership = Partnership::start(START);
    partnership.cut_off(TRUST).await;
    let opening = Emission {
        wait_for: Stage::Accepted,
        ..partnership.emission(None, "complaint-received", &complaint())
    };
    let id = opening.event_id;
    partnership
        .node(TRUST)
        .emit(opening)
        .await
        .expect("it waits here");
    partnership.down(TRUST).await;
    // The policy pack that it names is gone from the node's configuration.
    let node = partnership.node_of(TRUST, |config| config.packs = PolicyPacks::default());
    let drafts = node.drafts().await.expect("running");
    let listed: Vec<_> = drafts
        .iter()
        .map(|draft| (draft.event_id, draft.event_type.to_string()))
        .collect();
    assert_eq!(listed, [(id, "complaint-received".to_owned())]);
    node.stop().await;
}
