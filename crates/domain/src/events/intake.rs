//! Intake: the complaint arrives, is acknowledged and sorted (domain brief B1).

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, meets, moves, row, starts};
use crate::case::{Case, Change, DeadlineName, From, How, Issue, Lateness, State};
use crate::ids::{OrganisationId, PackId};
use crate::judge::Reason;
use crate::timetable::due_of;

codes! {
    /// How the complaint reached the body.
    Channel {
        Letter = "letter", Email = "email", Telephone = "telephone", InPerson = "in-person", Form = "form",
        Portal = "portal",
    }
    /// Under which procedure the complaint goes on.
    Procedure {
        Eng2009 = "eng-2009", EngPh2012 = "eng-ph-2012", Children = "children", Ijb = "ijb", Code = "code",
        LscpConference = "lscp-conference", Other = "other",
    }
    /// What becomes of a complaint out of time.
    LateDecision { Accept = "accept", Refuse = "refuse" }
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
    /// Whether the person agrees with the list of issues.
    Agreement { Yes = "yes", No = "no", StatedByBody = "stated-by-body" }
    /// Why two cases may be linked as one complaint.
    LinkBasis { ComplainantAgrees = "complainant-agrees", BothHoldIt = "both-hold-it" }
}

elements! {
    /// An issue of the list.
    IssueEntry { must id: String, may body: OrganisationId, may occurred_on: Date, may known_on: Date }
    /// A desired outcome.
    OutcomeEntry { must id: String }
    /// The letter of an intermediary.
    Via { may kind: String, may r#ref: String, may reply_by: Date }
}

fields! {
    /// A complaint was received (E-14, J-01): opens the case.
    ComplaintReceived {
        must policy: PackId,
        must channel: Channel,
        must received_on: Date,
        must screened_on: Date,
        must nature: Content,
        unless("anonymous") complainant_ref: String,
        may anonymous: bool,
        may subject_ref: String,
        may protocol: PackId,
        may services: Vec<String>,
        may orgs_named: Vec<OrganisationId>,
        may matter_occurred_on: Date,
        may matter_known_on: Date,
        may matter_continuing: bool,
        may commissioner: OrganisationId,
        may about_posts: Vec<String>,
        may via: Via,
    }
}

impl EventRules for ComplaintReceived {
    row! { ComplaintReceived {
        who: [Who::Any],
        from: [From::New],
        deadlines: [
            starts("acknowledge").only("not anonymous"),
            starts("relevant-period").only("not anonymous"),
            starts("triage").only("not anonymous"),
            starts("early-resolution").only("oral"),
            starts("anonymous-consideration").only("anonymous"),
            starts("late-complaint-decision").only("out of time"),
            starts("notify-council").only("commissioner named"),
            starts("reply:<kind>").only("an intermediary asks for a reply"),
            starts("ombudsman-limit").only("it is known when the person knew"),
            starts("stage-1-response").only("staged packs, instead of the others"),
        ],
        summary: "A complaint was received; its receiver keeps the case (E-14, J-01).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let facts = &mut change.case.facts;
        facts.policy = Some(self.policy.clone());
        facts.protocol = self.protocol.clone();
        if let Some(pack) = change.rules.packs.get(&self.policy) {
            facts.regime = pack.regime();
        }
        facts.receipt.received_on = Some(self.received_on);
        facts.receipt.oral = matches!(self.channel, Channel::Telephone | Channel::InPerson);
        facts.receipt.anonymous = self.anonymous == Some(true);
        facts.receipt.about_posts = self.about_posts.iter().flatten().cloned().collect();
        self.start_deadlines(change);
    }
}

impl ComplaintReceived {
    fn start_deadlines(&self, change: &mut Change<'_>) {
        let (received, receipt) = (self.received_on, &change.case.facts.receipt);
        if receipt.anonymous {
            return change.start_from("anonymous-consideration", received);
        }
        let oral = receipt.oral;
        if let Some(known) = self.matter_known_on {
            change.start_from("ombudsman-limit", known);
        }
        if change.case.regime().is_staged() {
            change.enter(State::Stage1);
            return change.start_from("stage-1-response", received);
        }
        for name in ["acknowledge", "relevant-period", "triage"] {
            change.start_from(name, received);
        }
        if oral {
            change.start_from("early-resolution", received);
        }
        if self.is_out_of_time(change) {
            change.case.facts.receipt.late = Lateness::Undecided;
            change.start_from("late-complaint-decision", received);
        }
        if self.commissioner.is_some() {
            change.start_from("notify-council", received);
        }
        if let Some(Via {
            kind: Some(kind),
            reply_by: Some(reply_by),
            ..
        }) = &self.via
        {
            let keeper = change.case.keeper().clone();
            change.start_about("reply", kind, &keeper, *reply_by);
        }
    }

    /// E-13: twelve months after the event, or after it came to notice if later; a matter that goes on is in time.
    fn is_out_of_time(&self, change: &Change<'_>) -> bool {
        let from = self.matter_occurred_on.max(self.matter_known_on);
        let pack = change.rules.packs.get(&self.policy);
        let limit = from
            .zip(pack.and_then(|pack| pack.rule("time-limit", None)))
            .and_then(|(from, rule)| {
                crate::calendar::due_months(from, rule.n, rule.convention)
                    .ok()
                    .map(|counted| counted.due)
            });
        self.matter_continuing != Some(true) && limit.is_some_and(|limit| self.received_on > limit)
    }
}

fields! {
    /// A written record of an oral complaint was made (E-14).
    OralRecordMade { must copy_sent: bool, may copy_ref: String }
}

impl EventRules for OralRecordMade {
    row! { OralRecordMade {
        who: [Who::Keeper],
        from: [From::Pre, From::Care],
        summary: "A written record of the oral complaint was made and a copy given (E-14).",
    }}
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
    /// The complaint was acknowledged (E-15 to E-17).
    ComplaintAcknowledged {
        must method: String,
        eng discussion_offered: bool,
        eng advocacy_signposted: bool,
        eng reassured_no_detriment: bool,
        staged stage: u32,
        may points_agreed: bool,
        may outcome_sought: Content,
        may responsible_body_told: bool,
    }
}

impl EventRules for ComplaintAcknowledged {
    row! { ComplaintAcknowledged {
        who: [Who::Keeper, Who::FormerReceiver],
        from: [
            From::Pre, From::In(State::PassedOn), From::Joining, From::In(State::Planning),
            From::In(State::Investigating), From::Care, From::Staged,
        ],
        deadlines: [meets("acknowledge").only("the author's own")],
        reasons: [Reason::NoContactDetails, Reason::AlreadyDecided],
        summary: "The complaint was acknowledged, with the offer of a discussion (E-15 to E-17).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if scene.case.facts.receipt.anonymous {
            return Err(Reason::NoContactDetails);
        }
        let own = own_acknowledgement(scene.case, scene.event.actor());
        let ending = scene
            .case
            .facts
            .ledger
            .latest(&own)
            .and_then(|occurrence| occurrence.ending);
        let met = ending.is_some_and(|ending| ending.how == How::Met);
        if met {
            Err(Reason::AlreadyDecided)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.meet(own_acknowledgement(change.case, change.actor()));
    }
}

/// The acknowledgement that a body owes itself: that of a pass-on carries its name (E-16).
fn own_acknowledgement(case: &Case, actor: &OrganisationId) -> DeadlineName {
    let named = DeadlineName::of("acknowledge", actor);
    let owes_named = case.facts.ledger.latest(&named).is_some();
    if owes_named {
        named
    } else {
        DeadlineName::from("acknowledge")
    }
}

fields! {
    /// An oral complaint was settled (E-09).
    EarlyResolutionRecorded { must satisfied: bool, must resolved_on: Date, must how: Content }
}

impl EventRules for EarlyResolutionRecorded {
    row! { EarlyResolutionRecorded {
        who: [Who::Keeper],
        from: [From::In(State::Received)],
        reasons: [Reason::EarlyResolutionClosed],
        summary: "An oral complaint was settled by the end of the next working day (E-09).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let window = scene
            .case
            .facts
            .ledger
            .running(&DeadlineName::from("early-resolution"));
        let last = window.and_then(|occurrence| due_of(scene.case, occurrence, scene.rules));
        let in_time = self.satisfied && last.is_some_and(|last| self.resolved_on <= last);
        if in_time {
            Ok(())
        } else {
            Err(Reason::EarlyResolutionClosed)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::ResolvedEarly);
        change.end_all_but(&[]);
    }
}

fields! {
    /// The complaint was sorted (E-09, E-10).
    TriageRecorded {
        must ours: bool,
        must procedure: Procedure,
        may belongs_to: Vec<OrganisationId>,
        may risk_level: String,
        may stage: u32,
        may parallel: Vec<String>,
        may about_provider: bool,
    }
}

impl EventRules for TriageRecorded {
    row! { TriageRecorded {
        who: [Who::Keeper],
        from: [From::In(State::Received), From::In(State::Stage1)],
        deadlines: [meets("triage")],
        summary: "Whose the complaint is and under which procedure it goes on (E-09, J-02).",
    }}
}

fields! {
    /// It was decided whether a complaint out of time is accepted (E-13).
    LateComplaintAssessed {
        must limit: Date,
        must good_reason: bool,
        must fair_and_effective: bool,
        must decision: LateDecision,
        must told_complainant: bool,
        may reason_code: String,
        may reason: Content,
    }
}

impl EventRules for LateComplaintAssessed {
    row! { LateComplaintAssessed {
        who: [Who::Keeper],
        from: [From::In(State::Received)],
        deadlines: [meets("late-complaint-decision")],
        reasons: [Reason::AlreadyDecided, Reason::DecisionInconsistent],
        summary: "Whether a complaint out of time is accepted; it must be if both answers are yes (E-13).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if matches!(
            scene.case.facts.receipt.late,
            Lateness::Accepted | Lateness::Refused
        ) {
            return Err(Reason::AlreadyDecided);
        }
        let must_accept = self.good_reason && self.fair_and_effective;
        let accepts = self.decision == LateDecision::Accept;
        if must_accept == accepts {
            Ok(())
        } else {
            Err(Reason::DecisionInconsistent)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        // Met before everything else ends, so that the decision itself is not shown as no longer owed.
        change.meet("late-complaint-decision");
        match self.decision {
            LateDecision::Accept => change.case.facts.receipt.late = Lateness::Accepted,
            LateDecision::Refuse => {
                change.case.facts.receipt.late = Lateness::Refused;
                change.enter(State::RefusedLate);
                change.end_all_but(&["acknowledge", "ombudsman-limit"]);
            }
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
        summary: "Whether a representative may act; if not, nothing is shared on that authority (E-03, D-02 to D-04).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let satisfied = self.result == AuthorityResult::Satisfied;
        change.case.facts.standing.authority_refused = !satisfied;
        if satisfied {
            change.meet("authority-recheck");
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
        summary: "Independent support was offered (J-06).",
    }}
}

fields! {
    /// The list of issues that the answer must cover (J-07).
    IssuesAgreed {
        must issues: Vec<IssueEntry>,
        must issue_texts: Content,
        must agreed_with_complainant: Agreement,
        must desired_outcomes: Vec<OutcomeEntry>,
        may desired_outcome_texts: Content,
        may agreed_on: Date,
        may sent_on: Date,
        may disagreement: Content,
    }
}

impl EventRules for IssuesAgreed {
    row! { IssuesAgreed {
        who: [Who::Keeper],
        from: [
            From::In(State::Received), From::Joining, From::In(State::Planning), From::In(State::Investigating),
            From::Care, From::Staged,
        ],
        deadlines: [starts("ombudsman-limit").only("an issue says when the person knew, and nothing did before")],
        summary: "What the answer must cover, as agreed with the person or stated by the body (J-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let listed = self.issues.iter().map(|issue| {
            (
                issue.id.clone(),
                Issue {
                    body: issue.body.clone(),
                },
            )
        });
        change.case.facts.issues = Some(listed.collect());
        let known = self.issues.iter().filter_map(|issue| issue.known_on).min();
        let limit = DeadlineName::from("ombudsman-limit");
        if let (Some(known), None) = (known, change.case.facts.ledger.latest(&limit)) {
            change.start_from("ombudsman-limit", known);
        }
    }
}

fields! {
    /// The same complaint is logged elsewhere too (Q25).
    DuplicateLinked { must other_case: String, must other_received_on: Date, must basis: LinkBasis }
}

impl EventRules for DuplicateLinked {
    row! { DuplicateLinked {
        who: [Who::Party],
        from: [From::Open],
        deadlines: [moves("relevant-period").only("the other receipt is earlier")],
        summary: "The same complaint is logged in another case; the earliest receipt governs (Q25).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let receipt = &mut change.case.facts.receipt;
        if receipt
            .received_on
            .is_some_and(|received| self.other_received_on < received)
        {
            receipt.received_on = Some(self.other_received_on);
            if change.is_running("relevant-period") {
                change.move_from("relevant-period", self.other_received_on);
            }
        }
    }
}

fields! {
    /// The way of handling was discussed with the person (E-17).
    DiscussionHeld {
        must options_offered: Vec<String>,
        may held_on: Date,
        may issues_agreed: bool,
        may contact: String,
        may period_discussed: bool,
    }
}

impl EventRules for DiscussionHeld {
    row! { DiscussionHeld {
        who: [Who::Keeper],
        from: [From::In(State::Received), From::In(State::Planning), From::In(State::Investigating), From::Care],
        deadlines: [
            meets("triage").only("a body alone, from received"),
            starts("named-contact").only("a body alone, from received"),
        ],
        summary: "How the complaint will be handled was discussed; a body alone goes on to planning (E-17).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let case = &change.case;
        if !case.is_joint() && case.is_alone() && case.state() == State::Received {
            change.meet("triage");
            change.plan_alone();
        }
    }
}
