//! One stream of what becomes visible, of a feed or of one case: what there is, then what comes, with signals that tell quiet from broken.
//! What it says is the same for all; each service writes it as its own messages.

mod pace;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use concordat_domain::ids::CaseId;
use concordat_node::clock::Clock;
use concordat_node::{CaseView, Delivered, Error, FeedEnd, FeedFollower, FeedPortion, Node, Spot};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use self::pace::{Pace, Watcher};
use super::Services;
use crate::failure::from_node;
use crate::holders::Hold;

/// How often a quiet stream says that it lives: below what firewalls and proxies cut.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Entries resolved in one go. A subscriber that does not read holds back no more than these.
const ENTRIES_MAX: usize = 32;
/// When to come back after the server has closed a stream.
const COME_BACK: Duration = Duration::from_secs(1);

/// What a stream says, before it is written as a message.
pub(super) enum Said {
    /// Something became visible.
    Entry(Delivered),
    /// The case that is watched, as it stands at an instant.
    Case(Box<CaseView>, Timestamp, Stand),
    /// Nothing new up to here.
    Checkpoint(Stand),
    /// All that there was has been said.
    CaughtUp(Stand),
    /// The subscriber is slower than what comes.
    FellBehind(Stand),
    /// The stream ends here.
    Closing(Closing),
}

/// A place in what becomes visible, and when it was looked at.
pub(super) struct Stand {
    /// The place; its entries were said before.
    pub(super) portion: FeedPortion,
    /// The node's time.
    pub(super) at: Timestamp,
}

/// Why a stream ends, and when to come back.
pub(super) struct Closing {
    /// Why, as a code.
    pub(super) reason: &'static str,
    /// Wait so long before the next try.
    pub(super) retry_after: Duration,
    /// Up to where everything was sent; none at the very beginning.
    pub(super) sent: Option<Spot>,
}

/// The case that a stream tells anew whenever something of it has changed.
struct Watched {
    node: Arc<Node>,
    case: CaseId,
    is_changed: bool,
}

/// A stream under way. It lives in the connection: it is polled as fast as the subscriber reads, and dropped when that goes.
pub(super) struct Streaming {
    follower: FeedFollower,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// None for a stream of what is not kept.
    hold: Option<Hold>,
    watched: Option<Watched>,
    /// Up to where everything was sent.
    sent: Option<Spot>,
    /// What comes next.
    ready: VecDeque<Said>,
    watcher: Watcher,
    is_heartbeat_due: bool,
    ended: bool,
}

impl Streaming {
    pub(super) fn new(services: &Services, hold: Option<Hold>, follower: FeedFollower) -> Self {
        Self {
            sent: follower.stand().spot,
            follower,
            clock: Arc::clone(&services.clock),
            stop: services.stop.clone(),
            hold,
            watched: None,
            ready: VecDeque::new(),
            watcher: Watcher::default(),
            is_heartbeat_due: false,
            ended: false,
        }
    }

    /// Tells a case as it stands, too: once all that there is has been said, and again behind whatever comes.
    pub(super) fn watching(mut self, services: &Services, case: CaseId) -> Self {
        self.watched = Some(Watched {
            node: Arc::clone(&services.node),
            case,
            is_changed: true,
        });
        self
    }

    /// The messages, each written by `tell`.
    pub(super) fn into_stream<M: Send + 'static>(
        self,
        tell: impl Fn(Said) -> M + Send + 'static,
    ) -> BoxStream<'static, Result<M, Status>> {
        stream::unfold((self, tell), |(mut streaming, tell)| async move {
            let said = streaming.next().await?;
            Some((said.map(&tell), (streaming, tell)))
        })
        .boxed()
    }

    /// The next message; none after the one that closes the stream.
    async fn next(&mut self) -> Option<Result<Said, Status>> {
        loop {
            self.close_if_told();
            if let Some(said) = self.ready.pop_front() {
                match &said {
                    Said::Entry(entry) => self.sent = Some(entry.spot),
                    Said::Case(_, _, stand)
                    | Said::Checkpoint(stand)
                    | Said::CaughtUp(stand)
                    | Said::FellBehind(stand) => self.sent = stand.portion.spot,
                    Said::Closing(_) => {}
                }
                return Some(Ok(said));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill().await {
                self.ended = true;
                return Some(Err(from_node(error).into()));
            }
        }
    }

    /// Makes something ready, or waits until something may be.
    async fn fill(&mut self) -> Result<(), Error> {
        let mut portion = self.follower.portion(ENTRIES_MAX).await?;
        if self.follower.ended().is_some() {
            // What was found may be of the feed as it was: the next look closes the stream.
            return Ok(());
        }
        let (lag, some) = (portion.lag, !portion.entries.is_empty());
        let entries = std::mem::take(&mut portion.entries);
        self.ready.extend(entries.into_iter().map(Said::Entry));
        let at = self.clock.now();
        let stand = Stand { portion, at };
        if some {
            if let Some(watched) = &mut self.watched {
                watched.is_changed = true;
            }
            match self.watcher.behind_by(lag, Instant::now()) {
                Pace::Fine => {}
                Pace::FellBehind => self.ready.push_back(Said::FellBehind(stand)),
                Pace::TooSlow => {
                    self.ready.clear();
                    self.close("too-slow", COME_BACK);
                }
            }
            return Ok(());
        }
        if lag > 0 {
            return Ok(());
        }
        if let Some(watched) = self.watched.as_mut().filter(|one| one.is_changed) {
            // Read behind the place: it may show already what is said next, and lacks nothing of what was said.
            let view = watched.node.case(watched.case, Some(at)).await?;
            watched.is_changed = false;
            self.ready.push_back(Said::Case(Box::new(view), at, stand));
            return Ok(());
        }
        if self.watcher.caught_up() {
            self.ready.push_back(Said::CaughtUp(stand));
            return Ok(());
        }
        if std::mem::take(&mut self.is_heartbeat_due) {
            self.ready.push_back(Said::Checkpoint(stand));
            return Ok(());
        }
        // What the filter leaves out wakes nobody: a heartbeat looks past it first, so that a quiet place moves on.
        self.is_heartbeat_due = self.is_quiet().await;
        Ok(())
    }

    /// Waits until something may have come, or is to be said; says whether only time has passed.
    async fn is_quiet(&self) -> bool {
        let taken_over = async {
            match &self.hold {
                Some(hold) => hold.taken_over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Told to close: the next look does it.
            () = self.stop.cancelled() => false,
            () = taken_over => false,
            () = self.follower.woken() => false,
            () = tokio::time::sleep(HEARTBEAT) => true,
        }
    }

    /// Whoever lost the feed, or is served by a node that stops, gets no further entry: somebody else may be handling them already.
    fn close_if_told(&mut self) {
        if self.ended {
            return;
        }
        let (reason, pause) = if self.hold.as_ref().is_some_and(Hold::is_taken_over) {
            ("taken-over", COME_BACK)
        } else if self.stop.is_cancelled() {
            ("shutdown", COME_BACK)
        } else {
            match self.follower.ended() {
                Some(FeedEnd::Changed) => ("changed", Duration::ZERO),
                Some(FeedEnd::Deleted) => ("deleted", COME_BACK),
                None => return,
            }
        };
        self.ready.clear();
        self.close(reason, pause);
    }

    fn close(&mut self, reason: &'static str, retry_after: Duration) {
        self.ended = true;
        self.ready.push_back(Said::Closing(Closing {
            reason,
            retry_after,
            sent: self.sent,
        }));
    }
}
