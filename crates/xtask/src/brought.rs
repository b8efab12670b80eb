//! Tools that chores bring along: pinned, under `target/tools`, installed once and reused.
//!
//! Each tool carries a stamp of what was asked for; another pin, another interpreter or a broken copy is installed anew.

mod java;
mod npm;
mod python;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::tools_dir;
pub(crate) use npm::buf;

/// What tests find in their environment: where each tool is that they may start. A variable that is set already is taken as it is.
pub(crate) struct TestEnvironment(Vec<(&'static str, OsString)>);

impl TestEnvironment {
    /// The variables, by name.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Looks whether each of the variables is set already, and brings what is missing in a group as a whole.
    fn group<const N: usize>(
        &mut self,
        names: [&'static str; N],
        bring: impl FnOnce() -> Result<[OsString; N]>,
    ) -> Result<()> {
        let given = names.map(env::var_os);
        for (name, value) in names.iter().zip(&given) {
            if let Some(value) = value
                && !Path::new(value).exists()
            {
                bail!(
                    "{name} names what does not exist: correct it, or unset it to have the tool brought"
                );
            }
        }
        if given.iter().all(Option::is_some) {
            self.0
                .extend(names.into_iter().zip(given.into_iter().flatten()));
            return Ok(());
        }
        let brought = bring()?;
        let chosen = given
            .into_iter()
            .zip(brought)
            .map(|(given, brought)| given.unwrap_or(brought));
        self.0.extend(names.into_iter().zip(chosen));
        Ok(())
    }
}

/// The environment that tests run in.
///
/// # Errors
/// Names what is missing (an interpreter, a way to a package index) and what to do about it.
pub(crate) fn test_environment() -> Result<TestEnvironment> {
    let mut environment = TestEnvironment(Vec::new());
    environment.group(["CONCORDAT_PYTHON", "CONCORDAT_NATS_SERVER"], || {
        let venv = python::venv()?;
        Ok([
            venv.join("bin/python").into(),
            venv.join("bin/nats-server").into(),
        ])
    })?;
    environment.group(["CONCORDAT_NODE_MODULES"], || {
        Ok([npm::clients()?.join("node_modules").into()])
    })?;
    environment.group(["CONCORDAT_BUF"], || Ok([buf()?.into()]))?;
    match java::tools()? {
        Ok(tools) => environment.0.extend([
            ("CONCORDAT_JAVA_CLASSPATH", tools.classpath),
            ("CONCORDAT_PROTOC", tools.protoc.into()),
            ("CONCORDAT_GRPC_JAVA_PLUGIN", tools.plugin.into()),
        ]),
        Err(why) => {
            eprintln!("the client in Java is left out: {why}");
            environment.0.push(("CONCORDAT_WITHOUT_JAVA", why.into()));
        }
    }
    Ok(environment)
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
    fn a_tool_without_the_stamp_of_the_wanted_pin_is_brought_anew() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_stamped(home.path(), "1"));

        stamp(home.path(), "1").unwrap();

        assert!(is_stamped(home.path(), "1"));
        assert!(!is_stamped(home.path(), "2"));
    }
}
