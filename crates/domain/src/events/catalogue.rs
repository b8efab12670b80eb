//! The list of all event types: the one place that a further event must be added to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::read::{Missing, Reader};
use super::row::{DirectoryScene, EventRules, Row, Scene};
use super::{
    after, care, clock, consent, contact, cooperation, correction, directory, handover, intake,
    investigation, issues, lead, learning, ombudsman, outcome, parallel, person, plan, records,
    register, response, safeguarding, staged,
};
use crate::case::{Case, Change};
use crate::directory::Directory;
use crate::ids::OrganisationId;
use crate::judge::Reason;

/// No event type of this name is known to these rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event type of these rules")]
pub struct UnknownEventType(pub String);

/// Makes the type of all event types, the type of all bodies, and the way from one to the other's functions.
macro_rules! catalogue {
    ($($family:ident { $($variant:ident = $code:literal),* $(,)? })*) => {
        /// What happened: the name of an event, shown as its kebab-case code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum EventType {
            $($(
                #[doc = concat!("`", $code, "`.")]
                $variant,
            )*)*
        }

        impl EventType {
            /// Every event type, in the order of the domain brief.
            pub const ALL: &[Self] = &[$($(Self::$variant),*),*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self {
                    $($(Self::$variant => $code,)*)*
                }
            }
        }

        /// The row of an event type.
        pub fn row(event_type: EventType) -> Row {
            match event_type {
                $($(EventType::$variant => <$family::$variant as EventRules>::ROW,)*)*
            }
        }

        /// The typed fields of an event.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum EventBody {
            $($(
                #[doc = concat!("`", $code, "`.")]
                $variant($family::$variant),
            )*)*
        }

        impl EventBody {
            pub(crate) fn parse(event_type: EventType, reader: &Reader<'_>) -> Result<Self, Missing> {
                Ok(match event_type {
                    $($(EventType::$variant => Self::$variant($family::$variant::parse(reader)?),)*)*
                })
            }

            pub(crate) fn incomplete(&self, case: Option<&Case>) -> Option<&'static str> {
                match self {
                    $($(Self::$variant(body) => body.incomplete(case),)*)*
                }
            }

            pub(crate) fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
                match self {
                    $($(Self::$variant(body) => body.is_owner(case, actor),)*)*
                }
            }

            pub(crate) fn covers(&self) -> &[OrganisationId] {
                match self {
                    $($(Self::$variant(body) => body.covers(),)*)*
                }
            }

            pub(crate) fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
                match self {
                    $($(Self::$variant(body) => body.refuse(scene),)*)*
                }
            }

            pub(crate) fn is_misplaced(&self, case: &Case) -> bool {
                match self {
                    $($(Self::$variant(body) => body.is_misplaced(case),)*)*
                }
            }

            pub(crate) fn incomplete_in_directory(&self) -> Option<&'static str> {
                match self {
                    $($(Self::$variant(body) => body.incomplete_in_directory(),)*)*
                }
            }

            pub(crate) fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
                match self {
                    $($(Self::$variant(body) => body.refuse_in_directory(scene),)*)*
                }
            }

            pub(crate) fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
                match self {
                    $($(Self::$variant(body) => body.enter(scene),)*)*
                }
            }

            pub(crate) fn apply(&self, change: &mut Change<'_>) {
                match self {
                    $($(Self::$variant(body) => body.apply(change),)*)*
                }
            }
        }
    };
}

