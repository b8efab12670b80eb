//! A bundle: what one organisation appends at once. One record of the log, one signature, up to 256 envelopes.

use concordat_domain::ids::OrganisationId;
use concordat_proto::v1;
use jiff::Timestamp;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::digest::{BundleHash, Hash, KeyId, PartnershipId};
use crate::envelope::{Envelope, EnvelopeHeader, PartReference};
use crate::hash::sha256;
use crate::merkle;
use crate::pae::{PayloadType, pae};
use crate::signing::{Invalid, PublicKey, SIGNATURE_BYTES, Signature, SigningKey};
use crate::strict;

/// The wire format that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// Longest record in bytes: half of what NATS carries by default, so that no server has to be set up for it.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;

/// Most envelopes of one bundle: bounds the work that one signature can ask for.
pub const ENVELOPES_MAX: usize = 256;

/// Longest bundle header in bytes; a header has about 250.
pub const HEADER_BYTES_MAX: usize = 1024;

/// Bytes of a record that are not envelopes, at most: header, signature and their framing.
const FRAME_BYTES_MAX: usize = HEADER_BYTES_MAX + SIGNATURE_BYTES + 16;

/// Why bytes are not a well-formed bundle of format 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than a record may be.
    #[error("record is longer than 524288 bytes")]
    RecordTooLong,
    /// Not the one encoding of a `Bundle`.
    #[error("record is not a strictly encoded bundle")]
    Frame,
    /// Not the one encoding of a `BundleHeader` of format 1, or with a field of the wrong shape.
    #[error("bundle header is not well-formed")]
    Header,
    /// The signature is not 64 bytes.
    #[error("signature is not 64 bytes")]
    SignatureLength,
    /// Not as many envelopes as the header says, or more than 256.
    #[error("number of envelopes is wrong")]
    EnvelopeCount,
    /// Not the one encoding of an `EnvelopeHeader`, or with a field of the wrong shape.
    #[error("header of envelope {place} is not well-formed")]
    EnvelopeHeader {
        /// Index of the envelope.
        place: u32,
    },
    /// A class has parts that it may not have.
    #[error("an envelope has parts that its class may not have")]
    Parts,
    /// Parts are out of order, twice there, or not named by the header.
    #[error("parts of envelope {place} are out of order or not named")]
    PartOrder {
        /// Index of the envelope.
        place: u32,
    },
    /// Part 0 is absent or does not match its reference.
    #[error("part 0 of envelope {place} is missing or does not match")]
    PartZero {
        /// Index of the envelope.
        place: u32,
    },
    /// The envelope headers are not those under the signed root.
    #[error("envelopes are not those under the signed root")]
    EnvelopesRoot,
}

/// A prefix of the log as an author knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The generation of the log, from 1.
    pub generation: u64,
    /// Number of admitted bundles.
    pub size: u64,
    /// Tree head over their bundle hashes.
    pub root: Hash,
}

/// What an author decides about a bundle before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The partnership.
    pub partnership: PartnershipId,
    /// The author.
    pub organisation: OrganisationId,
    /// The directory version that the author relied on.
    pub directory_version: u64,
    /// Number among the author's bundles, from 1.
    pub seq: u64,
    /// Hash of the author's bundle before; [`BundleHash::ZERO`] for the first.
    pub prev: BundleHash,
    /// What the author had applied and synced.
    pub seen: Seen,
    /// The author's clock. Cut to milliseconds when signed.
    pub claimed_time: Timestamp,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleHeader {
    /// What the author decided.
    pub place: Place,
    /// The key that signed.
    pub key_id: KeyId,
    /// Number of envelopes.
    pub envelope_count: u32,
    /// Tree head over the event hashes of the envelopes.
    pub envelopes_root: Hash,
}

/// A bundle whose structure was checked. Its signature and its place in any chain were not: that is [`crate::admission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    header: BundleHeader,
    header_bytes: Vec<u8>,
    hash: BundleHash,
    signature: Signature,
    envelopes: Vec<Envelope>,
}

impl Bundle {
    /// Signs envelopes at a place in the author's chain. Sign one place once only: keep the high-water mark before this leaves.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: put fewer envelopes in, see [`Room`].
    pub fn sign(place: Place, envelopes: Vec<Envelope>, key: &SigningKey) -> Result<Self, Error> {
        if !Room::default().take(&envelopes) {
            return Err(Error::TooLarge);
        }
        let header = BundleHeader {
            place: Place {
                claimed_time: whole_milliseconds(place.claimed_time),
                ..place
            },
            key_id: key.public_key().key_id(),
            envelope_count: u32::try_from(envelopes.len()).map_err(|_| Error::TooLarge)?,
            envelopes_root: root_of(&envelopes),
        };
        let header_bytes = v1::BundleHeader::from(&header).encode_to_vec();
        let signature = key.sign(PayloadType::BundleHeader, &header_bytes);
        Ok(Self {
            hash: bundle_hash(&header_bytes),
            header,
            header_bytes,
            signature,
            envelopes,
        })
    }

