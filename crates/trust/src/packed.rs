//! Bundles as an audit pack carries them: whole, or with some of their envelopes and the event hashes of the others.
//!
//! Whatever is left out, the header, its signature and the root over the event hashes still verify; audit paths show that the bundle
//! stands on the log. `docs/reference/audit-pack.md` describes the bytes.

use std::ops::Range;

use concordat_proto::v1;
use prost::Message as _;

use crate::bundle::{
    Bundle, BundleHeader, ENVELOPES_MAX, HEADER_BYTES_MAX, Malformed, bundle_hash,
};
use crate::digest::{BundleHash, EventHash, Hash};
use crate::envelope::Envelope;
use crate::merkle;
use crate::signing::{SIGNATURE_BYTES, Signature};
use crate::strict;

/// Longest entry of a pack in bytes: a record of 512 KiB, and room for hashes and paths.
pub const PACKED_BYTES_MAX: usize = 1024 * 1024;

/// Most hashes that a path may have: a tree of 2^64 leaves has no longer one.
const PATH_MAX: usize = 128;

/// One envelope of a packed bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Header and parts are here.
    Whole(Envelope),
    /// Only its hash is: the pack is not about it.
    Hash(EventHash),
}

impl Carried {
    /// The event hash.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        match self {
            Self::Whole(envelope) => envelope.hash(),
            Self::Hash(hash) => *hash,
        }
    }

    /// The envelope, if it is here.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Whole(envelope) => Some(envelope),
            Self::Hash(_) => None,
        }
    }
}

/// Shows that a bundle, and what its author had seen, stand under the head of a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Audit path of the bundle.
    pub inclusion: Vec<Hash>,
    /// Consistency proof from what its author had seen.
    pub seen: Vec<Hash>,
    /// Consistency proof from where a generation ended that the bundle ends.
    pub ended: Vec<Hash>,
}

/// A bundle of a pack whose structure was checked. Its signature and its place were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Index on the log, as the pack says.
    pub index: u64,
    /// What is signed.
    pub header: BundleHeader,
    /// The header's bytes.
    pub header_bytes: Vec<u8>,
    /// The signature over them.
    pub signature: Signature,
    /// The envelopes, in order.
    pub envelopes: Vec<Carried>,
    /// Where it stands; empty in a pack of a whole log.
    pub paths: Paths,
    /// Parts that are here and are not those that their headers name: (envelope, part). They count as absent.
    pub changed_parts: Vec<(u32, u32)>,
}

impl Packed {
    /// Packs a bundle; of the envelopes that `keep` does not pick only the hash stays.
    pub fn of(
        index: u64,
        bundle: &Bundle,
        paths: Paths,
        mut keep: impl FnMut(&Envelope) -> bool,
    ) -> Self {
        let envelopes = bundle.envelopes().iter().map(|envelope| {
            if keep(envelope) {
                Carried::Whole(envelope.clone())
            } else {
                Carried::Hash(envelope.hash())
            }
        });
        Self {
            index,
            header: bundle.header().clone(),
            header_bytes: bundle.header_bytes().to_vec(),
            signature: *bundle.signature(),
            envelopes: envelopes.collect(),
            paths,
            changed_parts: Vec::new(),
        }
    }

