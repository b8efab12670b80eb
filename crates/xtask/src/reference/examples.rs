//! One example of each event type: the first event of a worked case that counted, and reads without what stands around it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use concordat_codec::{form, shape};
use concordat_domain::events::EventType;
use serde_json::{Value, json};

/// Where the worked cases lie.
const FOLDER: &str = "tests/fixtures/scenarios";
/// What enforcers alone publish is in no step of a worked case.
const PUBLISHED_BY_ENFORCERS: &str = "deadline-approaching";
/// What stands in an example for the id of a case and of an event, where a worked case has an alias.
const CASE_ID: &str = "00112233445566778899aabbccddeeff";
const EVENT_ID: &str = "01903f5e-7b1c-7c3e-9a54-0f2b6d8e1a77";

/// The fields of one event of each type.
pub(super) fn from_worked_cases(root: &Path) -> Result<Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    found.insert(
        PUBLISHED_BY_ENFORCERS.to_owned(),
        json!({"deadline": "acknowledge", "due": "2026-12-23", "in_days": 1}),
    );
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {FOLDER}"))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let steps: Vec<Value> = serde_json::from_str(&text)
            .with_context(|| format!("{} is no list of steps", file.display()))?;
        for step in steps {
            let rejected = !step["expect"]["rejected"].is_null();
            let event = step["event"].as_str().unwrap_or_default();
            if rejected || found.contains_key(event) {
                continue;
            }
            let fields = with_ids(&step["fields"]);
            if passes(event, &fields) {
                found.insert(event.to_owned(), fields);
            }
        }
    }
    let missing = EventType::ALL
        .iter()
        .find(|one| !found.contains_key(one.code()));
    anyhow::ensure!(
        missing.is_none(),
        "no worked case has an example of {missing:?}"
    );
    Ok(json!(found))
}

fn passes(event: &str, fields: &Value) -> bool {
    form::read(event, fields).is_ok_and(|input| shape::validate(&input).is_ok())
}

fn with_ids(fields: &Value) -> Value {
    let mut fields = if fields.is_null() {
        json!({})
    } else {
        fields.clone()
    };
    for (names, id) in [
        (&["other_case", "main_case", "case"][..], CASE_ID),
        (&["corrects"][..], EVENT_ID),
    ] {
        for name in names {
            if let Some(value) = fields.get_mut(*name) {
                *value = json!(id);
            }
        }
    }
    fields
}
