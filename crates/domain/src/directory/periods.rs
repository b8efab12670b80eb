//! Periods for which bodies report: quarters, months and years to 31 March.

use std::fmt;

use jiff::civil::Date;

/// A period of reporting. Years and quarters are those of the public bodies of Great Britain, from 1 April.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// The twelve months that begin on 1 April of this year: `2026-27`.
    Year(i16),
    /// A quarter of such a year, 1 to 4: `2026-27-q1` is April to June 2026.
    Quarter(i16, u8),
    /// A calendar month: `2026-04`.
    Month(i16, i8),
}

impl Period {
    /// The year that a day is in.
    pub fn year_of(day: Date) -> Self {
        Self::Year(year_of(day))
    }

    /// The quarter that a day is in.
    pub fn quarter_of(day: Date) -> Self {
        let months_since_april = (day.month() + 8) % 12;
        let quarter = u8::try_from(months_since_april / 3 + 1).unwrap_or(1);
        Self::Quarter(year_of(day), quarter)
    }

    /// The month that a day is in.
    pub fn month_of(day: Date) -> Self {
        Self::Month(day.year(), day.month())
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        match self {
            Self::Year(year) => Date::constant(year, 4, 1),
            Self::Quarter(year, 4) => Date::constant(year + 1, 1, 1),
            Self::Quarter(year, quarter) => {
                Date::constant(year, i8::try_from(quarter).unwrap_or(1) * 3 + 1, 1)
            }
            Self::Month(year, month) => Date::constant(year, month, 1),
        }
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        let next = self.next().first_day();
        next.yesterday().unwrap_or(next)
    }

    /// The period after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Year(year) => Self::Year(year + 1),
            Self::Quarter(year, 4) => Self::Quarter(year + 1, 1),
            Self::Quarter(year, quarter) => Self::Quarter(year, quarter + 1),
            Self::Month(year, 12) => Self::Month(year + 1, 1),
            Self::Month(year, month) => Self::Month(year, month + 1),
        }
    }

    /// The period before it.
    #[must_use]
    pub fn previous(self) -> Self {
        match self {
            Self::Year(year) => Self::Year(year - 1),
            Self::Quarter(year, 1) => Self::Quarter(year - 1, 4),
            Self::Quarter(year, quarter) => Self::Quarter(year, quarter - 1),
            Self::Month(year, 1) => Self::Month(year - 1, 12),
            Self::Month(year, month) => Self::Month(year, month - 1),
        }
    }
}

/// The calendar year in which the year of reporting begins.
fn year_of(day: Date) -> i16 {
    if day.month() >= 4 {
        day.year()
    } else {
        day.year() - 1
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |year: i16| (year + 1).rem_euclid(100);
        match self {
            Self::Year(year) => write!(f, "{year}-{:02}", short(*year)),
            Self::Quarter(year, quarter) => write!(f, "{year}-{:02}-q{quarter}", short(*year)),
            Self::Month(year, month) => write!(f, "{year}-{month:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_year_of_reporting_ends_on_31_march() {
        for (inside, name, first, last) in [
            ("2027-03-31", "2026-27", "2026-04-01", "2027-03-31"),
            ("2027-04-01", "2027-28", "2027-04-01", "2028-03-31"),
            ("2000-01-01", "1999-00", "1999-04-01", "2000-03-31"),
        ] {
            let year = Period::year_of(day(inside));
            assert_eq!(year.to_string(), name);
            assert_eq!((year.first_day(), year.last_day()), (day(first), day(last)));
        }
    }

    #[test]
    fn quarters_follow_one_another_across_the_year() {
        let mut quarter = Period::quarter_of(day("2026-04-01"));
        let mut told = Vec::new();
        for _ in 0..5 {
            told.push(format!(
                "{quarter} {} {}",
                quarter.first_day(),
                quarter.last_day()
            ));
            assert_eq!(quarter.next().previous(), quarter);
            assert_eq!(Period::quarter_of(quarter.last_day()), quarter);
            quarter = quarter.next();
        }
        assert_eq!(
            told,
            [
                "2026-27-q1 2026-04-01 2026-06-30",
                "2026-27-q2 2026-07-01 2026-09-30",
                "2026-27-q3 2026-10-01 2026-12-31",
                "2026-27-q4 2027-01-01 2027-03-31",
                "2027-28-q1 2027-04-01 2027-06-30",
            ]
        );
    }

    #[test]
    fn a_month_ends_on_its_own_last_day() {
        assert_eq!(
            Period::month_of(day("2028-02-10")).last_day(),
            day("2028-02-29")
        );
        assert_eq!(
            Period::month_of(day("2026-12-31")).next().to_string(),
            "2027-01"
        );
        assert_eq!(
            Period::month_of(day("2026-01-31")).previous().to_string(),
            "2025-12"
        );
    }
}
