//! What a verification asks of the engine: portions of the journal, and one case after the other folded anew.

use std::time::{Duration, Instant};

use concordat_domain::Case;
use concordat_domain::ids::{CaseId, Position};
use concordat_trust::admission::Admission;
use concordat_trust::case_log::CaseLog;
use concordat_trust::digest::Hash;
use concordat_trust::envelope::Class;

use super::super::Engine;
use super::super::cases::envelope_of;
use super::super::erase::is_erased;
use crate::audit::{Finding, FindingCode};
use crate::emission::Ruled;
use crate::error::Error;

/// Records handed out in one turn at most.
const RECORDS_PER_TURN: u64 = 64;
/// Bytes of records handed out in one turn, about.
const BYTES_PER_TURN: usize = 1024 * 1024;
/// How long one turn goes on folding cases.
const TURN: Duration = Duration::from_millis(20);

/// One record of the journal, with what this node keeps of it.
pub(crate) struct Kept {
    pub(crate) index: u64,
    /// The record; why it cannot be read, if it cannot.
    pub(crate) record: Result<Vec<u8>, String>,
    /// What it changed, as it was found when it was admitted.
    pub(crate) delta: Option<Vec<u8>>,
}

/// What came of folding some cases anew.
pub(crate) struct Refolded {
    /// The last case looked at; none at the end.
    pub(crate) last: Option<CaseId>,
    pub(crate) cases: u64,
    pub(crate) rulings: u64,
    pub(crate) findings: Vec<Finding>,
}

impl Engine {
    /// An empty log, how many bundles the journal has, and how many cases this node reads.
    pub(crate) fn begin_verification(&self) -> (Admission, u64, u64) {
        (
            Admission::new(self.config.partnership.clone()),
            self.store.journal().len(),
            self.shelf.len() as u64,
        )
    }

    /// Some records of the journal from one on, before another.
    pub(crate) fn kept_records(&self, from: u64, before: u64) -> Vec<Kept> {
        let mut records = Vec::new();
        let mut bytes = 0;
        for index in from..before.min(from + RECORDS_PER_TURN) {
            let record = match self.store.journal().get(index) {
                Ok(Some(record)) => Ok(record.bytes),
                Ok(None) => Err("it is not there".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            bytes += record.as_ref().map_or(0, Vec::len);
            records.push(Kept {
                index,
                record,
                delta: self.store.admission().get(index).ok().flatten(),
            });
            if bytes > BYTES_PER_TURN {
                break;
            }
        }
        records
    }

    /// The root of this node's own tree at a size.
    pub(crate) fn own_root_at(&self, size: u64) -> Option<Hash> {
        self.admission.tree().root_at(size)
    }

    /// Folds some cases behind one anew, and compares what comes of it with what this node keeps.
    pub(crate) fn refold_some(&self, after: Option<CaseId>) -> Result<Refolded, Error> {
        let begun = Instant::now();
        let mut refolded = Refolded {
            last: None,
            cases: 0,
            rulings: 0,
            findings: Vec::new(),
        };
        for case in self.shelf.ids_after(after) {
            match self.refold(case, &mut refolded) {
                // A record that no longer parses: the bundle was named already, and here is whose case it was.
                Err(Error::Corrupt(_)) => {
                    let found = Finding::new(FindingCode::RecordUnreadable).of_case(case);
                    refolded.findings.push(found);
                }
                done => done?,
            }
            refolded.cases += 1;
            if begun.elapsed() > TURN {
                refolded.last = Some(case);
                break;
            }
        }
        Ok(refolded)
    }

    fn refold(&self, case: CaseId, refolded: &mut Refolded) -> Result<(), Error> {
        let Some((keys, live)) = self.keys_of(case).zip(self.case_log(case)?) else {
            // A view that ended and whose keys are gone: there is nothing to fold it with.
            return Ok(());
        };
        let end = Position {
            bundle: u64::MAX,
            envelope: u32::MAX,
        };
        let (mut rulings, mut findings) = (0, Vec::new());
        let mut own_seq = 0;
        let log = self.replay_to((case, keys), end, |position, bundle, applied, log| {
            let found = |code| Finding::at(code, position, bundle.organisation()).of_case(case);
            own_seq = self.own_seq_after(own_seq, position, bundle);
            let envelope = envelope_of(bundle, position);
            if envelope.missing_parts().next().is_some() && !is_erased(&live) {
                findings.push(found(FindingCode::PartMissing));
            }
            if !matches!(envelope.header().class, Class::Event(_)) {
                return Ok(());
            }
            let computed = self.ruled(log, own_seq, &applied);
            let kept = self.ruling(case, position)?;
            rulings += u64::from(computed.is_some());
            match (computed, kept) {
                (Some(_), None) => findings.push(found(FindingCode::RulingMissing)),
                (None, None) => {}
                (computed, kept) => {
                    if computed.map(shared) != kept.map(shared) {
                        findings.push(found(FindingCode::RulingDiffers));
                    }
                }
            }
            Ok(())
        })?;
        let digest = |log: &CaseLog| (log.case().map(Case::digest), log.applied());
        if digest(&log) != digest(&live) {
            findings.push(Finding::new(FindingCode::DigestDiffers).of_case(case));
        }
        if live.parked().is_some() && live.case().is_some_and(|case| self.takes_part(case)) {
            findings.push(Finding::new(FindingCode::CaseParked).of_case(case));
        }
        refolded.rulings += rulings;
        refolded.findings.extend(findings);
        Ok(())
    }
}

/// What is alike wherever and whenever an envelope is judged: the own sequence is that of the whole bundle where it was read from the log,
/// and earlier versions of the program did not keep the basis.
fn shared(ruled: Ruled) -> Ruled {
    Ruled {
        version_after: concordat_domain::event::CaseVersion {
            own_seq: 0,
            ..ruled.version_after
        },
        basis: None,
        ..ruled
    }
}
