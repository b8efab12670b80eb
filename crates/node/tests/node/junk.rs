//! What others put on the log past every door: each node admits the same, quarantines the same, and honest work goes on (wire.md 2).

use crate::support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_log::{Offset, SharedLog};
use concordat_node::clock::Clock as _;
use concordat_node::{FeedContent, Stage};
use concordat_proto::v1;
use concordat_trust::admission::Admission;
use concordat_trust::bundle::{Bundle, Place};
use concordat_trust::digest::BundleHash;
use concordat_trust::envelope::Class;
use concordat_trust::signing::SigningKey;
use prost::Message as _;
use serde_json::json;
use support::{BOARD, COUNCIL, Meddled, Partnership, TRUST, records};

const START: &str = "2026-12-18T10:00:00Z";
/// A member whose key is in the wrong hands; its own node does not run.
const STRAY: &str = "ods:ZX9";
const RUNNING: [&str; 3] = [TRUST, COUNCIL, BOARD];

/// Bundles as the stray member's key can sign them.
struct Forge {
    place: Place,
    key: SigningKey,
}

impl Forge {
    async fn new(partnership: &Partnership, log: &dyn SharedLog) -> Self {
        let founding = partnership.sandbox.founding();
        let mut admission = Admission::new(founding.file().clone());
        for record in records(log).await {
            admission.admit(&record);
        }
        let place = Place {
            partnership: *admission.partnership(),
            organisation: founding.organisation(STRAY).expect("a member"),
            directory_version: admission.directory_version(),
            seq: 1,
            prev: BundleHash::ZERO,
            seen: admission.seen(),
            claimed_time: partnership.clock().now(),
        };
        let key = founding.signing_key(STRAY).expect("a member");
        Self { place, key }
    }

    /// An empty bundle at another place than the first of the stray member, or signed with another key.
    fn head(&self, change: impl FnOnce(&mut Place), key: &SigningKey) -> Bundle {
        let mut place = self.place.clone();
        change(&mut place);
        Bundle::sign(place, Vec::new(), key).expect("it is small")
    }
}

async fn append(log: &dyn SharedLog, record: impl Into<Bytes>) {
    let last = log.last_own().await.expect("reachable");
    let last = last.map_or(Offset(0), |record| record.offset);
    log.append(record.into(), "unused", last)
        .await
        .expect("the log takes anything");
}

/// The frame of a record, to be changed in ways that no honest encoder would.
fn frame(record: &[u8], change: impl FnOnce(&mut v1::Bundle)) -> Vec<u8> {
    let mut frame = v1::Bundle::decode(record).expect("a bundle");
    change(&mut frame);
    frame.encode_to_vec()
}

/// What every node must say alike.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    size: u64,
    root: [u8; 32],
    quarantined: u64,
    contradictions: BTreeSet<OrganisationId>,
}

async fn said(partnership: &Partnership, code: &str) -> Said {
    let status = partnership.node(code).status().await.expect("running");
    Said {
        size: status.size,
        root: status.root,
        quarantined: status.quarantined,
        contradictions: status.contradictions,
    }
}

async fn positions(partnership: &Partnership, code: &str, case: CaseId) -> Vec<Option<Position>> {
    let events = partnership.node(code).events(case).await.expect("a case");
    events.iter().map(|event| event.position).collect()
}

