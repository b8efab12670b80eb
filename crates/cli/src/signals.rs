//! The signals by which a command that runs on is told to stop.

use std::fmt;

use anyhow::Context;
use tokio::signal::unix::{self, SignalKind};

use crate::exit::Failure;

/// A signal that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// From a supervisor.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

impl Signal {
    /// Exit code of a process that this signal ended, as shells count: 128 and the number of the signal.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}

/// Both signals, from the making on handled here and no longer by the system.
pub(crate) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())
                .context("SIGTERM cannot be handled")?,
            interrupt: unix::signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?,
        })
    }

    /// The next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}
