//! The stretches of a feed, and places in them.

use std::sync::Arc;

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_trust::Hash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::count::Mark;
use super::entry::Entry;
use super::filter::FeedFilter;

/// The cases with which a generation begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How many there are to look at.
    pub cases: u64,
    /// Up to which position of the log they are told.
    pub position: Option<Position>,
    /// The instant at which their timetables are read.
    pub at: Timestamp,
}

/// A stretch of a feed under one filter, numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// From 1.
    pub generation: u32,
    /// What is in it.
    pub filter: FeedFilter,
    /// Entry of the index with which it begins, behind its snapshot.
    pub base: u64,
    /// Entry of the index before which it ends; none while it goes on.
    pub end: Option<u64>,
    /// The cases with which it begins, if it does.
    pub snapshot: Option<Snapshot>,
    /// Digest before its first entry.
    pub start: Hash,
}

impl Generation {
    /// Cases of its snapshot.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.cases)
    }

    /// Offset of an entry of the index.
    pub(crate) fn offset_of(&self, index: u64) -> u64 {
        self.cases() + index.saturating_sub(self.base)
    }

    /// Index of the entry at an offset; none within the snapshot.
    pub(crate) fn index_at(&self, offset: u64) -> Option<u64> {
        Some(self.base + offset.checked_sub(self.cases())?)
    }

    /// The place before its first entry.
    #[must_use]
    pub fn beginning(&self) -> Mark {
        Mark {
            generation: self.generation,
            offset: 0,
            number: 0,
            digest: self.start,
        }
    }
}

/// All that decides what a feed delivers.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Name; empty for one that is followed without being kept.
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) organisation: OrganisationId,
    /// At least one, in order, each beginning where the one before ends.
    pub(crate) generations: Vec<Generation>,
    /// The cases of the snapshot, where they are in no store.
    pub(crate) cases: Arc<Vec<CaseId>>,
}

impl Plan {
    /// A generation by its number.
    pub(crate) fn generation(&self, number: u32) -> Option<&Generation> {
        self.generations
            .iter()
            .find(|generation| generation.generation == number)
    }

    /// The generation that is in force.
    pub(crate) fn last(&self) -> &Generation {
        self.generations
            .last()
            .expect("a plan is made with a generation and never loses its last")
    }

    /// The same place as what follows it: behind the last entry of an ended generation begins the next.
    pub(crate) fn normal(&self, mark: Mark) -> Mark {
        let mut mark = mark;
        while let Some(generation) = self.generation(mark.generation) {
            let over = generation
                .end
                .is_some_and(|end| mark.offset >= generation.offset_of(end));
            let next = self.generation(mark.generation + 1);
            match next.filter(|_| over) {
                Some(next) => mark = next.beginning(),
                None => break,
            }
        }
        mark
    }
}

impl Plan {
    /// Places behind a mark, given how many entries the index has.
    pub(crate) fn lag(&self, mark: &Mark, next: u64) -> u64 {
        let in_generation = |generation: &Generation| {
            generation.offset_of(
                generation
                    .end
                    .unwrap_or(next)
                    .min(next)
                    .max(generation.base),
            )
        };
        self.generations
            .iter()
            .filter(|generation| generation.generation >= mark.generation)
            .map(|generation| {
                let seen = if generation.generation == mark.generation {
                    mark.offset
                } else {
                    0
                };
                in_generation(generation).saturating_sub(seen)
            })
            .sum()
    }
}

/// What is found at a place of a plan.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// An entry of the index.
    Entry(Arc<Entry>),
    /// A case of the snapshot, and whether the filter wants it.
    Case(CaseId, bool),
}
