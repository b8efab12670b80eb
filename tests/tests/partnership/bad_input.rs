//! What is wrong is refused at the boundary with one reason and the field it is about, and leaves no trace.

use crate::together;

use serde_json::{Value, json};
use together::{BOARD, CODES, COUNCIL, TRUST, Together};

/// A code like any other, of no organisation in the partnership.
const NOBODY: &str = "ods:ZZ999";

/// One thing that is wrong, and what is said of it.
struct Wrong {
    what: &'static str,
    asked: Value,
    code: &'static str,
    reason: &'static str,
    /// The fields that the details name; none where it is no field's fault.
    fields: &'static [&'static str],
}

/// What the nodes hold: a refusal must leave it as it is.
fn held(together: &mut Together) -> Vec<Value> {
    let mut held = Vec::new();
    for code in CODES {
        let info = together
            .driver
            .call(code, "ServerService/GetServerInfo", json!({}));
        held.push(json!([
            info["treeSize"],
            info["treeRoot"],
            info["position"]
        ]));
        held.push(
            together
                .driver
                .call(code, "EventService/ListDrafts", json!({})),
        );
        let mut cases = together
            .driver
            .call(code, "CaseService/ListCases", json!({}));
        // What is overdue is a question of time.
        for case in cases["cases"].as_array_mut().into_iter().flatten() {
            held.push(json!([
                case["caseId"].take(),
                case["digest"].take(),
                case["version"].take()
            ]));
        }
    }
    held
}

