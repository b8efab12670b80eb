use std::collections::{BTreeMap, BTreeSet};

use concordat_codec::event::to_directory;
use concordat_domain::calendar::{Holiday, HolidayList};
use concordat_domain::directory::{
    self, CalendarVersion, DirectoryEvent, Standing, judge_directory,
};
use concordat_domain::events::{Scope, row};
use concordat_domain::ids::{EventId, OrganisationId, Position};
use concordat_proto::v1;
use jiff::Timestamp;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::Admission;
use crate::bundle::{Bundle, RECORD_BYTES_MAX};
use crate::digest::{Hash, KeyId, PartnershipId};
use crate::envelope::{Class, Envelope};
use crate::merkle::verify_consistency;
use crate::pae::PayloadType;
use crate::partnership::PartnershipFile;
use crate::signing::{PublicKey, Signature, SigningKey};
use crate::strict;

/// Head of an excerpt, its size first, and the proof that the end of a generation is a prefix of it.
pub(super) type Proven<'a> = (u64, Hash, &'a [Hash]);

/// A change of the partnership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The directory version that follows the one in force.
    Directory(Box<PartnershipFile>),
    /// A version of a calendar; what it says is read by judging.
    Calendar {
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
        /// Canonical JSON.
        document: String,
        /// The claimed time of its bundle. Nobody signs it; it is the author's word.
        at: Timestamp,
    },
    /// An event of the directory.
    Event {
        /// As it was judged.
        event: Box<DirectoryEvent>,
        /// The `Event` as its author encoded it.
        #[serde(with = "hex::serde")]
        bytes: Vec<u8>,
    },
    /// A new generation of the log.
    Generation {
        /// Number of the generation that ends.
        ended: u64,
        /// How many of its bundles remain.
        size: u64,
        /// Tree head over those.
        root: Hash,
    },
}

/// What became of one PARTNERSHIP envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRuling {
    /// Index of the envelope in its bundle.
    pub envelope: u32,
    /// The change that is in force from the next bundle on, or why there is none.
    pub ruling: Result<Change, ChangeVoid>,
}

/// Why a change of the partnership has no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeVoid {
    /// It does not decode strictly, or its document is not in canonical form.
    #[error("change is not well-formed")]
    Unreadable,
    /// It belongs to another partnership.
    #[error("change of another partnership")]
    OtherPartnership,
    /// Fewer organisations signed than the directory version in force asks for.
    #[error("too few organisations signed the change")]
    TooFewSignatures,
    /// It does not follow what is in force: another version came first, or the tree head is not this log's.
    #[error("change does not follow what is in force")]
    DoesNotFollow,
    /// A rule says no to the event. The code is one of the closed list of reasons.
    #[error("{0}")]
    Refused(String),
}

impl ChangeVoid {
    /// The reason as receipts and reports give it.
    pub fn code(&self) -> String {
        match self {
            Self::Unreadable => "unreadable".to_owned(),
            Self::OtherPartnership => "other-partnership".to_owned(),
            Self::TooFewSignatures => "too-few-signatures".to_owned(),
            Self::DoesNotFollow => "does-not-follow".to_owned(),
            Self::Refused(code) => code.clone(),
        }
    }
}

/// A change on its way round the organisations that have to sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedChange {
    bytes: Vec<u8>,
}

impl UnsignedChange {
    /// What all of them sign. `previous` is the hash of the directory version in force and `version` the number of the next; both
    /// are read for a directory only.
    pub fn new(
        partnership: &PartnershipId,
        change: &Change,
        version: u64,
        previous: &Hash,
    ) -> Self {
        let change = match change {
            Change::Directory(file) => {
                v1::partnership_change::Change::DirectoryVersion(v1::DirectoryVersion {
                    version,
                    previous: previous.0.to_vec(),
                    document: file.canonical().as_bytes().to_vec(),
                })
            }
            Change::Calendar {
                name,
                version,
                document,
                at: _,
            } => v1::partnership_change::Change::CalendarVersion(v1::CalendarVersion {
                name: name.clone(),
                version: *version,
                document: document.as_bytes().to_vec(),
            }),
            Change::Event { event, bytes } => wire_event(event.id, bytes.clone()),
            Change::Generation { ended, size, root } => {
                v1::partnership_change::Change::GenerationStart(v1::GenerationStart {
                    ended: *ended,
                    size: *size,
                    root: root.0.to_vec(),
                })
            }
        };
        let change = v1::PartnershipChange {
            partnership: partnership.0.to_vec(),
            change: Some(change),
        };
        Self {
            bytes: change.encode_to_vec(),
        }
    }

