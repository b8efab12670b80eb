//! Two organisations' packs of one log, and of two.

use std::io::Cursor;

use concordat_verify::cross::{CrossReport, cross_check};
use concordat_verify::manifest::Scope;

use crate::world::{BOARD, COUNCIL, World};

fn cross(first: &[u8], second: &[u8]) -> CrossReport {
    cross_check(Cursor::new(first), Cursor::new(second)).unwrap()
}

fn codes(report: &CrossReport) -> Vec<&'static str> {
    let mut codes: Vec<_> = report
        .findings
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    codes.dedup();
    codes
}

#[test]
fn packs_of_one_log_agree_also_when_one_is_longer_or_holds_less() {
    let mut world = World::small();
    let short = world.export(Scope::Partnership);
    world.head(BOARD);
    let long = world.export(Scope::Partnership);
    let part = world.export(Scope::Case {
        case: world.cases[0].id,
    });
    for (first, second) in [(&short, &long), (&long, &part), (&part, &short)] {
        let report = cross(first, second);
        assert_eq!(codes(&report), [""; 0], "{:?}", report.findings);
        assert!(report.clean && report.common_bundles > 0 && report.common_cases > 0);
        assert!(report.common_heads > 0 && report.common_rulings > 0);
    }
}

#[test]
fn a_log_that_was_shown_differently_to_two_is_proven_by_what_both_signed() {
    // Both worlds are the same up to here; then the council signs one bundle for each.
    let (mut one, mut other) = (World::small(), World::small());
    other.clock += jiff::SignedDuration::from_mins(1);
    one.head(COUNCIL);
    other.head(COUNCIL);
    let (one, other) = (
        one.export(Scope::Partnership),
        other.export(Scope::Partnership),
    );
    assert_eq!(
        codes(&cross(&one, &other)),
        ["split-view", "fork", "head-contradicted"]
    );
}

#[test]
fn packs_of_two_partnerships_have_nothing_in_common() {
    let world = World::small();
    let pack = world.export(Scope::Partnership);
    let mut parts = crate::forge::Parts::of(&pack);
    parts.manifest.partnership = crate::world::partnership("Another").id();
    let other = parts.signed_anew(&crate::world::signing_key(1));
    assert_eq!(codes(&cross(&pack, &other)), ["other-partnership"]);
}
