//! `concordat calendar`: the arithmetic of due dates, for people who check one or write a policy pack.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use concordat_domain::calendar::{
    Calendars, ClosedDays, Convention, Counted, DayVerdict, Error, due_months,
};
use jiff::civil::Date;
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// What can be asked of a calendar.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prints the last day on which a duty can be done in time.
    Due(Due),
}

/// A count from a day.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("length").required(true).args(["working_days", "months"]))]
pub(crate) struct Due {
    /// National calendar: EW (England and Wales), SCT (Scotland), NI (Northern Ireland).
    #[arg(long)]
    calendar: String,
    /// Day from which to count, YYYY-MM-DD: the trigger.
    #[arg(long)]
    from: Date,
    /// Length in working days.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    working_days: Option<u32>,
    /// Length in calendar months.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_200))]
    months: Option<u32>,
    /// Whether counting starts after the trigger, or the trigger itself is day 1. Months after a day end on the corresponding
    /// date; months from a day end the day before it.
    #[arg(long, value_enum, default_value_t = Count::After)]
    count: Count,
    /// A day on which the organisation itself is closed, YYYY-MM-DD; may be repeated.
    #[arg(long, value_name = "DATE")]
    closed: Vec<Date>,
    /// Print each day counted or skipped, and why.
    #[arg(long)]
    explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Count {
    /// The day after the trigger is day 1 (England; every protocol interval).
    After,
    /// The trigger, or the next working day if it is none, is day 1 (Scotland; "commencing on").
    From,
}

impl From<Count> for Convention {
    fn from(count: Count) -> Self {
        match count {
            Count::After => Self::After,
            Count::From => Self::From,
        }
    }
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    due: Date,
    calendar: String,
    calendar_version: String,
    from: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    months: Option<u32>,
    count: Count,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    date: Date,
    weekday: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<u32>,
    why: String,
}

impl Row for Step {
    const COLUMNS: &'static [&'static str] = &["DATE", "WEEKDAY", "DAY", "WHY"];

    fn cells(&self) -> Vec<String> {
        let day = self.day.map(|day| day.to_string()).unwrap_or_default();
        vec![
            self.date.to_string(),
            self.weekday.clone(),
            day,
            self.why.clone(),
        ]
    }
}

/// Runs a calendar command.
pub(crate) fn run(verb: Verb, format: Format) -> Result<(), Failure> {
    let Verb::Due(asked) = verb;
    let calendars = Calendars::built_in();
    let counted = count(&asked, &calendars).map_err(|error| explain_error(error, &calendars))?;
    let steps = if asked.explain {
        steps(&counted)
    } else {
        Vec::new()
    };
    if format == Format::Table {
        if asked.explain {
            output::listing(&steps)?;
        }
        return output::line(&counted.due.to_string());
    }
    let answer = Answer {
        due: counted.due,
        calendar: asked.calendar,
        calendar_version: calendars.version().to_owned(),
        from: asked.from,
        working_days: asked.working_days,
        months: asked.months,
        count: asked.count,
        steps,
    };
    output::json(format, &answer)
}

fn count(asked: &Due, calendars: &Calendars) -> Result<Counted, Error> {
    // The calendar is looked up for months too, so that a misspelt name never passes for a right one.
    let calendar = calendars.calendar(&asked.calendar)?;
    let convention = asked.count.into();
    match (asked.working_days, asked.months) {
        (Some(days), _) => {
            let closed: ClosedDays = asked
                .closed
                .iter()
                .map(|day| (*day, "as given".to_owned()))
                .collect();
            calendar.due_working_days(asked.from, days, convention, &closed)
        }
        (None, months) => due_months(asked.from, months.unwrap_or_default(), convention),
    }
}

fn explain_error(error: Error, calendars: &Calendars) -> Failure {
    match error {
        Error::CalendarHorizon { .. } => Failure::Precondition(format!(
            "{error}; no list is published further, and holidays are not guessed (lists: {})",
            calendars.version()
        )),
        Error::UnknownCalendar(_) => {
            let known: Vec<&str> = calendars.names().into_iter().collect();
            Failure::NotFound(format!("{error}; known are {}", known.join(", ")))
        }
        Error::OutOfRange { .. } | Error::Malformed(_) => Failure::Usage(error.to_string()),
    }
}

fn steps(counted: &Counted) -> Vec<Step> {
    let explained = counted.steps.iter().map(|step| {
        let (day, why) = match &step.verdict {
            DayVerdict::Start => (None, "start".to_owned()),
            DayVerdict::Counted(n) => (Some(*n), "working day".to_owned()),
            DayVerdict::Weekend => (None, "weekend".to_owned()),
            DayVerdict::Holiday(title) => (None, title.clone()),
            DayVerdict::ClosedDay(title) => (None, format!("closed, {title}")),
            DayVerdict::Ended => (None, "last day".to_owned()),
        };
        Step {
            date: step.date,
            weekday: format!("{:?}", step.date.weekday()),
            day,
            why,
        }
    });
    explained.collect()
}
