//! The closed list of reasons for which an event does not count, each with what the caller can do.

use std::fmt;

/// Reasons in the order of the domain brief, with code and advice.
macro_rules! reasons {
    ($($variant:ident = $code:literal $advice:literal),* $(,)?) => {
        /// Why an event does not count. The same list is used at the door of the emitting node and in a void ruling.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            /// A mandatory field is absent, or is not of its type or enumeration. Names the first one in the row's order.
            MissingField(String),
            $(
                #[doc = $advice]
                $variant,
            )*
        }

        impl Reason {
            /// Every reason but `missing-field`, which is one for each field.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code without a field name.
            pub fn family(&self) -> &'static str {
                match self {
                    Self::MissingField(_) => "missing-field",
                    $(Self::$variant => $code,)*
                }
            }

            /// What the caller can do about it.
            pub fn advice(&self) -> &'static str {
                match self {
                    Self::MissingField(_) => "Fill the field named, with a value of its type or enumeration, and emit again.",
                    $(Self::$variant => $advice,)*
                }
            }
        }
    };
}

reasons! {
    DuplicateEvent = "duplicate-event" "This event id was used with other content. Take a fresh id, or ask for the first receipt.",
    UnknownCase = "unknown-case" "Check the case id; only an opening event may name a new one.",
    UnregisteredOrg = "unregistered-org" "The steward must register the organisation first.",
    NotParticipant = "not-participant" "Ask the keeper to add the organisation to the case.",
    NoLead = "no-lead" "Agree or determine the lead first.",
    NotLead = "not-lead" "Only the lead may do this; send it to the lead.",
    NotKeeper = "not-keeper" "Only the keeper may do this; send it to the keeper.",
    NotYours = "not-yours" "The role, strand, request or action named is another body's.",
    StaleSequence = "stale-sequence" "Another organisation acted since. Read the case again and decide anew.",
    ConsentSuperseded = "consent-superseded" "The person withdrew or refused meanwhile. Ask again before granting.",
    AlreadyDecided = "already-decided" "This was done or decided before; nothing is left to do.",
    AuthorityPending = "authority-pending" "Record a satisfied authority check first.",
    AuthorityNotSatisfied = "authority-not-satisfied" "The representative's authority was not satisfied; nothing may be shared on it.",
    BodyNotJoined = "body-not-joined" "Wait until the body named has joined, or name one that has.",
    CaseOnLegalHold = "case-on-legal-hold" "Lift the legal hold first.",
    ConflictOfInterest = "conflict-of-interest" "Choose another person who is not concerned.",
    NoConsent = "no-consent" "Ask for consent, or record the disclosure and its grounds.",
    ConsentScopeExceeded = "consent-scope-exceeded" "The consent does not cover this body or issue. Ask for a wider one.",
    CouncilDecisionNeeded = "council-decision-needed" "The council must decide first.",
    DecisionInconsistent = "decision-inconsistent" "Accept if and only if there is good reason and it can still be investigated fairly.",
    EarlyResolutionClosed = "early-resolution-closed" "The next working day is over, or the complaint was not oral; handle it as an ordinary complaint.",
    ExtensionNotAgreed = "extension-not-agreed" "A date beyond the relevant period needs the person's agreement.",
    RelevantPeriodExpired = "relevant-period-expired" "The six months were over when it was agreed. Record an expectation instead.",
    IssueNotAnswered = "issue-not-answered" "Answer every issue, or say why it is not covered.",
    IssuesNotRecorded = "issues-not-recorded" "Record the issues first, and name only those on the list.",
    LateComplaintNotDecided = "late-complaint-not-decided" "Decide first whether the complaint is accepted out of time.",
    LeadNotAcceptedByAll = "lead-not-accepted-by-all" "Every party must have accepted the lead.",
    NoContactDetails = "no-contact-details" "The person is not known; there is nobody to write to.",
    NotAuthorisedSignatory = "not-authorised-signatory" "The responsible person signs, or a post with a delegation in force.",
    NotDue = "not-due" "It is too early, or the deadline was met, moved or ended.",
    OrganisationNotRetired = "organisation-not-retired" "The directory must say that the organisation is retired.",
    OverrideNotRecorded = "override-not-recorded" "Record the disclosure and its grounds first.",
    PanelMemberNotIndependent = "panel-member-not-independent" "Choose another member.",
    PlanNotAgreed = "plan-not-agreed" "Every owner of a strand must have agreed.",
    RetentionNotDue = "retention-not-due" "The retention review is not due yet.",
    Stage1Maximum = "stage-1-maximum" "Stage 1 cannot be extended further; escalate.",
    Stage2Maximum = "stage-2-maximum" "Stage 2 cannot be extended further.",
    StepOutOfOrder = "step-out-of-order" "A step that must come before is missing.",
    StrandMissing = "strand-missing" "A strand is still open; obtain it, or take the impasse path.",
    ActionsOpen = "actions-open" "Close every action, recommendation and hold first, and tell the person.",
    WrongState = "wrong-state" "The case is not in a state that allows this. Read it again.",
}

impl Reason {
    /// The code as rulings and errors carry it: `missing-field:findings`, `not-lead`.
    pub fn code(&self) -> String {
        self.to_string()
    }
}

/// What a caller can do about a reason of which only the code is known, such as one that was stored with a ruling.
pub fn advice_on(code: &str) -> Option<&'static str> {
    let family = code.split(':').next().unwrap_or(code);
    if family == "missing-field" {
        return Some(Reason::MissingField(String::new()).advice());
    }
    Reason::ALL
        .iter()
        .find(|reason| reason.family() == family)
        .map(Reason::advice)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingField(field) => write!(f, "missing-field:{field}"),
            reason => f.write_str(reason.family()),
        }
    }
}

/// A refusal: the event was judged and does not count. It is an answer, not a failure; do not retry it unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The first reason that applies, in the order of the domain brief.
    pub reason: Reason,
}

impl Refusal {
    /// The code of its reason.
    pub fn code(&self) -> String {
        self.reason.code()
    }

    /// What the caller can do.
    pub fn advice(&self) -> &'static str {
        self.reason.advice()
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}
