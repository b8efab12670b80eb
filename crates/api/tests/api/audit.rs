//! The audit service as an auditor calls it, over a real socket, on real nodes.

use crate::support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use concordat_node::Stage;
use concordat_proto::v1;
use support::{COUNCIL, Served, TRUST, acknowledgement, told};
use tonic::Code;

const PURPOSE: &str = "complaint-review";

#[tokio::test(flavor = "multi_thread")]
async fn past_case_is_explained_and_its_reading_recorded() {
    let mut served = Served::start().await;
    let first = served.complaint().await;
    let case_id = first.case_id.clone();
    served
        .emit(&case_id, "complaint-acknowledged", acknowledgement())
        .await;
    let known = v1::Known {
        position: first.position.clone(),
        time: None,
    };
    let asked = v1::GetCaseAsOfRequest {
        purpose: PURPOSE.to_owned(),
        actor_id: "auditor-7".to_owned(),
        case_id: case_id.clone(),
        known: Some(known.clone()),
        valid_at: None,
    };
    let past = served.audit().get_case_as_of(asked.clone()).await;
    let past = past.expect("the case").into_inner();
    assert_eq!(past.known_position, first.position);
    let case = past.joint_case.expect("a case");
    assert_eq!(case.position, first.position);
    // SI 2009/309, regulation 13(3): three working days after Monday 2 March 2026.
    let acknowledge = past.explanations.iter().find(|one| {
        one.deadline
            .as_ref()
            .is_some_and(|deadline| deadline.name == "acknowledge")
    });
    let acknowledge = acknowledge.expect("explained");
    let deadline = acknowledge.deadline.as_ref().expect("a deadline");
    assert_eq!(deadline.due_date, "2026-03-05");
    assert_eq!(deadline.state(), v1::DeadlineState::Running);
    assert!(
        acknowledge
            .sentences
            .iter()
            .any(|one| one.contains("2026-03-05"))
    );

    let mut audit = served.audit();
    let compared = audit.compare_case(v1::CompareCaseRequest {
        purpose: PURPOSE.to_owned(),
        case_id: case_id.clone(),
        before: Some(v1::ComparePoint {
            known: Some(known),
            valid_at: None,
        }),
        ..v1::CompareCaseRequest::default()
    });
    let compared = compared.await.expect("compared").into_inner();
    let met = compared.deadlines.iter().find(|change| {
        change.kind() == v1::DeadlineChangeKind::Met
            && change
                .after
                .as_ref()
                .is_some_and(|after| after.name == "acknowledge")
    });
    assert!(met.is_some(), "{:?}", compared.deadlines);
    let types: Vec<&str> = compared
        .events
        .iter()
        .map(|one| one.r#type.as_str())
        .collect();
    assert_eq!(types, ["deadline-approaching", "complaint-acknowledged"]);
    assert!(
        compared
            .fields
            .iter()
            .all(|field| !field.event_id.is_empty())
    );

    let mut audit = served.audit();
    let records = audit.list_access_records(v1::ListAccessRecordsRequest {
        purpose: "oversight".to_owned(),
        case_id,
        ..v1::ListAccessRecordsRequest::default()
    });
    let records = records.await.expect("a list").into_inner();
    let told: Vec<(&str, &str, &str, &str)> = records
        .records
        .iter()
        .map(|one| {
            (
                one.access_record.as_str(),
                one.rpc.as_str(),
                one.who.as_str(),
                one.purpose.as_str(),
            )
        })
        .collect();
    // Within one instant of the clock, which stands still here, they are in the order of their ids.
    let mut expected = [
        (
            past.access_record.as_str(),
            "GetCaseAsOf",
            "auditor-7",
            PURPOSE,
        ),
        (
            compared.access_record.as_str(),
            "CompareCase",
            "local-system",
            PURPOSE,
        ),
        (
            records.access_record.as_str(),
            "ListAccessRecords",
            "local-system",
            "oversight",
        ),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected);

    // The case file says who looked, too.
    let mut reports = served.reports();
    let file = reports.run_report(v1::RunReportRequest {
        report: "case-file".to_owned(),
        case_id: asked.case_id,
        ..v1::RunReportRequest::default()
    });
    let mut pieces = file.await.expect("a report").into_inner();
    let mut seen = false;
    while let Some(piece) = pieces.message().await.expect("whole") {
        seen |= format!("{piece:?}").contains("auditor-7");
    }
    assert!(seen, "the look is in the file of the case");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_needs_a_purpose_and_a_point_that_is_there() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    let asked = v1::GetCaseAsOfRequest {
        purpose: PURPOSE.to_owned(),
        case_id: receipt.case_id.clone(),
        ..v1::GetCaseAsOfRequest::default()
    };
    let without = v1::GetCaseAsOfRequest {
        purpose: String::new(),
        ..asked.clone()
    };
    let spoken = v1::GetCaseAsOfRequest {
        purpose: "just looking".to_owned(),
        ..asked.clone()
    };
    let both = v1::GetCaseAsOfRequest {
        known: Some(v1::Known {
            position: receipt.position.clone(),
            time: Some(prost_types::Timestamp::default()),
        }),
        ..asked.clone()
    };
    for (request, field) in [
        (without, "purpose"),
        (spoken, "purpose"),
        (both, "known.time"),
    ] {
        let refused = served
            .audit()
            .get_case_as_of(request)
            .await
            .expect_err(field);
        let expected = (
            Code::InvalidArgument,
            "FIELD_INVALID".to_owned(),
            vec![field.to_owned()],
        );
        assert_eq!(told(&refused), expected);
    }
    let ahead = v1::GetCaseAsOfRequest {
        known: Some(v1::Known {
            position: "00000000000000ff00000000".to_owned(),
            time: None,
        }),
        ..asked.clone()
    };
    let refused = served
        .audit()
        .get_case_as_of(ahead)
        .await
        .expect_err("not there yet");
    assert_eq!(told(&refused).1, "POSITION_NOT_REACHED");
    // Another's case, and one that there is not, answer alike and leave no record.
    let unknown = v1::GetCaseAsOfRequest {
        case_id: "00".repeat(16),
        ..asked
    };
    let refused = served
        .audit()
        .get_case_as_of(unknown)
        .await
        .expect_err("no case");
    assert_eq!(
        told(&refused),
        (Code::NotFound, "NOT_FOUND".to_owned(), vec![])
    );
}

async fn whole<T: prost::Message + Default + 'static>(mut pieces: tonic::Streaming<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(piece) = pieces.message().await.expect("whole") {
        all.push(piece);
    }
    all
}

