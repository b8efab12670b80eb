//! What the complaint is about: its issues, what is not within the regulations, links to other cases, who works on it (domain brief B1).

use jiff::civil::Date;

use super::read::{Content, Issues, codes, elements, fields};
use super::row::{EventRules, Scene, Who, meets, moves, row, starts};
use crate::case::{Change, DeadlineName, From, Issue, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// Whether the person agrees with the list of issues.
    Agreement { Yes = "yes", No = "no", StatedByBody = "stated-by-body" }
    /// Why two cases may be linked as one complaint.
    LinkBasis { ComplainantAgrees = "complainant-agrees", BothHoldIt = "both-hold-it" }
    /// Why a matter is not within the regulations (E-09).
    ExclusionGround { ResponsibleBody = "responsible-body", Employment = "employment", OralSettled = "oral-settled", SameAsSettled = "same-as-settled", PreviouslyInvestigated = "previously-investigated", Ombudsman = "ombudsman", Foi = "foi", Superannuation = "superannuation", OtherProcedure = "other-procedure" }
    /// What a case becomes when two are merged.
    MergeRole { Surviving = "surviving", Ended = "ended" }
    /// How two cases belong together.
    CaseLinkKind { SameSubject = "same-subject", SameComplainant = "same-complainant", SameService = "same-service", Cluster = "cluster", StrandSubcase = "strand-subcase" }
    /// As what a member of staff works on the case.
    HandlerRole { Handler = "handler", Investigator = "investigator", Adjudicator = "adjudicator", Manager = "manager" }
    /// Whether a member of staff has an interest in the matter.
    ConflictDeclared { None = "none", Managed = "managed", Unmanaged = "unmanaged" }
}

elements! {
    /// An issue of the list.
    IssueEntry { must id: String, may body: OrganisationId, may occurred_on: Date, may known_on: Date }
    /// A desired outcome.
    OutcomeEntry { must id: String }
}

fields! {
    /// The list of issues that the answer must cover (J-07).
    IssuesAgreed {
        must issues: Vec<IssueEntry>,
        must issue_texts: Content,
        must agreed_with_complainant: Agreement,
        must desired_outcomes: Vec<OutcomeEntry>,
        may desired_outcome_texts: Content,
        may agreed_on: Date,
        may sent_on: Date,
        may disagreement: Content,
    }
}

