//! All that judging may read besides the case.

use jiff::civil::Date;

use crate::calendar::{self, Calendars, Convention};
use crate::directory::{Directory, WorkingDays, in_turn};
use crate::ids::OrganisationId;
use crate::policy::PolicyPacks;

/// The version of these judging rules, as a case pins it.
pub const RULES_VERSION: u32 = 1;

/// The directory, packs and calendars in force at a position of the log.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Organisations, posts and delegations.
    pub directory: &'a Directory,
    /// The policy packs that this node knows.
    pub packs: &'a PolicyPacks,
    /// Working days.
    pub calendars: &'a Calendars,
}

impl Rules<'_> {
    /// The working days of a body as they are counted now, by the newest version of its calendar and of its closed days.
    ///
    /// # Errors
    /// [`calendar::Error::UnknownCalendar`].
    pub fn working_days(
        &self,
        organisation: &OrganisationId,
    ) -> Result<WorkingDays<'_>, calendar::Error> {
        let turns = in_turn(self, organisation)?;
        Ok(turns
            .into_iter()
            .next_back()
            .expect("the first is always there"))
    }

    /// The last of the next `n` working days of an organisation; the day itself for 0.
    ///
    /// # Errors
    /// [`calendar::Error::CalendarHorizon`]: the calendar does not reach as far.
    pub fn working_days_ahead(
        &self,
        of: &OrganisationId,
        day: Date,
        n: u32,
    ) -> Result<Date, calendar::Error> {
        if n == 0 {
            return Ok(day);
        }
        let days = self.working_days(of)?;
        let counted = days
            .calendar
            .due_working_days(day, n, Convention::After, &days.closed)?;
        Ok(counted.due)
    }

    /// The first of the `n` working days of an organisation before a day; the day itself for 0.
    ///
    /// # Errors
    /// [`calendar::Error::CalendarHorizon`]: the calendar does not reach as far.
    pub fn working_days_back(
        &self,
        of: &OrganisationId,
        day: Date,
        n: u32,
    ) -> Result<Date, calendar::Error> {
        let days = self.working_days(of)?;
        days.calendar.working_days_before(day, n, &days.closed)
    }
}