/// Both organisations act, and see the same; on return nothing is left to say about it.
async fn honest_work_goes_on(partnership: &mut Partnership, case: CaseId) {
    let updated = json!({"method": "letter", "what": "CANARY told"});
    partnership
        .emit(TRUST, case, "complainant-updated", updated)
        .await;
    let asked = json!({"id": format!("r-{}", partnership.next_id), "of": TRUST, "basis": "own-records", "due": "2027-01-15",
        "what": "CANARY asked"});
    let last = partnership
        .emit(COUNCIL, case, "information-requested", asked)
        .await;
    assert_eq!(
        partnership.digest(TRUST, case).await,
        partnership.digest(COUNCIL, case).await
    );
    assert_eq!(
        positions(partnership, TRUST, case).await,
        positions(partnership, COUNCIL, case).await
    );
    partnership
        .wait_for(COUNCIL, last.event_id, Stage::Witnessed)
        .await;
    partnership.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_forgeries_and_reordered_records_are_counted_alike_by_all_nodes() {
    let (mut partnership, lines) = Partnership::meddled_of(START, &[TRUST, COUNCIL, BOARD, STRAY]);
    partnership.down(STRAY).await;
    let case = partnership.joint().await;
    honest_work_goes_on(&mut partnership, case).await;
    let before = said(&partnership, TRUST).await;
    let log: &Meddled = &lines[3];
    let forge = Forge::new(&partnership, log).await;
    let (wrong, right) = (SigningKey::from_seed(&[99; 32]), &forge.key);
    let first = forge.head(|_| {}, right);
    let second = forge.head(|place| (place.seq, place.prev) = (2, first.hash()), right);
    let honest = records(log).await.into_iter().rev().find(|record| {
        let bundle = Bundle::parse(record).expect("honest so far");
        !bundle.is_head()
    });
    let honest = honest.expect("there was work");

    // Not admitted, in the order in which they come: undecodable, forged in four ways, out of order.
    let refused: Vec<Vec<u8>> = vec![
        vec![0],
        b"no bundle".to_vec(),
        first.to_record()[1..].to_vec(),
        forge.head(|_| {}, &wrong).to_record(),
        forge
            .head(
                |place| place.organisation = COUNCIL.parse().expect("a code"),
                right,
            )
            .to_record(),
        forge
            .head(|place| place.partnership.0[0] ^= 1, right)
            .to_record(),
        frame(&first.to_record(), |frame| frame.signature[5] ^= 1),
        second.to_record(),
        // A copy of an honest bundle without the part that everyone must have.
        frame(&honest, |frame| drop(frame.envelopes[0].parts.remove(0))),
    ];
    for record in &refused {
        append(log, record.clone()).await;
    }
    // Admitted, once each; copies of what is admitted get no place and are not even junk.
    append(log, first.to_record()).await;
    append(log, second.to_record()).await;
    append(log, first.to_record()).await;
    append(log, honest.clone()).await;
    append(
        log,
        frame(&honest, |frame| frame.envelopes[0].parts.truncate(1)),
    )
    .await;
    // Two bundles signed for one place: the first counts, the rival is evidence.
    let rival = forge.head(
        |place| place.claimed_time = partnership.clock().now() + jiff::SignedDuration::from_secs(1),
        right,
    );
    append(log, rival.to_record()).await;
    partnership.settle().await;

    let expected = Said {
        size: before.size + 2,
        quarantined: refused.len() as u64 + 1,
        contradictions: [STRAY.parse().expect("a code")].into(),
        root: said(&partnership, TRUST).await.root,
    };
    assert_ne!(expected.root, before.root);
    for code in RUNNING {
        assert_eq!(said(&partnership, code).await, expected, "{code}");
    }
    honest_work_goes_on(&mut partnership, case).await;
    let after = said(&partnership, TRUST).await;
    for code in RUNNING {
        assert_eq!(said(&partnership, code).await.root, after.root, "{code}");
        // What is kept says the same as what was seen.
        partnership.down(code).await;
        partnership.up(code);
        partnership.settle().await;
        let again = said(&partnership, code).await;
        assert_eq!(
            (again.quarantined, again.root),
            (after.quarantined, said(&partnership, TRUST).await.root),
            "{code}"
        );
    }
}

/// Whether a node can read a word in an event of the case.
async fn reads(partnership: &Partnership, code: &str, case: CaseId, word: &str) -> bool {
    let events = partnership.node(code).events(case).await.expect("a case");
    events
        .iter()
        .any(|event| format!("{:?}", event.event).contains(word))
}

/// Records of the log that carry the bundle which carries most of `count`: how often each bundle stands there.
async fn copies(log: &dyn SharedLog) -> usize {
    let mut seen = BTreeSet::new();
    let all = records(log).await;
    let hashes = all.iter().filter_map(|record| Bundle::parse(record).ok());
    hashes
        .filter(|bundle| !seen.insert(bundle.hash().0))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_whose_parts_are_lost_on_the_way_appends_its_bundle_again_and_all_read_it() {
    for truncated in [false, true] {
        let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
        let case = partnership.joint().await;
        trust.change_next(1, move |record| {
            let stripped = frame(&record, |frame| {
                for part in frame
                    .envelopes
                    .iter_mut()
                    .flat_map(|envelope| envelope.parts.iter_mut().skip(1))
                {
                    part.data.pop();
                }
                if !truncated {
                    frame
                        .envelopes
                        .iter_mut()
                        .for_each(|envelope| envelope.parts.truncate(1));
                }
            });
            stripped.into()
        });
        let told = json!({"method": "letter", "what": "CANARY by telephone"});
        partnership
            .emit(TRUST, case, "complainant-updated", told)
            .await;
        for code in [TRUST, COUNCIL] {
            assert!(
                reads(&partnership, code, case, "CANARY by telephone").await,
                "{code}, truncated: {truncated}"
            );
        }
        assert_eq!(copies(&trust).await, 1, "once for its parts");
        for code in RUNNING {
            assert_eq!(said(&partnership, code).await.quarantined, 0, "{code}");
        }
        honest_work_goes_on(&mut partnership, case).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_strips_every_copy_takes_the_content_from_others_and_nothing_else() {
    let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
    let case = partnership.joint().await;
    trust.change_next(usize::MAX, |record| {
        frame(&record, |frame| {
            frame
                .envelopes
                .iter_mut()
                .for_each(|envelope| envelope.parts.truncate(1));
        })
        .into()
    });
    let told = json!({"method": "letter", "what": "CANARY by telephone"});
    partnership
        .emit(TRUST, case, "complainant-updated", told)
        .await;
    assert!(
        reads(&partnership, TRUST, case, "CANARY by telephone").await,
        "its author keeps it"
    );
    assert!(!reads(&partnership, COUNCIL, case, "CANARY by telephone").await);
    assert_eq!(copies(&trust).await, 3, "then it is given up");
    trust.change_next(0, |record| record);
    honest_work_goes_on(&mut partnership, case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_was_acknowledged_and_spoilt_is_appended_again() {
    let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
    let case = partnership.joint().await;
    trust.change_next(1, |record| {
        frame(&record, |frame| frame.envelopes[0].parts.clear()).into()
    });
    let told = json!({"method": "letter", "what": "CANARY by telephone"});
    partnership
        .emit(TRUST, case, "complainant-updated", told)
        .await;
    assert!(reads(&partnership, COUNCIL, case, "CANARY by telephone").await);
    for code in RUNNING {
        assert_eq!(said(&partnership, code).await.quarantined, 1, "{code}");
    }
    honest_work_goes_on(&mut partnership, case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_stripped_from_a_grant_are_taken_when_they_come_again() {
    let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
    // Only bundles with a grant, each once: the council can read nothing before the copy comes.
    let stripped = std::sync::Mutex::new(BTreeSet::new());
    trust.change_next(usize::MAX, move |record| {
        let mut bundle = Bundle::parse(&record).expect("the trust's own");
        let is_new = stripped
            .lock()
            .expect("no panic holds it")
            .insert(bundle.hash().0);
        bundle.drop_content(|envelope| {
            is_new
                && matches!(envelope.header().class, Class::Key(_))
                && envelope.header().parts.len() > 1
        });
        bundle.to_record().into()
    });
    let case = partnership.joint().await;
    assert!(
        copies(&trust).await >= 2,
        "the grants of process and of content were stripped"
    );
    assert!(reads(&partnership, COUNCIL, case, "CANARY").await);
    honest_work_goes_on(&mut partnership, case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_late_copy_of_a_grant_shows_stands_in_the_feed_behind_what_was_seen_meanwhile() {
    let (mut partnership, [trust, _, _]) = Partnership::meddled(START);
    let known = partnership.joint().await;
    // The first grant loses its keys on the way, and the copy that mends it is held.
    let (line, stripped) = (trust.clone(), AtomicBool::new(false));
    trust.change_next(usize::MAX, move |record| {
        let mut bundle = Bundle::parse(&record).expect("the trust's own");
        let whole = bundle.clone();
        if !stripped.load(Ordering::SeqCst) {
            bundle.drop_content(|envelope| {
                matches!(envelope.header().class, Class::Key(_))
                    && envelope.header().parts.len() > 1
            });
        }
        if bundle != whole {
            stripped.store(true, Ordering::SeqCst);
            line.hold();
        }
        bundle.to_record().into()
    });
    let case = partnership.open().await;
    for (code, event_type, fields) in &support::joining()[..2] {
        let emission = partnership.emission(Some(case), event_type, fields);
        let receipt = partnership.node(code).emit(emission).await;
        assert_eq!(receipt.expect("accepted").stage, Stage::Ruled);
    }
    trust.holds_one().await;
    let asked = json!({"id": "r-1", "of": TRUST, "basis": "own-records", "due": "2027-01-15", "what": "CANARY asked"});
    let asked = partnership.emission(Some(known), "information-requested", &asked);
    let receipt = partnership.node(COUNCIL).emit(asked).await;
    assert_eq!(receipt.expect("accepted").stage, Stage::Ruled);
    let council = partnership.node(COUNCIL);
    assert!(council.case(case, None).await.is_err(), "the keys are held");
    let seen = council.feed(None, 1000).await.expect("running");
    let last = seen.last().expect("it knows a case").cursor;

    trust.let_go();
    partnership.settle().await;
    let council = partnership.node(COUNCIL);
    let all = council.feed(None, 1000).await.expect("running");
    assert!(
        all.windows(2).all(|pair| pair[0].cursor < pair[1].cursor),
        "cursors rise"
    );
    let new = council.feed(Some(last), 1000).await.expect("running");
    assert_eq!(new.len(), all.len() - seen.len(), "none is missed");
    let shown: Vec<_> = new
        .iter()
        .filter_map(|entry| match &entry.content {
            FeedContent::Event { event, historical } => {
                assert!(historical, "it was there before");
                (event.case == case).then_some(event.event_type?.to_string())
            }
            _ => None,
        })
        .collect();
    // What the enforcer said meanwhile stands between.
    let shown: Vec<_> = shown
        .iter()
        .filter(|event_type| !event_type.starts_with("deadline-"))
        .collect();
    let expected = ["complaint-received", "consent-granted", "participant-added"];
    assert_eq!(shown, expected);
}
