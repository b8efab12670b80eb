//! Covering what others wrote: an own bundle says what its author has seen, an empty one says nothing else (wire.md 2, heads).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use concordat_trust::bundle::Bundle;

use super::Engine;
use crate::error::Error;

/// A node covers whatever it has not covered for so long, whoever else did.
const COVERED_AT_LEAST: Duration = Duration::from_secs(24 * 60 * 60);

/// What others wrote and no own bundle covers yet.
#[derive(Default)]
pub(super) struct Uncovered {
    /// Since when there is anything.
    since: Option<Instant>,
    /// Bundles that were not witnessed when last looked at, oldest first, with when it is this organisation's turn to cover them.
    unwitnessed: VecDeque<(u64, Instant)>,
}

impl Uncovered {
    /// An own bundle was signed: it covers all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Engine {
    /// After a restart: what the own bundles on the log do not cover counts as just become visible.
    pub(super) fn restore_uncovered(&mut self) -> Result<(), Error> {
        let covered = self.admission.covered(&self.config.organisation);
        for index in covered..self.admission.size() {
            let bundle = self.bundle_at(index)?;
            self.note_uncovered(index, &bundle);
        }
        Ok(())
    }

    /// A bundle has become visible. Own ones and empty ones ask for nothing.
    pub(super) fn note_uncovered(&mut self, index: u64, bundle: &Bundle) {
        let own = &self.config.organisation;
        if bundle.organisation() == own || bundle.is_head() {
            return;
        }
        let now = Instant::now();
        self.uncovered.since.get_or_insert(now);
        let order = self
            .admission
            .head_order(bundle.organisation(), &bundle.hash());
        let rank = order.iter().position(|organisation| *organisation == own);
        let Some(rank) = rank else { return };
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let turn = self.config.witness_after + self.config.witness_step.saturating_mul(rank);
        self.uncovered.unwitnessed.push_back((index, now + turn));
    }

    /// Whether a head of this organisation is due: a bundle has been unwitnessed for long and it is this one's turn, or a day has
    /// passed since something became visible that no own bundle covers.
    pub(super) fn head_is_due(&mut self) -> bool {
        let Some(since) = self.uncovered.since else {
            return false;
        };
        while let Some((index, turn)) = self.uncovered.unwitnessed.front() {
            if !self.admission.witnessed(*index) {
                return *turn <= Instant::now();
            }
            self.uncovered.unwitnessed.pop_front();
        }
        since.elapsed() >= COVERED_AT_LEAST
    }
}