catalogue! {
    intake {
        ComplaintReceived = "complaint-received",
        OralRecordMade = "oral-record-made",
        ComplaintAcknowledged = "complaint-acknowledged",
        EarlyResolutionRecorded = "early-resolution-recorded",
        TriageRecorded = "triage-recorded",
        LateComplaintAssessed = "late-complaint-assessed",
        DiscussionHeld = "discussion-held",
    }
    person {
        ContactPreferencesSet = "contact-preferences-set",
        ContactDetailsChanged = "contact-details-changed",
        RepresentativeAuthorityChecked = "representative-authority-checked",
        RepresentativeRefused = "representative-refused",
        PersonStatusChanged = "person-status-changed",
        CapacityAssessed = "capacity-assessed",
        AdvocacyOffered = "advocacy-offered",
        AnonymousConsiderationRecorded = "anonymous-consideration-recorded",
        ContactRestrictionSet = "contact-restriction-set",
        ContactRestrictionReviewed = "contact-restriction-reviewed",
        ContactRestrictionLifted = "contact-restriction-lifted",
        ContactLost = "contact-lost",
        UrgentActionRecorded = "urgent-action-recorded",
        IntermediaryReplied = "intermediary-replied",
    }
    issues {
        IssuesAgreed = "issues-agreed",
        IssueAdded = "issue-added",
        IssueWithdrawn = "issue-withdrawn",
        DuplicateLinked = "duplicate-linked",
        CasesMerged = "cases-merged",
        CasesLinked = "cases-linked",
        LocalResolutionRecorded = "local-resolution-recorded",
        ExclusionDecided = "exclusion-decided",
        HandlerAssigned = "handler-assigned",
        DiscussionDeclined = "discussion-declined",
        ComplaintWithdrawn = "complaint-withdrawn",
    }
    consent {
        ConsentRequested = "consent-requested",
        ConsentGranted = "consent-granted",
        ConsentRefused = "consent-refused",
        ConsentLapsed = "consent-lapsed",
        ConsentWithdrawn = "consent-withdrawn",
        ParticipantRemoved = "participant-removed",
        ComplainantSignposted = "complainant-signposted",
        ComplaintPassedOn = "complaint-passed-on",
        ComplaintAccepted = "complaint-accepted",
        TransferDeclined = "transfer-declined",
    }
    safeguarding {
        DisclosureWithoutConsentRecorded = "disclosure-without-consent-recorded",
        SafeguardingConcernRecorded = "safeguarding-concern-recorded",
        SafeguardingReferred = "safeguarding-referred",
        ReferralNotNeeded = "referral-not-needed",
        SafeguardingOutcomeReceived = "safeguarding-outcome-received",
    }
    lead {
        ParticipantAdded = "participant-added",
        ParticipantJoined = "participant-joined",
        ParticipantDeclined = "participant-declined",
        LeadProposed = "lead-proposed",
        LeadAccepted = "lead-accepted",
        LeadAgreed = "lead-agreed",
        LeadDisputed = "lead-disputed",
        LeadEscalated = "lead-escalated",
        LeadDetermined = "lead-determined",
    }
    plan {
        NamedContactAssigned = "named-contact-assigned",
        ResponsePeriodSet = "response-period-set",
        PlanProposed = "plan-proposed",
        PlanAgreed = "plan-agreed",
        PlanDisputed = "plan-disputed",
        PlanAmended = "plan-amended",
        StrandAssigned = "strand-assigned",
        StrandAccepted = "strand-accepted",
    }
    investigation {
        InformationRequested = "information-requested",
        InformationProvided = "information-provided",
        ContributorProgressReported = "contributor-progress-reported",
        StrandDelayed = "strand-delayed",
        ComplainantUpdated = "complainant-updated",
        ResponsePeriodAmended = "response-period-amended",
        LateNoticeIssued = "late-notice-issued",
        StrandSubmitted = "strand-submitted",
        StrandRevised = "strand-revised",
    }
    response {
        DraftCirculated = "draft-circulated",
        DraftCommented = "draft-commented",
        ComplainantCommented = "complainant-commented",
        ResponseSignedOff = "response-signed-off",
        ResponseIssued = "response-issued",
        ImpasseDeclared = "impasse-declared",
        ImpasseEscalated = "impasse-escalated",
        ImpasseResolved = "impasse-resolved",
        ImpasseUnresolved = "impasse-unresolved",
        PartialResponseIssued = "partial-response-issued",
        OmbudsmanSignposted = "ombudsman-signposted",
    }
    staged {
        Stage1Extended = "stage-1-extended",
        Stage1ResponseIssued = "stage-1-response-issued",
        StageEscalated = "stage-escalated",
        Stage2Extended = "stage-2-extended",
        IndependentPersonAppointed = "independent-person-appointed",
        InvestigationReportReceived = "investigation-report-received",
        AdjudicationIssued = "adjudication-issued",
        PanelRequested = "panel-requested",
        PanelAppointed = "panel-appointed",
        PanelHeld = "panel-held",
        PanelFindingsIssued = "panel-findings-issued",
        AuthorityResponseIssued = "authority-response-issued",
    }
    handover {
        ParticipantSucceeded = "participant-succeeded",
        LeadTransferOffered = "lead-transfer-offered",
        KeeperLostDeclared = "keeper-lost-declared",
        LeadTransferred = "lead-transferred",
    }
    contact {
        NamedContactChanged = "named-contact-changed",
        MeetingScheduled = "meeting-scheduled",
        MeetingHeld = "meeting-held",
    }
    cooperation {
        InformationRefused = "information-refused",
        ClarificationRequested = "clarification-requested",
        StaffNotified = "staff-notified",
        CooperationFailureRecorded = "cooperation-failure-recorded",
    }
    parallel {
        ParallelProcessLinked = "parallel-process-linked",
        ParallelProcessEnded = "parallel-process-ended",
        HoldStarted = "hold-started",
        HoldEnded = "hold-ended",
        ResolutionOptionOffered = "resolution-option-offered",
        ResolutionOptionTried = "resolution-option-tried",
    }
    outcome {
        OutcomeRecorded = "outcome-recorded",
        InterimResponseIssued = "interim-response-issued",
        RemedyOffered = "remedy-offered",
        RemedyAccepted = "remedy-accepted",
        RemedyProvided = "remedy-provided",
        IrregularStepRecorded = "irregular-step-recorded",
    }
    care {
        HandlingDecided = "handling-decided",
        DetailsSent = "details-sent",
        ResponsiblePersonNotified = "responsible-person-notified",
        ProviderResponseIssued = "provider-response-issued",
        ComplainantDissatisfied = "complainant-dissatisfied",
        CouncilReviewDecided = "council-review-decided",
        HandlingTakenBack = "handling-taken-back",
    }
    learning {
        ActionProgressReported = "action-progress-reported",
        LearningShared = "learning-shared",
        FeedbackInvited = "feedback-invited",
        FeedbackReceived = "feedback-received",
        CaseReopened = "case-reopened",
    }
    ombudsman {
        OmbudsmanReturned = "ombudsman-returned",
        OmbudsmanEvidenceSent = "ombudsman-evidence-sent",
        OmbudsmanDraftCommented = "ombudsman-draft-commented",
        OmbudsmanDecisionRecorded = "ombudsman-decision-recorded",
        RecommendationAssigned = "recommendation-assigned",
        RecommendationComplied = "recommendation-complied",
        RecommendationVerified = "recommendation-verified",
    }
    records {
        LegalHoldSet = "legal-hold-set",
        LegalHoldLifted = "legal-hold-lifted",
        RetentionExtended = "retention-extended",
        PersonalDataErased = "personal-data-erased",
        SubjectAccessRecorded = "subject-access-recorded",
        SubjectAccessAnswered = "subject-access-answered",
        ConfidentialityBreachRecorded = "confidentiality-breach-recorded",
        DpComplaintReceived = "dp-complaint-received",
        DpComplaintAnswered = "dp-complaint-answered",
    }
    correction {
        CorrectionRecorded = "correction-recorded",
    }
    after {
        ActionAssigned = "action-assigned",
        ActionCompleted = "action-completed",
        ActionVerified = "action-verified",
        ComplainantToldOfAction = "complainant-told-of-action",
        OmbudsmanEnquiryReceived = "ombudsman-enquiry-received",
        CaseClosed = "case-closed",
    }
    directory {
        OrganisationRegistered = "organisation-registered",
        OrganisationUpdated = "organisation-updated",
        OrganisationRetired = "organisation-retired",
        DelegationRecorded = "delegation-recorded",
        DelegationEnded = "delegation-ended",
        ServiceRegistered = "service-registered",
        ServiceRetired = "service-retired",
        PolicyAdopted = "policy-adopted",
        CalendarPublished = "calendar-published",
        ClosureDaysAdded = "closure-days-added",
    }
    register {
        TrainingRecorded = "training-recorded",
        PublicityRecorded = "publicity-recorded",
        ReportPublished = "report-published",
        BoardReviewRecorded = "board-review-recorded",
        LiaisonMeetingHeld = "liaison-meeting-held",
        AgreementRecorded = "agreement-recorded",
        ProviderReturnSubmitted = "provider-return-submitted",
        FeedbackLogged = "feedback-logged",
        FeedbackBecameComplaint = "feedback-became-complaint",
        AccessLogged = "access-logged",
    }
    clock {
        DeadlineApproaching = "deadline-approaching",
        DeadlineMissed = "deadline-missed",
    }
}

impl EventType {
    /// Whether it may be the first event of a case.
    pub fn opens_a_case(self) -> bool {
        row(self).from.contains(&crate::case::From::New)
    }
}

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(code: &str) -> Result<Self, UnknownEventType> {
        let known = Self::ALL
            .iter()
            .find(|event_type| event_type.code() == code);
        known
            .copied()
            .ok_or_else(|| UnknownEventType(code.to_owned()))
    }
}

impl TryFrom<String> for EventType {
    type Error = UnknownEventType;

    fn try_from(code: String) -> Result<Self, UnknownEventType> {
        code.parse()
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.code().to_owned()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
