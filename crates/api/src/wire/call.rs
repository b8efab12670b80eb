//! Calls on the routes by bytes: what other wires are turned into.

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::completed::Completed;

/// Headers of a request that its call carries on: who calls, and the trace that it is part of.
const CARRIED: [&str; 3] = ["authorization", "traceparent", "tracestate"];
/// What stands before headers of ours, in requests and answers.
const OURS: &str = "concordat-";

/// Makes calls on the routes.
#[derive(Clone)]
pub(super) struct Caller(Grpc<Completed>);

impl Caller {
    pub(super) fn new(routes: Completed) -> Self {
        // Answers are as large as the services make them: they have limits of their own.
        Self(Grpc::new(routes).max_decoding_message_size(usize::MAX))
    }

    /// One answer to one message.
    pub(super) async fn unary(
        &self,
        path: PathAndQuery,
        headers: &HeaderMap,
        message: Bytes,
    ) -> Result<Response<Bytes>, Status> {
        let mut grpc = self.0.clone();
        ready(&mut grpc).await;
        grpc.unary(request(headers, message), path, BytesCodec)
            .await
    }

    /// A stream of answers to one message.
    pub(super) async fn server_streaming(
        &self,
        path: PathAndQuery,
        headers: &HeaderMap,
        message: Bytes,
    ) -> Result<Response<Streaming<Bytes>>, Status> {
        let mut grpc = self.0.clone();
        ready(&mut grpc).await;
        grpc.server_streaming(request(headers, message), path, BytesCodec)
            .await
    }
}

async fn ready(grpc: &mut Grpc<Completed>) {
    match grpc.ready().await {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

fn request(headers: &HeaderMap, message: Bytes) -> Request<Bytes> {
    let mut request = Request::new(message);
    let carried = headers
        .iter()
        .filter(|(name, _)| CARRIED.contains(&name.as_str()) || name.as_str().starts_with(OURS));
    let carried = carried.map(|(name, value)| (name.clone(), value.clone()));
    *request.metadata_mut() = MetadataMap::from_headers(carried.collect());
    request
}

/// Headers of an answer that go to the caller whatever the wire.
pub(super) fn carried_back(metadata: MetadataMap) -> HeaderMap {
    let headers = metadata.into_headers();
    let ours = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(OURS) && !name.as_str().ends_with("-bin"));
    ours.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Messages as the bytes that they are.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
