//! The transfer of an audit pack, as a client takes it that loses its connection on the way.

use concordat_proto::v1;
use concordat_proto::v1::audit_pack_service_client::AuditPackServiceClient;
use concordat_proto::v1::export_pack_request::Scope;
use sha2::{Digest as _, Sha256};
use tonic::Code;

use crate::support::{Served, acknowledgement, told};

/// All of a transfer: its token, its bytes from `offset` on, and the digest of the whole.
async fn pieces(
    served: &Served,
    asked: v1::ExportPackRequest,
) -> Result<(String, Vec<u8>, Vec<u8>), tonic::Status> {
    let mut packs = AuditPackServiceClient::new(served.guarded());
    let mut next_byte = asked.offset;
    let mut stream = packs.export_pack(asked).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.message().await? {
        assert_eq!(piece.offset, next_byte, "pieces follow each other");
        next_byte += piece.data.len() as u64;
        bytes.extend(&piece.data);
        if let Some(total) = piece.total_bytes {
            assert_eq!(total, next_byte);
            return Ok((piece.pack_token, bytes, piece.sha256));
        }
    }
    panic!("the transfer ended without its last piece");
}

/// Whatever happened in between: other events, and the access records of the transfers themselves.
#[tokio::test(flavor = "multi_thread")]
async fn transfer_taken_up_at_any_byte_gives_the_rest_of_the_same_file() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let asked = v1::ExportPackRequest {
        purpose: "yearly-audit".to_owned(),
        scope: Some(Scope::CaseId(case_id.clone())),
        ..v1::ExportPackRequest::default()
    };
    let (token, whole, digest) = pieces(&served, asked.clone()).await.expect("a pack");
    assert_eq!(Sha256::digest(&whole).as_slice(), digest);

    served
        .emit(&case_id, "complaint-acknowledged", acknowledgement())
        .await;
    served.sandbox.settle().await.expect("at rest");
    for offset in [0, 1, whole.len() / 2, whole.len() - 1, whole.len()] {
        let again = v1::ExportPackRequest {
            pack_token: token.clone(),
            offset: offset as u64,
            ..asked.clone()
        };
        let (_, rest, same_digest) = pieces(&served, again).await.expect("the rest");
        assert!(rest == whole[offset..], "other bytes from {offset} on");
        assert_eq!(same_digest, digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_is_taken_up_only_by_whom_it_belongs_to() {
    let mut served = Served::start().await;
    let case_id = served.complaint().await.case_id;
    let asked = v1::ExportPackRequest {
        purpose: "yearly-audit".to_owned(),
        scope: Some(Scope::CaseId(case_id)),
        ..v1::ExportPackRequest::default()
    };
    let (pack_token, _, _) = pieces(&served, asked.clone()).await.expect("a pack");

    let without_token = v1::ExportPackRequest {
        offset: 7,
        ..asked.clone()
    };
    let refused = pieces(&served, without_token).await.expect_err("no token");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused).2, ["offset"]);

    let other_words = v1::ExportPackRequest {
        without_keys: true,
        pack_token,
        ..asked
    };
    let refused = pieces(&served, other_words)
        .await
        .expect_err("another pack");
    assert_eq!(told(&refused).2, ["pack_token"]);
}
