//! `concordat init`: what an organisation needs before it can run a node.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use concordat_domain::calendar::Calendars;
use concordat_domain::ids::OrganisationId;
use serde::Serialize;

use crate::exit::Failure;
use crate::key_file;
use crate::output::{self, Format};

/// What kinds of bodies the directory knows (`concordat_domain::directory::Organisation::kind`).
const KINDS: [&str; 9] = [
    "nhs-trust",
    "icb",
    "gp",
    "council",
    "provider",
    "ijb",
    "health-board",
    "police",
    "other",
];

/// What to make, for whom.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Make what is needed to take part in a partnership. Nothing else can be made yet, so the option must be given.
    #[arg(long, required = true)]
    partnership: bool,
    /// Data directory of the node. It is made with mode 0700; the signing key goes into its file `signing.key`, mode 0600.
    #[arg(long)]
    dir: PathBuf,
    /// Code of the organisation: `ods:…`, `gss:…` or `cqc:…`.
    #[arg(long, value_name = "CODE")]
    organisation: OrganisationId,
    /// Name of the organisation, for people.
    #[arg(long)]
    name: String,
    /// What kind of body it is.
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS))]
    kind: String,
    /// National calendar by which its working days are counted: EW (England and Wales), SCT (Scotland), NI (Northern Ireland).
    #[arg(long)]
    calendar: String,
    /// How people reach its complaints team. All members will read it: no person's name or address.
    #[arg(long, default_value = "")]
    contact: String,
    /// Post of the responsible person, such as `chief-executive`. Posts are named, never the people in them.
    #[arg(long, value_name = "POST")]
    responsible_person: String,
    /// Post of the complaints manager.
    #[arg(long, value_name = "POST")]
    complaints_manager: String,
    /// A further post by its function, such as `chair=chair-of-the-board`; may be repeated.
    #[arg(long = "post", value_name = "FUNCTION=POST", value_parser = post)]
    posts: Vec<(String, String)>,
    /// Code of a body whose services it provides; may be repeated.
    #[arg(long, value_name = "CODE")]
    commissioned_by: Vec<OrganisationId>,
}

/// A part of a partnership file that holds one organisation.
#[derive(Debug, Serialize)]
struct Part {
    organisations: [Entry; 1],
}

/// The organisation's entry, in the order in which people read it. `concordat_trust::partnership::Member` reads it.
#[derive(Debug, Serialize)]
struct Entry {
    id: OrganisationId,
    name: String,
    kind: String,
    calendar: String,
    participation: &'static str,
    responsible_person: String,
    complaints_manager: String,
    contact: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commissioned_by: Vec<OrganisationId>,
    signing_keys: Vec<String>,
    // A table in TOML: what came after it would belong to it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    posts: BTreeMap<String, String>,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer {
    key_file: PathBuf,
    key_id: String,
    entry: Entry,
}

fn post(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((function, post)) if !function.is_empty() && !post.is_empty() => {
            Ok((function.to_owned(), post.to_owned()))
        }
        _ => Err("write FUNCTION=POST".to_owned()),
    }
}

/// Makes the data directory and the key, and prints the entry.
pub(crate) fn run(asked: Init, format: Format) -> Result<(), Failure> {
    let (dir, mut entry) = asked.entry()?;
    let (key_file, public_key) = key_file::create(&dir)?;
    let key_id = public_key.key_id().to_string();
    entry.signing_keys.push(public_key.into());
    if format == Format::Table {
        let part = Part {
            organisations: [entry],
        };
        let toml = toml::to_string(&part).context("the entry cannot be written as TOML")?;
        eprintln!(
            "concordat: the private key is in {}; keep a copy of it where only you can reach it",
            key_file.display()
        );
        return output::line(format!("# key id {key_id}\n{toml}").trim_end());
    }
    output::json(
        format,
        &Answer {
            key_file,
            key_id,
            entry,
        },
    )
}

impl Init {
    /// The data directory, and the entry as far as it is known without the key. Checked before anything is made on disk.
    fn entry(self) -> Result<(PathBuf, Entry), Failure> {
        let calendars = Calendars::built_in();
        if !calendars.names().contains(self.calendar.as_str()) {
            let known: Vec<&str> = calendars.names().into_iter().collect();
            return Err(Failure::NotFound(format!(
                "no calendar is called {}; known are {}",
                self.calendar,
                known.join(", ")
            )));
        }
        let mut posts = BTreeMap::new();
        for (function, post) in self.posts {
            if posts.contains_key(&function) {
                return Err(Failure::Usage(format!("--post {function} is given twice")));
            }
            posts.insert(function, post);
        }
        let entry = Entry {
            id: self.organisation,
            name: self.name,
            kind: self.kind,
            calendar: self.calendar,
            // Who makes a key here will run a node.
            participation: "node",
            responsible_person: self.responsible_person,
            complaints_manager: self.complaints_manager,
            contact: self.contact,
            commissioned_by: self.commissioned_by,
            signing_keys: Vec::new(),
            posts,
        };
        Ok((self.dir, entry))
    }
}
