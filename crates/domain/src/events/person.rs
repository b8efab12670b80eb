//! The people of a case: who may act for whom, how they are reached, who supports them (domain brief B1).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Who, ends, meets, row, starts};
use crate::case::{Case, Change, DeadlineName, From, State};

codes! {
    /// On what a representative's authority rests (D-02 to D-04).
    AuthorityBasis {
        Asked = "asked", Lpa = "lpa-health-welfare", Deputy = "deputy", Guardian = "guardian",
        PersonalRepresentative = "personal-representative", SuitableRepresentative = "suitable-representative",
        Parental = "parental", CompetentChild = "competent-child", BestInterests = "best-interests",
        ElectedRepresentative = "elected-representative", LitigationFriend = "litigation-friend",
        Spokesperson = "spokesperson",
    }
    /// Whether an authority check was satisfied.
    AuthorityResult { Satisfied = "satisfied", NotSatisfied = "not-satisfied" }
    /// What a person's capacity was assessed for.
    CapacityDecision { ConsentToShare = "consent-to-share", Complain = "complain", Other = "other" }
    /// The result of a capacity assessment.
    CapacityResult { HasCapacity = "has-capacity", LacksCapacity = "lacks-capacity", Fluctuating = "fluctuating" }
    /// What changed about a person (D-02, D-04).
    PersonChange { Died = "died", LostCapacity = "lost-capacity", RegainedCapacity = "regained-capacity", Reached18 = "reached-18", RepresentativeReplaced = "representative-replaced", AttorneyRevoked = "attorney-revoked" }
    /// Who told of a change.
    ChangeSource { Registrar = "registrar", Family = "family", Body = "body", Other = "other" }
    /// Why a representative may not act (E-04).
    RefusalGround { Authority = "authority", BestInterests = "best-interests", NoReasonableGround = "no-reasonable-ground" }
    /// What becomes of an anonymous complaint.
    AnonymousDecision { LookInto = "look-into", NoAction = "no-action", Refer = "refer" }
    /// How contact is restricted.
    RestrictionKind { Channel = "channel", Times = "times", OneContact = "one-contact", NoVisits = "no-visits" }
    /// What a review of a restriction decided.
    RestrictionResult { Keep = "keep", Change = "change", Lift = "lift" }
    /// What is done when a person cannot be reached.
    LostContactDecision { KeepTrying = "keep-trying", AnswerToLastAddress = "answer-to-last-address" }
    /// What had to be put right at once.
    UrgentRisk { UrgentCare = "urgent-care", Medication = "medication", Equipment = "equipment", Housing = "housing", Other = "other" }
    /// Who wrote on the person's behalf.
    IntermediaryKind { Mp = "mp", Councillor = "councillor", Advocate = "advocate", Solicitor = "solicitor", Cqc = "cqc", Healthwatch = "healthwatch", OmbudsmanPremature = "ombudsman-premature", Commissioner = "commissioner", OtherBody = "other-body" }
    /// How much an intermediary was told.
    ReplyScope { Progress = "progress", Outcome = "outcome", NoDetails = "no-details" }
}

fields! {
    /// How the person wishes to be contacted (E-23).
    ContactPreferencesSet {
        must method: String,
        must electronic_agreed: bool,
        may complainant_ref: String,
        may format: String,
        may language: String,
        may interpreter: bool,
        may adjustments: Content,
    }
}

impl EventRules for ContactPreferencesSet {
    row! { ContactPreferencesSet {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        deadlines: [starts("acknowledge").only("an anonymous person is now known")],
        covers: ["000-40 by format", "002-1.2 by adjustments, language", "002-3.4"],
        summary: "How the person wishes to be contacted; an anonymous person may become known (E-23, Q24).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if change.case.facts.receipt.anonymous && self.complainant_ref.is_some() {
            change.case.facts.receipt.anonymous = false;
            change.start("acknowledge");
        }
    }
}

fields! {
    /// A representative's authority was checked (E-03).
    RepresentativeAuthorityChecked {
        must basis: AuthorityBasis,
        must result: AuthorityResult,
        may evidence_ref: String,
        may representative_ref: String,
        may complainant_ref: String,
        may checked_by: String,
    }
}

