//! Bytes changed at random, anywhere: each change is found by both verifiers, or what is read from the file is what was exported.
//!
//! What may change without being found, because nobody reads anything else for it: fields of the ZIP that no reader uses (times, permissions,
//! lengths that stand twice), the bits behind the end of a deflated member, and the spelling of `manifest.sig.json`, which is read by its
//! values.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};

use concordat_verify::claims::{CaseClaim, CaseKeysOf};
use concordat_verify::manifest::{ManifestSignature, SIGNATURE};
use concordat_verify::verify;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zip::ZipArchive;

use crate::bench::{of_the_trust, one_case, python, python_codes, whole};
use crate::forge::Parts;
use crate::world::{World, codes, signing_key};

const SEED: &str = "CONCORDAT_PACK_SEED";
const MUTATIONS: &str = "CONCORDAT_PACK_MUTATIONS";

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A number below a limit.
fn below(rng: &mut ChaCha20Rng, limit: usize) -> usize {
    (rng.next_u64() % limit as u64) as usize
}

/// What this verifier finds: codes; one of its own if the file is no pack that can be read.
fn found(pack: &[u8], world: &World) -> Vec<&'static str> {
    let read = verify(
        Cursor::new(pack),
        Cursor::new(pack),
        &world.anchor(),
        &mut |_, _, _| {},
    );
    read.map_or_else(|_| vec!["unreadable"], |report| codes(&report))
}

/// What the one in Python finds.
fn python_finds(packs: &[Vec<u8>]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let paths = (0..).zip(packs).map(|(number, pack): (usize, _)| {
        let path = folder.path().join(format!("{number}.pack"));
        fs::write(&path, pack).unwrap();
        path
    });
    let paths: Vec<_> = paths.collect();
    let mut said = Vec::new();
    for portion in paths.chunks(100) {
        said.extend(python(portion.iter().map(std::path::PathBuf::as_path), &[]));
    }
    let of = |report: &Value| match report.get("unreadable") {
        Some(_) => vec!["unreadable".to_owned()],
        None => python_codes(report)
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    said.iter().map(of).collect()
}

/// What a reader gets out of the file; the signature by its values. Nothing if it does not get all.
fn contents(pack: &[u8]) -> Option<(BTreeMap<String, Vec<u8>>, ManifestSignature)> {
    let mut archive = ZipArchive::new(Cursor::new(pack)).ok()?;
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).ok()?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).ok()?;
        members.insert(member.name().ok()?.into_owned(), bytes);
    }
    let mut signature: ManifestSignature =
        serde_json::from_slice(&members.remove(SIGNATURE)?).ok()?;
    signature.signature.make_ascii_lowercase();
    Some((members, signature))
}

/// The bytes of the file in which bundles are stored.
fn bundles(pack: &[u8]) -> std::ops::Range<usize> {
    let mut archive = ZipArchive::new(Cursor::new(pack)).unwrap();
    let member = archive.by_name("bundles/00000.binpb").unwrap();
    let start = member.data_start().unwrap() as usize;
    start..start + member.size() as usize
}

#[test]
fn a_byte_changed_anywhere_in_the_file_is_found_or_changes_nothing_that_is_read() {
    let (seed, count) = (setting(SEED, 1), setting(MUTATIONS, 150));
    println!("{SEED}={seed} {MUTATIONS}={count}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let world = World::eventful();
    let scopes = [whole(&world), one_case(&world), of_the_trust(&world)];
    let originals = scopes.map(|scope| world.export(scope));
    let mut changed = Vec::new();
    for number in 0..count {
        let which = below(&mut rng, originals.len());
        let mut pack = originals[which].clone();
        // Every other one where the record stands: most of the file is rules and calendars.
        let at = if number % 2 == 0 {
            below(&mut rng, pack.len())
        } else {
            let bundles = bundles(&pack);
            bundles.start + below(&mut rng, bundles.len())
        };
        pack[at] ^= 1 << below(&mut rng, 8);
        changed.push((which, at, pack));
    }
    let files: Vec<_> = changed.iter().map(|(_, _, pack)| pack.clone()).collect();
    let by_python = python_finds(&files);
    let mut harmless = 0;
    for ((which, at, pack), by_python) in changed.iter().zip(by_python) {
        let found = found(pack, &world);
        if !found.is_empty() && !by_python.is_empty() {
            continue;
        }
        let original = &originals[*which];
        let place = format!("byte {at} of pack {which}: {found:?}, in Python {by_python:?}");
        assert!(!bundles(original).contains(at), "{place}");
        // One of the two did not mind, so whoever can read the file reads what was exported.
        if let Some(read) = contents(pack) {
            assert_eq!(Some(&read), contents(original).as_ref(), "{place}");
        } else {
            assert!(!found.is_empty(), "{place}");
        }
        harmless += 1;
    }
    println!("{count} changes, {harmless} of them where nothing is read");
    assert!(harmless * 5 < count, "{harmless} of {count} were not found");
}

/// Whether lines say the same as they did before, read as what they are.
fn same_lines<T: DeserializeOwned + serde::Serialize>(before: &[u8], after: &[u8]) -> bool {
    let read = |bytes: &[u8]| -> Option<Vec<Value>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let lines = text.lines().map(|line| {
            let line: T = serde_json::from_str(line).ok()?;
            serde_json::to_value(line).ok()
        });
        lines.collect()
    };
    read(before).is_some_and(|before| read(after) == Some(before))
}

/// The exporter changes a byte and signs: all that the record and the rules decide is found.
#[test]
fn a_byte_that_the_exporter_changes_and_signs_is_found_wherever_the_record_decides() {
    let (seed, count) = (setting(SEED, 2), setting(MUTATIONS, 150));
    println!("{SEED}={seed} {MUTATIONS}={count}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let world = World::eventful();
    let original = Parts::of(&world.export(whole(&world)));
    // What only the exporter says: its words to people, and who looked at its node.
    let own_word = ["README.txt", "access.ndjson", "events/", "timelines/"];
    let decided: Vec<usize> = (0..original.members.len())
        .filter(|at| {
            !own_word
                .iter()
                .any(|own| original.members[*at].0.starts_with(own))
        })
        .collect();
    let (mut changed, mut packs) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut parts = original.clone();
        let which = decided[below(&mut rng, decided.len())];
        let (name, bytes) = &mut parts.members[which];
        let (name, at) = (name.clone(), below(&mut rng, bytes.len()));
        bytes[at] ^= 1 << below(&mut rng, 8);
        changed.push((name, at, which, bytes.clone()));
        packs.push(parts.signed_anew(&signing_key(1)));
    }
    let by_python = python_finds(&packs);
    for (((name, at, which, bytes), pack), by_python) in changed.iter().zip(&packs).zip(by_python) {
        let found = found(pack, &world);
        let place = format!("byte {at} of {name}: {found:?}, in Python {by_python:?}");
        let before = &original.members[*which].1;
        let same = match name.split('/').next() {
            Some("claims") => same_lines::<CaseClaim>(before, bytes),
            Some("keys") => same_lines::<CaseKeysOf>(before, bytes),
            _ => false,
        };
        assert!(!found.is_empty() || same, "{place}");
        // Judging rules it has none, so what claims say is beyond it.
        assert!(
            !by_python.is_empty() || same || name.starts_with("claims/"),
            "{place}"
        );
    }
}
