//! Auditing from the command line: the page for auditors word by word, and proofs that a stranger verifies.

use crate::support;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Partnership, Serving, TRUST, text};

const AUDIT: &str = include_str!("../../../../docs/how-to/audit.md");

fn acknowledgement() -> Value {
    json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true})
}

/// The script of a stranger, on a proof.
fn verified(partnership: &Path, proofs: &[&Path]) -> Output {
    let python = env::var_os("CONCORDAT_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verify_proof.py");
    Command::new(python)
        .arg(script)
        .arg(partnership)
        .args(proofs)
        .output()
        .expect("CONCORDAT_PYTHON must name a Python with tests/requirements.txt")
}

fn prove(node: &Serving, event: &str) -> Value {
    node.json(&["audit", "prove", "event", event, "--purpose", "disclosure"])
}

#[test]
fn the_page_for_auditors_is_run_word_by_word() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let receipt = node.emit("complaint-acknowledged", Some(&case), &acknowledgement());
    let event = receipt["eventId"].as_str().expect("an id");
    let first = node.json(&["audit", "replay", "--purpose", "test", "--case", &case]);
    let first = first["events"][0]["event"]["position"]
        .as_str()
        .expect("a position");
    let folder = partnership.folder.path();
    let programs = folder.join("bin");
    fs::create_dir(&programs).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_concordat"), programs.join("concordat"))
        .expect("a link");
    let path = env::join_paths(
        std::iter::once(programs).chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    );
    let day = jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date();
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/packs/eng-2009.toml");
    let set = format!(
        "export CASE={case} EVENT={event} FIRST={first} YESTERDAY={} TODAY={} PACK={pack}\n",
        day.yesterday().expect("a day"),
        day.tomorrow().expect("a day")
    );
    let commands: Vec<String> = support::page::steps(AUDIT)
        .into_iter()
        .map(|step| step.command)
        .collect();
    assert!(commands.len() >= 10, "the page was not understood");
    let output = Command::new("bash")
        .args([
            "-ec",
            &format!("{set}{}", commands.join("\necho '<next>'\n")),
        ])
        .current_dir(folder)
        .env("PATH", path.expect("no path has a colon"))
        .env("CONCORDAT_SERVER", &node.url)
        .env(
            "CONCORDAT_TOKEN",
            fs::read_to_string(&node.token_file)
                .expect("a token")
                .trim(),
        )
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    let answers: Vec<&str> = said.split("<next>\n").collect();
    assert_eq!(answers.len(), commands.len());
    assert!(
        answers[0].contains("complaint-acknowledged") && answers[0].contains("state digest"),
        "{}",
        answers[0]
    );
    assert!(complained.contains("no such case"), "{complained}");
    assert!(
        answers[2].contains("acknowledge") && answers[2].contains("It was met"),
        "{}",
        answers[2]
    );
    assert!(
        answers[3].contains("met") && answers[3].contains("complaint-acknowledged"),
        "{}",
        answers[3]
    );
    assert!(answers[4].contains("otherwise    0"), "{}", answers[4]);
    assert!(
        answers[6].contains("would be") && answers[6].contains("otherwise    1"),
        "{}",
        answers[6]
    );
    assert!(
        answers[7].contains("verdict        sound"),
        "{}",
        answers[7]
    );
    let looks = answers[10];
    for told in ["CompareCase", "GetCaseAsOf", "ReplayEvents", "oversight"] {
        assert!(looks.contains(told), "{told}\n{looks}");
    }
    // Progress is for terminals only.
    assert!(!complained.contains('\r'), "{complained:?}");
    let file = partnership.directory(TRUST).join("partnership.toml");
    let (proof, earlier) = (folder.join("proof.json"), folder.join("earlier.json"));
    let output = verified(&file, &[&proof, &earlier]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains(TRUST),
        "{}",
        text(&output.stdout)
    );
}

/// docs/format.md, *Proofs*: whatever is changed in a proof, somebody who has the partnership file alone finds out.
#[test]
fn a_stranger_verifies_a_proof_and_finds_what_was_changed_in_it() {
    let partnership = Partnership::found();
    let node = partnership.serve(TRUST);
    let case = node.open_case();
    let receipt = node.emit("complaint-acknowledged", Some(&case), &acknowledgement());
    let proof = prove(&node, receipt["eventId"].as_str().expect("an id"));
    let file = partnership.directory(TRUST).join("partnership.toml");
    let folder = partnership.folder.path();
    let check = |proof: &Value| {
        let path = folder.join("changed.json");
        fs::write(&path, proof.to_string()).expect("written");
        verified(&file, &[&path])
    };
    let output = check(&proof);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let flipped = |text: &str| {
        let first = if text.starts_with('A') { "B" } else { "A" };
        format!("{first}{}", &text[1..])
    };
    for (pointer, told) in [
        ("/event/signature", "signature"),
        ("/event/bundleHash", "bundle hash"),
        ("/event/eventHash", "event hash"),
        ("/log/root", "not in the tree"),
    ] {
        let mut changed = proof.clone();
        let field = changed.pointer_mut(pointer).expect("it is there");
        *field = json!(flipped(field.as_str().expect("text")));
        let output = check(&changed);
        assert_eq!(output.status.code(), Some(1), "{pointer}");
        assert!(
            text(&output.stderr).contains(told),
            "{pointer}: {}",
            text(&output.stderr)
        );
    }
    let mut elsewhere = proof;
    elsewhere["bundleIndex"] = json!("77");
    assert_eq!(check(&elsewhere).status.code(), Some(1));
}
