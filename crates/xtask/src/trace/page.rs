//! The page, as Markdown.

use std::fmt::Write as _;

use super::Traced;
use super::responsibilities::Item;

const HEAD: &str = "# Traceability\n
What organisations that handle complaints together have to do, where concordat covers it, and what proves that. Made by `cargo xtask trace` from the rows of
events, the policy packs, comments in the code and the worked cases in `tests/fixtures`; a test fails when it is out of date, or when something is covered or
proven by nothing. Do not edit it: say it where it is covered.

A *case* is a worked case of `tests/fixtures/scenarios`, by its number; each is played through real nodes. The rules come with their sources in
`crates/domain/packs` and in the rows; none of it is legal advice.
";

/// How many are shown of what covers or proves one thing.
const SHOWN_MAX: usize = 6;

pub(super) fn render(traced: &Traced) -> String {
    let mut page = HEAD.to_owned();
    for source in &traced.sources {
        let _ = write!(
            page,
            "\n## {}\n\n| id | place or source | what has to be done | covered by | proven by |\n|---|---|---|---|---|\n",
            source.title
        );
        for item in &source.items {
            page.push_str(&line(traced, item));
        }
    }
    page
}

fn line(traced: &Traced, item: &Item) -> String {
    let Item { id, place, text } = item;
    let covers = listed(traced.coverage.covers_of(id));
    let proofs = listed(traced.coverage.proofs_of(id));
    format!("| {id} | {place} | {text} | {covers} | {proofs} |\n")
}

fn listed(all: &[impl ToString]) -> String {
    if all.is_empty() {
        return "**nothing**".to_owned();
    }
    let shown: Vec<String> = all
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    match all.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
