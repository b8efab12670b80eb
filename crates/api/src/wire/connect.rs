//! Connect (<https://connectrpc.com/docs/protocol/>): `POST /concordat.v1.Service/Method` with a message in JSON or as bytes, for clients
//! that have nothing but HTTP. Calls that answer with a stream are framed as Connect frames them; calls that take a stream are gRPC's.

use bytes::{BufMut, Bytes, BytesMut};
use concordat_proto::v1::ErrorReason;
use futures::{StreamExt, stream};
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::{Code, Status};

use super::call::{Caller, carried_back};
use super::completed::unknown_call;
use super::request::Answered;
use super::{answer, contract, media_type, request};
use crate::failure::Failure;

/// The only version of the protocol that there is.
const VERSION: &str = "1";
/// Flag of the frame that ends a stream.
const END: u8 = 0b10;
/// Bytes in front of a framed message: flags, and its length.
const PREFIX: usize = 5;

/// How messages of a request and its answer are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Proto,
}

/// How a request was sent.
struct Form {
    encoding: Encoding,
    is_streaming: bool,
}

/// Answers one call.
pub(super) async fn answer(caller: &Caller, request: Request<Body>) -> Answered {
    let Some(method) = contract::method(request.uri().path()) else {
        return Err(unknown_call().into());
    };
    if request.method() != Method::POST {
        return Ok(not_allowed("POST"));
    }
    let version = request.headers().get("connect-protocol-version");
    if version.is_some_and(|version| version != VERSION) {
        return Err(Failure::field("connect-protocol-version", "1").into());
    }
    let form = form(&media_type(request.headers()), &method)?;
    let headers = request.headers().clone();
    let path = request.uri().path().parse();
    let path = path.map_err(|_| unknown_call())?;
    let body = request::body(request).await?;
    let body = if form.is_streaming {
        unframed(&body)?
    } else {
        body
    };
    let message = match form.encoding {
        Encoding::Proto => body,
        Encoding::Json => request::message_of_text(&method.input(), &body)?,
    };
    if !form.is_streaming {
        let answered = caller.unary(path, &headers, message).await?;
        return unary(&method, form.encoding, answered);
    }
    let opened = caller.server_streaming(path, &headers, message).await;
    Ok(streamed(method.output(), form.encoding, opened))
}

/// A path that there is, asked for by another method.
pub(super) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let failure = unknown_call().with("allow", allowed);
    let mut response = answer::failed(failure, false);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn form(media_type: &str, method: &MethodDescriptor) -> Result<Form, Failure> {
    let (encoding, is_streaming) = match media_type {
        "application/json" => (Encoding::Json, false),
        "application/proto" => (Encoding::Proto, false),
        "application/connect+json" => (Encoding::Json, true),
        "application/connect+proto" => (Encoding::Proto, true),
        _ => return Err(unsupported(method)),
    };
    if method.is_client_streaming() || is_streaming != method.is_server_streaming() {
        return Err(unsupported(method));
    }
    Ok(Form {
        encoding,
        is_streaming,
    })
}

fn unsupported(method: &MethodDescriptor) -> Failure {
    let supported = if method.is_client_streaming() {
        "application/grpc"
    } else if method.is_server_streaming() {
        "application/connect+json, application/connect+proto, application/grpc, application/grpc-web"
    } else {
        "application/json, application/proto, application/grpc, application/grpc-web"
    };
    Failure::new(
        Code::Unimplemented,
        ErrorReason::EncodingUnsupported,
        format!("this call takes the media types {supported}"),
    )
    .with("supported", supported)
}

fn unary(
    method: &MethodDescriptor,
    encoding: Encoding,
    answered: tonic::Response<Bytes>,
) -> Answered {
    let (metadata, message, _) = answered.into_parts();
    let headers = carried_back(metadata);
    Ok(match encoding {
        Encoding::Proto => answer::with_body(StatusCode::OK, "application/proto", headers, message),
        Encoding::Json => {
            let value = answer::to_json(&method.output(), message)?;
            answer::with_body(
                StatusCode::OK,
                "application/json",
                headers,
                value.to_string(),
            )
        }
    })
}

/// The one message of a request that is framed.
fn unframed(body: &Bytes) -> Result<Bytes, Failure> {
    let damaged = || {
        Failure::new(
            Code::InvalidArgument,
            ErrorReason::FieldInvalid,
            "the body is not one message in a frame of its own, uncompressed",
        )
    };
    let (prefix, message) = body.split_at_checked(PREFIX).ok_or_else(damaged)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if prefix[0] != 0 || usize::try_from(length).ok() != Some(message.len()) {
        return Err(damaged());
    }
    Ok(body.slice(PREFIX..))
}

/// A stream as Connect frames it: its status stands in its last frame, so the answer itself is always 200.
fn streamed(
    output: MessageDescriptor,
    encoding: Encoding,
    opened: Result<tonic::Response<Streaming<Bytes>>, Status>,
) -> Response<Body> {
    let (media_type, stream) = match encoding {
        Encoding::Json => ("application/connect+json", opened),
        Encoding::Proto => ("application/connect+proto", opened),
    };
    let messages = match stream {
        Ok(stream) => stream.into_inner().boxed(),
        Err(status) => stream::once(async { Err(status) }).boxed(),
    };
    let messages = messages.map(move |message| match (message, encoding) {
        (Ok(bytes), Encoding::Proto) => Ok(bytes),
        (Ok(bytes), Encoding::Json) => {
            answer::to_json(&output, bytes).map(|value| value.to_string().into())
        }
        (Err(status), _) => Err(status),
    });
    // A good end is an end frame as well.
    let messages =
        messages
            .map(Some)
            .chain(stream::once(async { None }))
            .scan(false, |ended, message| {
                let frame = (!*ended).then(|| match message {
                    Some(Ok(bytes)) => framed(0, &bytes),
                    Some(Err(status)) => {
                        *ended = true;
                        end(&json!({"error": answer::error_value(&status)}))
                    }
                    None => end(&json!({})),
                });
                async move { frame }
            });
    let frames = messages.map(|bytes| Ok::<_, Status>(Frame::data(bytes)));
    let mut response = answer::with_body(
        StatusCode::OK,
        media_type,
        http::HeaderMap::new(),
        Bytes::new(),
    );
    *response.body_mut() = Body::new(StreamBody::new(frames));
    response
}

fn end(said: &Value) -> Bytes {
    framed(END, said.to_string().as_bytes())
}

fn framed(flags: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(flags);
    // Messages are far below 4 GiB: an answer is one page, or one entry of a feed.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{framed, unframed};

    #[test]
    fn frames_come_back_and_damaged_ones_are_refused() {
        let framed = framed(0, b"{}");
        assert_eq!(unframed(&framed).expect("whole"), Bytes::from("{}"));
        for damaged in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x01",
            b"\0\0\0\0\0x",
            b"\x01\0\0\0\x02{}",
        ] {
            let damaged = Bytes::copy_from_slice(damaged);
            assert!(unframed(&damaged).is_err(), "{damaged:?}");
        }
    }
}
