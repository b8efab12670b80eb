//! After the response: actions, the ombudsman, the end of the case (domain brief B7).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::response::Ombudsman;
use super::row::{EventRules, Scene, Who, meets, row, starts};
use crate::case::{Action, Case, Change, DeadlineName, From, Recommendation, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// What verification found.
    Verification { Verified = "verified", Insufficient = "insufficient", Waived = "waived" }
    /// Whether the evidence was shown to the person.
    EvidenceShared { Yes = "yes", Withheld = "withheld" }
    /// Why the case ends.
    ClosingReason {
        Responded = "responded", Signposted = "signposted", ResolvedEarly = "resolved-early", Excluded = "excluded",
        RefusedLate = "refused-late", Withdrawn = "withdrawn", Merged = "merged", PassedOn = "passed-on",
        AnonymousLookedInto = "anonymous-looked-into", ContactLost = "contact-lost", ChannelEnded = "channel-ended",
    }
}

fields! {
    /// A body took on an action.
    ActionAssigned {
        must id: String,
        must org: OrganisationId,
        must owner: String,
        must authorised_by: String,
        must target: Date,
        may text: Content,
    }
}

impl EventRules for ActionAssigned {
    row! { ActionAssigned {
        who: [Who::Party],
        from: [From::Work, From::Care, From::Done],
        deadlines: [starts("action:<id>")],
        covers: ["003-6", "003-19 by authorised_by, owner, target"],
        summary: "A body took on an action with an owner and a target day (E-01).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.open_action(&self.id, (&self.org, Some(&self.owner)), self.target);
    }
}

fields! {
    /// An action was done, with evidence (J-10).
    ActionCompleted { must action: String, must evidence_ref: String, may what: Content }
}

impl EventRules for ActionCompleted {
    row! { ActionCompleted {
        who: [Who::Owner],
        from: [From::Any],
        deadlines: [meets("action:<id>"), starts("tell-complainant:<id>").only("unless anonymous")],
        covers: ["000-36", "002-5.4", "002-5.5 by evidence_ref", "003-17"],
        summary: "An action was done, with evidence; the person is to be told (J-10, E-20).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_action(&self.action, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        let anonymous = change.case.facts.receipt.anonymous;
        if let Some(action) = change.case.facts.actions.get_mut(&self.action) {
            action.completed = true;
            action.told = anonymous;
        }
        change.meet(DeadlineName::of("action", &self.action));
        if !anonymous {
            change.start_named("tell-complainant", &self.action);
        }
    }
}

fields! {
    /// An action was looked at again.
    ActionVerified {
        must action: String,
        must result: Verification,
        must by_post: String,
        may monitoring_until: Date,
        may new_target: Date,
        may why: Content,
    }
}

impl EventRules for ActionVerified {
    row! { ActionVerified {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [starts("action:<id>").only("insufficient, with a new target")],
        reasons: [Reason::StepOutOfOrder],
        covers: ["002-5.4", "003-19 by monitoring_until"],
        summary: "An action was verified, found insufficient, or waived (S-10).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let action = scene.case.facts.actions.get(&self.action);
        // Settled without having been completed: waived.
        let done_or_waived = action.is_some_and(|action| action.completed || action.settled);
        if done_or_waived || self.result == Verification::Waived {
            Ok(())
        } else {
            Err(Reason::StepOutOfOrder)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let Some(action) = change.case.facts.actions.get_mut(&self.action) else {
            return;
        };
        let owner = action.org.clone();
        match self.result {
            // A waived action keeps its date: the row ends none. Closing the case does.
            Verification::Verified | Verification::Waived => action.settled = true,
            Verification::Insufficient => {
                action.completed = false;
                action.told = false;
                action.settled = false;
                if let Some(target) = self.new_target {
                    change.start_about("action", &self.action, &owner, target);
                }
            }
        }
    }
}

fields! {
    /// The person was told of an action taken.
    ComplainantToldOfAction {
        must action: String,
        must evidence_shared: EvidenceShared,
        may evidence_ref: String,
        may withheld_code: String,
        may what: Content,
    }
}

impl EventRules for ComplainantToldOfAction {
    row! { ComplainantToldOfAction {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [meets("tell-complainant:<id>")],
        covers: ["000-36 by evidence_shared", "002-4.5", "002-5.4"],
        summary: "The person was told that an action was taken (E-20, J-09).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if let Some(action) = change.case.facts.actions.get_mut(&self.action) {
            action.told = true;
        }
        change.meet(DeadlineName::of("tell-complainant", &self.action));
    }
}

fields! {
    /// The ombudsman asked about the case.
    OmbudsmanEnquiryReceived {
        must ombudsman: Ombudsman,
        must reply_by: Date,
        may joint_with: Ombudsman,
        may taken_up: bool,
        may local_handling: String,
        may why: Content,
    }
}

impl EventRules for OmbudsmanEnquiryReceived {
    row! { OmbudsmanEnquiryReceived {
        who: [Who::Keeper, Who::Party],
        from: [From::Open, From::Done, From::In(State::Closed)],
        deadlines: [starts("ombudsman-reply").only("on the day asked for, by the body written to")],
        summary: "The ombudsman asked about the case, after the response or before it (J-16).",
    }}

    /// No ombudsman looks into a channel that has ended; it asks about the complaint.
    fn is_misplaced(&self, case: &Case) -> bool {
        case.is_channel()
    }

    fn apply(&self, change: &mut Change<'_>) {
        let state = change.case.state();
        let written_to = change.actor().clone();
        change.start_on_for_actor("ombudsman-reply", self.reply_by);
        change.case.facts.standing.written_to.insert(written_to);
        // Away already: the state to come back to stays the one before the first ombudsman asked.
        if state == State::WithOmbudsman {
            return;
        }
        if self.taken_up == Some(true) || matches!(state, State::Responded | State::Closed) {
            change.case.facts.standing.before_ombudsman = Some(state);
            change.enter(State::WithOmbudsman);
            for name in ["ombudsman-watch", "ombudsman-limit", "retention-review"] {
                change.end(name);
            }
        } else {
            change.case.facts.standing.ombudsman_premature = true;
        }
    }
}

fields! {
    /// The case ends.
    CaseClosed {
        must reason: ClosingReason,
        may root_cause: String,
        may underlying_cause_code: String,
        may remedial_action: Content,
        may survey_sent: bool,
    }
}

impl EventRules for CaseClosed {
    row! { CaseClosed {
        who: [Who::Keeper],
        from: [
            From::Done, From::Ended, From::Channel, From::In(State::PassedOn), From::In(State::ProviderResponded),
        ],
        deadlines: [starts("retention-review").only("after all others ended")],
        reasons: [Reason::ActionsOpen],
        covers: ["002-5.1 by underlying_cause_code", "003-14 by underlying_cause_code, remedial_action", "003-16", "003-17 by root_cause"],
        summary: "Nothing is owed any more; retention runs (fact 10, D-08).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let open = |action: &Action| !action.settled || (action.completed && !action.told);
        let facts = &scene.case.facts;
        let actions_open = facts.actions.values().any(open);
        let recommended = |recommendation: &Recommendation| !recommendation.complied;
        let recommendations_open = facts.recommendations.values().any(recommended);
        if actions_open || recommendations_open || !facts.holds.is_empty() {
            Err(Reason::ActionsOpen)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.end_all_but(&[
            "ombudsman-limit",
            "ombudsman-watch",
            "acknowledge",
            "subject-access",
            "dp-acknowledge",
            "breach-notice",
            "restriction-review",
        ]);
        change.start("retention-review");
        change.enter(State::Closed);
    }
}
