//! The sandbox's clock: how fast it runs, and where it is moved to.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use concordat_domain::calendar::{
    Calendars, ClosedDays, Convention, local_date, london, start_of_day,
};
use jiff::civil::{Date, DateTime, time};
use jiff::{SignedDuration, Timestamp};

use crate::exit::Failure;

/// The nation by whose working days `wd` counts: that of all organisations here.
const CALENDAR: &str = "EW";
/// The longest single move, in days: each is lived through, so that what falls due on it fires on it.
const DAYS_MAX: i32 = 1_500;

/// How much time passes on the sandbox's clock in one second of the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed(SignedDuration);

impl Speed {
    /// How far the clock goes while the machine's goes so far.
    pub(super) fn over(self, elapsed: Duration) -> SignedDuration {
        SignedDuration::from_secs_f64(self.0.as_secs_f64() * elapsed.as_secs_f64())
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || {
            "expected 0 (the clock stands still) or a span a second, such as 1s/s, 1h/s or 1d/s"
                .to_owned()
        };
        if text == "0" {
            return Ok(Self(SignedDuration::ZERO));
        }
        let span = text.strip_suffix("/s").ok_or_else(expected)?;
        span_of(span).map(Self).ok_or_else(expected)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0");
        }
        let seconds = self.0.as_secs();
        let (number, unit) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(length, _)| seconds % length == 0)
            .map_or((seconds, "s"), |(length, unit)| (seconds / length, unit));
        write!(f, "{number}{unit}/s")
    }
}

/// Seconds, minutes, hours or days of 24 hours.
fn span_of(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    let length = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(SignedDuration::from_secs(i64::from(number) * length))
}

/// By how much the clock is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Working days of England and Wales, to the same time of day.
    WorkingDays(u32),
    /// Calendar days, to the same time of day.
    Days(i32),
    /// Time as it passes.
    Span(SignedDuration),
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || {
            "expected working days, days, hours or minutes, such as 3wd, 10d, 4h or 30m".to_owned()
        };
        if let Some(days) = text.strip_suffix("wd") {
            return days.parse().map(Self::WorkingDays).map_err(|_| expected());
        }
        if let Some(days) = text.strip_suffix('d') {
            return days.parse().map(Self::Days).map_err(|_| expected());
        }
        span_of(text).map(Self::Span).ok_or_else(expected)
    }
}

impl By {
    /// Where a clock that shows `now` is then.
    pub(super) fn after(self, now: Timestamp) -> Result<Timestamp, Failure> {
        let local = now.to_zoned_datetime(london());
        let day = match self {
            Self::Span(span) => {
                return now.checked_add(span).map_err(|_| too_far());
            }
            Self::Days(days) => local
                .date()
                .checked_add(jiff::Span::new().try_days(days).map_err(|_| too_far())?)
                .map_err(|_| too_far())?,
            Self::WorkingDays(days) => {
                let calendars = Calendars::built_in();
                let calendar = calendars.calendar(CALENDAR).map_err(beyond)?;
                calendar
                    .due_working_days(
                        local.date(),
                        days,
                        Convention::After,
                        &ClosedDays::default(),
                    )
                    .map_err(beyond)?
                    .due
            }
        };
        at(day.to_datetime(local.time()))
    }
}

/// A day, or a local time (Europe/London); a day alone means nine in the morning.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let expected =
        || "expected a day such as 2027-01-31, or a local time such as 2027-01-31T14:30".to_owned();
    let civil: DateTime = match text.parse::<Date>() {
        Ok(day) if !text.contains('T') => day.to_datetime(time(9, 0, 0, 0)),
        _ => text.parse().map_err(|_| expected())?,
    };
    at(civil).map_err(|_| expected())
}

fn at(civil: DateTime) -> Result<Timestamp, Failure> {
    let zoned = civil.to_zoned_datetime(london()).map_err(|_| too_far())?;
    Ok(zoned.timestamp())
}