#[test]
fn what_is_wrong_is_refused_with_one_reason_and_its_field_and_leaves_no_trace() {
    let mut together = Together::start();
    together.play_all(1..=13);
    let joint = together.case.clone();
    let fresh = together.open_at(BOARD);
    let unknown = together.open_at(COUNCIL);
    let consent = json!({"given_by": "p-1", "orgs": [NOBODY], "issues": "all", "learning": true, "evidence_ref": "doc-1"});
    let consent =
        json!({"org": COUNCIL, "case": unknown, "event": "consent-granted", "fields": consent});
    together.driver.run("emit", consent);
    let complaint = together.complaint();
    let with = |name: &str, value: Value| {
        let mut complaint = complaint.clone();
        complaint[name] = value;
        complaint
    };
    let emit = |org: &str, case: &str, event: &str, fields: Value| json!({"org": org, "case": case, "event": event, "fields": fields});
    let add = |body: &str| json!({"participant": body, "why_code": "issue-owner"});
    let mut malformed = emit(
        TRUST,
        &joint,
        "complainant-updated",
        json!({"method": "letter"}),
    );
    malformed["event_id"] = json!("not-a-uuid");
    let mut nameless = malformed.clone();
    nameless["event_id"] = json!("");
    let all = [
        Wrong {
            what: "a field is missing",
            asked: emit(TRUST, &joint, "complainant-updated", json!({})),
            code: "INVALID_ARGUMENT",
            reason: "MISSING_FIELD",
            fields: &["event.body.complainant_updated.method"],
        },
        Wrong {
            what: "a list that must have something is empty",
            asked: emit(
                TRUST,
                &joint,
                "draft-circulated",
                json!({"version": 1, "shared_with_complainant": true}),
            ),
            code: "INVALID_ARGUMENT",
            reason: "MISSING_FIELD",
            fields: &["event.body.draft_circulated.to"],
        },
        Wrong {
            what: "consent does not cover that body",
            asked: emit(TRUST, &joint, "participant-added", add(BOARD)),
            code: "FAILED_PRECONDITION",
            reason: "CONSENT_SCOPE_EXCEEDED",
            fields: &[],
        },
        Wrong {
            what: "no organisation of the partnership has this code",
            asked: emit(COUNCIL, &unknown, "participant-added", add(NOBODY)),
            code: "FAILED_PRECONDITION",
            reason: "UNREGISTERED_ORG",
            fields: &[],
        },
        Wrong {
            what: "a code that can be no organisation's",
            asked: emit(TRUST, &joint, "participant-added", add("the council")),
            code: "INVALID_ARGUMENT",
            reason: "FIELD_INVALID",
            fields: &["event.body.participant_added.participant"],
        },
        Wrong {
            what: "the case is past that",
            asked: emit(
                TRUST,
                &joint,
                "lead-proposed",
                json!({"lead": TRUST, "reason": "more-resources", "complainant_view": "content"}),
            ),
            code: "FAILED_PRECONDITION",
            reason: "WRONG_STATE",
            fields: &[],
        },
        Wrong {
            what: "only the lead may",
            asked: emit(
                COUNCIL,
                &joint,
                "complainant-updated",
                json!({"method": "letter"}),
            ),
            code: "FAILED_PRECONDITION",
            reason: "NOT_LEAD",
            fields: &[],
        },
        Wrong {
            what: "nobody has consented",
            asked: emit(BOARD, &fresh, "participant-added", add(COUNCIL)),
            code: "FAILED_PRECONDITION",
            reason: "NO_CONSENT",
            fields: &[],
        },
        Wrong {
            what: "to the board there is no such case",
            asked: emit(
                BOARD,
                &joint,
                "complainant-updated",
                json!({"method": "letter"}),
            ),
            code: "NOT_FOUND",
            reason: "NOT_FOUND",
            fields: &[],
        },
        Wrong {
            what: "an event id that is no UUID",
            asked: malformed,
            code: "INVALID_ARGUMENT",
            reason: "FIELD_INVALID",
            fields: &["event_id"],
        },
        Wrong {
            what: "no event id",
            asked: nameless,
            code: "INVALID_ARGUMENT",
            reason: "EVENT_ID_MISSING",
            fields: &["event_id"],
        },
        Wrong {
            what: "a text longer than a text may be",
            asked: emit(
                TRUST,
                "",
                "complaint-received",
                with("nature", json!("long ".repeat(14_000))),
            ),
            code: "INVALID_ARGUMENT",
            reason: "FIELD_INVALID",
            fields: &["event.body.complaint_received.nature"],
        },
        Wrong {
            what: "a text longer than an event",
            asked: emit(
                TRUST,
                "",
                "complaint-received",
                with("nature", json!("long ".repeat(120_000))),
            ),
            code: "INVALID_ARGUMENT",
            reason: "EVENT_TOO_LARGE",
            fields: &["event.body", "event.body.complaint_received.nature"],
        },
        Wrong {
            what: "a policy that nobody knows",
            asked: emit(
                TRUST,
                "",
                "complaint-received",
                with("policy", json!("eng-1999")),
            ),
            code: "INVALID_ARGUMENT",
            reason: "MISSING_FIELD",
            fields: &["event.body.complaint_received.policy"],
        },
    ];
    together.settle();
    let before = held(&mut together);
    let mut differences = Vec::new();
    for wrong in all {
        let refusal = together
            .driver
            .try_do("emit", wrong.asked.clone())
            .expect_err(wrong.what);
        let told = (refusal.code(), refusal.reason(), refusal.fields());
        let of_us = refusal.0["domain"] == "concordat" && refusal.0["message"] != "";
        if told != (wrong.code, wrong.reason, wrong.fields.to_vec()) || !of_us {
            differences.push(format!("{}: {}", wrong.what, refusal.0));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let with_more = emit(
        TRUST,
        &joint,
        "complainant-updated",
        json!({"method": "letter"}),
    );
    let refusal = together
        .driver
        .try_do("emit_with_unknown_field", with_more)
        .expect_err("no contract has it");
    assert_eq!(
        (refusal.code(), refusal.reason()),
        ("INVALID_ARGUMENT", "FIELD_UNKNOWN"),
        "{refusal:?}"
    );

    // Whoever has been refused can still be answered, and nothing is there that was not before.
    together.settle();
    assert_eq!(held(&mut together), before);
    let case = together
        .driver
        .call(TRUST, "CaseService/GetCase", json!({"caseId": joint}));
    assert_eq!(case["jointCase"]["state"], "investigating");
}
