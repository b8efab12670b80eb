//! The story that the demo tells: one complaint about a discharge and the home care that did not come. All fictitious.

use serde_json::{Value, json};

use super::{COUNCIL, TRUST};

/// One act: when, who, what, and how it ends.
pub(super) struct Scene {
    /// Local time in Europe/London.
    pub(super) at: &'static str,
    /// Code of the organisation that acts.
    pub(super) who: &'static str,
    /// Type of the event.
    pub(super) event: &'static str,
    /// Its fields.
    pub(super) fields: Value,
    /// What comes of it.
    pub(super) ending: Ending,
    /// What another organisation does at the same time, so that this one cannot know of it when it acts.
    pub(super) meanwhile: Option<Box<Scene>>,
    /// What is told of it.
    pub(super) story: &'static str,
}

/// What comes of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It counts.
    Effective,
    /// The own node's door refuses it with this reason; it is stored nowhere.
    Refused(&'static str),
    /// It stands on the log and every node rules it void with this reason, as another act came first.
    Void(&'static str),
}

fn scene(
    at: &'static str,
    who: &'static str,
    event: &'static str,
    fields: Value,
    story: &'static str,
) -> Scene {
    Scene {
        at,
        who,
        event,
        fields,
        ending: Ending::Effective,
        meanwhile: None,
        story,
    }
}

/// The whole story, in order.
pub(super) fn scenes() -> Vec<Scene> {
    let findings = |issue: &str, outcome: &str| json!([{"issue": issue, "outcome": outcome}]);
    let strand =
        |org: &str, issue: &str| json!({"org": org, "issues": [issue], "due": "2027-02-11"});
    vec![
        scene(
            "2026-12-18T10:00",
            TRUST,
            "complaint-received",
            json!({"policy": "eng-2009", "protocol": "joint-example-v1", "channel": "email", "complainant_ref": "p-1",
                "subject_ref": "p-1", "nature": "unsafe discharge without the agreed home care", "orgs_named": [TRUST, COUNCIL],
                "matter_known_on": "2026-12-10", "received_on": "2026-12-18", "screened_on": "2026-12-18"}),
            "A person complains about a discharge and the home care that did not come",
        ),
        scene(
            "2026-12-21T10:00",
            TRUST,
            "complaint-acknowledged",
            json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
            "The trust acknowledges within three working days",
        ),
        Scene {
            ending: Ending::Refused("no-consent"),
            ..scene(
                "2026-12-21T10:30",
                TRUST,
                "participant-added",
                json!({"participant": COUNCIL, "why_code": "issue-owner"}),
                "The trust tries to bring the council in before asking the person",
            )
        },
        scene(
            "2026-12-21T11:00",
            TRUST,
            "consent-requested",
            json!({"orgs": [COUNCIL], "form": "joint", "explained": ["coordinated", "single-contact", "single-response"]}),
            "It asks for consent",
        ),
        scene(
            "2026-12-29T10:00",
            TRUST,
            "consent-granted",
            json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": true, "evidence_ref": "doc-1"}),
            "The person agrees: the council may know",
        ),
        scene(
            "2026-12-29T12:00",
            TRUST,
            "participant-added",
            json!({"participant": COUNCIL, "why_code": "issue-owner", "why": "reablement package"}),
            "The council is added; its node offers a key, the trust's node grants",
        ),
        scene(
            "2026-12-30T10:00",
            COUNCIL,
            "participant-joined",
            json!({"responsible_person": "chief-executive"}),
            "The council joins and reads the case from its first event",
        ),
        scene(
            "2026-12-31T10:00",
            TRUST,
            "lead-proposed",
            json!({"lead": TRUST, "reason": "greatest-responsibility", "complainant_view": "content"}),
            "Who leads?",
        ),
        scene(
            "2027-01-05T09:30",
            COUNCIL,
            "lead-accepted",
            json!({"lead": TRUST}),
            "The council agrees",
        ),
        scene(
            "2027-01-05T10:00",
            TRUST,
            "lead-agreed",
            json!({"lead": TRUST, "accepted_by": [COUNCIL]}),
            "The trust leads",
        ),
        scene(
            "2027-01-06T10:00",
            TRUST,
            "named-contact-assigned",
            json!({"contact": "staff-11", "details_sent": true}),
            "One named contact for the person",
        ),
        scene(
            "2027-01-08T10:00",
            TRUST,
            "issues-agreed",
            json!({"issues": [{"id": "I1"}, {"id": "I2"}], "desired_outcomes": [{"id": "D1"}],
                "issue_texts": [{"id": "I1", "text": "discharge decision"}, {"id": "I2", "text": "no visit for three days"}],
                "desired_outcome_texts": [{"id": "D1", "text": "explanation"}], "agreed_with_complainant": "yes"}),
            "The list that the answer must cover",
        ),
        scene(
            "2027-01-12T10:00",
            TRUST,
            "response-period-set",
            json!({"mode": "agreed", "date": "2027-03-12"}),
            "A date for the answer, agreed with the person",
        ),
        scene(
            "2027-01-14T10:00",
            TRUST,
            "plan-agreed",
            json!({"strands": [strand(TRUST, "I1"), strand(COUNCIL, "I2")], "agreed_by": [TRUST, COUNCIL],
                "discussed_with_complainant": true, "local_procedures": [COUNCIL]}),
            "Two strands, one date",
        ),
        scene(
            "2027-02-10T10:00",
            TRUST,
            "strand-submitted",
            json!({"findings": findings("I1", "partly-upheld"), "actions": [], "authorised_by": "med-director"}),
            "The trust submits its strand",
        ),
        scene(
            "2027-02-15T10:00",
            TRUST,
            "complainant-updated",
            json!({"method": "telephone", "told_of_delay": true}),
            "The council's strand is late: the trust's enforcer has said so, and the person is told",
        ),
        scene(
            "2027-02-16T10:00",
            COUNCIL,
            "strand-submitted",
            json!({"findings": findings("I2", "upheld"),
                "actions": [{"id": "A1", "owner": "svc-mgr", "target": "2027-04-30"}], "authorised_by": "director-asc",
                "action_texts": [{"id": "A1", "text": "weekend cover for the brokerage"}]}),
            "The council submits, five days late",
        ),
        scene(
            "2027-02-18T10:00",
            TRUST,
            "draft-circulated",
            json!({"version": 1, "to": [COUNCIL], "shared_with_complainant": true}),
            "One draft for all",
        ),
        Scene {
            ending: Ending::Void("stale-sequence"),
            meanwhile: Some(Box::new(scene(
                "2027-02-22T10:00",
                TRUST,
                "draft-circulated",
                json!({"version": 2, "to": [COUNCIL], "shared_with_complainant": true}),
                "The trust sends a second version round, which the council has not heard of yet",
            ))),
            ..scene(
                "2027-02-22T10:00",
                COUNCIL,
                "draft-commented",
                json!({"version": 1, "result": "agreed"}),
                "The council agrees, insisting on the case as it knows it",
            )
        },
        scene(
            "2027-02-22T15:00",
            COUNCIL,
            "draft-commented",
            json!({"version": 2, "result": "agreed"}),
            "It reads the second version and agrees to that",
        ),
        scene(
            "2027-03-02T10:00",
            TRUST,
            "response-signed-off",
            json!({"version": 2, "signed_by": "chief-executive", "role": "responsible-person"}),
            "Signed by the responsible person",
        ),
        scene(
            "2027-03-03T10:00",
            TRUST,
            "response-issued",
            json!({"version": 2, "overall_outcome": "partly-upheld", "ombudsman": ["PHSO", "LGSCO"],
                "actions": [{"id": "A1", "org": COUNCIL, "owner": "svc-mgr", "target": "2027-04-30", "authorised_by": "director-asc"}],
                "findings": [{"issue": "I1", "org": TRUST, "outcome": "partly-upheld"}, {"issue": "I2", "org": COUNCIL, "outcome": "upheld"}],
                "desired_outcomes": [{"id": "D1", "result": "part"}], "action_confirmation": "proposed",
                "how_considered": "records, statements and the person's account", "conclusion": "as set out for each issue"}),
            "One answer, in time",
        ),
        scene(
            "2027-04-27T10:00",
            COUNCIL,
            "action-completed",
            json!({"action": "A1", "evidence_ref": "doc-20"}),
            "The promised action is done",
        ),
        scene(
            "2027-04-29T10:00",
            TRUST,
            "complainant-told-of-action",
            json!({"action": "A1", "evidence_shared": "yes"}),
            "The person is told",
        ),
        scene(
            "2027-05-05T10:00",
            TRUST,
            "action-verified",
            json!({"action": "A1", "result": "verified", "by_post": "complaints-manager"}),
            "And it is verified",
        ),
        scene(
            "2027-05-06T10:00",
            TRUST,
            "case-closed",
            json!({"reason": "responded", "root_cause": "handover"}),
            "Nothing is owed: closed",
        ),
    ]
}
