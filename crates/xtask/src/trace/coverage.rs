//! What covers and what proves each responsibility, gathered from rows, packs, comments and worked cases.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use concordat_domain::events::{EventType, row};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::responsibilities::rule_ids;

use super::annotations::{self, Annotation, Claim};
use super::worked_cases::{Exercise, WorkedCases};

/// Something that covers a responsibility.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cover {
    /// An event, or one field of it.
    Event(String, Option<String>),
    /// A rule of a policy pack: pack and deadline.
    Deadline(String, String),
    /// A report, a query, or a rule in code: item and file.
    Code(String, String),
}

/// Something that proves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// A step of a worked case.
    Case(Exercise),
    /// A test and its file.
    Test(String, String),
}

/// All that was found.
pub(super) struct Coverage {
    covers: BTreeMap<String, Vec<Cover>>,
    proofs: BTreeMap<String, Vec<Proof>>,
    contradictions: Vec<String>,
}

impl Coverage {
    pub(super) fn collect(root: &Path) -> Result<Self> {
        let cases = WorkedCases::read(root)?;
        let mut coverage = Self {
            covers: BTreeMap::new(),
            proofs: BTreeMap::new(),
            contradictions: Vec::new(),
        };
        for event_type in EventType::ALL {
            coverage.take_row(*event_type);
        }
        for pack in PolicyPacks::built_in().iter() {
            for rule in pack.rules() {
                for id in rule.id.split(", ") {
                    let cover = Cover::Deadline(pack.id().to_string(), rule.name.clone());
                    coverage.cover(id, cover);
                }
            }
        }
        for annotation in annotations::all(root)? {
            coverage.take_annotation(annotation);
        }
        coverage.prove_by(&cases);
        Ok(coverage)
    }

    fn take_row(&mut self, event_type: EventType) {
        let row = row(event_type);
        let name = event_type.to_string();
        for id in rule_ids(row.summary) {
            self.cover(&id, Cover::Event(name.clone(), None));
        }
        for covered in row.covers {
            let Some((id, fields)) = covered.split_once(" by ") else {
                self.cover(covered, Cover::Event(name.clone(), None));
                continue;
            };
            for field in fields.split(", ") {
                if row.fields.iter().all(|spec| spec.name != field) {
                    self.contradictions.push(format!(
                        "{name} covers {id} by {field}, which is no field of it"
                    ));
                }
                self.cover(id, Cover::Event(name.clone(), Some(field.to_owned())));
            }
        }
    }

    fn take_annotation(&mut self, annotation: Annotation) {
        let Annotation {
            claim,
            mut id,
            item,
            file,
        } = annotation;
        if id.starts_with("report: ") {
            id = id.to_lowercase();
        }
        match claim {
            Claim::Covers => self.cover(&id, Cover::Code(item, file)),
            Claim::Proves => {
                let proofs = self.proofs.entry(id).or_default();
                proofs.push(Proof::Test(item, file));
            }
        }
    }

    fn cover(&mut self, id: &str, cover: Cover) {
        let covers = self.covers.entry(id.to_owned()).or_default();
        if !covers.contains(&cover) {
            covers.push(cover);
        }
    }

    fn prove_by(&mut self, cases: &WorkedCases) {
        for (id, covers) in &self.covers {
            let exercises = covers.iter().filter_map(|cover| match cover {
                Cover::Event(event, field) => cases.event(event, field.as_deref()),
                Cover::Deadline(pack, rule) => cases.deadline(pack, rule),
                Cover::Code(..) => None,
            });
            let proofs = self.proofs.entry(id.clone()).or_default();
            for exercise in exercises {
                let proof = Proof::Case(exercise.clone());
                if !proofs.contains(&proof) {
                    proofs.push(proof);
                }
            }
        }
    }

    pub(super) fn covers_of(&self, id: &str) -> &[Cover] {
        self.covers.get(id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn proofs_of(&self, id: &str) -> &[Proof] {
        self.proofs.get(id).map_or(&[], Vec::as_slice)
    }

    /// Every id that is named somewhere, with one place that names it.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&str, String)> {
        let covered = self
            .covers
            .iter()
            .filter_map(|(id, covers)| Some((id.as_str(), covers.first()?.to_string())));
        let proven = self
            .proofs
            .iter()
            .filter_map(|(id, proofs)| Some((id.as_str(), proofs.first()?.to_string())));
        covered.chain(proven)
    }

    /// Claims that cannot be true.
    pub(super) fn contradictions(&self) -> &[String] {
        &self.contradictions
    }
}

impl std::fmt::Display for Cover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Event(event, None) => write!(f, "`{event}`"),
            Self::Event(event, Some(field)) => write!(f, "`{event}.{field}`"),
            Self::Deadline(pack, rule) => write!(f, "deadline `{rule}` of `{pack}`"),
            Self::Code(item, file) => write!(f, "[`{item}`](../{file})"),
        }
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Case(Exercise { case, step }) => {
                let number = case.split('-').next().unwrap_or(case);
                write!(f, "case {number} step {step}")
            }
            Self::Test(test, file) => write!(f, "[`{test}`](../{file})"),
        }
    }
}