/// The digest at the end of a replay is that of the case.
#[tokio::test(flavor = "multi_thread")]
async fn replay_has_a_head_the_events_and_a_summary_with_the_digest() {
    use v1::replay_events_response::Piece;
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    served
        .emit(&case_id, "complaint-acknowledged", acknowledgement())
        .await;
    let asked = v1::ReplayEventsRequest {
        purpose: PURPOSE.to_owned(),
        case_id: case_id.clone(),
        include_signed_bytes: true,
        include_state: true,
        ..v1::ReplayEventsRequest::default()
    };
    let pieces = served
        .audit()
        .replay_events(asked.clone())
        .await
        .expect("a replay");
    let pieces: Vec<Piece> = whole(pieces.into_inner())
        .await
        .into_iter()
        .filter_map(|one| one.piece)
        .collect();
    let (Some(Piece::Head(head)), Some(Piece::Summary(summary))) = (pieces.first(), pieces.last())
    else {
        panic!("{pieces:?}");
    };
    assert!(!head.access_record.is_empty() && !head.known_position.is_empty());
    let events: Vec<&v1::ReplayedEvent> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Event(event) => Some(event),
            Piece::Head(_) | Piece::Summary(_) => None,
        })
        .collect();
    assert_eq!(
        (summary.events, summary.effective, summary.cases),
        (3, 3, 1)
    );
    assert_eq!(events.len(), 3);
    let last = events[2].state.as_ref().expect("asked for");
    assert_eq!(last.digest, summary.state_digest);
    assert!(
        last.deadlines
            .iter()
            .any(|change| change.kind() == v1::DeadlineChangeKind::Met)
    );
    let case = served
        .cases()
        .get_case(v1::GetCaseRequest {
            case_id,
            ..v1::GetCaseRequest::default()
        })
        .await;
    assert_eq!(
        case.expect("a case")
            .into_inner()
            .joint_case
            .expect("a case")
            .digest,
        summary.state_digest
    );
    let signed = events[0].signed.as_ref().expect("asked for");
    assert_eq!((signed.signature.len(), signed.event_hash.len()), (64, 32));
    // Nothing of another's case, and an end at a position is an end.
    let first = v1::ReplayEventsRequest {
        known: Some(v1::Known {
            position: events[0].event.as_ref().expect("an event").position.clone(),
            time: None,
        }),
        ..asked.clone()
    };
    let pieces = whole(
        served
            .audit()
            .replay_events(first)
            .await
            .expect("a replay")
            .into_inner(),
    )
    .await;
    assert_eq!(pieces.len(), 3);
    let unknown = v1::ReplayEventsRequest {
        case_id: "00".repeat(16),
        ..asked
    };
    let refused = served
        .audit()
        .replay_events(unknown)
        .await
        .expect_err("no case");
    assert_eq!(told(&refused).1, "NOT_FOUND");
}

