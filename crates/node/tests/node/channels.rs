//! Restricted channels on running nodes: who can read one, and that a complaint shows nothing of it.

use crate::support;

use concordat_domain::ids::CaseId;
use concordat_node::{Emission, Error, EventView, FeedContent, Ruling, Stage};
use concordat_store::{Store, StoreConfig};
use serde_json::{Value, json};
use support::{BOARD, COUNCIL, Partnership, TRUST};

/// A disclosure to the board about a complaint, with a word in its content that nobody else may find.
fn disclosure(complaint: CaseId, basis: &str) -> Value {
    json!({"basis": basis, "gdpr_art6": "public-task", "art9_condition": "dpa-sch1-para18", "confidentiality_ground": "public-interest",
        "recipients": [BOARD], "decision_maker": "caldicott-guardian", "subject_told": false, "noticed_on": "2026-12-18",
        "main_case": complaint.to_string(), "risk": "CANARY-RISK", "items": ["CANARY-ITEM"]})
}

async fn open_channel(partnership: &mut Partnership, opener: &Value) -> CaseId {
    let emission = partnership.emission(None, "disclosure-without-consent-recorded", opener);
    let receipt = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted");
    assert_eq!(receipt.ruling, Some(Ruling::Effective));
    partnership.settle().await;
    receipt.case
}

/// Everything that an organisation can see of a complaint, its feed included. Left out is how many others have witnessed an event: that is
/// a property of the whole log.
async fn sight(partnership: &Partnership, code: &str, complaint: CaseId) -> Vec<String> {
    let node = partnership.node(code);
    let mut seen = vec![format!("{:?}", node.case(complaint, None).await)];
    seen.extend(
        node.events(complaint)
            .await
            .expect("its case")
            .iter()
            .map(shown),
    );
    for entry in node.feed(None, 500).await.expect("a feed") {
        match &entry.content {
            FeedContent::Event { event, .. } if event.case == complaint => seen.push(shown(event)),
            FeedContent::ContentAvailable { case, .. } if *case == complaint => {
                seen.push(format!("{:?}", entry.content));
            }
            _ => {}
        }
    }
    seen
}

fn shown(event: &EventView) -> String {
    let event = EventView {
        stage: Stage::Ruled,
        ..event.clone()
    };
    format!("{event:?}")
}

/// How many entries there are in an organisation's feed.
async fn entries(partnership: &Partnership, code: &str) -> usize {
    partnership
        .node(code)
        .feed(None, 500)
        .await
        .expect("a feed")
        .len()
}

async fn cases(partnership: &Partnership, code: &str) -> Vec<CaseId> {
    let cases = partnership.node(code).cases_after(None, None, 100).await;
    cases.expect("running").iter().map(|case| case.id).collect()
}

