//! Stands between the integration and a node, on a port of its own: passes on whatever comes, looks at it, and now and then misbehaves.
//!
//! It works on HTTP and on gRPC's frames, so that the contract may grow without it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use concordat_proto::v1::{
    CommitFeedRequest, EmitEventRequest, GetCaseRequest, GetEventRequest, ListEventsRequest,
    ListTimelineRequest, StreamFeedRequest,
};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codec::{EncodeBody, EncodeBuf, Encoder, SingleMessageCompressionOverride};
use tonic::codegen::{Service, http, tokio_stream};
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};

use super::checks::{Check, Found};
use super::emits::{Emits, Way};
use super::feeds::{Act, Feeds, Sent};

/// How long a stream waits for a commit before it goes on with its troubles.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);
/// Messages of a stream that are ready before they are read.
const AHEAD: usize = 4;
/// Largest request that is looked at; a node takes no larger one.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What precedes each message of gRPC: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// What the kit knows, shared by all calls.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Mutex<Seen>,
    committed: Notify,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) found: Found,
    pub(super) emits: Emits,
    pub(super) feeds: Feeds,
    pub(super) calls: u64,
    /// Those of them that were not gRPC: passed on, and not looked at.
    pub(super) not_looked_at: u64,
}

impl Watch {
    /// What was seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until_committed(&self, cursor: &str) {
        let committed = async {
            loop {
                let change = self.committed.notified();
                if self.seen().feeds.is_committed(cursor) {
                    return;
                }
                change.await;
            }
        };
        // One that does not commit is cut off all the same.
        let _ = tokio::time::timeout(COMMIT_PATIENCE, committed).await;
    }
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// What the transport says.
pub(super) async fn serve(
    listener: TcpListener,
    upstream: Channel,
    watch: Arc<Watch>,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let between = Between { upstream, watch };
    let router = Routes::default()
        .into_axum_router()
        .fallback_service(between);
    tonic::transport::Server::builder()
        .accept_http1(true)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stop.cancelled_owned(),
        )
        .await
}

#[derive(Clone)]
struct Between {
    upstream: Channel,
    watch: Arc<Watch>,
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<B> Service<http::Request<B>> for Between
where
    B: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answering {
        let between = self.clone();
        Box::pin(async move { Ok(between.answer(request).await) })
    }
}

impl Between {
    async fn answer<B>(self, request: http::Request<B>) -> http::Response<Body>
    where
        B: tonic::codegen::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let Some((service, method)) = path
            .strip_prefix("/concordat.v1.")
            .and_then(|path| path.split_once('/'))
        else {
            // Reflection and health are streams in both directions, and nothing is looked for in them.
            return self.pass(head, Body::new(body)).await;
        };
        self.authenticated(&head);
        let is_grpc = head
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| {
                kind.as_bytes().starts_with(b"application/grpc")
                    && !kind.as_bytes().starts_with(b"application/grpc-web")
            });
        // Asked for as it is, so that it can be read here.
        head.headers.remove("grpc-accept-encoding");
        let Ok(bytes) = collect(body).await else {
            return Status::invalid_argument("the request is too large, or broke off").into_http();
        };
        let whole = || Body::new(Full::new(bytes.clone()));
        if !is_grpc {
            self.watch.seen().not_looked_at += 1;
        }
        let Some(message) = message_of(&bytes).filter(|_| is_grpc) else {
            return self.pass(head, whole()).await;
        };
        match (service, method) {
            ("EventService", "EmitEvent") => self.emit(head, whole(), message).await,
            ("FeedService", "StreamFeed") => self.stream(head, whole(), message).await,
            _ => {
                self.look(service, method, message);
                self.pass(head, whole()).await
            }
        }
    }

    fn authenticated(&self, head: &http::request::Parts) {
        let mut seen = self.watch.seen();
        seen.calls += 1;
        let bearer = head
            .headers
            .get(http::header::AUTHORIZATION)
            .is_some_and(|value| {
                value
                    .as_bytes()
                    .to_ascii_lowercase()
                    .starts_with(b"bearer ")
            });
        if bearer {
            seen.found
                .pass(Check::Authenticates, "a bearer token with every call");
        } else {
            seen.found
                .fail(Check::Authenticates, "a call came without a bearer token");
        }
    }

    /// Calls that say something about what their caller does.
    fn look(&self, service: &str, method: &str, message: &[u8]) {
        let mut seen = self.watch.seen();
        let Seen {
            found,
            emits,
            feeds,
            ..
        } = &mut *seen;
        let case = match (service, method) {
            ("CaseService", "GetCase") => {
                GetCaseRequest::decode(message).map(|asked| asked.case_id)
            }
            ("CaseService", "ListTimeline") => {
                ListTimelineRequest::decode(message).map(|asked| asked.case_id)
            }
            ("EventService", "ListEvents") => {
                ListEventsRequest::decode(message).map(|asked| asked.case_id)
            }
            // Which case it is of, only the node knows: the benefit of the doubt is the caller's.
            ("EventService", "GetEvent") => GetEventRequest::decode(message).map(|_| String::new()),
            ("FeedService", "CommitFeed") => {
                if let Ok(request) = CommitFeedRequest::decode(message) {
                    feeds.commit(&request, found);
                }
                self.watch.committed.notify_waiters();
                return;
            }
            ("FeedService", method) => {
                feeds.called(method, found);
                return;
            }
            _ => return,
        };
        if let Ok(case) = case {
            emits.read(&case);
            feeds.read(&case, found);
        }
    }

    async fn emit(
        self,
        head: http::request::Parts,
        body: Body,
        message: &[u8],
    ) -> http::Response<Body> {
        let Ok(request) = EmitEventRequest::decode(message) else {
            return self.pass(head, body).await;
        };
        let way = {
            let mut seen = self.watch.seen();
            let Seen { found, emits, .. } = &mut *seen;
            if request.validate_only {
                Way::Through
            } else {
                emits.look(&request, Instant::now(), found)
            }
        };
        match way {
            Way::Through => self.pass(head, body).await,
            Way::AnswerLost => {
                let answer = self.pass(head, body).await;
                // The node has done it before its answer is lost.
                let _ = collect(answer.into_body()).await;
                Status::unavailable("the connection broke").into_http()
            }
            Way::Refused(status) => status.into_http(),
        }
    }

    async fn stream(
        self,
        head: http::request::Parts,
        body: Body,
        message: &[u8],
    ) -> http::Response<Body> {
        let Ok(request) = StreamFeedRequest::decode(message) else {
            return self.pass(head, body).await;
        };
        let act = {
            let mut seen = self.watch.seen();
            let Seen { found, feeds, .. } = &mut *seen;
            feeds.open(&request, Instant::now(), found)
        };
        let act = match act {
            Ok(act) => act,
            Err(status) => return status.into_http(),
        };
        let watch = Arc::clone(&self.watch);
        let answer = self.pass(head, body).await;
        if answer.headers().contains_key("grpc-status") {
            return answer;
        }
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (parts, body) = answer.into_parts();
        // Ends when the reader has gone: it cannot send any more then.
        tokio::spawn(misbehave(watch, act, body, sender));
        let messages = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let body = EncodeBody::new_server(
            AsIs,
            messages,
            None,
            SingleMessageCompressionOverride::default(),
            None,
        );
        http::Response::from_parts(parts, Body::new(body))
    }

    async fn pass(mut self, mut head: http::request::Parts, body: Body) -> http::Response<Body> {
        for hop in [
            "host",
            "connection",
            "transfer-encoding",
            "keep-alive",
            "upgrade",
        ] {
            head.headers.remove(hop);
        }
        head.version = http::Version::HTTP_2;
        let request = http::Request::from_parts(head, body);
        let answer = async {
            poll_fn(|context| self.upstream.poll_ready(context)).await?;
            self.upstream.call(request).await
        };
        answer
            .await
            .unwrap_or_else(|_| Status::unavailable("the node is away").into_http())
    }
}

