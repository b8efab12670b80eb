//! The list of all reports: the one place that a further report must be added to.

use std::fmt;
use std::str::FromStr;

use super::{Error, Frame, Parameters, Span, Tally};
use super::{
    actions_register, agreements, annual, board, case_file, compliance, equality, extracts,
    feedback, feedback_line, ko41a, management, monitoring, provider, record_completeness,
    remedies, scorecard, spso, subject_access, themes, training, trends, waiting_on_others,
    what_is_due,
};

/// No report of this name is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a report of this release")]
pub struct UnknownReport(pub String);

/// How much of each case a report must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// `process` only.
    Process,
    /// The answers to equality monitoring besides: they are counted and never shown one by one.
    Equality,
    /// All content that the reader may read.
    Content,
}

/// A parameter that a report takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// First and last day; the span says what holds if none is named.
    Period(Span),
    /// One organisation; the reader's own if none is named.
    Organisation,
    /// One organisation; all if none is named.
    AnyOrganisation,
    /// One case; mandatory.
    Case,
    /// One person by pseudonym; mandatory.
    Person,
}

/// Makes the type of all reports and what the catalogue says of each.
macro_rules! reports {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident = $id:literal {
            title: $title:literal,
            source: $source:literal,
            parameters: $parameters:expr,
            $(needs: $needs:ident,)?
            $(public: $public:literal,)?
            tally: $tally:expr $(,)?
        }
    )*) => {
        /// A report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(
                $(#[doc = $doc])+
                $variant,
            )*
        }

        impl Kind {
            /// Every report, in the order of the domain brief.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// The name, for people.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// What it holds, in one line.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)*
                }
            }

            /// The rule or guidance that asks for it.
            pub fn source(self) -> &'static str {
                match self {
                    $(Self::$variant => $source,)*
                }
            }

            /// The parameters that it takes.
            pub fn parameters(self) -> &'static [Parameter] {
                match self {
                    $(Self::$variant => &$parameters,)*
                }
            }

            /// How much of each case it must be given.
            pub fn needs(self) -> Needs {
                match self {
                    $(Self::$variant => reports!(@needs $($needs)?),)*
                }
            }

            /// Whether it is made to be published: then small numbers are always replaced.
            pub fn is_public(self) -> bool {
                match self {
                    $(Self::$variant => reports!(@public $($public)?),)*
                }
            }

            pub(super) fn tally(self, frame: &Frame) -> Box<dyn Tally> {
                match self {
                    $(Self::$variant => Box::new($tally(frame)),)*
                }
            }
        }
    };
    (@needs) => { Needs::Process };
    (@needs $needs:ident) => { Needs::$needs };
    (@public) => { false };
    (@public $public:literal) => { $public };
}

