//! Where the node reads the time. Everything below the shell takes instants as arguments.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use concordat_log::embedded::TimeSource;
use jiff::{SignedDuration, Timestamp};

/// A source of the current instant (UTC).
///
/// Two implementations exist because two kinds of time exist: that of the machine, and that of a demonstration, a
/// scenario or a test, which stands still until somebody moves it.
pub trait Clock: Send + Sync + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the node reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved, and never goes back. Clones share the same hands.
#[derive(Debug, Clone)]
pub struct MovableClock {
    microseconds: Arc<AtomicI64>,
}

impl MovableClock {
    /// A clock that shows `start` (to the microsecond).
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            microseconds: Arc::new(AtomicI64::new(start.as_microsecond())),
        }
    }

    /// Moves the hands to `instant`. An instant that has passed already leaves them where they are: rulings and
    /// deadlines rest on claimed times that do not run backwards.
    pub fn move_to(&self, instant: Timestamp) {
        self.microseconds
            .fetch_max(instant.as_microsecond(), Ordering::SeqCst);
    }

    /// The same hands for an embedded log: its time moves together with that of the nodes on it.
    #[must_use]
    pub fn time_source(&self) -> TimeSource {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    /// Moves the hands forward by `span`.
    pub fn advance(&self, span: SignedDuration) {
        self.microseconds.fetch_add(
            span.as_micros().try_into().unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.microseconds.load(Ordering::SeqCst))
            .unwrap_or(Timestamp::MAX)
    }
}
