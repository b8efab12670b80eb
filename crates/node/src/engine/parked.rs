//! Commits, entries put aside, seeks and tests of feeds: each that changes what a subscriber gets is told in the audit lines, and each that
//! somebody did by hand is an access record.

use std::collections::BTreeSet;
use std::sync::Arc;

use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_trust::Hash;
use jiff::{SignedDuration, Timestamp};
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Engine;
use super::subscriptions::end_last;
use crate::audit::Reader;
use crate::error::Error;
use crate::feeds::{
    Commit, Committed, FeedEnd, FeedPlace, Found, Mark, ParkedView, Plan, Replayed, SeekDraft,
    Spot, What, step,
};

/// Entries that wait aside for one feed; a commit with more is refused.
const PARKED_MAX: usize = 1_000;
/// Entries that wait aside at a node: some 30 MB.
const PARKED_AT_NODE_MAX: usize = 100_000;
/// Places counted in one go: some milliseconds.
pub(crate) const COUNTED_MAX: usize = 1024;
/// Time between two tests of a feed: each stays in the index for good.
const BETWEEN_TESTS: SignedDuration = SignedDuration::from_secs(1);

/// An entry put aside. It says itself what it is, so that it outlives its generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Parked {
    spot: Spot,
    what: ParkedWhat,
    number: u64,
    digest: Hash,
    reason: String,
    parked_at: Timestamp,
    replays: u32,
    replayed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ParkedWhat {
    Entry(u64),
    Case {
        case: CaseId,
        position: Option<Position>,
        at: Timestamp,
    },
}

impl Engine {
    pub(super) fn restore_parked(&mut self) -> Result<(), Error> {
        let kept: Vec<_> = self
            .store
            .feed_extras()
            .all_parked()
            .collect::<Result<_, _>>()?;
        for (uid, at, bytes) in kept {
            let parked: Parked = serde_json::from_slice(&bytes)
                .map_err(|_| Error::Corrupt("a parked entry does not decode".to_owned()))?;
            let of = self.feeds.values_mut().find(|named| named.plan.uid == uid);
            if let Some(named) = of {
                named.parked.insert(at, parked);
                self.parked_count += 1;
            }
        }
        Ok(())
    }

    /// Commits how far a feed was handled, as far as that can be counted in one go. One that comes late never takes it back, but parks.
    pub(crate) fn commit_feed(
        &mut self,
        name: &str,
        commit: &Commit,
        counted: Option<Mark>,
    ) -> Result<Committed, Error> {
        let named = self.named(name)?;
        let (plan, committed) = (Arc::clone(&named.plan), named.mark);
        let to = self.locate(&plan, commit.spot)?;
        for parked in &commit.parked {
            let at = self.locate(&plan, parked.0)?;
            if at > to || at.1 == 0 {
                return Err(Error::NotToPark);
            }
        }
        if to > (committed.generation, committed.offset) {
            let from = match counted.filter(|mark| (mark.generation, mark.offset) <= to) {
                Some(mark) => mark,
                None => self.mark_near(&plan, Some(committed), to)?,
            };
            let mark = self.feed_count(&plan, from, to, COUNTED_MAX)?.mark;
            if (mark.generation, mark.offset) < to {
                return Ok(Committed::CountOn(mark));
            }
            self.park(name, &plan, &commit.parked)?;
            self.place_feed(name, mark, Some(commit.spot))?;
        } else {
            self.park(name, &plan, &commit.parked)?;
            let named = self.named(name)?;
            let (mark, spot) = (named.mark, named.spot);
            self.place_feed(name, mark, spot)?;
        }
        Ok(Committed::Done(Box::new(self.named_feed(name)?)))
    }

