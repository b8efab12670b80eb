//! Single values under names. `m` name → value.

use super::piece;
use crate::keys::{META, joined};
use crate::{Batch, Error, Store};

const CURSOR: &str = "cursor";
const HIGH_WATER: &str = "high-water";

/// Cursor, high-water mark, and whatever else there is one of.
pub struct Meta<'s>(pub(crate) &'s Store);

/// The last place that this node may have signed. Durable before the signature leaves the node, so that no restart and
/// no restored backup signs a place twice (wire.md 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighWater {
    /// Sequence number of the own bundle.
    pub seq: u64,
    /// Its bundle hash.
    pub hash: [u8; 32],
}

impl Meta<'_> {
    /// Puts a value under a name of the caller's.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put(&self, batch: &mut Batch, name: &str, value: &[u8]) -> Result<(), Error> {
        batch.put(key(name), value.to_vec())
    }

    /// The value under a name.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&key(name))
    }

    /// Removes the value under a name.
    pub fn delete(&self, batch: &mut Batch, name: &str) {
        batch.delete(key(name));
    }

    /// Sets how far the log was followed: the offset of the last record that was handled.
    ///
    /// # Errors
    /// None in practice.
    pub fn set_cursor(&self, batch: &mut Batch, offset: u64) -> Result<(), Error> {
        self.put(batch, CURSOR, &offset.to_be_bytes())
    }

    /// How far the log was followed; 0 if not at all.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn cursor(&self) -> Result<u64, Error> {
        let value = self.get(CURSOR)?;
        value.map_or(Ok(0), |value| {
            Ok(u64::from_be_bytes(piece(&key(CURSOR), &value, 0)?))
        })
    }

    /// Sets the high-water mark. It must be committed before the signature is handed out.
    ///
    /// # Errors
    /// [`Error::HighWaterLowered`] if a higher one stands.
    pub fn set_high_water(&self, batch: &mut Batch, mark: HighWater) -> Result<(), Error> {
        match self.high_water()? {
            Some(kept) if kept.seq > mark.seq => Err(Error::HighWaterLowered {
                kept: kept.seq,
                given: mark.seq,
            }),
            _ => self.put(
                batch,
                HIGH_WATER,
                &[mark.seq.to_be_bytes().as_slice(), &mark.hash].concat(),
            ),
        }
    }

    /// The high-water mark; None if this node never signed.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn high_water(&self) -> Result<Option<HighWater>, Error> {
        let Some(value) = self.get(HIGH_WATER)? else {
            return Ok(None);
        };
        let seq = u64::from_be_bytes(piece(&key(HIGH_WATER), &value, 0)?);
        Ok(Some(HighWater {
            seq,
            hash: piece(&key(HIGH_WATER), &value, 8)?,
        }))
    }
}

fn key(name: &str) -> Vec<u8> {
    joined(META, &[name.as_bytes()])
}
