//! What happens within one turn, which no caller can time: the engine is driven by hand, without thread or courier.

use std::sync::Arc;
use std::time::Duration;

use concordat_codec::form;
use concordat_domain::directory::Directory;
use concordat_domain::ids::{CaseId, EventId};
use concordat_log::{Offset, Record, subject_token};
use concordat_store::{Store, StoreConfig};
use concordat_trust::bundle::Bundle;
use concordat_trust::signing::SigningKey;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{Engine, Watches};
use crate::clock::MovableClock;
use crate::courier::AppendJob;
use crate::sandbox::{Founding, organisation};
use crate::{Emission, NodeConfig, Stage};

const TRUST: &str = "ods:ZT1";
const BOARD: &str = "ods:ZB1";

/// An engine, what it hands to the courier, and where its store is.
struct Driven {
    engine: Engine,
    jobs: mpsc::Receiver<AppendJob>,
    _place: TempDir,
}

impl Driven {
    fn of(code: &str) -> Self {
        let members = [TRUST, BOARD].map(|code| organisation(code, code, "other").expect("a code"));
        let keys = (1..)
            .zip(&members)
            .map(|(seed, member)| (member.id.clone(), SigningKey::from_seed(&[seed; 32])));
        let directory = Directory::new(members.clone(), []);
        let founding = Founding::with_keys("Test partnership", &directory, &keys.collect());
        let founding = founding.expect("a well-formed partnership file");
        let config = NodeConfig::new(
            founding.organisation(code).expect("a member"),
            founding.file().clone(),
            founding.signing_key(code).expect("a member"),
        );
        let place = TempDir::new().expect("a directory");
        let store =
            Store::open(&place.path().join("store"), StoreConfig::default()).expect("a store");
        let clock = MovableClock::starting_at("2026-12-18T10:00:00Z".parse().expect("an instant"));
        let (sender, jobs) = mpsc::channel(1);
        let watches = Watches {
            feed_changed: watch::channel(0).0,
            progress: watch::channel(0).0,
        };
        let courier = (sender, Arc::new(Notify::new()));
        let engine = Engine::recover(config, store, Arc::new(clock), courier, watches);
        Self {
            engine: engine.expect("an empty store"),
            jobs,
            _place: place,
        }
    }

    /// The bundle that it would append on an empty log.
    fn first_record(&mut self, number: u64) -> Record {
        self.engine.reachable = true;
        self.engine.head_when_reached = Offset(0);
        self.engine.finish_turn().expect("written");
        let job = self.jobs.try_recv().expect("something to say");
        Record {
            offset: Offset(number),
            author: subject_token(self.engine.config.organisation.as_str()),
            bytes: job.bytes,
        }
    }
}

fn opening(id: u8) -> Emission {
    let complaint = json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
        "subject_ref": "p-1", "nature": "unsafe discharge", "received_on": "2026-12-18", "screened_on": "2026-12-18"});
    Emission {
        event_id: EventId([id; 16]),
        case: None,
        input: form::read("complaint-received", &complaint).expect("a well-formed event"),
        expected: None,
        wait_for: Stage::Accepted,
        wait_at_most: Duration::ZERO,
        validate_only: false,
        traceparent: None,
    }
}

#[test]
fn nobody_is_told_that_an_event_is_accepted_before_the_turn_is_written() {
    let Driven {
        mut engine, _place, ..
    } = Driven::of(TRUST);
    let mut answered = Vec::new();
    for again in [false, true] {
        let (answer, answer_here) = oneshot::channel();
        assert_eq!(engine.emit(opening(1), answer), again);
        answered.push(answer_here);
    }
    for answer in &mut answered {
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)));
    }
    engine.finish_turn().expect("written");
    for (mut answer, again) in answered.into_iter().zip([false, true]) {
        let receipt = answer.try_recv().expect("answered").expect("accepted");
        assert_eq!(
            (receipt.stage, receipt.deduplicated),
            (Stage::Accepted, again)
        );
    }
}

#[test]
fn a_second_opening_of_one_case_id_is_noticed_from_its_header_alone() {
    let case = CaseId([9; 16]);
    let mut records = Vec::new();
    for (number, code) in (1..).zip([TRUST, BOARD]) {
        let mut author = Driven::of(code);
        // Past the door, which refuses a case id that its emitter chose.
        let draft = author.engine.draft(&opening(1), case).expect("a draft");
        author.engine.outbox.put(0, draft);
        records.push(author.first_record(number));
    }
    let bundles: Vec<Bundle> = records
        .iter()
        .map(|record| Bundle::parse(&record.bytes).expect("its own"))
        .collect();
    let mut reader = Driven::of(TRUST).engine;
    for (record, (bundle, expected)) in records
        .into_iter()
        .zip(bundles.iter().zip([vec![], vec![case]]))
    {
        let noticed = reader.second_openings(bundle).expect("the journal is read");
        assert_eq!(noticed, expected);
        reader.follow(vec![record]).expect("it is admitted");
    }
    assert_eq!(reader.admission.size(), 2);
}
