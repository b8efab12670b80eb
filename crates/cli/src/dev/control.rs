//! How a running sandbox is told what to do: one JSON document a line each way over a Unix socket in its directory, which only its
//! owner may enter. It is no part of the contract: a node has no such thing.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader as AsyncReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::served::{PeerView, State};
use crate::exit::Failure;

/// Name of the socket in the sandbox's directory.
const SOCKET: &str = "control.sock";
/// How temporary directories of sandboxes are called.
pub(super) const PREFIX: &str = "concordat-dev-";
/// Longest line; more is no request.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Request {
    /// How it stands.
    Status,
    /// Move the clock by working days, days or time.
    Advance {
        /// As the command line takes it, such as `3wd`.
        by: String,
    },
    /// Move the clock to a moment.
    MoveTo {
        /// As the command line takes it.
        to: String,
    },
    /// Let the clock run at another speed.
    Speed {
        /// As the command line takes it.
        speed: String,
    },
    /// Take a peer away, or bring it back.
    Peer {
        /// Its name or code.
        name: String,
        /// What it shall be.
        to: State,
    },
}

/// How the sandbox stands: the answer to every request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    /// What its clock shows.
    pub(super) now: jiff::Timestamp,
    /// How fast it runs.
    pub(super) speed: String,
    /// Its organisations.
    pub(super) peers: Vec<PeerView>,
}

/// What comes back: the standing, or why it was not done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Done(Standing),
    Refused { exit_code: u8, text: String },
}

/// A request with the place for its answer.
pub(super) type Asked = (Request, oneshot::Sender<Result<Standing, Failure>>);

/// Listens in a sandbox's directory.
///
/// # Errors
/// [`Failure::Busy`] if a sandbox runs on it, [`Failure::Usage`] if its path is too long for a socket.
pub(super) fn listen(directory: &Path) -> Result<UnixListener, Failure> {
    let path = directory.join(SOCKET);
    if BlockingStream::connect(&path).is_ok() {
        return Err(Failure::Busy(format!(
            "a sandbox runs on {} already",
            directory.display()
        )));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(anyhow!(error)
                .context("the old socket cannot be removed")
                .into());
        }
        _ => {}
    }
    UnixListener::bind(&path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::Usage(format!(
            "{} is too long for a socket: choose a directory with a shorter path",
            path.display()
        )),
        _ => anyhow!(error)
            .context(format!("cannot listen on {}", path.display()))
            .into(),
    })
}

/// Passes on what is asked, until nobody takes it any more. Cancel safe: a request is passed on whole or not.
pub(super) async fn serve(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let mut callers = JoinSet::new();
    loop {
        tokio::select! {
            caller = listener.accept() => match caller {
                Ok((stream, _)) => {
                    callers.spawn(answer(stream, asked.clone()));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a caller could not be taken");
                }
            },
            Some(_) = callers.join_next() => {}
            () = asked.closed() => return,
        }
    }
}

async fn answer(stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = AsyncReader::new(tokio::io::AsyncReadExt::take(read, LINE_BYTES_MAX));
    if reader.read_line(&mut line).await.is_err() {
        return;
    }
    let done = match serde_json::from_str(&line) {
        Ok(request) => {
            let (sender, answer) = oneshot::channel();
            if asked.send((request, sender)).await.is_err() {
                return;
            }
            match answer.await {
                Ok(done) => done,
                Err(_) => return,
            }
        }
        Err(error) => Err(Failure::Usage(format!("not a request: {error}"))),
    };
    let answer = match done {
        Ok(standing) => Answer::Done(standing),
        Err(failure) => Answer::Refused {
            exit_code: failure.code(),
            text: match failure {
                Failure::Failed(error) => format!("{error:#}"),
                other => other.to_string(),
            },
        },
    };
    if let Ok(mut text) = serde_json::to_vec(&answer) {
        text.push(b'\n');
        // Who has gone hears it from `status`.
        let _ = write.write_all(&text).await;
    }
}

/// Asks the sandbox in a directory; the only one that runs in a temporary directory, if none is named.
///
/// # Errors
/// [`Failure::NotFound`] if none runs there, [`Failure::Usage`] if several do, and what the sandbox says.
pub(super) fn ask(directory: Option<&Path>, request: &Request) -> Result<Standing, Failure> {
    let mut stream = match directory {
        Some(directory) => BlockingStream::connect(directory.join(SOCKET)).map_err(|_| {
            Failure::NotFound(format!("no sandbox runs on {}", directory.display()))
        })?,
        None => only_one()?,
    };
    let mut text = serde_json::to_vec(request).map_err(anyhow::Error::from)?;
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .context("the sandbox went away")?;
    let answer = serde_json::from_str(&line).context("the sandbox went away before it answered")?;
    match answer {
        Answer::Done(standing) => Ok(standing),
        Answer::Refused { exit_code, text } => Err(Failure::told(exit_code, text)),
    }
}

fn only_one() -> Result<BlockingStream, Failure> {
    let mut running: Vec<(PathBuf, BlockingStream)> = Vec::new();
    for entry in fs::read_dir(env::temp_dir())?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Those of others cannot be entered, and those that were killed do not answer.
        if let Ok(stream) = BlockingStream::connect(entry.path().join(SOCKET)) {
            running.push((entry.path(), stream));
        }
    }
    let mut named = running.iter().map(|(path, _)| path.display().to_string());
    let names = named.by_ref().collect::<Vec<_>>().join(", ");
    match running.pop() {
        Some((_, stream)) if running.is_empty() => Ok(stream),
        Some(_) => Err(Failure::Usage(format!(
            "several sandboxes run: name one with --sandbox ({names})"
        ))),
        None => Err(Failure::NotFound(
            "no sandbox runs: start one with `concordat dev`, or name its directory with --sandbox"
                .to_owned(),
        )),
    }
}
