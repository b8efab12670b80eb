//! What carries a call: a connection to a node, or somebody who only shows it.

use std::task::{Context, Poll};

use tonic::codegen::{BoxFuture, Service, StdError, http};
use tonic::transport::Channel;

use super::explain::Explainer;

/// The service below all clients of the contract.
#[derive(Clone)]
pub(crate) enum Wire {
    /// Calls are made.
    Node(Channel),
    /// Calls are shown.
    Explained(Box<Explainer>),
}

impl Service<http::Request<tonic::body::Body>> for Wire {
    type Response = http::Response<tonic::body::Body>;
    type Error = StdError;
    type Future = BoxFuture<Self::Response, StdError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        match self {
            Self::Node(channel) => channel.poll_ready(context).map_err(StdError::from),
            Self::Explained(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        match self {
            Self::Node(channel) => {
                let answer = channel.call(request);
                Box::pin(async move { Ok(answer.await?) })
            }
            Self::Explained(explainer) => {
                let explainer = (**explainer).clone();
                Box::pin(async move { Err(explainer.explain(request).await) })
            }
        }
    }
}