    /// An event of the directory: what all of them sign, if it is the partnership's, and what one organisation puts on the log unsigned,
    /// if it is its own.
    pub fn of_event(partnership: &PartnershipId, id: EventId, event: &v1::Event) -> Self {
        let change = v1::PartnershipChange {
            partnership: partnership.0.to_vec(),
            change: Some(wire_event(id, event.encode_to_vec())),
        };
        Self {
            bytes: change.encode_to_vec(),
        }
    }

    /// A change that was written down before, such as by another organisation.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The partnership whose change it is; none if it is no change.
    pub fn partnership(&self) -> Option<PartnershipId> {
        let change: v1::PartnershipChange = strict(&self.bytes).ok()?;
        PartnershipId::try_from(change.partnership.as_slice()).ok()
    }

    /// The event that it carries, if it carries one. Nothing is judged.
    pub fn event(&self) -> Option<(EventId, v1::Event)> {
        let change: v1::PartnershipChange = strict(&self.bytes).ok()?;
        let Some(v1::partnership_change::Change::DirectoryEvent(carried)) = change.change else {
            return None;
        };
        let id = EventId::try_from(carried.event_id.as_slice()).ok()?;
        Some((id, strict(&carried.event).ok()?))
    }

    /// Whether this is a signature of it.
    pub fn is_signed_by(&self, key: &PublicKey, signature: &Signature) -> bool {
        key.verify(PayloadType::PartnershipChange, &self.bytes, signature)
            .is_ok()
    }

    /// The bytes that are signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One organisation's signature.
    pub fn sign(&self, key: &SigningKey) -> (KeyId, Signature) {
        (
            key.public_key().key_id(),
            key.sign(PayloadType::PartnershipChange, &self.bytes),
        )
    }

    /// The clear part 0 of the envelope that carries the change.
    pub fn with_signatures(
        self,
        signatures: impl IntoIterator<Item = (OrganisationId, (KeyId, Signature))>,
    ) -> Vec<u8> {
        let mut signatures: Vec<_> = signatures.into_iter().collect();
        signatures.sort();
        let signatures = signatures
            .into_iter()
            .map(|(organisation, (key_id, signature))| v1::ChangeSignature {
                organisation: organisation.to_string(),
                key_id: key_id.0.to_vec(),
                signature: signature.to_vec(),
            });
        v1::PartnershipRecord {
            change: self.bytes,
            signatures: signatures.collect(),
        }
        .encode_to_vec()
    }
}

impl Admission {
    /// Rules on the PARTNERSHIP envelopes of a bundle; each is judged on what was in force before the bundle, and at most the first
    /// effective one counts, so that two changes never build on each other unseen.
    pub(super) fn rule_on_changes(&self, bundle: &Bundle) -> Vec<ChangeRuling> {
        let envelopes = (0..)
            .zip(bundle.envelopes())
            .filter(|(_, envelope)| envelope.header().class == Class::Partnership);
        let of = (bundle.organisation(), bundle.header().place.claimed_time);
        self.rule_on_envelopes(envelopes, of, None)
    }

