//! Reading a part of what there is: some fields of a case, a stretch of a timeline.

use crate::support;

use concordat_proto::v1;
use prost_types::FieldMask;
use serde_json::{Value, json};
use support::{SECRET, Served, acknowledgement, told};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

fn mask(paths: &[&str]) -> Option<FieldMask> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Some(FieldMask { paths })
}

async fn get(served: &Served, path: &str) -> (String, Value) {
    let mut socket = TcpStream::connect(served.address).await.expect("a port");
    let head = format!("GET {path} HTTP/1.0\r\nauthorization: Bearer {SECRET}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).await.expect("read");
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let value = serde_json::from_str(body).expect("JSON");
    (head.lines().next().expect("a status").to_owned(), value)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_fields_that_are_asked_for_are_answered_on_every_wire() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let ask = |paths: &[&str]| v1::GetCaseRequest {
        case_id: case_id.clone(),
        read_mask: mask(paths),
        ..v1::GetCaseRequest::default()
    };
    let whole = served.cases().get_case(ask(&[])).await.expect("a case");
    let whole = whole.into_inner().joint_case.expect("a case");
    assert!(!whole.deadlines.is_empty() && !whole.keeper.is_empty());
    let asked = ask(&["state", "deadlines", "rules.packs"]);
    let part = served.cases().get_case(asked).await.expect("a case");
    let expected = v1::Case {
        state: whole.state.clone(),
        deadlines: whole.deadlines.clone(),
        rules: whole.rules.clone().map(|rules| v1::PinnedRules {
            packs: rules.packs,
            ..v1::PinnedRules::default()
        }),
        ..v1::Case::default()
    };
    assert_eq!(part.into_inner().joint_case, Some(expected));

    // In a list, page by page, though the order is by a field that is not asked for.
    served.complaint().await;
    let mut token = String::new();
    let mut states = 0;
    loop {
        let list = v1::ListCasesRequest {
            page_size: 1,
            page_token: token,
            read_mask: mask(&["state"]),
            ..v1::ListCasesRequest::default()
        };
        let page = served.cases().list_cases(list).await.expect("a page");
        let page = page.into_inner();
        for case in &page.cases {
            let only = v1::Case {
                state: whole.state.clone(),
                ..v1::Case::default()
            };
            assert_eq!(case, &only);
            states += 1;
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(states, 2);

    // In JSON one text with the names of the JSON.
    let path = format!("/v1/cases/{case_id}?readMask=state,caseId,rules.timeZoneRelease");
    let (_, answer) = get(&served, &path).await;
    let rules = whole.rules.expect("pinned");
    assert_eq!(
        answer["jointCase"],
        json!({"caseId": case_id, "state": whole.state, "rules": {"timeZoneRelease": rules.time_zone_release}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn path_that_no_case_has_is_told_with_its_place() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let wrong = mask(&["state", "findings", "deadlines.name"]);
    let asked = v1::GetCaseRequest {
        case_id: case_id.clone(),
        read_mask: wrong.clone(),
        ..v1::GetCaseRequest::default()
    };
    let one = served.cases().get_case(asked).await.expect_err("no field");
    let list = v1::ListCasesRequest {
        read_mask: wrong,
        ..v1::ListCasesRequest::default()
    };
    let all = served.cases().list_cases(list).await.expect_err("no field");
    for refused in [one, all] {
        let (code, reason, fields) = told(&refused);
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "FIELD_INVALID")
        );
        assert_eq!(fields, ["read_mask.paths[1]", "read_mask.paths[2]"]);
    }
    let (status, _) = get(&served, &format!("/v1/cases/{case_id}?readMask=findings")).await;
    assert!(status.contains("400"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stretch_of_a_timeline_is_read_by_when_it_was_recorded() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let later = "2026-03-03T10:00:00Z".parse().expect("an instant");
    served.sandbox.advance_to(later).await.expect("it is later");
    served
        .emit(&case_id, "complaint-acknowledged", acknowledgement())
        .await;
    let cut = Some(prost_types::Timestamp {
        seconds: 1_772_496_000, // 2026-03-03T00:00:00Z
        nanos: 0,
    });
    let types = async |from, until| {
        let asked = v1::ListTimelineRequest {
            case_id: case_id.clone(),
            from,
            until,
            ..v1::ListTimelineRequest::default()
        };
        let answer = served.cases().list_timeline(asked).await.expect("a page");
        let entries = answer.into_inner().entries.into_iter();
        entries.map(|one| one.r#type).collect::<Vec<String>>()
    };
    let all = types(None, None).await;
    let (before, behind) = (types(None, cut).await, types(cut, None).await);
    assert_eq!([before.clone(), behind.clone()].concat(), all);
    assert!(
        before.contains(&"complaint-received".to_owned()),
        "{before:?}"
    );
    assert!(
        behind.contains(&"complaint-acknowledged".to_owned()),
        "{behind:?}"
    );
}
