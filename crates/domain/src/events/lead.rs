//! Participants and the lead (domain brief B3).

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::cooperation::CooperationDuty;
use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, ends, meets, row, starts};
use crate::calendar::end_of_day;
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;
use crate::timetable::{due_of, timetable};

codes! {
    /// Why a body is added.
    AddedFor {
        IssueOwner = "issue-owner", Commissioner = "commissioner", Provider = "provider",
        HoldsInformation = "holds-information",
    }
    /// Why this body should lead (J-05).
    LeadReason {
        GreatestResponsibility = "greatest-responsibility", BestRelationship = "best-relationship",
        MoreResources = "more-resources", Commissioner = "commissioner",
    }
    /// What the person thinks of the lead proposed.
    ComplainantView {
        Content = "content", Prefers = "prefers", NoPreference = "no-preference", NotAsked = "not-asked",
    }
    /// How the lead was determined.
    DeterminedBy { Agreed = "agreed", DefaultReceiver = "default-receiver" }
}

elements! {
    /// A post of a body.
    PostOf { must org: OrganisationId, may post: String }
}

fields! {
    /// A body was added to the case.
    ParticipantAdded {
        must participant: OrganisationId,
        must why_code: AddedFor,
        may issues: Vec<String>,
        may why: Content,
    }
}

