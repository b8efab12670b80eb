//! `concordat profile`: nodes under a name, so that address and token need not be said each time.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::client;
use crate::exit::Failure;
use crate::output::{self, Format, Output, Row};
use crate::profiles::{Profile, Profiles};
use crate::token_file;

/// What can be done with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists the profiles; the one in use has a star.
    List,
    /// Shows one; the one in use, if none is named.
    Show(Show),
    /// Makes a profile, or changes what is said in one.
    Set(Set),
    /// Takes this profile where none is named.
    Use(Named),
    /// Deletes a profile. The file with its token stays.
    Delete(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name.
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name.
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its name: letters, digits, hyphens.
    #[arg(value_parser = name)]
    name: String,
    /// Address of the node, such as http://127.0.0.1:7171.
    #[arg(long, value_name = "URL", value_parser = server)]
    server: Option<String>,
    /// File with the API token, mode 0600. The profile names the file and never holds the token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How answers are printed unless --output says.
    #[arg(long, value_enum, value_name = "FORMAT")]
    default_output: Option<Output>,
}

fn name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if !text.is_empty() && text.len() <= 63 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err("a name is 1 to 63 letters, digits and hyphens".to_owned())
}

fn server(text: &str) -> Result<String, String> {
    client::check_server(text).map_err(|failure| failure.to_string())?;
    Ok(text.to_owned())
}

/// A profile as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    current: bool,
    server: Option<String>,
    token_file: Option<PathBuf>,
    output: Option<Output>,
}

impl Shown {
    fn of(all: &Profiles, name: &str, profile: &Profile) -> Self {
        Self {
            name: name.to_owned(),
            current: all.current.as_deref() == Some(name),
            server: profile.server.clone(),
            token_file: profile.token_file.clone(),
            output: profile.output,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["PROFILE", "CURRENT", "SERVER", "TOKEN FILE", "OUTPUT"];

    fn cells(&self) -> Vec<String> {
        let file = self.token_file.as_ref();
        let output = self
            .output
            .map(|output| format!("{output:?}").to_lowercase());
        vec![
            self.name.clone(),
            if self.current { "*" } else { "" }.to_owned(),
            self.server.clone().unwrap_or_default(),
            file.map(|file| file.display().to_string())
                .unwrap_or_default(),
            output.unwrap_or_default(),
        ]
    }
}

/// Runs a profile command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    let mut all = Profiles::read()?;
    match verb {
        Verb::List => {
            let each = all.profiles.iter();
            let shown: Vec<Shown> = each
                .map(|(name, profile)| Shown::of(&all, name, profile))
                .collect();
            output::rows(format, &shown)
        }
        Verb::Show(asked) => {
            let name = asked
                .name
                .or_else(|| all.current.clone())
                .ok_or_else(|| Failure::NotFound("no profile is in use; name one".to_owned()))?;
            print(&all, &name, format)
        }
        Verb::Set(asked) => set(&mut all, asked, format),
        Verb::Use(asked) => {
            all.get(&asked.name)?;
            all.current = Some(asked.name.clone());
            all.write()?;
            print(&all, &asked.name, format)
        }
        Verb::Delete(asked) => {
            let profile = all.get(&asked.name)?.clone();
            all.profiles.remove(&asked.name);
            if all.current.as_deref() == Some(asked.name.as_str()) {
                all.current = None;
            }
            all.write()?;
            eprintln!("concordat: deleted; this is what it said");
            shown(&Shown::of(&all, &asked.name, &profile), format)
        }
    }
}

fn set(all: &mut Profiles, asked: Set, format: Format) -> Result<(), Failure> {
    let profile = all.profiles.entry(asked.name.clone()).or_default();
    if let Some(server) = asked.server {
        profile.server = Some(server);
    }
    if let Some(file) = asked.token_file {
        // Looked at now: a wrong mode should not show at the first call only.
        token_file::read(&file)?;
        let file = std::path::absolute(&file)
            .with_context(|| format!("cannot say where {} is", file.display()))?;
        profile.token_file = Some(file);
    }
    if let Some(output) = asked.default_output {
        profile.output = Some(output);
    }
    all.write()?;
    print(all, &asked.name, format)
}

fn print(all: &Profiles, name: &str, format: Format) -> Result<(), Failure> {
    shown(&Shown::of(all, name, all.get(name)?), format)
}

fn shown(one: &Shown, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Csv => output::rows(format, std::slice::from_ref(one)),
        Format::Json | Format::Ndjson => output::json(format, one),
    }
}
