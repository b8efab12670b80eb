//! What followers share: the last entries, decoded once, and who is woken by what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use concordat_domain::event::EventType;
use concordat_domain::ids::Position;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::entry::{Entry, What};
use super::filter::{CONTENT_AVAILABLE, FeedFilter};

/// Entries kept decoded, some 300 bytes each: what came in the last seconds under load. Older ones are read from the store.
const RECENT_MAX: usize = 8192;

/// Why a feed must be followed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedEnd {
    /// It was sought, or its filter changed: come back at once.
    Changed,
    /// It is deleted.
    Deleted,
}

/// The last entries of the index, and everybody who follows.
#[derive(Debug, Default)]
pub(crate) struct Board {
    recent: RwLock<Recent>,
    routes: Mutex<Routes>,
}

#[derive(Debug, Default)]
struct Recent {
    entries: VecDeque<Arc<Entry>>,
    /// Number of entries that are written.
    next: u64,
    head: Option<Position>,
}

impl Board {
    /// A board of a node that has written so many entries and has applied the log up to there.
    pub(crate) fn starting_at(next: u64, head: Option<Position>) -> Self {
        let board = Self::default();
        board.publish(Vec::new(), next, head);
        board
    }

    /// Shows what a turn has written.
    pub(crate) fn publish(&self, fresh: Vec<Arc<Entry>>, next: u64, head: Option<Position>) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.entries.extend(fresh);
        let excess = recent.entries.len().saturating_sub(RECENT_MAX);
        recent.entries.drain(..excess);
        recent.next = next;
        recent.head = head;
    }

    /// Number of entries that are written, and the head of the log as applied.
    pub(crate) fn stand(&self) -> (u64, Option<Position>) {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        (recent.next, recent.head)
    }

    /// Up to `max` entries from an index on; none if that is not among the last ones any more.
    pub(crate) fn entries_from(&self, index: u64, max: usize) -> Option<Vec<Arc<Entry>>> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        if index >= recent.next {
            return Some(Vec::new());
        }
        let first = recent.entries.front()?.index;
        let skipped = usize::try_from(index.checked_sub(first)?).ok()?;
        Some(
            recent
                .entries
                .iter()
                .skip(skipped)
                .take(max)
                .cloned()
                .collect(),
        )
    }

    /// Joins those who are woken when something comes that may be in a feed.
    pub(crate) fn join(self: &Arc<Self>, name: &str, uid: &str, filter: &FeedFilter) -> Place {
        let live = Live::default();
        let number = self.routes().add(name, uid, filter, live.clone());
        Place {
            board: Arc::clone(self),
            number,
            live,
        }
    }

    /// Tells those who follow a feed that they must do so anew.
    pub(crate) fn end(&self, name: &str, why: FeedEnd) {
        let routes = self.routes();
        for number in routes.by_name.get(name).into_iter().flatten() {
            if let Some((live, _)) = routes.live.get(number) {
                live.end(why);
            }
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        // Nothing that runs under the lock can panic half-way.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever may want one of the entries from an index on; everybody, if they are not all at hand.
    fn wake_from(&self, index: u64) -> u64 {
        let (next, _) = self.stand();
        let entries = self.entries_from(index, RECENT_MAX);
        let routes = self.routes();
        match entries {
            Some(entries) => {
                let woken: BTreeSet<u64> = entries
                    .iter()
                    .flat_map(|entry| routes.wanting(entry))
                    .collect();
                woken.iter().for_each(|number| routes.wake(*number));
            }
            None => routes.live.keys().for_each(|number| routes.wake(*number)),
        }
        next
    }
}

/// Wakes followers by what they follow, so that a turn costs what it concerns and not what there is. Ends with the engine.
pub(crate) async fn route(
    board: Arc<Board>,
    mut changes: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let (mut next, _) = board.stand();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() {
                return;
            }
        }
        next = board.wake_from(next);
    }
}

