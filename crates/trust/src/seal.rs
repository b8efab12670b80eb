//! Sealing of parts under a version of a key line.
//!
//! A part travels as `salt (32 bytes) ‖ ciphertext ‖ tag (16 bytes)`. Its key is HKDF-SHA256 (RFC 5869) of the version's key with
//! that salt, so each part has a key of its own and the nonce of AES-256-GCM can be zero: no counter to keep, no nonce to repeat,
//! whatever a node does after a crash. Key and associated data both bind the place: a part moved elsewhere does not open.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;
use crate::digest::PartnershipId;
use crate::envelope::{ReadyPart, Suite};
use crate::hash::labelled;
use crate::lines::{Alias, VersionKey};

/// Bytes of the random salt in front of a part.
const SALT_BYTES: usize = 32;

/// Authentication tag of AES-256-GCM.
const TAG_BYTES: usize = 16;

/// Shortest padded plaintext: most structural parts are below it and so look alike.
const PADDED_BYTES_MIN: usize = 256;

/// Bytes of the length in front of a plaintext.
const LENGTH_BYTES: usize = 4;

/// Where a part stands. What was sealed at one place opens at no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartContext<'a> {
    /// The partnership.
    pub partnership: &'a PartnershipId,
    /// The author of the bundle.
    pub organisation: &'a OrganisationId,
    /// The author's id of the envelope.
    pub event_id: EventId,
    /// The case.
    pub case: CaseId,
    /// The key line.
    pub alias: Alias,
    /// Number of the version of the line.
    pub key_version: u32,
    /// Index of the part in the envelope.
    pub index: u32,
}

impl PartContext<'_> {
    fn labelled(&self, label: &str) -> Vec<u8> {
        labelled(
            label,
            &[
                self.partnership.as_bytes(),
                self.organisation.as_str().as_bytes(),
                &self.event_id.0,
                &self.case.0,
                &self.alias.0.to_be_bytes(),
                &self.key_version.to_be_bytes(),
                &self.index.to_be_bytes(),
            ],
        )
    }

    fn cipher(&self, key: &VersionKey, salt: &[u8]) -> Aes256Gcm {
        let mut part_key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), key.expose())
            .expand(&self.labelled("concordat/v1/part-key"), part_key.as_mut())
            .expect("32 bytes are within what HKDF gives");
        Aes256Gcm::new((&*part_key).into())
    }
}

// Covers: D-13, D-11
/// Seals `content` as the part at this place.
///
/// # Errors
/// [`Error::TooLarge`] for content that no bundle can hold.
pub fn seal(
    context: &PartContext<'_>,
    key: &VersionKey,
    content: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<ReadyPart, Error> {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    let plaintext = pad(content)?;
    let payload = Payload {
        msg: &plaintext,
        aad: &context.labelled("concordat/v1/part"),
    };
    let sealed = context
        .cipher(key, &salt)
        .encrypt(&Nonce::default(), payload)
        .map_err(|_| Error::TooLarge)?;
    Ok(ReadyPart {
        alias: context.alias.0,
        key_version: context.key_version,
        suite: Suite::Line,
        bytes: [&salt[..], &sealed].concat(),
    })
}

/// Opens the part at this place. The content wipes itself when dropped.
///
/// # Errors
/// [`Error::DoesNotOpen`] under another key, at another place, or if a byte was changed; [`Error::BadContent`] if its author
/// padded it wrongly.
pub fn open(
    context: &PartContext<'_>,
    key: &VersionKey,
    part: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (salt, sealed) = part
        .split_at_checked(SALT_BYTES)
        .ok_or(Error::DoesNotOpen)?;
    let payload = Payload {
        msg: sealed,
        aad: &context.labelled("concordat/v1/part"),
    };
    let plaintext = context
        .cipher(key, salt)
        .decrypt(&Nonce::default(), payload)
        .map_err(|_| Error::DoesNotOpen)?;
    unpad(&Zeroizing::new(plaintext)).map(|content| Zeroizing::new(content.to_vec()))
}

/// Bytes of a sealed part that holds so many bytes of content.
pub fn sealed_len(content: usize) -> usize {
    SALT_BYTES + bucket(LENGTH_BYTES + content) + TAG_BYTES
}

/// Length as four bytes big-endian, content, zeros up to a bucket.
pub(crate) fn pad(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = u32::try_from(content.len()).map_err(|_| Error::TooLarge)?;
    let mut padded = Zeroizing::new(vec![0; bucket(LENGTH_BYTES + content.len())]);
    padded[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    padded[LENGTH_BYTES..LENGTH_BYTES + content.len()].copy_from_slice(content);
    Ok(padded)
}

/// The content of a padded plaintext; the padding must be exactly what [`pad`] makes, so that it hides nothing.
pub(crate) fn unpad(padded: &[u8]) -> Result<&[u8], Error> {
    let bad = Error::BadContent("padding");
    let (length, rest) = padded
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(bad.clone())?;
    let length = u32::from_be_bytes(*length) as usize;
    let (content, zeros) = rest.split_at_checked(length).ok_or(bad.clone())?;
    let exact =
        padded.len() == bucket(LENGTH_BYTES + length) && zeros.iter().all(|byte| *byte == 0);
    if exact { Ok(content) } else { Err(bad) }
}

/// The padded length for `length` bytes: Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication
/// with PURBs", 2019, algorithm 1), at least 256. It adds at most 12 % and leaks O(log log length) bits.
pub fn bucket(length: usize) -> usize {
    if length <= PADDED_BYTES_MIN {
        return PADDED_BYTES_MIN;
    }
    let exponent = length.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - mantissa_bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests;