impl EventRules for RepresentativeAuthorityChecked {
    row! { RepresentativeAuthorityChecked {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [meets("authority-recheck").only("satisfied")],
        covers: ["000-18", "002-1.7", "K-12 by basis"],
        summary: "Whether a representative may act; if not, nothing is shared on that authority (E-03, D-02 to D-04).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let satisfied = self.result == AuthorityResult::Satisfied;
        change.case.facts.standing.authority_refused = !satisfied;
        if satisfied {
            change.case.facts.standing.authority_pending = false;
            change.meet("authority-recheck");
            if self.complainant_ref.is_some() {
                change.case.facts.consent.speaker_changed();
            }
        }
    }
}

fields! {
    /// Capacity for one decision was assessed (D-02).
    CapacityAssessed {
        must decision: CapacityDecision,
        must result: CapacityResult,
        may assessor_role: String,
        may assessed_on: Date,
        may basis_text: Content,
    }
}

impl EventRules for CapacityAssessed {
    row! { CapacityAssessed {
        who: [Who::Keeper],
        from: [From::Open],
        covers: ["000-18"],
        summary: "Whether the person can decide this; presumed until shown otherwise (J-03, D-02).",
    }}
}

fields! {
    /// Advocacy was offered (J-06).
    AdvocacyOffered { must accepted: bool, may service: String, may statutory: bool }
}

impl EventRules for AdvocacyOffered {
    row! { AdvocacyOffered {
        who: [Who::Keeper],
        from: [From::Open],
        covers: ["000-24", "002-2.1", "002-2.2"],
        summary: "Independent support was offered (J-06).",
    }}
}

fields! {
    /// A person can be reached in another way.
    ContactDetailsChanged {
        must r#ref: String,
        may details: Content,
    }
}

impl EventRules for ContactDetailsChanged {
    row! { ContactDetailsChanged {
        who: [Who::Keeper],
        from: [From::Any],
        summary: "A person can be reached in another way (E-23).",
    }}
}

fields! {
    /// A representative may not act, or no longer (E-04).
    RepresentativeRefused {
        must ground: RefusalGround,
        must written_notice_on: Date,
        may reasons: Content,
        may subject_told: bool,
    }
}

impl EventRules for RepresentativeRefused {
    row! { RepresentativeRefused {
        who: [Who::Keeper],
        from: [From::Open],
        summary: "A representative may not act; the complaint of the person concerned may go on (E-04).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        // No representative is left whose authority could be wanting.
        change.case.facts.standing.authority_refused = false;
    }
}

fields! {
    /// Something changed about a person that decides who may act (D-02 to D-04).
    PersonStatusChanged {
        must person_ref: String,
        must change: PersonChange,
        must on: Date,
        must source: ChangeSource,
        may note: Content,
    }
}

impl EventRules for PersonStatusChanged {
    row! { PersonStatusChanged {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [starts("authority-recheck")],
        covers: ["000-18"],
        summary: "Something changed that decides who may act; nothing new is shared until authority is checked (D-02 to D-04).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.authority_pending = true;
    }
}

fields! {
    /// It was decided what becomes of an anonymous complaint.
    AnonymousConsiderationRecorded {
        must decision: AnonymousDecision,
        must treat_as: String,
        may why: Content,
        may personal_data_shared: bool,
    }
}

impl EventRules for AnonymousConsiderationRecorded {
    row! { AnonymousConsiderationRecorded {
        who: [Who::Keeper],
        from: [From::In(State::Received)],
        deadlines: [
            meets("anonymous-consideration"), starts("retention-review").only("the case ends"),
        ],
        covers: ["002-3.6"],
        summary: "What becomes of an anonymous complaint: it is looked into, or the case ends.",
    }}

    fn is_misplaced(&self, case: &Case) -> bool {
        !case.facts.receipt.anonymous
    }

    fn apply(&self, change: &mut Change<'_>) {
        if self.decision == AnonymousDecision::LookInto {
            return change.enter(State::Investigating);
        }
        change.start("retention-review");
        change.enter(State::Closed);
    }
}

fields! {
    /// Contact with a person was restricted; no statutory duty ends by it.
    ContactRestrictionSet {
        must id: String,
        must kind: RestrictionKind,
        must warned_on: Date,
        must authorised_by: String,
        must review_on: Date,
        must told_with_appeal: bool,
        may until: Date,
        may why: Content,
        may adjustments_considered: Content,
    }
}

impl EventRules for ContactRestrictionSet {
    row! { ContactRestrictionSet {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [starts("restriction-review:<id>")],
        summary: "Contact was restricted, after a warning and with a way to appeal; no statutory duty ends by it.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let by = change.actor().clone();
        change.start_about("restriction-review", &self.id, &by, self.review_on);
    }
}

fields! {
    /// A restriction of contact was looked at again.
    ContactRestrictionReviewed {
        must id: String,
        must result: RestrictionResult,
        must next_review_on: Date,
        may why: Content,
    }
}

impl EventRules for ContactRestrictionReviewed {
    row! { ContactRestrictionReviewed {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [
            meets("restriction-review:<id>"), starts("restriction-review:<id>").only("again"),
        ],
        summary: "A restriction of contact was looked at again; it will be once more, until it is lifted.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let by = change.actor().clone();
        change.meet(DeadlineName::of("restriction-review", &self.id));
        change.start_about("restriction-review", &self.id, &by, self.next_review_on);
    }
}

fields! {
    /// A restriction of contact ended.
    ContactRestrictionLifted {
        must id: String,
    }
}

impl EventRules for ContactRestrictionLifted {
    row! { ContactRestrictionLifted {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [ends("restriction-review:<id>")],
        summary: "A restriction of contact ended.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.end(DeadlineName::of("restriction-review", &self.id));
    }
}

fields! {
    /// The person cannot be reached; silence never closes a case.
    ContactLost {
        must attempts: u32,
        must last_on: Date,
        must decision: LostContactDecision,
        may tried: Content,
    }
}

impl EventRules for ContactLost {
    row! { ContactLost {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        summary: "The person cannot be reached; closing still needs a written answer to the last address.",
    }}
}

fields! {
    /// Something was put right at once, whatever becomes of the complaint.
    UrgentActionRecorded {
        must risk: UrgentRisk,
        must taken_at: Date,
        must by_post: String,
        may action: Content,
    }
}

impl EventRules for UrgentActionRecorded {
    row! { UrgentActionRecorded {
        who: [Who::Party],
        from: [From::Any],
        summary: "Something was put right at once, whatever becomes of the complaint (E-01).",
    }}
}

fields! {
    /// Someone who wrote on the person's behalf was answered.
    IntermediaryReplied {
        must kind: IntermediaryKind,
        must on: Date,
        may scope: ReplyScope,
        may reply_ref: String,
    }
}

impl EventRules for IntermediaryReplied {
    row! { IntermediaryReplied {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [meets("reply:<kind>")],
        summary: "Someone who wrote on behalf of the person was answered (J-01).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.meet(DeadlineName::of("reply", self.kind.code()));
    }
}
