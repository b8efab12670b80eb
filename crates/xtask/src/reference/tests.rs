use std::fs;

use super::files;
use crate::command::workspace_root;

#[test]
fn files_are_what_the_contract_and_the_rules_say() {
    let root = workspace_root();
    for (path, expected) in files(&root).expect("made") {
        let found = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(
            found == expected,
            "{path} is out of date: run `cargo xtask reference` and commit what it writes"
        );
    }
}
