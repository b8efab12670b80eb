//! `concordat audit verify`: a pack against itself, and against what the auditor knows from elsewhere.

use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use concordat_trust::digest::{Hash, PartnershipId};
use concordat_trust::partnership::PartnershipFile;
use concordat_verify::{Anchor, Finding, Report, Stage, verify};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// Which pack, and what is known from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The pack.
    pack: PathBuf,
    #[command(flatten)]
    anchor: Trusted,
}

/// What came by another way than the pack.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// A copy of the partnership file (TOML) that did not come with the pack.
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    partnership: Option<PathBuf>,
    /// The partnership id, as somebody you trust confirmed it.
    #[arg(long, value_name = "ID")]
    fingerprint: Option<PartnershipId>,
    /// A head of the log that you saw earlier: finds history that was taken back.
    #[arg(long, value_name = "SIZE:ROOT", value_parser = head)]
    trusted_head: Option<(u64, Hash)>,
}

impl Trusted {
    pub(crate) fn anchor(&self) -> Result<Anchor, Failure> {
        let read = |path: &PathBuf| -> Result<PartnershipId, Failure> {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            let file = PartnershipFile::from_toml(&text)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            Ok(file.id())
        };
        let from_file = self.partnership.as_ref().map(read).transpose()?;
        Ok(Anchor {
            partnership: from_file.or(self.fingerprint),
            trusted_head: self.trusted_head,
        })
    }
}

fn head(text: &str) -> Result<(u64, Hash), String> {
    let parsed = text
        .split_once(':')
        .and_then(|(size, root)| Some((size.parse().ok()?, root.parse().ok()?)));
    parsed.ok_or_else(|| "expected SIZE:ROOT, such as 120:9f86d0…".to_owned())
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["CODE", "SEVERITY", "WHERE", "WHAT"];

    fn cells(&self) -> Vec<String> {
        let severity = serde_json::to_value(self.severity).unwrap_or_default();
        vec![
            self.code.to_string(),
            severity.as_str().unwrap_or_default().to_owned(),
            self.place.to_string(),
            self.text.clone(),
        ]
    }
}

pub(super) fn run(asked: &Verify, format: Format) -> Result<(), Failure> {
    let report = read(&asked.pack, &asked.anchor.anchor()?)?;
    match format {
        Format::Table => show(&report)?,
        Format::Json | Format::Ndjson => output::json(format, &report)?,
        Format::Csv => output::rows(format, &report.findings)?,
    }
    if report.clean {
        Ok(())
    } else {
        Err(Failure::Differences)
    }
}

/// Verifies the pack in a file, with a bar on standard error if that is a terminal.
pub(super) fn read(path: &Path, anchor: &Anchor) -> Result<Report, Failure> {
    let open =
        || File::open(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())));
    let bar = bar();
    let mut progress = |stage: Stage, done: u64, of: u64| {
        bar.set_message(match stage {
            Stage::Files => "files",
            Stage::Bundles => "signatures and chains",
            Stage::Cases => "rulings and deadlines",
        });
        bar.set_length(of);
        bar.set_position(done);
    };
    let file = BufReader::new(open()?);
    let report = verify(file, open()?, anchor, &mut progress);
    bar.finish_and_clear();
    // A file that is no pack can have been cut or overwritten: that is a finding about it, not a mistake in the arguments.
    report.map_err(|error| {
        eprintln!("concordat: {}: pack-unreadable: {error}", path.display());
        Failure::Differences
    })
}

pub(super) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {percent:>3}% {eta:>5} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(report: &Report) -> Result<(), Failure> {
    let scope = serde_json::to_value(&report.scope).map_err(anyhow::Error::from)?;
    let scope: Vec<&str> = scope
        .as_object()
        .into_iter()
        .flat_map(|object| object.values())
        .filter_map(serde_json::Value::as_str)
        .collect();
    let checked = &report.checked;
    output::pairs(&[
        ("about", scope.join(" ")),
        ("pack", report.pack.to_string()),
        ("fingerprint", report.fingerprint.to_string()),
        (
            "head",
            format!("{}:{}", report.range.size, report.range.root),
        ),
        (
            "exported",
            format!("by {} at {}", report.exported.by, report.exported.at),
        ),
        ("purpose", report.exported.purpose.clone()),
        (
            "bundles",
            format!(
                "{}, of which {} witnessed",
                checked.bundles, checked.witnessed
            ),
        ),
        ("envelopes", checked.envelopes.to_string()),
        (
            "cases",
            format!(
                "{}, of which {} judged anew",
                checked.cases, checked.cases_judged
            ),
        ),
        ("rulings", checked.rulings.to_string()),
        ("deadlines", checked.deadlines.to_string()),
        ("parts absent", checked.parts_absent.to_string()),
    ])?;
    for gap in &report.not_proven {
        output::line(&format!("\nnot proven ({}): {}", gap.code, gap.text))?;
    }
    if report.clean {
        return output::line("\nno findings");
    }
    output::line("")?;
    output::listing(&report.findings)?;
    if report.findings_left_out > 0 {
        output::line(&format!("and {} more", report.findings_left_out))?;
    }
    Ok(())
}
