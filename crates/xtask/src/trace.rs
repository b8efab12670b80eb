//! `cargo xtask trace`: each responsibility of the guidance, what covers it, and what proves that, as `docs/traceability.md`.
//!
//! Nothing is listed by hand but the responsibilities themselves (`trace/responsibilities.toml`). What covers one says so where it stands: an event in
//! the `covers` and the `summary` of its row, a rule of a policy pack in its `id`, anything else in a comment `Covers: …`. What proves it is a worked case
//! that exercises the event or the deadline, or a test with a comment `Proves: …`.

mod annotations;
mod coverage;
mod page;
mod responsibilities;
#[cfg(test)]
mod tests;
mod worked_cases;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::workspace_root;
use coverage::Coverage;
use responsibilities::Source;

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

/// The responsibilities, and what was found about them.
struct Traced {
    sources: Vec<Source>,
    coverage: Coverage,
}

impl Traced {
    fn collect(root: &Path) -> Result<Self> {
        Ok(Self {
            sources: responsibilities::read()?,
            coverage: Coverage::collect(root)?,
        })
    }

    /// What is missing or wrong, a line each.
    fn findings(&self) -> Vec<String> {
        let known: Vec<&str> = self
            .sources
            .iter()
            .flat_map(|source| &source.items)
            .map(|item| item.id.as_str())
            .collect();
        let gaps = known.iter().flat_map(|id| self.gaps_of(id));
        let unknown = self
            .coverage
            .ids()
            .filter(|(id, _)| !known.contains(id))
            .map(|(id, place)| {
                format!(
                    "{place} names {id}, which is no responsibility in trace/responsibilities.toml"
                )
            });
        gaps.chain(unknown)
            .chain(self.coverage.contradictions().iter().cloned())
            .collect()
    }

    fn gaps_of(&self, id: &str) -> Vec<String> {
        let covers = self.coverage.covers_of(id);
        let mut gaps = Vec::new();
        if covers.is_empty() {
            gaps.push(format!("{id} is covered by nothing"));
        }
        if self.coverage.proofs_of(id).is_empty() {
            gaps.push(format!("{id} is proven by nothing"));
        }
        gaps
    }
}
