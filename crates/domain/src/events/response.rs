//! The response: draft, comments, signature, issue, and what happens when the bodies cannot agree (domain brief B5).

use jiff::civil::Date;

use super::investigation::Outcome;
use super::lead::PostOf;
use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, ends, meets, row, starts};
use crate::case::{Case, Change, Circulated, From, Impasse, Progress, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// What a body says to the draft.
    CommentResult { Agreed = "agreed", Disagreed = "disagreed" }
    /// As what the signatory signs (E-20, S-08).
    SignatoryRole { ResponsiblePerson = "responsible-person", Authorised = "authorised", IjbChair = "ijb-chair" }
    /// Whether the action needed was taken or is proposed (E-20).
    ActionConfirmation { Taken = "taken", Proposed = "proposed", NoneNeeded = "none-needed" }
    /// The ombudsmen.
    Ombudsman { Lgsco = "LGSCO", Phso = "PHSO", Spso = "SPSO", Psow = "PSOW", Nipso = "NIPSO" }
    /// On what the bodies cannot agree.
    ImpasseKind {
        Findings = "findings", Remedy = "remedy", Wording = "wording", CooperationFailure = "co-operation-failure",
    }
}

elements! {
    /// What the response says on an issue.
    ResponseFinding { must issue: String, must org: OrganisationId, must outcome: Outcome }
    /// A remedy that the response offers, in whole pounds.
    ResponseRemedy { must org: OrganisationId, may kind: String, may amount_gbp: u32 }
    /// Who got the response, and whether parts were taken out.
    Recipient { may r#ref: String, may redacted: bool }
    /// An action that the response promises.
    PromisedAction {
        must id: String,
        must org: OrganisationId,
        may owner: String,
        must target: Date,
        may authorised_by: String,
    }
    /// What became of a desired outcome.
    OutcomeResult { must id: String, may result: String }
    /// An issue that is not answered, and why.
    Unanswered { must issue: String, may why_code: String }
    /// Which issues an ombudsman may consider.
    ForOmbudsman { may ombudsman: Ombudsman, may issues: Vec<String> }
}

/// Starts each promised action on its target day.
pub(super) fn promise<'a>(
    change: &mut Change<'_>,
    actions: impl IntoIterator<Item = &'a PromisedAction>,
) {
    for action in actions {
        let owed_by = (&action.org, action.owner.as_ref());
        change.open_action(&action.id, owed_by, action.target);
    }
}

/// Whether every recorded issue is among these, those apart that need no answer.
fn answers_all<'i>(
    case: &Case,
    answered: impl IntoIterator<Item = &'i String>,
) -> Result<(), Reason> {
    let answered: std::collections::BTreeSet<&String> = answered.into_iter().collect();
    let held: std::collections::BTreeSet<&String> = case.facts.holds.values().flatten().collect();
    let all = case
        .facts
        .issues
        .iter()
        .flatten()
        .all(|(id, issue)| issue.closed || held.contains(id) || answered.contains(id));
    if all {
        Ok(())
    } else {
        Err(Reason::IssueNotAnswered)
    }
}

/// E-20, C-03, S-08: the responsible person signs, a post with a delegation in force, or the chair of the board.
pub(super) fn may_sign(
    scene: &Scene<'_>,
    signed_by: &str,
    role: SignatoryRole,
    delegation_ref: Option<&String>,
) -> Result<(), Reason> {
    let keeper = scene.case.keeper();
    let directory = scene.rules.directory;
    let organisation = directory.organisation(keeper);
    let authorised = match role {
        SignatoryRole::ResponsiblePerson => {
            organisation.is_some_and(|body| body.responsible_person == signed_by)
        }
        SignatoryRole::IjbChair => organisation.is_some_and(|body| {
            body.kind == "ijb"
                && body
                    .posts
                    .get("chair")
                    .is_some_and(|chair| chair == signed_by)
        }),
        SignatoryRole::Authorised => delegation_ref
            .and_then(|reference| {
                directory.delegation_in_force(keeper, reference, Case::day_of(scene.event))
            })
            .is_some_and(|given| {
                given.function == "sign" && given.post == signed_by && given.to_org == *keeper
            }),
    };
    if authorised {
        Ok(())
    } else {
        Err(Reason::NotAuthorisedSignatory)
    }
}

