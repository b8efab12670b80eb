//! Named feeds: who follows, what, and how far each has come (design, section 8).

use std::collections::BTreeMap;
use std::sync::Arc;

use concordat_trust::Hash;
use concordat_trust::feed::FeedStart;
use jiff::Timestamp;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Engine;
use super::parked::Parked;
use crate::error::Error;
use crate::feeds::{
    FeedEnd, FeedFilter, FeedOptions, FeedPlace, FeedShown, FeedView, Follow, Following,
    Generation, Mark, Plan, Snapshot, Spot,
};
use crate::views::Cursor;

/// Longest name of a feed, in bytes.
const NAME_BYTES_MAX: usize = 63;
/// Feeds that a node keeps; the next one is refused.
const FEEDS_MAX: usize = 10_000;
/// Generations of a feed that stay open to a seek; older ones that were dealt with are forgotten.
const GENERATIONS_KEPT: usize = 32;
/// Generations that a feed may have behind its cursor and before it; the next change of its filter is refused.
const GENERATIONS_MAX: usize = 256;

/// A named feed as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscription {
    /// The place as earlier releases kept it; read where there are no generations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<Cursor>,
    #[serde(default)]
    include_void: bool,
    committed_at: Option<Timestamp>,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    shown: FeedShown,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default)]
    tested_at: Option<Timestamp>,
    #[serde(default)]
    generations: Vec<Generation>,
    /// What was counted up to the committed cursor.
    #[serde(default)]
    mark: Option<Mark>,
    /// The committed cursor.
    #[serde(default)]
    spot: Option<Spot>,
}

/// A named feed.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) plan: Arc<Plan>,
    pub(super) mark: Mark,
    pub(super) spot: Option<Spot>,
    pub(super) parked: BTreeMap<(u32, u64), Parked>,
    shown: FeedShown,
    committed_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
    pub(super) tested_at: Option<Timestamp>,
}

impl Engine {
    /// Brings the feeds back; those of earlier releases get their first generation, which begins behind their cursor.
    pub(super) fn restore_feeds(&mut self) -> Result<(), Error> {
        let kept: Vec<_> = self.store.feed().cursors().collect::<Result<_, _>>()?;
        for (name, bytes) in kept {
            let kept: Subscription = serde_json::from_slice(&bytes)
                .map_err(|_| Error::Corrupt("a feed does not decode".to_owned()))?;
            let is_old = kept.generations.is_empty();
            let named = self.restored_feed(&name, kept)?;
            self.feeds.insert(name.clone(), named);
            if is_old {
                self.keep_feed(&name)?;
            }
        }
        self.restore_parked()?;
        Ok(self.store.write(std::mem::take(&mut self.batch))?)
    }

    fn restored_feed(&mut self, name: &str, kept: Subscription) -> Result<Named, Error> {
        let (mut uid, mut generations) = (kept.uid, kept.generations);
        let mut spot = kept.spot;
        if generations.is_empty() {
            uid = self.new_uid();
            let filter = FeedFilter {
                include_void: kept.include_void,
                ..FeedFilter::default()
            };
            let base = match kept.cursor {
                Some(cursor) => self.first_after(cursor)?,
                None => 0,
            };
            generations.push(self.generation(name, &uid, 1, (filter, base)));
            spot = kept.cursor.map(Spot::Entry);
        }
        let plan = self.plan(name, uid, generations);
        Ok(Named {
            mark: kept.mark.unwrap_or_else(|| plan.generations[0].beginning()),
            plan: Arc::new(plan),
            spot,
            parked: BTreeMap::new(),
            shown: kept.shown,
            committed_at: kept.committed_at,
            created_at: kept.created_at,
            tested_at: kept.tested_at,
        })
    }

    pub(super) fn plan(&self, name: &str, uid: String, generations: Vec<Generation>) -> Plan {
        Plan {
            name: name.to_owned(),
            uid,
            organisation: self.config.organisation.clone(),
            generations,
            cases: Arc::default(),
        }
    }

    pub(super) fn new_uid(&mut self) -> String {
        let mut uid = [0; 16];
        self.rng.fill_bytes(&mut uid);
        hex::encode(uid)
    }

    /// A generation that begins with an entry of the index.
    pub(super) fn generation(
        &self,
        name: &str,
        uid: &str,
        number: u32,
        (filter, base): (FeedFilter, u64),
    ) -> Generation {
        Generation {
            generation: number,
            start: self.feed_start(name, uid, number, &filter),
            filter,
            base,
            end: None,
            snapshot: None,
        }
    }

