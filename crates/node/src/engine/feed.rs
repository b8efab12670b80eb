//! The feed: what became visible to this organisation, in order (design, section 8).

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_proto::v1;
use concordat_trust::case_log::{Applied, Verdict};
use concordat_trust::compartment::Compartment;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::error::Error;
use crate::views::{Cursor, FeedContent, FeedEntry, FeedPage};

/// One entry as it is kept: never content, which is resolved at delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    cursor: Cursor,
    case: CaseId,
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
    },
    ContentAvailable {
        compartment: Compartment,
    },
}

impl Engine {
    /// An entry for an event that was just ruled, made visible by what stands at `visible_at`. Envelopes of keys have none.
    /// `historical` says that the event was there before this organisation could read it.
    pub(super) fn feed_event(
        &mut self,
        case: CaseId,
        (at, historical): (Position, bool),
        visible_at: Position,
        author: &OrganisationId,
        applied: &Applied,
    ) -> Result<(), Error> {
        let own = *author == self.config.organisation;
        let void_of_other = match applied.verdict {
            Verdict::Effective => false,
            Verdict::Void(_) => !own,
            Verdict::Parked(_) | Verdict::Unseen => return Ok(()),
        };
        let what = KeptContent::Event {
            bundle: at.bundle,
            envelope: at.envelope,
            historical,
            void_of_other,
        };
        self.feed(case, visible_at, what)
    }

    pub(super) fn feed_content(
        &mut self,
        case: CaseId,
        compartment: Compartment,
        visible_at: Position,
    ) -> Result<(), Error> {
        self.feed(
            case,
            visible_at,
            KeptContent::ContentAvailable { compartment },
        )
    }

    fn feed(&mut self, case: CaseId, visible_at: Position, what: KeptContent) -> Result<(), Error> {
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
        let kept = Kept { cursor, case, what };
        let bytes = serde_json::to_vec(&kept)
            .map_err(|_| Error::Corrupt("a feed entry does not serialise".to_owned()))?;
        self.store
            .feed()
            .append(&mut self.batch, self.feed_next, &bytes)?;
        self.feed_next += 1;
        self.feed_last = Some(cursor);
        Ok(())
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
        for entry in self.store.feed().from(first) {
            if entries.len() >= max {
                break;
            }
            let (_, bytes) = entry?;
            let kept = decode(&bytes)?;
            scanned_to = Some(kept.cursor);
            if let Some(content) = self.feed_entry(&kept, include_void)? {
                let cursor = kept.cursor;
                entries.push(FeedEntry { cursor, content });
            }
        }
        Ok(FeedPage {
            entries,
            scanned_to,
            head: self.last_applied(),
        })
    }

    /// What an entry shows; nothing to a feed that did not ask for void events of others.
    fn feed_entry(&self, kept: &Kept, include_void: bool) -> Result<Option<FeedContent>, Error> {
        Ok(match kept.what {
            KeptContent::Event {
                void_of_other: true,
                ..
            } if !include_void => None,
            KeptContent::Event {
                bundle,
                envelope,
                historical,
                ..
            } => {
                let event = Box::new(self.event_at(kept.case, Position { bundle, envelope })?);
                Some(FeedContent::Event { event, historical })
            }
            KeptContent::ContentAvailable { compartment } => Some(FeedContent::ContentAvailable {
                case: kept.case,
                compartment: v1::Compartment::from(compartment),
            }),
        })
    }

    /// Whether an entry of the feed has this cursor.
    pub(super) fn is_cursor(&self, cursor: Cursor) -> Result<bool, Error> {
        Ok(self.cursor_before(cursor)? == Some(cursor))
    }

    /// Cursor of the last entry at a place or before it.
    pub(super) fn cursor_before(&self, cursor: Cursor) -> Result<Option<Cursor>, Error> {
        let Some(before) = self.first_after(cursor)?.checked_sub(1) else {
            return Ok(None);
        };
        let entry = self.store.feed().from(before).next().transpose()?;
        entry
            .map(|(_, bytes)| decode(&bytes).map(|kept| kept.cursor))
            .transpose()
    }

    /// Number of entries behind a cursor, void events of others counted.
    pub(super) fn lag(&self, after: Option<Cursor>) -> Result<u64, Error> {
        let first = match after {
            None => 0,
            Some(cursor) => self.first_after(cursor)?,
        };
        Ok(self.feed_next.saturating_sub(first))
    }

    /// Index of the first entry behind a cursor; entries stand in the order of their cursors.
    pub(super) fn first_after(&self, cursor: Cursor) -> Result<u64, Error> {
        let (mut low, mut high) = (0, self.feed_next);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(entry) = self.store.feed().from(middle).next() else {
                break;
            };
            let (_, bytes) = entry?;
            if decode(&bytes)?.cursor <= cursor {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    pub(super) fn last_feed_cursor(
        store: &concordat_store::Store,
    ) -> Result<Option<Cursor>, Error> {
        let Some(last) = store.feed().last()? else {
            return Ok(None);
        };
        let entry = store.feed().from(last).next().transpose()?;
        entry
            .map(|(_, bytes)| decode(&bytes).map(|kept| kept.cursor))
            .transpose()
    }
}

fn decode(bytes: &[u8]) -> Result<Kept, Error> {
    serde_json::from_slice(bytes)
        .map_err(|_| Error::Corrupt("a feed entry does not decode".to_owned()))
}
