//! The integration under test: a program that the kit starts and ends, or one that a person starts by hand.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};

use crate::exit::Failure;

/// How long it has to end after SIGTERM.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The integration.
pub(super) struct Program(Option<Child>);

impl Program {
    /// Starts it with what it must know in its environment. Its output goes to standard error, as the report goes to standard output.
    ///
    /// # Errors
    /// [`Failure::NotFound`] if there is no such program.
    pub(super) fn start(
        command: &[String],
        environment: &[(&str, String)],
    ) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            eprintln!("concordat: the kit listens. Start your integration with");
            for (name, value) in environment {
                eprintln!("  export {name}={value}");
            }
            return Ok(Self(None));
        };
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::NotFound(format!("cannot start `{program}`: {error}")))?;
        Ok(Self(Some(child)))
    }

    /// Whether it has ended by itself. One that a person started is not known to have.
    pub(super) fn has_ended(&mut self) -> bool {
        match &mut self.0 {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Ends it: by SIGTERM, and if it stays, by force.
    pub(super) async fn end(mut self) {
        let Some(child) = &mut self.0 else { return };
        if let Some(id) = child.id()
            && let Err(error) = terminate(id).await
        {
            tracing::warn!("the integration cannot be told to end: {error:#}");
        }
        if tokio::time::timeout(LAST_WORDS, child.wait())
            .await
            .is_err()
        {
            // It may have ended by now.
            let _ = child.kill().await;
        }
    }
}

/// By the program `kill`: the standard library knows no signals.
async fn terminate(id: u32) -> anyhow::Result<()> {
    let status = Command::new("kill")
        .args(["-TERM", &id.to_string()])
        .status()
        .await
        .context("`kill` cannot be started")?;
    anyhow::ensure!(status.success(), "`kill` ended with {status}");
    Ok(())
}
