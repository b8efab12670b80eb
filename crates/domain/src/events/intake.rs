//! Intake: the complaint arrives, is acknowledged and sorted (domain brief B1).

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, meets, row, starts};
use crate::case::{Case, Change, DeadlineName, From, How, Lateness, State};
use crate::ids::{OrganisationId, PackId};
use crate::judge::Reason;
use crate::policy::PolicyPack;
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
}

elements! {
    /// The letter of an intermediary.
    Via { may kind: String, may r#ref: String, may reply_by: Date }
    /// The procedure of one issue, where they differ.
    IssueProcedure { must issue: String, may procedure: Procedure }
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
        may service_text: Content,
        may orgs_named: Vec<OrganisationId>,
        may matter_occurred_on: Date,
        may matter_known_on: Date,
        may matter_continuing: bool,
        may commissioner: OrganisationId,
        may representative: bool,
        may subject_deceased: bool,
        may young_person: bool,
        may about_posts: Vec<String>,
        may via: Via,
        may via_text: Content,
        may complainants: Content,
        may subjects: Content,
        may equality: Content,
        may withheld: Vec<String>,
        may format_needs: Vec<String>,
        may taken_by_role: String,
        may screen_result: Content,
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
        covers: [
            "000-14",
            "002-1.2 by equality",
            "002-2.3 by channel",
            "002-2.4 by taken_by_role",
            "003-14 by complainants, received_on, nature, services",
            "003-15 by withheld",
            "004-13a by commissioner",
            "C-01 by commissioner",
            "E-05 by policy",
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
        // E-07: a commissioner that received the complaint itself is commissioner of record from the start, and tells nobody else.
        if self.commissioner.as_ref() == Some(&facts.roles.receiver) {
            facts.roles.commissioner = self.commissioner.clone();
        }
        facts.receipt.received_on = Some(self.received_on);
        facts.receipt.known_on = self.matter_known_on;
        facts.receipt.occurred_on = self.matter_occurred_on;
        facts.receipt.continuing = self.matter_continuing == Some(true);
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
        let pack = change.rules.packs.get(&self.policy);
        if pack.is_some_and(PolicyPack::is_staged) {
            change.enter(State::Stage1);
            return change.start_from("stage-1-response", received);
        }
        for name in ["acknowledge", "relevant-period", "triage"] {
            change.start_from(name, received);
        }
        if oral {
            change.start_from("early-resolution", received);
        }
        if change.is_out_of_time() {
            change.case.facts.receipt.late = Lateness::Undecided;
            change.start_from("late-complaint-decision", received);
        }
        if self.commissioner.is_some() && change.case.facts.roles.commissioner.is_none() {
            change.start_from("notify-council", received);
        }
        if let Some(Via {
            kind: Some(kind),
            reply_by: Some(reply_by),
            ..
        }) = &self.via
        {
            change.start_named_on("reply", kind, *reply_by);
        }
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
        covers: ["000-24 by advocacy_signposted", "001-3", "002-1.6 by reassured_no_detriment", "002-3.1"],
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

/// The acknowledgement that a body owes itself: that of a pass-on carries its name (E-16), and a stage has its own (S-03, K-06).
fn own_acknowledgement(case: &Case, actor: &OrganisationId) -> DeadlineName {
    match case.state() {
        State::Stage2 => return DeadlineName::from("stage-2-acknowledge"),
        State::Stage3 | State::Stage3Heard => return DeadlineName::from("panel-acknowledge"),
        _ => {}
    }
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
        may procedures: Vec<IssueProcedure>,
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
        covers: ["000-1", "001-4 by procedures", "002-2.8 by procedure", "003-1", "S-07 by belongs_to"],
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
        covers: ["002-4.1 by options_offered"],
        summary: "How the complaint will be handled was discussed; a body alone goes on to planning (E-17).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.plan_alone_from_received();
    }
}
