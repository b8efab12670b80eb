//! The cases: opened with the keys in the pack, judged anew under the rules in the pack, compared with what the node claimed.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use concordat_domain::ids::{CaseId, Position};
use concordat_domain::{Rules, timetable};
use concordat_trust::case_log::{Applied, Arrival, CaseLog, Context, Park, Verdict};
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::Hash;
use concordat_trust::envelope::Envelope;
use concordat_trust::keyring::CaseKeys;
use concordat_trust::lines::Alias;
use concordat_trust::packed::envelope_at;
use serde::de::DeserializeOwned;

use super::index::EnvelopeAt;
use super::{Checked, Findings, NotProven, Progress, Record, Rulebook, Stage};
use crate::claims::{CaseClaim, CaseKeysOf, Computed, DeadlineClaim, RulingClaim, verdict_words};
use crate::finding::{Code, Place};
use crate::manifest::{CLAIMS, KEYS};
use crate::read::{Error, Lines, Pack};

/// What is needed to judge cases.
pub(super) struct Bench<'a, R, S> {
    pub(super) pack: &'a mut Pack<R>,
    pub(super) again: &'a mut S,
    pub(super) record: &'a Record,
    pub(super) rulebook: &'a Rulebook,
    pub(super) findings: &'a mut Findings,
    pub(super) checked: &'a mut Checked,
}

/// How much of the cases could be opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) claims: u64,
    closed: u64,
    parked: Vec<(CaseId, Position, &'static str)>,
}

impl Opened {
    pub(super) fn say(&self, not_proven: &mut Vec<NotProven>) {
        if self.closed > 0 {
            not_proven.push(NotProven {
                code: "cases-not-opened",
                text: format!(
                    "Rulings, states and deadlines of {} cases: the pack has no `process` keys for them, so they were not computed anew. \
                     Their signatures, chains and places were verified.",
                    self.closed
                ),
            });
        }
        for (case, position, why) in &self.parked {
            not_proven.push(NotProven {
                code: "case-parked",
                text: format!("What became of case {case} from position {position} on: {why}."),
            });
        }
    }
}

/// A line of claims or keys that was read ahead, with its member.
struct Ahead<T> {
    lines: Lines,
    next: Option<(String, T)>,
}

/// A case as it was judged anew.
struct Judged {
    log: CaseLog,
    rulings: BTreeMap<Position, (Applied, RulingClaim)>,
}

