//! What auditors ask: cases as they were, compared, replayed, judged by other rules, verified and proven; and who looked.
//!
//! Everything is folded anew from the journal, up to a position and with the keys that this organisation held there. So what comes later
//! changes nothing in an answer about earlier, and what this organisation could not see then it does not see here.

mod access;
mod as_of;
mod compare;
mod pack;
mod proofs;
mod replay;
mod verify;
mod what_if;

pub(crate) use replay::Replay;
pub(crate) use verify::Kept;

use std::sync::Arc;

use concordat_domain::event::CaseVersion;
use concordat_domain::ids::{CaseId, Position};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{Applied, CaseLog};
use concordat_trust::keyring::CaseKeys;
use jiff::Timestamp;

use super::Engine;
use super::cases::envelope_of;
use crate::audit::{FoundPoint, Known, Point};
use crate::emission::Ruled;
use crate::error::Error;
use crate::views::EventView;

/// Bundles whose claimed times are read in one turn: some milliseconds.
const TIMES_PER_TURN: usize = 500;

/// The latest time that the bundles up to each claim, by bundle: what tells where the log stood at an instant. Read when first asked for.
#[derive(Default)]
pub(super) struct LogTimes(Vec<Timestamp>);

/// A case as this organisation could fold it at a position.
pub(super) struct Past {
    pub(super) log: Arc<CaseLog>,
    /// The keys that it held there.
    pub(super) keys: CaseKeys,
    /// Its own sequence in the case there.
    pub(super) own_seq: u64,
}

impl Past {
    /// Version of the case there, as this organisation counts.
    pub(super) fn version(&self, engine: &Engine) -> CaseVersion {
        let case = self.log.case();
        CaseVersion {
            others: case.map_or(0, |case| case.version_for(&engine.config.organisation)),
            own_seq: self.own_seq,
        }
    }
}

impl Engine {
    /// Reads the claimed times of some more bundles; says whether there are more.
    pub(crate) fn read_log_times(&mut self) -> Result<bool, Error> {
        for _ in 0..TIMES_PER_TURN {
            let next = self.log_times.0.len() as u64;
            if next >= self.admission.size() {
                return Ok(false);
            }
            let claimed = self.bundle_at(next)?.header().place.claimed_time;
            let latest = self.log_times.0.last().copied();
            self.log_times
                .0
                .push(latest.map_or(claimed, |latest| latest.max(claimed)));
        }
        Ok(true)
    }

    /// The point of the log that is meant. Of a time, [`Self::read_log_times`] must have read all there is.
    pub(crate) fn find_point(&self, point: &Point) -> Result<FoundPoint, Error> {
        let (position, time) = match point.known {
            Known::Head => (self.last_of(self.admission.size())?, None),
            Known::Position(position) => {
                if position.bundle >= self.admission.size() {
                    return Err(Error::PositionNotReached { position });
                }
                let claimed = self.bundle_at(position.bundle)?.header().place.claimed_time;
                (Some(position), Some(claimed))
            }
            Known::Time(time) => {
                let size = self.log_times.0.partition_point(|latest| *latest <= time);
                (self.last_of(size as u64)?, Some(time))
            }
        };
        Ok(FoundPoint {
            position,
            valid_at: point.valid_at.or(time).unwrap_or_else(|| self.now()),
        })
    }

    /// The last place of a log of so many bundles; none of an empty one.
    fn last_of(&self, size: u64) -> Result<Option<Position>, Error> {
        let Some(bundle) = size.checked_sub(1) else {
            return Ok(None);
        };
        let envelopes = u32::try_from(self.bundle_at(bundle)?.envelopes().len());
        Ok(Some(Position {
            bundle,
            envelope: envelopes.unwrap_or(u32::MAX).saturating_sub(1),
        }))
    }