fields! {
    /// The lead sent round a draft (J-09).
    DraftCirculated {
        must version: u32,
        must to: Vec<OrganisationId>,
        must shared_with_complainant: bool,
        may draft_ref: String,
    }
}

impl EventRules for DraftCirculated {
    row! { DraftCirculated {
        who: [Who::Lead],
        from: [From::In(State::Drafting), From::In(State::Commenting), From::In(State::SigningOff)],
        deadlines: [starts("draft-comments")],
        reasons: [Reason::StrandMissing],
        covers: ["000-29"],
        summary: "The lead sent round one draft of the whole response (J-09).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let open = scene
            .case
            .facts
            .work
            .strands
            .values()
            .any(|strand| strand.progress == Progress::Open);
        if open {
            Err(Reason::StrandMissing)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let comments = self.to.iter().map(|org| (org.clone(), None)).collect();
        change.case.facts.answer.circulated = Some(Circulated {
            version: self.version,
            comments,
        });
        change.enter(State::Commenting);
    }
}

fields! {
    /// A body commented on the draft.
    DraftCommented { must version: u32, must result: CommentResult, may points: Content }
}

impl EventRules for DraftCommented {
    row! { DraftCommented {
        who: [Who::Owner],
        from: [From::In(State::Commenting)],
        deadlines: [meets("draft-comments").only("the last body asked has commented")],
        covers: ["000-29", "000-35"],
        summary: "A body commented on the draft; only the version last circulated counts (J-09, J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts
            .answer
            .circulated
            .as_ref()
            .is_some_and(|draft| draft.comments.contains_key(actor))
    }

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        let Some(draft) = &mut change.case.facts.answer.circulated else {
            return;
        };
        if draft.version != self.version {
            return;
        }
        draft
            .comments
            .insert(body, Some(self.result == CommentResult::Agreed));
        let all_in = draft.comments.values().all(Option::is_some);
        let all_agreed = draft
            .comments
            .values()
            .all(|comment| *comment == Some(true));
        if all_in {
            change.meet("draft-comments");
        }
        if all_agreed {
            change.enter(State::SigningOff);
        }
    }
}

fields! {
    /// The person commented on the draft.
    ComplainantCommented { must version: u32, may points: Content }
}

impl EventRules for ComplainantCommented {
    row! { ComplainantCommented {
        who: [Who::Lead],
        from: [From::In(State::Commenting), From::In(State::SigningOff)],
        covers: ["000-29"],
        summary: "The person commented on the draft (J-09).",
    }}
}

fields! {
    /// The response was signed (E-20).
    ResponseSignedOff {
        must version: u32,
        must signed_by: String,
        must role: SignatoryRole,
        when("role", "authorised") delegation_ref: String,
    }
}

impl EventRules for ResponseSignedOff {
    row! { ResponseSignedOff {
        who: [Who::Lead],
        from: [
            From::In(State::Drafting), From::In(State::Commenting), From::In(State::SigningOff),
            From::In(State::Stage2), From::In(State::Investigating),
        ],
        reasons: [Reason::NotAuthorisedSignatory, Reason::ConflictOfInterest],
        covers: ["003-7", "003-8", "004-15b", "S-08 by role"],
        summary: "The responsible person, or someone authorised, signed the response (E-20, Q17).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        may_sign(
            scene,
            &self.signed_by,
            self.role,
            self.delegation_ref.as_ref(),
        )?;
        let concerned = scene
            .case
            .facts
            .receipt
            .about_posts
            .contains(&self.signed_by);
        if concerned {
            Err(Reason::ConflictOfInterest)
        } else {
            Ok(())
        }
    }

    fn is_misplaced(&self, case: &Case) -> bool {
        case.state() == State::Investigating && !case.is_alone()
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.answer.signed_version = Some(self.version);
        if change.case.state() != State::Stage2 {
            change.enter(State::SigningOff);
        }
    }
}

fields! {
    /// The response was sent (E-20).
    ResponseIssued {
        must version: u32,
        must overall_outcome: Outcome,
        must findings: Vec<ResponseFinding>,
        must how_considered: Content,
        must conclusion: Content,
        must action_confirmation: ActionConfirmation,
        must actions: Vec<PromisedAction>,
        must ombudsman: Vec<Ombudsman>,
        must desired_outcomes: Vec<OutcomeResult>,
        may finding_texts: Content,
        may action_texts: Content,
        may not_covered: Vec<Unanswered>,
        may desired_outcome_texts: Content,
        may remedy: Vec<ResponseRemedy>,
        may learning: Content,
        may recipients: Vec<Recipient>,
        may format: String,
        may why_not_format: String,
        may closed_on: Date,
        may joint_apology: bool,
    }
}

impl EventRules for ResponseIssued {
    row! { ResponseIssued {
        who: [Who::Lead],
        from: [From::In(State::SigningOff), From::In(State::Stage2)],
        deadlines: [
            meets("response"), meets("relevant-period"), meets("stage-2-response"),
            ends("complainant-update"), ends("draft-comments"), ends("late-notice"),
            starts("action:<id>"), starts("ombudsman-watch"),
        ],
        reasons: [Reason::IssueNotAnswered],
        covers: [
            "000-5",
            "000-12",
            "000-37 by findings, conclusion",
            "000-40 by format",
            "002-4.2 by findings, not_covered",
            "002-4.3 by desired_outcomes",
            "002-4.4 by actions",
            "003-7",
            "003-8",
            "003-14 by overall_outcome, actions, closed_on",
            "S-09 by overall_outcome",
        ],
        summary: "One written response, with findings on every issue, was sent (E-20, J-11).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let found = self.findings.iter().map(|finding| &finding.issue);
        let left_out = self
            .not_covered
            .iter()
            .flatten()
            .map(|unanswered| &unanswered.issue);
        answers_all(scene.case, found.chain(left_out))
    }

    fn is_misplaced(&self, case: &Case) -> bool {
        case.facts.answer.signed_version != Some(self.version)
    }

    fn apply(&self, change: &mut Change<'_>) {
        promise(change, &self.actions);
        change.enter(State::Responded);
    }
}

fields! {
    /// The bodies cannot agree (J-12).
    ImpasseDeclared { must issues: Vec<String>, must kind: ImpasseKind, may why: Content }
}

impl EventRules for ImpasseDeclared {
    row! { ImpasseDeclared {
        who: [Who::Lead],
        from: [
            From::In(State::Investigating), From::In(State::Drafting), From::In(State::Commenting),
            From::In(State::SigningOff),
        ],
        deadlines: [ends("draft-comments"), starts("impasse-senior-review")],
        summary: "The bodies cannot agree; the three steps begin (J-12).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.answer.impasse = Some(Impasse::Declared);
        change.enter(State::Impasse);
    }
}

fields! {
    /// The impasse went to senior management (J-12, step 1).
    ImpasseEscalated { must to: Vec<PostOf>, may on: Date }
}

impl EventRules for ImpasseEscalated {
    row! { ImpasseEscalated {
        who: [Who::Lead],
        from: [From::In(State::Impasse)],
        covers: ["000-39"],
        summary: "Step 1: senior management of every party has it (J-12).",
    }}

    fn incomplete(&self, case: Option<&Case>) -> Option<&'static str> {
        let parties = case.map(Case::parties).unwrap_or_default();
        let every_party = parties
            .into_iter()
            .all(|party| self.to.iter().any(|post| post.org == *party));
        (!every_party).then_some("to")
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.answer.impasse = Some(Impasse::Escalated);
    }
}

/// J-12: senior management must have had it since the impasse was last declared.
fn was_escalated(scene: &Scene<'_>) -> Result<(), Reason> {
    let escalated = scene.case.facts.answer.impasse >= Some(Impasse::Escalated);
    if escalated {
        Ok(())
    } else {
        Err(Reason::StepOutOfOrder)
    }
}

fields! {
    /// Senior management settled the impasse.
    ImpasseResolved { must summary_ref: String }
}

impl EventRules for ImpasseResolved {
    row! { ImpasseResolved {
        who: [Who::Lead],
        from: [From::In(State::Impasse)],
        deadlines: [meets("impasse-senior-review")],
        reasons: [Reason::StepOutOfOrder],
        summary: "Senior management settled it; the response is drafted (J-12).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        was_escalated(scene)
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.answer.impasse = None;
        change.enter(State::Drafting);
    }
}

fields! {
    /// Senior management could not settle the impasse.
    ImpasseUnresolved { must summary_ref: String }
}

impl EventRules for ImpasseUnresolved {
    row! { ImpasseUnresolved {
        who: [Who::Lead],
        from: [From::In(State::Impasse)],
        deadlines: [meets("impasse-senior-review"), starts("partial-response")],
        reasons: [Reason::StepOutOfOrder],
        summary: "Senior management could not settle it; a partial response is owed (J-12).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        was_escalated(scene)
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.answer.impasse = Some(Impasse::Unresolved);
    }
}

fields! {
    /// The person got an answer as full as possible (J-12, step 2).
    PartialResponseIssued {
        must answered: Vec<String>,
        must not_answered: Vec<Unanswered>,
        must signed_by: String,
        must role: SignatoryRole,
        when("role", "authorised") delegation_ref: String,
        must how_considered: Content,
        must conclusion: Content,
        must action_confirmation: ActionConfirmation,
        may findings: Vec<ResponseFinding>,
        may not_answered_texts: Content,
        may actions: Vec<PromisedAction>,
    }
}

impl EventRules for PartialResponseIssued {
    row! { PartialResponseIssued {
        who: [Who::Lead],
        from: [From::In(State::Impasse)],
        deadlines: [
            meets("partial-response"), meets("response"), ends("complainant-update"),
            starts("ombudsman-signpost"), starts("action:<id>"),
        ],
        reasons: [Reason::StepOutOfOrder, Reason::NotAuthorisedSignatory, Reason::IssueNotAnswered],
        covers: ["000-39"],
        summary: "Step 2: the person was answered as fully as possible, and told where and why not (J-12).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if scene.case.facts.answer.impasse != Some(Impasse::Unresolved) {
            return Err(Reason::StepOutOfOrder);
        }
        may_sign(
            scene,
            &self.signed_by,
            self.role,
            self.delegation_ref.as_ref(),
        )?;
        answers_all(
            scene.case,
            self.answered
                .iter()
                .chain(self.not_answered.iter().map(|left_out| &left_out.issue)),
        )
    }

    fn apply(&self, change: &mut Change<'_>) {
        promise(change, self.actions.iter().flatten());
        change.enter(State::PartiallyResponded);
    }
}

fields! {
    /// The person was told of the ombudsmen (J-12, step 3).
    OmbudsmanSignposted {
        must ombudsmen: Vec<Ombudsman>,
        must r#for: Vec<ForOmbudsman>,
        may joint_team_mentioned: bool,
        may limit_told: bool,
    }
}

impl EventRules for OmbudsmanSignposted {
    row! { OmbudsmanSignposted {
        who: [Who::Lead, Who::Provider],
        from: [
            From::In(State::PartiallyResponded), From::In(State::ProviderResponded), From::In(State::Responded),
        ],
        deadlines: [
            meets("ombudsman-signpost"), meets("relevant-period"), meets("dissatisfied-review"),
            starts("ombudsman-watch"),
        ],
        reasons: [Reason::CouncilDecisionNeeded, Reason::StepOutOfOrder],
        covers: ["000-39", "004-29a"],
        summary: "Step 3: the person was told which ombudsman considers what (J-12, J-16).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let facts = &scene.case.facts;
        // C-08: whoever sends it, it would be the council's final response.
        let for_council = facts.roles.commissioner.is_some() && From::Care.contains(facts.state);
        if for_council && !facts.standing.signpost_decided {
            return Err(Reason::CouncilDecisionNeeded);
        }
        if scene.case.state() == State::Impasse {
            Err(Reason::StepOutOfOrder)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.dissatisfied = false;
        change.enter(State::Responded);
    }
}
