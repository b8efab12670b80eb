//! Places in feeds: cursors and offsets, what is found there, and counting up to them in portions.

use std::sync::Arc;

use concordat_domain::ids::{CaseId, Position};
use concordat_trust::signing::Signature;
use concordat_trust::{Hash, pae::PayloadType};

use super::Engine;
use crate::audit::FoundPoint;
use crate::error::Error;
use crate::feeds::{FeedPeriod, FeedPlace, Found, Generation, Mark, Plan, Spot, step};
use crate::views::FeedContent;

/// A mark is kept each time that so many places were counted: so many at most are counted again.
const MARK_EVERY: u64 = 8192;
/// Cases of a snapshot looked at in one go: each may cost a fold.
const CASES_MAX: usize = 32;

/// How far counting has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// The place reached.
    pub(crate) mark: Mark,
    /// Entries of the feed on the way.
    pub(crate) delivered: u64,
}

impl Engine {
    /// Index of the first entry at a place of the log.
    pub(super) fn index_of(&self, place: &FeedPlace) -> Result<u64, Error> {
        Ok(match place {
            FeedPlace::Beginning => 0,
            FeedPlace::Now | FeedPlace::Snapshot => self.feed_next,
            FeedPlace::Position(position) => {
                if self
                    .last_applied()
                    .is_none_or(|head| position.bundle > head.bundle)
                {
                    return Err(Error::PositionNotReached {
                        position: *position,
                    });
                }
                self.first_at_position(*position)?
            }
            FeedPlace::Time(time) => self.first_at_time(*time)?,
            FeedPlace::After(Spot::Entry(cursor)) => {
                let index = self.first_after(*cursor)?;
                let before = match index.checked_sub(1) {
                    Some(before) => self.cursor_at(before)?,
                    None => None,
                };
                if before != Some(*cursor) {
                    return Err(Error::UnknownCursor {
                        resume: before.map(Spot::Entry),
                    });
                }
                index
            }
            FeedPlace::After(Spot::Snapshot { .. }) => {
                return Err(Error::UnknownCursor { resume: None });
            }
        })
    }

    /// Generation and offset of a cursor.
    pub(super) fn locate(&self, plan: &Plan, spot: Spot) -> Result<(u32, u64), Error> {
        if let Spot::Snapshot { generation, seen } = spot {
            let known = plan
                .generation(generation)
                .filter(|generation| generation.snapshot.is_some() && seen <= generation.cases());
            return known
                .map(|_| (generation, seen))
                .ok_or(Error::UnknownCursor {
                    resume: self.spot_at(plan, plan.generations[0].generation, 0)?,
                });
        }
        let index = self.index_of(&FeedPlace::After(spot))?;
        self.offset_of_index(plan, index)
            .ok_or(Error::UnknownCursor {
                resume: self.spot_at(plan, plan.generations[0].generation, 0)?,
            })
    }

    /// Generation and offset of an entry of the index; none if it is before the feed's first.
    pub(super) fn offset_of_index(&self, plan: &Plan, index: u64) -> Option<(u32, u64)> {
        let mut generations = plan.generations.iter().rev();
        let generation = generations.find(|generation| index >= generation.base)?;
        let offset = if index == generation.base {
            0
        } else {
            generation.offset_of(index)
        };
        Some((generation.generation, offset))
    }

    /// Cursor of a place; none at the very beginning.
    pub(super) fn spot_at(
        &self,
        plan: &Plan,
        generation: u32,
        offset: u64,
    ) -> Result<Option<Spot>, Error> {
        let Some(known) = plan.generation(generation) else {
            return Ok(None);
        };
        if known.snapshot.is_some() && offset <= known.cases() {
            return Ok(Some(Spot::Snapshot {
                generation,
                seen: offset,
            }));
        }
        let index = known.index_at(offset).unwrap_or(known.base);
        let Some(before) = index.checked_sub(1) else {
            return Ok(None);
        };
        // The last one may not be written yet.
        let cursor = match self.feed_last.filter(|_| index == self.feed_next) {
            Some(last) => Some(last),
            None => self.cursor_at(before)?,
        };
        Ok(cursor.map(Spot::Entry))
    }

