//! The way out: drafts, the own events for life, and the bundle in flight.
//!
//! `d` arrival number(8) → draft, sealed · `e` event id(16) → digest(32), case id(16), place(12) or nothing · `f` → bundle.

use std::sync::atomic::Ordering;

use super::{CaseId, EventId, Place, piece};
use crate::keys::{DRAFTS, EVENTS, IN_FLIGHT, joined, numbered};
use crate::{Batch, Error, Store};

/// Drafts in the order they were accepted. Sealed at rest: they hold content in clear.
pub struct Drafts<'s>(pub(crate) &'s Store);

impl<'s> Drafts<'s> {
    /// Adds a draft behind all others and gives its arrival number.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Randomness`].
    pub fn add(&self, batch: &mut Batch, draft: &[u8]) -> Result<u64, Error> {
        let number = self.0.drafts_next.fetch_add(1, Ordering::SeqCst);
        self.0.put_sealed(batch, numbered(DRAFTS, number), draft)?;
        Ok(number)
    }

    /// Replaces a draft, for instance when it becomes HELD.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn replace(&self, batch: &mut Batch, number: u64, draft: &[u8]) -> Result<(), Error> {
        self.0.put_sealed(batch, numbered(DRAFTS, number), draft)
    }

    /// Removes a draft.
    pub fn remove(&self, batch: &mut Batch, number: u64) {
        batch.delete(numbered(DRAFTS, number));
    }

    /// One draft.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .0
            .get_sealed(&numbered(DRAFTS, number))?
            .map(|draft| draft.to_vec()))
    }

    /// All drafts, oldest first.
    pub fn all(&self) -> impl Iterator<Item = Result<(u64, Vec<u8>), Error>> + use<'s> {
        self.0.sealed_from(DRAFTS, 0)
    }
}

/// What is known of an own event id, for life: the same event given again is the same, another under its id is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownEvent {
    /// Digest of the event's content in the node's own canonical encoding.
    pub digest: [u8; 32],
    /// Its case.
    pub case: CaseId,
    /// Where it was admitted; None as long as it is a draft or in flight, and for ever if it was given up as a draft.
    pub place: Option<Place>,
}

/// The organisation's own events by id.
pub struct Events<'s>(pub(crate) &'s Store);

impl<'s> Events<'s> {
    /// Puts or replaces what is known of an event.
    ///
    /// # Errors
    /// None in practice.
    pub fn put(&self, batch: &mut Batch, event: EventId, known: KnownEvent) -> Result<(), Error> {
        let mut value = [known.digest.as_slice(), &known.case].concat();
        if let Some((bundle, envelope)) = known.place {
            value.extend_from_slice(&bundle.to_be_bytes());
            value.extend_from_slice(&envelope.to_be_bytes());
        }
        batch.put(joined(EVENTS, &[&event]), value)
    }

    /// What is known of an event.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, event: &EventId) -> Result<Option<KnownEvent>, Error> {
        let key = joined(EVENTS, &[event]);
        let Some(value) = self.0.engine.get(&key)? else {
            return Ok(None);
        };
        let place = match value.len() {
            48 => None,
            _ => Some((
                u64::from_be_bytes(piece(&key, &value, 48)?),
                u32::from_be_bytes(piece(&key, &value, 56)?),
            )),
        };
        Ok(Some(KnownEvent {
            digest: piece(&key, &value, 0)?,
            case: piece(&key, &value, 32)?,
            place,
        }))
    }
}

/// The one own bundle that was signed and not yet read back. Appended again byte for byte until it was.
pub struct InFlight<'s>(pub(crate) &'s Store);

impl<'s> InFlight<'s> {
    /// Puts the signed bundle (and what the caller wants to remember with it).
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put(&self, batch: &mut Batch, bundle: &[u8]) -> Result<(), Error> {
        batch.put(vec![IN_FLIGHT], bundle.to_vec())
    }

    /// The bundle in flight; None if there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&[IN_FLIGHT])
    }

    /// Nothing is in flight any more.
    pub fn clear(&self, batch: &mut Batch) {
        batch.delete(vec![IN_FLIGHT]);
    }
}
