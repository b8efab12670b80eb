//! A TCP proxy that fails on command, to stand between a client and its server.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// What the proxy does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    Blackhole,
    DropReplies,
    HoldReplies,
    Cut,
}

impl Mode {
    /// Whether bytes of that direction stay where they are for now.
    fn holds(self, are_replies: bool) -> bool {
        self == Self::Blackhole || (are_replies && self == Self::HoldReplies)
    }
}

/// Forwards connections to one server until told otherwise. Stops when dropped.
pub struct TcpProxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    accepting: AbortHandle,
}

impl TcpProxy {
    /// Listens on a loopback port that the system chose.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mode = Arc::new(watch::Sender::new(Mode::Forward));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&mode))).abort_handle();
        Self {
            address,
            mode,
            accepting,
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where NATS clients connect.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Closes every connection, and every new one at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Keeps connections open but moves nothing either way, like a network that has gone silent.
    pub fn blackhole(&self) {
        self.mode.send_replace(Mode::Blackhole);
    }

    /// Still takes what the client sends to the server, but loses every reply from now on: an append is stored, its
    /// acknowledgement never arrives.
    pub fn drop_replies(&self) {
        self.mode.send_replace(Mode::DropReplies);
    }

    /// Still takes what the client sends to the server, but lets every reply wait: none is lost, all come when it works again.
    pub fn hold_replies(&self) {
        self.mode.send_replace(Mode::HoldReplies);
    }

    /// Works again. Connections that lost bytes are closed first, as their streams are broken.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Forward);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mode: Arc<watch::Sender<Mode>>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if *mode.borrow() != Mode::Cut {
            connections.spawn(carry(client, server, mode.subscribe()));
        }
    }
}

/// Carries one connection until either side ends it or the mode does.
async fn carry(client: TcpStream, server: SocketAddr, mode: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let mut watching = mode.clone();
    tokio::select! {
        () = pump(from_client, to_server, mode.clone(), false) => {}
        () = pump(from_server, to_client, mode, true) => {}
        _ = watching.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

/// Moves bytes one way. `are_replies` says which.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    are_replies: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut has_lost = false;
    loop {
        if mode
            .wait_for(|mode| !mode.holds(are_replies))
            .await
            .is_err()
        {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = mode.changed() => match changed {
                Ok(()) if has_lost && *mode.borrow() == Mode::Forward => return,
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok(length @ 1..) = read else {
            return;
        };
        // The mode may have changed while this waited for bytes.
        if mode
            .wait_for(|mode| !mode.holds(are_replies))
            .await
            .is_err()
        {
            return;
        }
        if are_replies && *mode.borrow() == Mode::DropReplies {
            has_lost = true;
            continue;
        }
        if has_lost || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
