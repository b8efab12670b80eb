//! What is due over all cases, from the index that every changed case brings up to date.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use concordat_domain::calendar::local_date;
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::{Outstanding, outstanding};
use concordat_domain::{Case, State};

use super::Engine;
use super::due_index::Bounds;
use super::outlook::Outlook;
use crate::due::{CaseQuery, DueDeadline, DuePage, DuePlace, DueQuery};
use crate::error::Error;
use crate::views::CaseView;

impl Engine {
    /// Derives what is outstanding on a case: index and agenda follow.
    pub(super) fn look_ahead(&mut self, case: CaseId) -> Result<(), Error> {
        let log = self.case_log(case)?;
        let Some(log) = log.as_deref() else {
            return Ok(());
        };
        let Some(state) = log.case() else {
            return Ok(());
        };
        let found = self.outstanding_in(state);
        // Nothing can be published about an erased case, not even what was missed in it, nor about one that is parked.
        let enforces = self.acts_for(state.keeper())
            && state.state() != State::Erased
            && log.parked().is_none();
        let outlook = Outlook::of(log, state, (enforces, found), &self.rules_name);
        self.show_outlook(case, &outlook);
        self.outlooks.insert(case, outlook);
        Ok(())
    }

    /// What is due, counted, and a page of it.
    pub(crate) fn what_is_due(&mut self, asked: &DueQuery) -> Result<DuePage, Error> {
        // What changed in this very turn is to be seen as well.
        self.settle_changed()?;
        let at = asked.at.unwrap_or_else(|| self.now());
        let today = local_date(at);
        let bounds = |owner: &OrganisationId| self.bounds(asked, owner, today);
        let found = self.due.find(asked, today, bounds)?;
        let mut known = BTreeMap::new();
        let mut deadlines = Vec::with_capacity(found.places.len());
        for place in found.places {
            deadlines.push(self.due_deadline(place, at, &mut known)?);
        }
        Ok(DuePage {
            at,
            deadlines,
            total: found.total,
            has_more: found.has_more,
        })
    }

    fn bounds(
        &self,
        asked: &DueQuery,
        owner: &OrganisationId,
        today: jiff::civil::Date,
    ) -> Result<Bounds, Error> {
        let rules = self.rules();
        let ahead = asked.due_within_working_days;
        let back = asked.counted_for_working_days;
        let bounds = || {
            Ok(Bounds {
                due_until: ahead
                    .map(|n| rules.working_days_ahead(owner, today, n))
                    .transpose()?,
                counted_until: back
                    .map(|n| rules.working_days_back(owner, today, n))
                    .transpose()?,
            })
        };
        bounds().map_err(|error: concordat_domain::calendar::Error| Error::Rules(error.to_string()))
    }

    fn due_deadline(
        &self,
        place: DuePlace,
        at: jiff::Timestamp,
        known: &mut BTreeMap<CaseId, Vec<Outstanding>>,
    ) -> Result<DueDeadline, Error> {
        let gone = || Error::Corrupt(format!("the index of {} is not of its case", place.case));
        if let Entry::Vacant(unknown) = known.entry(place.case) {
            unknown.insert(self.outstanding_of(place.case)?);
        }
        let one = known
            .get(&place.case)
            .and_then(|all| all.get(usize::from(place.number)));
        let one = one.ok_or_else(gone)?;
        let (keeper, _) = self.due.card(place.case).ok_or_else(gone)?;
        Ok(DueDeadline {
            place,
            keeper: keeper.parse().map_err(|_| gone())?,
            deadline: one.at(at, &self.rules()).ok_or_else(gone)?,
        })
    }

    /// What is outstanding on a case that this organisation has a part in. A view that has ended stands still: what it shows as due may be
    /// done long since.
    fn outstanding_in(&self, case: &Case) -> Vec<Outstanding> {
        if !self.takes_part(case) {
            return Vec::new();
        }
        outstanding(case, &self.rules())
    }

    /// Some cases by id. Which ones is told from the index; only those are read.
    pub(crate) fn cases_asked_for(&mut self, asked: &CaseQuery) -> Result<Vec<CaseView>, Error> {
        self.settle_changed()?;
        let at = asked.at.unwrap_or_else(|| self.now());
        let today = local_date(at);
        let wanted = |case: &CaseId| {
            self.due.card(*case).is_some_and(|(keeper, state)| {
                (asked.states.is_empty() || asked.states.contains(state))
                    && asked
                        .keeper
                        .as_ref()
                        .is_none_or(|asked| asked.as_str() == keeper)
                    && (!asked.overdue_only || self.due.is_overdue(*case, today))
            })
        };
        let cases = self.shelf.ids_after(asked.after).filter(wanted);
        cases
            .take(asked.max)
            .map(|case| self.case_view(case, Some(at)))
            .collect()
    }
}