    /// A case up to a position, as this organisation could read it there; none if there was none, or it could not.
    ///
    /// Folded twice where keys came later: first with all that it has, which tells what it held there; then with that.
    pub(super) fn past(&self, case: CaseId, upto: Position) -> Result<Option<Past>, Error> {
        let Some(keys) = self.keys_of(case) else {
            return Ok(None);
        };
        let (log, own_seq) = self.fold_to(case, keys, upto)?;
        if log.case().is_none() || !self.was_readable(&log) {
            return Ok(None);
        }
        let own = &self.config.organisation;
        let held = keys.held_then(|held| {
            let version = log.keys().version(held.alias, held.number);
            version.is_some_and(|version| {
                version.commitment == held.commitment && version.holders.contains(own)
            })
        });
        let same = held.versions().count() == keys.versions().count();
        let log = if same {
            log
        } else {
            self.fold_to(case, &held, upto)?.0
        };
        Ok(log.case().is_some().then(|| Past {
            log: Arc::new(log),
            keys: held,
            own_seq,
        }))
    }

    /// Whether this organisation could read a case at a position.
    pub(crate) fn was_readable_at(&self, case: CaseId, upto: Position) -> Result<bool, Error> {
        Ok(self.past(case, upto)?.is_some())
    }

    fn fold_to(
        &self,
        case: CaseId,
        keys: &CaseKeys,
        upto: Position,
    ) -> Result<(CaseLog, u64), Error> {
        let mut log = CaseLog::new(case);
        let mut own_seq = 0;
        self.walk(case, upto, |position, bundle| {
            self.apply_to(&mut log, keys, position, bundle);
            own_seq = self.own_seq_after(own_seq, position, bundle);
            Ok(())
        })?;
        Ok((log, own_seq))
    }

    /// Folds a case up to a position and shows each of its envelopes as it is applied, with the fold after it.
    pub(super) fn replay_to(
        &self,
        (case, keys): (CaseId, &CaseKeys),
        upto: Position,
        mut show: impl FnMut(Position, &Bundle, Applied, &CaseLog) -> Result<(), Error>,
    ) -> Result<CaseLog, Error> {
        let mut log = CaseLog::new(case);
        self.walk(case, upto, |position, bundle| {
            let applied = self.apply_to(&mut log, keys, position, bundle);
            show(position, bundle, applied, &log)
        })?;
        Ok(log)
    }

    /// The envelopes of a case up to a position, in log order. One bundle is in memory at a time.
    pub(super) fn walk(
        &self,
        case: CaseId,
        upto: Position,
        mut step: impl FnMut(Position, &Bundle) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut at_hand: Option<(u64, Bundle)> = None;
        let written = self.store.cases().places(&case.0);
        let unwritten = self.unwritten.iter().flat_map(|(index, bundle)| {
            let of_case = (0..).zip(bundle.envelopes()).filter(|(_, envelope)| {
                let link = envelope.header().class.link();
                link.is_some_and(|link| link.case == case)
            });
            of_case.map(|(envelope, _)| Ok((*index, envelope)))
        });
        for place in written.chain(unwritten) {
            let (bundle, envelope) = place?;
            let position = Position { bundle, envelope };
            if position > upto {
                break;
            }
            let (_, content) = match at_hand.take_if(|(index, _)| *index == bundle) {
                Some(same) => at_hand.insert(same),
                None => at_hand.insert((bundle, self.bundle_at(bundle)?)),
            };
            step(position, content)?;
        }
        Ok(())
    }

    /// An event as this organisation could read it at the position of a fold. What has been erased since is called so.
    pub(super) fn past_event(
        &self,
        past: &Past,
        (position, bundle): (Position, &Bundle),
        ruled: Option<Ruled>,
    ) -> Result<EventView, Error> {
        let case = past.log.id();
        let today = self.case_log(case)?;
        let today = today.as_deref().and_then(CaseLog::case);
        let parts = self.open_parts_with(&past.keys, (&past.log, today), position, bundle);
        Ok(self.view_of_parts(case, (position, bundle), parts, ruled))
    }

    /// The id of the envelope at a place, as [`crate::audit`] names events.
    pub(super) fn event_id_at(
        bundle: &Bundle,
        position: Position,
    ) -> concordat_domain::ids::EventId {
        envelope_of(bundle, position).header().event_id
    }
}
