//! The wire vectors: what this code computes, what is committed, and what a verifier in another language computes from the format
//! page must be the same.
//!
//! `CONCORDAT_WRITE_VECTORS=1 cargo test -p concordat-tests --test wire_vectors` writes the file anew. `CONCORDAT_PYTHON` names a
//! Python 3.11 or later that has the package `cryptography`.

mod vectors;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn committed() -> Value {
    let text = std::fs::read_to_string(here("vectors/wire.json"))
        .expect("tests/vectors/wire.json is committed");
    serde_json::from_str(&text).expect("tests/vectors/wire.json is JSON")
}

fn verify(vectors: &Path) -> Output {
    let python = std::env::var("CONCORDAT_PYTHON").expect(
        "CONCORDAT_PYTHON must name a Python 3.11 or later that has the package `cryptography`",
    );
    let mut command = Command::new(python);
    command.arg(here("verify_vectors.py")).arg(vectors);
    command
        .output()
        .expect("the program that CONCORDAT_PYTHON names starts")
}

/// Verifies the committed vectors after `change`.
fn verify_changed(change: impl FnOnce(&mut Value)) -> Output {
    let mut vectors = committed();
    change(&mut vectors);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("wire.json");
    std::fs::write(&path, vectors.to_string()).expect("the copy is written");
    verify(&path)
}

/// Flips one bit in the middle of a hexadecimal text.
fn flip(text: &mut Value) {
    let mut bytes = hex::decode(text.as_str().expect("a text")).expect("hexadecimal");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *text = Value::from(hex::encode(bytes));
}

#[test]
fn the_committed_vectors_are_what_this_code_computes() {
    let computed = vectors::compute();
    if std::env::var_os("CONCORDAT_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&computed).expect("vectors are JSON") + "\n";
        std::fs::write(here("vectors/wire.json"), text).expect("the vectors are written");
    }
    assert!(
        committed() == computed,
        "tests/vectors/wire.json differs from what the code computes"
    );
}

#[test]
fn a_verifier_written_from_the_format_page_agrees() {
    let output = verify(&here("vectors/wire.json"));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(report.contains("all vectors hold"), "{report}");
}

#[test]
fn a_verifier_written_from_the_format_page_finds_any_changed_byte() {
    let records = committed()["log"]["records"]
        .as_array()
        .expect("a list")
        .len();
    for at in 0..records {
        let output = verify_changed(|vectors| flip(&mut vectors["log"]["records"][at]["record"]));
        // What is refused already may stay so whatever bit of it is flipped.
        let refused = committed()["log"]["records"][at]["expect"]["outcome"] == "refused";
        assert!(
            refused || !output.status.success(),
            "a changed byte of record {at} went unnoticed"
        );
    }
    for pointer in [
        "/sealed_part/part",
        "/sealed_part/commitment",
        "/log/inclusion/path/0",
        "/log/consistency/path/0",
    ] {
        let output = verify_changed(|vectors| {
            flip(vectors.pointer_mut(pointer).expect("the vector is there"))
        });
        assert!(
            !output.status.success(),
            "a changed byte of {pointer} went unnoticed"
        );
    }
}
