//! The record: every bundle of a pack against admission, chains, tree and head.

use std::io::{Read, Seek};

use concordat_domain::directory::Directory;
use concordat_domain::ids::OrganisationId;
use concordat_trust::admission::{Admission, Excerpt, Misplaced, Outcome, Refusal};
use concordat_trust::bundle::{Malformed, peek_format};
use concordat_trust::digest::{BundleHash, Hash};
use concordat_trust::packed::{Packed, envelope_ranges};
use concordat_trust::partnership::PartnershipFile;

use super::index::Index;
use super::{Anchor, Checked, Findings, NotProven, Progress, Rulebook, Stage};
use crate::finding::{Code, Place};
use crate::manifest::{BUNDLES, MANIFEST, Manifest, Scope};
use crate::read::{EntryPlace, Error, Pack};

/// What the bundles of a pack come to.
pub(crate) struct Record {
    prover: Prover,
    pub(crate) index: Index,
    /// Heads that are proven prefixes of this log: size and root, ascending, for a head that the auditor trusts.
    heads: Vec<(u64, Hash)>,
    /// Whether something was left out, moved or put in, so that what authors had seen cannot be this log any more.
    broken: bool,
    next: u64,
}

/// A whole log is admitted as nodes do it; of parts each has its place proven.
enum Prover {
    Whole(Box<Admission>),
    Part(Box<Excerpt>),
}

impl Record {
    fn new(manifest: &Manifest, file: &PartnershipFile) -> Self {
        let prover = if manifest.scope.is_whole() {
            Prover::Whole(Box::new(Admission::new(file.clone())))
        } else {
            let range = &manifest.range;
            Prover::Part(Box::new(Excerpt::new(file.clone(), range.size, range.root)))
        };
        Self {
            prover,
            index: Index::default(),
            heads: Vec::new(),
            broken: false,
            next: 0,
        }
    }

    /// The directory with which the envelopes of a bundle are judged.
    pub(crate) fn judging_directory(&self, bundle: u64) -> &Directory {
        match &self.prover {
            Prover::Whole(admission) => admission.judging_directory(bundle),
            Prover::Part(excerpt) => excerpt.judging_directory(bundle),
        }
    }

    /// The directory version in force at the end.
    pub(crate) fn directory(&self) -> &PartnershipFile {
        match &self.prover {
            Prover::Whole(admission) => admission.directory(),
            Prover::Part(excerpt) => excerpt.directory(),
        }
    }

    /// Every directory version that came into force.
    pub(crate) fn directories(&self) -> Box<dyn Iterator<Item = &PartnershipFile> + '_> {
        match &self.prover {
            Prover::Whole(admission) => Box::new(admission.directories()),
            Prover::Part(excerpt) => Box::new(excerpt.directories()),
        }
    }

    fn witnessed_size(&self, author: &OrganisationId) -> u64 {
        match &self.prover {
            Prover::Whole(admission) => admission.witnessed_size(author),
            Prover::Part(excerpt) => excerpt.witnessed_size(author),
        }
    }

    /// The end of the log against the manifest and against what the auditor trusts.
    pub(super) fn check_head(
        &self,
        manifest: &Manifest,
        anchor: &Anchor,
        findings: &mut Findings,
        not_proven: &mut Vec<NotProven>,
    ) {
        let place = Place::member(MANIFEST);
        let range = &manifest.range;
        if let Prover::Whole(admission) = &self.prover {
            let seen = admission.seen();
            if (seen.size, seen.root, seen.generation) != (range.size, range.root, range.generation)
            {
                let particulars = format!("{} bundles with head {}", seen.size, seen.root);
                findings.add(Code::RootDiffers, place.clone(), &particulars);
            }
        }
        let Some((size, root)) = anchor.trusted_head else {
            return;
        };
        let found = if size == range.size {
            Some(range.root)
        } else {
            match &self.prover {
                Prover::Whole(admission) => admission.tree().root_at(size),
                Prover::Part(_) => self.head_at(size),
            }
        };
        match found {
            Some(found) if found == root => {}
            Some(found) => {
                let particulars = format!("at {size} bundles you trust {root}, here it is {found}");
                findings.add(Code::RolledBack, place, &particulars);
            }
            None if size > range.size => {
                let particulars = format!("it ends at {} bundles, you trust {size}", range.size);
                findings.add(Code::RolledBack, place, &particulars);
            }
            None => not_proven.push(NotProven {
                code: "trusted-head-not-in-pack",
                text: format!(
                    "That the log goes on from the head at {size} bundles that you trust: a pack with parts of the log shows only heads \
                     that its authors had seen. Ask for a pack of the whole partnership."
                ),
            }),
        }
    }

    fn head_at(&self, size: u64) -> Option<Hash> {
        let found = self
            .heads
            .binary_search_by_key(&size, |(size, _)| *size)
            .ok()?;
        Some(self.heads[found].1)
    }
}

