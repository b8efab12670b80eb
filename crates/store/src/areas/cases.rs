//! Case index: which admitted envelopes belong to which case. `c` case id(16) bundle(8) envelope(4) → nothing.

use super::{CaseId, Place, piece};
use crate::keys::{CASES, joined};
use crate::{Batch, Error, Store};

/// Places of envelopes by case, so that one case can be folded without reading the log.
pub struct Cases<'s>(pub(crate) &'s Store);

impl<'s> Cases<'s> {
    /// Adds a place to a case.
    ///
    /// # Errors
    /// None in practice.
    pub fn add(
        &self,
        batch: &mut Batch,
        case: &CaseId,
        (bundle, envelope): Place,
    ) -> Result<(), Error> {
        batch.put(
            joined(
                CASES,
                &[case, &bundle.to_be_bytes(), &envelope.to_be_bytes()],
            ),
            Vec::new(),
        )
    }

    /// The places of a case, in the log's order.
    pub fn places(&self, case: &CaseId) -> impl Iterator<Item = Result<Place, Error>> + use<'s> {
        self.places_after(case, None)
    }

    /// The places of a case behind one of them, in the log's order; all, if none is given.
    pub fn places_after(
        &self,
        case: &CaseId,
        after: Option<Place>,
    ) -> impl Iterator<Item = Result<Place, Error>> + use<'s> {
        let prefix = joined(CASES, &[case]);
        let first = after.map_or_else(
            || prefix.clone(),
            |(bundle, envelope)| {
                let next = envelope.saturating_add(1);
                joined(CASES, &[case, &bundle.to_be_bytes(), &next.to_be_bytes()])
            },
        );
        self.0
            .engine
            .keys_from(&prefix, first)
            .map(|key| place_in(&key?))
    }

    /// The cases that have a place, in the order of their ids, those above `after` only: a page begins where the last
    /// one ended. Costs one look-up a case, however long its history.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a key is damaged.
    pub fn ids(&self, after: Option<&CaseId>, limit: usize) -> Result<Vec<CaseId>, Error> {
        let mut ids = Vec::new();
        let mut last = after.copied();
        while ids.len() < limit {
            let first = last.map_or(vec![CASES], |last| joined(CASES, &[&last, &[u8::MAX; 13]]));
            let Some(key) = self
                .0
                .engine
                .keys_from(&[CASES], first)
                .next()
                .transpose()?
            else {
                break;
            };
            let id = piece(&key, &key, 1)?;
            ids.push(id);
            last = Some(id);
        }
        Ok(ids)
    }
}

fn place_in(key: &[u8]) -> Result<Place, Error> {
    Ok((
        u64::from_be_bytes(piece(key, key, 17)?),
        u32::from_be_bytes(piece(key, key, 25)?),
    ))
}
