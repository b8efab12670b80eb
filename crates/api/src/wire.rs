//! The wires: one port, one set of handlers, several ways to speak to them.
//!
//! ```text
//! listener ──▶ Wires ─┬─ application/grpc ───────────────────────────────▶ routes (tonic) ▶ guard ▶ services
//!                     ├─ application/grpc-web ──▶ tonic-web ────────────────┘ ▲
//!                     ├─ POST /concordat.v1.Service/Method ──▶ connect ───────┤   the same routes, by bytes
//!                     ├─ GET  /v1/… ──▶ rest ─────────────────────────────────┤
//!                     └─ GET  /v1/feeds/{feed}/events, …/watch ──▶ sse ───────┘
//! ```
//!
//! Whatever is not gRPC is turned into a call on the same routes: with the same token, limits and errors. Nothing here knows a service.
//!
//! Browsers of other origins are not let in: there is no CORS header, and none is planned for a port that listens on loopback.

mod answer;
mod call;
mod completed;
mod connect;
mod contract;
mod headers;
mod listener;
mod request;
mod rest;
mod sse;

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tracing::{Instrument, info_span};

use self::call::Caller;
use self::completed::Completed;
pub(crate) use self::listener::listen;
use crate::trace;

/// A way of answering.
type Answering = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Everything that the port understands.
#[derive(Clone)]
pub(crate) struct Wires {
    grpc: Answering,
    grpc_web: Answering,
    json: Answering,
    /// Number of bundles that the node has applied.
    applied: watch::Receiver<u64>,
}

impl Wires {
    /// All wires to the services of `routes`, on a node that has `applied` so many bundles.
    pub(crate) fn new(routes: Routes, applied: watch::Receiver<u64>) -> Self {
        let routes = Completed(routes.prepare());
        let caller = Caller::new(routes.clone());
        let json = tower::service_fn(move |request| {
            let caller = caller.clone();
            async move { Ok::<_, Infallible>(json(&caller, request).await) }
        });
        let json = ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(Body::new))
            .layer(CompressionLayer::new())
            .map_response(|response: Response<_>| response.map(Body::new))
            .layer(RequestDecompressionLayer::new())
            .map_request(|request: Request<_>| request.map(Body::new))
            .service(json);
        let grpc_web = GrpcWebLayer::new().layer(routes.clone());
        Self {
            grpc: BoxCloneSyncService::new(routes),
            grpc_web: BoxCloneSyncService::new(grpc_web),
            json: BoxCloneSyncService::new(json),
            applied,
        }
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let kind = media_type(request.headers());
        let is_grpc = kind.starts_with("application/grpc");
        let answering = if kind.starts_with("application/grpc-web") {
            self.grpc_web
        } else if is_grpc {
            self.grpc
        } else {
            self.json
        };
        let is_json = !kind.starts_with("application/grpc");
        if let Err(failure) = request::check_encoding(request.headers())
            && is_json
        {
            return answer::failed(failure, false);
        }
        let within = match request::time_allowed(request.headers()) {
            Ok(within) => within,
            Err(failure) => return answer::failed(failure, is_grpc),
        };
        let answered = answering
            .oneshot(request)
            .map(|response| response.unwrap_or_else(|never| match never {}));
        let Some(within) = within else {
            return answered.await;
        };
        match tokio::time::timeout(within, answered).await {
            Ok(response) => response,
            Err(_) => answer::failed(request::out_of_time(within), is_grpc),
        }
    }
}

impl<B> Service<Request<B>> for Wires
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Nobody is authenticated yet: only what is well-formed gets into the log.
        let traceparent = request
            .headers()
            .get("traceparent")
            .and_then(|value| trace::well_formed(value.to_str().ok()?))
            .unwrap_or_default();
        let request_id = headers::request_id(request.headers());
        let rpc = rpc(request.uri().path());
        let span = info_span!("call", rpc, traceparent, request_id);
        let answered = self.clone().answer(request.map(Body::new));
        let applied = self.applied.clone();
        let told = answered.map(move |mut response| {
            headers::tell(response.headers_mut(), &applied, &request_id);
            Ok(response)
        });
        told.instrument(span).boxed()
    }
}

/// What is neither gRPC nor gRPC-Web.
async fn json(caller: &Caller, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    let answered = if path.starts_with("/v1/") {
        rest::answer(caller, request).await
    } else {
        connect::answer(caller, request).await
    };
    answered.unwrap_or_else(|failure| answer::failed(failure, false))
}

/// The media type of a request without its parameters, in small letters; empty if there is none.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    let (kind, _) = text
        .unwrap_or_default()
        .split_once(';')
        .unwrap_or((text.unwrap_or_default(), ""));
    kind.trim().to_ascii_lowercase()
}

/// The name of a call as the contract and the standard services write theirs, or the template of a path; anything else is not repeated,
/// since ids and what a person typed into a browser may stand in it.
fn rpc(path: &str) -> &str {
    const NAME_MAX: usize = 96;
    if let Some(template) = rest::template_of(path) {
        return template;
    }
    let named = path.len() <= NAME_MAX
        && path.matches('/').count() == 2
        && (path.starts_with("/concordat.v1.") || path.starts_with("/grpc."))
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_'));
    if named { path } else { "other" }
}

#[cfg(test)]
mod tests {
    use super::rpc;

    #[test]
    fn only_names_of_calls_are_repeated() {
        for named in [
            "/concordat.v1.EventService/EmitEvent",
            "/grpc.health.v1.Health/Check",
        ] {
            assert_eq!(rpc(named), named);
        }
        let long = format!("/concordat.v1.{}/X", "a".repeat(200));
        for other in [
            "/",
            "/John/Smith",
            "/v1/John/Smith",
            "/concordat.v1.EventService/a/b",
            "/concordat.v1.EventService/%4A",
            long.as_str(),
        ] {
            assert_eq!(rpc(other), "other", "{other}");
        }
        assert_eq!(
            rpc("/v1/cases/000102030405060708090a0b0c0d0e0f"),
            "/v1/cases/{case_id}"
        );
    }
}