reports! {
    /// Timeline, current state, deadlines, consents and who saw what, of one case.
    CaseFile = "case-file" {
        title: "Case file",
        source: "Domain brief B10; D-10",
        parameters: [Parameter::Case],
        needs: Content,
        tally: case_file::CaseFile::new,
    }
    /// Open deadlines by organisation, person and day: overdue, due today, soon; not acknowledged; without an update.
    WhatIsDue = "what-is-due" {
        title: "What is due",
        source: "Domain brief B10, section G",
        parameters: [Parameter::AnyOrganisation],
        tally: what_is_due::WhatIsDue::new,
    }
    /// What this organisation owes to others, what others owe to it, and what its open deadlines wait for.
    WaitingOnOthers = "waiting-on-others" {
        title: "Waiting on others",
        source: "Domain brief B10, section G",
        parameters: [Parameter::Organisation],
        tally: waiting_on_others::WaitingOnOthers::new,
    }
    /// Strands, information, comments, actions, meetings and marks of each organisation, in time or not.
    CooperationScorecard = "co-operation-scorecard" {
        title: "Co-operation scorecard",
        source: "SI 2009/309 reg 9 (E-11); NHS guide l.59, 164-173 (000-7, 000-31; J-10)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::AnyOrganisation],
        tally: scorecard::Scorecard::new,
    }
    /// Received, well-founded, known to be with an ombudsman; subjects, matters of general importance, action taken and planned.
    AnnualReport = "annual-report" {
        title: "Annual report",
        source: "SI 2009/309 reg 18 (E-26)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: annual::AnnualReport::new,
    }
    /// Compliments, comments, suggestions, concerns and enquiries beside complaints.
    FeedbackLine = "feedback-line" {
        title: "Feedback line",
        source: "NCMG principles, background (002 l.36-46)",
        parameters: [Parameter::Period(Span::YearToMarch)],
        tally: feedback_line::FeedbackLine::new,
    }
    /// Each complaint with its subject, its outcome, the period told, whether it was amended, and whether it was met.
    Monitoring = "monitoring" {
        title: "Monitoring",
        source: "SI 2009/309 reg 17 (E-25)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: monitoring::Monitoring::new,
    }
    /// Brought and carried forward, new, resolved by outcome, and the breakdowns of the national collection; joint cases counted once.
    Ko41a = "ko41a" {
        title: "KO41a extract",
        source: "NHS England KO41a collection",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: ko41a::Ko41a::new,
    }
    /// The core indicators at stage 1, stage 2 and escalated, with learning, experience and extensions.
    SpsoKpis = "spso-kpis" {
        title: "SPSO indicators",
        source: "SPSO model complaints handling procedures (S-10)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: spso::Spso::new,
    }
    /// Indicators, deadlines kept, rises over twelve months, and services with few complaints or none.
    QuarterlyBoard = "quarterly-board" {
        title: "Quarterly Board report",
        source: "Midlothian IJB procedure, paragraph 23 (003 23; S-12)",
        parameters: [Parameter::Period(Span::Quarter), Parameter::Organisation],
        tally: board::quarterly,
    }
    /// By provider: received, outcomes, escalated, actions; its returns; objective, measure, value, met.
    Provider = "provider" {
        title: "Provider report",
        source: "NCMG principles 5.6 (002 5.6); LGSCO part 7 (004; C-05)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::AnyOrganisation],
        tally: provider::Provider::new,
    }
    /// Every action with owner and target: open, overdue, evidenced, told, verified.
    ActionsRegister = "actions-register" {
        title: "Actions register",
        source: "NCMG principles 5.4 (002 5.4)",
        parameters: [Parameter::AnyOrganisation],
        tally: actions_register::ActionsRegister::new,
    }
    /// Themes, root causes and services across organisations, where learning was agreed to or is anonymous.
    Themes = "themes" {
        title: "Themes",
        source: "Shropshire protocol (001); NCMG principles 5.1 (002 5.1)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::AnyOrganisation],
        public: true,
        tally: themes::Themes::new,
    }
    /// For each rule and seed item: met, missed or n.a., with the events that prove it.
    Compliance = "compliance" {
        title: "Compliance by rule and seed item",
        source: "NCMG principles, l.40 (002 l.40)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: compliance::Compliance::new,
    }
    /// Agreements in force, with reviews due, and providers that have none.
    AgreementsRegister = "agreements-register" {
        title: "Agreements register",
        source: "NHS guide l.55, 71 (000 55); Midlothian IJB procedure, paragraph 5 (003 5)",
        parameters: [Parameter::AnyOrganisation],
        tally: agreements::Agreements::new,
    }
    /// The twelve items of the minimum record for each complaint, and expected fields left out, by organisation.
    RecordCompleteness = "record-completeness" {
        title: "Record completeness",
        source: "Midlothian IJB procedure, paragraph 14 (003 14; S-11)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: record_completeness::RecordCompleteness::new,
    }
    /// Kind, amount, organisation and service of each remedy.
    Remedies = "remedies" {
        title: "Remedies",
        source: "NCMG principles 4.6 (002 4.6)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::AnyOrganisation],
        tally: remedies::Remedies::new,
    }
    /// Outcome and time by what people chose to say about themselves, small numbers always replaced.
    Equality = "equality" {
        title: "Equality",
        source: "NCMG principles 1.2 (002 1.2)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        needs: Equality,
        public: true,
        tally: equality::Equality::new,
    }
    /// Volumes of a week or month, what is due and overdue by director, actions.
    Management = "management" {
        title: "Management report",
        source: "Midlothian IJB procedure, paragraphs 4 and 22 (003 4, 22); NCMG principles 1.11",
        parameters: [Parameter::Period(Span::Week), Parameter::Organisation],
        tally: management::Management::new,
    }
    /// Twelve months by service, subject and provider, with rises flagged.
    Trends = "trends" {
        title: "Trends",
        source: "Midlothian IJB procedure, paragraph 21 (003 21)",
        parameters: [Parameter::Period(Span::TwelveMonths), Parameter::Organisation],
        tally: trends::Trends::new,
    }
    /// Trained, eligible, refreshers due, and root causes that point at needs.
    Training = "training" {
        title: "Training",
        source: "Midlothian IJB procedure, paragraphs 2 and 12 (003 2, 12)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: training::Training::new,
    }
    /// Outcomes, subjects and actions of the year, to be published.
    AnnualOutcomes = "annual-outcomes-and-actions" {
        title: "Annual outcomes and actions",
        source: "Midlothian IJB procedure, paragraph 24 (003 24)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        public: true,
        tally: extracts::annual_outcomes,
    }
    /// What inspectors ask for, in figures: volumes, outcomes, periods kept, actions, remedies, feedback, training, publicity.
    InspectionExtract = "inspection-extract" {
        title: "Inspection extract",
        source: "CQC and Ofsted evidence (002 background)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: extracts::inspection,
    }
    /// Who was asked how the handling was, who answered, and the scores.
    Feedback = "feedback" {
        title: "Feedback",
        source: "NCMG principles 5.3 (002 5.3)",
        parameters: [Parameter::Period(Span::YearToMarch), Parameter::Organisation],
        tally: feedback::Feedback::new,
    }
    /// All that this organisation holds about one person, across cases.
    SubjectAccessExport = "subject-access-export" {
        title: "Subject-access export",
        source: "UK GDPR art 15; D-09",
        parameters: [Parameter::Person],
        needs: Content,
        tally: subject_access::SubjectAccess::new,
    }
}

