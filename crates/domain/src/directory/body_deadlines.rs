//! What a body owes outside cases: reports, returns, refreshers, reviews (domain brief B8, last paragraph).
//!
//! A pure timetable of a body at an instant. Nobody publishes these as missed: they belong to no case.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{Directory, Organisation, Period};
use crate::calendar::Convention;
use crate::calendar::{due_days, due_months, end_of_day, local_date};
use crate::events::register::{AgreementKind, ReportKind};
use crate::ids::{EventId, OrganisationId};
use crate::policy::Force;

/// Days after the end of a quarter by which its report goes to the board: eight weeks (local).
const BOARD_REPORT_DAYS: u32 = 56;
/// Months after 31 March by which the report on the year is published (local).
const ANNUAL_REPORT_MONTHS: u32 = 6;
/// Months after which an adopted pack is looked at again, if its adoption names no day (local).
const POLICY_REVIEW_MONTHS: u32 = 12;

/// How a deadline of a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyDeadlineState {
    /// Owed, and its due day is not over.
    Running,
    /// Owed, and its due day is over.
    Overdue,
    /// Done by its due day.
    Met,
    /// Done later.
    MetLate,
}

impl BodyDeadlineState {
    /// The code, as the API and people see it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Overdue => "overdue",
            Self::Met => "met",
            Self::MetLate => "met-late",
        }
    }
}

/// One thing that a body owes by a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyDeadline {
    /// Its name: the rule and what it is about, such as `report:annual:2026-27`.
    pub name: String,
    /// Who owes it.
    pub owed_by: OrganisationId,
    /// The last day in time.
    pub due: Date,
    /// The first instant at which it is late.
    pub due_instant: Timestamp,
    /// How it stands.
    pub state: BodyDeadlineState,
    /// The day on which it was done.
    pub met_on: Option<Date>,
    /// The event that did it.
    pub met_by: Option<EventId>,
    /// The event that set the date, if one did.
    pub set_by: Option<EventId>,
    /// Where the duty comes from.
    pub source: &'static str,
    /// How binding the date is.
    pub force: Force,
    /// How the date came about, for people.
    pub why: String,
}

/// What a body owes at an instant, earliest first: of what recurs, the period that runs and the one before it.
pub fn body_deadlines(
    directory: &Directory,
    organisation: &OrganisationId,
    at: Timestamp,
) -> Vec<BodyDeadline> {
    let Some(entry) = directory.organisation(organisation) else {
        return Vec::new();
    };
    let today = local_date(at);
    if entry.is_retired_on(today) {
        return Vec::new();
    }
    let view = View {
        directory,
        entry,
        at,
        today,
    };
    let mut owed = view.reports();
    owed.extend(view.provider_returns());
    owed.extend(view.refreshers());
    owed.extend(view.policy_reviews());
    owed.extend(view.agreement_reviews());
    owed.sort_by(|one, other| (one.due, &one.name).cmp(&(other.due, &other.name)));
    owed
}

/// A body seen at an instant.
struct View<'a> {
    directory: &'a Directory,
    entry: &'a Organisation,
    at: Timestamp,
    today: Date,
}

/// What is particular to a deadline before its state is known.
struct Duty {
    name: String,
    due: Date,
    /// The act that meets it: its day and its event.
    act: Option<(Date, EventId)>,
    set_by: Option<EventId>,
    source: &'static str,
    force: Force,
    why: String,
}

