//! An envelope: a header that is hashed and never dropped, and parts of which only the first is sure to be there.

use std::collections::BTreeMap;

use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::v1;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::bundle::{Malformed, RECORD_BYTES_MAX};
use crate::digest::{EventHash, Hash};
use crate::hash::{labelled, sha256};
use crate::pae::{PayloadType, pae};
use crate::strict;

/// Parts one envelope may have: eight compartments, each for the case and for seven strands.
pub const PARTS_MAX: usize = 64;

/// Longest envelope header in bytes: 64 references of about 60 bytes, and room.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Version of the schema of what parts say today.
pub const SCHEMA_VERSION: u32 = 1;

/// What an envelope carries, and where it stands in its author's chain of the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An event.
    Event(CaseLink),
    /// A key version, a grant, an invitation or an offer.
    Key(CaseLink),
    /// A record of the partnership. It belongs to no case.
    Partnership,
}

impl Class {
    /// The place in a case, for what belongs to one.
    pub fn link(&self) -> Option<&CaseLink> {
        match self {
            Self::Event(link) | Self::Key(link) => Some(link),
            Self::Partnership => None,
        }
    }
}

/// Place of an envelope in the chain of one organisation in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseLink {
    /// The case.
    pub case: CaseId,
    /// 1 for the organisation's first envelope in the case, then one more each time.
    pub seq: u64,
    /// Event hash of the one before; [`EventHash::ZERO`] for the first.
    pub prev: EventHash,
}

/// How a part is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// Not at all.
    Clear,
    /// Under a version of a key line, see [`crate::seal`].
    Line,
    /// To the public key of an offer, see [`crate::grant`].
    Offer,
}

/// What a header says of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartReference {
    /// The key line; 0 for parts that are under none.
    pub alias: u32,
    /// The version of the line; 0 for parts that are under none.
    pub key_version: u32,
    /// How it is sealed.
    pub suite: Suite,
    /// Length in bytes.
    pub length: u32,
    /// SHA-256 of the bytes as they travel.
    pub hash: Hash,
    /// Version of the schema of what it says.
    pub schema_version: u32,
}

/// A part that is ready to travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyPart {
    /// The key line, or 0.
    pub alias: u32,
    /// The version of the line, or 0.
    pub key_version: u32,
    /// How it is sealed.
    pub suite: Suite,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ReadyPart {
    /// A part that everyone may read.
    pub fn clear(bytes: Vec<u8>) -> Self {
        Self {
            alias: 0,
            key_version: 0,
            suite: Suite::Clear,
            bytes,
        }
    }

    fn reference(&self) -> Result<PartReference, Error> {
        Ok(PartReference {
            alias: self.alias,
            key_version: self.key_version,
            suite: self.suite,
            length: u32::try_from(self.bytes.len()).map_err(|_| Error::TooLarge)?,
            hash: sha256(&self.bytes),
            schema_version: SCHEMA_VERSION,
        })
    }
}

/// What of an envelope is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// The author's id for it.
    pub event_id: EventId,
    /// What it carries.
    pub class: Class,
    /// One reference for each part.
    pub parts: Vec<PartReference>,
}

/// An envelope whose structure was checked: its parts are those that the header names, part 0 among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    header: EnvelopeHeader,
    header_bytes: Vec<u8>,
    hash: EventHash,
    parts: BTreeMap<u32, Vec<u8>>,
}

impl Envelope {
    /// An envelope of these parts, to be put into a bundle.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or [`Error::Malformed`] for parts that this class may not have.
    pub fn assemble(event_id: EventId, class: Class, parts: Vec<ReadyPart>) -> Result<Self, Error> {
        let references = parts
            .iter()
            .map(ReadyPart::reference)
            .collect::<Result<Vec<_>, _>>()?;
        let header = EnvelopeHeader {
            event_id,
            class,
            parts: references,
        };
        check_suites(&header)?;
        let header_bytes = v1::EnvelopeHeader::from(&header).encode_to_vec();
        if header_bytes.len() > HEADER_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let parts = (0..)
            .zip(parts)
            .map(|(index, part)| (index, part.bytes))
            .collect();
        Ok(Self {
            hash: event_hash(&header_bytes),
            header,
            header_bytes,
            parts,
        })
    }

