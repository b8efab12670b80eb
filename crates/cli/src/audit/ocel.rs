//! `concordat audit ocel`: a pack for process mining.

use std::path::PathBuf;

use clap::Args;
use concordat_verify::ocel::ocel;

use super::cross_check::open;
use crate::exit::Failure;
use crate::output::{self, Format};

/// Which pack.
#[derive(Debug, Args)]
pub(crate) struct Ocel {
    /// The pack; one with the keys of `process`.
    pack: PathBuf,
}

pub(super) fn run(asked: &Ocel) -> Result<(), Failure> {
    let log = ocel(open(&asked.pack)?)
        .map_err(|error| Failure::Usage(format!("{}: {error}", asked.pack.display())))?;
    // It is a document of its own standard, whatever was asked for.
    output::json(Format::Json, &log)
}
