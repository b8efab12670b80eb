//! Writes a pack as a stream, from front to back, with bounded memory: bundles and cases go out in members of a few megabytes.

use std::collections::BTreeSet;
use std::io::{self, Write};

use concordat_domain::calendar::Calendars;
use concordat_domain::policy::PolicyPack;
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::{Hash, PartnershipId};
use concordat_trust::packed::{Carried, Packed};
use concordat_trust::partnership::PartnershipFile;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::claims::{CaseClaim, CaseKeysOf};
use crate::manifest::{
    ACCESS, BUNDLES, CALENDARS, CLAIMS, Counts, EVENTS, Exported, FORMAT, KEYS, MANIFEST, Manifest,
    ManifestSignature, Member, PARTNERSHIP, POLICY_PACKS, README, Range, SIGNATURE, Scope,
    TIMELINES,
};
use crate::timeline;

/// A member ends when it has this many bytes: small enough to be held in memory by whoever writes it.
const SHARD_BYTES: usize = 4 * 1024 * 1024;

/// Why a pack could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream below failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The ZIP could not be written.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    /// Something could not be said in JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// What is known of a pack before anything is written. Together with what the node keeps it decides every byte, so that a transfer that
/// broke off can be taken up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The partnership.
    pub partnership: PartnershipId,
    /// What it is about.
    pub scope: Scope,
    /// Up to where.
    pub range: Range,
    /// By whom, when and why.
    pub exported: Exported,
    /// The compartments whose keys go in.
    pub compartments: BTreeSet<Compartment>,
}

/// What goes in about one case.
#[derive(Debug)]
pub struct CaseFacts {
    /// What the node had computed.
    pub claim: CaseClaim,
    /// The keys of the chosen compartments.
    pub keys: CaseKeysOf,
    /// Its events as CloudEvents, as far as they can be read with those keys.
    pub events: Vec<Value>,
}

/// A pack on its way out. First [`Self::begin`], then bundles in log order, then cases in ascending order of their ids.
pub struct PackWriter<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    options: SimpleFileOptions,
    manifest: Manifest,
    bundles: Shards,
    claims: Shards,
    keys: Shards,
    events: Shards,
    timelines: Shards,
    access: Vec<u8>,
}

/// The members of one folder: the one that is being filled, and its number.
#[derive(Debug)]
struct Shards {
    folder: &'static str,
    ending: &'static str,
    number: u32,
    bytes: Vec<u8>,
}

impl Shards {
    fn new(folder: &'static str, ending: &'static str) -> Self {
        Self {
            folder,
            ending,
            number: 0,
            bytes: Vec::new(),
        }
    }

    /// Name and bytes of the member that is full; nothing if there is nothing in it.
    fn take(&mut self) -> Option<(String, Vec<u8>)> {
        if self.bytes.is_empty() {
            return None;
        }
        let name = format!("{}{:05}.{}", self.folder, self.number, self.ending);
        self.number += 1;
        Some((name, std::mem::take(&mut self.bytes)))
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.bytes, line)?;
        self.bytes.push(b'\n');
        Ok(())
    }
}