impl<R: Read + Seek, S: Read + Seek> Bench<'_, R, S> {
    /// Judges every case, in ascending order of ids: that of claims and keys.
    pub(super) fn run(&mut self, progress: Progress<'_>) -> Result<Opened, Error> {
        let mut opened = Opened::default();
        let mut claims: Ahead<CaseClaim> = self.ahead(CLAIMS)?;
        let mut keys: Ahead<CaseKeysOf> = self.ahead(KEYS)?;
        let mut done = 0;
        let record = self.record;
        for (case, envelopes) in record.index.cases() {
            let keys = self.of_case(&mut keys, case, |keys| keys.case)?;
            let claim = self.of_case(&mut claims, case, |claim| claim.case)?;
            opened.claims += u64::from(claim.is_some());
            match (keys, claim) {
                (None, None) => opened.closed += 1,
                (Some(_), None) => {
                    self.findings
                        .add(Code::ClaimMissing, Place::case(case), "no line in claims");
                }
                (keys, Some((member, claim))) => {
                    self.case(
                        case,
                        envelopes,
                        keys.map(|(_, keys)| keys),
                        (&member, &claim),
                        &mut opened,
                    )?;
                }
            }
            done += envelopes.len() as u64;
            progress(Stage::Cases, done, self.checked.envelopes);
        }
        while let Some((member, claim)) = claims.next.take() {
            opened.claims += 1;
            self.no_such_case(member, claim.case);
            self.advance(&mut claims)?;
        }
        while let Some((member, line)) = keys.next.take() {
            self.no_such_case(member, line.case);
            self.advance(&mut keys)?;
        }
        Ok(opened)
    }

    /// A line of claims or keys is of a case that is not here.
    fn no_such_case(&mut self, member: String, case: CaseId) {
        let place = Place {
            member: Some(member),
            ..Place::case(case)
        };
        self.findings
            .add(Code::ClaimUnfounded, place, "the case is not in the pack");
    }

    fn ahead<T: DeserializeOwned>(&mut self, folder: &str) -> Result<Ahead<T>, Error> {
        let mut ahead = Ahead {
            lines: self.pack.lines(folder),
            next: None,
        };
        self.advance(&mut ahead)?;
        Ok(ahead)
    }

    /// Reads the next line that can be read; each that cannot is a finding.
    fn advance<T: DeserializeOwned>(&mut self, ahead: &mut Ahead<T>) -> Result<(), Error> {
        while let Some((member, line)) = self.pack.next_line(&mut ahead.lines)? {
            match serde_json::from_str(&line) {
                Ok(read) => {
                    ahead.next = Some((member, read));
                    return Ok(());
                }
                // The message of the parser names a line and a column, and may quote an id; keys are not quoted.
                Err(error) => {
                    let why = format!("line {}, column {}", error.line(), error.column());
                    self.findings
                        .add(Code::MemberMalformed, Place::member(&member), &why);
                }
            }
        }
        ahead.next = None;
        Ok(())
    }

    /// The line of a case, if there is one. Lines of cases before it, which are not in the pack, are findings.
    fn of_case<T: DeserializeOwned>(
        &mut self,
        ahead: &mut Ahead<T>,
        case: CaseId,
        id: impl Fn(&T) -> CaseId,
    ) -> Result<Option<(String, T)>, Error> {
        while let Some((member, line)) = ahead.next.take() {
            let of = id(&line);
            if of > case {
                ahead.next = Some((member, line));
                return Ok(None);
            }
            self.advance(ahead)?;
            if of == case {
                return Ok(Some((member, line)));
            }
            self.no_such_case(member, of);
        }
        Ok(None)
    }

    fn case(
        &mut self,
        case: CaseId,
        envelopes: &[EnvelopeAt],
        keys: Option<CaseKeysOf>,
        (member, claim): (&str, &CaseClaim),
        opened: &mut Opened,
    ) -> Result<(), Error> {
        let held = self.keys(case, keys);
        let opens = held
            .iter()
            .any(|(compartment, _)| *compartment == Compartment::Process);
        let mut keys = CaseKeys::default();
        for (_, (alias, number, commitment, key)) in held {
            // It was checked against its commitment already.
            let _ = keys.add_version(&case, alias, number, commitment, key);
        }
        if !opens {
            opened.closed += 1;
            self.check_places(case, envelopes, claim);
            return Ok(());
        }
        let judged = self.judge(case, envelopes, &keys)?;
        self.checked.cases_judged += 1;
        self.compare_rulings(case, &judged, claim);
        if let Some((position, park)) = judged.log.parked() {
            opened.parked.push((case, *position, park.advice()));
        }
        self.compare_computed(case, member, &judged.log, claim.computed.as_ref());
        Ok(())
    }

    /// The keys of a case that are what the case committed to.
    #[allow(clippy::type_complexity, reason = "what `add_version` takes")]
    fn keys(
        &mut self,
        case: CaseId,
        keys: Option<CaseKeysOf>,
    ) -> Vec<(
        Compartment,
        (
            Alias,
            u32,
            concordat_trust::digest::Commitment,
            concordat_trust::lines::VersionKey,
        ),
    )> {
        let mut held = Vec::new();
        for key in keys.into_iter().flat_map(|keys| keys.keys) {
            let alias = Alias(key.alias);
            if key
                .key
                .check(&case, alias, key.number, &key.commitment)
                .is_err()
            {
                let particulars = format!("{} version {}", key.compartment, key.number);
                self.findings
                    .add(Code::KeyMismatch, Place::case(case), &particulars);
                continue;
            }
            held.push((
                key.compartment,
                (alias, key.number, key.commitment, key.key),
            ));
        }
        held
    }

    fn judge(
        &mut self,
        case: CaseId,
        envelopes: &[EnvelopeAt],
        keys: &CaseKeys,
    ) -> Result<Judged, Error> {
        let mut log = CaseLog::new(case);
        let mut rulings = BTreeMap::new();
        let mut hashes = vec![log.applied().1];
        for at in envelopes {
            let envelope = self.envelope(at)?;
            let (bundle, author) = self.record.index.bundle_of(at);
            let position = at.position(bundle);
            let rules = Rules {
                directory: self.record.judging_directory(bundle.index),
                packs: &self.rulebook.packs,
                calendars: &self.rulebook.calendars,
            };
            let arrival = Arrival {
                position,
                author,
                claimed_at: bundle.claimed(),
                seen_size: bundle.seen_size,
                seen_holds: bundle.seen_holds,
                envelope: &envelope,
            };
            let partnership = self.rulebook.partnership.id();
            let context = Context {
                partnership: &partnership,
                rules: &rules,
                keys,
            };
            let applied = log.apply(&arrival, &context);
            if let Some((count, hash)) = applied.stated {
                let known = usize::try_from(count)
                    .ok()
                    .and_then(|count| hashes.get(count));
                if known != Some(&hash) {
                    let particulars = format!("{author} had applied {count}");
                    self.findings.add(
                        Code::AppliedDiffers,
                        Place::at(case, position),
                        &particulars,
                    );
                }
            }
            let (count, hash) = log.applied();
            if count as usize == hashes.len() {
                hashes.push(hash);
            }
            let claim = ruling_claim(position, author, &envelope, &applied);
            rulings.insert(position, (applied, claim));
        }
        Ok(Judged { log, rulings })
    }

    /// Reads an envelope again from its place in the file.
    fn envelope(&mut self, at: &EnvelopeAt) -> Result<Envelope, Error> {
        self.again.seek(SeekFrom::Start(at.offset))?;
        let mut bytes = vec![0; at.length()];
        self.again.read_exact(&mut bytes)?;
        let carried = envelope_at(at.place(), &bytes).map_err(std::io::Error::other)?;
        match carried {
            concordat_trust::packed::Carried::Whole(envelope) => Ok(envelope),
            concordat_trust::packed::Carried::Hash(_) => {
                Err(std::io::Error::other("the file changed while it was read").into())
            }
        }
    }

    /// What can be said without keys: claims are about envelopes that are here.
    fn check_places(&mut self, case: CaseId, envelopes: &[EnvelopeAt], claim: &CaseClaim) {
        let here: Vec<Position> = envelopes
            .iter()
            .map(|at| at.position(self.record.index.bundle_of(at).0))
            .collect();
        for ruling in &claim.rulings {
            if here.binary_search(&ruling.position).is_err() {
                let place = Place::at(case, ruling.position);
                self.findings
                    .add(Code::ClaimUnfounded, place, "no such envelope");
            }
        }
    }

    fn compare_rulings(&mut self, case: CaseId, judged: &Judged, claim: &CaseClaim) {
        let mut claimed: BTreeMap<Position, &RulingClaim> = BTreeMap::new();
        for ruling in &claim.rulings {
            if claimed.insert(ruling.position, ruling).is_some() {
                let place = Place::at(case, ruling.position);
                self.findings
                    .add(Code::ClaimUnfounded, place, "claimed twice");
            }
        }
        for (position, (applied, found)) in &judged.rulings {
            let place = Place::at(case, *position);
            self.checked.rulings += 1;
            match claimed.remove(position) {
                None => self.findings.add(Code::ClaimMissing, place, ""),
                Some(said) if said == found => {}
                Some(_) if applied.verdict == Verdict::Parked(Park::RulesMissing) => {
                    // What comes after the first is parked with it.
                    if judged.log.parked().is_some_and(|(at, _)| at == position) {
                        self.findings.add(Code::RulesMissing, place, "");
                    }
                }
                Some(said) => {
                    let particulars = format!("claimed {}, found {}", words(said), words(found));
                    self.findings.add(Code::RulingDiffers, place, &particulars);
                }
            }
        }
        for position in claimed.into_keys() {
            let place = Place::at(case, position);
            self.findings
                .add(Code::ClaimUnfounded, place, "no such envelope");
        }
    }

    fn compare_computed(
        &mut self,
        case: CaseId,
        member: &str,
        log: &CaseLog,
        claimed: Option<&Computed>,
    ) {
        let manifest = &self.pack.manifest;
        let rules = Rules {
            directory: self.record.judging_directory(manifest.range.size),
            packs: &self.rulebook.packs,
            calendars: &self.rulebook.calendars,
        };
        let found = computed(log, manifest.exported.at, &rules);
        let place = || Place {
            member: Some(member.to_owned()),
            ..Place::case(case)
        };
        let (said, found) = match (claimed, found) {
            (None, None) => return,
            (Some(said), Some(found)) => (said, found),
            (Some(_), None) => {
                self.findings
                    .add(Code::ClaimUnfounded, place(), "the case was never opened");
                return;
            }
            (None, Some(_)) => {
                self.findings
                    .add(Code::ClaimMissing, place(), "no state and no deadlines");
                return;
            }
        };
        if (&said.state, &said.keeper) != (&found.state, &found.keeper) {
            let particulars = format!(
                "claimed {} run by {}, found {} run by {}",
                said.state, said.keeper, found.state, found.keeper
            );
            self.findings.add(Code::StateDiffers, place(), &particulars);
        }
        if said.digest != found.digest {
            let particulars = format!("claimed {}, found {}", said.digest, found.digest);
            self.findings
                .add(Code::DigestDiffers, place(), &particulars);
        }
        if (said.applied_count, said.applied_hash) != (found.applied_count, found.applied_hash) {
            let particulars = format!(
                "claimed {} envelopes, found {}",
                said.applied_count, found.applied_count
            );
            self.findings
                .add(Code::AppliedDiffers, place(), &particulars);
        }
        self.checked.deadlines += found.deadlines.len() as u64;
        for particulars in deadlines_differ(&said.deadlines, &found.deadlines) {
            self.findings
                .add(Code::DeadlineDiffers, place(), &particulars);
        }
    }
}

