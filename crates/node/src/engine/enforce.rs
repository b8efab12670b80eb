//! The keeper's enforcer: what is due now becomes an event, judged like any other. Nothing stored fires (design, decision 7).

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable;
use concordat_domain::timetable::{Deadline, waiting};
use concordat_trust::case_log::CaseLog;
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::warn;

use super::Engine;
use crate::draft::Draft;
use crate::error::Error;

/// Cases that are enforced at once: about what one bundle holds. The next follow with the next bundle.
const ENFORCED_MAX: usize = 256;

/// One event that the enforcer is about to publish.
struct Firing {
    /// Since when it is to be published.
    since: Timestamp,
    case: CaseId,
    event_type: &'static str,
    deadline: Deadline,
    /// Who runs the case.
    keeper: OrganisationId,
    /// The organisation that was waited on longest until the due instant.
    waited_on: Option<OrganisationId>,
}

impl Firing {
    /// The event's fields; none without a due day, of which nothing can be published.
    fn fields(&self) -> Option<Value> {
        let due = self.deadline.due?.to_string();
        let mut fields = json!({"deadline": self.deadline.name.to_string(), "due": due});
        if self.event_type == "deadline-missed" {
            fields["occurrence"] = json!(self.deadline.id.to_string());
            if let Some(organisation) = &self.waited_on {
                fields["waited_on"] = json!(organisation.as_str());
            }
        }
        Some(fields)
    }
}

impl Engine {
    /// Drafts what is due by both clocks. Only when the log was read to its head: an act that meets a deadline may stand there unread.
    pub(super) fn enforce(&mut self) -> Result<(), Error> {
        if !self.may_publish() || self.flight.is_some() {
            return Ok(());
        }
        // What is due longest comes first, so that none waits for ever behind what cannot be published.
        let due: Vec<CaseId> = self.agenda.due(self.now()).take(ENFORCED_MAX).collect();
        if due.is_empty() {
            return Ok(());
        }
        let Some(now) = self.guarded_instant(self.now()) else {
            return Ok(());
        };
        let mut firings: Vec<Firing> = Vec::new();
        for case in due.iter().copied() {
            let log = self.case_log(case)?;
            let Some(state) = log.as_deref().and_then(CaseLog::case) else {
                continue;
            };
            let rules = self.rules();
            let timetable = timetable(state, now, &rules);
            let missed = timetable
                .due_to_miss(now)
                .map(|deadline| ("deadline-missed", deadline.clone()));
            let warned = timetable
                .due_to_warn(now)
                .map(|deadline| ("deadline-approaching", deadline.clone()));
            firings.extend(missed.chain(warned).filter_map(|(event_type, deadline)| {
                // Up to the due instant: how long it was waited on, not how long this node was down.
                let due = deadline.due_instant.map_or(now, |due| due.min(now));
                let waited_on = waiting(state, &deadline, due, &rules);
                let since = match event_type {
                    "deadline-missed" => deadline.due_instant?,
                    _ => deadline.warn_instant?,
                };
                Some(Firing {
                    since,
                    case,
                    keeper: state.keeper().clone(),
                    event_type,
                    waited_on: waited_on.mostly_on().cloned(),
                    deadline,
                })
            }));
        }
        // After an outage what was due first is published first, over all cases.
        firings.sort_by_key(|firing| (firing.since, firing.case));
        for firing in &firings {
            self.fire(firing)?;
        }
        for case in due {
            if self.derived.iter().all(|draft| draft.case != case) {
                self.look_ahead(case)?;
            }
        }
        Ok(())
    }

    fn fire(&mut self, firing: &Firing) -> Result<(), Error> {
        let case = firing.case;
        let Some(fields) = firing.fields() else {
            return Ok(());
        };
        let mut input = match concordat_codec::form::read(firing.event_type, &fields) {
            Ok(input) => input,
            Err(error) => {
                warn!(case = %case, error = &error as &dyn std::error::Error, "a firing cannot be written");
                return Ok(());
            }
        };
        if firing.keeper != self.config.organisation {
            input.on_behalf_of = Some(firing.keeper.to_string());
        }
        let id = self.fresh_id();
        let basis = self.version(case)?;
        let draft = Draft::new((id, case), &input, self.now(), (basis, None), None).derived();
        self.derived.push(draft);
        Ok(())
    }
}
