//! Cases in memory and at rest: the fold of each, and the keys held.

use std::sync::Arc;
use std::time::Instant;

use concordat_domain::ids::{CaseId, Position};
use concordat_store::{Batch, Store};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{Applied, Arrival, CaseLog, Context};
use concordat_trust::envelope::Envelope;
use concordat_trust::key_record::EventReference;
use concordat_trust::keyring::CaseKeys;
use serde::de::DeserializeOwned;

use super::{CASES_KEPT_EVERY, CASES_KEPT_MAX, Engine, LOOKS_PER_TURN_MAX, outlook};
use crate::draft::Draft;
use crate::emission::Ruled;
use crate::error::Error;

/// One envelope of a case, as a replay judged it.
pub(super) struct Replayed {
    pub(super) position: Position,
    pub(super) bundle: Bundle,
    pub(super) applied: Applied,
    pub(super) ruled: Option<Ruled>,
}

/// Names in the vault begin so; the case follows.
const KEYS: &str = "keys/";
const INVITATION: &str = "invitation/";
/// Own events with the content that nobody might read, by their ids.
pub(super) const UNSHARED: &str = "unshared/";

fn case_in(name: &str, prefix: &str) -> Result<CaseId, Error> {
    let case = name.strip_prefix(prefix).and_then(|case| case.parse().ok());
    case.ok_or_else(|| Error::Corrupt(format!("`{name}` names no case")))
}

fn decoded<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Corrupt(format!("{what} does not decode")))
}

/// Notes which envelopes of a bundle belong to which case.
pub(super) fn index(
    store: &Store,
    batch: &mut Batch,
    index: u64,
    bundle: &Bundle,
) -> Result<(), Error> {
    for (envelope, content) in (0..).zip(bundle.envelopes()) {
        if let Some(link) = content.header().class.link() {
            store.cases().add(batch, &link.case.0, (index, envelope))?;
        }
    }
    Ok(())
}

impl Engine {
    /// Brings keys, invitations and cases back. Keys first, and all of them: those of a case that was signed and is not on the log yet
    /// stand in no index.
    pub(super) fn restore_cases(&mut self) -> Result<(), Error> {
        for kept in self.store.vault().with_prefix(KEYS) {
            let (name, bytes) = kept?;
            let keys: CaseKeys = decoded(&bytes, "a keyring")?;
            self.keyring.restore(case_in(&name, KEYS)?, keys);
        }
        for kept in self.store.vault().with_prefix(INVITATION) {
            let (name, bytes) = kept?;
            let invitation: EventReference = decoded(&bytes, "an invitation")?;
            let case = case_in(&name, INVITATION)?;
            self.invitations.insert(case, invitation);
        }
        self.duties.extend(self.invitations.keys().copied());
        let mut last = None;
        loop {
            let ids = self.store.cases().ids(last.as_ref(), 1000)?;
            let Some(end) = ids.last().copied() else {
                return Ok(());
            };
            for id in ids {
                if !self.restore_by_outlook(CaseId(id))? {
                    self.restore_case(CaseId(id))?;
                }
            }
            let too_much = self.keep_too_much()?;
            self.store.write(std::mem::take(&mut self.batch))?;
            for case in too_much {
                self.shelf.drop_fold(case);
            }
            self.forget_written_outlooks();
            last = Some(end);
        }
    }

    /// A case from its projection, and from the journal what has come since that was written; all from the journal, if it was deleted.
    fn restore_case(&mut self, case: CaseId) -> Result<(), Error> {
        let kept = self.store.projections().get(&case.0)?;
        let kept: Option<CaseLog> = kept.map(|kept| decoded(&kept, "a case")).transpose()?;
        // What it was parked for may have come after it was written; only a fold from the start finds out.
        let kept = kept.filter(|log| log.parked().is_none() || self.keys_of(case).is_none());
        let Some(keys) = self.keys_of(case) else {
            // Somebody else's. A case that this organisation may not read any more still shows how it ended.
            if let Some(log) = kept {
                self.restored(case, log)?;
            }
            return Ok(());
        };
        let mut log = kept.unwrap_or_else(|| CaseLog::new(case));
        let after = log.last_position().map(|at| (at.bundle, at.envelope));
        for place in self.store.cases().places_after(&case.0, after) {
            let (bundle, envelope) = place?;
            let position = Position { bundle, envelope };
            self.apply_to(&mut log, keys, position, &self.bundle_at(bundle)?);
        }
        if log.case().is_none() {
            return Ok(());
        }
        self.restored(case, log)
    }

