//! The feed: what became visible to this organisation, in order (design, section 8).

use std::sync::Arc;

use concordat_domain::Case;
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_proto::v1;
use concordat_trust::case_log::{Applied, CaseLog, Verdict};
use concordat_trust::compartment::Compartment;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::error::Error;
use crate::feeds::{Entry, Facets, FeedRole, What};
use crate::views::{Cursor, EventView, FeedContent, FeedEntry, FeedPage};

/// Events kept resolved within one turn, for the many feeds that ask for the same.
const RESOLVED_MAX: usize = 1024;

/// One entry as it is kept: never content, which is resolved at delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    cursor: Cursor,
    case: CaseId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<FeedRole>,
    /// When it became visible. Absent in entries of earlier releases.
    #[serde(default)]
    at: Option<Timestamp>,
    what: KeptContent,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeptContent {
    Event {
        bundle: u64,
        envelope: u32,
        historical: bool,
        /// Whether it is a void event of another organisation: only feeds that ask show it.
        #[serde(default)]
        void_of_other: bool,
        /// Absent in entries of earlier releases, which read them from the journal.
        #[serde(default)]
        facets: Option<Facets>,
    },
    ContentAvailable {
        compartment: Compartment,
    },
    Test {
        feed_uid: String,
        event_id: EventId,
    },
}

impl Engine {
    /// An entry for an event that was just ruled, made visible by what stands at `visible_at`. Envelopes of keys have none.
    /// `historical` says that the event was there before this organisation could read it.
    pub(super) fn feed_event(
        &mut self,
        log: &CaseLog,
        (at, historical): (Position, bool),
        visible_at: Position,
        (event_id, author): (EventId, &OrganisationId),
        applied: &Applied,
    ) -> Result<(), Error> {
        let own = *author == self.config.organisation;
        let void = match &applied.verdict {
            Verdict::Effective => None,
            Verdict::Void(reason) => Some(reason.code()),
            Verdict::Parked(_) | Verdict::Unseen => return Ok(()),
        };
        let what = KeptContent::Event {
            bundle: at.bundle,
            envelope: at.envelope,
            historical,
            void_of_other: void.is_some() && !own,
            facets: Some(Facets {
                event_id,
                author: author.clone(),
                event_type: applied.event.as_ref().map(|event| event.event_type),
                void,
            }),
        };
        let roles = log.case().map(|case| self.roles_in(case));
        self.feed((log.id(), roles.unwrap_or_default()), visible_at, what)
            .map(drop)
    }

    pub(super) fn feed_content(
        &mut self,
        log: &CaseLog,
        compartment: Compartment,
        visible_at: Position,
    ) -> Result<(), Error> {
        let roles = log.case().map(|case| self.roles_in(case));
        self.feed(
            (log.id(), roles.unwrap_or_default()),
            visible_at,
            KeptContent::ContentAvailable { compartment },
        )
        .map(drop)
    }

    /// An entry that only the feed of that id has.
    pub(super) fn feed_test(&mut self, feed_uid: &str, event_id: EventId) -> Result<Cursor, Error> {
        let visible_at = self.feed_last.map_or_else(
            || {
                self.last_applied().unwrap_or(Position {
                    bundle: 0,
                    envelope: 0,
                })
            },
            |last| last.position,
        );
        let what = KeptContent::Test {
            feed_uid: feed_uid.to_owned(),
            event_id,
        };
        self.feed((super::DIRECTORY, Vec::new()), visible_at, what)
    }

    fn feed(
        &mut self,
        (case, roles): (CaseId, Vec<FeedRole>),
        visible_at: Position,
        what: KeptContent,
    ) -> Result<Cursor, Error> {
        // Cursors rise with each entry: whoever stands at the last one must find this one behind it.
        let cursor = match self.feed_last {
            Some(last) if last.position >= visible_at => Cursor {
                index: last.index + 1,
                ..last
            },
            _ => Cursor {
                position: visible_at,
                index: 0,
            },
        };
        // So do instants, whatever is done to the clock: places are found by halving.
        let at = self.now().max(self.feed_at);
        let kept = Kept {
            cursor,
            case,
            roles,
            at: Some(at),
            what,
        };
        let bytes = serde_json::to_vec(&kept)
            .map_err(|_| Error::Corrupt("a feed entry does not serialise".to_owned()))?;
        self.store
            .feed()
            .append(&mut self.batch, self.feed_next, &bytes)?;
        let entry = self.entry(self.feed_next, kept)?;
        self.feed_fresh.push(Arc::new(entry));
        self.feed_next += 1;
        self.feed_last = Some(cursor);
        self.feed_at = at;
        Ok(cursor)
    }