    /// Reads an entry of a pack and checks all that can be checked without knowing the log.
    ///
    /// # Errors
    /// [`Malformed`], as for a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let frame: v1::PackedBundle =
            strict::decode(bytes, PACKED_BYTES_MAX).map_err(|_| Malformed::Frame)?;
        let header: v1::BundleHeader =
            strict::decode(&frame.header, HEADER_BYTES_MAX).map_err(|_| Malformed::Header)?;
        let header = BundleHeader::try_from(header)?;
        let signature = <[u8; SIGNATURE_BYTES]>::try_from(frame.signature.as_slice())
            .map_err(|_| Malformed::SignatureLength)?;
        if frame.envelopes.len() > ENVELOPES_MAX
            || frame.envelopes.len() != header.envelope_count as usize
        {
            return Err(Malformed::EnvelopeCount);
        }
        let mut envelopes = Vec::with_capacity(frame.envelopes.len());
        let mut changed_parts = Vec::new();
        for (place, envelope) in (0..).zip(frame.envelopes) {
            let carried = carried(place, envelope)?;
            changed_parts.extend(carried.1.into_iter().map(|part| (place, part)));
            envelopes.push(carried.0);
        }
        let mut tree = merkle::Tree::default();
        for envelope in &envelopes {
            tree.append(envelope.hash().as_bytes());
        }
        if tree.root() != header.envelopes_root {
            return Err(Malformed::EnvelopesRoot);
        }
        Ok(Self {
            index: frame.index,
            header,
            header_bytes: frame.header,
            signature,
            envelopes,
            paths: Paths {
                inclusion: path(frame.path)?,
                seen: path(frame.seen_path)?,
                ended: path(frame.ended_path)?,
            },
            changed_parts,
        })
    }

    /// The entry as it stands in a pack, without the length in front of it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let envelopes = self.envelopes.iter().map(|carried| match carried {
            Carried::Whole(envelope) => {
                let wire = v1::Envelope::from(envelope);
                v1::PackedEnvelope {
                    header: wire.header,
                    parts: wire.parts,
                    hash: Vec::new(),
                }
            }
            Carried::Hash(hash) => v1::PackedEnvelope {
                hash: hash.0.to_vec(),
                ..v1::PackedEnvelope::default()
            },
        });
        let hashes = |path: &[Hash]| path.iter().map(|hash| hash.0.to_vec()).collect();
        v1::PackedBundle {
            index: self.index,
            header: self.header_bytes.clone(),
            signature: self.signature.to_vec(),
            envelopes: envelopes.collect(),
            path: hashes(&self.paths.inclusion),
            seen_path: hashes(&self.paths.seen),
            ended_path: hashes(&self.paths.ended),
        }
        .encode_to_vec()
    }

    /// The bundle hash.
    #[must_use]
    pub fn hash(&self) -> BundleHash {
        bundle_hash(&self.header_bytes)
    }

    /// The record as it travelled, if every envelope is here.
    #[must_use]
    pub fn to_record(&self) -> Option<Vec<u8>> {
        let envelopes: Option<Vec<v1::Envelope>> = self
            .envelopes
            .iter()
            .map(|carried| carried.envelope().map(v1::Envelope::from))
            .collect();
        let record = v1::Bundle {
            header: self.header_bytes.clone(),
            signature: self.signature.to_vec(),
            envelopes: envelopes?,
        };
        Some(record.encode_to_vec())
    }
}

/// Reads the envelope that stands in these bytes of an entry, see [`envelope_ranges`].
///
/// # Errors
/// [`Malformed`]; the entry it is from would not decode either.
pub fn envelope_at(place: u32, bytes: &[u8]) -> Result<Carried, Malformed> {
    let envelope: v1::PackedEnvelope =
        strict::decode(bytes, PACKED_BYTES_MAX).map_err(|_| Malformed::Frame)?;
    Ok(carried(place, envelope)?.0)
}

/// Where in an entry that decodes its envelopes stand, so that one of them can be read again without the others.
#[must_use]
pub fn envelope_ranges(entry: &[u8]) -> Vec<Range<usize>> {
    const ENVELOPES: u64 = 4 << 3 | 2;
    let mut ranges = Vec::new();
    let mut rest = entry;
    while let Ok(tag) = prost::encoding::decode_varint(&mut rest) {
        let Ok(value) = prost::encoding::decode_varint(&mut rest) else {
            break;
        };
        if tag & 7 == 0 {
            continue;
        }
        let Some((skipped, after)) = usize::try_from(value)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
        else {
            break;
        };
        let end = entry.len() - after.len();
        if tag == ENVELOPES {
            ranges.push(end - skipped.len()..end);
        }
        rest = after;
    }
    ranges
}

/// One envelope, and the indices of those of its parts that its header does not name so.
fn carried(place: u32, envelope: v1::PackedEnvelope) -> Result<(Carried, Vec<u32>), Malformed> {
    if envelope.header.is_empty() {
        let hash = EventHash::try_from(envelope.hash.as_slice())
            .ok()
            .filter(|_| envelope.parts.is_empty())
            .ok_or(Malformed::EnvelopeHeader { place })?;
        return Ok((Carried::Hash(hash), Vec::new()));
    }
    if !envelope.hash.is_empty() {
        return Err(Malformed::EnvelopeHeader { place });
    }
    let brought: Vec<u32> = envelope.parts.iter().map(|part| part.index).collect();
    let wire = v1::Envelope {
        header: envelope.header,
        parts: envelope.parts,
    };
    let envelope = Envelope::parse(place, wire)?;
    let changed = brought
        .into_iter()
        .filter(|index| envelope.part(*index).is_none());
    let changed = changed.collect();
    Ok((Carried::Whole(envelope), changed))
}

fn path(hashes: Vec<Vec<u8>>) -> Result<Vec<Hash>, Malformed> {
    if hashes.len() > PATH_MAX {
        return Err(Malformed::Frame);
    }
    hashes
        .iter()
        .map(|hash| Hash::try_from(hash.as_slice()).map_err(|_| Malformed::Frame))
        .collect()
}
