//! What belongs to one named feed: marks on its way, cases of its snapshots, entries put aside.
//! `w` feed 0 generation(4) offset(8) → number(8) digest(32) · `s` feed 0 generation(4) chunk(8) → case ids · `k` feed 0 generation(4)
//! offset(8) → parked entry.

use super::piece;
use crate::keys::{FEED_MARKS, FEED_PARKED, FEED_SNAPSHOTS, joined};
use crate::{Batch, Error, Store};

/// Cases in one chunk of a snapshot: 16 KiB.
const CHUNK: usize = 1024;

/// A place in a named feed: generation, and offset within it.
pub type FeedOffset = (u32, u64);

/// What was counted up to an offset: number and digest.
pub type FeedTally = (u64, [u8; 32]);

/// Marks, snapshots and parked entries of feeds, each under the feed's random id: another one of its name has nothing of them.
pub struct FeedExtras<'s>(pub(crate) &'s Store);

fn place(area: u8, feed: &str, (generation, offset): FeedOffset) -> Vec<u8> {
    let (generation, offset) = (generation.to_be_bytes(), offset.to_be_bytes());
    joined(area, &[feed.as_bytes(), &[0], &generation, &offset])
}

fn of_feed(area: u8, feed: &str) -> Vec<u8> {
    joined(area, &[feed.as_bytes(), &[0]])
}

fn offset_in(key: &[u8]) -> Result<FeedOffset, Error> {
    let at = key.len().saturating_sub(12);
    let generation = u32::from_be_bytes(piece(key, key, at)?);
    Ok((generation, u64::from_be_bytes(piece(key, key, at + 4)?)))
}

impl<'s> FeedExtras<'s> {
    /// Keeps what was counted up to an offset, so that counting never starts from the beginning.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn mark(
        &self,
        batch: &mut Batch,
        feed: &str,
        at: FeedOffset,
        (number, digest): FeedTally,
    ) -> Result<(), Error> {
        let mut value = number.to_be_bytes().to_vec();
        value.extend_from_slice(&digest);
        batch.put(place(FEED_MARKS, feed, at), value)
    }

    /// The last mark of a generation at an offset or before it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn mark_before(
        &self,
        feed: &str,
        at: FeedOffset,
    ) -> Result<Option<(FeedOffset, FeedTally)>, Error> {
        let first = place(FEED_MARKS, feed, (at.0, 0));
        let mut prefix = of_feed(FEED_MARKS, feed);
        prefix.extend_from_slice(&at.0.to_be_bytes());
        let end = place(FEED_MARKS, feed, at);
        let keys = self.0.engine.keys_from(&prefix, first).rev();
        for key in keys {
            let key = key?;
            if key > end {
                continue;
            }
            let Some(value) = self.0.engine.get(&key)? else {
                continue;
            };
            let tally = (
                u64::from_be_bytes(piece(&key, &value, 0)?),
                piece(&key, &value, 8)?,
            );
            return Ok(Some((offset_in(&key)?, tally)));
        }
        Ok(None)
    }

    /// Keeps the cases of a snapshot, in order.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put_snapshot(
        &self,
        batch: &mut Batch,
        feed: &str,
        generation: u32,
        cases: &[super::CaseId],
    ) -> Result<(), Error> {
        for (chunk, cases) in (0_u64..).zip(cases.chunks(CHUNK)) {
            batch.put(
                place(FEED_SNAPSHOTS, feed, (generation, chunk)),
                cases.concat(),
            )?;
        }
        Ok(())
    }

    /// The case at an index of a snapshot; none behind its end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn snapshot_case(
        &self,
        feed: &str,
        generation: u32,
        index: u64,
    ) -> Result<Option<super::CaseId>, Error> {
        let chunk = index / CHUNK as u64;
        let key = place(FEED_SNAPSHOTS, feed, (generation, chunk));
        let Some(cases) = self.0.engine.get(&key)? else {
            return Ok(None);
        };
        let within = usize::try_from(index % CHUNK as u64).unwrap_or(usize::MAX);
        let start = within * size_of::<super::CaseId>();
        if start >= cases.len() {
            return Ok(None);
        }
        piece(&key, &cases, start).map(Some)
    }

    /// Puts an entry aside, or changes what is kept of it.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn park(
        &self,
        batch: &mut Batch,
        feed: &str,
        at: FeedOffset,
        entry: &[u8],
    ) -> Result<(), Error> {
        batch.put(place(FEED_PARKED, feed, at), entry.to_vec())
    }

    /// Forgets a parked entry.
    pub fn drop_parked(&self, batch: &mut Batch, feed: &str, at: FeedOffset) {
        batch.delete(place(FEED_PARKED, feed, at));
    }

    /// The parked entries of all feeds with their places, by feed and place.
    pub fn all_parked(
        &self,
    ) -> impl Iterator<Item = Result<(String, FeedOffset, Vec<u8>), Error>> + use<'s> {
        let entries = self
            .0
            .engine
            .entries_from(&[FEED_PARKED], vec![FEED_PARKED]);
        entries.map(|entry| {
            let (key, value) = entry?;
            let feed = key.get(1..key.len().saturating_sub(13)).unwrap_or_default();
            let feed = String::from_utf8_lossy(feed).into_owned();
            Ok((feed, offset_in(&key)?, value))
        })
    }

    /// Removes all of it that belongs to a feed.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a key is damaged.
    pub fn delete(&self, batch: &mut Batch, feed: &str) -> Result<(), Error> {
        for area in [FEED_MARKS, FEED_SNAPSHOTS, FEED_PARKED] {
            let prefix = of_feed(area, feed);
            for key in self.0.engine.keys_from(&prefix, prefix.clone()) {
                batch.delete(key?);
            }
        }
        Ok(())
    }
}
