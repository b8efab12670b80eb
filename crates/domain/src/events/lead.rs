//! Participants, lead, roles and plan (domain brief B3).

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, ends, meets, moves, row, starts};
use crate::calendar::{Convention, end_of_day};
use crate::case::{Case, Change, DeadlineName, From, Membership, State};
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
    /// Who fixed the response period (E-17, E-18).
    PeriodMode { Agreed = "agreed", Determined = "determined" }
}

elements! {
    /// A post of a body.
    PostOf { must org: OrganisationId, may post: String }
    /// A strand of the plan.
    StrandEntry { must org: OrganisationId, must issues: Vec<String>, must due: Date }
    /// A strand as amended; what is left out is unchanged.
    StrandAmendment { must org: OrganisationId, may issues: Vec<String>, must due: Date }
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
        summary: "An invited body takes part (E-11).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        change
            .case
            .facts
            .roles
            .members
            .insert(body.clone(), Membership::Joined);
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

fields! {
    /// The person has one named contact (J-06).
    NamedContactAssigned { must contact: String, must details_sent: bool, may contact_name: Content }
}

impl EventRules for NamedContactAssigned {
    row! { NamedContactAssigned {
        who: [Who::Keeper],
        from: [From::Open],
        deadlines: [meets("named-contact")],
        summary: "The person has one named contact and their details (J-06).",
    }}
}

fields! {
    /// By when the response will come (E-17, E-18).
    ResponsePeriodSet {
        must mode: PeriodMode,
        must date: Date,
        when("mode", "determined") written_notice_on: Date,
        may discussion: String,
        may reason: Content,
    }
}

impl EventRules for ResponsePeriodSet {
    row! { ResponsePeriodSet {
        who: [Who::Lead],
        from: [From::In(State::Planning), From::In(State::ProviderHandling)],
        deadlines: [
            starts("response").only("on the day it names"),
            starts("complainant-update").only("a body alone goes on to investigating"),
        ],
        reasons: [Reason::IssuesNotRecorded, Reason::ExtensionNotAgreed],
        summary: "By when the response will come, as agreed or as the body fixed it (E-17, E-18).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let case = scene.case;
        if case.is_alone() && case.facts.issues.is_none() {
            return Err(Reason::IssuesNotRecorded);
        }
        let period = case
            .facts
            .ledger
            .latest(&DeadlineName::from("relevant-period"));
        let last = period.and_then(|occurrence| due_of(case, occurrence, scene.rules));
        let beyond = last.is_some_and(|last| self.date > last);
        if beyond && self.mode != PeriodMode::Agreed {
            Err(Reason::ExtensionNotAgreed)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.start_on("response", self.date);
        if change.case.is_alone() && change.case.state() == State::Planning {
            change.enter(State::Investigating);
            change.start_every("complainant-update", change.case.facts.work.update_interval);
        }
    }
}

/// Whether a plan names only issues that are recorded.
fn names_recorded_issues(case: &Case, strands: &[StrandEntry]) -> Result<(), Reason> {
    let Some(recorded) = &case.facts.issues else {
        return Err(Reason::IssuesNotRecorded);
    };
    let known = strands
        .iter()
        .flat_map(|strand| &strand.issues)
        .all(|issue| recorded.contains_key(issue));
    if known {
        Ok(())
    } else {
        Err(Reason::IssuesNotRecorded)
    }
}

fields! {
    /// The lead proposed a plan.
    PlanProposed { must strands: Vec<StrandEntry> }
}

impl EventRules for PlanProposed {
    row! { PlanProposed {
        who: [Who::Lead],
        from: [From::In(State::Planning)],
        reasons: [Reason::IssuesNotRecorded],
        summary: "The lead proposed who answers what, and by when (J-07).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        names_recorded_issues(scene.case, &self.strands)
    }
}

fields! {
    /// The plan was agreed by all and discussed with the person (J-07, J-08).
    PlanAgreed {
        must strands: Vec<StrandEntry>,
        must agreed_by: Vec<OrganisationId>,
        must discussed_with_complainant: bool,
        must local_procedures: Vec<OrganisationId>,
        may update_interval: u32,
        may plan_text: Content,
    }
}

impl EventRules for PlanAgreed {
    row! { PlanAgreed {
        who: [Who::Lead],
        from: [From::In(State::Planning)],
        deadlines: [
            meets("plan"), starts("strand:<org>"),
            starts("complainant-update").only("by the protocol's interval or the plan's own"),
        ],
        reasons: [Reason::IssuesNotRecorded, Reason::BodyNotJoined, Reason::PlanNotAgreed],
        summary: "Who answers what, and by when, agreed by all and discussed with the person (J-07, J-08).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        names_recorded_issues(scene.case, &self.strands)?;
        if !self
            .strands
            .iter()
            .all(|strand| scene.case.is_party(&strand.org))
        {
            return Err(Reason::BodyNotJoined);
        }
        let by_owners = self
            .strands
            .iter()
            .all(|strand| self.agreed_by.contains(&strand.org));
        if by_owners {
            Ok(())
        } else {
            Err(Reason::PlanNotAgreed)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        for strand in &self.strands {
            change.open_strand(&strand.org, strand.issues.iter().cloned(), strand.due);
        }
        change.case.facts.work.plan_agreed_on = Some(change.day());
        change.case.facts.work.update_interval = self.update_interval;
        change.start_every("complainant-update", self.update_interval);
        change.enter(State::Investigating);
    }
}

fields! {
    /// A party disputes the plan.
    PlanDisputed { must why_code: String, may why: Content }
}

impl EventRules for PlanDisputed {
    row! { PlanDisputed {
        who: [Who::Party],
        from: [From::In(State::Planning), From::In(State::Investigating)],
        summary: "A party disputes the plan; within two working days of its agreement planning begins again (J-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let Some(agreed) = change.case.facts.work.plan_agreed_on else {
            return;
        };
        let keeper = change.case.keeper();
        let organisation = change.rules.directory.organisation(keeper);
        let calendars = change.rules.calendars;
        let calendar =
            organisation.and_then(|organisation| calendars.calendar(&organisation.calendar).ok());
        let closed = calendars.closed_days(keeper);
        let last = calendar.and_then(|calendar| {
            calendar
                .due_working_days(agreed, 2, Convention::After, closed)
                .ok()
        });
        if last.is_some_and(|last| change.day() <= last.due) {
            change.enter(State::Planning);
        }
    }
}

fields! {
    /// The plan was amended.
    PlanAmended { must strands: Vec<StrandAmendment>, must agreed_by: Vec<OrganisationId>, may why: Content }
}

impl EventRules for PlanAmended {
    row! { PlanAmended {
        who: [Who::Lead],
        from: [From::In(State::Investigating), From::In(State::Drafting)],
        deadlines: [moves("strand:<org>")],
        reasons: [Reason::PlanNotAgreed],
        summary: "New dates or issues for strands, agreed by their owners (J-07).",
    }}

    fn refuse(&self, _: &Scene<'_>) -> Result<(), Reason> {
        let by_owners = self
            .strands
            .iter()
            .all(|strand| self.agreed_by.contains(&strand.org));
        if by_owners {
            Ok(())
        } else {
            Err(Reason::PlanNotAgreed)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        for amended in &self.strands {
            let strand = change.case.facts.work.strands.get_mut(&amended.org);
            if let (Some(strand), Some(issues)) = (strand, &amended.issues) {
                strand.issues = issues.iter().cloned().collect();
            }
            let name = DeadlineName::of("strand", &amended.org);
            if change.case.facts.ledger.running(&name).is_some() {
                change.move_to(name, amended.due, change.event.occurred_at);
            }
        }
    }
}

fields! {
    /// A strand was assigned after the plan.
    StrandAssigned { must org: OrganisationId, must issues: Vec<String>, must due: Date }
}

impl EventRules for StrandAssigned {
    row! { StrandAssigned {
        who: [Who::Lead],
        from: [From::In(State::Investigating), From::Staged],
        deadlines: [starts("strand:<org>")],
        reasons: [Reason::BodyNotJoined],
        summary: "A further strand, or one that another body takes on (J-07).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if scene.case.is_party(&self.org) {
            Ok(())
        } else {
            Err(Reason::BodyNotJoined)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.open_strand(&self.org, self.issues.iter().cloned(), self.due);
    }
}

fields! {
    /// A body accepted its strand (J-10).
    StrandAccepted { must org: OrganisationId }
}

impl EventRules for StrandAccepted {
    row! { StrandAccepted {
        who: [Who::Owner],
        from: [From::In(State::Investigating), From::Staged],
        summary: "A body knows its role and accepts its strand (J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        self.org == *actor && case.facts.work.strands.contains_key(actor)
    }
}
