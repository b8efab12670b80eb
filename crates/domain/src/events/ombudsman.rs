//! The ombudsman takes a case up, decides and recommends (domain brief B7).

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::response::Ombudsman;
use super::row::{EventRules, Scene, Who, ends, meets, row, starts};
use crate::case::{Case, Change, DeadlineName, From, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// What an ombudsman decided.
    OmbudsmanDecision { Upheld = "upheld", PartlyUpheld = "partly-upheld", NotUpheld = "not-upheld", Discontinued = "discontinued" }
}

elements! {
    /// What an ombudsman recommends, by whom and until when.
    Recommendation { must id: String, must org: OrganisationId, must due: Date }
}

/// Whether an ombudsman wrote to this body: it answers for itself, whoever keeps the case.
fn was_written_to(case: &Case, body: &OrganisationId) -> bool {
    case.facts.standing.written_to.contains(body)
}

fields! {
    /// The ombudsman gave the case back.
    OmbudsmanReturned {
        must ombudsman: Ombudsman,
        must on: Date,
        may reply_by: Date,
        may why_code: String,
    }
}

impl EventRules for OmbudsmanReturned {
    row! { OmbudsmanReturned {
        who: [Who::Keeper],
        from: [From::Any],
        deadlines: [starts("ombudsman-reply").only("a reply is due")],
        summary: "The ombudsman gave the case back; it is where it was before.",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        change.back_from_ombudsman(|before| before);
        if let Some(reply_by) = self.reply_by {
            change.start_on("ombudsman-reply", reply_by);
        }
    }
}

fields! {
    /// The ombudsman got what it asked for.
    OmbudsmanEvidenceSent {
        must ombudsman: Ombudsman,
        must sent_on: Date,
        must items: u32,
    }
}

impl EventRules for OmbudsmanEvidenceSent {
    row! { OmbudsmanEvidenceSent {
        who: [Who::Keeper, Who::Owner],
        from: [From::Any],
        deadlines: [meets("ombudsman-reply")],
        covers: ["003-11"],
        summary: "The ombudsman got what it asked for (J-16).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        was_written_to(case, actor)
    }
}

fields! {
    /// A body commented on the ombudsman's draft.
    OmbudsmanDraftCommented {
        must report_ref: String,
        must sent_on: Date,
        may points: Content,
    }
}

impl EventRules for OmbudsmanDraftCommented {
    row! { OmbudsmanDraftCommented {
        who: [Who::Keeper, Who::Owner],
        from: [From::In(State::WithOmbudsman)],
        covers: ["003-11"],
        summary: "A body commented on the draft of the ombudsman (J-16).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        was_written_to(case, actor)
    }
}

fields! {
    /// The ombudsman decided.
    OmbudsmanDecisionRecorded {
        must ombudsman: Ombudsman,
        must decision: OmbudsmanDecision,
        must decided_on: Date,
        must recommendations: Vec<Recommendation>,
        may recommendation_texts: Content,
    }
}

impl EventRules for OmbudsmanDecisionRecorded {
    row! { OmbudsmanDecisionRecorded {
        who: [Who::Keeper, Who::Owner],
        from: [From::In(State::WithOmbudsman)],
        deadlines: [ends("ombudsman-reply"), starts("recommendation:<id>")],
        covers: ["003-14"],
        summary: "The ombudsman decided; what it recommends is owed (J-16).",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        was_written_to(case, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        for recommended in &self.recommendations {
            let entry = crate::case::Recommendation {
                org: recommended.org.clone(),
                owner: None,
                complied: false,
                verified: false,
            };
            let recommendations = &mut change.case.facts.recommendations;
            recommendations.insert(recommended.id.clone(), entry);
            change.start_about(
                "recommendation",
                &recommended.id,
                &recommended.org,
                recommended.due,
            );
        }
        change.back_from_ombudsman(|before| match before {
            State::Closed => State::Responded,
            before => before,
        });
    }
}

fields! {
    /// Someone is to see to a recommendation.
    RecommendationAssigned {
        must recommendation: String,
        must owner: String,
        must due: Date,
    }
}

impl EventRules for RecommendationAssigned {
    row! { RecommendationAssigned {
        who: [Who::Owner],
        from: [From::Any],
        summary: "Who sees to a recommendation, and until when.",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_recommendation(&self.recommendation, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        if let Some(recommended) = change.recommendation(&self.recommendation) {
            recommended.owner = Some(self.owner.clone());
        }
    }
}

fields! {
    /// A recommendation was complied with.
    RecommendationComplied {
        must recommendation: String,
        must evidence_ref: String,
        may sent_to_ombudsman_on: Date,
    }
}

impl EventRules for RecommendationComplied {
    row! { RecommendationComplied {
        who: [Who::Owner],
        from: [From::Any],
        deadlines: [meets("recommendation:<id>")],
        summary: "A recommendation was complied with, with evidence.",
    }}

    fn is_owner(&self, case: &Case, actor: &OrganisationId) -> bool {
        case.owes_recommendation(&self.recommendation, actor)
    }

    fn apply(&self, change: &mut Change<'_>) {
        if let Some(recommended) = change.recommendation(&self.recommendation) {
            recommended.complied = true;
        }
        change.meet(DeadlineName::of("recommendation", &self.recommendation));
    }
}

fields! {
    /// Somebody else looked whether a recommendation was complied with.
    RecommendationVerified {
        must recommendation: String,
        must by_post: String,
        must evidence_ref: String,
    }
}

impl EventRules for RecommendationVerified {
    row! { RecommendationVerified {
        who: [Who::Party],
        from: [From::Any],
        reasons: [Reason::StepOutOfOrder, Reason::ConflictOfInterest],
        covers: ["003-11"],
        summary: "Somebody other than its owner looked whether a recommendation was complied with.",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let recommended = scene.case.facts.recommendations.get(&self.recommendation);
        if !recommended.is_some_and(|recommended| recommended.complied) {
            return Err(Reason::StepOutOfOrder);
        }
        let owner = recommended.and_then(|recommended| recommended.owner.as_ref());
        if owner == Some(&self.by_post) {
            Err(Reason::ConflictOfInterest)
        } else {
            Ok(())
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        if let Some(recommended) = change.recommendation(&self.recommendation) {
            recommended.verified = true;
        }
    }
}
