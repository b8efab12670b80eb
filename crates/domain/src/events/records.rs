//! Records: legal holds, retention, erasure, access and data protection (domain brief A7, B2, B7).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Scene, Who, meets, moves, row, starts};
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::judge::Reason;
use crate::timetable::due_of;

codes! {
    /// How far a data-protection complaint is.
    DpStage { Acknowledged = "acknowledged", Outcome = "outcome" }
}

fields! {
    /// Nothing of the case may be erased.
    LegalHoldSet {
        must id: String,
        must why_code: String,
        may until: Date,
        may why: Content,
    }
}

impl EventRules for LegalHoldSet {
    row! { LegalHoldSet {
        who: [Who::Records],
        from: [From::Any],
        summary: "Nothing of the case may be erased until the hold is lifted (D-07).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change
            .case
            .facts
            .standing
            .legal_holds
            .insert(self.id.clone());
    }
}

fields! {
    /// The case may be erased again when its time comes.
    LegalHoldLifted {
        must id: String,
    }
}

impl EventRules for LegalHoldLifted {
    row! { LegalHoldLifted {
        who: [Who::Records],
        from: [From::Any],
        summary: "A legal hold ended.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.legal_holds.remove(&self.id);
    }
}

fields! {
    /// The records are kept longer.
    RetentionExtended {
        must until: Date,
        must why_code: String,
    }
}

impl EventRules for RetentionExtended {
    row! { RetentionExtended {
        who: [Who::Records],
        from: [From::In(State::Closed)],
        deadlines: [moves("retention-review")],
        covers: ["003-16"],
        summary: "The records are kept longer (D-08).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.move_to("retention-review", self.until, change.event.occurred_at);
    }
}

fields! {
    /// Content of the case is gone for good; structure and proofs stay (D-07).
    PersonalDataErased {
        must compartments: Vec<String>,
        must kept: Vec<String>,
        may certificate_ref: String,
    }
}

impl EventRules for PersonalDataErased {
    row! { PersonalDataErased {
        who: [Who::Records],
        from: [From::In(State::Closed)],
        deadlines: [meets("retention-review")],
        reasons: [Reason::CaseOnLegalHold, Reason::RetentionNotDue],
        covers: ["003-16"],
        summary: "Content is gone for good at the end of retention; structure, proofs and counts stay (D-07, D-08).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        if !scene.case.facts.standing.legal_holds.is_empty() {
            return Err(Reason::CaseOnLegalHold);
        }
        let review = DeadlineName::from("retention-review");
        let due = scene
            .case
            .facts
            .ledger
            .running(&review)
            .and_then(|occurrence| due_of(scene.case, occurrence, scene.rules));
        if due.is_some_and(|due| Case::day_of(scene.event) >= due) {
            Ok(())
        } else {
            Err(Reason::RetentionNotDue)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        let standing = &mut change.case.facts.standing;
        standing.erased.extend(self.compartments.iter().cloned());
        change.enter(State::Erased);
    }
}

fields! {
    /// Somebody asked for their own data (D-09).
    SubjectAccessRecorded {
        must id: String,
        must received_on: Date,
        may person_ref: String,
    }
}

impl EventRules for SubjectAccessRecorded {
    row! { SubjectAccessRecorded {
        who: [Who::Records],
        from: [From::Any],
        deadlines: [starts("subject-access:<id>")],
        summary: "Somebody asked for their own data; one month (D-09).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.start_named_from("subject-access", &self.id, self.received_on);
    }
}

fields! {
    /// Somebody got their own data.
    SubjectAccessAnswered {
        must id: String,
        must on: Date,
        must redacted: bool,
    }
}

impl EventRules for SubjectAccessAnswered {
    row! { SubjectAccessAnswered {
        who: [Who::Records],
        from: [From::Any],
        deadlines: [meets("subject-access:<id>")],
        summary: "Somebody got their own data (D-09).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.meet(DeadlineName::of("subject-access", &self.id));
    }
}

fields! {
    /// Data went where they should not have gone (D-09).
    ConfidentialityBreachRecorded {
        must id: String,
        must kind: String,
        must recipients: Vec<String>,
        must known_on: Date,
        must contained: bool,
        may ico_reported_on: Date,
        may persons_told: bool,
        may what: Content,
    }
}

impl EventRules for ConfidentialityBreachRecorded {
    row! { ConfidentialityBreachRecorded {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [
            starts("breach-notice:<id>"), meets("breach-notice:<id>").only("reported already"),
        ],
        summary: "Data went where they should not have gone; 72 hours to tell the Information Commissioner (D-09).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.start_named_from("breach-notice", &self.id, self.known_on);
        if self.ico_reported_on.is_some() {
            change.meet(DeadlineName::of("breach-notice", &self.id));
        }
    }
}

fields! {
    /// Somebody complains of how data are handled; kept apart from the care findings (D-14).
    DpComplaintReceived {
        must id: String,
        must received_on: Date,
        may what: Content,
    }
}

impl EventRules for DpComplaintReceived {
    row! { DpComplaintReceived {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [starts("dp-acknowledge:<id>")],
        summary: "Somebody complains of how data are handled; kept apart from the care findings (D-14).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.start_named_from("dp-acknowledge", &self.id, self.received_on);
    }
}

fields! {
    /// A complaint of how data are handled was answered.
    DpComplaintAnswered {
        must id: String,
        must on: Date,
        must stage: DpStage,
    }
}

impl EventRules for DpComplaintAnswered {
    row! { DpComplaintAnswered {
        who: [Who::Party],
        from: [From::Any],
        deadlines: [meets("dp-acknowledge:<id>")],
        summary: "A complaint of how data are handled was acknowledged or answered (D-14).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.meet(DeadlineName::of("dp-acknowledge", &self.id));
    }
}
