//! Reports: what regulations, guidance and people who run complaints ask to see (domain brief B10), as pure functions.
//!
//! A [`Compiler`] takes one [`History`] after the other and gives a [`Report`]: the same histories, rules and instant give the same
//! report. It holds figures and not cases, so that a hundred thousand of them need no more memory than a hundred. Names and free text are
//! in the case file and the subject-access export only; every other report reads `process` alone. Restricted channels are cases of their
//! own and are never counted.

mod catalogue;
mod composed;
mod dossier;
mod figures;
mod history;
mod model;
mod period;
mod suppress;
mod told;

mod actions_register;
mod agreements;
mod annual;
mod board;
mod case_file;
mod compliance;
mod equality;
mod extracts;
mod feedback;
mod feedback_line;
mod ko41a;
mod management;
mod monitoring;
mod provider;
mod record_completeness;
mod remedies;
mod scorecard;
mod spso;
mod subject_access;
mod themes;
mod timeliness;
mod training;
mod trends;
mod waiting_on_others;
mod what_is_due;

use jiff::Timestamp;
use jiff::civil::Date;

pub use catalogue::{Kind, Needs, Parameter, UnknownReport};
pub use history::{Entry, History};
pub use model::{Cell, Column, Report, Rows, SUPPRESSED, Sum, Table, Unit};
pub use period::{Period, Span};
pub use suppress::SMALLEST_SHOWN;

use crate::calendar::local_date;
use crate::ids::{CaseId, EventId, OrganisationId, Position};
use crate::rules::Rules;
use dossier::Dossier;

/// Why a report cannot be run. The caller corrects the parameter named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The report needs this parameter.
    #[error("this report needs `{0}`")]
    Missing(&'static str),
    /// The report has no such parameter: an answer that silently leaves it out would mislead.
    #[error("this report has no parameter `{0}`")]
    Unwanted(&'static str),
    /// The period ends before it begins.
    #[error("the period ends on {to}, before it begins on {from}")]
    Period {
        /// First day asked for.
        from: Date,
        /// Last day asked for.
        to: Date,
    },
}

/// What is asked of a report besides its kind. What is left out gets the default that the report's entry in the catalogue names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// First day of the period.
    pub from: Option<Date>,
    /// Last day of the period.
    pub to: Option<Date>,
    /// The organisation that it is about.
    pub organisation: Option<OrganisationId>,
    /// The case that it is about.
    pub case: Option<CaseId>,
    /// The person that it is about, by pseudonym.
    pub person: Option<String>,
    /// Whether small numbers are replaced. Public reports always do.
    pub suppress: bool,
}

/// Where and when a report stands, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Whose node makes it.
    pub organisation: OrganisationId,
    /// Up to which position events count; none on an empty log.
    pub position: Option<Position>,
    /// The instant at which deadlines are looked at.
    pub at: Timestamp,
}

/// One piece of feedback that is no complaint, as the node that logged it keeps it (`feedback-logged`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `compliment`, `comment`, `suggestion`, `concern` or `enquiry`.
    pub kind: String,
    /// The service concerned, by code.
    pub service: String,
    /// The day on which it came.
    pub received_on: Date,
    /// Whether the person was told that they may complain.
    pub told_may_complain: bool,
}

/// One look at a case, as the node where it happened keeps it (`access-logged`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who looked, by pseudonym.
    pub who: String,
    /// The case.
    pub case: CaseId,
    /// What for.
    pub purpose: String,
    /// The day.
    pub on: Date,
    /// The event that records it.
    pub event: EventId,
}

/// What all reports know: who asks, for which days.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) at: Timestamp,
    /// The local day of the instant.
    pub(crate) today: Date,
    pub(crate) period: Period,
    /// The organisation that the report is about: the one asked for, or the reader's own.
    pub(crate) about: OrganisationId,
    /// The organisation asked for, where a report is about all of them unless one is named.
    pub(crate) only: Option<OrganisationId>,
    pub(crate) case: Option<CaseId>,
    pub(crate) person: Option<String>,
}