    /// The same for the envelopes of a bundle that are at hand; in an excerpt, a head is this log's if it is proven under the
    /// excerpt's.
    pub(super) fn rule_on_envelopes<'a>(
        &self,
        envelopes: impl Iterator<Item = (u32, &'a Envelope)>,
        place: (&OrganisationId, Timestamp),
        proven: Option<Proven<'_>>,
    ) -> Vec<ChangeRuling> {
        let mut taken = false;
        let rulings = envelopes.map(|(envelope, content)| {
            let id = content.header().event_id;
            let mut ruling = self.rule_under(content.part_zero(), id, place, proven);
            if ruling.is_ok() && std::mem::replace(&mut taken, true) {
                ruling = Err(ChangeVoid::DoesNotFollow);
            }
            ChangeRuling { envelope, ruling }
        });
        rulings.collect()
    }

    pub(super) fn take_change(&mut self, bundle: u64, ruling: &ChangeRuling) {
        let envelope = ruling.envelope;
        match &ruling.ruling {
            Ok(Change::Directory(file)) => {
                let document = Box::new(file.directory().clone());
                self.enact(bundle, envelope, directory::Change::Document(document));
                self.bring_into_force(file.as_ref().clone());
            }
            Ok(Change::Generation { size, .. }) => self.ended.push(*size),
            Ok(Change::Event { event, .. }) => {
                self.enact(bundle, envelope, directory::Change::Event(event.clone()));
            }
            Ok(Change::Calendar {
                name,
                version,
                document,
                at,
            }) => {
                if let Some(list) = holidays(document) {
                    let version = CalendarVersion {
                        calendar: name.clone(),
                        version: version.to_string(),
                        list,
                        position: Position { bundle, envelope },
                        at: *at,
                    };
                    self.enact(bundle, envelope, directory::Change::Calendar(version));
                }
            }
            Err(_) => {}
        }
    }

    /// What a PARTNERSHIP envelope with this part and id would come to in the next bundle of an organisation, signed at that time.
    ///
    /// # Errors
    /// [`ChangeVoid`]: why it would have no effect.
    pub fn rule_on_part(
        &self,
        part: &[u8],
        id: EventId,
        place: (&OrganisationId, Timestamp),
    ) -> Result<Change, ChangeVoid> {
        self.rule_under(part, id, place, None)
    }

    fn rule_under(
        &self,
        part: &[u8],
        id: EventId,
        (author, claimed): (&OrganisationId, Timestamp),
        proven: Option<Proven<'_>>,
    ) -> Result<Change, ChangeVoid> {
        let record: v1::PartnershipRecord = strict(part)?;
        let change: v1::PartnershipChange = strict(&record.change)?;
        if change.partnership != self.partnership.0 {
            return Err(ChangeVoid::OtherPartnership);
        }
        let change = self.follow(
            change.change.ok_or(ChangeVoid::Unreadable)?,
            (id, author, claimed),
            proven,
        )?;
        let is_own =
            matches!(&change, Change::Event { event, .. } if event.standing == Standing::Own);
        if is_own && !record.signatures.is_empty() {
            return Err(ChangeVoid::Unreadable);
        }
        let threshold = self.directory().content().change_threshold as usize;
        if !is_own && self.signers_of(&record) < threshold {
            return Err(ChangeVoid::TooFewSignatures);
        }
        if let Change::Event { event, .. } = &change {
            judge_directory(self.history.latest(), event)
                .map_err(|refusal| ChangeVoid::Refused(refusal.code()))?;
        }
        Ok(change)
    }

