//! What bodies record beside cases: training, publicity, reports, agreements, returns, feedback, access (domain brief B8).

use jiff::civil::Date;

use super::read::{Content, FieldSpec, FieldType, Kind, Need, codes, fields};
use super::row::{DirectoryScene, EventRules, Scope, Who, meets, row, starts};
use crate::directory::Directory;
use crate::fields::Value;
use crate::ids::OrganisationId;

codes! {
    /// Who was trained.
    TrainingAudience { BoardMember = "board-member", Staff = "staff", Contractor = "contractor" }
    /// On which occasion something was made known.
    PublicityOccasion {
        Website = "website", StartOfService = "start-of-service", AnnualReview = "annual-review", Contract = "contract",
    }
    /// Which report.
    ReportKind {
        QuarterlyBoard = "quarterly-board", Annual = "annual", Ko41a = "ko41a", Spso = "spso",
        OutcomesAndActions = "outcomes-and-actions",
    }
    /// What kind of agreement.
    AgreementKind {
        S75 = "s75", Mou = "mou", Protocol = "protocol", Contract = "contract", LscpProtocol = "lscp-protocol",
    }
    /// What kind of feedback.
    FeedbackKind {
        Compliment = "compliment", Comment = "comment", Suggestion = "suggestion", Concern = "concern", Enquiry = "enquiry",
    }
}

fields! {
    /// Staff, board members or contractors were trained.
    TrainingRecorded {
        must cohort: String,
        must course: String,
        must on: Date,
        must audience: TrainingAudience,
        must eligible: u32,
        must attended: u32,
        may refresher_due: Date,
    }
}

