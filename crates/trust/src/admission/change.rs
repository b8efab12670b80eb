use std::collections::BTreeSet;

use concordat_domain::ids::OrganisationId;
use concordat_proto::v1;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::Admission;
use crate::bundle::{Bundle, RECORD_BYTES_MAX};
use crate::digest::{Hash, KeyId, PartnershipId};
use crate::envelope::Class;
use crate::pae::PayloadType;
use crate::partnership::PartnershipFile;
use crate::signing::{Signature, SigningKey};
use crate::strict;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
            } => v1::partnership_change::Change::CalendarVersion(v1::CalendarVersion {
                name: name.clone(),
                version: *version,
                document: document.as_bytes().to_vec(),
            }),
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
        let mut taken = false;
        let envelopes = (0..)
            .zip(bundle.envelopes())
            .filter(|(_, envelope)| envelope.header().class == Class::Partnership);
        let rulings = envelopes.map(|(envelope, content)| {
            let mut ruling = self.rule_on_change(content.part_zero());
            if ruling.is_ok() && std::mem::replace(&mut taken, true) {
                ruling = Err(ChangeVoid::DoesNotFollow);
            }
            ChangeRuling { envelope, ruling }
        });
        rulings.collect()
    }

    pub(super) fn take_change(&mut self, ruling: &ChangeRuling) {
        match &ruling.ruling {
            Ok(Change::Directory(file)) => self.bring_into_force(file.as_ref().clone()),
            Ok(Change::Generation { size, .. }) => self.ended.push(*size),
            Ok(Change::Calendar { .. }) | Err(_) => {}
        }
    }

    fn rule_on_change(&self, part: &[u8]) -> Result<Change, ChangeVoid> {
        let record: v1::PartnershipRecord = strict(part)?;
        let change: v1::PartnershipChange = strict(&record.change)?;
        if change.partnership != self.partnership.0 {
            return Err(ChangeVoid::OtherPartnership);
        }
        let change = self.follow(change.change.ok_or(ChangeVoid::Unreadable)?)?;
        if self.signers_of(&record) < self.directory().content().change_threshold as usize {
            return Err(ChangeVoid::TooFewSignatures);
        }
        Ok(change)
    }

    fn follow(&self, change: v1::partnership_change::Change) -> Result<Change, ChangeVoid> {
        use v1::partnership_change::Change as Wire;
        match change {
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
            }),
            Wire::GenerationStart(start) => {
                let root =
                    Hash::try_from(start.root.as_slice()).map_err(|_| ChangeVoid::Unreadable)?;
                let here =
                    start.ended == self.generation() && self.tree.root_at(start.size) == Some(root);
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

fn text(document: Vec<u8>) -> Result<String, ChangeVoid> {
    String::from_utf8(document).map_err(|_| ChangeVoid::Unreadable)
}
