//! Outcomes beside the one response: remedies, interim answers, outcomes without an answer, irregular steps (domain brief B5).

use jiff::civil::Date;

use super::investigation::Outcome;
use super::read::{Content, codes, elements, fields};
use super::response::{PromisedAction, promise};
use super::row::{EventRules, Who, ends, meets, row, starts};
use crate::case::{Change, From, State};
use crate::ids::OrganisationId;

codes! {
    /// Which remedy.
    RemedyKind { Apology = "apology", Refund = "refund", Payment = "payment", Redo = "redo", Waiver = "waiver" }
    /// Why there is nobody to answer.
    NoResponseCode { Anonymous = "anonymous", Withdrawn = "withdrawn", NoAddress = "no-address" }
}

elements! {
    /// What a body pays of a remedy.
    RemedyShare { must org: OrganisationId, may amount_gbp: u32 }
}

fields! {
    /// The complaint was looked into and there is nobody to answer.
    OutcomeRecorded {
        must overall_outcome: Outcome,
        must actions: Vec<PromisedAction>,
        must no_response_code: NoResponseCode,
        may conclusion: Content,
    }
}

impl EventRules for OutcomeRecorded {
    row! { OutcomeRecorded {
        who: [Who::Keeper],
        from: [From::In(State::Investigating), From::In(State::Drafting)],
        deadlines: [
            meets("response"), meets("relevant-period"), ends("complainant-update"), ends("late-notice"),
            starts("action:<id>"),
        ],
        summary: "The complaint was looked into and there is nobody to answer.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        promise(change, &self.actions);
        change.enter(State::Responded);
    }
}

fields! {
    /// Part of the answer was sent; the rest follows.
    InterimResponseIssued {
        must answered: Vec<String>,
        must remaining: Vec<String>,
        must expected_on: Date,
        may text: Content,
    }
}

impl EventRules for InterimResponseIssued {
    row! { InterimResponseIssued {
        who: [Who::Lead],
        from: [From::Work],
        summary: "Part of the answer was sent; the rest follows (E-19).",
    }}
}

fields! {
    /// A remedy was offered.
    RemedyOffered {
        must id: String,
        must kind: RemedyKind,
        must authorised_by: String,
        may amount_gbp: u32,
        may shares: Vec<RemedyShare>,
        may joint_apology: bool,
        may reasons: Content,
    }
}

impl EventRules for RemedyOffered {
    row! { RemedyOffered {
        who: [Who::Party],
        from: [From::Work, From::Care, From::Done],
        covers: ["002-4.6"],
        summary: "A remedy was offered (E-20).",
    }}
}

fields! {
    /// The person accepted a remedy.
    RemedyAccepted {
        must id: String,
        must on: Date,
    }
}

impl EventRules for RemedyAccepted {
    row! { RemedyAccepted {
        who: [Who::Keeper],
        from: [From::Any],
        summary: "The person accepted a remedy.",
    }}
}

fields! {
    /// A remedy was provided.
    RemedyProvided {
        must id: String,
        must on: Date,
        must evidence_ref: String,
    }
}

impl EventRules for RemedyProvided {
    row! { RemedyProvided {
        who: [Who::Party],
        from: [From::Any],
        summary: "A remedy was provided, with evidence.",
    }}
}

fields! {
    /// A step was taken that the procedure does not allow.
    IrregularStepRecorded {
        must step: String,
        must happened_on: Date,
        must by: OrganisationId,
        must how_known: String,
        must remedy_planned: bool,
        may consequence: Content,
    }
}

impl EventRules for IrregularStepRecorded {
    row! { IrregularStepRecorded {
        who: [Who::Keeper, Who::Commissioner],
        from: [From::Open, From::Done],
        deadlines: [
            meets("relevant-period").only("the provider named the ombudsman"),
            starts("council-review").only("the provider named the ombudsman"),
            starts("notify-council").only("the provider named the ombudsman"),
        ],
        covers: ["004-29a"],
        summary: "A step was taken that the procedure does not allow; a signpost by the provider counts all the same (C-08).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.irregular = true;
        let commissioned = change.case.facts.roles.commissioner.is_some();
        if commissioned && self.step == "ombudsman-signposted" {
            change.meet("relevant-period");
            change.start("council-review");
            change.start("notify-council");
            change.enter(State::Responded);
        }
    }
}
