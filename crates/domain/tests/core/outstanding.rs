//! What is outstanding, computed once, says at every instant what a timetable of that instant says.

use std::collections::BTreeSet;

use concordat_domain::timetable::{Deadline, outstanding};
use concordat_domain::{Rules, timetable};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use crate::properties::play;
use crate::world::*;

/// The instants at which something may change, those just before, and some day far away.
fn instants(log: &Log<'_>, rules: &Rules<'_>) -> BTreeSet<Timestamp> {
    let far: Timestamp = "2029-06-15T12:00:00Z".parse().expect("an instant");
    let mut instants = BTreeSet::from(["2026-02-09T09:00:00Z".parse().expect("an instant"), far]);
    for one in outstanding(log.open_case(), rules) {
        let edges = [one.deadline().warn_instant, one.deadline().due_instant];
        for edge in edges.into_iter().flatten() {
            instants.extend([edge, edge - 1.second()]);
        }
    }
    instants
}

fn without_steps(mut deadline: Deadline) -> Deadline {
    deadline.explanation.steps.clear();
    deadline
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// E-15, A8: the index of what is due rests on this.
    #[test]
    fn outstanding_is_what_the_timetable_of_any_instant_shows_as_open(
        steps in prop::collection::vec((any::<usize>(), any::<bool>(), any::<u8>()), 1..120),
    ) {
        let world = World::new();
        let log = play(&world, &steps);
        let rules = world.rules();
        let kept = outstanding(log.open_case(), &rules);
        for at in instants(&log, &rules) {
            let timetable = timetable(log.open_case(), at, &rules);
            let open: Vec<Deadline> = timetable.deadlines().iter()
                .filter(|one| one.is_open()).cloned().map(without_steps).collect();
            let found: Vec<Deadline> = kept.iter().filter_map(|one| one.at(at, &rules)).collect();
            prop_assert_eq!(found, open, "at {}", at);

            let owed = timetable.due_to_miss(at).chain(timetable.due_to_warn(at)).next().is_some();
            let next = kept.iter().filter_map(|one| one.next_look(at)).min();
            prop_assert_eq!(next.is_some_and(|next| next <= at), owed, "at {}", at);
            if !owed {
                // What begins by itself later is seen earlier here; it never hides what the timetable sees.
                let seen = timetable.next_instant_of_interest();
                prop_assert!(seen.is_none() || next.is_some_and(|next| next <= seen.expect("some")), "at {}", at);
            }
        }
    }
}

/// A stage-1 window and an unanswered lead question: rules that begin another deadline, restart or end by themselves are all met.
#[test]
fn random_histories_have_deadlines_that_begin_again_and_that_follow() {
    let world = World::new();
    let rules = world.rules();
    let mut log = Log::opened(&world);
    log.must(
        "2026-02-10T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    let kept = outstanding(log.open_case(), &rules);
    assert!(
        kept.iter().any(|one| one.begins_after().is_some()),
        "{kept:#?}"
    );
}