    fn park(&mut self, name: &str, plan: &Plan, asked: &[(Spot, String)]) -> Result<(), Error> {
        let there = self.named(name)?.parked.len();
        if there + asked.len() > PARKED_MAX {
            return Err(Error::FeedLimit {
                what: "parked entries",
                limit: PARKED_MAX,
            });
        }
        if self.parked_count + asked.len() > PARKED_AT_NODE_MAX {
            return Err(Error::FeedLimit {
                what: "parked entries of all feeds",
                limit: PARKED_AT_NODE_MAX,
            });
        }
        let mut all = Vec::new();
        for (spot, reason) in asked {
            all.push(self.entry_to_park(plan, *spot, reason)?);
        }
        for (at, parked) in all {
            let named = self.named_mut(name)?;
            // Parked again by a commit that is repeated: it stays as it was.
            if named.parked.contains_key(&at) {
                continue;
            }
            named.parked.insert(at, parked);
            self.parked_count += 1;
            self.keep_parked(name, at)?;
        }
        Ok(())
    }

    fn entry_to_park(
        &mut self,
        plan: &Plan,
        spot: Spot,
        reason: &str,
    ) -> Result<((u32, u64), Parked), Error> {
        // A place between generations is that behind the last entry of the first of them; what is parked is the entry.
        let (generation, offset) = match spot {
            Spot::Snapshot { generation, seen } => (generation, seen),
            Spot::Entry(_) => {
                let index = self.index_of(&FeedPlace::After(spot))?.saturating_sub(1);
                let of_entry = self.offset_of_index(plan, index).ok_or(Error::NotToPark)?;
                let generation = plan.generation(of_entry.0).ok_or(Error::NotToPark)?;
                (of_entry.0, generation.offset_of(index) + 1)
            }
        };
        let before = (generation, offset.saturating_sub(1));
        let near = self.mark_near(plan, None, before)?;
        let mark = self.feed_count(plan, near, before, usize::MAX)?.mark;
        let known = plan.generation(generation).ok_or(Error::NotToPark)?;
        let found = self.feed_found(plan, mark, 1)?;
        let found = found.first().ok_or(Error::NotToPark)?;
        let stepped = step(plan, known, mark, found);
        if !stepped.delivered {
            return Err(Error::NotToPark);
        }
        let what = match found {
            Found::Entry(entry) => ParkedWhat::Entry(entry.index),
            Found::Case(case, _) => ParkedWhat::Case {
                case: *case,
                position: known.snapshot.as_ref().and_then(|one| one.position),
                at: known
                    .snapshot
                    .as_ref()
                    .map_or_else(|| self.now(), |one| one.at),
            },
        };
        let parked = Parked {
            spot,
            what,
            number: stepped.mark.number,
            digest: stepped.mark.digest,
            reason: reason.to_owned(),
            parked_at: self.now(),
            replays: 0,
            replayed_at: None,
        };
        Ok(((generation, offset), parked))
    }

    fn keep_parked(&mut self, name: &str, at: (u32, u64)) -> Result<(), Error> {
        let named = self.feeds.get(name).ok_or(Error::UnknownFeed)?;
        let Some(parked) = named.parked.get(&at) else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(parked)
            .map_err(|_| Error::Corrupt("a parked entry does not serialise".to_owned()))?;
        let store = self.store.feed_extras();
        Ok(store.park(&mut self.batch, &named.plan.uid, at, &bytes)?)
    }

    /// The parked entries of a feed, in order.
    pub(crate) fn parked(&self, name: &str) -> Result<Vec<ParkedView>, Error> {
        let parked = self.named(name)?.parked.values();
        let views = parked.map(|parked| {
            Ok(ParkedView {
                spot: parked.spot,
                case: self.case_of_parked(&parked.what)?,
                reason: parked.reason.clone(),
                parked_at: parked.parked_at,
                replays: parked.replays,
                replayed_at: parked.replayed_at,
            })
        });
        views.collect()
    }

    fn case_of_parked(&self, what: &ParkedWhat) -> Result<Option<CaseId>, Error> {
        let index = match what {
            ParkedWhat::Case { case, .. } => return Ok(Some(*case)),
            ParkedWhat::Entry(index) => *index,
        };
        let entry = self.entries_at(index, 1).next().transpose()?;
        let on_log = entry.filter(|entry| !matches!(entry.what, What::Test { .. }));
        Ok(on_log.map(|entry| entry.case))
    }

    fn parked_place(&self, name: &str, spot: Spot) -> Result<(u32, u64), Error> {
        let parked = &self.named(name)?.parked;
        let mut places = parked.iter();
        let place = places.find(|(_, parked)| parked.spot == spot);
        place.map(|(at, _)| *at).ok_or(Error::NotParked)
    }

