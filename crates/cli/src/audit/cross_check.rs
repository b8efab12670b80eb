//! `concordat audit cross-check`: what two organisations were shown, side by side.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use concordat_verify::cross::cross_check;

use super::verify::{Trusted, read};
use crate::exit::Failure;
use crate::output::{self, Format};

/// Which packs.
#[derive(Debug, Args)]
pub(crate) struct CrossCheck {
    /// The pack of one organisation.
    first: PathBuf,
    /// The pack of another.
    second: PathBuf,
    #[command(flatten)]
    anchor: Trusted,
}

pub(super) fn run(asked: &CrossCheck, format: Format) -> Result<(), Failure> {
    let anchor = asked.anchor.anchor()?;
    for pack in [&asked.first, &asked.second] {
        // What is compared has to hold by itself; what does not is for `verify` to show.
        if !read(pack, &anchor)?.clean {
            eprintln!(
                "concordat: {} has findings of its own: see `concordat audit verify {0}`",
                pack.display()
            );
            return Err(Failure::Differences);
        }
    }
    let report = cross_check(open(&asked.first)?, open(&asked.second)?);
    let report = report.map_err(anyhow::Error::from)?;
    match format {
        Format::Table => {
            output::pairs(&[
                (
                    "first",
                    format!("by {} at {}", report.first.by, report.first.at),
                ),
                (
                    "second",
                    format!("by {} at {}", report.second.by, report.second.at),
                ),
                ("common bundles", report.common_bundles.to_string()),
                ("common heads", report.common_heads.to_string()),
                ("common cases", report.common_cases.to_string()),
                ("common rulings", report.common_rulings.to_string()),
            ])?;
            output::line("")?;
            output::listing(&report.findings)?;
        }
        Format::Json | Format::Ndjson => output::json(format, &report)?,
        Format::Csv => output::rows(format, &report.findings)?,
    }
    if report.clean {
        Ok(())
    } else {
        Err(Failure::Differences)
    }
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file =
        File::open(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    Ok(BufReader::new(file))
}
