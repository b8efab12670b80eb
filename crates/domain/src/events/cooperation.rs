//! What was refused, asked back, told to staff, or failed while strands are open (domain brief B4).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Scene, Who, ends, row, starts};
use crate::case::{Case, Change, DeadlineName, From, Relation, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// Which duty was not kept (E-11).
    CooperationDuty { SeekLead = "seek-lead", Join = "join", Information = "information", Meeting = "meeting", Strand = "strand", Comment = "comment", Action = "action", Update = "update" }
}

fields! {
    /// The body asked will not give the information.
    InformationRefused {
        must request: String,
        must why_code: String,
        may why: Content,
    }
}

impl EventRules for InformationRefused {
    row! { InformationRefused {
        who: [Who::Owner],
        from: [From::Any],
        deadlines: [ends("information:<id>")],
        summary: "The body asked will not give the information; a mark on its co-operation (E-11).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_information(&self.request, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        change.mark(&body, CooperationDuty::Information);
        change.end(DeadlineName::of("information", &self.request));
    }
}

fields! {
    /// The lead asks a contributor back.
    ClarificationRequested {
        must id: String,
        must of: OrganisationId,
        must due: Date,
        must questions: Content,
    }
}

impl EventRules for ClarificationRequested {
    row! { ClarificationRequested {
        who: [Who::Lead],
        from: [From::In(State::Drafting), From::In(State::Commenting), From::In(State::SigningOff)],
        deadlines: [starts("information:<id>")],
        covers: ["000-34"],
        summary: "The lead asks a contributor back before the answer is signed (J-09).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let requests = &mut change.case.facts.requests;
        requests.insert(self.id.clone(), self.of.clone());
        change.start_about("information", &self.id, &self.of, self.due);
    }
}

fields! {
    /// A member of staff complained of was told, or it was decided not to.
    StaffNotified {
        must staff_ref: Content,
        must issues: Vec<String>,
        may told_on: Date,
        may not_told_code: String,
        may support: String,
        may hr_route: String,
        may note: Content,
    }
}

impl EventRules for StaffNotified {
    row! { StaffNotified {
        who: [Who::Party],
        from: [From::Any],
        summary: "A member of staff complained of was told, or it was decided not to.",
    }}

    fn incomplete(&self, _: Option<&Case>) -> Option<&'static str> {
        let neither = self.told_on.is_none() && self.not_told_code.is_none();
        neither.then_some("told_on")
    }
}

fields! {
    /// A body did not keep its duty to co-operate (E-11).
    CooperationFailureRecorded {
        must org: OrganisationId,
        must duty: CooperationDuty,
        must on: Date,
        may facts: Content,
        may reply_of_body: Content,
        may disputed: bool,
        may told_body_on: Date,
    }
}

impl EventRules for CooperationFailureRecorded {
    row! { CooperationFailureRecorded {
        who: [Who::Party],
        from: [From::Any],
        reasons: [Reason::NoConsent],
        covers: ["000-8", "000-38", "000-7"],
        summary: "A body did not keep its duty to co-operate; it may lead to an impasse (E-11).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let case = scene.case;
        let ever_named = case.relation(&self.org) != Relation::Outsider
            || case.facts.roles.named_before.contains(&self.org);
        if ever_named {
            Ok(())
        } else {
            Err(Reason::NoConsent)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.mark(&self.org, self.duty);
    }
}
