//! State of admission. `a` `s` → shared · `a` `o` organisation → of one author · `a` `c` organisation 0 case id → of one
//! author in one case.

use super::{CaseId, piece};
use crate::frame::corrupt;
use crate::keys::{ADMISSION, joined};
use crate::{Batch, Error, Store};

/// What the next record is checked against: opaque to the store. Organisations are text without a zero byte.
pub struct Admission<'s>(pub(crate) &'s Store);

impl<'s> Admission<'s> {
    /// Puts the state that all share (directory, tree frontier, generation).
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put_shared(&self, batch: &mut Batch, state: &[u8]) -> Result<(), Error> {
        batch.put(shared(), state.to_vec())
    }

    /// The state that all share.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn shared(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&shared())
    }

    /// Puts the state of one organisation's chain.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put_organisation(
        &self,
        batch: &mut Batch,
        organisation: &str,
        state: &[u8],
    ) -> Result<(), Error> {
        batch.put(of_organisation(organisation), state.to_vec())
    }

    /// The state of one organisation's chain.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn organisation(&self, organisation: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&of_organisation(organisation))
    }

    /// The states of all organisations' chains.
    pub fn organisations(
        &self,
    ) -> impl Iterator<Item = Result<(String, Vec<u8>), Error>> + use<'s> {
        let prefix = of_organisation("");
        self.0
            .engine
            .entries_from(&prefix, prefix.clone())
            .map(|entry| {
                let (key, state) = entry?;
                Ok((text(&key, key.get(2..))?, state))
            })
    }

    /// Puts the state of one organisation's chain in one case.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn put_case(
        &self,
        batch: &mut Batch,
        organisation: &str,
        case: &CaseId,
        state: &[u8],
    ) -> Result<(), Error> {
        batch.put(of_case(organisation, case), state.to_vec())
    }

    /// The state of one organisation's chain in one case.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is damaged.
    pub fn case(&self, organisation: &str, case: &CaseId) -> Result<Option<Vec<u8>>, Error> {
        self.0.engine.get(&of_case(organisation, case))
    }

    /// The states of all organisations' chains in all cases.
    pub fn cases(
        &self,
    ) -> impl Iterator<Item = Result<(String, CaseId, Vec<u8>), Error>> + use<'s> {
        let prefix = joined(ADMISSION, &[b"c"]);
        self.0
            .engine
            .entries_from(&prefix, prefix.clone())
            .map(|entry| {
                let (key, state) = entry?;
                let end = key.len().saturating_sub(17);
                Ok((
                    text(&key, key.get(2..end))?,
                    piece(&key, &key, end + 1)?,
                    state,
                ))
            })
    }
}

fn shared() -> Vec<u8> {
    joined(ADMISSION, &[b"s"])
}

fn of_organisation(organisation: &str) -> Vec<u8> {
    joined(ADMISSION, &[b"o", organisation.as_bytes()])
}

fn of_case(organisation: &str, case: &CaseId) -> Vec<u8> {
    joined(ADMISSION, &[b"c", organisation.as_bytes(), &[0], case])
}

fn text(key: &[u8], bytes: Option<&[u8]>) -> Result<String, Error> {
    let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.map(str::to_owned)
        .ok_or_else(|| corrupt(key, "a key is damaged"))
}