/// What a node says of a case that it has folded, at an instant; none if the case is not open to it.
#[must_use]
pub fn computed(log: &CaseLog, at: jiff::Timestamp, rules: &Rules<'_>) -> Option<Computed> {
    let case = log.case()?;
    let (applied_count, applied_hash) = log.applied();
    let table = timetable::timetable(case, at, rules);
    Some(Computed {
        state: case.state().to_string(),
        keeper: case.keeper().clone(),
        digest: Hash(case.digest()),
        applied_count,
        applied_hash,
        deadlines: table.deadlines().iter().map(DeadlineClaim::from).collect(),
    })
}

/// The verdict on an envelope as claims say it.
#[must_use]
pub fn ruling_claim(
    position: Position,
    author: &concordat_domain::ids::OrganisationId,
    envelope: &Envelope,
    applied: &Applied,
) -> RulingClaim {
    let (ruling, reason) = verdict_words(&applied.verdict);
    RulingClaim {
        position,
        author: author.clone(),
        event_id: envelope.header().event_id,
        event_type: applied
            .event
            .as_ref()
            .map(|event| event.event_type.to_string()),
        ruling: ruling.to_owned(),
        reason,
    }
}

fn words(claim: &RulingClaim) -> String {
    let kind = claim.event_type.as_deref().unwrap_or("keys");
    let reason = claim.reason.as_ref().map(|reason| format!(" {reason}"));
    format!("{kind} {}{}", claim.ruling, reason.unwrap_or_default())
}