    fn feed_start(&self, feed: &str, uid: &str, generation: u32, filter: &FeedFilter) -> Hash {
        FeedStart {
            partnership: &self.admission.partnership().to_string(),
            organisation: self.config.organisation.as_str(),
            feed,
            uid,
            generation,
            filter: filter.hash(),
        }
        .digest()
    }

    /// Creates a feed, or gives the one of that name as it is; says whether it was there.
    pub(crate) fn create_feed(
        &mut self,
        name: &str,
        place: &FeedPlace,
        options: FeedOptions,
    ) -> Result<(FeedView, bool), Error> {
        if !is_feed_name(name) {
            return Err(Error::FeedName);
        }
        if self.feeds.contains_key(name) {
            return Ok((self.named_feed(name)?, true));
        }
        if self.feeds.len() >= FEEDS_MAX {
            return Err(Error::TooManyFeeds { limit: FEEDS_MAX });
        }
        let uid = self.new_uid();
        let plan = self.plan_from(name, &uid, 1, place, options.filter)?;
        let store = self.store.feed_extras();
        let cases: Vec<[u8; 16]> = plan.cases.iter().map(|case| case.0).collect();
        store.put_snapshot(&mut self.batch, &uid, 1, &cases)?;
        let mark = plan.generations[0].beginning();
        let named = Named {
            spot: self.spot_at(&plan, mark.generation, 0)?,
            mark,
            plan: Arc::new(Plan {
                cases: Arc::default(),
                ..plan
            }),
            parked: BTreeMap::new(),
            shown: options.shown,
            committed_at: None,
            created_at: Some(self.now()),
            tested_at: None,
        };
        self.feeds.insert(name.to_owned(), named);
        self.keep_feed(name)?;
        Ok((self.named_feed(name)?, false))
    }

    /// A plan of one generation that begins at a place, with the cases of its snapshot if it begins with one.
    pub(super) fn plan_from(
        &self,
        name: &str,
        uid: &str,
        number: u32,
        place: &FeedPlace,
        filter: FeedFilter,
    ) -> Result<Plan, Error> {
        let base = match place {
            FeedPlace::Snapshot => self.feed_next,
            place => self.index_of(place)?,
        };
        let mut generation = self.generation(name, uid, number, (filter, base));
        let mut cases = Vec::new();
        if *place == FeedPlace::Snapshot {
            cases.extend(self.shelf.ids_after(None));
            let position = match self.last_applied() {
                Some(_) => Some(self.last_position()?),
                None => None,
            };
            generation.snapshot = Some(Snapshot {
                cases: cases.len() as u64,
                position,
                at: self.now(),
            });
        }
        Ok(Plan {
            cases: Arc::new(cases),
            ..self.plan(name, uid.to_owned(), vec![generation])
        })
    }

    /// All feeds, by name.
    pub(crate) fn feed_views(&self) -> Result<Vec<FeedView>, Error> {
        self.feeds
            .keys()
            .map(|name| self.named_feed(name))
            .collect()
    }

    /// The feed of that name.
    pub(crate) fn named_feed(&self, name: &str) -> Result<FeedView, Error> {
        let named = self.named(name)?;
        let last = named.plan.last();
        let mut generations = Vec::new();
        for generation in &named.plan.generations {
            let after = self.spot_at(&named.plan, generation.generation, 0)?;
            generations.push((generation.clone(), after));
        }
        Ok(FeedView {
            name: name.to_owned(),
            cursor: named.spot,
            lag: named.plan.lag(&named.mark, self.feed_next),
            filter: last.filter.clone(),
            shown: named.shown,
            mark: named.mark,
            parked: named.parked.len() as u64,
            committed_at: named.committed_at,
            created_at: named.created_at,
            uid: named.plan.uid.clone(),
            generations,
        })
    }

    pub(super) fn named(&self, name: &str) -> Result<&Named, Error> {
        self.feeds.get(name).ok_or(Error::UnknownFeed)
    }

    pub(super) fn named_mut(&mut self, name: &str) -> Result<&mut Named, Error> {
        self.feeds.get_mut(name).ok_or(Error::UnknownFeed)
    }

