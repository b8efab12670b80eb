//! What a sandbox says when it is ready: where everything is, and what to try first.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock;
use super::served::PeerView;
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// A sample case as whoever tries the sandbox is told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Its id.
    pub(super) case: String,
    /// Short name of its kind, stable.
    pub(super) kind: String,
    /// What is special about it.
    pub(super) shows: String,
    /// Codes of the organisations that can read it.
    pub(super) seen_by: Vec<String>,
}

impl Row for Sample {
    const COLUMNS: &'static [&'static str] = &["case", "seen by", "what is special about it"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.case.clone(),
            self.seen_by.join(" "),
            self.shows.clone(),
        ]
    }
}

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    /// What the clock shows.
    pub(super) now: Timestamp,
    /// How fast it runs.
    pub(super) speed: String,
    /// Directory of the sandbox.
    pub(super) sandbox: PathBuf,
    /// Whether it stays when the sandbox ends.
    pub(super) stays: bool,
    /// The organisations, with addresses and token files.
    pub(super) peers: Vec<PeerView>,
    /// The sample cases.
    pub(super) cases: Vec<Sample>,
    /// How long the start took.
    pub(super) seconds: f64,
}

impl Ready {
    /// Says it on standard output: to copy from, or as one document.
    pub(super) fn tell(&self, format: Format) -> Result<(), Failure> {
        if format != Format::Table {
            return output::json(format, self);
        }
        output::line(&format!(
            "Three organisations on one log, ready in {:.1} s. Everything here is fictitious.\n",
            self.seconds
        ))?;
        let kept = if self.stays {
            ""
        } else {
            ", gone when the sandbox ends"
        };
        output::pairs(&[
            (
                "clock",
                format!("{}, {}", clock::local(self.now), self.speed),
            ),
            ("directory", format!("{}{kept}", self.sandbox.display())),
        ])?;
        output::line(&format!("\n{}", output::table(&self.peers)))?;
        if !self.cases.is_empty() {
            output::line(&format!("\n{}", output::table(&self.cases)))?;
        }
        self.first_steps()
    }

    fn first_steps(&self) -> Result<(), Failure> {
        let Some(first) = self.peers.first() else {
            return Ok(());
        };
        let (server, token) = (&first.server, first.token_file.display());
        let which = if self.stays {
            format!(" --sandbox {}", self.sandbox.display())
        } else {
            String::new()
        };
        output::line(&format!(
            "\nIn another terminal, as the trust:\n\
             \n  export CONCORDAT_SERVER={server} CONCORDAT_TOKEN=$(cat {token})\
             \n  concordat case list\
             \n  concordat deadline list --state overdue\
             \n  concordat feed create first && concordat feed tail first\
             \n  curl -s -H \"Authorization: Bearer $CONCORDAT_TOKEN\" -H 'Content-Type: application/json' \\\
             \n    -d '{{}}' $CONCORDAT_SERVER/concordat.v1.CaseService/ListCases\n\
             \nMake time pass, and things go wrong:\n\
             \n  concordat dev clock --advance 3wd{which}\
             \n  concordat dev peer council --partition{which}\
             \n  concordat dev peer council --start{which}\n\
             \nCtrl-C ends it."
        ))
    }
}
