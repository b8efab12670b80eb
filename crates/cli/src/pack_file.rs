//! Policy packs in files of a partnership's own, beside those that a release carries.

use std::path::{Path, PathBuf};

use concordat_domain::policy::{Error, PolicyPack, PolicyPacks};

use crate::config;
use crate::exit::Failure;

/// The packs of this release and those of these files. A file replaces a pack of the release that has its id; two files with one id
/// would leave open which counts.
///
/// # Errors
/// [`Failure::NotFound`] if there is no such file, [`Failure::Configuration`] with the places of all faults.
pub(crate) fn with_release(files: &[PathBuf]) -> Result<PolicyPacks, Failure> {
    let mut own: Vec<(&Path, PolicyPack)> = Vec::new();
    for file in files {
        let pack = read(file)?;
        if let Some((other, _)) = own.iter().find(|(_, one)| one.id() == pack.id()) {
            return Err(Failure::Configuration(format!(
                "{} and {} are both policy pack {}; give one of them another id",
                other.display(),
                file.display(),
                pack.id()
            )));
        }
        own.push((file, pack));
    }
    Ok(PolicyPacks::built_in().with(own.into_iter().map(|(_, pack)| pack)))
}

/// One pack.
///
/// # Errors
/// As [`with_release`].
pub(crate) fn read(file: &Path) -> Result<PolicyPack, Failure> {
    let text = config::read_text(file)?;
    PolicyPack::from_toml(&text).map_err(|error| Failure::Configuration(places(file, &error)))
}

/// Each fault on a line of its own, as `FILE:LINE:COLUMN: …`.
fn places(file: &Path, error: &Error) -> String {
    let lines = error.faults.iter().map(|fault| {
        let rule = fault.rule.iter().map(|rule| format!("rule {rule}: "));
        let place = format!("{}:{}:{}", file.display(), fault.line, fault.column);
        format!("{place}: {}{}", rule.collect::<String>(), fault.reason)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Why a pack cannot be adopted, one reason a line; none if it can.
pub(crate) fn why_not_adopted(pack: &PolicyPack) -> Option<String> {
    let open: Vec<String> = pack
        .open_figures()
        .iter()
        .map(|open| format!("\n    {}", open.what_to_do()))
        .collect();
    (!open.is_empty()).then(|| open.concat())
}
