//! Verification of a pack, offline: first its files, then the record, then everything that follows from the record.
//!
//! ```text
//! members ── hashes, signature of the manifest, rules as pinned
//! log ────── signatures, chains, admission, tree, head            one pass over the bundles; keeps where each envelope stands
//! cases ──── opens `process`, judges anew, compares with claims   case by case, reading its envelopes again
//! ```
//!
//! Memory: about 100 bytes for each bundle and 24 for each envelope, one case at a time, and never a content as a whole.

pub mod cases;
mod index;
mod log;
mod members;

use std::io::{Read, Seek};

use concordat_domain::calendar::Calendars;
use concordat_domain::policy::PolicyPacks;
use concordat_trust::digest::{Hash, PartnershipId};
use concordat_trust::partnership::PartnershipFile;
use serde::Serialize;

use crate::finding::{Code, Finding, Place};
use crate::manifest::{Counts, EVENTS, Exported, Range, Scope, TIMELINES};
use crate::read::{Error, Pack};

pub(crate) use log::Record;

/// Most findings that are kept with their texts; one fault early in a log makes many. The others are counted.
const FINDINGS_MAX: usize = 1000;

/// What the auditor knows from elsewhere. Without any of it a pack proves only that it agrees with itself.
#[derive(Debug, Clone, Default)]
pub struct Anchor {
    /// The partnership id, from a partnership file or a fingerprint that came by another way than the pack.
    pub partnership: Option<PartnershipId>,
    /// A head seen earlier: number of bundles and tree head.
    pub trusted_head: Option<(u64, Hash)>,
}

/// What is being done, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hashes of the files, in bytes.
    Files,
    /// Bundles.
    Bundles,
    /// Cases, in envelopes.
    Cases,
}

/// Told how far it is: stage, done, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// Something that a pack, with what the auditor has, cannot show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotProven {
    /// Stable code.
    pub code: &'static str,
    /// What is not proven and what would prove it.
    pub text: String,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Files hashed.
    pub members: u64,
    /// Bundles whose signature, chain and place were verified.
    pub bundles: u64,
    /// Envelopes under them that are here.
    pub envelopes: u64,
    /// Bundles that two other organisations, or the only other, covered.
    pub witnessed: u64,
    /// Cases in the pack.
    pub cases: u64,
    /// Cases that were opened and judged anew.
    pub cases_judged: u64,
    /// Rulings computed anew and compared.
    pub rulings: u64,
    /// Deadlines computed anew and compared.
    pub deadlines: u64,
    /// Parts that the signed headers name and that are not here: erased, or never handed on.
    pub parts_absent: u64,
}

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was found.
    pub clean: bool,
    /// SHA-256 of the manifest: names this pack.
    pub pack: Hash,
    /// The partnership id that the pack is of: compare it with what you know from elsewhere.
    pub fingerprint: PartnershipId,
    /// Whether it was compared with something from elsewhere.
    pub anchored: bool,
    /// What the pack is about.
    pub scope: Scope,
    /// Up to where it reaches.
    pub range: Range,
    /// Who exported it, when and why.
    pub exported: Exported,
    /// What its manifest says is in it.
    pub counts: Counts,
    /// What was looked at.
    pub checked: Checked,
    /// What does not hold, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Findings beyond those, only counted.
    pub findings_left_out: u64,
    /// What is not proven.
    pub not_proven: Vec<NotProven>,
}

/// Findings as they come in.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, code: Code, place: Place, particulars: &str) {
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(Finding::new(code, place, particulars));
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.kept, self.left_out)
    }
}

/// The rules that a pack carries.
pub(crate) struct Rulebook {
    pub(crate) partnership: PartnershipFile,
    pub(crate) packs: PolicyPacks,
    pub(crate) calendars: Calendars,
}

