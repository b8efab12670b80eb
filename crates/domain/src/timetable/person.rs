//! The dates that the person is shown where a strand goes on in a case of its own, under its own regime (Q19): the earliest day by which
//! an answer is owed, and every right of theirs with its own last day. No right is ever shortened by what stands in another case.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Deadline, DeadlineState};
use crate::case::DeadlineName;
use crate::ids::CaseId;

/// A date that the person is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDate {
    /// The case that has it.
    pub case: CaseId,
    /// The deadline.
    pub name: DeadlineName,
    /// Its last day.
    pub due: Date,
    /// Where it comes from.
    pub source: String,
}

/// What the person is shown over a case and the sub-cases of its strands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDates {
    /// The earliest day by which somebody owes an answer.
    pub answer_by: Option<PersonDate>,
    /// The person's own windows, by their last days; each case's own.
    pub rights: Vec<PersonDate>,
}

/// The dates over these cases and their timetables.
pub fn dates_for_person<'a>(
    cases: impl IntoIterator<Item = (CaseId, &'a [Deadline])>,
) -> PersonDates {
    let mut answers = Vec::new();
    let mut rights = Vec::new();
    for (case, deadlines) in cases {
        let latest: BTreeMap<&DeadlineName, &Deadline> =
            deadlines.iter().map(|one| (&one.name, one)).collect();
        for deadline in latest.into_values() {
            let Some(due) = deadline.due else { continue };
            let date = || PersonDate {
                case,
                name: deadline.name.clone(),
                due,
                source: deadline.source.clone(),
            };
            match (deadline.name.rule(), deadline.state) {
                (
                    "response" | "relevant-period" | "stage-1-response" | "stage-2-response"
                    | "panel-findings" | "authority-response",
                    DeadlineState::Running | DeadlineState::Overdue,
                ) => answers.push(date()),
                (
                    "ombudsman-limit" | "stage-2-request" | "panel-request",
                    DeadlineState::Window,
                ) => {
                    rights.push(date());
                }
                _ => {}
            }
        }
    }
    let order = |date: &PersonDate| (date.due, date.case, date.name.clone());
    rights.sort_by_key(order);
    PersonDates {
        answer_by: answers.into_iter().min_by_key(order),
        rights,
    }
}