// Proves: D-05, 002-2.7
/// Domain brief, fact 7 and section C, last invariant: nothing on a main case differs whether or not a channel exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_shows_nothing_of_a_channel_and_its_parties_hold_no_key_of_it() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let complaint = partnership.joint().await;
    let before = [
        sight(&partnership, TRUST, complaint).await,
        sight(&partnership, COUNCIL, complaint).await,
    ];
    let entries_before = entries(&partnership, COUNCIL).await;

    let opener = disclosure(complaint, "safeguarding-risk-of-harm");
    let channel = open_channel(&mut partnership, &opener).await;
    let referral = json!({"to": BOARD, "route": "adult-mash", "items": ["CANARY-ITEM"]});
    partnership
        .emit(TRUST, channel, "safeguarding-referred", referral)
        .await;
    let outcome = json!({"enquiry": "s42", "status": "opened", "instruction": "CANARY-INSTRUCTION",
        "affects_complaint": [{"org": COUNCIL, "act": "staff-notified"}]});
    partnership
        .emit(BOARD, channel, "safeguarding-outcome-received", outcome)
        .await;

    let after = [
        sight(&partnership, TRUST, complaint).await,
        sight(&partnership, COUNCIL, complaint).await,
    ];
    assert_eq!(after, before, "what both parties see of the complaint");
    assert_eq!(entries(&partnership, COUNCIL).await, entries_before);
    assert_eq!(cases(&partnership, COUNCIL).await, [complaint]);
    assert!(matches!(
        partnership.node(COUNCIL).case(channel, None).await,
        Err(Error::UnknownCase)
    ));
    assert!(matches!(
        partnership.node(COUNCIL).events(channel).await,
        Err(Error::UnknownCase)
    ));
    let asked = partnership.emission(
        Some(channel),
        "referral-not-needed",
        &json!({"decision_maker": "x", "why_code": "y"}),
    );
    assert!(matches!(
        partnership.node(COUNCIL).emit(asked).await,
        Err(Error::UnknownCase)
    ));

    // The body referred to reads the channel, all of it, and nothing of the complaint.
    assert_eq!(cases(&partnership, BOARD).await, [channel]);
    let read = format!(
        "{:?}",
        partnership
            .node(BOARD)
            .events(channel)
            .await
            .expect("its channel")
    );
    assert!(
        read.contains("CANARY-RISK") && read.contains("CANARY-ITEM"),
        "{read}"
    );
    assert_eq!(
        partnership.digest(BOARD, channel).await,
        partnership.digest(TRUST, channel).await
    );

    // The council is named in the outcome, holds no channel, and so is kept from nothing and told nothing.
    let told = json!({"staff_ref": "s-1", "issues": [], "not_told_code": "left"});
    partnership
        .emit(COUNCIL, complaint, "staff-notified", told)
        .await;

    partnership.down(COUNCIL).await;
    let place = partnership.sandbox.store_directory(COUNCIL);
    let store = Store::open(&place, StoreConfig::default()).expect("nobody has it open");
    let kept: Vec<String> = store
        .vault()
        .with_prefix("")
        .map(|kept| kept.expect("sound").0)
        .collect();
    assert!(
        kept.iter()
            .any(|name| name.contains(&complaint.to_string())),
        "{kept:?}"
    );
    assert!(
        kept.iter().all(|name| !name.contains(&channel.to_string())),
        "{kept:?}"
    );
}

/// Domain brief B2: the acts listed are refused at the door of the nodes that hold the channel; no ruling, no trace on the main case.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_an_enquiry_suspends_is_refused_at_the_door_until_the_channel_frees_it() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let complaint = partnership.joint().await;
    let channel = open_channel(&mut partnership, &disclosure(complaint, "statute")).await;
    let referral = json!({"to": BOARD, "route": "police"});
    partnership
        .emit(TRUST, channel, "safeguarding-referred", referral)
        .await;
    let suspending =
        |acts: Value| json!({"enquiry": "police", "status": "opened", "affects_complaint": acts});
    let acts = json!([{"org": TRUST, "act": "staff-notified"}]);
    partnership
        .emit(
            BOARD,
            channel,
            "safeguarding-outcome-received",
            suspending(acts.clone()),
        )
        .await;
    let before = sight(&partnership, COUNCIL, complaint).await;

    let notified = json!({"staff_ref": "s-1", "issues": [], "not_told_code": "left"});
    let refused = partnership.emission(Some(complaint), "staff-notified", &notified);
    let tried = |emission: Emission, validate_only: bool| Emission {
        validate_only,
        ..emission
    };
    for validate_only in [true, false] {
        let answer = partnership
            .node(TRUST)
            .emit(tried(refused.clone(), validate_only))
            .await;
        assert!(
            matches!(&answer, Err(Error::ActSuspended { case, .. }) if *case == complaint),
            "{answer:?}"
        );
    }
    partnership.settle().await;
    assert_eq!(
        sight(&partnership, COUNCIL, complaint).await,
        before,
        "no ruling, no trace"
    );
    // Other acts go on, and so does the same act of another body.
    partnership
        .emit(
            TRUST,
            complaint,
            "complainant-updated",
            json!({"method": "letter"}),
        )
        .await;
    partnership
        .emit(COUNCIL, complaint, "staff-notified", notified.clone())
        .await;

    // It still holds after a start from the store.
    partnership.down(TRUST).await;
    partnership.up(TRUST);
    let answer = partnership.node(TRUST).emit(refused.clone()).await;
    assert!(
        matches!(answer, Err(Error::ActSuspended { .. })),
        "{answer:?}"
    );

    // An outcome that says nothing of acts leaves them as they are; an empty list frees them.
    let silent = json!({"enquiry": "police", "status": "substantiated"});
    partnership
        .emit(BOARD, channel, "safeguarding-outcome-received", silent)
        .await;
    assert!(partnership.node(TRUST).emit(refused.clone()).await.is_err());
    partnership
        .emit(
            BOARD,
            channel,
            "safeguarding-outcome-received",
            suspending(json!([])),
        )
        .await;
    partnership
        .emit(TRUST, complaint, "staff-notified", notified.clone())
        .await;

    // So does the end of the channel.
    partnership
        .emit(
            BOARD,
            channel,
            "safeguarding-outcome-received",
            suspending(acts),
        )
        .await;
    assert!(partnership.node(TRUST).emit(refused).await.is_err());
    partnership
        .emit(
            TRUST,
            channel,
            "case-closed",
            json!({"reason": "channel-ended"}),
        )
        .await;
    partnership
        .emit(TRUST, complaint, "staff-notified", notified)
        .await;
}

