//! Who streams or pulls which feed: one at a time, since two would hand the same entries out in different orders of handling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The streams and pulls that are active, by feed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holders(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    active: BTreeMap<String, Active>,
}

#[derive(Debug)]
struct Active {
    number: u64,
    held: Holding,
    /// When a lease ends; a stream holds as long as it lives.
    ends: Option<Instant>,
    taken_over: CancellationToken,
}

impl Active {
    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= Instant::now())
    }
}

/// How a feed is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Name that the consumer gave.
    pub(crate) consumer: String,
    /// Since when, by the node's clock.
    pub(crate) since: Timestamp,
    /// Until when without a further pull; none for a stream.
    pub(crate) until: Option<Timestamp>,
}

/// A claim on a feed. Dropping that of a stream frees the feed; that of a pull lasts until its lease ends.
#[derive(Debug)]
pub(crate) struct Hold {
    holders: Holders,
    feed: String,
    number: u64,
    is_lease: bool,
    taken_over: CancellationToken,
}

impl Holders {
    /// Claims a feed for a stream.
    ///
    /// # Errors
    /// The consumer that holds it, unless it is to be taken over from that.
    pub(crate) fn claim(
        &self,
        feed: &str,
        consumer: &str,
        take_over: bool,
        now: Timestamp,
    ) -> Result<Hold, String> {
        let mut state = self.state();
        if let Some(active) = state.active.get(feed).filter(|active| !active.is_over()) {
            if !take_over {
                return Err(active.held.consumer.clone());
            }
            active.taken_over.cancel();
        }
        let held = Holding {
            consumer: consumer.to_owned(),
            since: now,
            until: None,
        };
        Ok(self.hold(&mut state, feed, held, None))
    }

    /// Claims a feed for a pull that began now, for as long as it says. A consumer that pulls again goes on holding it.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub(crate) fn lease(
        &self,
        feed: &str,
        consumer: &str,
        take_over: bool,
        (now, lasts): (Timestamp, Duration),
    ) -> Result<Hold, String> {
        let mut state = self.state();
        let mut since = now;
        if let Some(active) = state.active.get(feed).filter(|active| !active.is_over()) {
            let renewed = active.ends.is_some() && active.held.consumer == consumer;
            if !renewed && !take_over {
                return Err(active.held.consumer.clone());
            }
            if renewed {
                since = active.held.since;
            }
            // An earlier pull of this consumer that waits still is answered now: nobody reads its answer any more.
            active.taken_over.cancel();
        }
        let held = Holding {
            consumer: consumer.to_owned(),
            since,
            until: now.checked_add(lasts).ok(),
        };
        Ok(self.hold(&mut state, feed, held, Some(Instant::now() + lasts)))
    }

    fn hold(&self, state: &mut State, feed: &str, held: Holding, ends: Option<Instant>) -> Hold {
        state.next += 1;
        let (number, taken_over) = (state.next, CancellationToken::new());
        state.active.insert(
            feed.to_owned(),
            Active {
                number,
                held,
                ends,
                taken_over: taken_over.clone(),
            },
        );
        Hold {
            holders: self.clone(),
            feed: feed.to_owned(),
            number,
            is_lease: ends.is_some(),
            taken_over,
        }
    }

    /// How a feed is held; none if nobody holds it.
    pub(crate) fn holding(&self, feed: &str) -> Option<Holding> {
        let mut state = self.state();
        if state.active.get(feed)?.is_over() {
            state.active.remove(feed);
        }
        state.active.get(feed).map(|active| active.held.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Whether somebody else has taken the feed over.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken_over.is_cancelled()
    }

    /// Ends when somebody else takes the feed over.
    pub(crate) async fn taken_over(&self) {
        self.taken_over.cancelled().await;
    }

    /// The consumer that holds the feed now.
    pub(crate) fn now_held_by(&self) -> String {
        let held = self.holders.holding(&self.feed);
        held.map(|held| held.consumer).unwrap_or_default()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.holders.state();
        if !self.is_lease
            && state
                .active
                .get(&self.feed)
                .is_some_and(|active| active.number == self.number)
        {
            state.active.remove(&self.feed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::Holders;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn one_holds_a_feed_until_it_goes_or_is_taken_over() {
        let holders = Holders::default();
        let holder = || holders.holding("all").map(|held| held.consumer);
        let first = holders.claim("all", "first", false, NOW).expect("free");
        let refused = holders.claim("all", "second", false, NOW);
        assert_eq!(refused.expect_err("held"), "first");
        let second = holders.claim("all", "second", true, NOW);
        let second = second.expect("taken over");
        assert!(first.is_taken_over());
        drop(first);
        assert_eq!(holder().as_deref(), Some("second"));
        drop(second);
        assert_eq!(holder(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn pulls_hold_a_feed_until_their_lease_ends() {
        let holders = Holders::default();
        let lasts = (NOW, Duration::from_secs(30));
        let pull = |consumer, take_over| holders.lease("all", consumer, take_over, lasts);
        drop(pull("first", false).expect("free"));
        assert_eq!(pull("second", false).expect_err("held"), "first");
        drop(pull("first", false).expect("its own"));
        let stream = holders.claim("all", "stream", false, NOW);
        assert_eq!(stream.expect_err("held"), "first");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(holders.holding("all"), None);
        let stream = holders.claim("all", "stream", false, NOW);
        let stream = stream.expect("free again");
        assert_eq!(pull("first", false).expect_err("held"), "stream");
        drop(pull("first", true).expect("taken over"));
        assert!(stream.is_taken_over());
    }
}
