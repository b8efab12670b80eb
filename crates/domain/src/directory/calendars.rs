//! Versions of calendars and of bodies' closed days (facts 3 and 4 of the domain brief, S-14).
//!
//! A version applies from its position to due dates that have not passed at the claimed time of its bundle; what has passed stays.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use rpds::{RedBlackTreeMapSync, VectorSync};
use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, ClosedDays, Error, HolidayList};
use crate::ids::{OrganisationId, Position};
use crate::rules::Rules;

/// A published version of a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarVersion {
    /// Name of the calendar, such as `SCT`.
    pub calendar: String,
    /// Its version.
    pub version: String,
    /// Its days.
    pub list: HolidayList,
    /// Where it stands on the log.
    pub position: Position,
    /// The claimed time of its bundle.
    pub at: Timestamp,
}

/// The closed days of one body from a position on, those of its earlier versions among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Its version.
    pub version: String,
    /// All closed days known so far.
    pub days: Arc<ClosedDays>,
    /// Where it stands on the log.
    pub position: Position,
    /// The claimed time of its bundle.
    pub at: Timestamp,
}

/// All versions that hold at a position of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CalendarBook {
    published: RedBlackTreeMapSync<String, VectorSync<CalendarVersion>>,
    closed: RedBlackTreeMapSync<OrganisationId, VectorSync<Closure>>,
}

impl CalendarBook {
    pub(crate) fn publish(&mut self, version: CalendarVersion) {
        let mut versions = self
            .published
            .get(&version.calendar)
            .cloned()
            .unwrap_or_default();
        let name = version.calendar.clone();
        versions.push_back_mut(version);
        self.published.insert_mut(name, versions);
    }

    pub(crate) fn close(
        &mut self,
        organisation: &OrganisationId,
        version: &str,
        added: ClosedDays,
        (position, at): (Position, Timestamp),
    ) {
        let mut versions = self.closed.get(organisation).cloned().unwrap_or_default();
        let mut days = versions
            .last()
            .map(|closure| closure.days.as_ref().clone())
            .unwrap_or_default();
        days.extend(added);
        versions.push_back_mut(Closure {
            version: version.to_owned(),
            days: Arc::new(days),
            position,
            at,
        });
        self.closed.insert_mut(organisation.clone(), versions);
    }

    fn published(&self, calendar: &str) -> impl Iterator<Item = &CalendarVersion> {
        self.published.get(calendar).into_iter().flatten()
    }

    fn closed(&self, organisation: &OrganisationId) -> impl Iterator<Item = &Closure> {
        self.closed.get(organisation).into_iter().flatten()
    }
}

impl super::Directory {
    /// The versions of a calendar published on the log, in order; those of the release come before them.
    pub fn calendar_versions(&self, calendar: &str) -> impl Iterator<Item = &CalendarVersion> {
        self.calendars.published(calendar)
    }

    /// The versions of a body's own closed days, in order.
    pub fn closures(&self, organisation: &OrganisationId) -> impl Iterator<Item = &Closure> {
        self.calendars.closed(organisation)
    }
}

/// The working days of a body as they are counted from an instant on.
#[derive(Debug, Clone)]
pub struct WorkingDays<'a> {
    /// From when it counts: only due dates that had not passed then are computed with it.
    pub from: Timestamp,
    /// The national list.
    pub calendar: Cow<'a, Calendar>,
    /// The body's own closed days.
    pub closed: Cow<'a, ClosedDays>,
    /// Name and version, for people.
    pub version: String,
}

/// The calendars of a body in turn, the first from the beginning.
///
/// # Errors
/// [`Error::UnknownCalendar`] if neither the release nor the partnership has one of the name that the directory gives.
pub fn in_turn<'a>(
    rules: &Rules<'a>,
    organisation: &OrganisationId,
) -> Result<Vec<WorkingDays<'a>>, Error> {
    let directory = rules.directory;
    let name = directory
        .organisation(organisation)
        .map_or("EW", |entry| entry.calendar.as_str());
    let mut published = directory.calendar_versions(name).peekable();
    let calendar = match rules.calendars.calendar(name) {
        Ok(calendar) => Cow::Borrowed(calendar),
        Err(_) if published.peek().is_some() => Cow::Owned(Calendar::new(name, [])),
        Err(error) => return Err(error),
    };
    let mut now = WorkingDays {
        from: Timestamp::MIN,
        calendar,
        closed: Cow::Borrowed(rules.calendars.closed_days(organisation)),
        version: format!("{name} {}", rules.calendars.version()),
    };
    let mut national = now.version.clone();
    let mut closures = directory.closures(organisation).peekable();
    let mut turns = vec![now.clone()];
    loop {
        let next_is_national = match (published.peek(), closures.peek()) {
            (Some(list), Some(closure)) => list.position < closure.position,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return Ok(turns),
        };
        if next_is_national && let Some(list) = published.next() {
            now.from = list.at;
            now.calendar = Cow::Owned(now.calendar.with_later(list.list.clone()));
            national = format!("{name} {}", list.version);
            now.version = national.clone();
        } else if let Some(closure) = closures.next() {
            now.from = closure.at;
            let own = now.closed.into_owned();
            let all = own.into_iter().chain(closure.days.as_ref().clone());
            now.closed = Cow::Owned(all.collect());
            now.version = format!("{national}, closed days {}", closure.version);
        }
        turns.push(now.clone());
    }
}
