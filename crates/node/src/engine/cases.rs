//! Cases in memory and at rest: the fold of each, and the keys held.

use concordat_domain::ids::{CaseId, Position};
use concordat_store::{Batch, Store};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{Applied, Arrival, CaseLog, Context};
use concordat_trust::envelope::Envelope;
use concordat_trust::key_record::EventReference;
use concordat_trust::keyring::CaseKeys;

use super::Engine;
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

/// Names in the vault.
fn keys_name(case: &CaseId) -> String {
    format!("keys/{case}")
}

fn invitation_name(case: &CaseId) -> String {
    format!("invitation/{case}")
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
    pub(super) fn restore_cases(&mut self) -> Result<(), Error> {
        let corrupt = |what: &str| Error::Corrupt(format!("{what} does not decode"));
        let mut last = None;
        loop {
            let ids = self.store.cases().ids(last.as_ref(), 1000)?;
            let Some(end) = ids.last().copied() else {
                return Ok(());
            };
            for id in ids {
                let case = CaseId(id);
                if let Some(keys) = self.store.vault().get(&keys_name(&case))? {
                    let keys: CaseKeys =
                        serde_json::from_slice(&keys).map_err(|_| corrupt("a keyring"))?;
                    self.keyring.restore(case, keys);
                }
                if let Some(invitation) = self.store.vault().get(&invitation_name(&case))? {
                    let invitation: EventReference = serde_json::from_slice(&invitation)
                        .map_err(|_| corrupt("an invitation"))?;
                    self.invitations.insert(case, invitation);
                }
                match self.store.projections().get(&id)? {
                    Some(state) => {
                        let log: CaseLog =
                            serde_json::from_slice(&state).map_err(|_| corrupt("a case"))?;
                        self.cases.insert(case, log);
                        self.schedule(case);
                    }
                    None => self.rebuild(case)?,
                }
            }
            last = Some(end);
        }
    }

    /// Folds a case anew from the journal: after its projection was deleted, or a key of it has come.
    pub(super) fn rebuild(&mut self, case: CaseId) -> Result<(), Error> {
        let (log, _) = self.replay(case, self.keys_of(case).unwrap_or(&CaseKeys::default()))?;
        if log.case().is_some() {
            self.cases.insert(case, log);
            self.case_changed(case);
        }
        Ok(())
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
        let rules = self.config.rules();
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

    /// Keeps each case that changed in this turn once, however many envelopes changed it.
    pub(super) fn keep_changed(&mut self) -> Result<(), Error> {
        for case in std::mem::take(&mut self.changed) {
            if let Some(log) = self.cases.get(&case) {
                let state = serde_json::to_vec(log)
                    .map_err(|_| Error::Corrupt("a case does not serialise".to_owned()))?;
                self.store
                    .projections()
                    .put(&mut self.batch, &case.0, &state)?;
            }
            self.schedule(case);
            self.look_at_duties(case);
        }
        Ok(())
    }

    pub(super) fn keep_keys(&mut self, case: CaseId) -> Result<(), Error> {
        self.look_at_duties(case);
        let keys = serde_json::to_vec(self.keyring.case_mut(case))
            .map_err(|_| Error::Corrupt("a keyring does not serialise".to_owned()))?;
        Ok(self
            .store
            .vault()
            .put(&mut self.batch, &keys_name(&case), &keys)?)
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
            .put(&mut self.batch, &invitation_name(&case), &bytes)?;
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
