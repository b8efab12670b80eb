//! `concordat demo`, as a person runs it: the whole way of a case through three real nodes.

use std::process::Command;

#[test]
fn three_nodes_play_a_case_to_its_end_and_agree() {
    let output = Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(["demo", "-o", "json"])
        .output()
        .expect("the binary was built for this test");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["state"], "closed");
    assert_eq!(summary["digests_equal"], true);
    assert_eq!(summary["roots_equal"], true);
    assert_eq!(summary["chain_verified"], true);
    assert_eq!(summary["refused"][0]["reason"], "no-consent");
    let void = serde_json::json!([
        {"organisation": "gss:E06999901", "event": "draft-commented", "reason": "stale-sequence"}
    ]);
    assert_eq!(summary["void"], void);
    for (list, name) in [
        ("late", "late:strand:gss:E06999901"),
        ("missed", "strand:gss:E06999901"),
    ] {
        let told = summary[list].as_array().expect("a list");
        assert!(told.iter().any(|each| each == name), "{list}: {told:?}");
    }
}

#[test]
fn the_story_is_told_step_by_step_with_what_is_owed() {
    let output = Command::new(env!("CARGO_BIN_EXE_concordat"))
        .arg("demo")
        .output()
        .expect("the binary was built");
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.contains("refused at the door: no-consent"), "{told}");
    assert!(told.contains(": stale-sequence."), "{told}");
    assert!(
        told.contains("strand:gss:E06999901 by 2027-02-11 OVERDUE"),
        "{told}"
    );
    assert!(told.contains("[closed]"), "{told}");
}
