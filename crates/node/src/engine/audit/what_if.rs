//! The history of a case judged again under another policy pack.

use concordat_domain::Placement;
use concordat_domain::audit::{Step, WhatIf, what_if};
use concordat_domain::ids::{CaseId, Position};
use concordat_domain::policy::PolicyPack;
use concordat_trust::case_log::{Verdict, VoidReason};

use super::super::Engine;
use super::super::cases::envelope_of;
use crate::audit::FoundPoint;
use crate::error::Error;

impl Engine {
    /// What would differ in a case up to a point, had it gone by another pack; none if this organisation could not read it there.
    ///
    /// Envelopes that are void for reasons of keys or of the log say nothing about rules, and are left out.
    pub(crate) fn case_under(
        &self,
        case: CaseId,
        pack: &PolicyPack,
        (end, point): (Position, &FoundPoint),
    ) -> Result<Option<WhatIf>, Error> {
        let Some(past) = self.past(case, end)? else {
            return Ok(None);
        };
        let mut steps = Vec::new();
        self.replay_to((case, &past.keys), end, |position, bundle, applied, _| {
            let ruling = match applied.verdict {
                Verdict::Effective => Ok(()),
                Verdict::Void(VoidReason::Refused(reason)) => Err(reason),
                Verdict::Void(_) | Verdict::Parked(_) | Verdict::Unseen => return Ok(()),
            };
            let link = envelope_of(bundle, position).header().class.link();
            if let Some((event, link)) = applied.event.zip(link) {
                steps.push(Step {
                    event,
                    placement: Placement {
                        position,
                        case_seq: link.seq,
                    },
                    ruling,
                    directory: self.rules_at(position.bundle).directory,
                });
            }
            Ok(())
        })?;
        let here = (&self.config.packs, &self.config.calendars);
        Ok(Some(what_if(&steps, here, pack, point.valid_at)))
    }

    /// The next cases by id after one.
    pub(crate) fn case_ids_after(&self, after: Option<CaseId>, max: usize) -> Vec<CaseId> {
        self.shelf.ids_after(after).take(max).collect()
    }
}
