//! Commissioned care: a provider handles the complaint, the commissioner decides what follows (domain brief A3, B2, B6).

use jiff::civil::Date;

use super::investigation::Outcome;
use super::read::{Content, codes, elements, fields};
use super::response::{ActionConfirmation, Ombudsman, PromisedAction, ResponseFinding, promise};
use super::row::{EventRules, Scene, Who, ends, meets, moves, row, starts};
use crate::case::{Case, Change, From, Request, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;
use crate::policy::Regime;
use crate::rules::Rules;

codes! {
    /// Who handles a complaint about commissioned care (E-08).
    HandlingBy { Commissioner = "commissioner", Provider = "provider" }
    /// Where a person who is still unhappy turns next (C-06).
    NextStep { Council = "council", Ombudsman = "ombudsman" }
    /// What a provider's answer is.
    ResponseKind { EarlyResolution = "early-resolution", Response = "response" }
    /// What the council decided after the provider's answer (C-06).
    ReviewDecision { Investigate = "investigate", Signpost = "signpost" }
    /// How much a factor weighs.
    Weight { Low = "low", Medium = "medium", High = "high" }
    /// Why a council takes the handling back.
    TakenBackWhy { Overdue = "overdue", Serious = "serious", Safeguarding = "safeguarding", ProviderClosed = "provider-closed", Conflict = "conflict", Asked = "asked" }
}

elements! {
    /// What the council weighed; it weighs all three (C-06).
    ReviewFactors { must seriousness: Weight, must impact: Weight, must wider_impact: Weight }
}

/// The provider of a commissioned complaint: who received it, unless that was the commissioner; then the body that the person was asked
/// to let have it, or else the party, invitee or body within the consent whose care the commissioner buys.
fn provider_of(case: &Case, rules: &Rules<'_>) -> Option<OrganisationId> {
    let commissioner = case
        .facts
        .roles
        .commissioner
        .as_ref()
        .unwrap_or(case.receiver());
    if case.receiver() != commissioner {
        return Some(case.receiver().clone());
    }
    let handed = |request: &&Request| request.purpose == "hand-over";
    let asked_for = case
        .facts
        .consent
        .request
        .as_ref()
        .filter(handed)
        .and_then(|request| request.orgs.first());
    if let Some(asked_for) = asked_for {
        return Some(asked_for.clone());
    }
    let sold_by = |org: &OrganisationId| {
        let entry = rules.directory.organisation(org);
        entry.is_some_and(|entry| entry.commissioned_by.contains(commissioner))
    };
    let members = case.facts.roles.members.keys();
    let covered = case.facts.consent.granted_bodies();
    members.cloned().chain(covered).find(sold_by)
}

fields! {
    /// The commissioner decided who handles the complaint (E-08).
    HandlingDecided {
        must decided: HandlingBy,
        must authorised_to_respond: bool,
        must notified_both: bool,
        may escalate_if: Vec<String>,
        may delegation_ref: String,
        may notified_on: Date,
    }
}

impl EventRules for HandlingDecided {
    row! { HandlingDecided {
        who: [Who::Commissioner],
        from: [From::In(State::Received), From::In(State::ProviderHandling)],
        deadlines: [
            meets("triage"),
            starts("acknowledge:<org>").only("the provider has not received it itself"),
            moves("relevant-period").only("the provider has not received it itself"),
        ],
        reasons: [Reason::NoConsent],
        covers: ["004-17a", "004-29b by escalate_if"],
        summary: "The commissioner decided who handles the complaint; the provider only with consent (E-08, C-02).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if self.decided == HandlingBy::Commissioner
            || *scene.case.receiver() != *scene.event.actor()
        {
            return Ok(());
        }
        match provider_of(scene.case, scene.rules) {
            Some(provider)
                if scene
                    .case
                    .consent_covers_on(&provider, Case::day_of(scene.event)) =>
            {
                Ok(())
            }
            _ => Err(Reason::NoConsent),
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let commissioner = change.actor().clone();
        let received_by_commissioner = *change.case.receiver() == commissioner;
        match self.decided {
            HandlingBy::Commissioner => {
                change.hand_to(&commissioner);
                change.enter(State::Received);
            }
            HandlingBy::Provider => {
                let provider = provider_of(change.case, change.rules);
                if let Some(provider) = provider.filter(|_| received_by_commissioner) {
                    let from = self.notified_on.unwrap_or_else(|| change.day());
                    change.hand_to(&provider);
                    // It stays a party when the commissioner takes the handling back.
                    change.notify(&provider);
                    change.start_from_for("acknowledge", &provider, from);
                    change.move_from("relevant-period", from);
                }
                change.enter(State::ProviderHandling);
            }
        }
    }
}

fields! {
    /// Details of the complaint were sent to another body (E-12).
    DetailsSent {
        must to: OrganisationId,
        must issues: Vec<String>,
        must method: String,
        must split_told: bool,
        may details_ref: String,
    }
}

impl EventRules for DetailsSent {
    row! { DetailsSent {
        who: [Who::Commissioner, Who::Keeper],
        from: [From::Open],
        deadlines: [meets("send-details")],
        reasons: [Reason::NoConsent, Reason::ConsentScopeExceeded, Reason::AuthorityPending],
        covers: ["004-17b"],
        summary: "Details were sent to the body that provides the care; who handles the complaint stays as it is (E-12, C-04).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let facts = &scene.case.facts;
        facts
            .consent
            .allows(&self.to, &self.issues, Case::day_of(scene.event))?;
        facts.standing.authority_checked()
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.roles.named_before.insert(self.to.clone());
    }
}

fields! {
    /// The provider told the council, which commissions the care (C-02).
    ResponsiblePersonNotified {
        must council: OrganisationId,
        must method: String,
        may on: Date,
        may resolved_early: bool,
    }
}

impl EventRules for ResponsiblePersonNotified {
    row! { ResponsiblePersonNotified {
        who: [Who::Provider],
        from: [From::In(State::Received), From::In(State::ProviderHandling)],
        deadlines: [meets("notify-council")],
        covers: ["004-13b"],
        summary: "The council that commissions the care was told, and is its commissioner of record (C-02).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.roles.commissioner = Some(self.council.clone());
    }
}

fields! {
    /// The provider sent its answer (C-03).
    ProviderResponseIssued {
        must overall_outcome: Outcome,
        must findings: Vec<ResponseFinding>,
        must how_considered: Content,
        must conclusion: Content,
        must action_confirmation: ActionConfirmation,
        must actions: Vec<PromisedAction>,
        must signed_by: String,
        must authorised_by: OrganisationId,
        must delegation_ref: String,
        must next_step: NextStep,
        may kind: ResponseKind,
        may ombudsman: Vec<Ombudsman>,
        may finding_texts: Content,
    }
}

impl EventRules for ProviderResponseIssued {
    row! { ProviderResponseIssued {
        who: [Who::Provider],
        from: [From::In(State::ProviderHandling)],
        deadlines: [
            meets("response"), starts("action:<id>"), ends("complainant-update"),
        ],
        reasons: [Reason::NotAuthorisedSignatory],
        covers: ["004-19a by kind"],
        summary: "The provider sent the statutory response; the council may still have its part (C-03).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let given = scene.rules.directory.delegation_in_force(
            &self.authorised_by,
            &self.delegation_ref,
            Case::day_of(scene.event),
        );
        let authorised = given.is_some_and(|given| {
            given.function == "sign"
                && given.post == self.signed_by
                && given.to_org == *scene.event.actor()
                && scene.case.facts.roles.commissioner.as_ref() == Some(&self.authorised_by)
        });
        if authorised {
            Ok(())
        } else {
            Err(Reason::NotAuthorisedSignatory)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        promise(change, &self.actions);
        change.enter(State::ProviderResponded);
    }
}

fields! {
    /// The person is not satisfied with an answer (C-06).
    ComplainantDissatisfied {
        must said_on: Date,
        may complainant_ref: String,
        may notified_council: bool,
        may why: Content,
        may asks_for: String,
    }
}

impl EventRules for ComplainantDissatisfied {
    row! { ComplainantDissatisfied {
        who: [Who::Party],
        from: [From::In(State::ProviderResponded), From::In(State::Responded), From::In(State::Stage1Answered), From::In(State::Stage2Answered)],
        deadlines: [
            starts("council-review").only("commissioned care, after the answer of the provider"),
            starts("dissatisfied-review").only("other English cases"),
        ],
        covers: ["004-21"],
        summary: "The person is not satisfied; the council, or the body that answered, decides what follows (C-06).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let commissioned = change.case.facts.roles.commissioner.is_some();
        if commissioned && change.case.state() == State::ProviderResponded {
            change.enter(State::CouncilReview);
            let council = change.case.facts.roles.commissioner.clone();
            if let Some(council) = council {
                change.start_owed_by("council-review", &council);
            }
        } else if change.case.regime() == Regime::Eng {
            change.case.facts.standing.dissatisfied = true;
            change.start("dissatisfied-review");
        }
    }
}

fields! {
    /// The council decided what follows the provider's answer (C-06).
    CouncilReviewDecided {
        must decision: ReviewDecision,
        must factors: ReviewFactors,
        may factor_texts: Content,
    }
}

impl EventRules for CouncilReviewDecided {
    row! { CouncilReviewDecided {
        who: [Who::Commissioner],
        from: [From::In(State::CouncilReview), From::In(State::Responded)],
        deadlines: [
            meets("council-review"),
            starts("plan").only("it investigates"), starts("named-contact").only("it investigates"),
            starts("ombudsman-signpost").only("it does not"),
        ],
        covers: ["004-21", "004-23 by factors"],
        summary: "The council weighed seriousness and impact, and investigates or names the ombudsman (C-06).",
    }}

    fn is_misplaced(&self, case: &Case) -> bool {
        case.state() == State::Responded && !case.facts.standing.irregular
    }

    fn apply(&self, change: &mut Change<'_>) {
        match self.decision {
            ReviewDecision::Investigate => change.take_over(),
            ReviewDecision::Signpost => {
                change.case.facts.standing.signpost_decided = true;
                change.enter(State::ProviderResponded);
                change.start("ombudsman-signpost");
            }
        }
    }
}

fields! {
    /// The council takes the handling back from the provider (C-06).
    HandlingTakenBack {
        must why_code: TakenBackWhy,
        must complainant_told: bool,
        must provider_told: bool,
        may why: Content,
    }
}

impl EventRules for HandlingTakenBack {
    row! { HandlingTakenBack {
        who: [Who::Commissioner],
        from: [From::In(State::ProviderHandling), From::In(State::ProviderResponded)],
        deadlines: [
            ends("response"), ends("council-review"),
            starts("plan").only("after the keeper changed"), starts("named-contact").only("after the keeper changed"),
        ],
        covers: ["004-17a"],
        summary: "The council handles the complaint itself from here on (C-06).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.take_over();
    }
}