    /// Up to `max` parked entries once more, with an access record for each case of which some are shown. They stay parked.
    pub(crate) fn replay_parked(
        &mut self,
        name: &str,
        (after, until): (Option<Spot>, Option<Spot>),
        max: usize,
        reader: &Reader,
    ) -> Result<Replayed, Error> {
        let place = |spot: Spot| self.parked_place(name, spot);
        let after = after.map(place).transpose()?;
        let until = until.map(place).transpose()?;
        let named = self.named(name)?;
        let (shown, plan) = (self.named_feed(name)?.shown, Arc::clone(&named.plan));
        let places = named.parked.keys().copied().filter(|at| {
            after.is_none_or(|after| *at > after) && until.is_none_or(|until| *at <= until)
        });
        let places: Vec<(u32, u64)> = places.collect();
        let now = self.now();
        let (mut entries, mut cases) = (Vec::new(), BTreeSet::new());
        for at in places.iter().take(max) {
            cases.extend(self.case_parked(name, *at)?);
            let parked = &self.named(name)?.parked[at];
            let content = match &parked.what {
                ParkedWhat::Entry(index) => {
                    let entry = self.entries_at(*index, 1).next().transpose()?;
                    let entry = entry.ok_or_else(|| {
                        Error::Corrupt("a parked entry is not in the index".to_owned())
                    })?;
                    self.shown(&entry)?
                }
                ParkedWhat::Case { case, position, at } => {
                    self.snapshot_content(*case, *position, *at)?
                }
            };
            entries.push(crate::feeds::Delivered {
                spot: parked.spot,
                mark: Mark {
                    generation: at.0,
                    offset: at.1,
                    number: parked.number,
                    digest: parked.digest,
                },
                content,
            });
            if let Some(parked) = self.named_mut(name)?.parked.get_mut(at) {
                parked.replays = parked.replays.saturating_add(1);
                parked.replayed_at = Some(now);
            }
            self.keep_parked(name, *at)?;
        }
        info!(target: "audit", feed = plan.name, entries = entries.len(), "parked entries were replayed");
        let mut access_records = Vec::new();
        for case in cases {
            let about = (name, Some(case));
            let record = self.record_feed_access(reader.clone(), "ReplayParkedEvents", about)?;
            access_records.push(record);
        }
        Ok(Replayed {
            remaining: (places.len() - entries.len()) as u64,
            entries,
            shown,
            access_records,
        })
    }

    /// The case of a parked entry; none for a test.
    fn case_parked(&self, name: &str, at: (u32, u64)) -> Result<Option<CaseId>, Error> {
        let Some(parked) = self.named(name)?.parked.get(&at) else {
            return Ok(None);
        };
        let index = match &parked.what {
            ParkedWhat::Case { case, .. } => return Ok(Some(*case)),
            ParkedWhat::Entry(index) => *index,
        };
        let entry = self.entries_at(index, 1).next().transpose()?;
        Ok(entry.and_then(|entry| entry.of_case()))
    }

    /// Drops a parked entry; says how many wait still, and gives the access record. What for is the reason.
    pub(crate) fn drop_parked(
        &mut self,
        name: &str,
        spot: Spot,
        reader: Reader,
    ) -> Result<(u64, EventId), Error> {
        let at = self.parked_place(name, spot)?;
        let case = self.case_parked(name, at)?;
        let named = self.named_mut(name)?;
        let parked = named.parked.remove(&at);
        let (uid, left) = (named.plan.uid.clone(), named.parked.len() as u64);
        self.parked_count = self.parked_count.saturating_sub(1);
        self.store
            .feed_extras()
            .drop_parked(&mut self.batch, &uid, at);
        let replays = parked.map_or(0, |parked| parked.replays);
        info!(target: "audit", feed = name, cursor = %spot, reason = reader.purpose, replays, "a parked entry was dropped");
        let record = self.record_feed_access(reader, "DropParkedEvent", (name, case))?;
        Ok((left, record))
    }

