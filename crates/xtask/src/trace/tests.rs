use super::annotations::{Claim, in_text};
use super::coverage::rule_ids;
use super::responsibilities;

#[test]
fn an_id_is_listed_once() {
    let mut ids: Vec<String> = responsibilities::read()
        .expect("the list is well-formed")
        .into_iter()
        .flat_map(|source| source.items)
        .map(|item| item.id)
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn a_comment_speaks_of_the_item_below_it() {
    let text = "//! Covers: D-06\n\n// Proves: E-15, 000-31\n/// What it shows.\n#[test]\nfn acknowledged_in_time() {}\n";
    let found: Vec<_> = in_text("crates/domain/tests/core/some.rs", text)
        .into_iter()
        .map(|annotation| (annotation.claim, annotation.id, annotation.item))
        .collect();
    let expected = [
        (Claim::Covers, "D-06", "some"),
        (Claim::Proves, "E-15", "acknowledged_in_time"),
        (Claim::Proves, "000-31", "acknowledged_in_time"),
    ]
    .map(|(claim, id, item)| (claim, id.to_owned(), item.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn rules_in_a_summary_are_found_with_their_ranges() {
    assert_eq!(
        rule_ids("The complaint was acknowledged (E-15 to E-17, J-06; Q15)."),
        ["E-15", "E-16", "E-17", "J-06"]
    );
}
