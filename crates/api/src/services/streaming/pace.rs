//! Whether a subscriber keeps up with what comes.

use std::time::Duration;

use tokio::time::Instant;

/// Entries behind the newest from which a subscriber that had caught up is told so: some seconds of a busy node.
const BEHIND: u64 = 1000;
/// How long it may stay so before it is cut off with a cursor: then it reads on from there as one that comes back.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a subscriber does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Well enough, or told already.
    Fine,
    /// It has fallen behind: tell it.
    FellBehind,
    /// It has been behind for too long: cut it off.
    TooSlow,
}

/// Watches one subscriber. One that has not caught up yet is not behind: it reads what was there before it came.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    caught_up: bool,
    behind_since: Option<Instant>,
}

impl Watcher {
    /// It has all that there is; says whether for the first time since it came or fell behind.
    pub(super) fn caught_up(&mut self) -> bool {
        let first = !self.caught_up || self.behind_since.is_some();
        (self.caught_up, self.behind_since) = (true, None);
        first
    }

    /// It was given entries, and so many wait behind them.
    pub(super) fn behind_by(&mut self, lag: u64, now: Instant) -> Pace {
        if !self.caught_up {
            return Pace::Fine;
        }
        match self.behind_since {
            None if lag > BEHIND => {
                self.behind_since = Some(now);
                Pace::FellBehind
            }
            Some(since) if lag > BEHIND && now.duration_since(since) > PATIENCE => Pace::TooSlow,
            _ => Pace::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_falls_behind_is_told_once_then_cut_off() {
        let (mut watcher, now) = (Watcher::default(), Instant::now());
        assert_eq!(watcher.behind_by(u64::MAX, now), Pace::Fine);
        assert!(watcher.caught_up());
        assert!(!watcher.caught_up());
        assert_eq!(watcher.behind_by(BEHIND, now), Pace::Fine);
        assert_eq!(watcher.behind_by(BEHIND + 1, now), Pace::FellBehind);
        assert_eq!(watcher.behind_by(BEHIND + 1, now + PATIENCE), Pace::Fine);
        let late = now + PATIENCE + Duration::from_millis(1);
        assert_eq!(watcher.behind_by(BEHIND, late), Pace::Fine);
        assert_eq!(watcher.behind_by(BEHIND + 1, late), Pace::TooSlow);
        assert!(watcher.caught_up());
        assert_eq!(watcher.behind_by(BEHIND + 1, late), Pace::FellBehind);
    }
}