    /// The last place before another, or at it, of which the count is known.
    pub(super) fn mark_near(
        &self,
        plan: &Plan,
        committed: Option<Mark>,
        (generation, offset): (u32, u64),
    ) -> Result<Mark, Error> {
        let first = plan
            .generation(generation)
            .ok_or(Error::UnknownCursor { resume: None })?;
        let mut nearest = first.beginning();
        let store = self.store.feed_extras();
        if let Some((at, (number, digest))) = store.mark_before(&plan.uid, (generation, offset))? {
            nearest = Mark {
                generation,
                offset: at.1,
                number,
                digest: Hash(digest),
            };
        }
        let committed = committed.filter(|mark| {
            mark.generation == generation && (nearest.offset..=offset).contains(&mark.offset)
        });
        Ok(committed.unwrap_or(nearest))
    }

    /// What stands from a place on, within its generation.
    pub(crate) fn feed_found(
        &self,
        plan: &Plan,
        mark: Mark,
        max: usize,
    ) -> Result<Vec<Found>, Error> {
        let Some(generation) = plan.generation(mark.generation) else {
            return Ok(Vec::new());
        };
        let Some(index) = generation.index_at(mark.offset) else {
            let left = generation.cases() - mark.offset;
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let count = max.min(CASES_MAX).min(left) as u64;
            let offsets = mark.offset..mark.offset + count;
            return offsets
                .map(|offset| self.snapshot_case(plan, generation, offset))
                .collect();
        };
        let left = generation
            .end
            .map_or(u64::MAX, |end| end.saturating_sub(index));
        let max = max.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.entries_at(index, max)
            .map(|entry| entry.map(Found::Entry))
            .collect()
    }

    fn snapshot_case(
        &self,
        plan: &Plan,
        generation: &Generation,
        offset: u64,
    ) -> Result<Found, Error> {
        let at_hand = usize::try_from(offset)
            .ok()
            .and_then(|at| plan.cases.get(at));
        let case = match at_hand {
            Some(case) => *case,
            None => {
                let store = self.store.feed_extras();
                let kept = store.snapshot_case(&plan.uid, generation.generation, offset)?;
                CaseId(kept.ok_or_else(|| {
                    Error::Corrupt("a case of a feed's snapshot is gone".to_owned())
                })?)
            }
        };
        let filter = &generation.filter;
        let wanted = if filter.roles.is_empty() {
            filter.fits_case(case, &[])
        } else {
            let position = generation.snapshot.as_ref().and_then(|one| one.position);
            let past = match position {
                Some(position) => self.past(case, position)?,
                None => None,
            };
            let state = past.as_ref().and_then(|past| past.log.case());
            state.is_some_and(|state| filter.fits_case(case, &self.roles_in(state)))
        };
        Ok(Found::Case(case, wanted))
    }

    /// What is delivered of a place, with content as it may be read now.
    pub(crate) fn feed_content_of(
        &self,
        plan: &Plan,
        generation: u32,
        found: &Found,
    ) -> Result<FeedContent, Error> {
        match found {
            Found::Entry(entry) => self.shown(entry),
            Found::Case(case, _) => {
                let generation = plan.generation(generation);
                let snapshot = generation.and_then(|one| one.snapshot.as_ref());
                let position = snapshot.and_then(|snapshot| snapshot.position);
                let at = snapshot.map_or_else(|| self.now(), |snapshot| snapshot.at);
                self.snapshot_content(*case, position, at)
            }
        }
    }

    /// A case as it stood at a position.
    pub(super) fn snapshot_content(
        &self,
        case: CaseId,
        position: Option<Position>,
        at: jiff::Timestamp,
    ) -> Result<FeedContent, Error> {
        let point = FoundPoint {
            position,
            valid_at: at,
        };
        let view = match self.case_as_of(case, point) {
            Ok(past) => Some(Box::new(past.case)),
            // Its keys are gone since: what is left to say is that it was there.
            Err(Error::UnknownCase) => None,
            Err(error) => return Err(error),
        };
        Ok(FeedContent::Snapshot {
            case,
            view,
            position,
            at,
        })
    }

