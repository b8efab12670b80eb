//! `concordat policy`, and packs of a partnership's own, as people run them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn concordat(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary was built for this test")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

const PACK: &str = "id = 'own-v1'\nversion = '1'\ntitle = 'Own'\nregime = 'protocol'\nwarn = 2\n\n[[rule]]\nname = 'join'\nunit = 'working-days'\n\
    n = 2\ntrigger = 'added'\nid = 'O-1'\nsource = 'ours'\nforce = 'local'\nmark = 'L'\n";

// Proves: E-15, E-21
#[test]
fn show_says_length_source_and_what_the_events_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = json(&concordat(
        folder.path(),
        &["policy", "show", "eng-2009", "-o", "json"],
    ));
    assert_eq!(shown["adoptable"], true);
    let rules = shown["rules"].as_array().expect("rules");
    let rule = |name: &str| {
        let found = rules.iter().find(|rule| rule["name"] == name);
        found.expect("it is there")
    };
    let acknowledge = rule("acknowledge");
    assert_eq!(acknowledge["length"], "3 working days");
    assert_eq!(acknowledge["force"], "statutory");
    assert_eq!(
        acknowledge["mark_means"],
        "checked in a closely parallel instrument or a secondary source"
    );
    let started: Vec<&Value> = acknowledge["starts"]
        .as_array()
        .expect("events")
        .iter()
        .map(|by| &by["event"])
        .collect();
    assert!(
        started.contains(&&Value::from("complaint-received")),
        "{started:?}"
    );
    assert_eq!(acknowledge["meets"][0]["event"], "complaint-acknowledged");
    assert_eq!(
        rule("relevant-period")["counting"],
        "commences on the trigger: ends the day before the corresponding date"
    );
    let missing = concordat(folder.path(), &["policy", "show", "eng-1999"]);
    assert_eq!(missing.status.code(), Some(3));
}

#[test]
fn check_names_every_fault_and_exits_with_7() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("own.toml"),
        PACK.replace("n = 2", "n = 0").replace("'ours'", "''"),
    )
    .expect("written");
    let checked = concordat(
        folder.path(),
        &["policy", "check", "own.toml", "-o", "json"],
    );
    assert_eq!(checked.status.code(), Some(7));
    let faults = json(&checked)["faults"].clone();
    assert_eq!(
        (faults[0]["line"].as_u64(), faults[0]["rule"].as_str()),
        (Some(10), Some("join"))
    );
    assert_eq!(
        (faults[1]["line"].as_u64(), faults[1]["reason"].as_str()),
        (Some(13), Some("`source` is empty"))
    );
    assert_eq!(faults.as_array().map(Vec::len), Some(2));
    let missing = concordat(folder.path(), &["policy", "check", "nothing.toml"]);
    assert_eq!(missing.status.code(), Some(3));
}

/// A8: a pack with an open figure may be shown, not adopted.
// Proves: O-02, O-04
#[test]
fn a_partnership_file_that_pins_a_pack_with_open_figures_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = json(&concordat(
        folder.path(),
        &["policy", "show", "wal-nhs-2026", "-o", "json"],
    ));
    assert_eq!(shown["adoptable"], false);
    assert_eq!(shown["rules"][0]["length"], "? working days");
    fs::write(folder.path().join("own.toml"), PACK).expect("written");
    let lines = concordat(
        folder.path(),
        &["partnership", "packs", "--pack", "own.toml"],
    );
    let lines = String::from_utf8(lines.stdout).expect("text");
    assert!(lines.contains("\n    { id = \"own-v1\""), "{lines}");
    let head = "name = \"Example\"\nformats = [1]\njudging_rules = 1\nchange_threshold = 1\ncompartments = [\"process\", \"identity\"]\n";
    let member = concordat(
        folder.path(),
        &[
            "init",
            "--partnership",
            "--dir",
            "node",
            "--organisation",
            "ods:ZT1",
            "--name",
            "T",
            "--kind",
            "nhs-trust",
            "--calendar",
            "EW",
            "--responsible-person",
            "chief-executive",
            "--complaints-manager",
            "complaints-manager",
        ],
    );
    let member = String::from_utf8(member.stdout).expect("text");
    let check = |lines: &str, more: &[&str]| {
        fs::write(
            folder.path().join("partnership.toml"),
            format!("{head}{lines}{member}"),
        )
        .expect("written");
        concordat(
            folder.path(),
            &[&["partnership", "check", "partnership.toml"], more].concat(),
        )
    };
    let agreed = check(&lines, &["--pack", "own.toml"]);
    assert_eq!(
        agreed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&agreed.stderr)
    );
    assert_eq!(
        check(&lines, &[]).status.code(),
        Some(7),
        "the file that was agreed is not given"
    );
    let adopted = lines.replace("# not before its open figures are confirmed: ", "");
    let refused = check(&adopted, &["--pack", "own.toml"]);
    let said = String::from_utf8(refused.stdout).expect("text");
    assert_eq!(refused.status.code(), Some(7));
    for told in [
        "policy pack ni-hsc-2026 can be shown, not adopted",
        "rule acknowledge (O-02): `n` is open",
        "`confirmed-on`",
    ] {
        assert!(said.contains(told), "{told}\n{said}");
    }
    // A node that is to run on it says the same, and does not start.
    let config = folder.path().join("node/concordat.toml");
    let text = fs::read_to_string(&config)
        .expect("init made it")
        .replace(
            "# policy-packs = [\"our-protocol.toml\"]",
            "policy-packs = [\"../own.toml\"]",
        )
        .replace("partnership.toml", "../partnership.toml");
    fs::write(&config, text).expect("written");
    let serve = concordat(
        folder.path(),
        &["serve", "--check", "--config", "node/concordat.toml"],
    );
    let complained = String::from_utf8(serve.stderr).expect("text");
    assert_eq!(serve.status.code(), Some(6), "{complained}");
    assert!(
        complained.contains("rule relevant-period (O-02): `n` is open"),
        "{complained}"
    );
    check(&lines, &["--pack", "own.toml"]);
    let serve = concordat(
        folder.path(),
        &["serve", "--check", "--config", "node/concordat.toml"],
    );
    assert_eq!(
        serve.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&serve.stderr)
    );
    // A fault of the pack file keeps it from starting, too, with the place.
    fs::write(
        folder.path().join("own.toml"),
        PACK.replace("n = 2", "n = 0"),
    )
    .expect("written");
    let serve = concordat(
        folder.path(),
        &["serve", "--check", "--config", "node/concordat.toml"],
    );
    let complained = String::from_utf8(serve.stderr).expect("text");
    assert_eq!(serve.status.code(), Some(2), "{complained}");
    assert!(
        complained.contains("own.toml:10:1: rule join: `n` is missing"),
        "{complained}"
    );
}
