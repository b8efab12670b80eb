//! One rule of a pack: the length of one deadline, where it comes from, and how far that was checked.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Calendar, ClosedDays, Convention, Counted, DayStep, DayVerdict};
use crate::case::State;
use crate::event::EventType;
use crate::fields::{Fields, Value};

/// What a rule counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Working days of the owing organisation's calendar.
    WorkingDays,
    /// Calendar days.
    Days,
    /// Calendar months.
    Months,
    /// Calendar years.
    Years,
    /// The event names the day itself.
    Date,
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// An Act or regulations.
    Statutory,
    /// A code or model procedure that the body is judged by.
    Quasi,
    /// Guidance.
    Guidance,
    /// A local protocol.
    Local,
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Statutory => "statutory",
            Self::Quasi => "quasi",
            Self::Guidance => "guidance",
            Self::Local => "local",
        })
    }
}

/// How far the source of a rule was checked (domain brief, *How to read the marks*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mark {
    /// Checked in a source.
    V,
    /// Checked in a parallel instrument.
    P,
    /// Sure from professional practice.
    H,
    /// From general knowledge.
    M,
    /// Stated in a seed document.
    S,
    /// A local value.
    L,
    /// Check before use.
    #[serde(rename = "?")]
    Unchecked,
}

impl Mark {
    /// The mark in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::V => "checked in a source",
            Self::P => "checked in a closely parallel instrument or a secondary source",
            Self::H => "sure from professional practice, the text was not opened",
            Self::M => "from general knowledge, to be checked again",
            Self::S => "stated in a seed document",
            Self::L => "a local value, which no law fixes",
            Self::Unchecked => "to be checked before use",
        }
    }
}

/// A figure of a rule that nobody could check yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// What it counts in.
    Unit,
    /// How many.
    N,
    /// How many at most.
    Max,
    /// Whether the trigger day counts.
    Convention,
    /// What starts it.
    Trigger,
    /// The rule as a whole.
    Mark,
}

impl Figure {
    /// The key of the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::N => "n",
            Self::Max => "max",
            Self::Convention => "convention",
            Self::Trigger => "trigger",
            Self::Mark => "mark",
        }
    }
}

/// One rule: the length of one deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// The deadline it is for.
    pub name: String,
    /// The same deadline in another situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What it counts in.
    pub unit: Unit,
    /// How many; 0 for a date, and while it is open.
    #[serde(default)]
    pub n: u32,
    /// How many at most, where it can be extended up to a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Whether the trigger day counts.
    #[serde(default = "after")]
    pub convention: Convention,
    /// What starts it, in words.
    pub trigger: String,
    /// The rule of the domain brief, or of the protocol that the pack is.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// How binding it is.
    pub force: Force,
    /// How far the source was checked.
    pub mark: Mark,
    /// Shown, never missed.
    #[serde(default)]
    pub window: bool,
    /// Over at the end of its due day.
    #[serde(default)]
    pub ends_when_due: bool,
    /// Restarted once by so many working days when unmet at the end of its due day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u32>,
    /// The deadline that starts when this one is unmet at the end of its due day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// The events that start it, instead of those whose rows do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started_by: Vec<Trigger>,
    /// Events that meet it, beside those whose rows do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub met_by: Vec<EventType>,
    /// Events that end it without a verdict, beside those whose rows do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_by: Vec<EventType>,
    /// Figures that nobody could check yet, and what is known of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Open>,
    /// Who stands for the open figures, as a post; with `confirmed_on` it makes them count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    /// The day on which that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_on: Option<Date>,
}

/// An event that starts a rule's deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Trigger {
    /// The event.
    pub event: EventType,
    /// The field of the event that names the day from which to count; the day on which it occurred, if none is named or filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The codes that fields of the event must have, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// The state in which the case must have been before the event, if that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_state: Option<State>,
}

impl Trigger {
    /// Whether this event, coming to a case in this state, is the one meant.
    pub(crate) fn fits(&self, event: EventType, fields: &Fields, before: Option<State>) -> bool {
        let with = self.with.iter();
        self.event == event
            && self.in_state.is_none_or(|state| before == Some(state))
            && with
                .into_iter()
                .all(|(name, code)| fields.text(name) == Some(code))
    }