/// D-05, domain brief B2: what the body referred to reads is what the disclosure record allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disclosure_without_personal_data_opens_no_content() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let complaint = partnership.open().await;
    let channel = open_channel(&mut partnership, &disclosure(complaint, "no-personal-data")).await;
    let referral = json!({"to": BOARD, "route": "lado", "items": ["CANARY-ITEM"]});
    partnership
        .emit(TRUST, channel, "safeguarding-referred", referral)
        .await;
    let read = || async {
        let events = partnership.node(BOARD).events(channel).await;
        format!("{:?}", events.expect("its channel"))
    };
    let told = read().await;
    assert!(
        told.contains("Lado") || told.contains("LADO"),
        "it reads the process part: {told}"
    );
    assert!(!told.contains("CANARY"), "{told}");
    // A further record with a wider basis opens it.
    let wider = disclosure(complaint, "vital-interests");
    partnership
        .emit(TRUST, channel, "disclosure-without-consent-recorded", wider)
        .await;
    let events = partnership
        .node(BOARD)
        .events(channel)
        .await
        .expect("its channel");
    let told = format!("{events:?}");
    assert!(
        told.contains("CANARY-RISK") && told.contains("CANARY-ITEM"),
        "{told}"
    );
}

/// Domain brief B1, `screen_result:g`: what the receiver noted on safeguarding stays with it, also when the complaint is passed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_receiver_noted_on_safeguarding_stays_with_it() {
    let mut partnership = Partnership::start("2026-12-18T10:00:00Z");
    let mut complaint = support::complaint();
    complaint["screen_result"] = json!("SCREENED");
    let emission = partnership.emission(None, "complaint-received", &complaint);
    let case = partnership
        .node(TRUST)
        .emit(emission)
        .await
        .expect("accepted")
        .case;
    let asked = json!({"orgs": [COUNCIL], "explained": ["coordinated", "single-contact", "single-response"], "purpose": "pass-on"});
    partnership
        .emit(TRUST, case, "consent-requested", asked)
        .await;
    let granted = json!({"given_by": "p-1", "orgs": [COUNCIL], "issues": "all", "learning": false, "evidence_ref": "d-1"});
    partnership
        .emit(TRUST, case, "consent-granted", granted)
        .await;
    let passed = json!({"to": COUNCIL, "method": "portal", "complainant_told": true});
    partnership
        .emit(TRUST, case, "complaint-passed-on", passed)
        .await;
    let accepted = json!({"received_on": "2026-12-18", "first_received_on": "2026-12-18"});
    partnership
        .emit(COUNCIL, case, "complaint-accepted", accepted)
        .await;
    let read = format!(
        "{:?}",
        partnership
            .node(COUNCIL)
            .events(case)
            .await
            .expect("its case")
    );
    assert!(
        read.contains("CANARY"),
        "it reads what consent covers: {read}"
    );
    assert!(!read.contains("SCREENED"), "{read}");
    let own = format!(
        "{:?}",
        partnership
            .node(TRUST)
            .events(case)
            .await
            .expect("its case")
    );
    assert!(own.contains("SCREENED"), "{own}");
}