impl EventRules for IssuesAgreed {
    row! { IssuesAgreed {
        who: [Who::Keeper],
        from: [
            From::In(State::Received), From::Joining, From::In(State::Planning), From::In(State::Investigating),
            From::Care, From::Staged,
        ],
        deadlines: [starts("ombudsman-limit").only("an issue says when the person knew, and nothing did before")],
        covers: ["000-26", "001-4 by issues", "002-3.2", "002-4.3 by desired_outcomes"],
        summary: "What the answer must cover, as agreed with the person or stated by the body (J-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let closed_early = std::mem::take(&mut change.case.facts.closed_early);
        let listed = self.issues.iter().map(|issue| {
            (
                issue.id.clone(),
                Issue {
                    body: issue.body.clone(),
                    closed: closed_early.contains(&issue.id),
                },
            )
        });
        change.case.facts.issues = Some(listed.collect());
        let known = self.issues.iter().filter_map(|issue| issue.known_on).min();
        let limit = DeadlineName::from("ombudsman-limit");
        if let (Some(known), None) = (known, change.case.facts.ledger.latest(&limit)) {
            change.start_from("ombudsman-limit", known);
        }
    }
}

fields! {
    /// The same complaint is logged elsewhere too (Q25).
    DuplicateLinked { must other_case: String, must other_received_on: Date, must basis: LinkBasis }
}

impl EventRules for DuplicateLinked {
    row! { DuplicateLinked {
        who: [Who::Party],
        from: [From::Open],
        deadlines: [moves("relevant-period").only("the other receipt is earlier")],
        summary: "The same complaint is logged in another case; the earliest receipt governs (Q25).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.received_already(self.other_received_on);
    }
}

fields! {
    /// Something was settled on the spot; a written complaint still needs its answer.
    LocalResolutionRecorded {
        must satisfied: bool,
        must written_to_complainant: bool,
        may how: Content,
    }
}

impl EventRules for LocalResolutionRecorded {
    row! { LocalResolutionRecorded {
        who: [Who::Party],
        from: [From::Pre, From::Care, From::In(State::Planning), From::In(State::Investigating)],
        covers: ["004-19a"],
        summary: "Something was settled on the spot; a written complaint still needs its answer (C-05).",
    }}
}

fields! {
    /// Issues, or the whole complaint, are not within the regulations (E-09, E-10).
    ExclusionDecided {
        must ground: ExclusionGround,
        must issues: Issues,
        must written_notice_on: Date,
        may notice_ref: String,
    }
}

impl EventRules for ExclusionDecided {
    row! { ExclusionDecided {
        who: [Who::Keeper],
        from: [From::Pre, From::In(State::Stage1)],
        summary: "Issues, or the whole complaint, are not within the regulations (E-09, E-10).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        match &self.issues {
            Issues::All => {
                change.enter(State::Excluded);
                change.end_all_but(&["ombudsman-limit"]);
            }
            Issues::Only(issues) => change.close_issues(issues),
        }
    }
}

fields! {
    /// An issue came to the list.
    IssueAdded {
        must issue: String,
        must body: OrganisationId,
        must screened_on: Date,
        may text: Content,
        may in_scope: bool,
        may known_on: Date,
    }
}

impl EventRules for IssueAdded {
    row! { IssueAdded {
        who: [Who::Keeper],
        from: [From::Joining, From::Work, From::Care, From::Staged],
        summary: "An issue came to the list that the answer must cover (J-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let issue = Issue {
            body: Some(self.body.clone()),
            closed: self.in_scope == Some(false),
        };
        let issues = change.case.facts.issues.get_or_insert_default();
        issues.insert(self.issue.clone(), issue);
    }
}

fields! {
    /// The person no longer wants an issue answered.
    IssueWithdrawn {
        must issue: String,
        may said_by: String,
        may why: Content,
    }
}

impl EventRules for IssueWithdrawn {
    row! { IssueWithdrawn {
        who: [Who::Keeper],
        from: [From::Open],
        summary: "The person no longer wants an issue answered.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.close_issues([&self.issue]);
    }
}

fields! {
    /// Two cases go on as one; one such event on each.
    CasesMerged {
        must role: MergeRole,
        must other_case: String,
        must other_received_on: Date,
        may agreed_by_complainant: bool,
    }
}

impl EventRules for CasesMerged {
    row! { CasesMerged {
        who: [Who::Keeper],
        from: [From::Open],
        deadlines: [
            moves("relevant-period").only("this case goes on and the other receipt is earlier"),
        ],
        summary: "Two cases go on as one; the earlier receipt governs (Q25).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        match self.role {
            MergeRole::Ended => {
                change.enter(State::Merged);
                change.end_all_but(&[]);
            }
            MergeRole::Surviving => change.received_already(self.other_received_on),
        }
    }
}

fields! {
    /// Two cases belong together and stay two.
    CasesLinked {
        must other_case: String,
        must kind: CaseLinkKind,
    }
}

impl EventRules for CasesLinked {
    row! { CasesLinked {
        who: [Who::Party],
        from: [From::Any],
        summary: "Two cases belong together and stay two; shown to others only within consent.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if self.kind == CaseLinkKind::StrandSubcase {
            let other = self.other_case.clone();
            change.case.facts.subcases.insert(other);
        }
    }
}

fields! {
    /// A member of staff works on the case.
    HandlerAssigned {
        must staff: String,
        must role: HandlerRole,
        must conflict_declared: ConflictDeclared,
        may complainant_told_on: Date,
        may replaces: String,
        may conflict_how: Content,
    }
}

impl EventRules for HandlerAssigned {
    row! { HandlerAssigned {
        who: [Who::Party],
        from: [From::Any],
        reasons: [Reason::ConflictOfInterest],
        covers: ["002-1.3 by conflict_declared", "002-3.3 by complainant_told_on", "003-6", "003-9", "003-14 by staff"],
        summary: "Who works on the case, with any interest in the matter declared (E-02).",
    }}

    fn refuse(&self, _: &Scene<'_>) -> Result<(), Reason> {
        if self.conflict_declared == ConflictDeclared::Unmanaged {
            Err(Reason::ConflictOfInterest)
        } else {
            Ok(())
        }
    }
}

fields! {
    /// The person declined to discuss how the complaint will be handled (E-18).
    DiscussionDeclined {
        must declined_on: Date,
    }
}

impl EventRules for DiscussionDeclined {
    row! { DiscussionDeclined {
        who: [Who::Keeper],
        from: [From::In(State::Received), From::In(State::Planning), From::In(State::Investigating), From::Care],
        deadlines: [
            meets("triage").only("a body alone, from received"),
            starts("named-contact").only("a body alone, from received"),
        ],
        summary: "The person declined the discussion; a body alone goes on to planning (E-18).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.plan_alone_from_received();
    }
}

fields! {
    /// A complainant withdrew; when none is left the case ends.
    ComplaintWithdrawn {
        must said_by: String,
        must on: Date,
        must carry_on_internally: bool,
        must complainants_left: u32,
        may how: Content,
    }
}

impl EventRules for ComplaintWithdrawn {
    row! { ComplaintWithdrawn {
        who: [Who::Keeper],
        from: [From::Open],
        summary: "A complainant withdrew; when none is left the case ends, though the body may look into it for itself.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if self.complainants_left == 0 {
            change.enter(State::Withdrawn);
            change.end_all_but(&["action", "acknowledge"]);
        }
    }
}