/// Sends on what the node streams, with what the act asks for.
async fn misbehave(
    watch: Arc<Watch>,
    act: Act,
    mut body: Body,
    sender: mpsc::Sender<Result<Vec<u8>, Status>>,
) {
    let mut waiting = BytesMut::new();
    let mut entries = 0;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = sender.closed() => return,
        };
        let Some(Ok(frame)) = frame else { return };
        let bytes = match frame.into_data() {
            Ok(bytes) => bytes,
            Err(last) => {
                // The trailers: the node has ended the stream, and says how.
                let trailers = last.into_trailers().unwrap_or_default();
                if let Some(status) = Status::from_header_map(&trailers)
                    && status.code() != Code::Ok
                {
                    // Who has gone hears it no more.
                    let _ = sender.send(Err(status)).await;
                }
                return;
            }
        };
        waiting.extend_from_slice(&bytes);
        while let Some(message) = next_message(&mut waiting) {
            let script = {
                let mut seen = watch.seen();
                let before = seen.feeds.delivered();
                let script = seen.feeds.script(act, entries + 1, message, Instant::now());
                entries += seen.feeds.delivered() - before;
                script
            };
            for sent in script {
                let message = match sent {
                    Sent::Message(bytes) => Ok(bytes),
                    Sent::UntilCommitted(cursor) => {
                        watch.until_committed(&cursor).await;
                        continue;
                    }
                    Sent::End => return,
                    Sent::Cut => Err(Status::unavailable("the connection broke")),
                };
                let ends = message.is_err();
                if sender.send(message).await.is_err() || ends {
                    return;
                }
            }
        }
    }
}

/// Messages that are encoded already.
struct AsIs;

impl Encoder for AsIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

/// All bytes of a body, up to a limit.
async fn collect<B>(body: B) -> Result<Bytes, ()>
where
    B: tonic::codegen::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limited = Limited::new(body, REQUEST_BYTES_MAX + PREFIX_BYTES);
    let whole = limited.collect().await.map_err(drop)?;
    Ok(whole.to_bytes())
}

/// The one message of a unary request; none if it is compressed.
fn message_of(bytes: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = bytes.split_at_checked(PREFIX_BYTES)?;
    (prefix.first() == Some(&0)).then_some(message)
}

/// The next whole message of a stream.
fn next_message(waiting: &mut BytesMut) -> Option<Vec<u8>> {
    let length = waiting.get(1..PREFIX_BYTES)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    if waiting.len() < PREFIX_BYTES + length {
        return None;
    }
    waiting.advance(PREFIX_BYTES);
    Some(waiting.split_to(length).to_vec())
}
