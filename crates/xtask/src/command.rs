//! Running other programs: where, with which environment, and what to say when they fail.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the repository whose `cargo xtask` was called.
///
/// Cargo says at run time which clone that is; clones that share a target directory may share this program.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir
        .ancestors()
        .nth(2)
        .expect("this crate stands two levels below the workspace root")
        .to_owned()
}

/// Where brought tools are kept: beside build output, so that deleting `target` deletes them too.
pub(crate) fn tools_dir() -> PathBuf {
    workspace_root().join("target").join("tools")
}

/// A `cargo` command at the workspace root.
///
/// `cargo run` leaves its own `CARGO_PKG_*` variables behind; build scripts that watch them (ring) would rebuild for each chore.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(workspace_root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_left_behind_by_cargo_run) {
            command.env_remove(name);
        }
    }
    command
}

fn is_left_behind_by_cargo_run(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || matches!(
            variable,
            "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE"
        )
}

/// Shows the command, runs it, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("\n== {}", shown(command));
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs the command quietly and returns what it wrote to stdout; its stderr is part of the error if it fails.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` failed ({}):\n{}{}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something other than UTF-8", shown(command)))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut line = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_what_it_said() {
        let error = output_of(cargo().arg("no-such-subcommand"))
            .unwrap_err()
            .to_string();

        assert!(error.contains("cargo no-such-subcommand"), "{error}");
        assert!(error.contains("no such command"), "{error}");
    }

    #[test]
    fn only_what_cargo_run_leaves_behind_is_removed() {
        assert!(is_left_behind_by_cargo_run("CARGO_PKG_NAME"));
        assert!(is_left_behind_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(!is_left_behind_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_left_behind_by_cargo_run("CARGO_HOME"));
    }
}
