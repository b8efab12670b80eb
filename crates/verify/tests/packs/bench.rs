//! The bench on which packs are tampered with: who does it, what it is called, and what both verifiers say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use concordat_trust::packed::Packed;
use concordat_verify::manifest::Scope;
use serde_json::Value;

use crate::forge::Parts;
use crate::world::{TRUST, World, check, codes, signing_key};

/// Who tampers.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Hand {
    /// Somebody on the way: the manifest stays as it was signed.
    Stranger,
    /// The exporting organisation: hashes and counts are right again, and signed.
    Exporter,
}

/// Whether a verifier without judging rules can see it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sees {
    Both,
    OnlyRules,
}

pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) scope: fn(&World) -> Scope,
    pub(crate) hand: Hand,
    pub(crate) sees: Sees,
    /// The code by which it is named.
    pub(crate) code: &'static str,
    pub(crate) forge: fn(&mut Parts, &mut World),
}

pub(crate) fn whole(_: &World) -> Scope {
    Scope::Partnership
}

pub(crate) fn one_case(world: &World) -> Scope {
    Scope::Case {
        case: world.cases[0].id,
    }
}

pub(crate) fn of_the_trust(_: &World) -> Scope {
    Scope::Organisation {
        organisation: TRUST.parse().unwrap(),
    }
}

pub(crate) fn drop_entry(parts: &mut Parts, which: usize) {
    let mut entries = parts.entries();
    entries.remove(which);
    parts.set_entries(&entries);
    let packed = parts.packed();
    parts.manifest.counts.bundles = packed.len() as u64;
    let whole = packed.iter().flat_map(|packed| &packed.envelopes);
    parts.manifest.counts.envelopes = whole.filter(|one| one.envelope().is_some()).count() as u64;
}

/// Edits the first line of a member of lines.
pub(crate) fn edit_line(parts: &mut Parts, start: &str, edit: fn(&mut Value)) {
    let text = String::from_utf8(parts.member(start).clone()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut line: Value = serde_json::from_str(first).unwrap();
    edit(&mut line);
    *parts.member(start) = format!("{line}\n{rest}").into_bytes();
}

/// Signs the header of an entry anew.
pub(crate) fn sign(packed: &mut Packed, seed: u8) {
    let key = signing_key(seed);
    packed.signature = key.sign(
        concordat_trust::pae::PayloadType::BundleHeader,
        &packed.header_bytes,
    );
}

/// Every tampering of a table, found under its code by both verifiers.
pub(crate) fn assert_found(table: &[Case], world: fn() -> World) {
    let folder = tempfile::tempdir().unwrap();
    let anchor = world().anchor();
    let mut failures = Vec::new();
    let forged = forged(folder.path(), table, world);
    for (case, _, pack) in &forged {
        let found = codes(&check(pack, &anchor));
        if !found.contains(&case.code) {
            failures.push(format!(
                "{}: expected {}, found {found:?}",
                case.what, case.code
            ));
        }
    }
    let reports = python(forged.iter().map(|(_, path, _)| path.as_path()), &[]);
    for ((case, ..), report) in forged.iter().zip(&reports) {
        let found = python_codes(report);
        let expected = case.sees == Sees::Both;
        if found.contains(&case.code) != expected || (!expected && !found.is_empty()) {
            failures.push(format!(
                "in Python, {}: expected {}, found {found:?}",
                case.what, case.code
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The forged packs as files, by number.
fn forged<'a>(
    folder: &Path,
    table: &'a [Case],
    world: fn() -> World,
) -> Vec<(&'a Case, PathBuf, Vec<u8>)> {
    let mut forged = Vec::new();
    for (number, case) in table.iter().enumerate() {
        let mut world = world();
        let mut parts = Parts::of(&world.export((case.scope)(&world)));
        (case.forge)(&mut parts, &mut world);
        let pack = match case.hand {
            Hand::Stranger => parts.with_old_manifest(),
            Hand::Exporter => {
                let signer = signing_key(parts.signer);
                parts.signed_anew(&signer)
            }
        };
        let path = folder.join(format!("{number}.pack"));
        fs::write(&path, &pack).unwrap();
        forged.push((case, path, pack));
    }
    forged
}

/// What the verifier in Python says of each file.
pub(crate) fn python<'a>(packs: impl Iterator<Item = &'a Path>, more: &[&str]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("CONCORDAT_PYTHON")
        .map_or_else(|| root.join("target/tools/venv/bin/python"), PathBuf::from);
    let answer = Command::new(&python)
        .arg(root.join("tests/verify_pack.py"))
        .args(packs)
        .args(more)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo xtask test` brings it",
                python.display()
            )
        });
    let said = String::from_utf8(answer.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&answer.stderr);
    assert!(complaint.is_empty(), "{complaint}");
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn python_codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}