    /// What this organisation is to a case, itself or for a body for which it records.
    pub(super) fn roles_in(&self, case: &Case) -> Vec<FeedRole> {
        use concordat_domain::case::Relation;
        let mut roles = std::collections::BTreeSet::new();
        let rules = self.rules();
        for body in self.bodies_under(&rules) {
            if case.keeper() == body {
                roles.insert(FeedRole::Keeper);
            }
            if case.lead() == Some(body) {
                roles.insert(FeedRole::Lead);
            }
            if case.receiver() == body {
                roles.insert(FeedRole::Receiver);
            }
            match case.relation(body) {
                Relation::Party => roles.insert(FeedRole::Party),
                Relation::Invitee => roles.insert(FeedRole::Invitee),
                Relation::FormerReceiver => roles.insert(FeedRole::FormerReceiver),
                Relation::Outsider => false,
            };
        }
        roles.into_iter().collect()
    }

    /// Up to `max` entries after a cursor, with content as it may be read now.
    pub(crate) fn feed_after(
        &self,
        after: Option<Cursor>,
        include_void: bool,
        max: usize,
    ) -> Result<FeedPage, Error> {
        let first = match after {
            None => 0,
            Some(cursor) => self.first_after(cursor)?,
        };
        let (mut entries, mut scanned_to) = (Vec::new(), after);
        for entry in self.entries_at(first, usize::MAX) {
            if entries.len() >= max {
                break;
            }
            let entry = entry?;
            scanned_to = Some(entry.cursor);
            let shown = match &entry.what {
                What::Event { void_of_other, .. } => include_void || !void_of_other,
                What::ContentAvailable { .. } => true,
                What::Test { .. } => false,
            };
            if shown {
                entries.push(FeedEntry {
                    cursor: entry.cursor,
                    content: self.shown(&entry)?,
                });
            }
        }
        Ok(FeedPage {
            entries,
            scanned_to,
            head: self.last_applied(),
        })
    }

    /// What an entry tells, with content as it may be read now.
    pub(super) fn shown(&self, entry: &Entry) -> Result<FeedContent, Error> {
        Ok(match &entry.what {
            What::Event {
                position,
                historical,
                ..
            } => FeedContent::Event {
                event: self.resolved_event(entry.case, *position)?,
                historical: *historical,
            },
            What::ContentAvailable { compartment } => FeedContent::ContentAvailable {
                case: entry.case,
                compartment: v1::Compartment::from(*compartment),
            },
            What::Test { event_id, .. } => FeedContent::Test {
                event_id: *event_id,
                source: self.config.organisation.clone(),
                at: entry.at,
            },
        })
    }

    /// An event, opened once a turn however many feeds deliver it. What may be read changes between turns only.
    fn resolved_event(&self, case: CaseId, position: Position) -> Result<Arc<EventView>, Error> {
        if let Some(view) = self.resolved.borrow().get(&position) {
            return Ok(Arc::clone(view));
        }
        let view = Arc::new(self.event_at(case, position)?);
        let mut resolved = self.resolved.borrow_mut();
        if resolved.len() >= RESOLVED_MAX {
            resolved.clear();
        }
        resolved.insert(position, Arc::clone(&view));
        Ok(view)
    }

    /// Entries from an index on that are written, at most so many.
    pub(super) fn entries_at(
        &self,
        first: u64,
        max: usize,
    ) -> impl Iterator<Item = Result<Arc<Entry>, Error>> {
        let recent = self.board.entries_from(first, max);
        let (recent, stored) = match recent {
            Some(recent) => (recent, None),
            None => (Vec::new(), Some(self.store.feed().from(first).take(max))),
        };
        let stored = stored.into_iter().flatten().map(|entry| {
            let (index, bytes) = entry?;
            self.entry(index, decode(&bytes)?).map(Arc::new)
        });
        recent.into_iter().map(Ok).chain(stored)
    }

