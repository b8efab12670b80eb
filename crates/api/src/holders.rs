//! Who streams which feed: one at a time, since two would hand the same entries out in different orders of handling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The streams that are active, by feed.
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
    consumer: String,
    taken_over: CancellationToken,
}

/// An active stream's claim on its feed. Dropping it frees the feed.
#[derive(Debug)]
pub(crate) struct Hold {
    holders: Holders,
    feed: String,
    number: u64,
    taken_over: CancellationToken,
}

impl Holders {
    /// Claims a feed for a consumer.
    ///
    /// # Errors
    /// The consumer that streams it, unless it is to be taken over from that.
    pub(crate) fn claim(
        &self,
        feed: &str,
        consumer: &str,
        take_over: bool,
    ) -> Result<Hold, String> {
        let mut state = self.state();
        if let Some(active) = state.active.get(feed) {
            if !take_over {
                return Err(active.consumer.clone());
            }
            active.taken_over.cancel();
        }
        state.next += 1;
        let (number, taken_over) = (state.next, CancellationToken::new());
        state.active.insert(
            feed.to_owned(),
            Active {
                number,
                consumer: consumer.to_owned(),
                taken_over: taken_over.clone(),
            },
        );
        Ok(Hold {
            holders: self.clone(),
            feed: feed.to_owned(),
            number,
            taken_over,
        })
    }

    /// Who streams a feed; empty if nobody does.
    pub(crate) fn holder(&self, feed: &str) -> String {
        let state = self.state();
        state
            .active
            .get(feed)
            .map(|active| active.consumer.clone())
            .unwrap_or_default()
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
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.holders.state();
        if state
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
    use super::Holders;

    #[test]
    fn one_holds_a_feed_until_it_goes_or_is_taken_over() {
        let holders = Holders::default();
        let first = holders.claim("all", "first", false).expect("free");
        assert_eq!(
            holders.claim("all", "second", false).expect_err("held"),
            "first"
        );
        let second = holders.claim("all", "second", true).expect("taken over");
        assert!(first.taken_over.is_cancelled());
        drop(first);
        assert_eq!(holders.holder("all"), "second");
        drop(second);
        assert_eq!(holders.holder("all"), "");
    }
}