    /// Reads a record and checks all that can be checked without knowing the log: limits, strict encoding, field shapes, part 0
    /// of every envelope, the root over the envelopes. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(record: &[u8]) -> Result<Self, Malformed> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(Malformed::RecordTooLong);
        }
        let frame: v1::Bundle =
            strict::decode(record, RECORD_BYTES_MAX).map_err(|_| Malformed::Frame)?;
        let header: v1::BundleHeader =
            strict::decode(&frame.header, HEADER_BYTES_MAX).map_err(|_| Malformed::Header)?;
        let header = BundleHeader::try_from(header)?;
        let signature = Signature::try_from(frame.signature.as_slice())
            .map_err(|_| Malformed::SignatureLength)?;
        if frame.envelopes.len() > ENVELOPES_MAX
            || frame.envelopes.len() != header.envelope_count as usize
        {
            return Err(Malformed::EnvelopeCount);
        }
        let envelopes = (0..)
            .zip(frame.envelopes)
            .map(|(place, envelope)| Envelope::parse(place, envelope));
        let envelopes = envelopes.collect::<Result<Vec<_>, _>>()?;
        if root_of(&envelopes) != header.envelopes_root {
            return Err(Malformed::EnvelopesRoot);
        }
        Ok(Self {
            hash: bundle_hash(&frame.header),
            header,
            header_bytes: frame.header,
            signature,
            envelopes,
        })
    }

    /// Checks that `key` signed the header.
    ///
    /// # Errors
    /// [`Invalid::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), Invalid> {
        key.verify(
            PayloadType::BundleHeader,
            &self.header_bytes,
            &self.signature,
        )
    }

    /// What is signed.
    pub fn header(&self) -> &BundleHeader {
        &self.header
    }

    /// The header's bytes, as they are signed and hashed.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The signature over the header.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The bundle hash.
    pub fn hash(&self) -> BundleHash {
        self.hash
    }

    /// The author.
    pub fn organisation(&self) -> &OrganisationId {
        &self.header.place.organisation
    }

    /// The envelopes, in order.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.envelopes
    }

    /// Whether it carries nothing and only says what its author has seen.
    pub fn is_head(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Whether every part that a header names is here.
    pub fn is_complete(&self) -> bool {
        self.envelopes
            .iter()
            .all(|envelope| envelope.missing_parts().next().is_none())
    }

    /// The bytes that go on the log and into the journal. Headers and parts are the author's own bytes.
    pub fn to_record(&self) -> Vec<u8> {
        let envelopes = self.envelopes.iter().map(v1::Envelope::from).collect();
        v1::Bundle {
            header: self.header_bytes.clone(),
            signature: self.signature.to_vec(),
            envelopes,
        }
        .encode_to_vec()
    }

    /// Takes the parts of another copy of this bundle that are missing here, and says how many those were. A copy of another
    /// bundle changes nothing.
    pub fn take_parts(&mut self, copy: &Self) -> usize {
        if self.hash != copy.hash {
            return 0;
        }
        self.envelopes
            .iter_mut()
            .zip(&copy.envelopes)
            .map(|(mine, other)| mine.take_parts(other))
            .sum()
    }

    /// Drops every part but the first of the envelopes that `erase` picks.
    pub fn drop_content(&mut self, mut erase: impl FnMut(&Envelope) -> bool) {
        self.envelopes
            .iter_mut()
            .filter(|envelope| erase(envelope))
            .for_each(Envelope::drop_content);
    }

    /// Drops the parts other than the first of each envelope that `erase` picks, and says how many those were.
    pub fn drop_parts(
        &mut self,
        mut erase: impl FnMut(&EnvelopeHeader, &PartReference) -> bool,
    ) -> usize {
        let dropped = self.envelopes.iter_mut().map(|envelope| {
            let header = envelope.header().clone();
            envelope.drop_parts(|part| erase(&header, part))
        });
        dropped.sum()
    }

    /// The path that shows that one of the envelopes stands under the signed root (RFC 9162, 2.1.3).
    pub fn inclusion_proof(&self, envelope: u32) -> Option<Vec<Hash>> {
        tree_of(&self.envelopes).inclusion_proof(u64::from(envelope), self.envelopes.len() as u64)
    }
}

/// The room that is left in a bundle while envelopes are put together for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Envelopes that fit in.
    pub envelopes: usize,
    /// Bytes that they may have together.
    pub bytes: usize,
}

impl Default for Room {
    /// That of an empty bundle.
    fn default() -> Self {
        Self {
            envelopes: ENVELOPES_MAX,
            bytes: RECORD_BYTES_MAX - FRAME_BYTES_MAX,
        }
    }
}