    /// The day that the event's field names, if it does.
    pub(crate) fn named_day(&self, fields: &Fields) -> Option<Date> {
        match fields.get(self.from.as_deref()?)? {
            Value::Text(day) => day.parse().ok(),
            _ => None,
        }
    }
}

/// An open figure as the file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Open {
    /// Which one.
    pub figure: Figure,
    /// What is to be checked, and where.
    pub why: String,
}

fn after() -> Convention {
    Convention::After
}

impl Rule {
    /// The due date of this rule from a trigger day, with `n` replaced where the case fixed another interval.
    ///
    /// # Errors
    /// Those of the calendar.
    pub fn due(
        &self,
        from: Date,
        n: Option<u32>,
        calendar: &Calendar,
        closed: &ClosedDays,
    ) -> Result<Counted, calendar::Error> {
        let n = n.unwrap_or(self.n);
        match self.unit {
            Unit::WorkingDays => calendar.due_working_days(from, n, self.convention, closed),
            Unit::Days => calendar::due_days(from, n),
            Unit::Months => calendar::due_months(from, n, self.convention),
            Unit::Years => calendar::due_months(from, n.saturating_mul(12), self.convention),
            Unit::Date => {
                let steps = vec![DayStep {
                    date: from,
                    verdict: DayVerdict::Ended,
                }];
                Ok(Counted { due: from, steps })
            }
        }
    }

    /// The rule that restarts this one when it was unmet on its due day.
    pub(crate) fn restarted(&self) -> Option<Self> {
        let n = self.again?;
        Some(Self {
            unit: Unit::WorkingDays,
            n,
            convention: Convention::After,
            again: None,
            ..self.clone()
        })
    }

    /// The figures that do not count yet: those that are open, until a person has put their post and a day to the rule.
    pub fn open_figures(&self) -> Vec<(Figure, &str)> {
        if self.is_confirmed() {
            return Vec::new();
        }
        let mut open: Vec<(Figure, &str)> = self
            .open
            .iter()
            .map(|open| (open.figure, open.why.as_str()))
            .collect();
        if self.mark == Mark::Unchecked && open.is_empty() {
            open.push((Figure::Mark, self.source.as_str()));
        }
        open
    }

    /// Whether a person stands for what was open.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_by.is_some() && self.confirmed_on.is_some()
    }

    /// How far its source was checked, or who stands for it, in words.
    pub fn standing(&self) -> String {
        match (&self.confirmed_by, self.confirmed_on) {
            (Some(by), Some(on)) => format!("confirmed by {by} on {on}"),
            _ => self.mark.words().to_owned(),
        }
    }

    fn is_open(&self, figure: Figure) -> bool {
        self.open_figures().iter().any(|(open, _)| *open == figure)
    }

    /// The length in words: `3 working days`, `6 months`, `the day that the event names`; `?` for what is open.
    pub fn length(&self) -> String {
        let unit = match self.unit {
            Unit::Date => return "the day that the event names".to_owned(),
            _ if self.is_open(Figure::Unit) => "?",
            Unit::WorkingDays => "working day",
            Unit::Days => "day",
            Unit::Months => "month",
            Unit::Years => "year",
        };
        let plural = if self.n == 1 || unit == "?" { "" } else { "s" };
        let n = match self.n {
            _ if self.is_open(Figure::N) => "?".to_owned(),
            n => n.to_string(),
        };
        match self.max {
            Some(max) => format!("{n} {unit}{plural}, at most {max}"),
            None if self.is_open(Figure::Max) => format!("{n} {unit}{plural}, at most ?"),
            None => format!("{n} {unit}{plural}"),
        }
    }

    /// How it counts, in words.
    pub fn counting(&self) -> &'static str {
        match (self.unit, self.convention) {
            (Unit::Date, _) => "",
            _ if self.is_open(Figure::Convention) => "?",
            (Unit::WorkingDays, Convention::After) => "the day after the trigger is day 1",
            (Unit::WorkingDays, Convention::From) => {
                "the trigger is day 1, or the next working day if it is none"
            }
            (Unit::Days, _) => "the day after the trigger is day 1",
            (Unit::Months | Unit::Years, Convention::After) => {
                "ends on the corresponding date, or the last day of the month if there is none"
            }
            (Unit::Months | Unit::Years, Convention::From) => {
                "commences on the trigger: ends the day before the corresponding date"
            }
        }
    }
}
