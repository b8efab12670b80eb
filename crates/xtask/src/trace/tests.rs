use std::fs;

use super::annotations::{Claim, in_text};
use super::*;

#[test]
fn every_responsibility_and_every_report_is_covered_and_proven() {
    let traced = Traced::collect(&workspace_root()).expect("the repository can be read");
    let findings = traced.findings();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn the_page_is_up_to_date() {
    let root = workspace_root();
    let traced = Traced::collect(&root).expect("the repository can be read");
    let page = fs::read_to_string(page_of(&root)).expect("the page stands there");
    assert!(
        page == page::render(&traced),
        "{PAGE} is out of date: `cargo xtask trace` writes it"
    );
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