/// The part of a compiler that is particular to one report.
pub(crate) trait Tally: Send {
    /// Takes in one case.
    fn take(&mut self, frame: &Frame, dossier: &Dossier<'_>);

    /// Takes in one piece of feedback that is no complaint; most reports leave it aside.
    fn hear(&mut self, _frame: &Frame, _note: &Note) {}

    /// Takes in one look at a case; most reports leave it aside.
    fn see(&mut self, _frame: &Frame, _access: &Access) {}

    /// The tables and notes.
    fn finish(self: Box<Self>, frame: &Frame, rules: &Rules<'_>) -> Draft;
}

/// What a tally makes.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) tables: Vec<Table>,
    pub(crate) notes: Vec<String>,
}

impl Draft {
    /// Tables with notes.
    pub(crate) fn new<const T: usize, const N: usize>(
        tables: [Table; T],
        notes: [&str; N],
    ) -> Self {
        Self {
            tables: tables.into(),
            notes: notes.map(str::to_owned).into(),
        }
    }
}

/// A report being made, case after case.
pub struct Compiler {
    kind: Kind,
    frame: Frame,
    stand: Stand,
    parameters: Vec<(&'static str, String)>,
    suppressed: bool,
    tally: Box<dyn Tally>,
}

impl Compiler {
    /// Begins a report.
    ///
    /// # Errors
    /// [`Error`], naming the parameter that is missing, unwanted or wrong.
    pub fn new(kind: Kind, parameters: &Parameters, stand: Stand) -> Result<Self, Error> {
        kind.check(parameters)?;
        let today = local_date(stand.at);
        let span = kind.span().unwrap_or(Span::TwelveMonths);
        let period = Period::read(parameters.from, parameters.to, span, today)?;
        let frame = Frame {
            at: stand.at,
            today,
            period,
            about: parameters
                .organisation
                .clone()
                .unwrap_or_else(|| stand.organisation.clone()),
            only: parameters.organisation.clone(),
            case: parameters.case,
            person: parameters.person.clone(),
        };
        Ok(Self {
            parameters: kind.in_force(&frame),
            suppressed: parameters.suppress || kind.is_public(),
            tally: kind.tally(&frame),
            kind,
            frame,
            stand,
        })
    }

    /// What the report needs to be given of each case.
    pub fn needs(&self) -> Needs {
        self.kind.needs()
    }

    /// The one case that it is about, if it is about one.
    pub fn case(&self) -> Option<CaseId> {
        self.frame.case
    }

    /// Takes in one case, with the rules in force at the position. Cases may come in any order that is the same each time. A report on one
    /// case leaves all others aside; any other leaves restricted channels aside.
    pub fn take(&mut self, history: &History, rules: &Rules<'_>) {
        let dossier = Dossier::new(history, rules, self.frame.at);
        let counted = match self.frame.case {
            Some(case) => case == history.case().id(),
            None => dossier.is_complaint(),
        };
        if counted {
            self.tally.take(&self.frame, &dossier);
        }
    }

    /// Takes in one piece of feedback that is no complaint.
    pub fn hear(&mut self, note: &Note) {
        self.tally.hear(&self.frame, note);
    }

    /// Takes in one look at a case.
    pub fn see(&mut self, access: &Access) {
        self.tally.see(&self.frame, access);
    }

    /// The report.
    pub fn finish(self, rules: &Rules<'_>) -> Report {
        let Draft { tables, notes } = self.tally.finish(&self.frame, rules);
        let report = Report {
            id: self.kind.id(),
            title: self.kind.title(),
            source: self.kind.source(),
            organisation: self.stand.organisation,
            position: self.stand.position,
            at: self.stand.at,
            parameters: self.parameters,
            suppressed: false,
            tables,
            notes,
        };
        if self.suppressed {
            suppress::suppress(report)
        } else {
            report
        }
    }
}
