//! Comments in code that say what the item below them covers or proves: `Covers: 002-5.2, E-26`, `Proves: E-15`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders that are looked through, and the kinds of file in them.
const FOLDERS: [&str; 3] = ["crates", "proto", "tests"];
const KINDS: [&str; 4] = ["rs", "proto", "py", "toml"];

/// This chore says the two words itself.
const NOT_LOOKED_AT: &str = "xtask/src/trace";

/// What a comment claims of the item below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Covers,
    Proves,
}

/// One id in one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Annotation {
    pub(super) claim: Claim,
    pub(super) id: String,
    /// Name of the function, type, constant or RPC below the comment; of the module if the comment is a module's.
    pub(super) item: String,
    /// Its file, from the root of the repository.
    pub(super) file: String,
}

/// All annotations of the repository, by file and place.
pub(super) fn all(root: &Path) -> Result<Vec<Annotation>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        search(root, &root.join(folder), &mut found)?;
    }
    Ok(found)
}

fn search(root: &Path, folder: &Path, found: &mut Vec<Annotation>) -> Result<()> {
    let context = || format!("cannot read {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .with_context(context)?
        .collect::<Result<Vec<_>, _>>()
        .with_context(context)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string()
            .replace('\\', "/");
        let kind = path.extension().and_then(|kind| kind.to_str());
        if shown.contains(NOT_LOOKED_AT) {
            continue;
        } else if path.is_dir() {
            search(root, &path, found)?;
        } else if kind.is_some_and(|kind| KINDS.contains(&kind)) {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
            found.extend(in_text(&shown, &text));
        }
    }
    Ok(())
}

/// The annotations of one file.
pub(super) fn in_text(file: &str, text: &str) -> Vec<Annotation> {
    let lines: Vec<&str> = text.lines().collect();
    let claims = lines.iter().enumerate().filter_map(|(index, line)| {
        let comment = comment(line)?;
        let (claim, ids) = [(Claim::Covers, "Covers: "), (Claim::Proves, "Proves: ")]
            .into_iter()
            .find_map(|(claim, word)| Some((claim, comment.strip_prefix(word)?)))?;
        let below = lines[index + 1..].iter().find_map(|line| name_in(line));
        let item = below.filter(|_| !line.trim_start().starts_with("//!"));
        let item = item.unwrap_or_else(|| module_of(file)).to_owned();
        Some((claim, ids, item))
    });
    claims
        .flat_map(|(claim, ids, item)| {
            ids.trim_end_matches('.')
                .split(',')
                .map(move |id| Annotation {
                    claim,
                    id: id.trim().to_owned(),
                    item: item.clone(),
                    file: file.to_owned(),
                })
        })
        .collect()
}

/// What stands after the sign of a comment, whichever language it is.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    ["///", "//!", "//", "#"]
        .into_iter()
        .find_map(|sign| line.strip_prefix(sign))
        .map(str::trim_start)
}

/// The name that a line gives to an item.
fn name_in(line: &str) -> Option<&str> {
    const WORDS: [&str; 9] = [
        "fn ", "struct ", "enum ", "const ", "mod ", "trait ", "rpc ", "message ", "def ",
    ];
    let line = line.trim_start();
    if comment(line).is_some() {
        return None;
    }
    let rest = WORDS
        .into_iter()
        .filter_map(|word| {
            let at = line.find(word)?;
            let starts_a_word = line[..at].ends_with([' ', ')']) || at == 0;
            starts_a_word.then(|| (at, &line[at + word.len()..]))
        })
        .min_by_key(|(at, _)| *at)
        .map(|(_, rest)| rest)?;
    let end = rest
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

fn module_of(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name)
}
