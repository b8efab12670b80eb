//! Pauses between tries.

use std::time::Duration;

/// First pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// Doubling pauses with an upper bound.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    /// Starts with the shortest pause.
    pub(crate) const fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait now; at least what the node asked for, if it did.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        asked.map_or(pause, |asked| asked.max(pause).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_heed_the_node() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.next(None), FIRST);
        assert_eq!(
            backoff.next(Some(Duration::from_secs(1))),
            Duration::from_secs(1)
        );
        assert_eq!(backoff.next(Some(Duration::from_secs(3600))), LONGEST);
        let last = (0..10).map(|_| backoff.next(None)).last();
        assert_eq!(last, Some(LONGEST));
    }
}
