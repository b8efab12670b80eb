//! Which columns an answer shows, and whether with heads: said once, by options that every command takes.

use std::sync::OnceLock;

use clap::Args;

use crate::exit::Failure;
use crate::output::Format;

/// A process has one standard output and answers once; so this is said once, and no command has to carry it.
static LAYOUT: OnceLock<(Layout, Format)> = OnceLock::new();

/// What of a table or of comma-separated values is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct Layout {
    /// Columns to show, separated by commas: heads of the table, or names of the JSON such as `eventId` or `ruling.reason`. For tables
    /// and csv.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', global = true)]
    pub(crate) columns: Vec<String>,
    /// Leaves out the line of heads. For tables and csv.
    #[arg(
        long = "no-headers",
        action = clap::ArgAction::SetFalse,
        global = true
    )]
    pub(crate) headers: bool,
}

impl Layout {
    /// Says it for the rest of the process.
    ///
    /// # Errors
    /// [`Failure::Usage`] where it would be ignored: JSON is cut by other tools.
    pub(crate) fn set(self, format: Option<Format>) -> Result<(), Failure> {
        let is_json = matches!(format, Some(Format::Json | Format::Ndjson));
        if is_json && (!self.columns.is_empty() || !self.headers) {
            return Err(Failure::Usage(
                "--columns and --no-headers are for tables and csv; JSON has all fields".to_owned(),
            ));
        }
        // A second answer of one process keeps the first layout: there is none.
        let _ = LAYOUT.set((self, format.unwrap_or(Format::Table)));
        Ok(())
    }
}

/// What was said, or all columns with heads.
pub(super) fn layout() -> &'static Layout {
    const ALL: &Layout = &Layout {
        columns: Vec::new(),
        headers: true,
    };
    LAYOUT.get().map_or(ALL, |(layout, _)| layout)
}

/// The format of the answer, for those to whom no command hands it; that for people, if nothing was said.
pub(crate) fn format() -> Format {
    LAYOUT.get().map_or(Format::Table, |(_, format)| *format)
}