impl EventRules for TrainingRecorded {
    row! { TrainingRecorded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        deadlines: [starts("training-refresher:<cohort>").only("a deadline of the body")],
        covers: ["002-1.10", "002-1.12", "003-1", "003-2 by audience", "003-10 by refresher_due"],
        summary: "Staff, board members or contractors were trained (003 paras 1, 2, 10).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// How to complain was made known.
    PublicityRecorded {
        must what: String,
        must r#where: String,
        must reviewed: String,
        may formats: Vec<String>,
        may occasion: PublicityOccasion,
        may reach: String,
    }
}

impl EventRules for PublicityRecorded {
    row! { PublicityRecorded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        covers: ["001-11", "002-1.1 by occasion", "002-1.4 by reach", "002-1.5", "002-1.9"],
        summary: "How to complain was made known, and when that was last reviewed (E-24).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// A report was published.
    ReportPublished {
        must kind: ReportKind,
        must period: String,
        may formats: Vec<String>,
        may sent_to: Vec<String>,
        may url: String,
    }
}

impl EventRules for ReportPublished {
    row! { ReportPublished {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        deadlines: [meets("report:<kind>:<period>").only("a deadline of the body")],
        covers: ["002-1.8", "002-5.2", "003-3", "003-13", "003-24", "003-25", "003-26 by sent_to", "003-27 by formats"],
        summary: "A report was published (E-26, S-12).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// A board looked at a report.
    BoardReviewRecorded {
        must report: String,
        must on: Date,
        may decisions: Vec<String>,
        may trends_acted_on: Vec<String>,
    }
}

impl EventRules for BoardReviewRecorded {
    row! { BoardReviewRecorded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        covers: ["003-3", "003-17", "003-21 by trends_acted_on"],
        summary: "A board looked at a report and decided on it (S-12, 003 paras 17, 21).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// Complaints managers met.
    LiaisonMeetingHeld {
        must on: Date,
        must attendees: Vec<String>,
        may themes: Vec<String>,
    }
}

impl EventRules for LiaisonMeetingHeld {
    row! { LiaisonMeetingHeld {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        covers: ["001-8"],
        summary: "Complaints managers of the bodies met (001).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// Bodies agreed how complaints are handled between them.
    AgreementRecorded {
        must id: String,
        must kind: AgreementKind,
        must parties: Vec<OrganisationId>,
        must valid_from: Date,
        may valid_to: Date,
        may review_on: Date,
        may complaint_clause: String,
        may objectives: Vec<String>,
        may measures: Vec<String>,
        may return_interval: String,
        may escalate_if: Vec<String>,
        may records_access: String,
        may expectations_of_complainants: String,
        may briefed_on_regulations_on: Date,
    }
}

impl EventRules for AgreementRecorded {
    row! { AgreementRecorded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        deadlines: [
            starts("agreement-review:<id>").only("a deadline of the body"),
            starts("provider-return:<provider>:<period>").only("a deadline of the provider"),
        ],
        covers: ["000-6", "000-13 by kind", "001-1 by kind", "002-1.12 by briefed_on_regulations_on", "002-2.6", "002-2.8 by kind", "002-2.10 by complaint_clause, objectives", "003-5 by objectives, measures", "004-15a by expectations_of_complainants, escalate_if", "004-27 by records_access"],
        summary: "Bodies agreed how complaints are handled between them: section 75, contract, protocol (E-28, C-09).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

/// How many complaints ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Upheld.
    pub upheld: u32,
    /// Partly upheld.
    pub partly_upheld: u32,
    /// Not upheld.
    pub not_upheld: u32,
    /// Resolved without a finding.
    pub resolved: u32,
}

/// The keys of [`Outcomes`], which are the outcome codes.
const OUTCOME_FIELDS: &[FieldSpec] = &[
    count_of("upheld"),
    count_of("partly-upheld"),
    count_of("not-upheld"),
    count_of("resolved"),
];

const fn count_of(name: &'static str) -> FieldSpec {
    FieldSpec {
        name,
        need: Need::Expected,
        kind: Kind::Number,
    }
}

impl FieldType for Outcomes {
    const KIND: Kind = Kind::Record(OUTCOME_FIELDS);

    fn from_value(value: &Value) -> Option<Self> {
        let Value::Record(fields) = value else {
            return None;
        };
        let count = |name: &str| match fields.get(name) {
            Some(value) => u32::from_value(value),
            None => Some(0),
        };
        Some(Self {
            upheld: count("upheld")?,
            partly_upheld: count("partly-upheld")?,
            not_upheld: count("not-upheld")?,
            resolved: count("resolved")?,
        })
    }
}

fields! {
    /// A provider counted the complaints about it.
    ProviderReturnSubmitted {
        must period: String,
        must received: u32,
        must outcomes: Outcomes,
        may themes: Vec<String>,
        may resolved_early: u32,
        may escalated: u32,
    }
}

impl EventRules for ProviderReturnSubmitted {
    row! { ProviderReturnSubmitted {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        deadlines: [meets("provider-return:<provider>:<period>").only("a deadline of the provider")],
        covers: ["002-5.6", "003-5", "003-13", "004-19b by resolved_early", "E-30"],
        summary: "A provider counted the complaints about it, those resolved early among them (C-05).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// Feedback that is no complaint. It never leaves its node.
    FeedbackLogged {
        must kind: FeedbackKind,
        must service: String,
        must received_on: Date,
        may via: String,
        may outcome: String,
        may told_may_complain: bool,
        may text: Content,
    }
}

impl EventRules for FeedbackLogged {
    row! { FeedbackLogged {
        scope: Scope::Node,
        who: [Who::Any], from: [],
        covers: ["002-bg.1"],
        summary: "A compliment, comment, suggestion, concern or enquiry; kept by its node alone.",
    }}
}

fields! {
    /// What began as feedback became a complaint.
    FeedbackBecameComplaint {
        must feedback_ref: String,
        must case: String,
        must received_on: Date,
    }
}

impl EventRules for FeedbackBecameComplaint {
    row! { FeedbackBecameComplaint {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        covers: ["002-bg.1"],
        summary: "What began as feedback became a complaint, from the day the person first asked for that.",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// Somebody looked at a case. It never leaves its node.
    AccessLogged {
        must who: String,
        must case: String,
        must purpose: String,
    }
}

impl EventRules for AccessLogged {
    row! { AccessLogged {
        scope: Scope::Node,
        who: [Who::Any], from: [],
        covers: ["002-3.7"],
        summary: "Somebody looked at a case, and for what (D-06, D-11); kept by its node alone.",
    }}
}
