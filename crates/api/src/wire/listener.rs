//! Connections: how many, how long they may say nothing, and how they end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Wires;

/// Connections at once; further ones wait in the system's queue. Local systems keep one each, and a browser six.
const CONNECTIONS_MAX: usize = 1024;
/// How long a connection may take to say what it speaks, and then to send the head of a request; an idle one is closed after it.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls of one connection that may be under way.
const CALLS_MAX: u32 = 256;
/// How long calls may take to end after the server was told to stop. Then they are cut off: a client that does not read must not keep a
/// node from stopping.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection, for want of file descriptors above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// With these bytes HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How soon a beginning that came in pieces is looked at again.
const PIECES: Duration = Duration::from_millis(20);

/// Serves until `stop` is cancelled, then lets calls under way end, and cuts off what is left after five seconds.
pub(crate) async fn listen(listener: TcpListener, wires: Wires, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => note(ended),
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, place)) => {
                    let (wires, stop) = (wires.clone(), stop.clone());
                    connections.spawn(async move {
                        serve(stream, wires, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(LAST_CALLS, ended).await.is_err() {
        warn!(
            connections = connections.len(),
            "calls were still under way and are cut off"
        );
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        warn!("a connection ended by a panic");
    }
}

async fn serve(stream: TcpStream, wires: Wires, stop: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let begun = tokio::select! {
        begun = tokio::time::timeout(HEAD_WITHIN, has_begun(&stream)) => matches!(begun, Ok(Ok(true))),
        // Nobody has asked anything on it.
        () = stop.cancelled() => false,
    };
    if !begun {
        return;
    }
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .max_concurrent_streams(CALLS_MAX);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(wires));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients go as they like; what they did is theirs to know.
        debug!(
            error = error.as_ref() as &dyn std::error::Error,
            "a connection broke"
        );
    }
}

/// Waits until it is known which version of HTTP a connection speaks: hyper has no time limit for that. False if it was closed.
async fn has_begun(stream: &TcpStream) -> io::Result<bool> {
    let mut begin = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut begin).await?;
        if seen == 0 {
            return Ok(false);
        }
        if seen == PREFACE.len() || begin[..seen] != PREFACE[..seen] {
            return Ok(true);
        }
        tokio::time::sleep(PIECES).await;
    }
}
