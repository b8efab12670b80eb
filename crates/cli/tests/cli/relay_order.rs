//! What `concordat feed relay` does with a case of which an entry is not taken, and with the other cases meanwhile.

use crate::support;

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use support::receiver::{Does, Post, Stage, by_case, decider};
use support::{PATIENCE, text};

/// Two cases with two events each, in the order a1 b1 a2 b2.
fn stage() -> (Stage, [String; 2]) {
    let stage = Stage::set(0);
    let cases = [stage.node.open_case(), stage.node.open_case()];
    for case in &cases {
        stage.update(case);
    }
    (stage, cases)
}

fn of(case: &str, entries: &[(String, String)]) -> Vec<String> {
    let subject = format!("cases/{case}");
    let own = entries.iter().filter(|(of, _)| *of == subject);
    own.map(|(_, id)| id.clone()).collect()
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn what_follows_in_a_case_waits_while_other_cases_go_on_and_nothing_is_committed_too_early() {
    let (stage, [a, b]) = stage();
    let entries = stage.entries();
    let (of_a, of_b) = (of(&a, &entries), of(&b, &entries));
    assert_eq!((of_a.len(), of_b.len()), (2, 2));
    let stuck = of_a[0].clone();
    let (url, posts) = decider(move |post| match post.id() == stuck {
        true => Does::Answer(500),
        false => Does::Answer(204),
    });
    let mut relay = stage
        .relay_to(&url, &[])
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let next = || posts.recv_timeout(PATIENCE).expect("a post").id();
    // a1 again and again; both of b; never a2.
    let mut arrived = vec![next(), next(), next()];
    while arrived.iter().filter(|id| **id == of_a[0]).count() < 3 {
        arrived.push(next());
    }
    relay.kill().expect("it runs");
    relay.wait().expect("it was ours");
    assert!(!arrived.contains(&of_a[1]), "{arrived:?}");
    let others: Vec<_> = arrived.into_iter().filter(|id| *id != of_a[0]).collect();
    assert_eq!(others, of_b);
    assert_eq!(
        stage.entries(),
        entries,
        "a1 is the oldest: not even b is committed"
    );

    let (url, posts) = decider(|_| Does::Answer(204));
    let rest = stage.relay_to(&url, &["--until-caught-up", "--take-over", "-o", "json"]);
    let rest = { rest }.output().expect("it runs");
    assert_eq!(done(&rest), json!({"delivered": 4, "parked": 0}));
    let arrived: Vec<_> = posts.try_iter().map(|post| post.entry()).collect();
    assert_eq!(arrived, entries, "in the feed's order where all is taken");
    assert_eq!(stage.entries(), []);
}

#[test]
fn with_nothing_ahead_nothing_overtakes_anything() {
    let (stage, _) = stage();
    let entries = stage.entries();
    let mut tries = 0;
    let (url, posts) = decider(move |_| {
        tries += 1;
        Does::Answer(if tries == 1 { 500 } else { 204 })
    });
    let relay = stage.relay_to(&url, &["--until-caught-up", "--ahead", "1", "-o", "json"]);
    let relay = { relay }.output().expect("it runs");
    assert_eq!(done(&relay), json!({"delivered": 4, "parked": 0}));
    let arrived: Vec<_> = posts.try_iter().skip(1).map(|post| post.entry()).collect();
    assert_eq!(arrived, entries);
}

#[test]
fn a_receiver_that_is_away_gets_no_other_case_either() {
    let (stage, _) = stage();
    let first = stage.ids().remove(0);
    let mut tries = 0;
    let (url, posts) = decider(move |_| {
        tries += 1;
        Does::Answer(if tries <= 2 { 503 } else { 204 })
    });
    let relay = stage.relay_to(&url, &["--until-caught-up", "-o", "json"]);
    let relay = { relay }.output().expect("it runs");
    assert_eq!(done(&relay), json!({"delivered": 4, "parked": 0}));
    let arrived: Vec<_> = posts.try_iter().map(|post| post.id()).collect();
    assert_eq!(arrived[..3], [first.clone(), first.clone(), first]);
}

#[test]
fn later_entries_of_a_case_with_a_parked_one_are_delivered_or_parked_behind_it_as_asked() {
    let (stage, [a, b]) = stage();
    let entries = stage.entries();
    let (of_a, of_b) = (of(&a, &entries), of(&b, &entries));
    let run = |refused: String, more: &[&str]| {
        let (url, posts) = decider(move |post: &Post| match post.id() == refused {
            true => Does::Answer(422),
            false => Does::Answer(204),
        });
        let mut relay = stage.relay_to(&url, &["--until-caught-up", "-o", "json"]);
        let output = relay.args(more).output().expect("it runs");
        let arrived: Vec<_> = posts.try_iter().map(|post| post.entry()).collect();
        (done(&output), arrived)
    };
    let parked = || {
        let parked = stage.node.json(&["feed", "parked", "engine"]);
        let parked = parked["parked"].as_array().expect("a list").clone();
        let reasons = parked.iter().map(|one| {
            assert_eq!(one["caseId"], a.as_str(), "{one}");
            one["reason"].as_str().expect("a reason").to_owned()
        });
        let reasons: Vec<String> = reasons.collect();
        let cursors = parked
            .iter()
            .map(|one| one["cursor"].as_str().expect("a cursor").to_owned());
        (reasons, cursors.collect::<Vec<String>>())
    };
    let drop_all = || {
        for cursor in parked().1 {
            let dropped = stage.node.ask(&["feed", "drop", "engine", &cursor]);
            assert!(dropped.status.success(), "{}", text(&dropped.stderr));
        }
    };

    // Behind it: a2 is not even posted.
    let (answer, arrived) = run(of_a[0].clone(), &["--park-case"]);
    assert_eq!(answer, json!({"delivered": 2, "parked": 2}));
    assert_eq!(of(&b, &arrived), of_b);
    assert_eq!(of(&a, &arrived), of_a[..1]);
    assert_eq!(parked().0, ["http-422", "behind-parked"]);

    // Another run knows it from the node.
    stage.update(&a);
    stage.update(&b);
    let (answer, arrived) = run(String::new(), &["--park-case"]);
    assert_eq!(answer, json!({"delivered": 1, "parked": 1}));
    assert_eq!(by_case(&arrived).len(), 1);
    assert_eq!(parked().0, ["http-422", "behind-parked", "behind-parked"]);

    // Until what is parked was dropped.
    drop_all();
    stage.update(&a);
    stage.update(&a);
    let refused = stage.ids().remove(0);
    let (answer, arrived) = run(refused, &[]);
    assert_eq!(
        answer,
        json!({"delivered": 1, "parked": 1}),
        "without --park-case"
    );
    assert_eq!(of(&a, &arrived).len(), 2);
    drop_all();
    stage.update(&a);
    let (answer, _) = run(String::new(), &["--park-case"]);
    assert_eq!(answer, json!({"delivered": 1, "parked": 0}));
}
