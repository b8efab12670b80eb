//! The contract against the last one that was promised: `proto/baseline.binpb`, an image that `cargo xtask baseline` makes when a release is
//! cut. Until the first, it is the contract with which the main job was finished.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::brought;
use crate::command::{self, workspace_root};

/// Where the image stands.
const BASELINE: &str = "proto/baseline.binpb";

/// Fails if whoever was built with the baseline's contract would not understand this one.
pub(crate) fn run(buf: &Path) -> Result<()> {
    command::run(against_baseline(buf, Path::new("proto")).current_dir(workspace_root()))
        .context("the contract breaks what was promised: add fields and calls, and leave what is there (`reserved` for what goes)")
}

/// Makes today's contract the promise.
pub(crate) fn promise() -> Result<()> {
    let buf = brought::buf()?;
    command::run(Command::new(buf).current_dir(workspace_root()).args([
        "build",
        "proto",
        "--exclude-source-info",
        "--output",
        BASELINE,
    ]))
}

fn against_baseline(buf: &Path, contract: &Path) -> Command {
    let mut command = Command::new(buf);
    command
        .arg("breaking")
        .arg(contract)
        .arg("--against")
        .arg(workspace_root().join(BASELINE));
    command
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{against_baseline, workspace_root};

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn a_renamed_field_is_caught_and_a_new_one_is_not() {
        let buf = std::env::var_os("CONCORDAT_BUF").map(PathBuf::from);
        let buf = buf.expect("CONCORDAT_BUF names the buf of `cargo xtask test`");
        let folder = tempfile::tempdir().unwrap();
        copy(&workspace_root().join("proto"), folder.path());
        let file = folder.path().join("concordat/v1/case_service.proto");
        let contract = fs::read_to_string(&file).unwrap();

        let field = "  // Organisation that runs the case.\n  string keeper = 3;";
        let added = contract.replacen(
            field,
            &format!("{field}\n  // New.\n  string colour = 9999;"),
            1,
        );
        assert_ne!(added, contract);
        fs::write(&file, added).unwrap();
        let output = against_baseline(&buf, folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");

        let renamed = contract.replacen(field, &field.replace("keeper", "runs_it"), 1);
        fs::write(&file, renamed).unwrap();
        let output = against_baseline(&buf, folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success());
        assert!(
            said.contains("keeper") && said.contains("runs_it"),
            "{said}"
        );
    }
}