impl Room {
    /// Takes the room for all of `envelopes`, or none of it if they do not fit.
    #[must_use]
    pub fn take(&mut self, envelopes: &[Envelope]) -> bool {
        let bytes: usize = envelopes.iter().map(Envelope::encoded_len).sum();
        self.reserve(envelopes.len(), bytes)
    }

    /// Takes the room for so many envelopes with so many bytes together, or none of it if they do not fit.
    #[must_use]
    pub fn reserve(&mut self, envelopes: usize, bytes: usize) -> bool {
        let left = self.envelopes.checked_sub(envelopes);
        let Some((envelopes, bytes)) = left.zip(self.bytes.checked_sub(bytes)) else {
            return false;
        };
        *self = Self { envelopes, bytes };
        true
    }
}

/// The most that one event takes in a record, from the bytes of its parts before they are sealed.
pub fn event_bytes_max(parts: impl IntoIterator<Item = usize>) -> usize {
    /// Frame of an envelope and of its header, with ids, link and hash.
    const ENVELOPE_BYTES: usize = 256;
    /// Reference of a part in the header, and its frame.
    const PART_BYTES: usize = 128;
    let parts = parts.into_iter();
    ENVELOPE_BYTES
        + parts
            .map(|content| crate::seal::sealed_len(content) + PART_BYTES)
            .sum::<usize>()
}

/// The bundle hash of a header: SHA-256 of its PAE. The signature is not in it.
pub fn bundle_hash(header_bytes: &[u8]) -> BundleHash {
    BundleHash(sha256(&pae(PayloadType::BundleHeader, header_bytes)).0)
}

/// The number of the format of a record, whatever it is: field 1 of its first field. Every format begins like this, so that a
/// node can say that it has to be upgraded. Nothing is verified.
pub fn peek_format(record: &[u8]) -> Option<u32> {
    let header = record.strip_prefix(&[0x0a])?;
    let mut rest = header;
    let length = prost::decode_length_delimiter(&mut rest).ok()?;
    let mut header = rest.get(..length)?.strip_prefix(&[0x08])?;
    u32::try_from(prost::encoding::decode_varint(&mut header).ok()?).ok()
}

fn tree_of(envelopes: &[Envelope]) -> merkle::Tree {
    let mut tree = merkle::Tree::default();
    for envelope in envelopes {
        tree.append(envelope.hash().as_bytes());
    }
    tree
}

fn root_of(envelopes: &[Envelope]) -> Hash {
    tree_of(envelopes).root()
}

/// The time as it travels. A clock before 1970 is a broken clock; it claims the earliest time there is.
fn whole_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond().max(0))
        .expect("the milliseconds of a timestamp are in its range")
}

impl TryFrom<v1::BundleHeader> for BundleHeader {
    type Error = Malformed;

    fn try_from(header: v1::BundleHeader) -> Result<Self, Malformed> {
        let fields = || {
            let seen = header.seen.as_ref()?;
            let place = Place {
                partnership: header.partnership.as_slice().try_into().ok()?,
                organisation: header.organisation.parse().ok()?,
                directory_version: Some(header.directory_version).filter(|version| *version > 0)?,
                seq: Some(header.seq).filter(|seq| *seq > 0)?,
                prev: header.prev.as_slice().try_into().ok()?,
                seen: Seen {
                    generation: Some(seen.generation).filter(|generation| *generation > 0)?,
                    size: seen.size,
                    root: seen.root.as_slice().try_into().ok()?,
                },
                claimed_time: Timestamp::from_millisecond(
                    i64::try_from(header.claimed_time_ms).ok()?,
                )
                .ok()?,
            };
            Some(Self {
                place,
                key_id: header.key_id.as_slice().try_into().ok()?,
                envelope_count: header.envelope_count,
                envelopes_root: header.envelopes_root.as_slice().try_into().ok()?,
            })
        };
        if header.format == FORMAT {
            fields().ok_or(Malformed::Header)
        } else {
            Err(Malformed::Header)
        }
    }
}

impl From<&BundleHeader> for v1::BundleHeader {
    fn from(header: &BundleHeader) -> Self {
        let place = &header.place;
        Self {
            format: FORMAT,
            partnership: place.partnership.0.to_vec(),
            organisation: place.organisation.to_string(),
            key_id: header.key_id.0.to_vec(),
            directory_version: place.directory_version,
            seq: place.seq,
            prev: place.prev.0.to_vec(),
            seen: Some(v1::Seen {
                generation: place.seen.generation,
                size: place.seen.size,
                root: place.seen.root.0.to_vec(),
            }),
            claimed_time_ms: place.claimed_time.as_millisecond().unsigned_abs(),
            envelope_count: header.envelope_count,
            envelopes_root: header.envelopes_root.0.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests;
