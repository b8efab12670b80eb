//! Counting: numbers without gaps, and the digest chained over them.

use concordat_trust::Hash;
use concordat_trust::feed::FeedLine;
use serde::{Deserialize, Serialize};

use super::entry::{Spot, What, position_text};
use super::plan::{Found, Generation, Plan};

/// A place in a feed, and what was counted up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The generation.
    pub generation: u32,
    /// How many places of it were looked at.
    pub offset: u64,
    /// How many of them were entries of the feed.
    pub number: u64,
    /// Digest over those.
    pub digest: Hash,
}

/// What looking at one place came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The place behind it.
    pub(crate) mark: Mark,
    /// Cursor of that.
    pub(crate) spot: Spot,
    /// Whether it is an entry of the feed.
    pub(crate) delivered: bool,
}

/// Looks at one place.
pub(crate) fn step(plan: &Plan, generation: &Generation, before: Mark, found: &Found) -> Step {
    let seen = before.offset + 1;
    let (spot, delivered) = match found {
        Found::Entry(entry) => (
            Spot::Entry(entry.cursor),
            generation.filter.matches(entry, &plan.uid),
        ),
        Found::Case(_, wanted) => (
            Spot::Snapshot {
                generation: generation.generation,
                seen,
            },
            *wanted,
        ),
    };
    let mut mark = Mark {
        offset: seen,
        ..before
    };
    if delivered {
        mark.number += 1;
        mark.digest = chained(plan, generation, &before.digest, mark.number, spot, found);
    }
    Step {
        mark,
        spot,
        delivered,
    }
}

fn chained(
    plan: &Plan,
    generation: &Generation,
    before: &Hash,
    number: u64,
    spot: Spot,
    found: &Found,
) -> Hash {
    let cursor = spot.to_string();
    let line = FeedLine {
        number,
        cursor: &cursor,
        ..FeedLine::default()
    };
    let entry = match found {
        Found::Case(case, _) => {
            let snapshot = generation.snapshot.as_ref();
            let position = snapshot.and_then(|snapshot| snapshot.position);
            return FeedLine {
                kind: "snapshot",
                case: &case.to_string(),
                position: &position.map(position_text).unwrap_or_default(),
                ..line
            }
            .chain(before);
        }
        Found::Entry(entry) => entry,
    };
    let case = entry.case.to_string();
    match &entry.what {
        What::Event {
            position, facets, ..
        } => FeedLine {
            kind: "event",
            case: &case,
            source: facets.author.as_str(),
            id: &facets.event_id.to_string(),
            position: &position_text(*position),
            ruling: facets.void.as_deref().unwrap_or("effective"),
            ..line
        }
        .chain(before),
        What::ContentAvailable { compartment } => FeedLine {
            kind: "content-available",
            case: &case,
            id: compartment.code(),
            ..line
        }
        .chain(before),
        What::Test { event_id, .. } => FeedLine {
            kind: "feed-test",
            source: plan.organisation.as_str(),
            id: &event_id.to_string(),
            ..line
        }
        .chain(before),
    }
}
