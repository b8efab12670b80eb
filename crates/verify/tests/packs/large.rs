//! How long a case of a thousand events takes, and how much memory a large log. `CONCORDAT_PACK_ENVELOPES` sets the size of the log (2,000
//! if unset); built with `--release` the figures are those of docs/benchmarks.md.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::process::Command;
use std::time::Instant;

use concordat_trust::hash::sha256;
use concordat_verify::manifest::Scope;
use concordat_verify::{Anchor, verify};

use crate::world::{World, check, codes};

const EVENTS: usize = 1000;
const ENVELOPES: &str = "CONCORDAT_PACK_ENVELOPES";
const FILE: &str = "CONCORDAT_PACK_FILE";

#[test]
fn a_case_of_a_thousand_events_is_verified_and_judged_anew() {
    let mut world = World::empty(11);
    world.flood(1, EVENTS);
    let scope = Scope::Case {
        case: world.cases[0].id,
    };
    let pack = world.export(scope);
    let begun = Instant::now();
    let report = check(&pack, &world.anchor());
    let taken = begun.elapsed();
    assert_eq!(codes(&report), [""; 0]);
    assert_eq!(report.checked.rulings as usize, EVENTS);
    let begun = Instant::now();
    std::hint::black_box(sha256(&pack));
    let hashing = begun.elapsed();
    let ratio = taken.as_secs_f64() / hashing.as_secs_f64();
    println!(
        "{EVENTS} events, {} bytes: verified in {taken:?}, hashing the bytes takes {hashing:?}, ratio {ratio:.0}",
        pack.len(),
    );
}

#[test]
fn a_large_log_is_verified_in_a_process_of_its_own_whose_memory_is_told() {
    let envelopes: usize = std::env::var(ENVELOPES).map_or(2_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pack");
    let mut world = World::empty(12);
    world.flood(100, envelopes);
    let file = BufWriter::new(File::create(&path).unwrap());
    let file = world.export_to(Scope::Partnership, file);
    file.into_inner().unwrap();
    drop(world);
    let megabytes = fs::metadata(&path).unwrap().len() / 1_000_000;
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "large::a_pack_in_a_file_is_verified",
            "--nocapture",
        ])
        .env(FILE, &path)
        .output()
        .unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{said}");
    let told = said
        .lines()
        .find(|line| line.starts_with("verified"))
        .unwrap();
    println!("{ENVELOPES}={envelopes}, {megabytes} MB: {told}");
    assert!(told.contains(&format!("{envelopes} envelopes")), "{told}");
}

/// What the test above starts; by itself it has nothing to do.
#[test]
fn a_pack_in_a_file_is_verified() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let begun = Instant::now();
    let (file, again) = (File::open(&path).unwrap(), File::open(&path).unwrap());
    let report = verify(
        BufReader::new(file),
        again,
        &Anchor::default(),
        &mut |_, _, _| {},
    );
    let report = report.unwrap();
    assert_eq!(codes(&report), [""; 0], "{:?}", report.findings);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    println!(
        "\nverified {} envelopes of {} cases in {:?}, {}",
        report.checked.envelopes,
        report.checked.cases_judged,
        begun.elapsed(),
        peak.unwrap_or("peak of memory not known")
    );
}
