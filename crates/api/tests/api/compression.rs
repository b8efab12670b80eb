//! Compressed messages on gRPC: what a caller may send, what it gets if it asks, and what is refused.

use crate::support;

use concordat_proto::v1;
use concordat_proto::v1::event_service_client::EventServiceClient;
use support::{SECRET, Served, complaint, told};
use tonic::codec::CompressionEncoding::{self, Gzip, Zstd};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request};

fn client(served: &Served, sent: CompressionEncoding) -> EventServiceClient<Channel> {
    EventServiceClient::new(served.channel.clone())
        .send_compressed(sent)
        .accept_compressed(sent)
}

fn with_token<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {SECRET}").parse().expect("a header");
    request.metadata_mut().insert("authorization", token);
    request
}

fn encoding(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("grpc-encoding")?.to_str().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_are_compressed_as_the_caller_asks() {
    let mut served = Served::start().await;
    for (sent, name) in [(Gzip, "gzip"), (Zstd, "zstd")] {
        let mut events = client(&served, sent);
        let request = served.request("", "complaint-received", &complaint());
        let emitted = events.emit_event(with_token(request)).await;
        let emitted = emitted.expect("it is read compressed");
        assert_eq!(encoding(emitted.metadata()), Some(name));
        let receipt = emitted.into_inner().receipt.expect("a receipt");
        // The enforcer warns of the nearest deadline: what is compared must not change between two readings.
        served.sandbox.settle().await.expect("at rest");
        let list = v1::ListEventsRequest {
            case_id: receipt.case_id.clone(),
            ..v1::ListEventsRequest::default()
        };
        let compressed = events.list_events(with_token(list.clone())).await;
        let compressed = compressed.expect("a list");
        assert_eq!(encoding(compressed.metadata()), Some(name));
        // Whoever asks for nothing gets it plain, and the same.
        let plain = served.events().list_events(list).await.expect("a list");
        assert_eq!(encoding(plain.metadata()), None);
        assert_eq!(compressed.into_inner(), plain.into_inner());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_compression_is_refused_and_what_unfolds_beyond_the_limit_as_well() {
    let mut served = Served::start().await;
    let mut request = with_token(served.request("", "complaint-received", &complaint()));
    let unknown = "snappy".parse().expect("a header");
    request.metadata_mut().insert("grpc-encoding", unknown);
    let mut events = EventServiceClient::new(served.channel.clone());
    let refused = events.emit_event(request).await.expect_err("not read");
    let (code, reason, _) = told(&refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unimplemented, "ENCODING_UNSUPPORTED")
    );
    let known = refused.metadata().get("grpc-accept-encoding");
    let known = known.expect("what is read").to_str().expect("text");
    assert!(known.contains("gzip") && known.contains("zstd"), "{known}");

    // A few thousand bytes that become more than a node takes.
    for sent in [Gzip, Zstd] {
        let mut request = served.request("", "complaint-received", &complaint());
        request.case_id = "0".repeat(5 * 1024 * 1024);
        let refused = client(&served, sent).emit_event(with_token(request)).await;
        let refused = refused.expect_err("too large");
        let (code, reason, _) = told(&refused);
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "REQUEST_TOO_LARGE"),
            "{sent}"
        );
    }
}