impl View<'_> {
    fn owed(&self, duty: Duty) -> BodyDeadline {
        let due_instant = end_of_day(duty.due);
        let state = match duty.act {
            Some((on, _)) if on <= duty.due => BodyDeadlineState::Met,
            Some(_) => BodyDeadlineState::MetLate,
            None if due_instant <= self.at => BodyDeadlineState::Overdue,
            None => BodyDeadlineState::Running,
        };
        BodyDeadline {
            name: duty.name,
            owed_by: self.entry.id.clone(),
            due: duty.due,
            due_instant,
            state,
            met_on: duty.act.map(|(on, _)| on),
            met_by: duty.act.map(|(_, event)| event),
            set_by: duty.set_by,
            source: duty.source,
            force: duty.force,
            why: duty.why,
        }
    }

    /// Whether the body answers under the Scottish procedures.
    fn is_scottish(&self) -> bool {
        self.entry.calendar == "SCT"
    }

    /// Whether the body has a statutory or quasi-statutory complaints procedure of its own to report on.
    fn reports_on_complaints(&self) -> bool {
        matches!(
            self.entry.kind.as_str(),
            "nhs-trust" | "icb" | "gp" | "council" | "ijb" | "health-board"
        )
    }

    fn reports(&self) -> Vec<BodyDeadline> {
        if !self.reports_on_complaints() {
            return Vec::new();
        }
        let year = Period::year_of(self.today);
        let mut owed = Vec::new();
        for period in [year.previous(), year] {
            owed.extend(self.report(
                ReportKind::Annual,
                period,
                if self.is_scottish() {
                    "S-12: model complaints handling procedure, annual publication"
                } else {
                    "E-26: SI 2009/309 reg 18"
                },
            ));
            if self.is_scottish() {
                let source = "S-10, S-12: model complaints handling procedure, performance report";
                owed.extend(self.report(ReportKind::Spso, period, source));
            }
        }
        if self.is_scottish() {
            let quarter = Period::quarter_of(self.today);
            for period in [quarter.previous(), quarter] {
                let source = "S-12: model complaints handling procedure, report to the Board";
                owed.extend(self.report(ReportKind::QuarterlyBoard, period, source));
            }
        }
        owed
    }

    fn report(
        &self,
        kind: ReportKind,
        period: Period,
        source: &'static str,
    ) -> Option<BodyDeadline> {
        let end = period.last_day();
        let (due, length) = match kind {
            ReportKind::QuarterlyBoard => (due_days(end, BOARD_REPORT_DAYS), "8 weeks"),
            _ => (
                due_months(end, ANNUAL_REPORT_MONTHS, Convention::After),
                "6 months",
            ),
        };
        let name = period.to_string();
        let mut published = self.directory.register().publications();
        let act = published.find(|entry| {
            entry.recorded.by == self.entry.id
                && entry.body.kind == kind
                && entry.body.period == name
        });
        Some(self.owed(Duty {
            name: format!("report:{}:{name}", kind.code()),
            due: due.ok()?.due,
            act: act.map(|entry| (entry.recorded.day, entry.recorded.event)),
            set_by: None,
            source,
            force: Force::Local,
            why: format!("{length} after the end of the period on {end}"),
        }))
    }

    /// A provider owes the returns that its contracts ask for, by the end of the month after the period.
    fn provider_returns(&self) -> Vec<BodyDeadline> {
        if self.entry.kind != "provider" {
            return Vec::new();
        }
        let register = self.directory.register();
        let contracts = register.agreements_on(self.today);
        let mut owed: Vec<BodyDeadline> = Vec::new();
        for contract in contracts {
            let body = &contract.body;
            let concerned =
                body.kind == AgreementKind::Contract && body.parties.contains(&self.entry.id);
            let running = body.return_interval.as_deref().and_then(|interval| {
                Some(match interval {
                    "monthly" => Period::month_of(self.today),
                    "quarterly" => Period::quarter_of(self.today),
                    "annual" | "yearly" => Period::year_of(self.today),
                    _ => return None,
                })
            });
            let Some(running) = running.filter(|_| concerned) else {
                continue;
            };
            for period in [running.previous(), running] {
                let name = format!("provider-return:{}:{period}", self.entry.id);
                if period.last_day() < body.valid_from
                    || owed.iter().any(|known| known.name == name)
                {
                    continue;
                }
                let submitted = register.provider_returns().find(|entry| {
                    entry.recorded.by == self.entry.id && entry.body.period == period.to_string()
                });
                let after = Period::month_of(period.last_day()).next();
                owed.push(self.owed(Duty {
                    name,
                    due: after.last_day(),
                    act: submitted.map(|entry| (entry.recorded.day, entry.recorded.event)),
                    set_by: Some(contract.recorded.event),
                    source: "C-05, C-09: the contract",
                    force: Force::Local,
                    why: format!(
                        "the contract {} asks for returns; due by the end of the month after the period, which ends on {}",
                        body.id,
                        period.last_day()
                    ),
                }));
            }
        }
        owed
    }

    /// The refresher of each cohort, as its last training names it.
    fn refreshers(&self) -> Vec<BodyDeadline> {
        let register = self.directory.register();
        let own = || {
            register
                .trainings()
                .filter(|entry| entry.recorded.by == self.entry.id)
        };
        let refreshers = own().filter_map(|entry| {
            let due = entry.body.refresher_due?;
            let again = own().find(|other| {
                other.body.cohort == entry.body.cohort
                    && other.recorded.position > entry.recorded.position
            });
            Some(self.owed(Duty {
                name: format!("training-refresher:{}", entry.body.cohort),
                due,
                act: again.map(|other| (other.body.on, other.recorded.event)),
                set_by: Some(entry.recorded.event),
                source: "003 paras 2, 10",
                force: Force::Quasi,
                why: format!("named when the cohort was trained on {}", entry.body.on),
            }))
        });
        newest_of_each_name(refreshers)
    }

    /// The review of each adopted pack.
    fn policy_reviews(&self) -> Vec<BodyDeadline> {
        let register = self.directory.register();
        let own = || {
            register
                .adoptions()
                .filter(|entry| entry.recorded.by == self.entry.id)
        };
        let newest = own().filter(|entry| {
            !own().any(|other| {
                other.body.pack == entry.body.pack
                    && other.recorded.position > entry.recorded.position
            })
        });
        let reviews = newest.filter_map(|entry| {
            let from = entry.body.from;
            let (due, why) = match entry.body.review_on {
                Some(named) => (named, format!("named when {} was adopted", entry.body.pack)),
                None => (
                    from.checked_add(i64::from(POLICY_REVIEW_MONTHS).months())
                        .ok()?,
                    format!(
                        "{POLICY_REVIEW_MONTHS} months after {} was adopted from {from}",
                        entry.body.pack
                    ),
                ),
            };
            Some(self.owed(Duty {
                name: format!("policy-review:{}", entry.body.pack),
                due,
                act: None,
                set_by: Some(entry.recorded.event),
                source: "policy-adopted",
                force: Force::Local,
                why,
            }))
        });
        reviews.collect()
    }

    /// The review of each agreement that names a day for one; recording the agreement anew ends it.
    fn agreement_reviews(&self) -> Vec<BodyDeadline> {
        let newest = self.directory.register().newest_agreements();
        let own = newest.filter(|entry| entry.recorded.by == self.entry.id);
        let reviews = own.filter_map(|entry| {
            let due = entry.body.review_on?;
            Some(self.owed(Duty {
                name: format!("agreement-review:{}", entry.body.id),
                due,
                act: None,
                set_by: Some(entry.recorded.event),
                source: "E-28, C-09: the agreement",
                force: Force::Local,
                why: "named in the agreement".to_owned(),
            }))
        });
        reviews.collect()
    }
}

/// Of several with one name the last.
fn newest_of_each_name(deadlines: impl Iterator<Item = BodyDeadline>) -> Vec<BodyDeadline> {
    let by_name: std::collections::BTreeMap<String, BodyDeadline> = deadlines
        .map(|deadline| (deadline.name.clone(), deadline))
        .collect();
    by_name.into_values().collect()
}
