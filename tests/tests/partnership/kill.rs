//! kill -9 of any of three nodes at random moments while events pour in through their APIs: what was accepted stands once.

use crate::together;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use together::{BOARD, CODES, COUNCIL, TRUST, Together};

/// Kills in one run.
const ROUNDS: usize = 30;
/// Longest time between a node's return and the next kill, in milliseconds.
const ALIVE_MS_MAX: u32 = 300;
/// Time between two events of one organisation, so that there are thousands and not more than a small machine can compare.
const PAUSE_MS: u32 = 20;
/// Set to repeat a run.
const SEED: &str = "CONCORDAT_KILL_SEED";

fn seed() -> u64 {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| RandomState::new().hash_one("seed"))
}

/// How often each event stands at a node: on the log, whatever its ruling, or held.
fn standing(together: &mut Together, code: &str, case: &str) -> BTreeMap<String, usize> {
    let mut standing = BTreeMap::new();
    let drafts = together.driver.call(
        code,
        "EventService/ListDrafts",
        json!({"heldOnly": true, "pageSize": 500}),
    );
    let held = drafts["drafts"].as_array().cloned().unwrap_or_default();
    for event in together.events(code, case).iter().chain(&held) {
        let id = event["eventId"].as_str().expect("an id").to_owned();
        assert!(
            event["ruling"].is_object(),
            "it is effective, void or held: {event}"
        );
        *standing.entry(id).or_default() += 1;
    }
    standing
}

#[test]
fn every_accepted_event_stands_once_after_any_node_was_killed_at_any_moment() {
    let seed = seed();
    println!("{SEED}={seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut together = Together::start();
    together.play_all(1..=13);
    let joint = together.case.clone();
    // The board is no party of that case: it has one of its own.
    let own = together.open_at(BOARD);
    let update = ("complainant-updated", json!({"method": "letter"}));
    let progress = (
        "contributor-progress-reported",
        json!({"status": "on-track"}),
    );
    let cases = [
        (TRUST, joint.clone(), &update),
        (COUNCIL, joint.clone(), &progress),
        (BOARD, own, &update),
    ];
    for (code, case, (event, fields)) in &cases {
        let asked = json!({"org": code, "case": case, "event": event, "fields": fields, "wait_for": "STAGE_ACCEPTED", "pause_ms": PAUSE_MS});
        together.driver.run("pour", asked);
    }
    for round in 0..ROUNDS {
        // Not a wait for something: the moment of death is what the seed draws.
        std::thread::park_timeout(Duration::from_millis(u64::from(
            rng.next_u32() % ALIVE_MS_MAX,
        )));
        let code = CODES[rng.next_u32() as usize % CODES.len()];
        together.serving.remove(code).expect("it runs").kill();
        together.up(code);
        let before = poured(&mut together, code);
        together.wait(
            &format!("{code} takes events again in round {round}"),
            |together| (poured(together, code) > before).then_some(()),
        );
    }
    let mut accepted = BTreeMap::new();
    for code in CODES {
        let poured = together.driver.run("stop_pouring", json!({"org": code}));
        assert_eq!(poured["refused"], json!([]), "{code}");
        accepted.insert(code, poured["accepted"].as_array().expect("a list").clone());
    }
    together.settle();
    for (code, case, _) in &cases {
        let ids: Vec<&str> = accepted[code].iter().filter_map(Value::as_str).collect();
        println!("{code}: {} events accepted", ids.len());
        let observers = CODES
            .into_iter()
            .filter(|observer| observer == code || *case == joint && *observer != BOARD);
        for observer in observers {
            let standing = standing(&mut together, observer, case);
            for id in &ids {
                assert_eq!(standing.get(*id), Some(&1), "{id} of {code} at {observer}");
            }
        }
    }
    for code in CODES {
        let info = together
            .driver
            .call(code, "ServerService/GetServerInfo", json!({}));
        assert!(info.get("publishingStopped").is_none(), "{code}: {info}");
        let checks = together
            .driver
            .call(code, "ServerService/ListChecks", json!({}));
        for check in checks["checks"].as_array().expect("a list") {
            assert_ne!(check["status"], "CHECK_STATUS_FAIL", "{code}: {check}");
        }
    }
}

fn poured(together: &mut Together, code: &str) -> u64 {
    let poured = together.driver.run("poured", json!({"org": code}));
    poured["accepted"].as_u64().expect("a number")
}
