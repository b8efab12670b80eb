//! `concordat partnership change`: what the members of a partnership record together, from one hand to the next.
//!
//! One makes a change file, each signer adds its signature on its own machine, one hands it in. Making and signing need no network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use concordat_codec::event::directory_from_input;
use concordat_codec::form;
use concordat_domain::events::{EventType, Who, row};
use concordat_domain::ids::{EventId, OrganisationId};
use concordat_proto::{json, v1};
use concordat_trust::admission::UnsignedChange;
use concordat_trust::digest::KeyId;
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::Signature;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{self, Connection, fresh_event_id};
use crate::config;
use crate::event::print_receipt;
use crate::exit::Failure;
use crate::key_file;
use crate::output::{self, Format};
use crate::partnership;

/// One organisation's signature, with the key that made it.
type Signed = (OrganisationId, (KeyId, Signature));

/// What can be done with a change.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a change file with an event that the partnership records together, such as `organisation-retired`. Nobody has signed it yet.
    New(New),
    /// Prints what a change file says and who has signed it, with whether that is enough by the partnership file.
    Show(Show),
    /// Signs a change file with an organisation's key, having printed what is signed. Run it where the key lies; nothing is sent.
    Sign(Sign),
    /// Hands a change file to a node, which puts it on the log; refused if it would have no effect.
    Emit(Emit),
}

/// An event to be signed.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The partnership file: a change counts in its partnership only.
    #[arg(long, value_name = "FILE")]
    partnership: PathBuf,
    /// Type of the event.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: String,
    /// File with the event's fields as a JSON object, in the words of scenario files.
    #[arg(long, value_name = "FILE")]
    fields: PathBuf,
    /// When it happened; now, if not given.
    #[arg(long, value_name = "INSTANT")]
    occurred_at: Option<Timestamp>,
    /// Where to write the change file; it must not be there.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A file to look at.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The change file.
    file: PathBuf,
    /// The partnership file, to check signatures and count them.
    #[arg(long, value_name = "FILE")]
    partnership: PathBuf,
}

/// Who signs.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The change file; the signature is added to it.
    file: PathBuf,
    /// The partnership file.
    #[arg(long, value_name = "FILE")]
    partnership: PathBuf,
    /// The organisation that signs.
    #[arg(long, value_name = "CODE")]
    organisation: OrganisationId,
    /// Its node's data directory, in which its key lies.
    #[arg(long, value_name = "DIRECTORY")]
    data: PathBuf,
}

/// A signed file on its way to the log.
#[derive(Debug, Args)]
pub(crate) struct Emit {
    #[command(flatten)]
    connection: Connection,
    /// The change file.
    file: PathBuf,
}

/// A change file: the bytes that are signed, and the signatures so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeFile {
    #[serde(with = "hex::serde")]
    change: Vec<u8>,
    signatures: Vec<SignatureEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureEntry {
    organisation: OrganisationId,
    #[serde(with = "hex::serde")]
    key_id: Vec<u8>,
    #[serde(with = "hex::serde")]
    signature: Vec<u8>,
}

/// What a change says, as people read it.
#[derive(Debug, Serialize)]
struct Shown {
    event_id: String,
    event_type: String,
    occurred_at: String,
    fields: Value,
    signed_by: Vec<String>,
    needed: u32,
}

/// Runs a command on a change.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    match verb {
        Verb::New(asked) => new(&asked, format),
        Verb::Show(asked) => show(&asked, format),
        Verb::Sign(asked) => sign(&asked, format),
        Verb::Emit(asked) => client::block_on(emit(asked, format)),
    }
}

fn new(asked: &New, format: Format) -> Result<(), Failure> {
    let partnership = partnership::read(&asked.partnership)?;
    let event_type: EventType = asked
        .event_type
        .parse()
        .map_err(|error| Failure::Usage(format!("{error}; `concordat event types` lists them")))?;
    if !row(event_type).who.contains(&Who::Steward) {
        return Err(Failure::Usage(format!(
            "{event_type} is no event of the partnership; an organisation records its own with `concordat event emit`"
        )));
    }
    let fields = json::parse(&config::read_text(&asked.fields)?)
        .map_err(|error| Failure::Usage(format!("the fields: {error}")))?;
    let mut input = form::read(&asked.event_type, &fields).map_err(crate::event::malformed)?;
    input.occurred_at = crate::display::wire(asked.occurred_at);
    concordat_codec::shape::validate(&input).map_err(crate::event::malformed)?;
    let event = directory_from_input(&input, Timestamp::now()).map_err(anyhow::Error::from)?;
    let change = UnsignedChange::of_event(&partnership.id(), fresh_event_id()?, &event);
    let file = ChangeFile {
        change: change.as_bytes().to_vec(),
        signatures: Vec::new(),
    };
    if asked.out.exists() {
        return Err(Failure::Precondition(format!(
            "{} is there already",
            asked.out.display()
        )));
    }
    file.write(&asked.out)?;
    file.print(&partnership, format)
}