/// Reads every bundle, in order.
pub(super) fn check<R: Read + Seek>(
    pack: &mut Pack<R>,
    rulebook: &Rulebook,
    findings: &mut Findings,
    checked: &mut Checked,
    progress: Progress<'_>,
) -> Result<Record, Error> {
    let manifest = pack.manifest.clone();
    let mut record = Record::new(&manifest, &rulebook.partnership);
    for member in pack.members_of(BUNDLES) {
        let read = pack.entries(&member, |entry, at| {
            let place = Place {
                offset: Some(at.in_member),
                ..Place::member(&member)
            };
            record.entry(entry, at, place, &manifest, findings, checked);
            if checked.bundles.is_multiple_of(256) {
                progress(Stage::Bundles, checked.bundles, manifest.counts.bundles);
            }
            true
        });
        if let Err(error) = read {
            findings.add(
                Code::MemberMalformed,
                Place::member(&member),
                &error.to_string(),
            );
        }
    }
    progress(Stage::Bundles, checked.bundles, manifest.counts.bundles);
    record.heads.sort_unstable();
    record.heads.dedup();
    let witnessed = record
        .index
        .bundles()
        .filter(|(bundle, author)| bundle.index < record.witnessed_size(author));
    checked.witnessed = witnessed.count() as u64;
    checked.cases = record.index.cases_count();
    Ok(record)
}

impl Record {
    fn entry(
        &mut self,
        entry: &[u8],
        at: EntryPlace,
        place: Place,
        manifest: &Manifest,
        findings: &mut Findings,
        checked: &mut Checked,
    ) {
        checked.bundles += 1;
        let packed = match Packed::decode(entry) {
            Ok(packed) => packed,
            Err(malformed) => {
                self.broken = true;
                let bundle = Some(self.next);
                self.next += 1;
                let place = Place { bundle, ..place };
                findings.add(
                    malformed_code(entry, malformed),
                    place,
                    &malformed.to_string(),
                );
                return;
            }
        };
        let place = Place {
            bundle: Some(packed.index),
            organisation: Some(packed.header.place.organisation.clone()),
            ..place
        };
        for (envelope, part) in &packed.changed_parts {
            let particulars = format!("envelope {envelope}, part {part}");
            findings.add(Code::PartChanged, place.clone(), &particulars);
        }
        if manifest.scope.is_whole() && packed.index > self.next {
            self.broken = true;
            let particulars = format!("bundles {} to {}", self.next, packed.index - 1);
            findings.add(Code::BundleMissing, place.clone(), &particulars);
        }
        let seen_holds = match self.prove(&packed, manifest, &place, findings) {
            Ok(seen_holds) => seen_holds,
            Err((code, why)) => {
                self.broken = true;
                self.next = self.next.max(packed.index + 1);
                findings.add(code, place, &why);
                return;
            }
        };
        self.next = self.next.max(packed.index + 1);
        let seen = packed.header.place.seen;
        if seen_holds {
            self.heads.push((seen.size, seen.root));
        } else if !self.broken {
            let particulars = format!("it names {} at {} bundles", seen.root, seen.size);
            findings.add(Code::SplitView, place, &particulars);
        }
        // In a log that something was taken from, what authors had seen says nothing more about single bundles.
        let holds = seen_holds || self.broken;
        self.note(&packed, entry, at, (seen.size, holds), checked);
    }

