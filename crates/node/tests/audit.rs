//! Auditors: what a node showed when it stood at a position, it shows of that position for ever.

mod support;

use concordat_domain::ids::{CaseId, Position};
use concordat_node::audit::{AccessQuery, Known, Point, Reader};
use concordat_node::{CaseView, Error};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use support::{BOARD, CODES, COUNCIL, Partnership, TRUST, joining, setting};

/// Names the seed with which a failed run is repeated.
const SEED: &str = "CONCORDAT_AUDIT_SEED";

/// What people may try in a joint case, by whom. What a rule refuses leaves no trace.
fn pool() -> Vec<(&'static str, &'static str, Value)> {
    let board = |event| match event {
        "participant-added" => {
            json!({"participant": BOARD, "why_code": "issue-owner", "why": "beds"})
        }
        _ => {
            json!({"given_by": "p-1", "orgs": [COUNCIL, BOARD], "issues": "all", "learning": true, "evidence_ref": "doc-2"})
        }
    };
    vec![
        (
            TRUST,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
        ),
        (
            TRUST,
            "triage-recorded",
            json!({"ours": true, "procedure": "eng-2009"}),
        ),
        (TRUST, "consent-granted", board("consent-granted")),
        (TRUST, "participant-added", board("participant-added")),
        (
            BOARD,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
        ),
        (
            TRUST,
            "lead-proposed",
            json!({"lead": TRUST, "reason": "more-resources", "complainant_view": "content"}),
        ),
        (COUNCIL, "lead-accepted", json!({"lead": TRUST})),
        (BOARD, "lead-accepted", json!({"lead": TRUST})),
        (
            TRUST,
            "lead-agreed",
            json!({"lead": TRUST, "accepted_by": [COUNCIL, BOARD]}),
        ),
        (TRUST, "complainant-updated", json!({"method": "letter"})),
        (COUNCIL, "complainant-updated", json!({"method": "letter"})),
        (
            TRUST,
            "response-period-set",
            json!({"mode": "agreed", "date": "2027-03-29"}),
        ),
        (
            TRUST,
            "issues-agreed",
            json!({"issues": [{"id": "I1"}, {"id": "I2"}], "issue_texts": [], "desired_outcomes": [], "agreed_with_complainant": "yes"}),
        ),
        (
            TRUST,
            "consent-withdrawn",
            json!({"given_by": "p-1", "orgs": [BOARD], "from": "2026-12-20"}),
        ),
        (
            TRUST,
            "participant-removed",
            json!({"participant": BOARD, "stop_processing": true, "return_or_delete": true, "retains_own_records": true}),
        ),
        (
            TRUST,
            "participant-removed",
            json!({"participant": COUNCIL, "stop_processing": true, "return_or_delete": true, "retains_own_records": true}),
        ),
        (
            TRUST,
            "complaint-withdrawn",
            json!({"said_by": "p-1", "on": "2026-12-19", "carry_on_internally": false, "how": "letter"}),
        ),
    ]
}

/// Draws from a seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % n as u64).expect("small")
    }
}

/// What a node showed of a case, and where it stood.
struct Seen {
    code: &'static str,
    position: Position,
    at: Timestamp,
    shown: Option<String>,
}

