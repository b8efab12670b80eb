//! The worked scenarios, read by the form: what people wrote is what travels.

use std::{fs, path::Path};

use concordat_codec::{form, shape};
use serde_json::{Value, json};

fn steps() -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scenarios");
    let entries = fs::read_dir(directory).expect("the fixtures are in the repository");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect();
    files.sort();
    files.iter().flat_map(|path| read(path)).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the file can be read");
    serde_json::from_str(&text).expect("a scenario is a list of steps")
}

/// Scenarios name a case by an alias and an event by a label; who plays them puts their ids there.
fn with_ids(mut fields: Value) -> Value {
    for name in ["other_case", "main_case", "case"] {
        if let Some(case) = fields.get_mut(name) {
            *case = json!("00112233445566778899aabbccddeeff");
        }
    }
    if let Some(corrected) = fields.get_mut("corrects") {
        *corrected = json!("00112233-4455-6677-8899-aabbccddeeff");
    }
    fields
}

#[test]
fn every_step_reads_passes_the_door_and_writes_back() {
    let steps = steps();
    assert!(steps.len() > 100, "only {} steps found", steps.len());
    for step in steps {
        let event_type = step["event"].as_str().unwrap();
        let fields = with_ids(step["fields"].clone());
        let input =
            form::read(event_type, &fields).unwrap_or_else(|error| panic!("{event_type}: {error}"));
        assert_eq!(shape::validate(&input), Ok(()), "{event_type}");
        let (written_type, written) =
            form::write(input.body.as_ref().unwrap(), &input.empty_lists).unwrap();
        assert_eq!(written_type, event_type);
        assert_eq!(lists(written), lists(fields), "{event_type}");
    }
}

/// The one liberty of the form: a single value stands for a list of one.
fn lists(mut fields: Value) -> Value {
    if let Some(issues) = fields.get_mut("issues").filter(|issues| issues.is_string()) {
        *issues = json!([issues.clone()]);
    }
    fields
}
