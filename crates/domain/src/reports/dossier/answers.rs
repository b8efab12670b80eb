//! How a case was answered, and what came of it in the whole and on each issue.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::Dossier;
use crate::event::EventType;
use crate::fields::Fields;

/// What was found (KO41a, Q30: `resolved` in Scotland and for early resolution only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Upheld,
    PartlyUpheld,
    NotUpheld,
    Resolved,
}

impl Outcome {
    pub(crate) const ALL: [Self; 4] = [
        Self::Upheld,
        Self::PartlyUpheld,
        Self::NotUpheld,
        Self::Resolved,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::PartlyUpheld => "partly-upheld",
            Self::NotUpheld => "not-upheld",
            Self::Resolved => "resolved",
        }
    }

    fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }

    /// The outcome of the whole from those of its issues: all upheld, none, or partly (B10, after KO41a).
    fn of_all(findings: &[Finding]) -> Option<Self> {
        let found: BTreeSet<Self> = findings
            .iter()
            .map(|finding| finding.outcome)
            .filter(|outcome| *outcome != Self::Resolved)
            .collect();
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            (Some(_), Some(_)) => Some(Self::PartlyUpheld),
            (None, _) => None,
        }
    }
}

/// What was found on one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) issue: String,
    /// The body whose part it is, where the answer names it.
    pub(crate) body: Option<String>,
    pub(crate) outcome: Outcome,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) on: Date,
    pub(crate) by: EventType,
    /// As its author stated it.
    stated: Option<Outcome>,
    pub(crate) findings: Vec<Finding>,
}

impl Answer {
    /// The outcome of the whole: derived from the findings, or as stated where there are none.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        Outcome::of_all(&self.findings).or(self.stated)
    }

    /// Whether the complaint was well-founded: upheld or partly upheld, in the whole or in any issue (E-26).
    pub(crate) fn is_well_founded(&self) -> bool {
        let founded = |outcome: Outcome| matches!(outcome, Outcome::Upheld | Outcome::PartlyUpheld);
        self.stated.is_some_and(founded)
            || self.findings.iter().any(|finding| founded(finding.outcome))
    }
}

impl Dossier<'_> {
    /// Every answer, in log order.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        let answers = self.entries().iter().filter_map(|entry| {
            let fields = entry.fields();
            let by = entry.event_type();
            let stated = match by {
                EventType::ResponseIssued
                | EventType::OutcomeRecorded
                | EventType::ProviderResponseIssued => fields.text("overall_outcome"),
                EventType::Stage1ResponseIssued | EventType::AdjudicationIssued => {
                    fields.text("outcome")
                }
                EventType::EarlyResolutionRecorded => Some("resolved"),
                EventType::PartialResponseIssued | EventType::AuthorityResponseIssued => None,
                _ => return None,
            };
            Some(Answer {
                on: entry.date_or_day("closed_on"),
                by,
                stated: stated.and_then(Outcome::of),
                findings: fields.records("findings").filter_map(finding).collect(),
            })
        });
        answers.collect()
    }

    /// The answer that stands: the last one.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.answers().pop()
    }

    /// The outcome of the whole that stands, unless the case is open.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        if self.is_open() {
            return None;
        }
        let answers = self.answers();
        answers.iter().rev().find_map(Answer::outcome)
    }
}

fn finding(record: &Fields) -> Option<Finding> {
    Some(Finding {
        issue: record.text("issue")?.to_owned(),
        body: record.text("org").map(str::to_owned),
        outcome: Outcome::of(record.text("outcome")?)?,
    })
}
