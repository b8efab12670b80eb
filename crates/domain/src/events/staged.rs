//! Staged procedures: Scotland's two stages, and the three of children's social care in England (domain brief A4, A5, B6).

use jiff::civil::Date;

use super::investigation::Outcome;
use super::read::{Content, elements, fields};
use super::response::{Ombudsman, ResponseFinding, SignatoryRole, may_sign};
use super::row::{EventRules, Scene, Who, ends, meets, moves, row, starts};
use crate::calendar::{Convention, due_months};
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::judge::Reason;
use crate::policy::Regime;
use crate::timetable::{due_of, latest_due_of};

elements! {
    /// What the panel recommends.
    PanelRecommendation { must id: String }
}

/// Whether a new date lies past the longest that the rule allows, counted as the rule counts.
fn is_past_maximum(scene: &Scene<'_>, deadline: &str, date: Date) -> bool {
    let first = scene.case.facts.ledger.first(&DeadlineName::from(deadline));
    first
        .and_then(|occurrence| latest_due_of(scene.case, occurrence, scene.rules))
        .is_some_and(|latest| date > latest)
}

fields! {
    /// Stage 1 takes longer (S-02, K-01).
    Stage1Extended {
        must date: Date,
        must complainant_told: bool,
        must why: Content,
        sco authorised_by: String,
    }
}

