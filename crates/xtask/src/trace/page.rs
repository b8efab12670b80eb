//! The page, as Markdown.

use std::fmt::Write as _;

use concordat_domain::reports::Kind;
use concordat_domain::responsibilities::{Responsibility, responsibilities};

use super::{Traced, report_id};

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
    for of_source in responsibilities().chunk_by(|one, next| one.source == next.source) {
        let title = of_source.first().map_or("", |one| one.source.as_str());
        let _ = write!(
            page,
            "\n## {title}\n\n| id | place or source | what has to be done | covered by | proven by |\n|---|---|---|---|---|\n"
        );
        for one in of_source {
            let covers = listed(traced.coverage.covers_of(&one.id));
            let proofs = listed(traced.coverage.proofs_of(&one.id));
            let Responsibility {
                id, place, text, ..
            } = one;
            let _ = writeln!(page, "| {id} | {place} | {text} | {covers} | {proofs} |");
        }
    }
    page.push_str("\n## Reports\n\n| report | what it holds | asked for by | proven by |\n|---|---|---|---|\n");
    for report in Kind::ALL {
        let proofs = listed(traced.coverage.proofs_of(&report_id(*report)));
        let (id, meaning, source) = (report.id(), report.meaning(), report.source());
        let _ = writeln!(page, "| `{id}` | {meaning} | {source} | {proofs} |");
    }
    page
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
