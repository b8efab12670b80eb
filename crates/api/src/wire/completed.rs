//! Errors that the transport makes by itself, completed with the reason that every error of ours has.

use std::convert::Infallible;
use std::task::{Context, Poll};

use concordat_proto::v1::ErrorReason;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use crate::failure::Failure;
use crate::server::REQUEST_BYTES_MAX;

/// What a node reads, told to whoever sent something else.
const ACCEPTED: &str = "grpc-accept-encoding";

/// The routes, none of whose errors is without a reason.
#[derive(Debug, Clone)]
pub(super) struct Completed(pub(super) Routes);

impl Service<Request<Body>> for Completed {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answered = self.0.call(request);
        answered
            .map(|answered| {
                let response = answered?;
                // An error before the first message stands in the headers.
                let bare = Status::from_header_map(response.headers())
                    .filter(|status| status.code() != Code::Ok && status.details().is_empty());
                let Some(completed) = bare.and_then(|status| complete(&status)) else {
                    return Ok(response);
                };
                let mut told: Response<Body> = completed.into_http();
                if let Some(known) = response.headers().get(ACCEPTED) {
                    told.headers_mut().insert(ACCEPTED, known.clone());
                }
                Ok(told)
            })
            .boxed()
    }
}

/// The error with its reason; none if it is one of a standard service, whose texts are its own.
fn complete(status: &Status) -> Option<Status> {
    let text = status.message();
    let failure = match status.code() {
        Code::OutOfRange if text.contains("message length too large") => too_large(),
        // It unfolded to more than the limit.
        Code::ResourceExhausted if text.contains("size limit") => too_large(),
        Code::Unimplemented if text.contains("compressed") => Failure::new(
            Code::Unimplemented,
            ErrorReason::EncodingUnsupported,
            "the message is compressed in a way that this node does not read",
        )
        .with("supported", "gzip, zstd, identity"),
        Code::Unimplemented => unknown_call(),
        Code::Internal => Failure::new(
            Code::InvalidArgument,
            ErrorReason::FieldInvalid,
            "the call has not the one message that it needs, or it is damaged",
        ),
        _ => return None,
    };
    Some(failure.into())
}

/// There is no such call or path.
pub(super) fn unknown_call() -> Failure {
    Failure::new(
        Code::Unimplemented,
        ErrorReason::MethodUnknown,
        "this node has no such call or path",
    )
}

/// The request exceeds the limit of the port.
pub(super) fn too_large() -> Failure {
    Failure::new(
        Code::InvalidArgument,
        ErrorReason::RequestTooLarge,
        format!("the request is larger than {REQUEST_BYTES_MAX} bytes"),
    )
    .with("limit", REQUEST_BYTES_MAX.to_string())
}