/// In what two lists of deadlines differ, one text for each deadline.
fn deadlines_differ(said: &[DeadlineClaim], found: &[DeadlineClaim]) -> Vec<String> {
    let by_id = |list: &[DeadlineClaim]| -> BTreeMap<_, _> {
        list.iter().map(|one| (one.id, one.clone())).collect()
    };
    let (mut said, found) = (by_id(said), by_id(found));
    let mut differences = Vec::new();
    for (id, found) in found {
        match said.remove(&id) {
            Some(said) if said == found => {}
            Some(said) => differences.push(format!(
                "{} of {}: claimed {}, found {}",
                found.name,
                found.owed_by,
                deadline_words(&said),
                deadline_words(&found)
            )),
            None => differences.push(format!("{} of {}: not claimed", found.name, found.owed_by)),
        }
    }
    let extra = said.into_values();
    differences
        .extend(extra.map(|said| format!("{} of {}: there is none", said.name, said.owed_by)));
    differences
}

fn deadline_words(deadline: &DeadlineClaim) -> String {
    let state = serde_json::to_value(deadline.state).unwrap_or_default();
    let due = deadline
        .due
        .map_or_else(|| "no date".to_owned(), |due| due.to_string());
    format!("{due} {}", state.as_str().unwrap_or_default())
}
