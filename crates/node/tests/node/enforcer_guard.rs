//! The enforcer acts only when its own clock and the log's have both passed the due instant and agree (design, section 7).

use crate::support;

use std::time::Duration;

use concordat_domain::ids::CaseId;
use concordat_node::clock::MovableClock;
use concordat_node::{ClockGuard, Ruling, Status};
use serde_json::json;
use support::{Partnership, TRUST, clock_at};

/// The complaint is received on the 18th; it must be acknowledged by the end of the 23rd, so it is missed from this instant on.
const MISSED_FROM: &str = "2026-12-24T00:00:00Z";

fn seconds(seconds: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(seconds)
}

/// How many misses of the acknowledgement count on the trust's node.
async fn misses(partnership: &Partnership, case: CaseId) -> usize {
    let events = partnership.node(TRUST).events(case).await.expect("a case");
    let missed = events.iter().filter(|event| {
        event
            .event_type
            .is_some_and(|kind| kind.to_string() == "deadline-missed")
            && event.ruling() == Some(&Ruling::Effective)
            && format!("{:?}", event.event).contains("\"acknowledge\"")
    });
    missed.count()
}

/// Whatever the enforcer had drafted would stand in front of this event.
async fn nothing_fired(partnership: &mut Partnership, case: CaseId) {
    let update = json!({"method": "letter"});
    let emission = partnership.emission(Some(case), "complainant-updated", &update);
    let receipt = partnership.node(TRUST).emit(emission).await;
    assert!(receipt.expect("accepted").position.is_some());
    assert_eq!(misses(partnership, case).await, 0);
}

async fn until(partnership: &Partnership, what: &str, reached: impl Fn(&Status) -> bool) -> Status {
    let wait = async {
        loop {
            partnership.node(TRUST).tick().await.expect("running");
            let status = partnership.node(TRUST).status().await.expect("running");
            if reached(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("never {what}"))
}

fn disagrees(status: &Status) -> bool {
    matches!(status.clock_guard, ClockGuard::Disagree { .. })
}

fn agrees(status: &Status) -> bool {
    matches!(status.clock_guard, ClockGuard::Agree { .. })
}

/// A case on clocks that agree, all that was due by then done.
async fn at_rest() -> (Partnership, MovableClock, MovableClock, CaseId) {
    let (own, log) = (
        clock_at("2026-12-18T10:00:00Z"),
        clock_at("2026-12-18T10:00:00Z"),
    );
    let mut partnership = Partnership::on_embedded(own.clone(), &log);
    let case = partnership.open().await;
    // Warnings that come before the due day are out of the way.
    for clock in [&own, &log] {
        clock.move_to("2026-12-23T12:00:00Z".parse().expect("an instant"));
    }
    until(&partnership, "at rest", |status| {
        agrees(status) && status.enforcement_waiting == 0 && status.caught_up
    })
    .await;
    partnership.settle().await;
    (partnership, own, log, case)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_runs_far_ahead_of_the_logs_waits_says_so_and_fires_once_they_agree() {
    let (mut partnership, own, log, case) = at_rest().await;
    own.move_to(MISSED_FROM.parse().expect("an instant"));
    let status = until(&partnership, "a disagreement", disagrees).await;
    assert_eq!(
        status.clock_guard,
        ClockGuard::Disagree {
            log_ahead_by: seconds(-12 * 3600)
        }
    );
    assert!(status.enforcement_waiting > 0);
    nothing_fired(&mut partnership, case).await;

    log.move_to(MISSED_FROM.parse().expect("an instant"));
    until(&partnership, "enforced", |status| {
        agrees(status) && status.enforcement_waiting == 0
    })
    .await;
    partnership.settle().await;
    assert_eq!(misses(&partnership, case).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fires_before_the_later_clock_has_passed_the_due_instant() {
    let (mut partnership, own, log, case) = at_rest().await;
    let due: jiff::Timestamp = MISSED_FROM.parse().expect("an instant");
    // The own clock is 40 s ahead: near enough to be trusted, and already past due.
    own.move_to(due + seconds(20));
    log.move_to(due - seconds(20));
    let status = until(&partnership, "compared", |status| {
        status.clock_guard
            == ClockGuard::Agree {
                log_ahead_by: seconds(-40),
            }
    })
    .await;
    assert!(status.enforcement_waiting > 0);
    nothing_fired(&mut partnership, case).await;

    log.move_to(due);
    until(&partnership, "enforced", |status| {
        status.enforcement_waiting == 0
    })
    .await;
    partnership.settle().await;
    assert_eq!(misses(&partnership, case).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_behind_the_logs_does_not_fire_early_and_the_limit_is_a_minute() {
    let (mut partnership, own, log, case) = at_rest().await;
    let due: jiff::Timestamp = MISSED_FROM.parse().expect("an instant");
    log.move_to(due + seconds(60));
    own.move_to(due);
    let status = until(&partnership, "a disagreement", disagrees).await;
    assert_eq!(
        status.clock_guard,
        ClockGuard::Disagree {
            log_ahead_by: seconds(60)
        }
    );
    nothing_fired(&mut partnership, case).await;
    own.move_to(due + seconds(1));
    until(&partnership, "enforced", |status| {
        agrees(status) && status.enforcement_waiting == 0
    })
    .await;
    partnership.settle().await;
    assert_eq!(misses(&partnership, case).await, 1);
}
