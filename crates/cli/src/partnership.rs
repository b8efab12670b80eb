//! `concordat partnership`: the file on which a partnership stands, for people who write one or sign up to one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use concordat_trust::partnership::{Content, PartnershipFile};
use concordat_trust::signing::PublicKey;
use serde::Serialize;

use crate::change;
use crate::config;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::pins::{self, Calendar, Pack, Pins};
use crate::{pack_file, toml_file};

/// What can be done with a partnership file.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Reads a partnership file as a node would, and prints what it says.
    ///
    /// The id is the hash of the content: layout and comments do not change it, anything else does. All members must see the same
    /// id before they start their nodes.
    ///
    /// Each policy pack and calendar is shown with the hash that was agreed and the one that this release, or a file given with it, has;
    /// exit code 7 if they differ, or if a pack has a figure that nobody has checked yet.
    Check(Check),
    /// Prints the lines with which a partnership file pins the policy packs and calendars of this release.
    ///
    /// They go among the partnership's own lines, above the first `[[organisations]]`. Take out what does not apply: what is pinned must
    /// be there, word for word, in the release that each member runs.
    Packs(Packs),
    /// What the members record together: a change is made, signed by each on its own machine, and handed to a node.
    #[command(subcommand)]
    Change(change::Verb),
}

/// Which packs beside those of the release.
#[derive(Debug, Args)]
pub(crate) struct Packs {
    /// A policy pack of the partnership's own; may be repeated.
    #[arg(long = "pack", value_name = "FILE")]
    packs: Vec<PathBuf>,
}

/// The file to read.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The partnership file, TOML.
    file: PathBuf,
    #[command(flatten)]
    own: Packs,
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

/// Runs a partnership command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    match verb {
        Verb::Check(asked) => check(&asked, format),
        Verb::Packs(asked) => packs(&asked, format),
        Verb::Change(verb) => change::run(verb, format),
    }
}

fn check(asked: &Check, format: Format) -> Result<(), Failure> {
    let file = read(&asked.file)?;
    let pins = Pins::of(file.content(), &pack_file::with_release(&asked.own.packs)?);
    let differences = pins.differences();
    let open: Vec<String> = pins.open().collect();
    let answer = Answer::new(&file, pins);
    if format == Format::Table {
        output::line(&format!("partnership {} ({})", answer.id, answer.name))?;
        rows(&answer.members)?;
        rows(&answer.policy_packs)?;
        rows(&answer.calendars)?;
        for open in open {
            output::line(&open)?;
        }
    } else {
        output::json(format, &answer)?;
    }
    match differences {
        None => Ok(()),
        Some(_) => Err(Failure::Differences),
    }
}

fn packs(asked: &Packs, format: Format) -> Result<(), Failure> {
    let lines = pins::lines(&pack_file::with_release(&asked.packs)?);
    if format == Format::Table {
        return output::line(&lines);
    }
    let carried: toml::Value = toml::from_str(&lines).map_err(anyhow::Error::from)?;
    output::json(format, &carried)
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

impl Answer {
    fn new(file: &PartnershipFile, pins: Pins) -> Self {
        let content = file.content();
        let members = content.organisations.iter().map(|member| Member {
            id: member.id.to_string(),
            name: member.name.clone(),
            kind: member.kind.clone(),
            calendar: member.calendar.clone(),
            participation: member.participation.clone(),
            key_ids: key_ids(&member.signing_keys),
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
            policy_packs: pins.packs,
            calendars: pins.calendars,
        }
    }
}

fn key_ids(keys: &[PublicKey]) -> Vec<String> {
    keys.iter().map(|key| key.key_id().to_string()).collect()
}
