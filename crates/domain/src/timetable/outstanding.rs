//! What is outstanding on a case at any instant, computed once for all of them: what an index keeps, so that nobody has to compute
//! the timetables of all cases to learn what is due.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::compute::late_by_working_days;
use super::{Deadline, DeadlineState};
use crate::calendar::{end_of_day, local_date};
use crate::policy::Rule;
use crate::rules::Rules;

/// What becomes of an unmet occurrence at the end of its due day, by its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenDue {
    /// It stands until somebody acts: overdue, or a window that is over.
    Stands,
    /// It ends, without a verdict.
    Ends,
    /// It is missed, and its rule begins it again.
    Restarts,
}

impl WhenDue {
    /// What a rule says that does not begin its deadline again.
    pub(super) fn of(rule: &Rule) -> Self {
        if rule.ends_when_due {
            Self::Ends
        } else {
            Self::Stands
        }
    }
}

/// An occurrence of a deadline that no event has met, ended or moved: all that is needed to show it at any instant, but for the days
/// counted. It holds for the rules that it was computed with, as long as the case does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outstanding {
    /// As seen before it is due, and without the steps of its explanation.
    deadline: Deadline,
    begins_after: Option<Date>,
    when_due: WhenDue,
    post: Option<String>,
}

impl Outstanding {
    pub(super) fn new(
        mut deadline: Deadline,
        begins_after: Option<Date>,
        when_due: WhenDue,
        post: Option<String>,
    ) -> Self {
        deadline.explanation.steps = Vec::new();
        Self {
            deadline,
            begins_after,
            when_due,
            post,
        }
    }

    /// The occurrence as seen before it is due, and without the steps of its explanation.
    pub fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// The day at whose end it begins by itself, if nothing happens before; none for what an event has begun.
    pub fn begins_after(&self) -> Option<Date> {
        self.begins_after
    }

    /// The post that answers for it, where the case says so: for actions and recommendations.
    pub fn post(&self) -> Option<&str> {
        self.post.as_deref()
    }

    /// What becomes of it when it is due.
    pub fn when_due(&self) -> WhenDue {
        self.when_due
    }

    /// Whether it is open at an instant: begun, and neither ended nor begun again by its own rule.
    pub fn is_open_at(&self, at: Timestamp) -> bool {
        let begun = self.begins_after.is_none_or(|day| end_of_day(day) <= at);
        let over = self.deadline.due_instant.is_some_and(|due| due <= at);
        begun && !(over && self.when_due != WhenDue::Stands)
    }

    /// The deadline as a timetable shows it at an instant, but for the days counted; none while it is not open.
    pub fn at(&self, at: Timestamp, rules: &Rules<'_>) -> Option<Deadline> {
        if !self.is_open_at(at) {
            return None;
        }
        let mut deadline = self.deadline.clone();
        let Some(due) = deadline.due else {
            return Some(deadline);
        };
        let over = deadline.due_instant.is_some_and(|due| due <= at);
        if over && !deadline.window {
            deadline.state = DeadlineState::Overdue;
        }
        let today = local_date(at);
        deadline.late_by_days =
            u32::try_from(due.until(today).map_or(0, |span| span.get_days())).unwrap_or_default();
        deadline.late_by_working_days = late_by_working_days(rules, &deadline.owed_by, due, today);
        Some(deadline)
    }

    /// When the enforcer has to look at it next, as seen from `now`: an instant that has come if something is to be published, the one
    /// since which it is; none if nothing ever will be unless the case changes.
    pub fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let deadline = &self.deadline;
        let due = deadline.due_instant.filter(|_| !deadline.window)?;
        let begins = self.begins_after.map_or(Timestamp::MIN, end_of_day);
        let warn = deadline.warn_instant.map(|warn| warn.max(begins));
        let warn = warn.filter(|warn| !deadline.warning_published && *warn < due && now < due);
        let miss =
            Some(due).filter(|_| !deadline.missed_published && self.when_due != WhenDue::Ends);
        [warn, miss].into_iter().flatten().min()
    }
}