    /// What a seek would change, before it is counted.
    pub(crate) fn draft_seek(&self, name: &str, place: &FeedPlace) -> Result<SeekDraft, Error> {
        let named = self.named(name)?;
        let before = Arc::clone(&named.plan);
        let in_plan = match place {
            FeedPlace::Snapshot => None,
            FeedPlace::After(spot @ Spot::Snapshot { .. }) => Some(self.locate(&before, *spot)?),
            place => {
                let (written, _) = self.board.stand();
                // What this turn has found is not written yet and is counted by nobody.
                let index = self.index_of(place)?.min(written);
                let found = self.offset_of_index(&before, index);
                // Behind a cursor comes the snapshot that began there; a place of the log is behind it.
                let is_cursor = matches!(place, FeedPlace::After(_));
                found.map(|(number, offset)| match before.generation(number) {
                    Some(known) if offset == 0 && !is_cursor => (number, known.cases()),
                    _ => (number, offset),
                })
            }
        };
        let last = before.last();
        let (after, to) = match in_plan {
            Some(to) => (Arc::clone(&before), to),
            None => {
                let number = last.generation + 1;
                let filter = last.filter.clone();
                let fresh = self.plan_from(name, &before.uid, number, place, filter)?;
                let mut plan = fresh.clone();
                if *place == FeedPlace::Snapshot {
                    // What was delivered up to here stays open to a seek.
                    let mut generations = before.generations.clone();
                    let mut ended = Plan {
                        generations: std::mem::take(&mut generations),
                        ..Plan::clone(&before)
                    };
                    end_last(&mut ended, self.feed_next);
                    ended.generations.extend(fresh.generations);
                    plan.generations = ended.generations;
                }
                (Arc::new(plan), (number, 0))
            }
        };
        Ok(SeekDraft {
            near: self.mark_near(&after, Some(named.mark), to)?,
            spot: self.spot_at(&after, to.0, to.1)?,
            from: named.mark,
            from_index: before
                .generation(named.mark.generation)
                .map_or(0, |one| one.index_at(named.mark.offset).unwrap_or(one.base)),
            before,
            after,
            to,
        })
    }

    /// Puts a feed where a draft says, if nothing has changed since; gives the access record if it did.
    pub(crate) fn seek_feed(
        &mut self,
        name: &str,
        draft: &SeekDraft,
        mark: Mark,
        (redelivered, skipped): (u64, u64),
        reader: Reader,
    ) -> Result<Option<EventId>, Error> {
        let named = self.named_mut(name)?;
        if named.plan.generations != draft.before.generations || named.plan.uid != draft.before.uid
        {
            return Ok(None);
        }
        let cases: Vec<[u8; 16]> = draft.after.cases.iter().map(|case| case.0).collect();
        named.plan = Arc::new(Plan {
            cases: Arc::default(),
            ..Plan::clone(&draft.after)
        });
        let store = self.store.feed_extras();
        store.put_snapshot(&mut self.batch, &draft.after.uid, draft.to.0, &cases)?;
        self.board.end(name, FeedEnd::Changed);
        self.place_feed(name, mark, draft.spot)?;
        let generation = mark.generation;
        info!(target: "audit", feed = name, generation, number = mark.number, redelivered, skipped, "a feed was sought");
        self.record_feed_access(reader, "SeekFeed", (name, None))
            .map(Some)
    }

    /// An entry to test the way to a subscriber.
    pub(crate) fn test_feed(&mut self, name: &str) -> Result<(EventId, Spot), Error> {
        let now = self.now();
        let named = self.named_mut(name)?;
        let tested = named.tested_at;
        if tested.is_some_and(|before| now >= before && now.duration_since(before) < BETWEEN_TESTS)
        {
            return Err(Error::FeedLimit {
                what: "tests in a second",
                limit: 1,
            });
        }
        named.tested_at = Some(now);
        let uid = named.plan.uid.clone();
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        // A random UUID says so in its version and variant (RFC 9562, 5.4).
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        let event_id = EventId(id);
        let cursor = self.feed_test(&uid, event_id)?;
        self.keep_feed(name)?;
        Ok((event_id, Spot::Entry(cursor)))
    }
}
