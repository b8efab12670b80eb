//! The areas of the store, one file each: what lies there, under which key, and the verbs for it.

mod admission;
mod cases;
mod due;
mod feed;
mod feed_extras;
mod journal;
mod meta;
mod outbox;
mod projections;
mod quarantine;
mod tree;
mod vault;

pub use admission::Admission;
pub use cases::Cases;
pub use due::Due;
pub use feed::Feed;
pub use feed_extras::{FeedExtras, FeedOffset, FeedTally};
pub use journal::{Journal, JournalRecord};
pub use meta::{HighWater, Meta};
pub use outbox::{Drafts, Events, InFlight, KnownEvent};
pub use projections::Projections;
pub use quarantine::Quarantine;
pub use tree::Tree;
pub use vault::Vault;

/// A case's 128 bits, as the store's keys have them.
pub type CaseId = [u8; 16];
/// An event's UUID, as the store's keys have it.
pub type EventId = [u8; 16];

/// Place of an admitted envelope: (bundle index, envelope index).
pub type Place = (u64, u32);

use crate::frame::corrupt;
use crate::{Batch, Error, Store};

/// Reads of one area that several areas need.
impl Store {
    /// Seals a value for its key and puts it.
    fn put_sealed(&self, batch: &mut Batch, key: Vec<u8>, value: &[u8]) -> Result<(), Error> {
        let sealed = self.sealer.seal(&key, value)?;
        batch.put(key, sealed)
    }

    fn get_sealed(&self, key: &[u8]) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Error> {
        self.engine
            .get(key)?
            .map(|sealed| self.sealer.open_value(key, &sealed))
            .transpose()
    }

    /// Numbered entries of an area from `first` on.
    fn numbered_from<'e>(
        &'e self,
        area: u8,
        first: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), Error>> + use<'e> {
        self.engine
            .entries_from(&[area], crate::keys::numbered(area, first))
            .map(|entry| {
                let (key, value) = entry?;
                Ok((number_of(&key)?, value))
            })
    }

    /// Sealed numbered entries of an area from `first` on, opened.
    fn sealed_from<'e>(
        &'e self,
        area: u8,
        first: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), Error>> + use<'e> {
        self.numbered_from(area, first).map(move |entry| {
            let (number, sealed) = entry?;
            let opened = self
                .sealer
                .open_value(&crate::keys::numbered(area, number), &sealed)?;
            Ok((number, opened.to_vec()))
        })
    }

    fn last_number(&self, area: u8) -> Result<Option<u64>, Error> {
        self.engine
            .last_key(&[area])?
            .map(|key| number_of(&key))
            .transpose()
    }
}

fn number_of(key: &[u8]) -> Result<u64, Error> {
    crate::keys::number_in(key).ok_or_else(|| corrupt(key, "a key is damaged"))
}

/// Bytes `range` of `bytes` as an array; damage if there are not as many.
fn piece<const N: usize>(key: &[u8], bytes: &[u8], start: usize) -> Result<[u8; N], Error> {
    let piece = bytes
        .get(start..start + N)
        .and_then(|piece| piece.try_into().ok());
    piece.ok_or_else(|| corrupt(key, "it is shorter than it must be"))
}
