//! How far something has come: on standard error, and only where somebody watches a terminal.

use std::io::{self, IsTerminal as _, Write as _};

/// A line that is written over and over.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    width: usize,
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        Self {
            is_watched: io::stderr().is_terminal(),
            width: 0,
        }
    }

    /// Shows how far it has come.
    pub(super) fn show(&mut self, text: &str) {
        if self.is_watched {
            let width = self.width.max(text.len());
            // A terminal that has gone away is no reason to stop.
            let _ = write!(io::stderr(), "\r{text:<width$}");
            self.width = text.len();
        }
    }

    /// Leaves the line empty for what comes.
    pub(super) fn clear(&mut self) {
        if self.is_watched && self.width > 0 {
            let _ = write!(io::stderr(), "\r{:width$}\r", "", width = self.width);
            self.width = 0;
        }
    }
}
