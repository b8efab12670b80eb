//! Other processes and ways beside the complaint; its clock never stops for them (domain brief B4).

use jiff::civil::Date;

use super::read::{Content, codes, fields};
use super::row::{EventRules, Who, ends, row, starts};
use crate::case::{Change, DeadlineName, From};

codes! {
    /// Which other process (J-13).
    ParallelKind { Psii = "psii", Incident = "incident", Police = "police", Coroner = "coroner", Court = "court", Claim = "claim", Disciplinary = "disciplinary", Hr = "hr", ProfessionalRegulator = "professional-regulator", Cqc = "cqc", DutyOfCandour = "duty-of-candour", ChildDeathReview = "child-death-review", Leder = "leder", MedicalExaminer = "medical-examiner", DataProtection = "data-protection" }
    /// Which way of resolution.
    ResolutionKind { Mediation = "mediation", Meeting = "meeting", Letter = "letter", Investigation = "investigation", Review = "review" }
    /// What a way of resolution came to.
    ResolutionResult { Settled = "settled", Part = "part", Not = "not" }
}

fields! {
    /// Another process about the same matter is under way (J-13).
    ParallelProcessLinked {
        must kind: ParallelKind,
        must r#ref: String,
        may stage: String,
        may clock_paused: bool,
    }
}

impl EventRules for ParallelProcessLinked {
    row! { ParallelProcessLinked {
        who: [Who::Keeper],
        from: [From::Any],
        covers: ["000-2"],
        summary: "Another process about the same matter is under way; the clock of the complaint never stops for it (J-13).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change
            .case
            .facts
            .standing
            .parallel
            .insert(self.r#ref.clone());
    }
}

fields! {
    /// Another process about the same matter ended.
    ParallelProcessEnded {
        must r#ref: String,
        may outcome_code: String,
    }
}

impl EventRules for ParallelProcessEnded {
    row! { ParallelProcessEnded {
        who: [Who::Keeper],
        from: [From::Any],
        summary: "Another process about the same matter ended.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.standing.parallel.remove(&self.r#ref);
    }
}

fields! {
    /// Issues wait, since answering them would prejudice proceedings (K-10).
    HoldStarted {
        must id: String,
        must issues: Vec<String>,
        must decided_by: String,
        must advice_ref: String,
        must review_on: Date,
        must complainant_told: bool,
        may resubmit_until: Date,
        may why: Content,
    }
}

impl EventRules for HoldStarted {
    row! { HoldStarted {
        who: [Who::Keeper],
        from: [From::Open],
        deadlines: [starts("hold-review:<id>")],
        summary: "Issues wait, since answering them would prejudice proceedings; statutory dates stand (K-10).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        let issues = self.issues.iter().cloned().collect();
        change.case.facts.holds.insert(self.id.clone(), issues);
        change.start_named_on("hold-review", &self.id, self.review_on);
    }
}

fields! {
    /// Issues wait no longer.
    HoldEnded {
        must id: String,
    }
}

impl EventRules for HoldEnded {
    row! { HoldEnded {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [ends("hold-review:<id>")],
        summary: "Issues wait no longer.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.case.facts.holds.remove(&self.id);
        change.end(DeadlineName::of("hold-review", &self.id));
    }
}

fields! {
    /// A way of resolution was offered.
    ResolutionOptionOffered {
        must kind: ResolutionKind,
    }
}

impl EventRules for ResolutionOptionOffered {
    row! { ResolutionOptionOffered {
        who: [Who::Keeper],
        from: [From::Open],
        covers: ["002-4.1"],
        summary: "A way of resolution was offered (E-01).",
    }}
}

fields! {
    /// A way of resolution was tried.
    ResolutionOptionTried {
        must kind: ResolutionKind,
        must result: ResolutionResult,
        may note: Content,
    }
}

impl EventRules for ResolutionOptionTried {
    row! { ResolutionOptionTried {
        who: [Who::Keeper],
        from: [From::Open],
        summary: "A way of resolution was tried, and what it came to.",
    }}
}
