//! A whole case over the network: three `concordat serve` processes with a store each, one real broker, and a third-party client that
//! knows only what reflection tells it.

use crate::together;

use std::collections::{BTreeMap, BTreeSet};

use concordat_store::{Store, StoreConfig};
use concordat_tests::nats::NatsServer;
use concordat_tests::proxy::TcpProxy;
use serde_json::{Value, json};
use together::{BOARD, CODES, COUNCIL, TRUST, Together, is_on_disk};

/// What stands in the free texts of the case.
const CANARIES: [&str; 5] = [
    "unsafe discharge without the agreed home care",
    "reablement package",
    "discharge decision",
    "no care visit for three days",
    "brokerage weekend cover",
];

/// Nothing of the case is in clear on any disk, nor in hexadecimal, which is how drafts keep what was handed in. That the search finds what is there, an organisation's code shows, which every signed
/// header names.
fn nothing_is_in_clear(together: &Together) {
    let stores = CODES.map(|code| together.organisations.store(code));
    let broker = together.broker.data_directory();
    for place in stores.iter().chain([&broker]) {
        assert!(is_on_disk(place, TRUST), "{}", place.display());
        for canary in CANARIES {
            for form in [canary.to_owned(), hex::encode(canary)] {
                assert!(!is_on_disk(place, &form), "{form:?} in {}", place.display());
            }
        }
    }
}

/// Looks into the stores of nodes that are stopped: a stranger's has the bundles and no key of any case; the trust's has keys, so that
/// the search finds what is there.
fn has_bundles_and_no_key(together: &mut Together, code: &'static str) {
    together.down(TRUST);
    let store = Store::open(&together.organisations.store(TRUST), StoreConfig::default());
    let store = store.expect("the node has closed it");
    assert!(store.vault().with_prefix("keys/").count() > 0);
    assert!(store.projections().from(None).count() > 0);
    drop(store);
    together.up(TRUST);

    let info = together
        .driver
        .call(code, "ServerService/GetServerInfo", json!({}));
    together.down(code);
    let store = Store::open(&together.organisations.store(code), StoreConfig::default());
    let store = store.expect("the node has closed it");
    let bundles = store.journal().from(0).count();
    assert_eq!(json!(bundles.to_string()), info["treeSize"]);
    assert!(bundles > 0);
    for kind in ["keys/", "invitation/"] {
        assert_eq!(store.vault().with_prefix(kind).count(), 0, "{kind}");
    }
    assert_eq!(store.projections().from(None).count(), 0);
    drop(store);
    together.up(code);
}