/// The beginnings of the days from one instant to another, then the other: what falls due at midnight fires on its day.
pub(super) fn steps(from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, Failure> {
    if to < from {
        return Err(Failure::Precondition(format!(
            "the clock shows {} and never goes back",
            local(from)
        )));
    }
    let (mut day, last) = (local_date(from), local_date(to));
    if (last - day).get_days() > DAYS_MAX {
        return Err(Failure::Usage(format!(
            "the clock is moved by at most {DAYS_MAX} days at once"
        )));
    }
    let mut steps = Vec::new();
    while day < last {
        day = day.tomorrow().map_err(|_| too_far())?;
        steps.push(start_of_day(day));
    }
    steps.retain(|step| (from..to).contains(step));
    steps.push(to);
    Ok(steps)
}

/// The last of so many working days, or the day itself if it is one and none is asked for.
pub(super) fn working_days_before(day: Date, days: u32) -> Result<Date, Failure> {
    let calendars = Calendars::built_in();
    let calendar = calendars.calendar(CALENDAR).map_err(beyond)?;
    let tomorrow = day.tomorrow().map_err(|_| too_far())?;
    calendar
        .working_days_before(tomorrow, days + 1, &ClosedDays::default())
        .map_err(beyond)
}

/// So many working days after a day.
pub(super) fn working_days_after(day: Date, days: u32) -> Result<Date, Failure> {
    let calendars = Calendars::built_in();
    let calendar = calendars.calendar(CALENDAR).map_err(beyond)?;
    let counted = calendar
        .due_working_days(day, days, Convention::After, &ClosedDays::default())
        .map_err(beyond)?;
    Ok(counted.due)
}

/// How an instant is shown: local time with its zone.
pub(super) fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(london())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

fn beyond(error: concordat_domain::calendar::Error) -> Failure {
    Failure::Precondition(error.to_string())
}

pub(super) fn too_far() -> Failure {
    Failure::Usage("no calendar has such a day".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, by: &str) -> String {
        let by: By = by.parse().expect("a move");
        local(
            by.after(moment(from).expect("a moment"))
                .expect("it is there"),
        )
    }

    #[test]
    fn working_days_leave_out_weekends_and_bank_holidays() {
        // 2026-12-25 and 2026-12-28 (in lieu of Boxing Day) are bank holidays.
        assert_eq!(moved("2026-12-23T10:30", "3wd"), "2026-12-30 10:30:00 GMT");
        assert_eq!(moved("2026-12-23T10:30", "3d"), "2026-12-26 10:30:00 GMT");
        assert_eq!(moved("2027-03-27", "1d"), "2027-03-28 09:00:00 BST");
        assert_eq!(moved("2026-12-23T10:30", "4h"), "2026-12-23 14:30:00 GMT");
        for wrong in ["", "d", "3", "3x", "-1wd", "wd3"] {
            assert!(wrong.parse::<By>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_long_move_stops_at_every_midnight_and_never_goes_back() {
        let moments: Vec<Timestamp> = ["2026-12-23T10:30", "2026-12-26T08:00"]
            .iter()
            .map(|text| moment(text).expect("a moment"))
            .collect();
        let steps = steps(moments[0], moments[1]).expect("forward");
        let midnights = steps
            .iter()
            .filter(|step| local(**step).contains("00:00:00"));
        assert_eq!(midnights.count(), 3);
        assert_eq!(steps.last(), Some(&moments[1]));
        assert!(super::steps(moments[1], moments[0]).is_err());
    }

    #[test]
    fn speeds_are_read_as_they_are_shown() {
        for text in ["0", "1s/s", "90s/s", "5m/s", "1h/s", "1d/s"] {
            let speed: Speed = text.parse().expect("a speed");
            assert_eq!(speed.to_string(), text);
        }
        for wrong in ["", "1d", "d/s", "1x/s", "-1h/s"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
        let day: Speed = "1d/s".parse().expect("a speed");
        assert_eq!(
            day.over(Duration::from_millis(500)),
            SignedDuration::from_hours(12)
        );
    }
}
