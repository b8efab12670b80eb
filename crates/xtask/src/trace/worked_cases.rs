//! What the worked cases of `tests/fixtures` exercise: events that count with their fields, and deadlines with their packs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the worked cases lie, all of which a test plays.
const FOLDER: &str = "tests/fixtures/scenarios";

/// Where something was exercised first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exercise {
    /// Name of the file, without its ending.
    pub(super) case: String,
    /// Number of the step.
    pub(super) step: u32,
}

/// What all worked cases exercise, each with its first place.
#[derive(Default)]
pub(super) struct WorkedCases {
    events: BTreeMap<String, Exercise>,
    fields: BTreeMap<(String, String), Exercise>,
    deadlines: BTreeMap<(String, String), Exercise>,
}

#[derive(Deserialize)]
struct Step {
    step: u32,
    event: String,
    #[serde(default)]
    fields: Map<String, Value>,
    #[serde(default)]
    expect: Expectation,
}

#[derive(Default, Deserialize)]
struct Expectation {
    rejected: Option<String>,
    #[serde(default)]
    deadlines: BTreeMap<String, Option<String>>,
}

impl WorkedCases {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut all = Self::default();
        let folder = root.join(FOLDER);
        let context = || format!("cannot read {}", folder.display());
        let mut files: Vec<_> = fs::read_dir(&folder)
            .with_context(context)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_, std::io::Error>>()
            .with_context(context)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let steps: Vec<Step> = serde_json::from_str(&text)
                .with_context(|| format!("{} is no worked case", file.display()))?;
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            all.take(&name, &steps);
        }
        Ok(all)
    }

    fn take(&mut self, case: &str, steps: &[Step]) {
        let mut packs = BTreeSet::new();
        for step in steps.iter().filter(|step| step.expect.rejected.is_none()) {
            let here = Exercise {
                case: case.to_owned(),
                step: step.step,
            };
            for (field, value) in &step.fields {
                if (field == "policy" || field == "protocol")
                    && let Some(pack) = value.as_str()
                {
                    packs.insert(pack.to_owned());
                }
                self.fields
                    .entry((step.event.clone(), field.clone()))
                    .or_insert_with(|| here.clone());
            }
            self.events
                .entry(step.event.clone())
                .or_insert_with(|| here.clone());
            let dated = step
                .expect
                .deadlines
                .iter()
                .filter(|(_, due)| due.is_some());
            for (deadline, _) in dated {
                let rule = deadline.split(':').next().unwrap_or(deadline);
                for pack in &packs {
                    self.deadlines
                        .entry((pack.clone(), rule.to_owned()))
                        .or_insert_with(|| here.clone());
                }
            }
        }
    }

    /// Where an event counted, with this field if one is named.
    pub(super) fn event(&self, event: &str, field: Option<&str>) -> Option<&Exercise> {
        match field {
            None => self.events.get(event),
            Some(field) => self.fields.get(&(event.to_owned(), field.to_owned())),
        }
    }

    /// Where a deadline of a pack was given a date.
    pub(super) fn deadline(&self, pack: &str, rule: &str) -> Option<&Exercise> {
        self.deadlines.get(&(pack.to_owned(), rule.to_owned()))
    }
}