    /// A case is back by its fold: whatever rests on it is derived anew, and its outlook is not of today.
    fn restored(&mut self, case: CaseId, log: CaseLog) -> Result<(), Error> {
        self.unkept.insert(case);
        self.shelf.put(case, log);
        self.look_at_duties(case);
        self.look_ahead(case)?;
        self.note_suspension(case)
    }

    /// The fold of a case that this node reads, from memory or from its projection.
    pub(super) fn case_log(&self, case: CaseId) -> Result<Option<Arc<CaseLog>>, Error> {
        if !self.shelf.contains(case) {
            return Ok(None);
        }
        if let Some(log) = self.shelf.fold(case) {
            return Ok(Some(log));
        }
        // Whatever is dropped from memory was written before, so the projection is the case as it stands.
        let kept = self.store.projections().get(&case.0)?;
        let kept =
            kept.ok_or_else(|| Error::Corrupt(format!("the projection of {case} is gone")))?;
        Ok(Some(self.shelf.keep(case, decoded(&kept, "a case")?)))
    }

    /// The same, taken out to be changed and put back.
    pub(super) fn take_case(&mut self, case: CaseId) -> Result<Option<CaseLog>, Error> {
        drop(self.case_log(case)?);
        Ok(self.shelf.take(case))
    }

    /// The keys held of a case.
    pub(super) fn keys_of(&self, case: CaseId) -> Option<&CaseKeys> {
        self.keyring.case(&case)
    }

    /// The fold of a case with these keys, and what each of its envelopes came to.
    pub(super) fn replay(
        &self,
        case: CaseId,
        keys: &CaseKeys,
    ) -> Result<(CaseLog, Vec<Replayed>), Error> {
        let mut log = CaseLog::new(case);
        let (mut replayed, mut own_seq) = (Vec::new(), 0);
        for (position, bundle) in self.envelopes_of(case)? {
            let applied = self.apply_to(&mut log, keys, position, &bundle);
            own_seq = self.own_seq_after(own_seq, position, &bundle);
            replayed.push(Replayed {
                ruled: self.ruled(&log, own_seq, &applied),
                position,
                bundle,
                applied,
            });
        }
        Ok((log, replayed))
    }

    /// Every envelope of a case that the journal has, with its bundle.
    pub(super) fn envelopes_of(&self, case: CaseId) -> Result<Vec<(Position, Bundle)>, Error> {
        let mut envelopes = Vec::new();
        for place in self.store.cases().places(&case.0) {
            let (bundle, envelope) = place?;
            envelopes.push((Position { bundle, envelope }, self.bundle_at(bundle)?));
        }
        for (index, bundle) in &self.unwritten {
            for (envelope, content) in (0..).zip(bundle.envelopes()) {
                if content
                    .header()
                    .class
                    .link()
                    .is_some_and(|link| link.case == case)
                {
                    envelopes.push((
                        Position {
                            bundle: *index,
                            envelope,
                        },
                        bundle.clone(),
                    ));
                }
            }
        }
        Ok(envelopes)
    }

    pub(super) fn bundle_at(&self, index: u64) -> Result<Bundle, Error> {
        if let Some(bundle) = self
            .healed
            .get(&index)
            .or_else(|| self.unwritten.get(&index))
        {
            return Ok(bundle.clone());
        }
        let record = self.store.journal().get(index)?;
        let record =
            record.ok_or_else(|| Error::Corrupt(format!("journal entry {index} is missing")))?;
        Bundle::parse(&record.bytes)
            .map_err(|_| Error::Corrupt(format!("journal entry {index} does not parse")))
    }

    /// Applies one envelope to a fold, with these keys.
    pub(super) fn apply_to(
        &self,
        log: &mut CaseLog,
        keys: &CaseKeys,
        position: Position,
        bundle: &Bundle,
    ) -> Applied {
        let place = &bundle.header().place;
        let rules = self.rules_at(position.bundle);
        let arrival = Arrival {
            position,
            author: bundle.organisation(),
            claimed_at: place.claimed_time,
            seen_size: place.seen.size,
            seen_holds: !self.split_views.contains(&position.bundle),
            envelope: envelope_of(bundle, position),
        };
        let context = Context {
            partnership: self.admission.partnership(),
            rules: &rules,
            keys,
        };
        log.apply(&arrival, &context)
    }

