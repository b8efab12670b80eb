//! After the response: how actions stand, what was learnt, what the person thought, and a case that goes on (domain brief B7).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Scene, Who, ends, meets, moves, row, starts};
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// How an action stands.
    ActionStatus { OnTrack = "on-track", Delayed = "delayed", Blocked = "blocked" }
    /// Why a case goes on after its end.
    ReopeningReason { NewInformation = "new-information", Irregular = "irregular", Ombudsman = "ombudsman", Error = "error", Dissatisfied = "dissatisfied" }
}

fields! {
    /// How an action stands.
    ActionProgressReported {
        must action: String,
        must status: ActionStatus,
        may new_target: Date,
        may authorised_by: String,
        may note: Content,
    }
}

impl EventRules for ActionProgressReported {
    row! { ActionProgressReported {
        who: [Who::Owner],
        from: [From::Any],
        deadlines: [moves("action:<id>").only("a new target is named")],
        covers: ["003-19"],
        summary: "How an action stands; a new day needs a post that authorises it (S-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_action(&self.action, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        if let Some(target) = self.new_target {
            let name = DeadlineName::of("action", &self.action);
            change.move_to(name, target, change.event.occurred_at);
        }
    }
}

fields! {
    /// What was learnt was shared (J-09).
    LearningShared {
        must audience: Vec<String>,
        must anonymised: bool,
        may themes: Vec<String>,
        may text: Content,
    }
}

impl EventRules for LearningShared {
    row! { LearningShared {
        who: [Who::Party],
        from: [From::Any],
        reasons: [Reason::NoConsent],
        covers: ["000-29", "001-10", "002-5.5", "003-19"],
        summary: "What was learnt was shared, without names or with consent for learning (J-04, J-09).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if self.anonymised || scene.case.facts.consent.allows_learning() {
            Ok(())
        } else {
            Err(Reason::NoConsent)
        }
    }
}

fields! {
    /// The person was asked how the handling was.
    FeedbackInvited {
        must how: String,
        must on: Date,
    }
}

impl EventRules for FeedbackInvited {
    row! { FeedbackInvited {
        who: [Who::Keeper],
        from: [From::Done, From::In(State::Closed), From::Ended],
        covers: ["002-2.5", "002-5.3"],
        summary: "The person was asked how the handling was (S-10).",
    }}
}

fields! {
    /// The person said how the handling was.
    FeedbackReceived {
        must survey: String,
        may score: u32,
        may answers: Content,
    }
}

impl EventRules for FeedbackReceived {
    row! { FeedbackReceived {
        who: [Who::Keeper],
        from: [From::Any],
        covers: ["002-2.5", "002-5.3"],
        summary: "The person said how the handling was (S-10).",
    }}
}

fields! {
    /// The case goes on after its end.
    CaseReopened {
        must why_code: ReopeningReason,
        must complainant_told: bool,
        must response_by: Date,
        may why: Content,
    }
}

impl EventRules for CaseReopened {
    row! { CaseReopened {
        who: [Who::Keeper],
        from: [From::In(State::Closed), From::In(State::Responded), From::Ended],
        deadlines: [
            ends("retention-review"), ends("ombudsman-watch"), meets("dissatisfied-review"),
            starts("response").only("on the day named"), starts("complainant-update"),
        ],
        summary: "The case goes on after its end, with a new day for the answer.",
    }}

    /// A channel has no answer to be given: a new concern opens a new one.
    fn is_misplaced(&self, case: &Case) -> bool {
        case.is_channel()
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.start_on("response", self.response_by);
        change.case.facts.standing.dissatisfied = false;
        change.case.facts.answer.signed_version = None;
        change.enter(State::Investigating);
    }
}
