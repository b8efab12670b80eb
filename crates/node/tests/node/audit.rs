//! Auditors: what a node showed when it stood at a position, it shows of that position for ever.

use crate::support;

use concordat_domain::ids::{CaseId, Position};
use concordat_node::audit::{
    AccessQuery, Finding, Known, Point, Reader, ReplayQuery, Replayed, Stretch, Verified,
};
use concordat_node::{CaseView, Error, Node};
use concordat_store::{Batch, Store, StoreConfig};
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

/// A whole replay, and the digest of each case at its end.
async fn replayed(
    node: &Node,
    query: ReplayQuery,
    known: Known,
) -> (Vec<Replayed>, std::collections::BTreeMap<CaseId, [u8; 32]>) {
    let point = Point {
        known,
        valid_at: None,
    };
    let point = node.point(point).await.expect("a point");
    let replay = node.replay(query, &point).await.expect("readable");
    let mut replay = replay.expect("something stood there");
    let mut events = Vec::new();
    loop {
        let (gone_on, some, more) = node.replay_more(replay).await.expect("sound");
        events.extend(some);
        if !more {
            return (events, gone_on.digests());
        }
        replay = gone_on;
    }
}

/// What a whole verification finds.
async fn verified(node: &Node) -> (Verified, Vec<Finding>) {
    let mut verification = node.verify().await.expect("begun");
    let mut findings = Vec::new();
    loop {
        let (gone_on, some, stretch) = verification.next(node).await.expect("it goes on");
        findings.extend(some);
        if let Stretch::Done(verified) = stretch {
            return (verified, findings);
        }
        verification = gone_on;
    }
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

/// Issue 4, item 6: every event of a replay is ruled as it was, and leaves the case as it was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_computes_every_ruling_and_state_anew() {
    let seed: u64 = setting(SEED).map_or(11, |seed| seed.parse().expect("a number"));
    eprintln!("{SEED}={seed}");
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let (case, seen) = drawn(&mut partnership, seed, 14).await;
    for code in [TRUST, COUNCIL] {
        let node = partnership.node(code);
        let query = ReplayQuery {
            case: Some(case),
            with_state: true,
            with_signed_bytes: true,
            ..ReplayQuery::default()
        };
        let (events, digests) = replayed(node, query.clone(), Known::Head).await;
        let kept = node.events(case).await.expect("its events");
        assert_eq!(
            events.len(),
            kept.iter().filter(|event| event.ruled.is_some()).count()
        );
        for (anew, kept) in events
            .iter()
            .zip(kept.iter().filter(|event| event.ruled.is_some()))
        {
            assert_eq!(anew.event.ruling(), kept.ruling(), "{:?}", kept.position);
            let state = anew.state.as_ref().expect("asked for");
            let position = anew.event.position.expect("on the log");
            let point = Point {
                known: Known::Position(position),
                valid_at: None,
            };
            if let Ok(then) = node.case_as_of(case, point).await {
                assert_eq!(then.case.digest, state.digest);
                assert_eq!(then.case.state, state.state);
            }
            assert!(anew.signed.is_some());
        }
        let digest = partnership.digest(code, case).await;
        assert_eq!(digests.get(&case), Some(&digest));
        // Over all cases the same events, the directory's apart.
        let all = ReplayQuery {
            case: None,
            ..query
        };
        let (all, over_all) = replayed(node, all, Known::Head).await;
        let of_case = all.iter().filter(|one| one.event.case == case);
        let ids: Vec<_> = of_case.map(|one| one.event.event_id).collect();
        assert_eq!(
            ids,
            events
                .iter()
                .map(|one| one.event.event_id)
                .collect::<Vec<_>>()
        );
        assert_eq!(over_all, digests);
        // A slice of it, by position.
        let from = events[2].event.position;
        let slice = ReplayQuery {
            case: Some(case),
            from,
            ..ReplayQuery::default()
        };
        let known = Known::Position(events[4].event.position.expect("on the log"));
        let (slice, _) = replayed(node, slice, known).await;
        let ids: Vec<_> = slice.iter().map(|one| one.event.event_id).collect();
        assert_eq!(
            ids,
            events[2..=4]
                .iter()
                .map(|one| one.event.event_id)
                .collect::<Vec<_>>()
        );
    }
    // As known at a past position: nothing that came later, and to whom the case was unknown it is.
    for one in seen.iter().step_by(5) {
        let query = ReplayQuery {
            case: Some(case),
            ..ReplayQuery::default()
        };
        let node = partnership.node(one.code);
        if one.shown.is_none() {
            let point = Point {
                known: Known::Position(one.position),
                valid_at: None,
            };
            let point = node.point(point).await.expect("a point");
            let refused = node.replay(query, &point).await;
            assert!(matches!(refused, Err(Error::UnknownCase)));
            continue;
        }
        let (events, _) = replayed(node, query, Known::Position(one.position)).await;
        assert!(
            events
                .iter()
                .all(|event| event.event.position <= Some(one.position))
        );
    }
}