    fn follow(
        &self,
        change: v1::partnership_change::Change,
        (id, author, claimed): (EventId, &OrganisationId, Timestamp),
        proven: Option<Proven<'_>>,
    ) -> Result<Change, ChangeVoid> {
        use v1::partnership_change::Change as Wire;
        match change {
            Wire::DirectoryEvent(next) => {
                let event: v1::Event = strict(&next.event)?;
                let facts = (id, author.clone(), claimed);
                let event = to_directory(&event, facts).map_err(|_| ChangeVoid::Unreadable)?;
                let is_of_the_directory = row(event.event_type).scope == Scope::Directory;
                if next.event_id == id.0 && is_of_the_directory {
                    Ok(Change::Event {
                        event: Box::new(event),
                        bytes: next.event,
                    })
                } else {
                    Err(ChangeVoid::Unreadable)
                }
            }
            Wire::DirectoryVersion(next) => {
                let document = text(next.document)?;
                let file = PartnershipFile::from_canonical(&document)
                    .map_err(|_| ChangeVoid::Unreadable)?;
                let follows = next.version == self.directory_version() + 1
                    && next.previous == self.directory().hash().0;
                if follows {
                    Ok(Change::Directory(Box::new(file)))
                } else {
                    Err(ChangeVoid::DoesNotFollow)
                }
            }
            Wire::CalendarVersion(next) => Ok(Change::Calendar {
                name: next.name,
                version: next.version,
                document: text(next.document)?,
                at: claimed,
            }),
            Wire::GenerationStart(start) => {
                let root =
                    Hash::try_from(start.root.as_slice()).map_err(|_| ChangeVoid::Unreadable)?;
                let is_head = match proven {
                    None => self.tree.root_at(start.size) == Some(root),
                    Some((size, head, path)) => {
                        verify_consistency(start.size, size, path, &root, &head)
                    }
                };
                let here = start.ended == self.generation() && is_head;
                let after_the_last = self.ended.last().is_none_or(|ended| start.size >= *ended);
                if here && after_the_last {
                    Ok(Change::Generation {
                        ended: start.ended,
                        size: start.size,
                        root,
                    })
                } else {
                    Err(ChangeVoid::DoesNotFollow)
                }
            }
        }
    }

    /// How many organisations of the directory in force signed, each with a key that no revocation names.
    fn signers_of(&self, record: &v1::PartnershipRecord) -> usize {
        let signed = record.signatures.iter().filter_map(|signature| {
            let organisation: OrganisationId = signature.organisation.parse().ok()?;
            let key_id = KeyId::try_from(signature.key_id.as_slice()).ok()?;
            let key = self.directory().signing_key(&organisation, &key_id)?;
            let revoked = self.is_cut(&organisation, &key_id, u64::MAX);
            let bytes = Signature::try_from(signature.signature.as_slice()).ok()?;
            let valid = key
                .verify(PayloadType::PartnershipChange, &record.change, &bytes)
                .is_ok();
            (valid && !revoked).then_some(organisation)
        });
        signed.collect::<BTreeSet<_>>().len()
    }
}

fn strict<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, ChangeVoid> {
    strict::decode(bytes, RECORD_BYTES_MAX).map_err(|_| ChangeVoid::Unreadable)
}

fn wire_event(id: EventId, event: Vec<u8>) -> v1::partnership_change::Change {
    v1::partnership_change::Change::DirectoryEvent(v1::DirectoryEvent {
        event_id: id.0.to_vec(),
        event,
    })
}

/// The event that the part of a PARTNERSHIP envelope carries, if it carries one. Nothing is judged.
pub fn event_in(part: &[u8]) -> Option<(EventId, v1::Event)> {
    let record: v1::PartnershipRecord = strict(part).ok()?;
    UnsignedChange::from_bytes(record.change).event()
}

/// How many bundles remain of the generation that the part of a PARTNERSHIP envelope ends, if it ends one. Nothing is judged.
pub fn ended_size_in(part: &[u8]) -> Option<u64> {
    let record: v1::PartnershipRecord = strict(part).ok()?;
    let change: v1::PartnershipChange = strict(&record.change).ok()?;
    match change.change? {
        v1::partnership_change::Change::GenerationStart(start) => Some(start.size),
        _ => None,
    }
}

/// The days of a calendar document. One that does not say them so is a version all the same, and moves no date.
fn holidays(document: &str) -> Option<HolidayList> {
    #[derive(Deserialize)]
    struct Document {
        holidays: Vec<Holiday>,
    }
    let document: Document = serde_json::from_str(document).ok()?;
    let days = document
        .holidays
        .into_iter()
        .map(|holiday| (holiday.date, holiday.title));
    Some(days.collect::<BTreeMap<_, _>>().into())
}

fn text(document: Vec<u8>) -> Result<String, ChangeVoid> {
    String::from_utf8(document).map_err(|_| ChangeVoid::Unreadable)
}