/// Deletes what a node has derived; it must come to the same from its journal alone.
fn replays_its_journal(together: &mut Together, code: &'static str) {
    let before = together.settle();
    together.down(code);
    let store = Store::open(&together.organisations.store(code), StoreConfig::default());
    let store = store.expect("the node has closed it");
    assert!(store.projections().from(None).count() > 0);
    store.clear_projections().expect("they are gone");
    drop(store);
    together.up(code);
    let case = together.read(code, None).expect("it is a party");
    assert_eq!(case["digest"], json!(before), "{code}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_across_three_processes_is_shared_by_consent_and_the_same_everywhere() {
    let broker = NatsServer::start();
    let address = broker.address().to_string();
    let proxy = TcpProxy::start(broker.address()).await;
    let ways = [
        (TRUST, address.clone()),
        (COUNCIL, proxy.address().to_string()),
        (BOARD, address),
    ];
    let mut together = Together::start_on(broker, &ways);
    for code in CODES {
        together
            .driver
            .run("follow", json!({"org": code, "feed": "python"}));
    }
    let mut digests = BTreeSet::new();

    // Only the trust knows of the complaint.
    for number in 1..=4 {
        together.play(number);
        assert!(
            digests.insert(together.settle()),
            "step {number} changes nothing"
        );
        for code in [COUNCIL, BOARD] {
            let refusal = together.read(code, None).expect_err("no party");
            assert_eq!(
                (refusal.code(), refusal.reason()),
                ("NOT_FOUND", "NOT_FOUND")
            );
        }
    }
    nothing_is_in_clear(&together);
    has_bundles_and_no_key(&mut together, COUNCIL);

    // The council is added, is granted the keys, and reads the case from its first event.
    for number in 5..=13 {
        together.play(number);
        assert!(
            digests.insert(together.settle()),
            "step {number} changes nothing"
        );
    }
    let case = together.case.clone();
    let history = together.events(COUNCIL, &case);
    assert_eq!(
        history[0]["body"]["complaintReceived"]["nature"],
        json!(CANARIES[0])
    );
    assert_eq!(history.len(), together.events(TRUST, &case).len());

    // The council acts without having heard of what the trust did a moment ago, and insists on the case as it knows it.
    let known = together.read(COUNCIL, None).expect("a party")["version"].clone();
    proxy.hold_replies();
    let now = together.at(13).to_string();
    let update = json!({"org": TRUST, "case": case, "event": "complainant-updated", "fields": {"method": "letter"}, "occurred_at": now});
    let receipt = together.driver.run("emit", update);
    assert_eq!(receipt["ruling"]["effective"], true, "{receipt}");
    let before = together.read(TRUST, None).expect("a party")["digest"].clone();
    let progress = json!({"org": COUNCIL, "case": case, "event": "contributor-progress-reported", "fields": {"status": "on-track"},
        "occurred_at": now, "expected_version": known, "wait_for": "STAGE_ACCEPTED"});
    let receipt = together.driver.run("emit", progress);
    assert_eq!(receipt["stage"], "STAGE_ACCEPTED", "{receipt}");
    let late = receipt["eventId"].clone();
    let ruled = together.wait("the trust reads the council's event", |together| {
        let events = together.events(TRUST, &case);
        events.into_iter().find(|event| event["eventId"] == late)
    });
    assert_eq!(ruled["ruling"]["reason"], "stale-sequence", "{ruled}");
    let after = together.read(TRUST, None).expect("a party")["digest"].clone();
    assert_eq!(after, before, "a void event changes nothing");
    proxy.restore();
    assert!(digests.insert(together.settle()));
    let own = together
        .driver
        .call(COUNCIL, "EventService/GetEvent", json!({"eventId": late}));
    assert_eq!(own["event"]["ruling"]["reason"], "stale-sequence", "{own}");

    for code in [TRUST, COUNCIL] {
        replays_its_journal(&mut together, code);
    }
    for number in 14..=together.steps() {
        together.play(number);
        assert!(
            digests.insert(together.settle()),
            "step {number} changes nothing"
        );
    }
    nothing_is_in_clear(&together);
    feeds_are_complete(&mut together, &case, &late);

    // Another case that begins alike is another case.
    together.case = String::new();
    together.play(1);
    assert!(digests.insert(together.settle()));
    for code in CODES {
        let said = together.down(code);
        for canary in CANARIES {
            assert!(!said.contains(canary), "{code} has logged content");
        }
    }
}

/// Each party's feed has every event that counts once, in order; the council's begins with its history; the board's has nothing.
fn feeds_are_complete(together: &mut Together, case: &str, void: &Value) {
    let effective: Vec<Value> = together
        .events(TRUST, case)
        .into_iter()
        .filter(|event| event["ruling"]["effective"] == true)
        .map(|event| event["eventId"].clone())
        .collect();
    for code in [TRUST, COUNCIL] {
        // A void event is told to its author.
        let wanted = effective.len() + usize::from(code == COUNCIL);
        let entries = together.wait("the feed has everything", |together| {
            let answer = together.driver.run("entries", json!({"org": code}));
            let entries = answer["entries"].as_array().expect("a list").clone();
            let events = entries.iter().filter(|entry| entry["what"] == "event");
            let different: BTreeSet<&str> = events
                .filter_map(|entry| entry["cursor"].as_str())
                .collect();
            (different.len() >= wanted).then_some(entries)
        });
        // At least once: what a node handed out just before it went, and whose commit it did not take, comes again as it was.
        let mut entries = entries;
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        entries.retain(|entry| {
            let cursor = entry["cursor"].as_str().expect("a cursor").to_owned();
            let id = entry["event"]["eventId"].clone();
            let known = seen.insert(cursor.clone(), id.clone());
            assert!(
                known.as_ref().is_none_or(|known| *known == id),
                "{code}: {cursor} stands for two entries"
            );
            known.is_none()
        });
        let told: Vec<Value> = entries
            .iter()
            .filter(|entry| entry["what"] == "event" && entry["event"]["eventId"] != *void)
            .map(|entry| entry["event"]["eventId"].clone())
            .collect();
        assert_eq!(told, effective, "{code}");
        let historical = entries
            .iter()
            .take_while(|entry| entry["event"]["historical"] == true)
            .count();
        let available = entries
            .iter()
            .filter(|entry| entry["what"] == "content_available")
            .count();
        let expected = if code == COUNCIL {
            (true, 4)
        } else {
            (false, 0)
        };
        assert_eq!((historical >= 5, available), expected, "{code}");
        let feeds = together
            .driver
            .call(code, "FeedService/ListFeeds", json!({}));
        let lag = &feeds["feeds"][0]["lag"];
        assert!(
            lag.is_null() || *lag == "0",
            "{code}: all is committed, {feeds}"
        );
    }
    let of_board = together.driver.run("entries", json!({"org": BOARD}));
    assert_eq!(of_board["entries"], json!([]));
}

#[test]
fn while_the_broker_is_away_emits_are_accepted_and_say_so_and_are_committed_in_order_afterwards() {
    let mut together = Together::start();
    together.play_all(1..=6);
    let case = together.case.clone();
    together.broker.kill();
    together.wait("the nodes notice", |together| {
        let info = together
            .driver
            .call(TRUST, "ServerService/GetServerInfo", json!({}));
        info.get("connected").is_none().then_some(())
    });
    let mut waiting = Vec::new();
    for method in ["letter", "telephone", "email"] {
        let update = json!({"org": TRUST, "case": case, "event": "complainant-updated", "fields": {"method": method},
            "wait_for": "STAGE_ACCEPTED"});
        let receipt = together.driver.run("emit", update);
        assert_eq!(receipt["stage"], "STAGE_ACCEPTED");
        assert!(
            receipt.get("logReachable").is_none(),
            "it says that the log is away: {receipt}"
        );
        assert!(receipt.get("position").is_none());
        waiting.push(receipt["eventId"].clone());
    }
    let drafts = together
        .driver
        .call(TRUST, "EventService/ListDrafts", json!({"caseId": case}));
    let kept: Vec<&Value> = drafts["drafts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|draft| &draft["eventId"])
        .collect();
    assert_eq!(kept, waiting.iter().collect::<Vec<_>>());
    together.broker.restart();
    together.wait("what waited is ruled", |together| {
        let last = waiting.last().expect("three");
        let event = together
            .driver
            .call(TRUST, "EventService/GetEvent", json!({"eventId": last}));
        (event["stage"] == "STAGE_RULED").then_some(())
    });
    together.settle();
    for code in [TRUST, COUNCIL] {
        let events = together.events(code, &case);
        let committed: Vec<&Value> = events
            .iter()
            .filter(|event| waiting.contains(&event["eventId"]))
            .inspect(|event| assert_eq!(event["ruling"]["effective"], true, "{event}"))
            .map(|event| &event["eventId"])
            .collect();
        assert_eq!(committed, waiting.iter().collect::<Vec<_>>(), "{code}");
    }
}