    /// The header.
    pub fn header(&self) -> &EnvelopeHeader {
        &self.header
    }

    /// The header's bytes, as they are hashed.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The event hash.
    pub fn hash(&self) -> EventHash {
        self.hash
    }

    /// The bytes of part 0, which is always here.
    pub fn part_zero(&self) -> &[u8] {
        &self.parts[&0]
    }

    /// The bytes of a part, if they are here.
    pub fn part(&self, index: u32) -> Option<&[u8]> {
        self.parts.get(&index).map(Vec::as_slice)
    }

    /// Indices of the parts that the header names and that are not here.
    pub fn missing_parts(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.header.parts)
            .map(|(index, _)| index)
            .filter(|index| !self.parts.contains_key(index))
    }

    /// Drops every part but the first: what erasure does, and publishing after a crash. The header stays as it is.
    pub fn drop_content(&mut self) {
        self.parts.retain(|index, _| *index == 0);
    }

    /// Drops the parts other than the first whose reference `erase` picks, and says how many it had of those. The header stays as it is.
    pub fn drop_parts(&mut self, mut erase: impl FnMut(&PartReference) -> bool) -> usize {
        let before = self.parts.len();
        let references = &self.header.parts;
        self.parts.retain(|index, _| {
            let reference = references.get(*index as usize);
            *index == 0 || !reference.is_some_and(&mut erase)
        });
        before - self.parts.len()
    }

    /// Takes the parts of another copy of this envelope that are missing here, and says how many those were.
    pub(crate) fn take_parts(&mut self, copy: &Self) -> usize {
        debug_assert_eq!(
            self.hash, copy.hash,
            "only copies of one envelope are merged"
        );
        let before = self.parts.len();
        for (index, bytes) in &copy.parts {
            self.parts.entry(*index).or_insert_with(|| bytes.clone());
        }
        self.parts.len() - before
    }

    /// Bytes this envelope adds to a record.
    pub fn encoded_len(&self) -> usize {
        let length = v1::Envelope::from(self).encoded_len();
        1 + prost::length_delimiter_len(length) + length
    }

    /// Checks the structure of an envelope as it travelled. Parts other than 0 that do not match their reference are left out, as
    /// if they were absent.
    pub(crate) fn parse(place: u32, envelope: v1::Envelope) -> Result<Self, Malformed> {
        let decoded: v1::EnvelopeHeader = strict::decode(&envelope.header, HEADER_BYTES_MAX)
            .map_err(|_| Malformed::EnvelopeHeader { place })?;
        let header = EnvelopeHeader::read(&decoded).ok_or(Malformed::EnvelopeHeader { place })?;
        check_suites(&header)?;
        let mut parts = BTreeMap::new();
        let mut next = 0;
        for part in envelope.parts {
            let reference = header
                .parts
                .get(part.index as usize)
                .filter(|_| part.index >= next);
            let reference = reference.ok_or(Malformed::PartOrder { place })?;
            next = part.index + 1;
            if part.data.len() == reference.length as usize && sha256(&part.data) == reference.hash
            {
                parts.insert(part.index, part.data);
            }
        }
        if !parts.contains_key(&0) {
            return Err(Malformed::PartZero { place });
        }
        Ok(Self {
            hash: event_hash(&envelope.header),
            header,
            header_bytes: envelope.header,
            parts,
        })
    }
}

impl From<&Envelope> for v1::Envelope {
    fn from(envelope: &Envelope) -> Self {
        let parts = envelope.parts.iter().map(|(index, bytes)| v1::Part {
            index: *index,
            data: bytes.clone(),
        });
        Self {
            header: envelope.header_bytes.clone(),
            parts: parts.collect(),
        }
    }
}

/// The event hash of an envelope header: SHA-256 of its PAE.
pub fn event_hash(header_bytes: &[u8]) -> EventHash {
    EventHash(sha256(&pae(PayloadType::EnvelopeHeader, header_bytes)).0)
}

/// The running hash over the admitted envelopes of a case, after one more; it starts at [`Hash::ZERO`]. Authors state it in
/// `process`, so that a party sees at which envelope two views of a case part.
pub fn applied_hash(before: &Hash, author: &OrganisationId, envelope: &EventHash) -> Hash {
    sha256(&labelled(
        "concordat/v1/applied",
        &[
            before.as_bytes(),
            author.as_str().as_bytes(),
            envelope.as_bytes(),
        ],
    ))
}