impl Kind {
    /// The span that holds if no period is named.
    pub fn span(self) -> Option<Span> {
        let parameters = self.parameters().iter();
        parameters
            .filter_map(|parameter| match parameter {
                Parameter::Period(span) => Some(*span),
                _ => None,
            })
            .next()
    }

    fn takes(self, wanted: impl Fn(&Parameter) -> bool) -> bool {
        self.parameters().iter().any(wanted)
    }

    fn takes_organisation(self) -> bool {
        self.takes(|one| matches!(one, Parameter::Organisation | Parameter::AnyOrganisation))
    }

    /// Whether the parameters are those that the report takes.
    pub(super) fn check(self, given: &Parameters) -> Result<(), Error> {
        let takes_case = self.takes(|one| *one == Parameter::Case);
        let takes_person = self.takes(|one| *one == Parameter::Person);
        let unwanted = [
            ("from", given.from.is_some() && self.span().is_none()),
            ("to", given.to.is_some() && self.span().is_none()),
            (
                "organisation",
                given.organisation.is_some() && !self.takes_organisation(),
            ),
            ("case", given.case.is_some() && !takes_case),
            ("person", given.person.is_some() && !takes_person),
        ];
        if let Some((name, _)) = unwanted.iter().find(|(_, unwanted)| *unwanted) {
            return Err(Error::Unwanted(name));
        }
        if takes_case && given.case.is_none() {
            return Err(Error::Missing("case"));
        }
        if takes_person && given.person.is_none() {
            return Err(Error::Missing("person"));
        }
        Ok(())
    }

    /// The parameters in force, as the report shows them.
    pub(super) fn in_force(self, frame: &Frame) -> Vec<(&'static str, String)> {
        let mut shown = Vec::new();
        for parameter in self.parameters() {
            match parameter {
                Parameter::Period(_) => {
                    shown.push(("from", frame.period.from.to_string()));
                    shown.push(("to", frame.period.to.to_string()));
                }
                Parameter::Organisation => shown.push(("organisation", frame.about.to_string())),
                Parameter::AnyOrganisation => {
                    let only = frame.only.as_ref().map(ToString::to_string);
                    shown.push(("organisation", only.unwrap_or_else(|| "all".to_owned())));
                }
                Parameter::Case => {
                    let case = frame.case.map(|case| case.to_string());
                    shown.push(("case", case.unwrap_or_default()));
                }
                Parameter::Person => {
                    shown.push(("person", frame.person.clone().unwrap_or_default()));
                }
            }
        }
        shown
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Kind {
    type Err = UnknownReport;

    fn from_str(text: &str) -> Result<Self, UnknownReport> {
        let known = Self::ALL.iter().find(|kind| kind.id() == text);
        known.copied().ok_or_else(|| UnknownReport(text.to_owned()))
    }
}