/// Verifies a pack. `again` reads the same file: places in it are visited while its members are read.
///
/// # Errors
/// [`Error`]: the file is no pack that can be read; everything else is a finding.
pub fn verify<R: Read + Seek, S: Read + Seek>(
    file: R,
    mut again: S,
    anchor: &Anchor,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let mut pack = Pack::open(file)?;
    let mut findings = Findings::default();
    let mut checked = Checked::default();
    let mut not_proven = Vec::new();

    members::check(&mut pack, &mut findings, &mut checked, progress)?;
    let rulebook = members::rulebook(&mut pack, anchor, &mut findings)?;
    if let Some(rulebook) = &rulebook {
        let record = log::check(&mut pack, rulebook, &mut findings, &mut checked, progress)?;
        members::check_signature(&pack, &record, &mut findings);
        members::check_pins(rulebook, &record, &mut findings);
        record.check_head(&pack.manifest, anchor, &mut findings, &mut not_proven);
        let mut cases = cases::Bench {
            pack: &mut pack,
            again: &mut again,
            record: &record,
            rulebook,
            findings: &mut findings,
            checked: &mut checked,
        };
        let opened = cases.run(progress)?;
        opened.say(&mut not_proven);
        check_counts(
            &pack.manifest.counts,
            &checked,
            opened.claims,
            &mut findings,
        );
    }
    say_what_is_not_proven(&pack, anchor, &checked, &mut not_proven);

    let (findings, findings_left_out) = findings.into_parts();
    Ok(Report {
        clean: findings.is_empty(),
        pack: crate::manifest::Manifest::id_of(&pack.manifest_bytes),
        fingerprint: pack.manifest.partnership,
        anchored: anchor.partnership.is_some(),
        scope: pack.manifest.scope.clone(),
        range: pack.manifest.range.clone(),
        exported: pack.manifest.exported.clone(),
        counts: pack.manifest.counts,
        checked,
        findings,
        findings_left_out,
        not_proven,
    })
}

fn check_counts(said: &Counts, checked: &Checked, cases: u64, findings: &mut Findings) {
    let found = Counts {
        bundles: checked.bundles,
        envelopes: checked.envelopes,
        cases,
    };
    if found != *said {
        let particulars = format!(
            "{} bundles, {} envelopes, {} cases; the manifest says {}, {}, {}",
            found.bundles, found.envelopes, found.cases, said.bundles, said.envelopes, said.cases
        );
        findings.add(
            Code::CountsDiffer,
            Place::member(crate::manifest::MANIFEST),
            &particulars,
        );
    }
}

fn say_what_is_not_proven<R: Read + Seek>(
    pack: &Pack<R>,
    anchor: &Anchor,
    checked: &Checked,
    not_proven: &mut Vec<NotProven>,
) {
    let mut say = |code, text| not_proven.push(NotProven { code, text });
    if anchor.partnership.is_none() {
        say(
            "partnership-not-compared",
            format!(
                "That this is the partnership you mean: whoever made the pack could have made up the organisations and their keys too. \
                 Give --partnership with a copy of its file, or --fingerprint {} once somebody you trust has confirmed it.",
                pack.manifest.partnership
            ),
        );
    }
    if anchor.trusted_head.is_none() {
        say(
            "end-not-compared",
            "That nothing was taken off the end of the log before the export: give --trusted-head with a head that you saw earlier, or \
             cross-check the pack of another organisation."
                .to_owned(),
        );
    }
    if !pack.manifest.scope.is_whole() {
        say(
            "parts-of-the-log",
            "That nothing else concerns this scope: the pack holds parts of the log. Envelopes left out between others of the same author \
             or known to a later author would have been found; those after the last would not."
                .to_owned(),
        );
    }
    let is_rendering = |name: &str| name.starts_with(EVENTS) || name.starts_with(TIMELINES);
    if pack
        .manifest
        .members
        .iter()
        .any(|one| is_rendering(&one.name))
    {
        say(
            "renderings-not-recomputed",
            "That timelines/ and events/ say what the envelopes say: they are renderings by whoever made the pack, under its signature. What was \
             computed anew here rests on the envelopes alone."
                .to_owned(),
        );
    }
    if checked.witnessed < checked.bundles {
        say(
            "not-witnessed",
            format!(
                "That other organisations know the last {} bundles: nobody but their authors had confirmed them up to here.",
                checked.bundles - checked.witnessed
            ),
        );
    }
}
