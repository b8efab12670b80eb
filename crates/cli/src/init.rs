//! `concordat init`: what an organisation needs before it can run a node.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use concordat_domain::calendar::Calendars;
use concordat_domain::ids::OrganisationId;
use serde::Serialize;

use crate::config::{CONFIG_FILE, Starting, TOKEN_FILE};
use crate::exit::Failure;
use crate::output::{self, Format};
use crate::{key_file, secret_file, token_file};

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
    /// Make what is needed to take part in a partnership: a signing key, and the entry for the partnership file.
    #[arg(long, required_unless_present = "config")]
    partnership: bool,
    /// Where the starting configuration goes, if not into `concordat.toml` in the data directory. Without `--partnership` only the
    /// configuration and the API token are made, for a key that is there already.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory of the node. It is made with mode 0700; the signing key goes into its file `signing.key` and the API token into
    /// `api.token`, mode 0600.
    #[arg(long)]
    dir: PathBuf,
    /// Code of the organisation: `ods:…`, `gss:…` or `cqc:…`.
    #[arg(long, value_name = "CODE")]
    organisation: OrganisationId,
    #[command(flatten)]
    about: About,
}

/// What the entry says of the organisation. Needed with `--partnership`.
#[derive(Debug, Args)]
struct About {
    /// Name of the organisation, for people.
    #[arg(long, required_if_eq("partnership", "true"))]
    name: Option<String>,
    /// What kind of body it is.
    #[arg(long, required_if_eq("partnership", "true"), value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// National calendar by which its working days are counted: EW (England and Wales), SCT (Scotland), NI (Northern Ireland).
    #[arg(long, required_if_eq("partnership", "true"))]
    calendar: Option<String>,
    /// How people reach its complaints team. All members will read it: no person's name or address.
    #[arg(long, default_value = "")]
    contact: String,
    /// Post of the responsible person, such as `chief-executive`. Posts are named, never the people in them.
    #[arg(long, value_name = "POST", required_if_eq("partnership", "true"))]
    responsible_person: Option<String>,
    /// Post of the complaints manager.
    #[arg(long, value_name = "POST", required_if_eq("partnership", "true"))]
    complaints_manager: Option<String>,
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
    #[serde(flatten)]
    made: Made,
    #[serde(flatten)]
    key: Option<Key>,
}

/// What a node is run with, besides its key.
#[derive(Debug, Serialize)]
struct Made {
    configuration: PathBuf,
    token_file: PathBuf,
}

/// A fresh key, and the entry that makes it known.
#[derive(Debug, Serialize)]
struct Key {
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

/// Makes the data directory and what belongs into it, and prints the entry.
pub(crate) fn run(asked: Init, format: Format) -> Result<(), Failure> {
    let Init {
        partnership,
        config,
        dir,
        organisation,
        about,
    } = asked;
    // Everything that can be wrong with the options shows before anything is made on disk.
    let entry = if partnership {
        Some(about.entry(organisation.clone())?)
    } else {
        None
    };
    if entry.is_none() && config.as_deref().is_some_and(Path::exists) {
        return Err(Failure::Precondition(
            "the configuration is there already and is not overwritten".to_owned(),
        ));
    }
    let key = match entry {
        Some(entry) => Some(Key::make(&dir, entry)?),
        None => {
            secret_file::make_directory(&dir)?;
            None
        }
    };
    let made = Made::make(config, &dir, &organisation)?;
    if format == Format::Table {
        print(&made, key)
    } else {
        output::json(format, &Answer { made, key })
    }
}

fn print(made: &Made, key: Option<Key>) -> Result<(), Failure> {
    eprintln!(
        "concordat: the configuration is {}; see what it says before you start the node",
        made.configuration.display()
    );
    eprintln!(
        "concordat: the token for local systems is in {}",
        made.token_file.display()
    );
    let Some(key) = key else { return Ok(()) };
    let part = Part {
        organisations: [key.entry],
    };
    let toml = toml::to_string(&part).context("the entry cannot be written as TOML")?;
    eprintln!(
        "concordat: the private key is in {}; keep a copy of it where only you can reach it",
        key.key_file.display()
    );
    output::line(format!("# key id {}\n{toml}", key.key_id).trim_end())
}

impl Key {
    fn make(dir: &Path, mut entry: Entry) -> Result<Self, Failure> {
        let (key_file, public_key) = key_file::create(dir)?;
        let key_id = public_key.key_id().to_string();
        entry.signing_keys.push(public_key.into());
        Ok(Self {
            key_file,
            key_id,
            entry,
        })
    }
}

impl Made {
    /// Token and configuration, as far as they are not there: someone may have changed them, and clients may have the token.
    fn make(
        config: Option<PathBuf>,
        dir: &Path,
        organisation: &OrganisationId,
    ) -> Result<Self, Failure> {
        let token_file = dir.join(TOKEN_FILE);
        if !token_file.exists() {
            token_file::create(&token_file)?;
        }
        let data_directory = match &config {
            Some(_) => std::path::absolute(dir)
                .with_context(|| format!("cannot say where {} is", dir.display()))?,
            None => PathBuf::from("."),
        };
        let configuration = config.unwrap_or_else(|| dir.join(CONFIG_FILE));
        let text = Starting {
            organisation,
            data_directory: &data_directory,
        }
        .text();
        match File::create_new(&configuration) {
            Ok(mut file) => file
                .write_all(text.as_bytes())
                .with_context(|| format!("cannot write {}", configuration.display()))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::Failed(
                    anyhow::Error::new(error)
                        .context(format!("cannot make {}", configuration.display())),
                ));
            }
        }
        Ok(Self {
            configuration,
            token_file,
        })
    }
}

impl About {
    /// The entry as far as it is known without the key.
    fn entry(self, organisation: OrganisationId) -> Result<Entry, Failure> {
        let calendar = given(self.calendar, "--calendar")?;
        let calendars = Calendars::built_in();
        if !calendars.names().contains(calendar.as_str()) {
            let known: Vec<&str> = calendars.names().into_iter().collect();
            return Err(Failure::NotFound(format!(
                "no calendar is called {calendar}; known are {}",
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
        Ok(Entry {
            id: organisation,
            name: given(self.name, "--name")?,
            kind: given(self.kind, "--kind")?,
            calendar,
            // Who makes a key here will run a node.
            participation: "node",
            responsible_person: given(self.responsible_person, "--responsible-person")?,
            complaints_manager: given(self.complaints_manager, "--complaints-manager")?,
            contact: self.contact,
            commissioned_by: self.commissioned_by,
            signing_keys: Vec::new(),
            posts,
        })
    }
}

/// An option that clap has seen to, said again where it is used.
fn given(value: Option<String>, option: &str) -> Result<String, Failure> {
    value.ok_or_else(|| Failure::Usage(format!("--partnership needs {option}")))
}