    /// Counts on towards a place, at most `max` places; says how far it came. Keeps marks on the way of a feed that is kept.
    pub(crate) fn feed_count(
        &mut self,
        plan: &Plan,
        from: Mark,
        to: (u32, u64),
        max: usize,
    ) -> Result<Counted, Error> {
        let mut mark = plan.normal(from);
        let (mut delivered, mut looked_at) = (0, 0);
        while (mark.generation, mark.offset) < to && looked_at < max {
            let left = if mark.generation == to.0 {
                usize::try_from(to.1 - mark.offset).unwrap_or(usize::MAX)
            } else {
                usize::MAX
            };
            let found = self.feed_found(plan, mark, left.min(max - looked_at))?;
            let Some(generation) = plan.generation(mark.generation) else {
                break;
            };
            if found.is_empty() {
                break;
            }
            for one in found {
                let stepped = step(plan, generation, mark, &one);
                mark = stepped.mark;
                delivered += u64::from(stepped.delivered);
                looked_at += 1;
                if mark.offset.is_multiple_of(MARK_EVERY) && !plan.name.is_empty() {
                    let at = (mark.generation, mark.offset);
                    let tally = (mark.number, mark.digest.0);
                    let store = self.store.feed_extras();
                    store.mark(&mut self.batch, &plan.uid, at, tally)?;
                }
            }
            mark = plan.normal(mark);
        }
        Ok(Counted { mark, delivered })
    }

    /// Plan and offsets of a period, and its ends as they hold: of a generation, between two instants.
    pub(crate) fn feed_period(
        &self,
        name: &str,
        generation: u32,
        (from, until): (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
    ) -> Result<FeedPeriod, Error> {
        let named = self.named(name)?;
        let plan = Arc::clone(&named.plan);
        let known = match generation {
            0 => Some(plan.last()),
            number => plan.generation(number),
        };
        let known = known.ok_or(Error::UnknownGeneration)?.clone();
        let (written, _) = self.board.stand();
        let length = known.offset_of(known.end.unwrap_or(written).min(written).max(known.base));
        let offset = |time: jiff::Timestamp| -> Result<u64, Error> {
            if known
                .snapshot
                .as_ref()
                .is_some_and(|snapshot| time <= snapshot.at)
            {
                return Ok(0);
            }
            let index = self.first_at_time(time)?.max(known.base);
            Ok(known.offset_of(index).min(length))
        };
        let first = from.map(offset).transpose()?.unwrap_or(0);
        let last = until.map(offset).transpose()?.unwrap_or(length).max(first);
        let began = match known.index_at(known.cases()) {
            Some(index) if known.snapshot.is_none() => self
                .entries_at(index, 1)
                .next()
                .transpose()?
                .map(|entry| entry.at),
            _ => known.snapshot.as_ref().map(|snapshot| snapshot.at),
        };
        let now = self.now();
        Ok(FeedPeriod {
            ends: (
                self.spot_at(&plan, known.generation, first)?,
                self.spot_at(&plan, known.generation, last)?,
            ),
            offsets: (first, last),
            instants: (from.or(began).unwrap_or(now), until.unwrap_or(now)),
            near: self.mark_near(&plan, Some(named.mark), (known.generation, first))?,
            generation: known,
            partnership: self.admission.partnership().to_string(),
            head: self.last_applied(),
            made_at: now,
            plan,
        })
    }

    /// Signs a statement on a feed; gives the id of the key with it.
    pub(crate) fn sign_feed_statement(&self, text: &str) -> (Signature, String) {
        let key = &self.config.signing_key;
        let signature = key.sign(PayloadType::FeedStatement, text.as_bytes());
        (signature, key.public_key().key_id().to_string())
    }
}
