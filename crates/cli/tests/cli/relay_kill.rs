//! `concordat feed relay` killed at random while entries flow: nothing is missed, each case stays in order, and what comes twice has the same
//! id, or the same name.

use crate::support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::receiver::{Does, Draw, Stage, by_case, decider};
use support::text;

/// How long relays are killed, in seconds.
const SECONDS: &str = "CONCORDAT_RELAY_SECONDS";
const SECONDS_DEFAULT: u64 = 8;
/// Longest life of a relay, in milliseconds. Starting takes some of it.
const ALIVE_MS_MAX: u64 = 400;

/// Kills one relay after the other while events are emitted on four cases; calls `killed` after each.
#[expect(
    clippy::print_stdout,
    reason = "whoever repeats a test needs to know what it did"
)]
fn kill_while_entries_flow(
    stage: &Stage,
    draw: &mut Draw,
    relay: impl Fn() -> Command,
    mut killed: impl FnMut(),
) {
    let seconds = std::env::var(SECONDS).ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS_DEFAULT);
    println!("{SECONDS}={seconds}");
    let cases = (0..4).map(|_| stage.node.open_case());
    let mut emits: Vec<Command> = cases.map(|case| stage.updating(&case)).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = &ends;
        scope.spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                for emit in &mut emits {
                    let output = emit.output().expect("it runs");
                    assert!(output.status.success(), "{}", text(&output.stderr));
                }
            }
        });
        let mut kills = 0;
        while Instant::now() < until {
            let mut child = relay().stderr(Stdio::null()).spawn().expect("it runs");
            // Not a wait for something: the moment of death is what the seed draws.
            std::thread::park_timeout(Duration::from_micros(draw.below(ALIVE_MS_MAX * 1000)));
            child.kill().expect("it runs");
            child.wait().expect("it was ours");
            killed();
            kills += 1;
        }
        ends.store(true, Ordering::Relaxed);
        println!("killed {kills} relays");
    });
}

/// All that the feed ever had, in its order, as subject and id.
fn all(stage: &Stage) -> Vec<(String, String)> {
    let sought = stage
        .node
        .ask(&["feed", "seek", "engine", "--from", "beginning"]);
    assert!(sought.status.success(), "{}", text(&sought.stderr));
    stage.entries()
}

#[test]
fn a_relay_that_is_killed_while_it_posts_loses_nothing_and_keeps_each_case_in_order() {
    let stage = Stage::set(0);
    let mut draw = Draw::begin();
    let mut whims = draw.fork();
    let (url, posts) = decider(move |_| match whims.below(12) {
        0 => Does::Answer(500),
        1 => Does::Reset,
        _ => Does::Answer(204),
    });
    let relay = || stage.relay_to(&url, &["--take-over"]);
    kill_while_entries_flow(&stage, &mut draw, relay, || {});
    let rest = stage.relay_to(&url, &["--take-over", "--until-caught-up"]);
    let rest = { rest }.output().expect("it runs");
    assert!(rest.status.success(), "{}", text(&rest.stderr));

    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    let mut arrived = Vec::new();
    for post in posts.try_iter() {
        let entry = post.entry();
        let before = bodies.insert(entry.1.clone(), post.body.clone());
        assert!(
            before.is_none_or(|before| before == post.body),
            "{}",
            post.body
        );
        arrived.push(entry);
    }
    let expected = all(&stage);
    println!("{} entries, {} posts", expected.len(), arrived.len());
    assert!(arrived.len() > expected.len(), "some did come again");
    assert!(expected.len() > 8, "entries did flow");
    assert_eq!(by_case(&arrived), by_case(&expected));
}

/// The files by name.
fn files(folder: &Path) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| {
        let path = file.expect("a file").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, path)
    });
    let files = files.filter(|(name, _)| !name.starts_with('.'));
    files
        .map(|(name, path)| {
            let bytes = fs::read(&path).expect("a file");
            let whole = serde_json::from_slice(&bytes);
            (
                name,
                whole.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            )
        })
        .collect()
}

#[test]
fn files_are_whole_and_keep_their_names_through_kills() {
    let stage = Stage::set(0);
    let inbox = stage.folder.path().join("inbox");
    let to = inbox.to_str().expect("text");
    fs::create_dir(&inbox).expect("a folder");
    let mut draw = Draw::begin();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let relay = || stage.relay(&["--to-dir", to, "--take-over"]);
    kill_while_entries_flow(&stage, &mut draw, relay, || {
        let now = files(&inbox);
        for (name, before) in &seen {
            assert_eq!(now.get(name), Some(before), "{name} is as it was");
        }
        seen = now;
    });
    let rest = stage.relay(&["--to-dir", to, "--take-over", "--until-caught-up"]);
    let rest = { rest }.output().expect("it runs");
    assert!(rest.status.success(), "{}", text(&rest.stderr));
    let expected: Vec<String> = (1..)
        .zip(all(&stage))
        .map(|(number, (_, id))| format!("{number:020}-{id}.json"))
        .collect();
    println!("{} files", expected.len());
    assert!(expected.len() > 8, "entries did flow");
    let names: Vec<String> = files(&inbox).into_keys().collect();
    assert_eq!(names, expected, "each once, under numbers without gaps");
    let hidden = fs::read_dir(&inbox).expect("a folder");
    let drafts = hidden.filter(|file| {
        let file = file.as_ref().expect("a file");
        file.file_name().to_string_lossy().contains("draft")
    });
    assert_eq!(drafts.count(), 0, "nothing half written is left");
}
