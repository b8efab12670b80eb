//! The named contact, the response period, the plan and its strands (domain brief B3).

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, meets, moves, row, starts};
use crate::calendar::Convention;
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;
use crate::timetable::due_of;

codes! {
    /// Who fixed the response period (E-17, E-18).
    PeriodMode { Agreed = "agreed", Determined = "determined" }
}

elements! {
    /// A strand of the plan.
    StrandEntry { must org: OrganisationId, must issues: Vec<String>, must due: Date }
    /// What a body does in the case, besides its strand.
    PlanRole { must org: OrganisationId, may role: String }
    /// A day on the way.
    Milestone { must id: String, may on: Date }
    /// A meeting that is planned.
    PlannedMeeting { may on: Date }
    /// A strand as amended; what is left out is unchanged.
    StrandAmendment { must org: OrganisationId, may issues: Vec<String>, must due: Date }
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
        covers: ["000-22", "001-6", "002-3.3"],
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
        covers: ["002-3.5"],
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
        may roles: Vec<PlanRole>,
        may milestones: Vec<Milestone>,
        may meetings: Vec<PlannedMeeting>,
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
        covers: [
            "000-3 by local_procedures",
            "000-23 by update_interval",
            "000-25 by roles",
            "000-27",
            "000-30 by milestones",
            "001-7 by roles",
            "002-3.3 by discussed_with_complainant",
        ],
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
        let days = change.rules.working_days(keeper);
        let last = days.and_then(|days| {
            days.calendar
                .due_working_days(agreed, 2, Convention::After, &days.closed)
        });
        if last.is_ok_and(|last| change.day() <= last.due) {
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
        covers: ["000-11"],
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
        covers: ["000-30"],
        summary: "A body knows its role and accepts its strand (J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        self.org == *actor && case.facts.work.strands.contains_key(actor)
    }
}