    /// Changes what is in a feed from here on, or how it is shown.
    pub(crate) fn update_feed(
        &mut self,
        name: &str,
        filter: Option<FeedFilter>,
        shown: Option<FeedShown>,
    ) -> Result<FeedView, Error> {
        let next = self.feed_next;
        let named = self.named(name)?;
        let mut plan = Plan::clone(&named.plan);
        let dealt_with = named.mark.generation;
        if let Some(filter) = filter.filter(|filter| *filter != plan.last().filter) {
            while plan.generations.len() >= GENERATIONS_KEPT
                && plan.generations[0].generation < dealt_with
            {
                plan.generations.remove(0);
            }
            if plan.generations.len() >= GENERATIONS_MAX {
                return Err(Error::FeedLimit {
                    what: "generations",
                    limit: GENERATIONS_MAX,
                });
            }
            let number = plan.last().generation + 1;
            let generation = self.generation(name, &plan.uid, number, (filter, next));
            end_last(&mut plan, next);
            plan.generations.push(generation);
        }
        let named = self.named_mut(name)?;
        named.plan = Arc::new(plan);
        named.mark = named.plan.normal(named.mark);
        named.shown = shown.unwrap_or(named.shown);
        self.board.end(name, FeedEnd::Changed);
        self.keep_feed(name)?;
        self.named_feed(name)
    }

    /// Deletes a feed with all that belongs to it.
    pub(crate) fn delete_feed(&mut self, name: &str) -> Result<(), Error> {
        let named = self.feeds.remove(name).ok_or(Error::UnknownFeed)?;
        self.parked_count = self.parked_count.saturating_sub(named.parked.len());
        self.board.end(name, FeedEnd::Deleted);
        let store = &self.store;
        store
            .feed_extras()
            .delete(&mut self.batch, &named.plan.uid)?;
        store.feed().drop_cursor(&mut self.batch, name);
        info!(target: "audit", feed = name, parked = named.parked.len(), "a feed was deleted");
        Ok(())
    }

    /// Where one starts to follow.
    pub(crate) fn follow_feed(&self, follow: &Follow) -> Result<(Following, FeedShown), Error> {
        let (name, after) = match follow {
            Follow::Committed(name) => (name, None),
            Follow::After(name, spot) => (name, Some(*spot)),
        };
        let named = self.named(name)?;
        let plan = Arc::clone(&named.plan);
        let target = after.map(|spot| self.locate(&plan, spot)).transpose()?;
        let (mark, spot) = match target {
            None => (named.mark, named.spot),
            Some(at) => (self.mark_near(&plan, Some(named.mark), at)?, after),
        };
        let place = self.board.join(name, &plan.uid, &plan.last().filter);
        let following = Following {
            plan,
            place,
            mark,
            spot,
            target,
        };
        Ok((following, named.shown))
    }

    /// Follows without a feed being kept.
    pub(crate) fn tail_feed(
        &mut self,
        place: &FeedPlace,
        filter: FeedFilter,
    ) -> Result<Following, Error> {
        let uid = self.new_uid();
        let plan = self.plan_from("", &uid, 1, place, filter)?;
        let mark = plan.generations[0].beginning();
        Ok(Following {
            spot: self.spot_at(&plan, mark.generation, 0)?,
            place: self.board.join("", &uid, &plan.last().filter),
            plan: Arc::new(plan),
            mark,
            target: None,
        })
    }

    /// Puts a feed's place into the batch.
    pub(super) fn keep_feed(&mut self, name: &str) -> Result<(), Error> {
        let named = self.named(name)?;
        let kept = Subscription {
            cursor: None,
            include_void: named.plan.last().filter.include_void,
            committed_at: named.committed_at,
            uid: named.plan.uid.clone(),
            shown: named.shown,
            created_at: named.created_at,
            tested_at: named.tested_at,
            generations: named.plan.generations.clone(),
            mark: Some(named.mark),
            spot: named.spot,
        };
        let bytes = serde_json::to_vec(&kept)
            .map_err(|_| Error::Corrupt("a feed does not serialise".to_owned()))?;
        let feed = self.store.feed();
        Ok(feed.set_cursor(&mut self.batch, name, &bytes)?)
    }

    /// Puts a feed at a place, and says when.
    pub(super) fn place_feed(
        &mut self,
        name: &str,
        mark: Mark,
        spot: Option<Spot>,
    ) -> Result<(), Error> {
        let now = self.now();
        let named = self.named_mut(name)?;
        (named.mark, named.spot) = (named.plan.normal(mark), spot);
        named.committed_at = Some(now);
        self.keep_feed(name)
    }
}

/// Ends the generation that is in force before an entry of the index.
pub(super) fn end_last(plan: &mut Plan, next: u64) {
    if let Some(last) = plan.generations.last_mut() {
        last.end = Some(next);
    }
}

/// A lower-case letter, then up to 62 lower-case letters, digits and hyphens.
fn is_feed_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase();
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(letters)
        && name.bytes().all(rest)
}