    fn entry(&self, index: u64, kept: Kept) -> Result<Entry, Error> {
        let Kept {
            cursor,
            case,
            roles,
            at,
            what,
        } = kept;
        let what = match what {
            KeptContent::Event {
                bundle,
                envelope,
                historical,
                void_of_other,
                facets,
            } => {
                let position = Position { bundle, envelope };
                let facets = match facets {
                    Some(facets) => facets,
                    None => self.facets_of(case, position)?,
                };
                What::Event {
                    position,
                    historical,
                    void_of_other,
                    facets,
                }
            }
            KeptContent::ContentAvailable { compartment } => What::ContentAvailable { compartment },
            KeptContent::Test { feed_uid, event_id } => What::Test { feed_uid, event_id },
        };
        let at = match at {
            Some(at) => at,
            None => {
                let bundle = self.bundle_at(cursor.position.bundle)?;
                bundle.header().place.claimed_time
            }
        };
        Ok(Entry {
            index,
            cursor,
            case,
            roles,
            at,
            what,
        })
    }

    /// What an entry of an earlier release did not keep.
    fn facets_of(&self, case: CaseId, position: Position) -> Result<Facets, Error> {
        let view = self.event_at(case, position)?;
        Ok(Facets {
            event_id: view.event_id,
            author: view.author,
            event_type: view.event_type,
            void: view
                .ruled
                .and_then(|ruled| ruled.ruling.reason().map(str::to_owned)),
        })
    }

    /// Cursor of an entry.
    pub(super) fn cursor_at(&self, index: u64) -> Result<Option<Cursor>, Error> {
        let entry = self.kept_at(index)?;
        Ok(entry.map(|kept| kept.cursor))
    }

    /// Index of the first entry behind a cursor; entries stand in the order of their cursors.
    pub(super) fn first_after(&self, cursor: Cursor) -> Result<u64, Error> {
        self.first_where(|kept| Ok(kept.cursor > cursor))
    }

    /// Index of the first entry that became visible at a position or later.
    pub(super) fn first_at_position(&self, position: Position) -> Result<u64, Error> {
        self.first_where(|kept| Ok(kept.cursor.position >= position))
    }

    /// Index of the first entry that became visible at an instant or later.
    pub(super) fn first_at_time(&self, time: Timestamp) -> Result<u64, Error> {
        self.first_where(|kept| match kept.at {
            Some(at) => Ok(at >= time),
            None => {
                let bundle = self.bundle_at(kept.cursor.position.bundle)?;
                Ok(bundle.header().place.claimed_time >= time)
            }
        })
    }

    /// Index of the first entry of which something holds that holds of all behind it, too.
    fn first_where(&self, holds: impl Fn(&Kept) -> Result<bool, Error>) -> Result<u64, Error> {
        let (written, _) = self.board.stand();
        let (mut low, mut high) = (0, written);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(kept) = self.kept_at(middle)? else {
                break;
            };
            if holds(&kept)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    fn kept_at(&self, index: u64) -> Result<Option<Kept>, Error> {
        let entry = self.store.feed().from(index).next().transpose()?;
        entry.map(|(_, bytes)| decode(&bytes)).transpose()
    }

    /// Cursor and instant of the last entry.
    pub(super) fn last_feed_entry(
        store: &concordat_store::Store,
    ) -> Result<Option<(Cursor, Option<Timestamp>)>, Error> {
        let Some(last) = store.feed().last()? else {
            return Ok(None);
        };
        let entry = store.feed().from(last).next().transpose()?;
        entry
            .map(|(_, bytes)| decode(&bytes).map(|kept| (kept.cursor, kept.at)))
            .transpose()
    }
}

fn decode(bytes: &[u8]) -> Result<Kept, Error> {
    serde_json::from_slice(bytes)
        .map_err(|_| Error::Corrupt("a feed entry does not decode".to_owned()))
}
