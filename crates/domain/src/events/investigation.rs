//! Investigation: strands, information, updates and the response period (domain brief B4).

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, meets, moves, row, starts};
use crate::calendar::end_of_day;
use crate::case::{Case, Change, DeadlineName, From, Progress, Start, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;
use crate::timetable::due_of;

codes! {
    /// On what a request for information rests (C-07).
    RequestBasis { Consent = "consent", Contract = "contract", OwnRecords = "own-records", Statute = "statute" }
    /// How a contributor's work stands.
    ProgressStatus { OnTrack = "on-track", AtRisk = "at-risk", Delayed = "delayed" }
    /// How the response period changes (E-21).
    AmendmentKind { Within = "within", Extension = "extension", Expectation = "expectation" }
    /// What was found on an issue (S-09).
    Outcome {
        Upheld = "upheld", PartlyUpheld = "partly-upheld", NotUpheld = "not-upheld", Resolved = "resolved",
    }
}

elements! {
    /// What was found on an issue.
    Finding { must issue: String, must outcome: Outcome }
    /// The classes of data that a body has received, told after a withdrawal of consent.
    AlreadyReceived { must org: OrganisationId, may classes: Vec<String> }
    /// A remedy that the owner of a strand offers, in whole pounds.
    StrandRemedy { may kind: String, may amount_gbp: u32 }
    /// An action that a strand proposes.
    ProposedAction { must id: String, may owner: String, must target: Date }
}

fields! {
    /// A party asked for relevant information (E-11).
    InformationRequested {
        must id: String,
        must of: OrganisationId,
        must basis: RequestBasis,
        must due: Date,
        must what: Content,
        may issues: Vec<String>,
    }
}

impl EventRules for InformationRequested {
    row! { InformationRequested {
        who: [Who::Party],
        from: [From::Joining, From::Work, From::Care, From::Staged],
        deadlines: [starts("information:<id>")],
        reasons: [Reason::NoConsent, Reason::ConsentScopeExceeded],
        covers: ["000-9", "004-27 by basis"],
        summary: "A party asked another body for relevant information (E-11, C-07).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if self.basis != RequestBasis::Consent {
            return Ok(());
        }
        scene.case.facts.consent.allows(
            &self.of,
            self.issues.iter().flatten(),
            Case::day_of(scene.event),
        )
    }

    fn apply(&self, change: &mut Change<'_>) {
        change
            .case
            .facts
            .requests
            .insert(self.id.clone(), self.of.clone());
        change.start_about("information", &self.id, &self.of, self.due);
    }
}

fields! {
    /// The body asked gave the information.
    InformationProvided { must request: String, must items: u32, may r#ref: String }
}

impl EventRules for InformationProvided {
    row! { InformationProvided {
        who: [Who::Owner],
        from: [From::Any],
        deadlines: [meets("information:<id>")],
        covers: ["000-9", "000-34"],
        summary: "The body asked gave the information (E-11).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_information(&self.request, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.meet(DeadlineName::of("information", &self.request));
    }
}

fields! {
    /// A contributor told the lead how its work stands (J-10).
    ContributorProgressReported {
        must status: ProgressStatus,
        may milestone: String,
        may expected_on: Date,
        may note: Content,
    }
}

impl EventRules for ContributorProgressReported {
    row! { ContributorProgressReported {
        who: [Who::Party],
        from: [From::In(State::Investigating), From::In(State::Drafting), From::Staged],
        covers: ["000-32", "001-8"],
        summary: "A contributor told the lead how its work stands (J-10).",
    }}
}

fields! {
    /// A strand will be late.
    StrandDelayed { must proposed: Date, must why_code: String, may why: Content }
}

impl EventRules for StrandDelayed {
    row! { StrandDelayed {
        who: [Who::Owner],
        from: [From::In(State::Investigating), From::Staged],
        summary: "A strand will be late; its date stands until the plan is amended (J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts.work.strands.contains_key(actor)
    }
}

fields! {
    /// The person was told how things stand (E-19).
    ComplainantUpdated {
        must method: String,
        may told_of_delay: bool,
        may summary_ref: String,
        may already_received: Vec<AlreadyReceived>,
        may complainant_ref: String,
        may what: Content,
    }
}

impl EventRules for ComplainantUpdated {
    row! { ComplainantUpdated {
        who: [Who::Keeper],
        from: [From::Open, From::Done],
        deadlines: [
            meets("complainant-update").only("while it runs"),
            starts("complainant-update").only("while it runs"),
        ],
        covers: ["000-23", "002-3.5 by told_of_delay"],
        summary: "The person was told how things stand; the next update counts from here (E-19).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if change.is_running("complainant-update") {
            change.meet("complainant-update");
            change.start_every("complainant-update", change.case.facts.work.update_interval);
        }
    }
}

fields! {
    /// The response period changed (E-21).
    ResponsePeriodAmended {
        must kind: AmendmentKind,
        must date: Date,
        must agreed_by_complainant: bool,
        when("kind", "extension") agreed_on: Date,
        when("kind", "within") complainant_told_on: Date,
        may why: Content,
    }
}

impl EventRules for ResponsePeriodAmended {
    row! { ResponsePeriodAmended {
        who: [Who::Lead],
        from: [
            From::In(State::Planning), From::In(State::Investigating), From::In(State::Drafting),
            From::In(State::Commenting), From::In(State::SigningOff), From::In(State::Impasse),
            From::In(State::ProviderHandling),
        ],
        deadlines: [moves("response"), moves("relevant-period").only("extension")],
        reasons: [Reason::RelevantPeriodExpired, Reason::ExtensionNotAgreed],
        summary: "A new date within the six months, an agreed extension, or an expectation after them (E-21).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let extension = self.kind == AmendmentKind::Extension;
        let first_end = six_months_end(scene);
        let agreed_late = self
            .agreed_on
            .zip(first_end)
            .is_some_and(|(agreed, end)| agreed > end);
        if extension && agreed_late {
            return Err(Reason::RelevantPeriodExpired);
        }
        let period = scene
            .case
            .facts
            .ledger
            .latest(&DeadlineName::from("relevant-period"));
        let last = period.and_then(|occurrence| due_of(scene.case, occurrence, scene.rules));
        let beyond = last.is_some_and(|last| self.date > last);
        let agreed = extension && self.agreed_by_complainant;
        let refused = match self.kind {
            AmendmentKind::Expectation => false,
            AmendmentKind::Extension | AmendmentKind::Within => beyond && !agreed,
        };
        if refused {
            Err(Reason::ExtensionNotAgreed)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let occurred = change.event.occurred_at;
        change.move_to("response", self.date, occurred);
        if self.kind == AmendmentKind::Extension && change.is_running("relevant-period") {
            // Q8: an agreement dated in time counts from its own day, even if it was recorded later.
            let agreed = self
                .agreed_on
                .map(|day| end_of_day(day) - jiff::SignedDuration::from_secs(1));
            change.move_to(
                "relevant-period",
                self.date,
                agreed.map_or(occurred, |agreed| agreed.min(occurred)),
            );
        }
    }
}

/// The last day of the six months themselves, whatever was agreed on top of them.
fn six_months_end(scene: &Scene<'_>) -> Option<Date> {
    let name = DeadlineName::from("relevant-period");
    let counted = scene
        .case
        .facts
        .ledger
        .occurrences
        .iter()
        .rev()
        .find(|occurrence| {
            occurrence.name == name && matches!(occurrence.start, Start::Counted { .. })
        });
    counted.and_then(|occurrence| due_of(scene.case, occurrence, scene.rules))
}

fields! {
    /// The person was told in writing why the response is late (E-22).
    LateNoticeIssued { must written: bool, must new_expected: Date, must reason: Content }
}

impl EventRules for LateNoticeIssued {
    row! { LateNoticeIssued {
        who: [Who::Lead],
        from: [From::Work, From::Care],
        deadlines: [meets("late-notice"), moves("response")],
        summary: "The person was told in writing why the response is late (E-22).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.move_to("response", self.new_expected, change.event.occurred_at);
    }
}

fields! {
    /// A body gave its findings (J-10).
    StrandSubmitted {
        must findings: Vec<Finding>,
        must actions: Vec<ProposedAction>,
        must authorised_by: String,
        may finding_texts: Content,
        may action_texts: Content,
        may remedy: Vec<StrandRemedy>,
        may root_cause: String,
        may root_cause_text: Content,
    }
}

impl EventRules for StrandSubmitted {
    row! { StrandSubmitted {
        who: [Who::Owner],
        from: [From::In(State::Investigating), From::Staged],
        deadlines: [meets("strand:<org>")],
        covers: ["000-31", "000-33", "003-9 by root_cause, actions", "003-18 by actions"],
        summary: "A body gave the lead its findings and proposed actions (J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts.work.strands.contains_key(actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        let body = change.actor().clone();
        if let Some(strand) = change.case.facts.work.strands.get_mut(&body) {
            strand.progress = Progress::Submitted;
        }
        change.meet(DeadlineName::of("strand", body));
    }
}

fields! {
    /// A body revised its findings.
    StrandRevised {
        must version: u32,
        must findings: Vec<Finding>,
        must actions: Vec<ProposedAction>,
        must authorised_by: String,
        may finding_texts: Content,
    }
}

impl EventRules for StrandRevised {
    row! { StrandRevised {
        who: [Who::Owner],
        from: [From::In(State::Drafting), From::In(State::Commenting), From::In(State::SigningOff)],
        summary: "A body revised its findings while the response was being made (J-10).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.facts.work.strands.contains_key(actor)
    }
}
