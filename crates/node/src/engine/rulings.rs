//! What was ruled on each event of a case that this organisation reads, kept for receipts, timelines and reads by id.

use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{Applied, CaseLog, Verdict};
use concordat_trust::envelope::Class;

use super::Engine;
use super::cases::envelope_of;
use crate::emission::{Ruled, Ruling};
use crate::error::Error;

fn ruling_name(case: CaseId, position: Position) -> String {
    format!("ruling/{case}/{position}")
}

fn place_name(author: &OrganisationId, event: EventId) -> String {
    format!("place/{author}/{event}")
}

impl Engine {
    /// What an envelope came to, seen from this organisation, when `log` has just applied it. `own_seq` is this
    /// organisation's sequence in the case up to there.
    pub(super) fn ruled(&self, log: &CaseLog, own_seq: u64, applied: &Applied) -> Option<Ruled> {
        let ruling = match &applied.verdict {
            Verdict::Effective => Ruling::Effective,
            Verdict::Void(reason) => Ruling::Void {
                reason: reason.code(),
            },
            Verdict::Parked(_) | Verdict::Unseen => return None,
        };
        let case = log.case();
        Some(Ruled {
            ruling,
            state_after: case.map(|case| case.state().to_string()),
            version_after: concordat_domain::event::CaseVersion {
                others: case.map_or(0, |case| case.version_for(&self.config.organisation)),
                own_seq,
            },
            basis: applied.event.as_ref().map(|event| event.basis),
            warnings: applied
                .event
                .as_ref()
                .map(concordat_domain::judge::warnings)
                .unwrap_or_default(),
        })
    }

    /// This organisation's sequence in a case after an envelope, given the one before it.
    pub(super) fn own_seq_after(&self, before: u64, position: Position, bundle: &Bundle) -> u64 {
        let link = envelope_of(bundle, position).header().class.link();
        match link {
            Some(link) if *bundle.organisation() == self.config.organisation => link.seq,
            _ => before,
        }
    }

    /// Keeps what an event came to, and where it stands.
    pub(super) fn record_ruling(
        &mut self,
        case: CaseId,
        position: Position,
        bundle: &Bundle,
        ruled: Option<Ruled>,
    ) -> Result<(), Error> {
        let header = envelope_of(bundle, position).header();
        let is_ruled_on = matches!(header.class, Class::Event(_) | Class::Partnership);
        let Some(ruled) = ruled.filter(|_| is_ruled_on) else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(&ruled)
            .map_err(|_| Error::Corrupt("a ruling does not serialise".to_owned()))?;
        let place = serde_json::to_vec(&(case, position.bundle, position.envelope))
            .map_err(|_| Error::Corrupt("a place does not serialise".to_owned()))?;
        let vault = self.store.vault();
        vault.put(&mut self.batch, &ruling_name(case, position), &bytes)?;
        vault.put(
            &mut self.batch,
            &place_name(bundle.organisation(), header.event_id),
            &place,
        )?;
        self.rulings.insert((case, position), ruled);
        Ok(())
    }

    /// What an event came to, if this node could judge it.
    pub(crate) fn ruling(&self, case: CaseId, position: Position) -> Result<Option<Ruled>, Error> {
        if let Some(ruled) = self.rulings.get(&(case, position)) {
            return Ok(Some(ruled.clone()));
        }
        let Some(bytes) = self.store.vault().get(&ruling_name(case, position))? else {
            return Ok(None);
        };
        let ruled = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Corrupt("a ruling does not decode".to_owned()))?;
        Ok(Some(ruled))
    }

    /// Case and position of another organisation's event that this node has ruled on.
    pub(super) fn place_of(
        &self,
        author: &OrganisationId,
        event: EventId,
    ) -> Result<Option<(CaseId, Position)>, Error> {
        let Some(bytes) = self.store.vault().get(&place_name(author, event))? else {
            return Ok(None);
        };
        let (case, bundle, envelope) = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Corrupt("a place does not decode".to_owned()))?;
        Ok(Some((case, Position { bundle, envelope })))
    }
}
