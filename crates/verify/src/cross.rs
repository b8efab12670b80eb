//! Two packs of one log, from two organisations: were both shown the same, and do both say the same of it?
//!
//! Each pack is verified by itself first; here only what the two say about the same thing is laid side by side. What differs is proven by
//! signatures of both sides, so neither can say afterwards that it was otherwise.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_trust::digest::{BundleHash, Hash};
use concordat_trust::merkle::Tree;
use concordat_trust::packed::Packed;
use serde::Serialize;

use crate::claims::{CaseClaim, RulingClaim};
use crate::finding::{Code, Finding, Place};
use crate::manifest::{BUNDLES, CLAIMS, Exported};
use crate::read::{Error, Pack};

/// What comparing two packs came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrossReport {
    /// Whether the two agree in all that both speak of.
    pub clean: bool,
    /// Who exported the first, when and why.
    pub first: Exported,
    /// Who exported the second, when and why.
    pub second: Exported,
    /// Bundles that are in both.
    pub common_bundles: u64,
    /// Heads at sizes that both speak of.
    pub common_heads: u64,
    /// Cases that are in both.
    pub common_cases: u64,
    /// Rulings that both make.
    pub common_rulings: u64,
    /// Where they contradict each other.
    pub findings: Vec<Finding>,
}

/// What a pack says of the log.
struct Side {
    exported: Exported,
    bundles: BTreeMap<u64, BundleHash>,
    chains: BTreeMap<(OrganisationId, u64), (BundleHash, u64)>,
    /// Heads by size, with who signed them.
    heads: BTreeMap<u64, (Hash, OrganisationId)>,
    tree: Option<Tree>,
}

impl Side {
    fn read<R: Read + Seek>(pack: &mut Pack<R>) -> Result<Self, Error> {
        let manifest = &pack.manifest;
        let mut side = Self {
            exported: manifest.exported.clone(),
            bundles: BTreeMap::new(),
            chains: BTreeMap::new(),
            heads: BTreeMap::new(),
            tree: manifest.scope.is_whole().then(Tree::default),
        };
        let range = &manifest.range;
        let by = manifest.exported.by.clone();
        side.heads.insert(range.size, (range.root, by));
        for member in pack.members_of(BUNDLES) {
            pack.entries(&member, |entry, _| {
                // An entry that does not decode was found when the pack was verified.
                if let Ok(packed) = Packed::decode(entry) {
                    side.note(&packed);
                }
                true
            })?;
        }
        Ok(side)
    }

    fn note(&mut self, packed: &Packed) {
        let place = &packed.header.place;
        let author = place.organisation.clone();
        self.bundles.insert(packed.index, packed.hash());
        let chained = (packed.hash(), packed.index);
        self.chains.insert((author.clone(), place.seq), chained);
        let seen = place.seen;
        self.heads.entry(seen.size).or_insert((seen.root, author));
        if let Some(tree) = &mut self.tree {
            tree.append(packed.hash().as_bytes());
        }
    }

    /// Head at a size, as far as this pack knows it, and who signed it.
    fn head(&self, size: u64) -> Option<(Hash, &OrganisationId)> {
        let computed = self.tree.as_ref().and_then(|tree| tree.root_at(size));
        if let Some(root) = computed {
            return Some((root, &self.exported.by));
        }
        self.heads.get(&size).map(|(root, by)| (*root, by))
    }
}

/// Compares two packs. Verify each of them first.
///
/// # Errors
/// [`Error`]: one of the files cannot be read as a pack.
pub fn cross_check<R: Read + Seek, S: Read + Seek>(
    first: R,
    second: S,
) -> Result<CrossReport, Error> {
    let (mut first, mut second) = (Pack::open(first)?, Pack::open(second)?);
    let mut report = CrossReport {
        clean: true,
        first: first.manifest.exported.clone(),
        second: second.manifest.exported.clone(),
        common_bundles: 0,
        common_heads: 0,
        common_cases: 0,
        common_rulings: 0,
        findings: Vec::new(),
    };
    if first.manifest.partnership != second.manifest.partnership {
        let particulars = "the two packs are of different partnerships";
        report.find(Code::OtherPartnership, Place::default(), particulars);
        report.clean = false;
        return Ok(report);
    }
    let (one, other) = (Side::read(&mut first)?, Side::read(&mut second)?);
    report.compare_bundles(&one, &other);
    report.compare_heads(&one, &other);
    let (one, other) = (claims(&mut first)?, claims(&mut second)?);
    for (case, claim) in &one {
        if let Some(against) = other.get(case) {
            report.compare_case(*case, claim, against);
        }
    }
    report.clean = report.findings.is_empty();
    Ok(report)
}

