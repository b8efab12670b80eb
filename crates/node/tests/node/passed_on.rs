//! Complaints that are passed on more than once, on running nodes.

use crate::support;

use concordat_node::Error;
use serde_json::json;
use support::{BOARD, COUNCIL, Partnership, TRUST};

/// E-06, E-16, wire.md 4: a first body may do what it owes itself and nothing else; a body that declined may be asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_comes_back_to_a_body_that_declined_it_and_first_bodies_do_only_what_they_owe()
{
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    let asked = json!({"orgs": [BOARD, COUNCIL], "explained": ["coordinated", "single-contact", "single-response"], "purpose": "pass-on"});
    partnership
        .emit(TRUST, case, "consent-requested", asked)
        .await;
    let granted = json!({"given_by": "p-1", "orgs": [BOARD, COUNCIL], "issues": "all", "learning": false, "evidence_ref": "d-1"});
    partnership
        .emit(TRUST, case, "consent-granted", granted)
        .await;
    let passed = |to: &str| json!({"to": to, "method": "portal", "complainant_told": true});
    let accepted = json!({"received_on": "2026-12-18", "first_received_on": "2026-12-18"});
    partnership
        .emit(TRUST, case, "complaint-passed-on", passed(BOARD))
        .await;
    partnership
        .emit(
            BOARD,
            case,
            "transfer-declined",
            json!({"why_code": "not-ours"}),
        )
        .await;
    partnership
        .emit(TRUST, case, "complaint-passed-on", passed(COUNCIL))
        .await;
    partnership
        .emit(COUNCIL, case, "complaint-accepted", accepted.clone())
        .await;
    let acknowledged = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true});
    partnership
        .emit(
            COUNCIL,
            case,
            "complaint-acknowledged",
            acknowledged.clone(),
        )
        .await;
    partnership
        .emit(COUNCIL, case, "complaint-passed-on", passed(BOARD))
        .await;
    partnership
        .emit(BOARD, case, "complaint-accepted", accepted)
        .await;
    let view = partnership
        .node(BOARD)
        .case(case, None)
        .await
        .expect("its case");
    assert_eq!(view.keeper.as_str(), BOARD);
    let former: Vec<&str> = view
        .former_receivers
        .iter()
        .map(|org| org.as_str())
        .collect();
    assert_eq!(former, [COUNCIL, TRUST]);
    let read = format!(
        "{:?}",
        partnership
            .node(BOARD)
            .events(case)
            .await
            .expect("its case")
    );
    assert!(
        read.contains("CANARY unsafe discharge"),
        "what both first bodies held has come with it: {read}"
    );

    // The council has done what it owed, the trust has not: each may do that and nothing else.
    let refusal = |refused: Result<_, Error>| match refused {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    let again = partnership.emission(Some(case), "complaint-acknowledged", &acknowledged);
    assert_eq!(
        refusal(partnership.node(COUNCIL).emit(again.clone()).await),
        "not-participant"
    );
    partnership
        .emit(TRUST, case, "complaint-acknowledged", acknowledged)
        .await;
    assert_eq!(
        refusal(partnership.node(TRUST).emit(again).await),
        "not-participant"
    );
    partnership
        .emit(
            BOARD,
            case,
            "complainant-updated",
            json!({"method": "letter"}),
        )
        .await;
}
