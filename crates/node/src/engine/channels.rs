//! What restricted channels that this node holds ask of the complaints that they are about.
//!
//! It is asked at this node's own door and nowhere else: no ruling, digest, view or feed of the complaint differs by it, and to a node
//! without the channel there is nothing to know (wire.md 4, last line).

use std::collections::BTreeSet;

use concordat_domain::Case;
use concordat_domain::event::Event;
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_trust::case_log::CaseLog;

use super::Engine;
use crate::error::Error;

/// Acts on a complaint that a channel asks to leave undone for now.
#[derive(Debug, Clone)]
pub(super) struct Suspension {
    complaint: CaseId,
    acts: BTreeSet<(OrganisationId, String)>,
}

impl Engine {
    /// Notes what a case asks of a complaint, if it is a channel; kept apart from the cases, so that the door need not look through them.
    ///
    /// # Errors
    /// Those of reading the case back.
    pub(super) fn note_suspension(&mut self, case: CaseId) -> Result<(), Error> {
        let log = self.case_log(case)?;
        let asked = log
            .as_deref()
            .and_then(CaseLog::case)
            .and_then(Case::suspended_acts)
            .map(|(complaint, acts)| Suspension {
                complaint,
                acts: acts.clone(),
            });
        match asked {
            Some(suspension) => drop(self.suspensions.insert(case, suspension)),
            None => drop(self.suspensions.remove(&case)),
        }
        Ok(())
    }

    /// The answer is about no rule of the case, so that nothing of it can stand in a ruling. It tells no more than that somebody at this
    /// organisation knows more.
    pub(super) fn require_not_suspended(&self, event: &Event) -> Result<(), Error> {
        let act = (event.actor().clone(), event.event_type.code().to_owned());
        let mut asked = self.suspensions.values();
        if asked.any(|asked| asked.complaint == event.case && asked.acts.contains(&act)) {
            return Err(Error::ActSuspended {
                case: event.case,
                event_type: event.event_type,
            });
        }
        Ok(())
    }
}