fn claims<R: Read + Seek>(pack: &mut Pack<R>) -> Result<BTreeMap<CaseId, CaseClaim>, Error> {
    let mut claims = BTreeMap::new();
    let mut lines = pack.lines(CLAIMS);
    while let Some((_, line)) = pack.next_line(&mut lines)? {
        if let Ok(claim) = serde_json::from_str::<CaseClaim>(&line) {
            claims.insert(claim.case, claim);
        }
    }
    Ok(claims)
}

impl CrossReport {
    fn find(&mut self, code: Code, place: Place, particulars: &str) {
        self.findings.push(Finding::new(code, place, particulars));
    }

    fn said(&self, first: &impl ToString, second: &impl ToString) -> String {
        format!(
            "the pack of {} says {}, that of {} says {}",
            self.first.by,
            first.to_string(),
            self.second.by,
            second.to_string()
        )
    }

    /// The same place of the log, and the same place in an author's chain.
    fn compare_bundles(&mut self, one: &Side, other: &Side) {
        for (index, hash) in &one.bundles {
            let Some(against) = other.bundles.get(index) else {
                continue;
            };
            self.common_bundles += 1;
            if hash != against {
                let place = Place {
                    bundle: Some(*index),
                    ..Place::default()
                };
                let particulars = self.said(hash, against);
                self.find(Code::SplitView, place, &particulars);
            }
        }
        for ((author, seq), (hash, index)) in &one.chains {
            let against = other.chains.get(&(author.clone(), *seq));
            if let Some((against, _)) = against.filter(|(against, _)| against != hash) {
                let place = Place {
                    bundle: Some(*index),
                    organisation: Some(author.clone()),
                    ..Place::default()
                };
                let particulars = format!("its bundle {seq}: {}", self.said(hash, against));
                self.find(Code::Fork, place, &particulars);
            }
        }
    }

    /// The same size has one head, whoever names it.
    fn compare_heads(&mut self, one: &Side, other: &Side) {
        let sizes = one.heads.keys().chain(other.heads.keys());
        let sizes: std::collections::BTreeSet<u64> = sizes.copied().collect();
        for size in sizes {
            let Some((first, second)) = one.head(size).zip(other.head(size)) else {
                continue;
            };
            self.common_heads += 1;
            if first.0 != second.0 {
                let particulars = format!(
                    "at {size} bundles {} names {}, {} names {}",
                    first.1, first.0, second.1, second.0
                );
                self.find(Code::HeadContradicted, Place::default(), &particulars);
            }
        }
    }

    fn compare_case(&mut self, case: CaseId, one: &CaseClaim, other: &CaseClaim) {
        self.common_cases += 1;
        let judged = |ruling: &&RulingClaim| matches!(ruling.ruling.as_str(), "effective" | "void");
        let others: BTreeMap<_, _> = other
            .rulings
            .iter()
            .filter(judged)
            .map(|ruling| (ruling.position, ruling))
            .collect();
        for ruling in one.rulings.iter().filter(judged) {
            let Some(against) = others.get(&ruling.position) else {
                continue;
            };
            self.common_rulings += 1;
            if ruling != *against {
                let particulars = self.said(&words(ruling), &words(against));
                self.find(
                    Code::RulingDiffers,
                    Place::at(case, ruling.position),
                    &particulars,
                );
            }
        }
        // States and dates of different lengths of the case may well differ.
        let both = one.computed.as_ref().zip(other.computed.as_ref());
        let Some((one, other)) =
            both.filter(|(one, other)| one.applied_count == other.applied_count)
        else {
            return;
        };
        if one.applied_hash != other.applied_hash {
            let particulars = self.said(&one.applied_hash, &other.applied_hash);
            self.find(Code::AppliedDiffers, Place::case(case), &particulars);
        }
        if one.digest != other.digest {
            let particulars = self.said(&one.digest, &other.digest);
            self.find(Code::DigestDiffers, Place::case(case), &particulars);
        }
        let due: BTreeMap<_, _> = other
            .deadlines
            .iter()
            .map(|one| (one.id, one.due))
            .collect();
        for deadline in &one.deadlines {
            let against = due.get(&deadline.id).copied().flatten();
            // The state moves with the clock of the export, the due day does not.
            if due.contains_key(&deadline.id) && against != deadline.due {
                let day = |due: Option<jiff::civil::Date>| {
                    due.map_or_else(|| "no date".to_owned(), |due| due.to_string())
                };
                let particulars = format!(
                    "{}: {}",
                    deadline.name,
                    self.said(&day(deadline.due), &day(against))
                );
                self.find(Code::DeadlineDiffers, Place::case(case), &particulars);
            }
        }
    }
}

fn words(claim: &RulingClaim) -> String {
    let reason = claim.reason.as_ref().map(|reason| format!(" {reason}"));
    format!("{}{}", claim.ruling, reason.unwrap_or_default())
}