/// A follower's place among those who are woken. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Place {
    board: Arc<Board>,
    number: u64,
    live: Live,
}

impl Place {
    /// Ends when something may have come, or the feed must be followed anew. Cancel safe.
    pub(crate) async fn woken(&self) {
        self.live.wake.notified().await;
    }

    /// Why the feed must be followed anew, if it must.
    pub(crate) fn ended(&self) -> Option<FeedEnd> {
        match self.live.ended.load(Ordering::Acquire) {
            1 => Some(FeedEnd::Changed),
            2 => Some(FeedEnd::Deleted),
            _ => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.board.routes().remove(self.number);
    }
}

#[derive(Debug, Clone, Default)]
struct Live {
    wake: Arc<Notify>,
    ended: Arc<AtomicU8>,
}

impl Live {
    fn end(&self, why: FeedEnd) {
        let code = match why {
            FeedEnd::Changed => 1,
            FeedEnd::Deleted => 2,
        };
        self.ended.store(code, Ordering::Release);
        self.wake.notify_one();
    }
}

/// By what a follower is found: the narrowest field of its filter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Case(String),
    Type(String),
    Author(String),
    Uid(String),
    Any,
}

#[derive(Debug, Default)]
struct Routes {
    next: u64,
    live: BTreeMap<u64, (Live, Joined)>,
    by_key: BTreeMap<Key, BTreeSet<u64>>,
    by_name: BTreeMap<String, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Joined {
    name: String,
    keys: Vec<Key>,
}

impl Routes {
    fn add(&mut self, name: &str, uid: &str, filter: &FeedFilter, live: Live) -> u64 {
        let mut keys: Vec<Key> = keys_of(filter);
        keys.push(Key::Uid(uid.to_owned()));
        self.next += 1;
        for key in &keys {
            self.by_key
                .entry(key.clone())
                .or_default()
                .insert(self.next);
        }
        self.by_name
            .entry(name.to_owned())
            .or_default()
            .insert(self.next);
        let name = name.to_owned();
        self.live.insert(self.next, (live, Joined { name, keys }));
        self.next
    }

    fn remove(&mut self, number: u64) {
        let Some((_, joined)) = self.live.remove(&number) else {
            return;
        };
        for key in joined.keys {
            forget(&mut self.by_key, &key, number);
        }
        forget(&mut self.by_name, &joined.name, number);
    }

    fn wake(&self, number: u64) {
        if let Some((live, _)) = self.live.get(&number) {
            live.wake.notify_one();
        }
    }

    fn wanting<'a>(&'a self, entry: &Entry) -> impl Iterator<Item = u64> + use<'a> {
        let case = || Key::Case(entry.case.to_string());
        let keys = match &entry.what {
            What::Test { feed_uid, .. } => vec![Key::Uid(feed_uid.clone())],
            What::ContentAvailable { .. } => {
                vec![Key::Any, case(), Key::Type(CONTENT_AVAILABLE.to_owned())]
            }
            What::Event { facets, .. } => {
                let code = facets.event_type.map(EventType::code).unwrap_or_default();
                let author = facets.author.as_str().to_owned();
                vec![
                    Key::Any,
                    case(),
                    Key::Type(code.to_owned()),
                    Key::Author(author),
                ]
            }
        };
        keys.into_iter()
            .filter_map(|key| self.by_key.get(&key))
            .flatten()
            .copied()
    }
}

fn keys_of(filter: &FeedFilter) -> Vec<Key> {
    if !filter.cases.is_empty() {
        return filter.cases.iter().cloned().map(Key::Case).collect();
    }
    if !filter.types.is_empty() {
        return filter.types.iter().cloned().map(Key::Type).collect();
    }
    if !filter.organisations.is_empty() {
        return filter
            .organisations
            .iter()
            .cloned()
            .map(Key::Author)
            .collect();
    }
    vec![Key::Any]
}

fn forget<K: Ord>(map: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, number: u64) {
    if let Some(numbers) = map.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            map.remove(key);
        }
    }
}