impl<W: Write> PackWriter<W> {
    /// Begins a pack and writes what is the same for all cases.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is of use.
    pub fn begin<'a>(
        out: W,
        plan: Plan,
        partnership: &PartnershipFile,
        packs: impl IntoIterator<Item = &'a PolicyPack>,
        calendars: &Calendars,
    ) -> Result<Self, Error> {
        let mut writer = Self {
            zip: ZipWriter::new_stream(out),
            options: SimpleFileOptions::default()
                .last_modified_time(zip_time(plan.exported.at))
                .unix_permissions(0o600),
            manifest: Manifest {
                format: FORMAT,
                partnership: plan.partnership,
                scope: plan.scope,
                range: plan.range,
                exported: plan.exported,
                compartments: plan.compartments,
                counts: Counts::default(),
                members: Vec::new(),
            },
            bundles: Shards::new(BUNDLES, "binpb"),
            claims: Shards::new(CLAIMS, "ndjson"),
            keys: Shards::new(KEYS, "ndjson"),
            events: Shards::new(EVENTS, "ndjson"),
            timelines: Shards::new(TIMELINES, "html"),
            access: Vec::new(),
        };
        let readme = readme(&writer.manifest);
        writer.member(README, readme.as_bytes())?;
        writer.member(PARTNERSHIP, partnership.canonical().as_bytes())?;
        for pack in packs {
            let name = format!("{POLICY_PACKS}{}.toml", pack.id());
            writer.member(&name, pack.text().as_bytes())?;
        }
        writer.member(CALENDARS, calendars.text().as_bytes())?;
        Ok(writer)
    }

    /// Adds the next bundle, in log order.
    ///
    /// # Errors
    /// [`Error`].
    pub fn bundle(&mut self, packed: &Packed) -> Result<(), Error> {
        let entry = packed.encode();
        self.manifest.counts.bundles += 1;
        let whole = |carried: &&Carried| carried.envelope().is_some();
        self.manifest.counts.envelopes += packed.envelopes.iter().filter(whole).count() as u64;
        write_length(&mut self.bundles.bytes, entry.len());
        self.bundles.bytes.extend_from_slice(&entry);
        if self.bundles.bytes.len() >= SHARD_BYTES {
            self.flush_bundles()?;
        }
        Ok(())
    }

    /// Adds the next case, in ascending order of ids.
    ///
    /// # Errors
    /// [`Error`].
    pub fn case(&mut self, facts: &CaseFacts) -> Result<(), Error> {
        self.manifest.counts.cases += 1;
        self.claims.line(&facts.claim)?;
        if !facts.keys.keys.is_empty() {
            self.keys.line(&facts.keys)?;
        }
        for event in &facts.events {
            self.events.line(event)?;
        }
        if self.timelines.bytes.is_empty() {
            let head = timeline::head(&self.manifest);
            self.timelines.bytes.extend_from_slice(head.as_bytes());
        }
        let section = timeline::section(&facts.claim, &facts.events);
        self.timelines.bytes.extend_from_slice(section.as_bytes());
        let shards = [&self.claims, &self.keys, &self.events, &self.timelines];
        if shards
            .iter()
            .any(|shards| shards.bytes.len() >= SHARD_BYTES)
        {
            self.flush_cases()?;
        }
        Ok(())
    }

    /// Adds an access record: who read or exported what, as the node kept it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn access(&mut self, record: &Value) -> Result<(), Error> {
        serde_json::to_writer(&mut self.access, record)?;
        self.access.push(b'\n');
        Ok(())
    }

    /// Writes all that is left but the manifest, and gives that: to be signed, and handed to [`Self::finish`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        self.flush_bundles()?;
        self.flush_cases()?;
        let access = std::mem::take(&mut self.access);
        self.member(ACCESS, &access)?;
        Ok(self.manifest.to_bytes()?)
    }

    /// Writes the manifest and its signature, and ends the pack.
    ///
    /// # Errors
    /// [`Error`].
    pub fn finish(mut self, manifest: &[u8], signature: &ManifestSignature) -> Result<W, Error> {
        self.put(MANIFEST, manifest, CompressionMethod::Deflated)?;
        let signature = serde_json::to_vec_pretty(signature)?;
        self.put(SIGNATURE, &signature, CompressionMethod::Deflated)?;
        Ok(self.zip.finish()?.into_inner())
    }

    /// Ends the members of the bundles; also called before the first case.
    fn flush_bundles(&mut self) -> Result<(), Error> {
        if let Some((name, bytes)) = self.bundles.take() {
            self.member(&name, &bytes)?;
        }
        Ok(())
    }

    fn flush_cases(&mut self) -> Result<(), Error> {
        self.flush_bundles()?;
        if !self.timelines.bytes.is_empty() {
            self.timelines
                .bytes
                .extend_from_slice(timeline::END.as_bytes());
        }
        let shards = [
            self.claims.take(),
            self.keys.take(),
            self.events.take(),
            self.timelines.take(),
        ];
        for (name, bytes) in shards.into_iter().flatten() {
            self.member(&name, &bytes)?;
        }
        Ok(())
    }

    /// A member that the manifest lists. What is sealed does not get smaller, and verifiers read places in it, so it is stored as it is.
    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let method = if name.starts_with(BUNDLES) {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        self.put(name, bytes, method)?;
        self.manifest.members.push(Member {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: Hash(Sha256::digest(bytes).into()),
        });
        Ok(())
    }

    fn put(&mut self, name: &str, bytes: &[u8], method: CompressionMethod) -> Result<(), Error> {
        self.zip
            .start_file(name, self.options.compression_method(method))?;
        self.zip.write_all(bytes)?;
        Ok(())
    }
}

/// A length as a varint, in front of what it is of.
fn write_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length as u64;
    while rest >= 0x80 {
        // The low seven bits, and a mark that more follow.
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The time of the members: that of the export, to the two seconds that ZIP knows. Out of its range, its first.
fn zip_time(at: jiff::Timestamp) -> DateTime {
    let at = TimeZone::UTC.to_datetime(at);
    let field = |value: i8| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(at.year()).unwrap_or_default();
    DateTime::from_date_and_time(
        year,
        field(at.month()),
        field(at.day()),
        field(at.hour()),
        field(at.minute()),
        field(at.second()),
    )
    .unwrap_or_default()
}

fn readme(manifest: &Manifest) -> String {
    let scope = match &manifest.scope {
        Scope::Case { case } => format!("case {case}"),
        Scope::Organisation { organisation } => format!("organisation {organisation}"),
        Scope::Partnership => "the whole log of the partnership".to_owned(),
    };
    let opened: Vec<&str> = manifest
        .compartments
        .iter()
        .map(|compartment| compartment.code())
        .collect();
    let opened = if opened.is_empty() {
        "none: what the events say cannot be read from this pack".to_owned()
    } else {
        opened.join(", ")
    };
    format!(
        "Audit pack, format {FORMAT}\n\n\
         About:        {scope}\n\
         Partnership:  {partnership}\n\
         Up to:        {size} bundles, head {root}\n\
         Exported by:  {by} at {at}\n\
         Keys for:     {opened}\n\n\
         Whoever has this file can read everything for which it holds keys (keys/), and must keep it as securely as the records\n\
         themselves.\n\n\
         timelines/      what happened, to read in a browser; no network is needed\n\
         events/         the same as CloudEvents 1.0, one JSON object a line\n\
         bundles/        the record: what the organisations signed, byte for byte\n\
         partnership.json, policy-packs/, calendars.json\n\
         \x20               who they are, and the rules by which events were judged and dates computed\n\
         claims/         what the exporting node computed; a verifier computes it again\n\
         keys/           what opens the sealed parts\n\
         access.ndjson   who read this at the exporting node, as far as it kept that\n\
         manifest.json   what is in here, with hashes; manifest.sig.json signs it\n\n\
         To verify, without network and without trust in whoever gave you this file:\n\n\
         \x20   concordat audit verify FILE --partnership PARTNERSHIP.toml\n\n\
         The format is described, for those who write a verifier of their own, in docs/reference/audit-pack.md of concordat.\n",
        partnership = manifest.partnership,
        size = manifest.range.size,
        root = manifest.range.root,
        by = manifest.exported.by,
        at = manifest.exported.at,
    )
}
