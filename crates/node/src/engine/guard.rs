//! The guard of the enforcer: nothing fires before the log's clock has passed the due instant as well, nor while the two clocks
//! contradict each other (design, section 7). A node whose clock is wrong would otherwise sign that others missed what is not due yet.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::Engine;
use crate::courier::Comparison;
use crate::views::ClockGuard;

/// From this difference on one of the two clocks is wrong (design, section 7).
const DIFFERENCE_MAX: SignedDuration = SignedDuration::from_secs(60);
/// A comparison older than this says nothing about now.
const COMPARISON_AGE_MAX: Duration = Duration::from_secs(5);

/// What the engine knows of the log's clock.
#[derive(Default)]
pub(super) struct Guard {
    /// The last comparison, until the enforcer has worked with it.
    comparison: Option<(Comparison, Instant)>,
    asked: Option<Instant>,
    pub(super) verdict: ClockGuard,
}

impl Engine {
    /// Takes a comparison of the clocks in, and says so when its verdict is another than before.
    pub(super) fn compared(&mut self, comparison: Comparison) {
        let log_ahead_by = comparison.log_ahead_by();
        let verdict = if log_ahead_by.abs() < DIFFERENCE_MAX {
            ClockGuard::Agree { log_ahead_by }
        } else {
            ClockGuard::Disagree { log_ahead_by }
        };
        let disagreed = matches!(self.guard.verdict, ClockGuard::Disagree { .. });
        match verdict {
            ClockGuard::Disagree { .. } if !disagreed => warn!(
                log_ahead_by_s = log_ahead_by.as_secs(),
                "the clocks of this node and of the log disagree: no deadline is enforced until they agree"
            ),
            ClockGuard::Agree { .. } if disagreed => {
                info!("the clocks of this node and of the log agree again: deadlines are enforced")
            }
            _ => {}
        }
        self.guard.verdict = verdict;
        self.guard.comparison = Some((comparison, Instant::now()));
    }

    /// The log is lost: what its clock showed counts for nothing any more.
    pub(super) fn forget_comparison(&mut self) {
        self.guard.comparison = None;
    }

    /// The instant up to which the enforcer may act: the earlier of the two clocks. None as long as a comparison is missing, which is
    /// asked for, or while they disagree. Each comparison is good for one look.
    pub(super) fn guarded_instant(&mut self, now: Timestamp) -> Option<Timestamp> {
        let fresh = self
            .guard
            .comparison
            .take()
            .filter(|(_, at)| at.elapsed() < COMPARISON_AGE_MAX);
        let Some((comparison, _)) = fresh else {
            self.ask_for_comparison();
            return None;
        };
        match self.guard.verdict {
            ClockGuard::Agree { .. } => Some(now.min(comparison.log)),
            ClockGuard::Disagree { .. } | ClockGuard::NotCompared => None,
        }
    }

    /// At most once a tick, so that a log whose clock is behind is not stormed.
    fn ask_for_comparison(&mut self) {
        let asked_lately = self
            .guard
            .asked
            .is_some_and(|at| at.elapsed() < self.config.tick);
        if !asked_lately {
            self.guard.asked = Some(Instant::now());
            self.compare_clocks.notify_one();
        }
    }
}
