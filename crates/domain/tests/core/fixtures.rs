//! All worked cases beside the code: whoever adds a file adds a test.

use concordat_domain::scenario::{self, Step};

/// Where worked cases lie.
const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/scenarios"
);

/// Every worked case with the name of its file, in the order of the names.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests of the core are a shell: which files there are is the question"
)]
pub(crate) fn worked_cases() -> Vec<(String, Vec<Step>)> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(FOLDER).expect("the folder of worked cases is there") {
        let path = entry.expect("the folder can be listed").path();
        let text = std::fs::read_to_string(&path).expect("a worked case can be read");
        let name = path.file_name().expect("a file has a name");
        let name = name.to_string_lossy().into_owned();
        let steps = scenario::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.push((name, steps));
    }
    cases.sort_by(|(one, _), (other, _)| one.cmp(other));
    cases
}