/// Issue 4, item 6: a history that was meddled with in a node's own journal is found, and named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_finds_nothing_in_an_honest_journal_and_names_what_was_meddled_with() {
    let seed: u64 = setting(SEED).map_or(13, |seed| seed.parse().expect("a number"));
    eprintln!("{SEED}={seed}");
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let (case, _) = drawn(&mut partnership, seed, 8).await;
    for code in CODES {
        let (verified, findings) = verified(partnership.node(code)).await;
        assert_eq!(findings, [], "{code}");
        let status = partnership.node(code).status().await.expect("running");
        assert!(verified.bundles > 5 && verified.tree_size <= status.size);
        if code == TRUST {
            assert!(verified.cases == 1 && verified.rulings > 4, "{verified:?}");
        }
    }
    let place = partnership.sandbox.store_directory(TRUST);
    let codes = |findings: &[Finding]| -> Vec<&'static str> {
        findings.iter().map(|finding| finding.code.code()).collect()
    };
    type Meddle = fn(&Store, &mut Batch, CaseId);
    let meddled: [(&str, Meddle); 4] = [
        ("bad-signature", |store, batch, _| {
            let record = store.journal().get(2).expect("sound").expect("there");
            let mut bundle =
                <concordat_proto::v1::Bundle as prost::Message>::decode(record.bytes.as_slice())
                    .expect("a bundle");
            bundle.signature[3] ^= 1;
            let bytes = prost::Message::encode_to_vec(&bundle);
            store.journal().replace(batch, 2, &bytes).expect("there");
        }),
        ("malformed", |store, batch, _| {
            let mut bytes = store.journal().get(2).expect("sound").expect("there").bytes;
            bytes.truncate(bytes.len() - 1);
            store.journal().replace(batch, 2, &bytes).expect("there");
        }),
        ("repeated-bundle", |store, batch, _| {
            let bytes = store.journal().get(0).expect("sound").expect("there").bytes;
            store.journal().replace(batch, 2, &bytes).expect("there");
        }),
        ("ruling-differs", |store, batch, case| {
            let (name, bytes) = store
                .vault()
                .with_prefix(&format!("ruling/{case}/"))
                .next()
                .expect("a ruling")
                .expect("sound");
            let text = String::from_utf8(bytes.to_vec()).expect("JSON");
            assert!(text.contains("\"effective\""), "{text}");
            let void = text.replacen("\"effective\"", "{\"void\":{\"reason\":\"no-consent\"}}", 1);
            store
                .vault()
                .put(batch, &name, void.as_bytes())
                .expect("sealed");
        }),
    ];
    for (expected, meddle) in meddled {
        partnership.down(TRUST).await;
        let kept = {
            let store = Store::open(&place, StoreConfig::default()).expect("closed");
            let mut batch = Batch::new();
            let kept = store.journal().get(2).expect("sound").expect("there").bytes;
            let ruling = store
                .vault()
                .with_prefix(&format!("ruling/{case}/"))
                .next()
                .expect("a ruling")
                .expect("sound");
            meddle(&store, &mut batch, case);
            store.commit(batch).expect("written");
            (kept, ruling)
        };
        partnership.up(TRUST);
        partnership.settle().await;
        let (_, findings) = verified(partnership.node(TRUST)).await;
        assert!(
            codes(&findings).contains(&expected),
            "{expected}: {findings:?}"
        );
        let finding = findings
            .iter()
            .find(|finding| finding.code.code() == expected)
            .expect("found");
        if expected != "ruling-differs" {
            assert_eq!(finding.position.map(|at| at.bundle), Some(2), "{expected}");
        }
        assert!(finding.code.is_error());
        // Mended, so that each is found by itself.
        partnership.down(TRUST).await;
        let store = Store::open(&place, StoreConfig::default()).expect("closed");
        let mut batch = Batch::new();
        store
            .journal()
            .replace(&mut batch, 2, &kept.0)
            .expect("there");
        store
            .vault()
            .put(&mut batch, &kept.1.0, &kept.1.1)
            .expect("sealed");
        store.commit(batch).expect("written");
        drop(store);
        partnership.up(TRUST);
        partnership.settle().await;
    }
    let (_, findings) = verified(partnership.node(TRUST)).await;
    assert_eq!(findings, [], "all is mended");
}