    /// Admits a bundle; says whether what its author had seen holds, or why it does not count.
    fn prove(
        &mut self,
        packed: &Packed,
        manifest: &Manifest,
        place: &Place,
        findings: &mut Findings,
    ) -> Result<bool, (Code, String)> {
        match &mut self.prover {
            Prover::Whole(admission) => {
                if packed.index < self.next {
                    let known = admission.tree().leaf(packed.index);
                    let hash = packed.hash();
                    let twice = known == Some(concordat_trust::merkle::leaf_hash(hash.as_bytes()));
                    let code = if twice {
                        Code::BundleTwice
                    } else {
                        Code::BundleOrder
                    };
                    return Err((code, String::new()));
                }
                let Some(record) = packed.to_record() else {
                    let why = "an envelope is missing in a pack of the whole log".to_owned();
                    return Err((Code::BundleMissing, why));
                };
                match admission.admit(&record) {
                    Outcome::Admitted(admitted) => Ok(admitted.seen_holds()),
                    Outcome::AlreadyAdmitted { .. } => Err((Code::BundleTwice, String::new())),
                    Outcome::Fork(fork) => Err((
                        Code::Fork,
                        format!("the other stands at bundle {}", fork.index),
                    )),
                    Outcome::Refused(refusal) => Err(refused(refusal)),
                    Outcome::UnknownFormat { format } => {
                        Err((Code::UnknownFormat, format!("format {format}")))
                    }
                }
            }
            Prover::Part(excerpt) => {
                let author = &packed.header.place.organisation;
                let before = excerpt.chain_head(author);
                match excerpt.place(packed) {
                    Ok(placed) => {
                        let whole_chain = matches!(&manifest.scope, Scope::Organisation { organisation } if organisation == author);
                        if whole_chain && !placed.follows {
                            let last = before.map_or(0, |head| head.seq);
                            let particulars = format!(
                                "the organisation's bundles {} to {}",
                                last + 1,
                                packed.header.place.seq - 1
                            );
                            findings.add(Code::BundleMissing, place.clone(), &particulars);
                        }
                        Ok(placed.seen_holds)
                    }
                    Err(Misplaced::Order) => Err((Code::BundleOrder, String::new())),
                    Err(Misplaced::NotIncluded) => Err((Code::NotIncluded, String::new())),
                    Err(Misplaced::Refused(refusal)) => Err(refused_in_part(
                        refusal,
                        before.map(|head| head.hash),
                        packed,
                    )),
                }
            }
        }
    }

    fn note(
        &mut self,
        packed: &Packed,
        entry: &[u8],
        at: EntryPlace,
        seen: (u64, bool),
        checked: &mut Checked,
    ) {
        let place = &packed.header.place;
        self.index
            .bundle(packed.index, &place.organisation, place.claimed_time, seen);
        let ranges = envelope_ranges(entry);
        for (number, (carried, range)) in packed.envelopes.iter().zip(ranges).enumerate() {
            let Some(envelope) = carried.envelope() else {
                continue;
            };
            checked.envelopes += 1;
            checked.parts_absent += envelope.missing_parts().count() as u64;
            if let Some(link) = envelope.header().class.link() {
                let offset = at.in_file + range.start as u64;
                self.index.envelope(link.case, number, offset, range.len());
            }
        }
    }
}

fn refused(refusal: Refusal) -> (Code, String) {
    let why = refusal.to_string();
    let code = match refusal {
        Refusal::FormatNotPermitted => Code::FormatNotPermitted,
        Refusal::Malformed(_) => Code::Malformed,
        Refusal::OtherPartnership => Code::OtherPartnership,
        Refusal::DirectoryVersion => Code::DirectoryVersion,
        Refusal::KeyNotPermitted => Code::KeyNotPermitted,
        Refusal::KeyRevoked => Code::KeyRevoked,
        Refusal::Signature => Code::BadSignature,
        Refusal::Seq { .. } => Code::NotNext,
        Refusal::Prev => Code::OtherPredecessor,
        Refusal::CaseChain { .. } => Code::CaseChain,
    };
    (code, why)
}

/// In parts of a log, an author's bundle that is not above its last is that one again, or its rival.
fn refused_in_part(refusal: Refusal, last: Option<BundleHash>, packed: &Packed) -> (Code, String) {
    match refusal {
        Refusal::Seq { next } if packed.header.place.seq + 1 == next => {
            let twice = last == Some(packed.hash());
            (
                if twice { Code::BundleTwice } else { Code::Fork },
                String::new(),
            )
        }
        other => refused(other),
    }
}

/// A bundle of another format does not parse; that is said in its own words.
fn malformed_code(entry: &[u8], malformed: Malformed) -> Code {
    let mut record = entry;
    // The index stands in front of the header, if it is not 0.
    if record.first() == Some(&0x08) {
        let length = record
            .iter()
            .skip(1)
            .take_while(|byte| **byte & 0x80 != 0)
            .count();
        record = record.get(length + 2..).unwrap_or_default();
    }
    let header = record
        .strip_prefix(&[0x12])
        .map(|rest| [&[0x0a], rest].concat());
    let format = header.and_then(|header| peek_format(&header));
    match (malformed, format) {
        (Malformed::Header, Some(format)) if format != concordat_trust::bundle::FORMAT => {
            Code::UnknownFormat
        }
        _ => Code::Malformed,
    }
}