    /// A case has changed: whatever was derived from it is derived anew before the turn ends.
    pub(super) fn case_changed(&mut self, case: CaseId) {
        self.changed.insert(case);
        self.ahead.remove(&case);
    }

    /// Derives anew what rests on the cases that changed in this turn, once each, however many envelopes changed them.
    pub(super) fn settle_changed(&mut self) -> Result<(), Error> {
        for case in std::mem::take(&mut self.changed) {
            self.look_ahead(case)?;
            self.note_suspension(case)?;
            self.look_at_duties(case);
            self.unkept.insert(case);
        }
        self.look_at_some_again()
    }

    /// Has all cases looked at anew: the rules by which dates are computed have changed.
    pub(super) fn look_at_all_again(&mut self) {
        self.rules_name = outlook::fingerprint(&self.rules());
        self.look_again.extend(self.shelf.ids_after(None));
    }

    /// Some of those; the others in the turns to come, so that nobody waits for all of them. Nothing false is published meanwhile: the
    /// enforcer computes each date anew before it speaks.
    fn look_at_some_again(&mut self) -> Result<(), Error> {
        for _ in 0..LOOKS_PER_TURN_MAX {
            let Some(case) = self.look_again.pop_first() else {
                return Ok(());
            };
            self.look_ahead(case)?;
            self.unkept.insert(case);
        }
        Ok(())
    }

    /// Writes some projections, now and then.
    pub(super) fn keep_some_cases(&mut self) -> Result<(), Error> {
        if self.kept.elapsed() < CASES_KEPT_EVERY {
            return Ok(());
        }
        self.kept = Instant::now();
        self.keep_cases(CASES_KEPT_MAX)
    }

    /// Writes the projections of cases that changed since theirs were written, up to `max` of them. The journal has it all: what is not
    /// written is folded again at the next start, so a busy case is written now and then and not with each of its envelopes.
    pub(super) fn keep_cases(&mut self, max: usize) -> Result<(), Error> {
        for _ in 0..max {
            let Some(case) = self.unkept.pop_first() else {
                return Ok(());
            };
            self.keep_case(case)?;
        }
        Ok(())
    }

    fn keep_case(&mut self, case: CaseId) -> Result<(), Error> {
        let Some(log) = self.shelf.fold(case) else {
            return Ok(());
        };
        let state = serde_json::to_vec(&*log)
            .map_err(|_| Error::Corrupt("a case does not serialise".to_owned()))?;
        self.store
            .projections()
            .put(&mut self.batch, &case.0, &state)?;
        self.keep_outlook(case)
    }

    /// Writes the projections of the folds that are to leave memory, as far as they changed since, and says which they are: drop them
    /// when the batch is written.
    pub(super) fn keep_too_much(&mut self) -> Result<Vec<CaseId>, Error> {
        let cases = self.shelf.too_much();
        for case in &cases {
            if self.unkept.remove(case) {
                self.keep_case(*case)?;
            }
        }
        Ok(cases)
    }

    pub(super) fn keep_keys(&mut self, case: CaseId) -> Result<(), Error> {
        self.changed.insert(case);
        self.look_at_duties(case);
        let keys = serde_json::to_vec(self.keyring.case_mut(case))
            .map_err(|_| Error::Corrupt("a keyring does not serialise".to_owned()))?;
        Ok(self
            .store
            .vault()
            .put(&mut self.batch, &format!("{KEYS}{case}"), &keys)?)
    }

    pub(super) fn keep_invitation(
        &mut self,
        case: CaseId,
        invitation: EventReference,
    ) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&invitation)
            .map_err(|_| Error::Corrupt("an invitation does not serialise".to_owned()))?;
        self.store
            .vault()
            .put(&mut self.batch, &format!("{INVITATION}{case}"), &bytes)?;
        self.invitations.insert(case, invitation);
        self.look_at_duties(case);
        Ok(())
    }

    pub(super) fn restore_outbox(&mut self) -> Result<(), Error> {
        for entry in self.store.drafts().all() {
            let (number, bytes) = entry?;
            self.outbox.put(number, Draft::decode(&bytes)?);
        }
        self.restore_kept_back()?;
        self.restore_uncovered()?;
        self.restore_flight()
    }
}

/// The envelope at a position of its bundle. Positions come from the case index, which is made from the bundle itself.
pub(super) fn envelope_of(bundle: &Bundle, position: Position) -> &Envelope {
    &bundle.envelopes()[position.envelope as usize]
}