fn shown(case: Result<CaseView, Error>) -> Option<String> {
    match case {
        Ok(case) => Some(format!("{case:#?}")),
        Err(Error::UnknownCase) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn look(partnership: &Partnership, case: CaseId) -> Vec<Seen> {
    let mut seen = Vec::new();
    for code in CODES {
        let node = partnership.node(code);
        let point = node.point(Point::default()).await.expect("the head");
        let at = point.valid_at;
        seen.push(Seen {
            code,
            position: point.position.expect("not empty"),
            at,
            shown: shown(node.case(case, Some(at)).await),
        });
    }
    seen
}

async fn as_of(partnership: &Partnership, case: CaseId, seen: &Seen) -> Option<String> {
    let point = Point {
        known: Known::Position(seen.position),
        valid_at: Some(seen.at),
    };
    let past = partnership.node(seen.code).case_as_of(case, point).await;
    shown(past.map(|past| past.case))
}

/// A history drawn from a seed, and what each node showed after each of its events.
async fn drawn(partnership: &mut Partnership, seed: u64, events: usize) -> (CaseId, Vec<Seen>) {
    let mut draw = Draw(seed);
    let case = partnership.open().await;
    partnership.settle().await;
    let mut seen = look(partnership, case).await;
    for (code, event_type, fields) in joining() {
        partnership.emit(code, case, event_type, fields).await;
        seen.extend(look(partnership, case).await);
    }
    let pool = pool();
    for _ in 0..events {
        let hours = i64::try_from(draw.below(40)).expect("small");
        let later = partnership.clock().now_then(hours);
        partnership
            .sandbox
            .advance_to(later)
            .await
            .expect("time passes");
        let (code, event_type, fields) = &pool[draw.below(pool.len())];
        let emission = partnership.emission(Some(case), event_type, fields);
        match partnership.node(code).emit(emission).await {
            Ok(_) | Err(Error::Refused { .. } | Error::UnknownCase | Error::Parked { .. }) => {}
            Err(error) => panic!("{event_type}: {error}"),
        }
        partnership.settle().await;
        seen.extend(look(partnership, case).await);
    }
    (case, seen)
}

trait Later {
    fn now_then(&self, hours: i64) -> Timestamp;
}

impl Later for concordat_node::clock::MovableClock {
    fn now_then(&self, hours: i64) -> Timestamp {
        use concordat_node::clock::Clock as _;
        self.now() + hours.hours()
    }
}

/// Issue 4, item 6: a replay to a position is what the node showed when it stood there, whoever joined or left since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_of_a_position_is_what_the_node_showed_there() {
    let first: u64 = setting(SEED).map_or(7, |seed| seed.parse().expect("a number"));
    for seed in [first, first + 1] {
        eprintln!("{SEED}={seed}");
        let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
        let (case, seen) = drawn(&mut partnership, seed, 18).await;
        assert!(
            seen.iter()
                .any(|seen| seen.code == BOARD && seen.shown.is_none()),
            "the board sees nothing at first"
        );
        for one in &seen {
            let then = as_of(&partnership, case, one).await;
            assert_eq!(then, one.shown, "{} at {}", one.code, one.position);
        }
        // The same from the journal alone.
        partnership.down(COUNCIL).await;
        partnership.up(COUNCIL);
        partnership.settle().await;
        for one in seen.iter().filter(|one| one.code == COUNCIL) {
            assert_eq!(as_of(&partnership, case, one).await, one.shown);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_known_at_a_past_time_leaves_out_what_was_recorded_later() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    let before = partnership.digest(TRUST, case).await;
    let later: Timestamp = "2026-12-21T09:00:00Z".parse().expect("an instant");
    partnership
        .sandbox
        .advance_to(later)
        .await
        .expect("time passes");
    let acknowledged = json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true,
        "reassured_no_detriment": true});
    partnership
        .emit(TRUST, case, "complaint-acknowledged", acknowledged)
        .await;
    let node = partnership.node(TRUST);
    let known = |known: &str| Point {
        known: Known::Time(known.parse().expect("an instant")),
        valid_at: None,
    };
    let then = node.case_as_of(case, known("2026-12-18T23:00:00Z")).await;
    let then = then.expect("it was there");
    assert_eq!(then.case.digest, before);
    assert_eq!(
        then.point.valid_at,
        "2026-12-18T23:00:00Z".parse().expect("an instant")
    );
    let now = node.case_as_of(case, known("2026-12-21T09:00:00Z")).await;
    assert_eq!(
        now.expect("it is there").case.digest,
        partnership.digest(TRUST, case).await
    );
    let nothing = node.case_as_of(case, known("2026-12-18T09:59:59Z")).await;
    assert!(matches!(nothing, Err(Error::UnknownCase)), "{nothing:?}");
    // What was known on the 18th, as valid on the 24th: the acknowledgement of which nobody knew yet is overdue.
    let valid = Point {
        valid_at: Some("2026-12-24T09:00:00Z".parse().expect("an instant")),
        ..known("2026-12-18T23:00:00Z")
    };
    let valid = node.case_as_of(case, valid).await.expect("it was there");
    assert!(
        valid.case.flags.contains("overdue:acknowledge"),
        "{:?}",
        valid.case.flags
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparing_names_what_changed_and_by_which_event() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    let start = partnership
        .node(COUNCIL)
        .point(Point::default())
        .await
        .expect("a point");
    for (code, event_type, fields) in joining() {
        partnership.emit(code, case, event_type, fields).await;
    }
    let point = |position: Option<Position>| Point {
        known: position.map_or(Known::Head, Known::Position),
        valid_at: None,
    };
    let node = partnership.node(TRUST);
    let found = node
        .compare_case(case, point(start.position), point(None))
        .await
        .expect("compared");
    let joined = found
        .fields
        .iter()
        .find(|(field, _)| field.path == format!("roles.members.{COUNCIL}"));
    let (joined, by) = joined.expect("the council is a member");
    assert_eq!(
        (joined.before.as_deref(), joined.after.as_deref()),
        (None, Some("\"joined\""))
    );
    let types: Vec<String> = found
        .events
        .iter()
        .filter_map(|event| Some(event.event_type?.to_string()))
        .collect();
    assert!(
        types.ends_with(&[
            "consent-granted".to_owned(),
            "participant-added".to_owned(),
            "participant-joined".to_owned()
        ]),
        "{types:?}"
    );
    assert_eq!(
        by.as_ref().expect("an event").event,
        found.events.last().expect("events").event_id
    );
    // The council held no key at the start: to it the case was not there.
    let council = partnership
        .node(COUNCIL)
        .compare_case(case, point(start.position), point(None))
        .await;
    let council = council.expect("compared");
    assert_eq!(council.before.stood, None);
    assert_eq!(council.after.stood, found.after.stood);
    // Nothing differs between a point and itself.
    let same = node
        .compare_case(case, point(None), point(None))
        .await
        .expect("compared");
    assert!(same.fields.is_empty() && same.deadlines.is_empty() && same.events.is_empty());
}

// Proves: 002-3.7, D-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_look_is_recorded_for_good_and_one_at_what_may_not_be_seen_is_none() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let case = partnership.open().await;
    partnership.settle().await;
    let reader = |purpose: &str| Reader {
        who: "auditor-1".to_owned(),
        purpose: purpose.to_owned(),
    };
    let looked = partnership.emission(
        None,
        "access-logged",
        &json!({"who": "staff-2", "case": case.to_string(), "purpose": "handling"}),
    );
    partnership.node(TRUST).emit(looked).await.expect("kept");
    let node = partnership.node(TRUST);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(
            node.record_access(reader(&format!("p-{number}")), "CompareCase", Some(case))
                .await
                .expect("recorded"),
        );
    }
    node.record_access(reader("whole-log"), "VerifyLog", None)
        .await
        .expect("recorded");
    let outside = partnership
        .node(BOARD)
        .record_access(reader("curious"), "GetCaseAsOf", Some(case))
        .await;
    assert!(matches!(outside, Err(Error::UnknownCase)));
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    partnership.settle().await;
    let node = partnership.node(TRUST);
    let mut query = AccessQuery {
        case: Some(case),
        max: 2,
        ..AccessQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = node.access_records(query.clone()).await.expect("read");
        assert!(page.records.len() <= 2);
        found.extend(page.records);
        query.after = page.scanned_to;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 6);
    assert!(
        found
            .iter()
            .any(|record| record.who == "staff-2" && record.rpc.is_empty())
    );
    let mut of_service: Vec<_> = found
        .iter()
        .filter(|record| !record.rpc.is_empty())
        .map(|record| record.id)
        .collect();
    of_service.sort();
    ids.sort();
    assert_eq!(of_service, ids);
    let all = AccessQuery {
        max: 100,
        ..AccessQuery::default()
    };
    assert_eq!(
        node.access_records(all).await.expect("read").records.len(),
        7
    );
    let none = partnership
        .node(BOARD)
        .access_records(AccessQuery {
            max: 10,
            ..AccessQuery::default()
        })
        .await;
    assert!(none.expect("read").records.is_empty());
}