impl EventRules for ParticipantAdded {
    row! { ParticipantAdded {
        who: [Who::Keeper],
        from: [From::Pre, From::Joining, From::Work, From::Care, From::Staged],
        deadlines: [starts("join:<org>")],
        reasons: [Reason::NoConsent, Reason::ConsentScopeExceeded, Reason::AuthorityPending],
        covers: ["000-1"],
        summary: "A body is invited; it sees the process once it offers a key (E-11).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let issues = self.issues.iter().flatten();
        let facts = &scene.case.facts;
        facts
            .consent
            .allows(&self.participant, issues, Case::day_of(scene.event))?;
        facts.standing.authority_checked()
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.invite(&self.participant);
        if change.case.is_invitee(&self.participant) {
            change.start_from_for("join", &self.participant, change.day());
        }
    }
}

fields! {
    /// The invited body joined.
    ParticipantJoined { must responsible_person: String, may contact_post: String, may own_ref: String }
}

impl EventRules for ParticipantJoined {
    row! { ParticipantJoined {
        who: [Who::Invitee],
        from: [From::Any],
        deadlines: [meets("join:<org>")],
        covers: ["000-11"],
        summary: "An invited body takes part (E-11).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        change.join(&body);
        change.meet(DeadlineName::of("join", body));
    }
}

fields! {
    /// The invited body will not take part.
    ParticipantDeclined { must why_code: String, may why: Content }
}

impl EventRules for ParticipantDeclined {
    row! { ParticipantDeclined {
        who: [Who::Invitee],
        from: [From::Any],
        deadlines: [meets("join:<org>")],
        summary: "An invited body will not take part; its issues may stand unanswered (E-11).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        change.leave(&body);
        change.mark(&body, CooperationDuty::Join);
        change.meet(DeadlineName::of("join", body));
    }
}

fields! {
    /// A party proposed a lead (J-05).
    LeadProposed {
        must lead: OrganisationId,
        must reason: LeadReason,
        must complainant_view: ComplainantView,
        may preferred: OrganisationId,
        may view_text: Content,
    }
}

impl EventRules for LeadProposed {
    row! { LeadProposed {
        who: [Who::Party],
        from: [From::Joining],
        reasons: [Reason::BodyNotJoined],
        covers: ["000-8", "000-20 by complainant_view", "000-21 by reason"],
        summary: "A party proposed a lead; earlier acceptances lapse (J-05).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if scene.case.is_party(&self.lead) {
            Ok(())
        } else {
            Err(Reason::BodyNotJoined)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let author = change.actor().clone();
        change.case.facts.lead.proposed = Some(self.lead.clone());
        change.case.facts.lead.accepted = BTreeSet::from([author]);
        change.case.facts.cooperation.against_lead.clear();
        change.speaks_on_lead();
    }
}

fields! {
    /// A party accepted the lead proposed.
    LeadAccepted { must lead: OrganisationId }
}

impl EventRules for LeadAccepted {
    row! { LeadAccepted {
        who: [Who::Party],
        from: [From::Joining],
        reasons: [Reason::StepOutOfOrder],
        covers: ["000-8"],
        summary: "A party accepted the lead proposed (J-05).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let proposed = scene.case.facts.lead.proposed.as_ref() == Some(&self.lead);
        if proposed {
            Ok(())
        } else {
            Err(Reason::StepOutOfOrder)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let author = change.actor().clone();
        change.case.facts.lead.accepted.insert(author);
        change.speaks_on_lead();
    }
}

fields! {
    /// The lead was agreed.
    LeadAgreed { must lead: OrganisationId, must accepted_by: Vec<OrganisationId> }
}

impl EventRules for LeadAgreed {
    row! { LeadAgreed {
        who: [Who::Keeper],
        from: [From::Joining],
        deadlines: [
            meets("lead-agreement"), ends("lead-escalation"),
            starts("named-contact").only("after the keeper changed"),
            starts("plan").only("after the keeper changed"),
        ],
        reasons: [Reason::LeadNotAcceptedByAll],
        covers: ["000-8", "000-12", "001-6"],
        summary: "Every party accepted the lead, which keeps the case from here on (J-05, E-11).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let talk = &scene.case.facts.lead;
        let by_all = scene
            .case
            .parties()
            .into_iter()
            .all(|party| talk.accepted.contains(party));
        let agreed = talk.proposed.as_ref() == Some(&self.lead) && by_all;
        if agreed {
            Ok(())
        } else {
            Err(Reason::LeadNotAcceptedByAll)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.lead_is(&self.lead);
    }
}

fields! {
    /// A party will not have the lead proposed.
    LeadDisputed { must proposed: OrganisationId, must counter: OrganisationId, may why: Content }
}

impl EventRules for LeadDisputed {
    row! { LeadDisputed {
        who: [Who::Party],
        from: [From::Joining],
        deadlines: [starts("lead-escalation")],
        summary: "A party will not have the lead proposed; lawful, as seeking to agree is the duty (Q9).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.lead.disputed = true;
        let author = change.actor().clone();
        change.case.facts.cooperation.against_lead.insert(author);
        change.speaks_on_lead();
        change.enter(State::LeadDisputed);
    }
}

fields! {
    /// The question of the lead went to senior management.
    LeadEscalated { must to: Vec<PostOf>, may on: Date }
}

impl EventRules for LeadEscalated {
    row! { LeadEscalated {
        who: [Who::Keeper],
        from: [From::Joining],
        deadlines: [starts("lead-escalation").only("unless it runs")],
        reasons: [Reason::NotDue],
        summary: "The question of the lead went to senior management (Q10).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let agreement = scene
            .case
            .facts
            .ledger
            .latest(&DeadlineName::from("lead-agreement"));
        let due = agreement.and_then(|occurrence| due_of(scene.case, occurrence, scene.rules));
        let passed = due.is_some_and(|due| Case::day_of(scene.event) > due);
        if scene.case.facts.lead.disputed || passed {
            Ok(())
        } else {
            Err(Reason::NotDue)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.lead.escalated = true;
        change.speaks_on_lead();
        if !change.is_running("lead-escalation") {
            change.start("lead-escalation");
        }
    }
}

fields! {
    /// The lead was determined by senior management, or by default.
    LeadDetermined {
        must lead: OrganisationId,
        must reason: String,
        must decided_by: Vec<OrganisationId>,
        must mode: DeterminedBy,
    }
}

impl EventRules for LeadDetermined {
    row! { LeadDetermined {
        who: [Who::Keeper],
        from: [From::Joining],
        deadlines: [
            meets("lead-agreement"), meets("lead-escalation"),
            starts("named-contact").only("after the keeper changed"),
            starts("plan").only("after the keeper changed"),
        ],
        reasons: [Reason::StepOutOfOrder, Reason::LeadNotAcceptedByAll, Reason::NotDue],
        covers: ["000-8"],
        summary: "Senior management settled the lead, or the receiver leads by default (Q10).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let case = scene.case;
        if !case.facts.lead.escalated {
            return Err(Reason::StepOutOfOrder);
        }
        match self.mode {
            DeterminedBy::Agreed => {
                let by_all = case
                    .parties()
                    .into_iter()
                    .all(|party| self.decided_by.contains(party));
                if by_all && case.is_party(&self.lead) {
                    Ok(())
                } else {
                    Err(Reason::LeadNotAcceptedByAll)
                }
            }
            DeterminedBy::DefaultReceiver => {
                let passed_twice = self.escalation_passed_twice(scene);
                if passed_twice && self.lead == *case.receiver() {
                    Ok(())
                } else {
                    Err(Reason::NotDue)
                }
            }
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.lead_is(&self.lead);
    }
}

impl LeadDetermined {
    /// Its latest occurrence is the one by which the rule restarted it, and that one is past due.
    fn escalation_passed_twice(&self, scene: &Scene<'_>) -> bool {
        let occurred = scene.event.occurred_at;
        let table = timetable(scene.case, occurred, scene.rules);
        let passed = |due: Option<Date>| due.is_some_and(|due| end_of_day(due) <= occurred);
        let name = DeadlineName::from("lead-escalation");
        table
            .deadlines()
            .iter()
            .filter(|deadline| deadline.name == name && passed(deadline.due))
            .count()
            >= 2
    }
}