impl EventRules for Stage1Extended {
    row! { Stage1Extended {
        who: [Who::Keeper],
        from: [From::In(State::Stage1)],
        deadlines: [moves("stage-1-response")],
        reasons: [Reason::Stage1Maximum],
        summary: "Stage 1 takes longer; beyond its maximum the complaint goes to stage 2 instead (S-02, K-01).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if is_past_maximum(scene, "stage-1-response", self.date) {
            Err(Reason::Stage1Maximum)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.move_to("stage-1-response", self.date, change.event.occurred_at);
    }
}

fields! {
    /// Stage 1 was answered (S-01, K-02).
    Stage1ResponseIssued {
        must outcome: Outcome,
        sco closed_on: Date,
        sco action_taken: Content,
        may right_to_stage_2: bool,
        may findings: Vec<ResponseFinding>,
    }
}

impl EventRules for Stage1ResponseIssued {
    row! { Stage1ResponseIssued {
        who: [Who::Keeper],
        from: [From::In(State::Stage1)],
        deadlines: [
            meets("stage-1-response"), starts("stage-2-request").only("in Scotland the later of its two"),
        ],
        covers: ["003-1", "003-14 by action_taken, outcome, closed_on", "S-09 by outcome"],
        summary: "Stage 1 was answered; the person may ask for stage 2 (S-01, S-05, K-02).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::Stage1Answered);
        let (answered, known) = (change.day(), change.case.facts.receipt.known_on);
        // S-05: two months after the answer or six months after knowing, whichever is later. Months only, so no calendar is asked.
        let months = |from: Option<Date>, n: u32| {
            from.and_then(|from| due_months(from, n, Convention::After).ok())
                .map(|counted| counted.due)
        };
        let rule = |variant| {
            let found = change.case.rule("stage-2-request", variant, change.rules);
            found.map(|(_, rule)| rule)
        };
        let by_answer = rule(None).and_then(|rule| months(Some(answered), rule.n));
        let by_knowing = rule(Some("known")).and_then(|rule| months(known, rule.n));
        match known.filter(|_| by_knowing > by_answer) {
            Some(known) => change.start_variant("stage-2-request", "known", known),
            None => change.start("stage-2-request"),
        }
    }
}

fields! {
    /// The complaint goes to stage 2 (S-03, S-06, K-02, K-04).
    StageEscalated {
        must from: u32,
        must to: u32,
        sco initiated_on: Date,
        children written_statement_agreed_on: Date,
        may reason_code: String,
        may requested_on: Date,
        may reason: Content,
    }
}

impl EventRules for StageEscalated {
    row! { StageEscalated {
        who: [Who::Keeper],
        from: [From::In(State::Stage1), From::In(State::Stage1Answered)],
        deadlines: [
            ends("stage-1-response"), meets("stage-2-request"),
            starts("stage-2-response").only("from the day that the regime names"),
            starts("stage-2-acknowledge").only("in Scotland"),
        ],
        covers: ["003-14 by initiated_on"],
        summary: "The complaint goes to stage 2, on request or straight away (S-03, S-06, K-02).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::Stage2);
        let begins = self
            .initiated_on
            .or(self.written_statement_agreed_on)
            .unwrap_or_else(|| change.day());
        change.start_from("stage-2-response", begins);
        if change.case.regime() == Regime::Sco {
            change.start_from("stage-2-acknowledge", begins);
        }
    }
}

fields! {
    /// Stage 2 takes longer (S-04, K-03).
    Stage2Extended {
        must date: Date,
        must why: Content,
        sco authorised_by: String,
        sco complainant_told: bool,
        children written_reasons: bool,
    }
}

impl EventRules for Stage2Extended {
    row! { Stage2Extended {
        who: [Who::Keeper],
        from: [From::In(State::Stage2)],
        deadlines: [moves("stage-2-response"), starts("complainant-update").only("in Scotland")],
        reasons: [Reason::Stage2Maximum],
        summary: "Stage 2 takes longer, with reasons and a new date (S-04, K-03).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let too_late = scene.case.regime() == Regime::Children && has_run_out(scene);
        if too_late || is_past_maximum(scene, "stage-2-response", self.date) {
            Err(Reason::Stage2Maximum)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.move_to("stage-2-response", self.date, change.event.occurred_at);
        if change.case.regime() == Regime::Sco {
            change.start("complainant-update");
        }
    }
}

/// K-03: the written notice must come before the first 25 working days have expired.
fn has_run_out(scene: &Scene<'_>) -> bool {
    let name = DeadlineName::from("stage-2-response");
    let first = scene.case.facts.ledger.first(&name);
    first
        .and_then(|occurrence| due_of(scene.case, occurrence, scene.rules))
        .is_some_and(|due| Case::day_of(scene.event) > due)
}

fields! {
    /// Who investigates stage 2, and who watches over it (K-03).
    IndependentPersonAppointed {
        must investigating_officer: String,
        must independent_person: String,
        may adjudicator: String,
    }
}

impl EventRules for IndependentPersonAppointed {
    row! { IndependentPersonAppointed {
        who: [Who::Keeper],
        from: [From::In(State::Stage2)],
        reasons: [Reason::ConflictOfInterest],
        summary: "Who investigates stage 2 and who watches over it: two people (K-03).",
    }}

    fn refuse(&self, _: &Scene<'_>) -> Result<(), Reason> {
        if self.investigating_officer == self.independent_person {
            Err(Reason::ConflictOfInterest)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let people = [
            Some(&self.investigating_officer),
            Some(&self.independent_person),
            self.adjudicator.as_ref(),
        ];
        change.case.facts.staged.stage_2_people = people.into_iter().flatten().cloned().collect();
    }
}

fields! {
    /// The reports of stage 2 came in (K-03).
    InvestigationReportReceived { must io_report_ref: String, must ip_report_ref: String, may received_on: Date }
}

impl EventRules for InvestigationReportReceived {
    row! { InvestigationReportReceived {
        who: [Who::Keeper],
        from: [From::In(State::Stage2)],
        summary: "The investigating officer and the independent person have reported (K-03).",
    }}
}

fields! {
    /// The authority decided on the stage 2 report (K-03, K-05).
    AdjudicationIssued { must outcome: Outcome, must panel_right: bool, may text: Content }
}

impl EventRules for AdjudicationIssued {
    row! { AdjudicationIssued {
        who: [Who::Keeper],
        from: [From::In(State::Stage2)],
        deadlines: [meets("stage-2-response"), starts("panel-request")],
        summary: "The authority decided on stage 2 and named the right to a panel (K-03, K-05).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::Stage2Answered);
    }
}

fields! {
    /// The person asked for a panel (K-05).
    PanelRequested { must received_on: Date, may reasons: Content }
}

impl EventRules for PanelRequested {
    row! { PanelRequested {
        who: [Who::Keeper],
        from: [From::In(State::Stage2Answered)],
        deadlines: [
            meets("panel-request"),
            starts("panel").only("from the day of the request"),
            starts("panel-acknowledge").only("from the day of the request"),
            starts("panel-chair").only("from the day of the request"),
        ],
        summary: "The person asked for a panel (K-05, K-06).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        for name in ["panel", "panel-acknowledge", "panel-chair"] {
            change.start_from(name, self.received_on);
        }
        change.enter(State::Stage3);
    }
}

fields! {
    /// Who sits on the panel (K-06).
    PanelAppointed { must members: Vec<String>, must chair: String, may papers_sent_on: Date }
}

impl EventRules for PanelAppointed {
    row! { PanelAppointed {
        who: [Who::Keeper],
        from: [From::In(State::Stage3)],
        deadlines: [meets("panel-chair")],
        reasons: [Reason::PanelMemberNotIndependent],
        summary: "Who sits on the panel; nobody who took part in stage 2 (K-06).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let before = &scene.case.facts.staged.stage_2_people;
        let mut panel = self.members.iter().chain([&self.chair]);
        if panel.any(|member| before.contains(member)) {
            Err(Reason::PanelMemberNotIndependent)
        } else {
            Ok(())
        }
    }
}

fields! {
    /// The panel met (K-06).
    PanelHeld { must on: Date, may attended: Vec<String> }
}

impl EventRules for PanelHeld {
    row! { PanelHeld {
        who: [Who::Keeper],
        from: [From::In(State::Stage3)],
        deadlines: [meets("panel"), starts("panel-findings").only("from the day of the meeting")],
        summary: "The panel met (K-06, K-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.start_from("panel-findings", self.on);
        change.enter(State::Stage3Heard);
    }
}

fields! {
    /// The panel reported (K-07).
    PanelFindingsIssued {
        must recommendations: Vec<PanelRecommendation>,
        must received_by_authority_on: Date,
        may text: Content,
        may why_not_practicable: Content,
    }
}

impl EventRules for PanelFindingsIssued {
    row! { PanelFindingsIssued {
        who: [Who::Keeper],
        from: [From::In(State::Stage3Heard)],
        deadlines: [
            meets("panel-findings"), starts("authority-response").only("from the day of receipt"),
        ],
        summary: "The panel reported its findings and recommendations (K-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.start_from("authority-response", self.received_by_authority_on);
    }
}

fields! {
    /// The authority answered the panel's findings (K-07).
    AuthorityResponseIssued {
        must accepted: Vec<String>,
        must rejected: Vec<String>,
        must signed_by: String,
        must role: SignatoryRole,
        when("role", "authorised") delegation_ref: String,
        must ombudsman: Vec<Ombudsman>,
        must independent_person_consulted: bool,
        may reasons: Content,
        may why_not_practicable: Content,
    }
}

impl EventRules for AuthorityResponseIssued {
    row! { AuthorityResponseIssued {
        who: [Who::Keeper],
        from: [From::In(State::Stage3Heard)],
        deadlines: [meets("authority-response"), starts("ombudsman-watch")],
        reasons: [Reason::NotAuthorisedSignatory],
        summary: "The authority answered the findings, together with the independent person (K-07).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        may_sign(
            scene,
            &self.signed_by,
            self.role,
            self.delegation_ref.as_ref(),
        )
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::Responded);
    }
}
