//! The keeper's enforcer: what is due now becomes an event, judged like any other. Nothing stored fires (design, decision 7).

use concordat_domain::ids::CaseId;
use concordat_domain::timetable;
use concordat_domain::timetable::Deadline;
use concordat_trust::case_log::CaseLog;
use jiff::Timestamp;
use serde_json::json;
use tracing::warn;

use super::Engine;
use crate::draft::Draft;
use crate::error::Error;

impl Engine {
    /// Remembers when a case is to be looked at next. Derived, so it is in memory only.
    pub(super) fn schedule(&mut self, case: CaseId) -> Result<(), Error> {
        let next = self.next_look(case)?;
        self.agenda.set(case, next);
        Ok(())
    }

    fn next_look(&self, case: CaseId) -> Result<Option<Timestamp>, Error> {
        let log = self.case_log(case)?;
        let Some(state) = log.as_deref().and_then(CaseLog::case) else {
            return Ok(None);
        };
        if *state.keeper() != self.config.organisation {
            return Ok(None);
        }
        let now = self.now();
        let rules = self.config.rules();
        let timetable = timetable(state, now, &rules);
        let due_now = timetable
            .due_to_miss(now)
            .chain(timetable.due_to_warn(now))
            .next()
            .is_some();
        Ok(if due_now {
            Some(now)
        } else {
            timetable.next_instant_of_interest()
        })
    }

    /// Drafts what is due by both clocks. Only when the log was read to its head: an act that meets a deadline may stand there unread.
    pub(super) fn enforce(&mut self) -> Result<(), Error> {
        if !self.may_publish() || self.flight.is_some() {
            return Ok(());
        }
        let due: Vec<CaseId> = self.agenda.due(self.now()).collect();
        if due.is_empty() {
            return Ok(());
        }
        let Some(now) = self.guarded_instant(self.now()) else {
            return Ok(());
        };
        for case in due {
            let log = self.case_log(case)?;
            let Some(state) = log.as_deref().and_then(CaseLog::case) else {
                continue;
            };
            let rules = self.config.rules();
            let timetable = timetable(state, now, &rules);
            let missed = timetable
                .due_to_miss(now)
                .map(|deadline| ("deadline-missed", deadline.clone()));
            let warned = timetable
                .due_to_warn(now)
                .map(|deadline| ("deadline-approaching", deadline.clone()));
            let firings: Vec<(&str, Deadline)> = missed.chain(warned).collect();
            for (event_type, deadline) in firings {
                self.fire(case, event_type, &deadline)?;
            }
            if self.derived.iter().all(|draft| draft.case != case) {
                self.schedule(case)?;
            }
        }
        Ok(())
    }

    fn fire(&mut self, case: CaseId, event_type: &str, deadline: &Deadline) -> Result<(), Error> {
        let Some(due) = deadline.due else {
            return Ok(());
        };
        let fields = json!({"deadline": deadline.name.to_string(), "due": due.to_string()});
        let input = match concordat_codec::form::read(event_type, &fields) {
            Ok(input) => input,
            Err(error) => {
                warn!(case = %case, error = &error as &dyn std::error::Error, "a firing cannot be written");
                return Ok(());
            }
        };
        let id = self.fresh_id();
        let basis = self.version(case)?;
        let draft = Draft::new((id, case), &input, self.now(), (basis, None), None).derived();
        self.derived.push(draft);
        Ok(())
    }
}