/// Which suites the parts of each class have.
fn check_suites(header: &EnvelopeHeader) -> Result<(), Malformed> {
    use Suite::{Clear, Line, Offer};
    let suites: Vec<Suite> = header.parts.iter().map(|part| part.suite).collect();
    let fits = match header.class {
        Class::Event(_) => {
            !suites.is_empty()
                && suites.len() <= PARTS_MAX
                && suites.iter().all(|suite| *suite == Line)
        }
        Class::Key(_) => matches!(suites[..], [Line] | [Line, Offer] | [Clear]),
        Class::Partnership => suites == [Clear],
    };
    let named = header.parts.iter().all(|part| match part.suite {
        Line => part.alias != 0 && part.key_version != 0,
        Clear | Offer => part.alias == 0 && part.key_version == 0,
    });
    let sized = header
        .parts
        .iter()
        .all(|part| part.length as usize <= RECORD_BYTES_MAX && part.schema_version != 0);
    if fits && named && sized {
        Ok(())
    } else {
        Err(Malformed::Parts)
    }
}

impl EnvelopeHeader {
    /// The header, if the message is one of format 1.
    fn read(header: &v1::EnvelopeHeader) -> Option<Self> {
        let class = match header.class() {
            v1::EnvelopeClass::Event => Class::Event(CaseLink::read(header)?),
            v1::EnvelopeClass::Key => Class::Key(CaseLink::read(header)?),
            v1::EnvelopeClass::Partnership => {
                let caseless = header.case_id.is_empty()
                    && header.case_seq == 0
                    && header.case_prev.is_empty();
                caseless.then_some(Class::Partnership)?
            }
            v1::EnvelopeClass::Unspecified => return None,
        };
        Some(Self {
            event_id: header.event_id.as_slice().try_into().ok()?,
            class,
            parts: header
                .parts
                .iter()
                .map(PartReference::read)
                .collect::<Option<_>>()?,
        })
    }
}

impl CaseLink {
    fn read(header: &v1::EnvelopeHeader) -> Option<Self> {
        Some(Self {
            case: header.case_id.as_slice().try_into().ok()?,
            seq: Some(header.case_seq).filter(|seq| *seq > 0)?,
            prev: header.case_prev.as_slice().try_into().ok()?,
        })
    }
}

impl PartReference {
    fn read(part: &v1::PartReference) -> Option<Self> {
        Some(Self {
            alias: part.alias,
            key_version: part.key_version,
            suite: match part.suite() {
                v1::PartSuite::Unspecified => return None,
                v1::PartSuite::Clear => Suite::Clear,
                v1::PartSuite::Line => Suite::Line,
                v1::PartSuite::Offer => Suite::Offer,
            },
            length: part.length,
            hash: part.hash.as_slice().try_into().ok()?,
            schema_version: part.schema_version,
        })
    }
}

impl From<&EnvelopeHeader> for v1::EnvelopeHeader {
    fn from(header: &EnvelopeHeader) -> Self {
        let class = match header.class {
            Class::Event(_) => v1::EnvelopeClass::Event,
            Class::Key(_) => v1::EnvelopeClass::Key,
            Class::Partnership => v1::EnvelopeClass::Partnership,
        };
        let link = header.class.link();
        Self {
            event_id: header.event_id.0.to_vec(),
            class: class.into(),
            case_id: link.map(|link| link.case.0.to_vec()).unwrap_or_default(),
            case_seq: link.map(|link| link.seq).unwrap_or_default(),
            case_prev: link.map(|link| link.prev.0.to_vec()).unwrap_or_default(),
            parts: header.parts.iter().map(v1::PartReference::from).collect(),
        }
    }
}

impl From<&PartReference> for v1::PartReference {
    fn from(part: &PartReference) -> Self {
        let suite = match part.suite {
            Suite::Clear => v1::PartSuite::Clear,
            Suite::Line => v1::PartSuite::Line,
            Suite::Offer => v1::PartSuite::Offer,
        };
        Self {
            alias: part.alias,
            key_version: part.key_version,
            suite: suite.into(),
            length: part.length,
            hash: part.hash.0.to_vec(),
            schema_version: part.schema_version,
        }
    }
}