/// SI 2009/309, regulation 13(3) gives three working days. Under a pack that gives one, what was done on the third is late.
#[tokio::test(flavor = "multi_thread")]
async fn another_policy_pack_tells_which_due_dates_and_misses_would_differ() {
    use v1::replay_under_policy_response::Piece;
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let later = "2026-03-05T10:00:00Z".parse().expect("an instant");
    served.sandbox.advance_to(later).await.expect("time passes");
    served
        .emit(&case_id, "complaint-acknowledged", acknowledgement())
        .await;
    let before = served
        .cases()
        .get_case(v1::GetCaseRequest {
            case_id: case_id.clone(),
            ..v1::GetCaseRequest::default()
        })
        .await;
    let built_in = include_str!("../../../domain/packs/eng-2009.toml");
    let (head, rule) = built_in
        .split_once("name = \"acknowledge\"")
        .expect("the rule");
    let stricter = format!(
        "{head}name = \"acknowledge\"{}",
        rule.replacen("n = 3", "n = 1", 1)
    );
    let asked = v1::ReplayUnderPolicyRequest {
        purpose: PURPOSE.to_owned(),
        pack: Some(v1::replay_under_policy_request::Pack::PackFile(stricter)),
        ..v1::ReplayUnderPolicyRequest::default()
    };
    let pieces = served
        .audit()
        .replay_under_policy(asked.clone())
        .await
        .expect("an answer");
    let pieces: Vec<Piece> = whole(pieces.into_inner())
        .await
        .into_iter()
        .filter_map(|one| one.piece)
        .collect();
    let [
        Piece::Head(head),
        Piece::JointCase(case),
        Piece::Summary(summary),
    ] = pieces.as_slice()
    else {
        panic!("{pieces:?}");
    };
    assert!(head.pack.starts_with("eng-2009@"));
    assert_eq!(case.case_id, case_id);
    let due = case.deadlines.iter().find(|one| {
        one.after
            .as_ref()
            .is_some_and(|after| after.name == "acknowledge")
    });
    let due = due.expect("it differs");
    let (was, would) = (
        due.before.as_ref().expect("it is there"),
        due.after.as_ref().expect("it would be"),
    );
    assert_eq!(
        (was.due_date.as_str(), would.due_date.as_str()),
        ("2026-03-05", "2026-03-03")
    );
    assert!(!due.missed_before && due.missed_after);
    assert!(!was.source.is_empty() && !would.source.is_empty());
    assert_eq!(
        (
            summary.cases,
            summary.cases_concerned,
            summary.cases_differing,
            summary.misses_more
        ),
        (1, 1, 1, 1)
    );
    // The node's own pack changes nothing, and nothing was written.
    let same = v1::ReplayUnderPolicyRequest {
        pack: Some(v1::replay_under_policy_request::Pack::PackId(
            "eng-2009".to_owned(),
        )),
        case_id: case_id.clone(),
        ..asked.clone()
    };
    let pieces = whole(
        served
            .audit()
            .replay_under_policy(same)
            .await
            .expect("an answer")
            .into_inner(),
    )
    .await;
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    let after = served
        .cases()
        .get_case(v1::GetCaseRequest {
            case_id,
            ..v1::GetCaseRequest::default()
        })
        .await;
    assert_eq!(
        after.expect("a case").into_inner(),
        before.expect("a case").into_inner()
    );
    let none = v1::ReplayUnderPolicyRequest {
        pack: None,
        ..asked.clone()
    };
    let unreadable = v1::ReplayUnderPolicyRequest {
        pack: Some(v1::replay_under_policy_request::Pack::PackFile(
            "id = 7".to_owned(),
        )),
        ..asked
    };
    for (request, field) in [(none, "pack_id"), (unreadable, "pack_file")] {
        let refused = served
            .audit()
            .replay_under_policy(request)
            .await
            .expect_err(field);
        assert_eq!(told(&refused).2, [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_tells_its_progress_and_ends_with_a_verdict() {
    use v1::verify_log_response::Piece;
    let mut served = Served::start().await;
    served.complaint().await;
    let pieces = served
        .audit()
        .verify_log(v1::VerifyLogRequest {
            purpose: PURPOSE.to_owned(),
            actor_id: String::new(),
        })
        .await;
    let pieces: Vec<Piece> = whole(pieces.expect("begun").into_inner())
        .await
        .into_iter()
        .filter_map(|one| one.piece)
        .collect();
    let Some(Piece::Verdict(verdict)) = pieces.last() else {
        panic!("{pieces:?}")
    };
    assert!(
        verdict.sound && verdict.errors == 0 && verdict.cases == 1 && verdict.rulings == 2,
        "{verdict:?}"
    );
    assert!(pieces.iter().any(|piece| matches!(piece, Piece::Progress(progress) if progress.phase() == v1::VerifyPhase::Bundles && progress.done == progress.total)));
    assert!(!verdict.access_record.is_empty() && verdict.tree_root.len() == 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_of_what_one_may_see_and_of_sizes_that_are_there() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    let asked = v1::GetInclusionProofRequest {
        purpose: PURPOSE.to_owned(),
        event_id: receipt.event_id.clone(),
        ..v1::GetInclusionProofRequest::default()
    };
    let by_id = served
        .audit()
        .get_inclusion_proof(asked.clone())
        .await
        .expect("a proof")
        .into_inner();
    let by_place = v1::GetInclusionProofRequest {
        event_id: String::new(),
        position: receipt.position,
        ..asked.clone()
    };
    let by_place = served
        .audit()
        .get_inclusion_proof(by_place)
        .await
        .expect("a proof")
        .into_inner();
    assert_eq!(by_id.event, by_place.event);
    let too_far = v1::GetInclusionProofRequest {
        tree_size: 1_000_000,
        ..asked.clone()
    };
    let nothing = v1::GetInclusionProofRequest {
        event_id: String::new(),
        ..asked.clone()
    };
    for (request, field) in [(too_far, "tree_size"), (nothing, "position")] {
        let refused = served
            .audit()
            .get_inclusion_proof(request)
            .await
            .expect_err(field);
        assert_eq!(
            told(&refused),
            (
                Code::InvalidArgument,
                "FIELD_INVALID".to_owned(),
                vec![field.to_owned()]
            )
        );
    }
    let another = v1::GetInclusionProofRequest {
        event_id: String::new(),
        position: "00000000000000ff00000000".to_owned(),
        ..asked
    };
    let refused = served
        .audit()
        .get_inclusion_proof(another)
        .await
        .expect_err("not there");
    assert_eq!(told(&refused).1, "NOT_FOUND");
}

/// Python with tests/requirements.txt.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tools of tests are is told by the environment"
)]
fn python() -> PathBuf {
    std::env::var_os("CONCORDAT_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// The script that was written from docs/format.md, on proofs.
fn stranger(partnership: &Path, proofs: &[&Path]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verify_proof.py");
    let mut command = Command::new(python());
    let output = command.arg(script).arg(partnership).args(proofs).output();
    output.expect("CONCORDAT_PYTHON must name a Python with tests/requirements.txt")
}

/// docs/format.md, *Proofs*: verified with nothing but the partnership file, the heads that others signed included.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_verifies_what_others_signed_for() {
    let mut served = Served::start().await;
    let receipt = served.complaint().await;
    let id = receipt.event_id.parse().expect("an id");
    let witnessed = served.sandbox.reaches(TRUST, id, Stage::Witnessed).await;
    witnessed.expect("the council covers it");
    let asked = v1::GetInclusionProofRequest {
        purpose: PURPOSE.to_owned(),
        event_id: receipt.event_id,
        ..v1::GetInclusionProofRequest::default()
    };
    let proof = served.audit().get_inclusion_proof(asked).await;
    let proof = proof.expect("a proof").into_inner();
    assert_eq!(proof.heads.len(), 1, "there is one other organisation");
    assert_eq!(proof.heads[0].organisation, COUNCIL);
    let size = proof.heads[0].log.as_ref().expect("a path").tree_size;
    let asked = v1::GetConsistencyProofRequest {
        purpose: PURPOSE.to_owned(),
        old_size: size,
        ..v1::GetConsistencyProofRequest::default()
    };
    let consistent = served.audit().get_consistency_proof(asked).await;
    let consistent = consistent.expect("a proof").into_inner();
    assert!(consistent.new_size > size);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let partnership = served.sandbox.founding().file().canonical().to_owned();
    let partnership = file("partnership.json", partnership);
    let json = |proof: &v1::GetInclusionProofResponse| {
        let value = concordat_proto::json::to_value(proof).expect("JSON");
        file("proof.json", value.to_string())
    };
    let later = concordat_proto::json::to_value(&consistent).expect("JSON");
    let later = file("later.json", later.to_string());
    let output = stranger(&partnership, &[&json(&proof), &later]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complained}");
    assert!(said.contains(&format!("{COUNCIL} signed for it")), "{said}");
    assert!(said.contains("is the beginning of"), "{said}");
    // A head that signed for another tree, and one whose signature is another's.
    let mut other_tree = proof.clone();
    other_tree.heads[0].log.as_mut().expect("a path").root[0] ^= 1;
    let mut other_signature = proof;
    other_signature.heads[0].signature[0] ^= 1;
    for (changed, told) in [(other_tree, "another tree"), (other_signature, "signature")] {
        let output = stranger(&partnership, &[&json(&changed)]);
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && complained.contains(told),
            "{complained}"
        );
    }
}