fn show(asked: &Show, format: Format) -> Result<(), Failure> {
    let partnership = partnership::read(&asked.partnership)?;
    ChangeFile::read(&asked.file)?.print(&partnership, format)
}

fn sign(asked: &Sign, format: Format) -> Result<(), Failure> {
    let partnership = partnership::read(&asked.partnership)?;
    let mut file = ChangeFile::read(&asked.file)?;
    let key = key_file::read(&asked.data)?;
    let public = key.public_key();
    if partnership
        .signing_key(&asked.organisation, &public.key_id())
        .is_none()
    {
        return Err(Failure::Precondition(format!(
            "the partnership file lists another key for {}",
            asked.organisation
        )));
    }
    let change = file.unsigned(&partnership)?;
    let (key_id, signature) = change.sign(&key);
    file.signatures
        .retain(|known| known.organisation != asked.organisation);
    file.signatures.push(SignatureEntry {
        organisation: asked.organisation.clone(),
        key_id: key_id.0.to_vec(),
        signature: signature.to_vec(),
    });
    file.write(&asked.file)?;
    file.print(&partnership, format)
}

async fn emit(asked: Emit, format: Format) -> Result<(), Failure> {
    let client = asked.connection.client()?;
    let file = ChangeFile::read(&asked.file)?;
    let change = UnsignedChange::from_bytes(file.change.clone());
    let (event_id, _) = event_of(&change)?;
    let record = change.with_signatures(file.signatures()?);
    let request = client.request(v1::RecordChangeRequest {
        event_id: event_id.to_string(),
        change: record,
        wait_for: v1::Stage::Unspecified.into(),
    });
    let answer = client
        .directory()
        .record_change(request)
        .await?
        .into_inner();
    print_receipt(&answer.receipt.unwrap_or_default(), format)
}

impl ChangeFile {
    fn read(path: &Path) -> Result<Self, Failure> {
        let text = config::read_text(path)?;
        let file = serde_json::from_str(&text)
            .with_context(|| format!("{} is no change file", path.display()))?;
        Ok(file)
    }

    /// Writes the file as a whole: a signature that is half there would look like a forged one.
    fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(anyhow::Error::from)?;
        let beside = path.with_extension("part");
        fs::write(&beside, format!("{text}\n"))
            .and_then(|()| fs::rename(&beside, path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// The change, if it is one of this partnership.
    fn unsigned(&self, partnership: &PartnershipFile) -> Result<UnsignedChange, Failure> {
        let change = UnsignedChange::from_bytes(self.change.clone());
        if change.partnership() == Some(partnership.id()) {
            Ok(change)
        } else {
            Err(Failure::Precondition(
                "the change is of another partnership".to_owned(),
            ))
        }
    }

    fn signatures(&self) -> Result<Vec<Signed>, Failure> {
        let read = |entry: &SignatureEntry| {
            let key_id = KeyId::try_from(entry.key_id.as_slice()).ok()?;
            let signature = Signature::try_from(entry.signature.as_slice()).ok()?;
            Some((entry.organisation.clone(), (key_id, signature)))
        };
        let signatures = self.signatures.iter().map(|entry| {
            read(entry).ok_or_else(|| {
                let organisation = &entry.organisation;
                Failure::Precondition(format!("the signature of {organisation} is malformed"))
            })
        });
        signatures.collect()
    }

    /// Prints what the bytes say, which is what is signed, and whose signatures hold.
    fn print(&self, partnership: &PartnershipFile, format: Format) -> Result<(), Failure> {
        let change = self.unsigned(partnership)?;
        let (event_id, event) = event_of(&change)?;
        let body = event
            .body
            .as_ref()
            .and_then(|body| form::write(body, &event.empty_lists));
        let (event_type, fields) = body.ok_or_else(|| anyhow!("the change carries no event"))?;
        let held = self
            .signatures()?
            .into_iter()
            .filter(|(organisation, (key_id, signature))| {
                let key = partnership.signing_key(organisation, key_id);
                key.is_some_and(|key| change.is_signed_by(key, signature))
            });
        let shown = Shown {
            event_id: event_id.to_string(),
            event_type,
            occurred_at: crate::display::instant(event.occurred_at.as_ref()),
            fields,
            signed_by: held
                .map(|(organisation, _)| organisation.to_string())
                .collect(),
            needed: partnership.content().change_threshold,
        };
        if format != Format::Table {
            return output::json(format, &shown);
        }
        output::pairs(&[
            ("event", shown.event_id),
            ("type", shown.event_type),
            ("occurred at", shown.occurred_at),
            ("signed by", shown.signed_by.join(", ")),
            ("needed", format!("{} signatures", shown.needed)),
        ])?;
        output::json(Format::Json, &shown.fields)
    }
}

fn event_of(change: &UnsignedChange) -> Result<(EventId, v1::Event), Failure> {
    let event = change.event();
    Ok(event.ok_or_else(|| anyhow!("the change carries no event"))?)
}
