//! Who takes over when a lead or a body goes (domain brief B3).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Scene, Who, ends, row};
use crate::case::{Case, Change, From, Relation};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// On what a succession rests.
    SuccessionBasis { Order = "order", Contract = "contract", Tupe = "tupe", Liquidation = "liquidation" }
}

/// Whether the directory says that a body was gone on the day of the event.
fn is_retired(scene: &Scene<'_>, org: &OrganisationId) -> bool {
    let organisation = scene.rules.directory.organisation(org);
    organisation
        .and_then(|organisation| organisation.retired_on)
        .is_some_and(|on| on <= Case::day_of(scene.event))
}

fields! {
    /// A body of the case is gone; another took its place, or none did.
    ParticipantSucceeded {
        must from: OrganisationId,
        must to: String,
        must basis: SuccessionBasis,
        must complainant_told: bool,
        must records_held_by: OrganisationId,
        may told: Content,
    }
}

impl EventRules for ParticipantSucceeded {
    row! { ParticipantSucceeded {
        who: [Who::Keeper, Who::Owner],
        from: [From::Any],
        deadlines: [ends("strand:<org>").only("nobody succeeds: every deadline that it owes")],
        reasons: [Reason::OrganisationNotRetired],
        summary: "A body of the case is gone; its successor takes over what it owed, or nobody does.",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        self.to == actor.as_str() && case.relation(&self.from) != Relation::Outsider
    }

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if is_retired(scene, &self.from) {
            Ok(())
        } else {
            Err(Reason::OrganisationNotRetired)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        match self.to.parse::<OrganisationId>() {
            Ok(successor) => change.succeed(&self.from, &successor),
            Err(_) => change.end_of_body(&self.from),
        }
    }
}

fields! {
    /// The keeper offers the lead to another body.
    LeadTransferOffered {
        must to: OrganisationId,
        must why_code: String,
        may complainant_told: bool,
        may why: Content,
    }
}

impl EventRules for LeadTransferOffered {
    row! { LeadTransferOffered {
        who: [Who::Keeper],
        from: [From::Open],
        reasons: [Reason::BodyNotJoined],
        summary: "The keeper offers the lead to a party; nothing changes until that one takes it.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if scene.case.is_party(&self.to) {
            Ok(())
        } else {
            Err(Reason::BodyNotJoined)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.handover.offered_to = Some(self.to.clone());
    }
}

fields! {
    /// A party finds that the keeper does not answer any more.
    KeeperLostDeclared {
        must org: OrganisationId,
        must since: Date,
        may evidence: Content,
    }
}

impl EventRules for KeeperLostDeclared {
    row! { KeeperLostDeclared {
        who: [Who::Party],
        from: [From::Open],
        summary: "A party finds that the keeper does not answer; two different ones stand for its offer.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if self.org == *change.case.keeper() {
            let party = change.actor().clone();
            change.case.facts.handover.found_lost_by.insert(party);
        }
    }
}

fields! {
    /// A body took the lead over.
    LeadTransferred {
        must from: OrganisationId,
        must on: Date,
        must complainant_told: bool,
    }
}

impl EventRules for LeadTransferred {
    row! { LeadTransferred {
        who: [Who::Party],
        from: [From::Open],
        reasons: [Reason::StepOutOfOrder],
        summary: "A party took the lead over, on offer, or because the one before is gone.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let handover = &scene.case.facts.handover;
        let offered = handover.offered_to.as_ref() == Some(scene.event.actor());
        let lost = handover.found_lost_by.len() >= 2;
        if offered || lost || is_retired(scene, scene.case.keeper()) {
            Ok(())
        } else {
            Err(Reason::StepOutOfOrder)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let incoming = change.actor().clone();
        if change.case.facts.roles.lead.is_some() {
            change.case.facts.roles.lead = Some(incoming.clone());
        }
        change.hand_to(&incoming);
        change.case.facts.handover = Default::default();
    }
}
