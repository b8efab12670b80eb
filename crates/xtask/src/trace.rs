//! `cargo xtask trace`: each responsibility of the guidance, what covers it, and what proves that, as `docs/traceability.md`.
//!
//! Nothing is listed by hand but the responsibilities themselves (`crates/domain/data/responsibilities.toml`). What covers one says so where it stands: an event in
//! the `covers` and the `summary` of its row, a rule of a policy pack in its `id`, anything else in a comment `Covers: …`. What proves it is a worked case
//! that exercises the event or the deadline, or a test with a comment `Proves: …`.

mod annotations;
mod coverage;
mod page;
#[cfg(test)]
mod tests;
mod worked_cases;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::workspace_root;
use concordat_domain::reports::Kind;
use concordat_domain::responsibilities::responsibilities;
use coverage::Coverage;

/// Where the page stands.
const PAGE: &str = "docs/traceability.md";

/// Writes the page, and fails, naming each, if a responsibility is covered by nothing or proven by nothing.
pub(crate) fn run() -> Result<()> {
    let root = workspace_root();
    let traced = Traced::collect(&root)?;
    fs::write(page_of(&root), page::render(&traced))
        .with_context(|| format!("cannot write {PAGE}"))?;
    let findings = traced.findings();
    if findings.is_empty() {
        eprintln!("trace: wrote {PAGE}");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("trace: {finding}");
    }
    bail!("{} findings; {PAGE} shows them as gaps", findings.len())
}

fn page_of(root: &Path) -> PathBuf {
    root.join(PAGE)
}

/// What was found about the responsibilities and the reports.
struct Traced {
    coverage: Coverage,
}

impl Traced {
    fn collect(root: &Path) -> Result<Self> {
        Ok(Self {
            coverage: Coverage::collect(root)?,
        })
    }

    /// What is missing or wrong, a line each.
    fn findings(&self) -> Vec<String> {
        let gaps = responsibilities()
            .iter()
            .flat_map(|one| self.gaps_of(&one.id));
        let unproven = Kind::ALL
            .iter()
            .filter(|report| self.coverage.proofs_of(&report_id(**report)).is_empty())
            .map(|report| format!("report `{}` is proven by nothing", report.id()));
        let unknown = self
            .coverage
            .ids()
            .filter(|(id, _)| !is_known(id))
            .map(|(id, place)| {
                format!("{place} names {id}, which is neither a responsibility nor a report")
            });
        gaps.chain(unproven)
            .chain(unknown)
            .chain(self.coverage.contradictions().iter().cloned())
            .collect()
    }

    fn gaps_of(&self, id: &str) -> Vec<String> {
        let mut gaps = Vec::new();
        if self.coverage.covers_of(id).is_empty() {
            gaps.push(format!("{id} is covered by nothing"));
        }
        if self.coverage.proofs_of(id).is_empty() {
            gaps.push(format!("{id} is proven by nothing"));
        }
        gaps
    }
}

/// What a comment calls a report: `report: annual report`, in small or large letters.
fn report_id(report: Kind) -> String {
    format!("report: {}", report.title()).to_lowercase()
}

fn is_known(id: &str) -> bool {
    let listed = responsibilities().iter().any(|one| one.id == id);
    listed || Kind::ALL.iter().any(|report| report_id(*report) == id)
}
