//! What is due, from the index: after random histories, with two folds in memory, after a start by outlooks and without them, it is what
//! the timetables of all cases say.

use crate::support;

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::{Deadline, DeadlineState};
use concordat_node::{DueQuery, DueState, Error, Node, Stage};
use concordat_store::{Store, StoreConfig};
use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use support::{COUNCIL, Partnership, TRUST, complaint, fresh_emission, joining, rest};

const FOLDS_MAX: usize = 2;
const CASES: usize = 6;
const STEPS: usize = 45;

/// Steps that count in some state, by whom.
fn pool() -> Vec<(&'static str, &'static str, Value)> {
    let mut pool = vec![
        (
            TRUST,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true,
                "reassured_no_detriment": true}),
        ),
        (
            TRUST,
            "triage-recorded",
            json!({"ours": true, "procedure": "eng-2009"}),
        ),
        (
            TRUST,
            "consent-requested",
            json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"]}),
        ),
        (TRUST, "complainant-updated", json!({"method": "letter"})),
        (
            TRUST,
            "lead-proposed",
            json!({"lead": TRUST, "reason": "more-resources", "complainant_view": "content"}),
        ),
        (COUNCIL, "lead-accepted", json!({"lead": TRUST})),
        (
            TRUST,
            "lead-agreed",
            json!({"lead": TRUST, "accepted_by": []}),
        ),
        (
            COUNCIL,
            "lead-disputed",
            json!({"proposed": TRUST, "counter": COUNCIL}),
        ),
        (
            TRUST,
            "consent-withdrawn",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "from": "2026-12-18"}),
        ),
    ];
    pool.extend(joining());
    pool
}

fn organisation(code: &str) -> OrganisationId {
    code.parse().expect("a code")
}

/// The deadlines that the timetables of all cases show as open at an instant.
async fn open_by_timetables(node: &Node, at: Timestamp) -> Vec<(CaseId, Deadline)> {
    let mut open = Vec::new();
    for case in node.cases_after(None, Some(at), 1000).await.expect("cases") {
        if !case.ended {
            let deadlines = case.deadlines.into_iter().filter(Deadline::is_open);
            open.extend(deadlines.map(|one| (case.id, one)));
        }
    }
    open
}

/// The same from the index, in pages of three.
async fn open_by_index(node: &Node, query: DueQuery) -> Vec<(CaseId, Deadline)> {
    let mut query = DueQuery { max: 3, ..query };
    let (mut open, mut places) = (Vec::new(), Vec::new());
    loop {
        let page = node.due(query.clone()).await.expect("a page");
        places.extend(page.deadlines.iter().map(|one| one.place));
        let found = page.deadlines.into_iter();
        open.extend(found.map(|one| (one.place.case, one.deadline)));
        if !page.has_more {
            assert_eq!(page.total, open.len() as u64, "the count is of all pages");
            assert!(places.is_sorted(), "by due day");
            return open;
        }
        query.after = places.last().copied();
    }
}

fn named(open: &[(CaseId, Deadline)]) -> BTreeSet<String> {
    let name = |(case, one): &(CaseId, Deadline)| {
        format!(
            "{case} {} {} {:?} {:?} {:?} late {:?}",
            one.name, one.id, one.due, one.state, one.owed_by, one.late_by_working_days
        )
    };
    open.iter().map(name).collect()
}

async fn digests(node: &Node) -> Vec<(CaseId, [u8; 32])> {
    let all = node.cases_after(None, None, 1000).await.expect("cases");
    all.into_iter().map(|case| (case.id, case.digest)).collect()
}

