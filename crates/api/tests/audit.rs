//! The audit service as an auditor calls it, over a real socket, on real nodes.

mod support;

use concordat_proto::v1;
use support::{Served, acknowledgement, told};
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
