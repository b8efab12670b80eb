//! The period of a report: days, both included.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::Error;

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// The period that a report is about when nobody names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The last whole year to 31 March (E-26).
    YearToMarch,
    /// The last whole quarter of the calendar (`003` 23).
    Quarter,
    /// The last whole calendar month.
    Month,
    /// The last whole week, Monday to Sunday.
    Week,
    /// The last twelve whole months (`003` 21).
    TwelveMonths,
}

impl Span {
    /// The span in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::YearToMarch => "the last whole year to 31 March",
            Self::Quarter => "the last whole quarter",
            Self::Month => "the last whole month",
            Self::Week => "the last whole week, Monday to Sunday",
            Self::TwelveMonths => "the last twelve whole months",
        }
    }

    /// The last such period that was over before `today`.
    fn before(self, today: Date) -> Option<Period> {
        let this_month = today.first_of_month();
        let back = |months: i32| this_month.checked_sub(months.months()).ok();
        let (from, next) = match self {
            Self::YearToMarch => {
                let since_april = i32::from((today.month() + 8) % 12);
                (back(since_april + 12)?, back(since_april)?)
            }
            Self::Quarter => {
                let since = i32::from((today.month() - 1) % 3);
                (back(since + 3)?, back(since)?)
            }
            Self::Month => (back(1)?, this_month),
            Self::Week => {
                let days = today.weekday().since(Weekday::Monday);
                let monday = today.checked_sub(i32::from(days).days()).ok()?;
                (monday.checked_sub(7.days()).ok()?, monday)
            }
            Self::TwelveMonths => (back(12)?, this_month),
        };
        Some(Period {
            from,
            to: next.yesterday().ok()?,
        })
    }
}

impl Period {
    /// The days asked for. One end alone gets the other from the span: a year to March, for example, is one year long.
    ///
    /// # Errors
    /// [`Error::Period`] if the last day is before the first.
    pub(crate) fn read(
        from: Option<Date>,
        to: Option<Date>,
        span: Span,
        today: Date,
    ) -> Result<Self, Error> {
        let default = span.before(today).unwrap_or(Self {
            from: today,
            to: today,
        });
        let period = match (from, to) {
            (None, None) => default,
            (Some(from), Some(to)) => Self { from, to },
            (Some(from), None) => Self { from, to: today },
            (None, Some(to)) => Self {
                from: default.from.min(to),
                to,
            },
        };
        if period.to < period.from {
            return Err(Error::Period {
                from: period.from,
                to: period.to,
            });
        }
        Ok(period)
    }

    /// Whether the day is in it.
    pub fn contains(&self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// The day before it begins.
    pub fn eve(&self) -> Date {
        self.from.yesterday().unwrap_or(self.from)
    }

    /// The months that it touches, each cut to it.
    pub(crate) fn months(&self) -> Vec<Self> {
        let mut months = Vec::new();
        let mut from = self.from;
        while from <= self.to {
            let to = from.last_of_month().min(self.to);
            months.push(Self { from, to });
            match to.tomorrow() {
                Ok(next) => from = next,
                Err(_) => break,
            }
        }
        months
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(span: Span, today: &str) -> String {
        let period = span.before(today.parse().unwrap()).unwrap();
        format!("{} {}", period.from, period.to)
    }

    // Proves: E-26
    #[test]
    fn the_year_ends_on_31_march() {
        assert_eq!(
            before(Span::YearToMarch, "2026-03-31"),
            "2024-04-01 2025-03-31"
        );
        assert_eq!(
            before(Span::YearToMarch, "2026-04-01"),
            "2025-04-01 2026-03-31"
        );
        assert_eq!(
            before(Span::YearToMarch, "2026-12-31"),
            "2025-04-01 2026-03-31"
        );
        assert_eq!(
            before(Span::YearToMarch, "2027-01-05"),
            "2025-04-01 2026-03-31"
        );
    }

    #[test]
    fn other_spans_are_the_last_that_were_over() {
        assert_eq!(before(Span::Quarter, "2026-07-01"), "2026-04-01 2026-06-30");
        assert_eq!(before(Span::Quarter, "2026-06-30"), "2026-01-01 2026-03-31");
        assert_eq!(before(Span::Month, "2024-03-15"), "2024-02-01 2024-02-29");
        assert_eq!(before(Span::Week, "2026-11-23"), "2026-11-16 2026-11-22");
        assert_eq!(before(Span::Week, "2026-11-22"), "2026-11-09 2026-11-15");
        assert_eq!(
            before(Span::TwelveMonths, "2026-11-23"),
            "2025-11-01 2026-10-31"
        );
    }

    #[test]
    fn a_period_has_its_days_in_order() {
        let day = |text: &str| Some(text.parse().unwrap());
        let today = "2026-11-23".parse().unwrap();
        let read = |from, to| Period::read(from, to, Span::Month, today);
        assert!(read(day("2026-02-02"), day("2026-02-01")).is_err());
        let one = read(day("2026-02-02"), day("2026-02-02")).unwrap();
        assert_eq!(one.months().len(), 1);
        let since = read(day("2026-02-02"), None).unwrap();
        assert_eq!((since.to, since.months().len()), (today, 10));
    }
}