/// Index and timetables agree, today and on later days, as a whole and by each thing that can be asked for.
async fn agree(node: &Node, now: Timestamp, when: &str) {
    for days in [0, 4, 11, 40, 200] {
        let at = now + SignedDuration::from_hours(24 * days);
        let all = open_by_timetables(node, at).await;
        let asked = |query: DueQuery| DueQuery {
            at: Some(at),
            ..query
        };
        let found = open_by_index(node, asked(DueQuery::default())).await;
        assert_eq!(named(&found), named(&all), "{when}, {days} days on");

        let only = |keep: &dyn Fn(&Deadline) -> bool| {
            let kept = all.iter().filter(|(_, one)| keep(one)).cloned();
            named(&kept.collect::<Vec<_>>())
        };
        for code in [TRUST, COUNCIL] {
            let owner = organisation(code);
            let query = DueQuery {
                owners: [owner.clone()].into(),
                ..DueQuery::default()
            };
            let found = open_by_index(node, asked(query)).await;
            assert_eq!(named(&found), only(&|one| one.owed_by == owner), "{when}");
        }
        let query = DueQuery {
            states: [DueState::Overdue].into(),
            ..DueQuery::default()
        };
        let overdue = open_by_index(node, asked(query)).await;
        let is_overdue = |one: &Deadline| one.state == DeadlineState::Overdue;
        assert_eq!(named(&overdue), only(&is_overdue), "{when}");
        let query = DueQuery {
            names: ["acknowledge".to_owned()].into(),
            ..DueQuery::default()
        };
        let found = open_by_index(node, asked(query)).await;
        let is_acknowledgement = |one: &Deadline| one.name.rule() == "acknowledge";
        assert_eq!(named(&found), only(&is_acknowledgement), "{when}");
    }
}

/// Proves: report: what is due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_is_what_all_timetables_say_whatever_was_evicted_restarted_or_dropped() {
    let seed = match support::setting("CONCORDAT_SEED") {
        Some(seed) => seed.parse().expect("a number"),
        None => u64::from_le_bytes(support::fresh_id().0[..8].try_into().expect("8 bytes")),
    };
    println!("CONCORDAT_SEED={seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut draw = |below: usize| rng.next_u64() as usize % below;

    let mut partnership = Partnership::of_two("2026-12-18T10:00:00Z");
    partnership.sandbox.stop_node(TRUST).await.expect("it ran");
    let small = |config: &mut concordat_node::NodeConfig| config.folds_max = FOLDS_MAX;
    let trust = partnership.node_of(TRUST, small);
    let clock = partnership.sandbox.clock().clone();
    let mut cases = Vec::new();
    for _ in 0..CASES {
        let opening = fresh_emission(None, "complaint-received", &complaint(), Stage::Ruled);
        cases.push(trust.emit(opening).await.expect("accepted").case);
    }
    let mut counted = 0;
    for _ in 0..STEPS {
        let hours = i64::try_from(draw(9)).expect("few");
        clock.advance(SignedDuration::from_hours(hours));
        let pool = pool();
        let (author, event_type, fields) = &pool[draw(pool.len())];
        let node = match *author {
            TRUST => &trust,
            _ => partnership.node(COUNCIL),
        };
        let case = cases[draw(CASES)];
        let emission = fresh_emission(Some(case), event_type, fields, Stage::Ruled);
        match node.emit(emission).await {
            Ok(_) => counted += 1,
            Err(Error::Refused { .. } | Error::UnknownCase) => {}
            Err(other) => panic!("{event_type}: {other}"),
        }
        let council = partnership.node(COUNCIL);
        rest(&[&trust, council]).await;
        let status = trust.status().await.expect("running");
        assert!(status.folds <= FOLDS_MAX as u64, "{} folds", status.folds);
    }
    assert!(counted > 5, "the history is not empty: {counted}");
    let now = concordat_node::clock::Clock::now(&clock);
    agree(&trust, now, "after the history").await;
    agree(partnership.node(COUNCIL), now, "at the other node").await;

    let before = digests(&trust).await;
    trust.stop().await;
    drop(trust);
    let trust = partnership.node_of(TRUST, small);
    let status = trust.status().await.expect("running");
    assert_eq!(status.cases, CASES as u64);
    assert!(status.folds <= FOLDS_MAX as u64);
    assert_eq!(digests(&trust).await, before);
    agree(&trust, now, "after a restart").await;

    trust.stop().await;
    drop(trust);
    let place = partnership.sandbox.store_directory(TRUST);
    let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
    store.clear_projections().expect("cleared");
    drop(store);
    let trust = partnership.node_of(TRUST, small);
    assert_eq!(digests(&trust).await, before);
    agree(&trust, now, "without projections").await;
    trust.stop().await;
}
