//! A keeper's node that was down over several due dates catches up: each miss once, in the order of the dates, with whom was waited on.

use crate::support;

use concordat_domain::calendar::end_of_day;
use concordat_domain::ids::CaseId;
use concordat_node::Ruling;
use concordat_proto::v1;
use jiff::Timestamp;
use serde_json::json;
use support::{COUNCIL, Partnership, TRUST};

/// The misses of a case in log order: deadline, due day, who was waited on, and whether it was recorded in time.
async fn misses(partnership: &Partnership, case: CaseId, restarted: &str) -> Vec<String> {
    let restarted: Timestamp = restarted.parse().expect("an instant");
    let events = partnership.node(TRUST).events(case).await.expect("a case");
    let told = events.iter().filter_map(|view| {
        let body = view.event.as_ref()?.body.as_ref()?;
        let Some(v1::event_body::Kind::DeadlineMissed(missed)) = &body.kind else {
            return None;
        };
        assert_eq!(view.ruling(), Some(&Ruling::Effective));
        assert!(missed.occurrence.is_some(), "which occurrence it was");
        let due = missed.due.clone().expect("mandatory");
        let recorded = view.recorded_at.expect("read");
        let over = end_of_day(due.parse().expect("a day"));
        assert!(recorded >= over, "never early");
        let after = if recorded >= restarted {
            "after the outage"
        } else {
            "in time"
        };
        Some(format!(
            "{} {due} {} {after}",
            missed.deadline.as_deref().expect("mandatory"),
            missed.waited_on.as_deref().unwrap_or("nobody")
        ))
    });
    told.collect()
}

/// The deadlines that were warned of.
async fn warnings(partnership: &Partnership, case: CaseId) -> Vec<String> {
    let events = partnership.node(TRUST).events(case).await.expect("a case");
    let told = events.iter().filter_map(|view| {
        let body = view.event.as_ref()?.body.as_ref()?;
        match &body.kind {
            Some(v1::event_body::Kind::DeadlineApproaching(near)) => near.deadline.clone(),
            _ => None,
        }
    });
    told.collect()
}

/// Issue 3 point 5. By the calendar of England and Wales: acknowledgement by 23 December, agreement on a lead by 29 December (25 and 28
/// are holidays), six months by 17 June, the notice of lateness by 18 June.
// Proves: E-15, E-22, J-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_down_over_several_due_dates_fires_each_once_and_in_order() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.joint().await;
    let proposal =
        json!({"lead": TRUST, "reason": "greatest-responsibility", "complainant_view": "content"});
    partnership
        .emit(TRUST, case, "lead-proposed", proposal)
        .await;
    partnership.down(TRUST).await;
    let back = "2027-01-05T09:00:00Z";
    partnership
        .clock()
        .move_to(back.parse().expect("an instant"));
    partnership.up(TRUST);
    partnership.settle().await;
    let first = [
        "acknowledge 2026-12-23 nobody after the outage".to_owned(),
        format!("lead-agreement 2026-12-29 {COUNCIL} after the outage"),
    ];
    assert_eq!(misses(&partnership, case, back).await, first);
    // Warned of before it went down; of what was over when it came back, nobody is warned any more.
    assert_eq!(warnings(&partnership, case).await, ["triage"]);

    partnership.down(TRUST).await;
    let again = "2027-07-01T09:00:00Z";
    partnership
        .clock()
        .move_to(again.parse().expect("an instant"));
    partnership.up(TRUST);
    partnership.settle().await;
    let all = misses(&partnership, case, again).await;
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(
        all[2..],
        [
            format!("relevant-period 2027-06-17 {COUNCIL} after the outage"),
            "late-notice 2027-06-18 nobody after the outage".to_owned(),
        ]
    );

    partnership.down(TRUST).await;
    partnership.up(TRUST);
    partnership.settle().await;
    assert_eq!(
        misses(&partnership, case, again).await.len(),
        4,
        "a restart fires nothing again"
    );
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
}
