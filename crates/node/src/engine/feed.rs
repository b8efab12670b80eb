//! The feed: what became visible to this organisation, in order (design, section 8). And the rulings, for receipts.

use concordat_domain::ids::{CaseId, Position};
use concordat_proto::v1;
use concordat_trust::case_log::{Applied, Verdict};
use concordat_trust::compartment::Compartment;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::emission::Ruling;
use crate::error::Error;
use crate::views::{Cursor, FeedContent, FeedEntry};

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
    },
    ContentAvailable {
        compartment: Compartment,
    },
}

fn ruling_name(case: CaseId, position: Position) -> String {
    format!("ruling/{case}/{position}")
}

impl Engine {
    pub(super) fn record_ruling(
        &mut self,
        case: CaseId,
        position: Position,
        applied: &Applied,
    ) -> Result<(), Error> {
        let ruling = match &applied.verdict {
            Verdict::Effective => Ruling::Effective,
            Verdict::Void(reason) => Ruling::Void {
                reason: reason.code(),
            },
            Verdict::Parked(_) | Verdict::Unseen => return Ok(()),
        };
        let bytes = serde_json::to_vec(&ruling)
            .map_err(|_| Error::Corrupt("a ruling does not serialise".to_owned()))?;
        self.store
            .vault()
            .put(&mut self.batch, &ruling_name(case, position), &bytes)?;
        self.rulings.insert((case, position), ruling);
        Ok(())
    }

    /// The ruling on an envelope, if this node could judge it.
    pub(crate) fn ruling(&self, case: CaseId, position: Position) -> Result<Option<Ruling>, Error> {
        if let Some(ruling) = self.rulings.get(&(case, position)) {
            return Ok(Some(ruling.clone()));
        }
        let Some(bytes) = self.store.vault().get(&ruling_name(case, position))? else {
            return Ok(None);
        };
        let ruling = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Corrupt("a ruling does not decode".to_owned()))?;
        Ok(Some(ruling))
    }

    pub(super) fn feed_event(
        &mut self,
        case: CaseId,
        at: Position,
        visible_at: Position,
        historical: bool,
    ) -> Result<(), Error> {
        let what = KeptContent::Event {
            bundle: at.bundle,
            envelope: at.envelope,
            historical,
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
        let index = match self.feed_last {
            Some(last) if last.position == visible_at => last.index + 1,
            _ => 0,
        };
        let cursor = Cursor {
            position: visible_at,
            index,
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
        max: usize,
    ) -> Result<Vec<FeedEntry>, Error> {
        let first = match after {
            None => 0,
            Some(cursor) => self.first_after(cursor)?,
        };
        let mut entries = Vec::new();
        for entry in self.store.feed().from(first).take(max) {
            let (_, bytes) = entry?;
            let kept = decode(&bytes)?;
            let content = match kept.what {
                KeptContent::Event {
                    bundle,
                    envelope,
                    historical,
                } => {
                    let event = Box::new(self.event_at(kept.case, Position { bundle, envelope })?);
                    FeedContent::Event { event, historical }
                }
                KeptContent::ContentAvailable { compartment } => FeedContent::ContentAvailable {
                    case: kept.case,
                    compartment: v1::Compartment::from(compartment),
                },
            };
            entries.push(FeedEntry {
                cursor: kept.cursor,
                content,
            });
        }
        Ok(entries)
    }

    /// Index of the first entry behind a cursor; entries stand in the order of their cursors.
    fn first_after(&self, cursor: Cursor) -> Result<u64, Error> {
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
