//! How a command ends: one table of exit codes, the same for every command.

use std::io;
use std::process::ExitCode;

use crate::client::CallError;
use crate::signals::Signal;

/// The table, as the help text shows it.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong use: arguments, configuration, or fields of a request
  3    not found
  4    not allowed: no credential, or not the right one
  5    unavailable for now, or in use by another process: try again
  6    refused: a rule, a precondition or a conflict
  7    differences were found, or a check failed
  8    timed out
  130  interrupted; 143 by SIGTERM";

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Anything that has no code of its own.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
    /// The arguments contradict each other or name what does not exist.
    #[error("{0}")]
    Usage(String),
    /// The configuration file is not valid.
    #[error("{0}")]
    Configuration(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// Another process has what is needed. It may give it back by itself, so trying again can help.
    #[error("{0}")]
    Busy(String),
    /// The data at hand do not reach, something does not fit, or a rule says no.
    #[error("{0}")]
    Precondition(String),
    /// What was asked for did not happen in the time given.
    #[error("{0}")]
    TimedOut(String),
    /// A node answered with an error.
    #[error("{0}")]
    Call(Box<CallError>),
    /// What was compared is not alike. The answer on standard output says where, so nothing is added to it.
    #[error("differences were found")]
    Differences,
    /// The reader of standard output has gone: nothing is wrong.
    #[error("standard output was closed")]
    Closed,
    /// A signal ended it.
    #[error("ended by {0}")]
    Signal(Signal),
}

impl Failure {
    /// The exit code, as [`TABLE`] lists them.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) | Self::Configuration(_) => 2,
            Self::NotFound(_) => 3,
            Self::Busy(_) => 5,
            Self::Precondition(_) => 6,
            Self::Differences => 7,
            Self::TimedOut(_) => 8,
            Self::Call(error) if error.is_explained() => 0,
            Self::Call(error) => error.exit_code(),
            Self::Signal(signal) => signal.exit_code(),
        }
    }

    /// What another process of ours ended a request with, by its exit code.
    pub(crate) fn told(exit_code: u8, text: String) -> Self {
        match exit_code {
            2 => Self::Usage(text),
            3 => Self::NotFound(text),
            5 => Self::Busy(text),
            6 => Self::Precondition(text),
            8 => Self::TimedOut(text),
            _ => Self::Failed(anyhow::Error::msg(text)),
        }
    }

    /// Says on standard error what went wrong, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match &self {
            Self::Closed | Self::Differences | Self::Signal(_) => {}
            Self::Call(error) if error.is_explained() => {}
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
