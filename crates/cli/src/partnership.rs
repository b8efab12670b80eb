//! `concordat partnership`: the file on which a partnership stands, for people who write one or sign up to one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use concordat_trust::partnership::{Content, PartnershipFile};
use concordat_trust::signing::PublicKey;
use serde::Serialize;

use crate::config;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::toml_file;

/// What can be done with a partnership file.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Reads a partnership file as a node would, and prints what it says.
    ///
    /// The id is the hash of the content: layout and comments do not change it, anything else does. All members must see the same
    /// id before they start their nodes.
    Check(Check),
}

/// The file to read.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The partnership file, TOML.
    file: PathBuf,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    name: String,
    judging_rules: u32,
    change_threshold: u32,
    compartments: Vec<&'static str>,
    members: Vec<Member>,
    policy_packs: Vec<Pack>,
    calendars: Vec<Calendar>,
}

#[derive(Debug, Serialize)]
struct Member {
    id: String,
    name: String,
    kind: String,
    calendar: String,
    participation: String,
    key_ids: Vec<String>,
}

impl Row for Member {
    const COLUMNS: &'static [&'static str] = &[
        "MEMBER",
        "NAME",
        "KIND",
        "CALENDAR",
        "PARTICIPATION",
        "KEY IDS",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            self.kind.clone(),
            self.calendar.clone(),
            self.participation.clone(),
            self.key_ids.join(", "),
        ]
    }
}

#[derive(Debug, Serialize)]
struct Pack {
    id: String,
    hash: String,
}

impl Row for Pack {
    const COLUMNS: &'static [&'static str] = &["POLICY PACK", "HASH"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), self.hash.clone()]
    }
}

#[derive(Debug, Serialize)]
struct Calendar {
    name: String,
    version: u64,
    hash: String,
}

impl Row for Calendar {
    const COLUMNS: &'static [&'static str] = &["CALENDAR", "VERSION", "HASH"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.version.to_string(),
            self.hash.clone(),
        ]
    }
}

/// Runs a partnership command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    let Verb::Check(asked) = verb;
    let answer = Answer::from(read(&asked.file)?);
    if format != Format::Table {
        return output::json(format, &answer);
    }
    output::line(&format!("partnership {} ({})", answer.id, answer.name))?;
    rows(&answer.members)?;
    rows(&answer.policy_packs)?;
    rows(&answer.calendars)
}

fn rows<R: Row>(rows: &[R]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    output::line(&format!("\n{}", output::table(rows)))
}

/// Reads a partnership file as a node does, naming the place of a fault.
pub(crate) fn read(file: &Path) -> Result<PartnershipFile, Failure> {
    let text = config::read_text(file)?;
    // Once more than the partnership's own reader does: it works on the canonical form, which has no lines to name.
    toml_file::parse::<Content>(file, &text).map_err(anyhow::Error::from)?;
    Ok(PartnershipFile::from_toml(&text).with_context(|| file.display().to_string())?)
}

impl From<PartnershipFile> for Answer {
    fn from(file: PartnershipFile) -> Self {
        let content = file.content();
        let members = content.organisations.iter().map(|member| Member {
            id: member.id.to_string(),
            name: member.name.clone(),
            kind: member.kind.clone(),
            calendar: member.calendar.clone(),
            participation: member.participation.clone(),
            key_ids: key_ids(&member.signing_keys),
        });
        let packs = content.policy_packs.iter().map(|pack| Pack {
            id: pack.id.to_string(),
            hash: pack.hash.to_string(),
        });
        let calendars = content.calendars.iter().map(|calendar| Calendar {
            name: calendar.name.clone(),
            version: calendar.version,
            hash: calendar.hash.to_string(),
        });
        Self {
            id: file.id().to_string(),
            name: content.name.clone(),
            judging_rules: content.judging_rules,
            change_threshold: content.change_threshold,
            compartments: content
                .compartments
                .iter()
                .map(|compartment| compartment.code())
                .collect(),
            members: members.collect(),
            policy_packs: packs.collect(),
            calendars: calendars.collect(),
        }
    }
}

fn key_ids(keys: &[PublicKey]) -> Vec<String> {
    keys.iter().map(|key| key.key_id().to_string()).collect()
}
