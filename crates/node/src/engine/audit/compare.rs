//! One case at two points: what differs, and by which event.

use std::collections::BTreeMap;

use concordat_domain::audit::{Shown, deadline_changes};
use concordat_domain::ids::{CaseId, Position};
use concordat_domain::timetable;
use concordat_domain::timetable::Deadline;
use concordat_trust::case_log::{CaseLog, Verdict};
use concordat_trust::envelope::Class;

use super::super::Engine;
use super::super::cases::envelope_of;
use super::Past;
use crate::audit::{ChangedBy, ComparedCase, Comparison, FoundPoint};
use crate::error::Error;

impl Engine {
    /// What differs between two points of a case. At the earlier one it need not have been there.
    pub(crate) fn compare_case(
        &self,
        case: CaseId,
        before: FoundPoint,
        after: FoundPoint,
    ) -> Result<Comparison, Error> {
        let end = after.position.ok_or(Error::UnknownCase)?;
        let stands = self.past(case, end)?.ok_or(Error::UnknownCase)?;
        let stood = match before.position {
            Some(position) => self.past(case, position)?,
            None => None,
        };
        let (changed, events) = self.changes_on_the_way(case, before.position, (end, &stands))?;
        let fields = Shown::of(stood.as_ref().and_then(|past| past.log.case()))
            .changes_to(&Shown::of(stands.log.case()));
        Ok(Comparison {
            fields: fields
                .into_iter()
                .map(|field| {
                    let by = changed.get(&field.path).cloned();
                    (field, by)
                })
                .collect(),
            deadlines: deadline_changes(
                &self.deadlines_at(stood.as_ref(), &before),
                &self.deadlines_at(Some(&stands), &after),
            ),
            events,
            before: compared(before, stood.as_ref()),
            after: compared(after, Some(&stands)),
        })
    }

    /// The event that changed each path last, and the events behind a position.
    fn changes_on_the_way(
        &self,
        case: CaseId,
        behind: Option<Position>,
        (end, past): (Position, &Past),
    ) -> Result<(BTreeMap<String, ChangedBy>, Vec<crate::views::EventView>), Error> {
        let mut changed = BTreeMap::new();
        let mut events = Vec::new();
        let mut shown = Shown::default();
        let mut own_seq = 0;
        self.replay_to((case, &past.keys), end, |position, bundle, applied, log| {
            own_seq = self.own_seq_after(own_seq, position, bundle);
            if applied.verdict == Verdict::Effective && applied.event.is_some() {
                let now = Shown::of(log.case());
                let by = ChangedBy {
                    event: Self::event_id_at(bundle, position),
                    author: bundle.organisation().clone(),
                    position,
                };
                let paths = shown.changes_to(&now).into_iter();
                changed.extend(paths.map(|change| (change.path, by.clone())));
                shown = now;
            }
            let is_event = matches!(
                envelope_of(bundle, position).header().class,
                Class::Event(_)
            );
            if is_event && behind.is_none_or(|behind| position > behind) {
                let ruled = self.ruled(log, own_seq, &applied);
                events.push(self.past_event(past, (position, bundle), ruled)?);
            }
            Ok(())
        })?;
        Ok((changed, events))
    }

    fn deadlines_at(&self, past: Option<&Past>, point: &FoundPoint) -> Vec<Deadline> {
        let case = past.and_then(|past| past.log.case());
        let Some((case, position)) = case.zip(point.position) else {
            return Vec::new();
        };
        let rules = self.rules_at(position.bundle + 1);
        timetable(case, point.valid_at, &rules).deadlines().to_vec()
    }
}

fn compared(point: FoundPoint, past: Option<&Past>) -> ComparedCase {
    let case = past.and_then(|past| CaseLog::case(&past.log));
    ComparedCase {
        point,
        stood: case.map(|case| (case.state().to_string(), case.digest())),
    }
}
