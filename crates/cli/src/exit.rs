//! How a command ends: one table of exit codes, the same for every command.

use std::io;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Anything that has no code of its own.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
    /// The arguments contradict each other or name what does not exist.
    #[error("{0}")]
    Usage(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// The data at hand do not reach.
    #[error("{0}")]
    Precondition(String),
    /// What was compared is not alike. The answer on standard output says where, so nothing is added to it.
    #[error("differences were found")]
    Differences,
    /// The reader of standard output has gone: nothing is wrong.
    #[error("standard output was closed")]
    Closed,
}

impl Failure {
    /// The exit code, as the help text lists them.
    fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Precondition(_) => 6,
            Self::Differences => 7,
        }
    }

    /// Says on standard error what went wrong, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match &self {
            Self::Closed | Self::Differences => {}
            Self::Failed(error) => eprintln!("concordat: {error:#}"),
            other => eprintln!("concordat: {other}"),
        }
        ExitCode::from(self.code())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Failed(error.into())
        }
    }
}
