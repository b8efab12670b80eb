//! What the parts of KEY envelopes say, parsed once from the wire: key versions and grants (in `process`), invitations and offers
//! (in clear). Shapes are checked here; whether a record is effective is ruled where the case is known.

use concordat_domain::ids::{EventId, OrganisationId};
use concordat_proto::v1;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::digest::{Commitment, EventHash, Hash};
use crate::grant::OfferKey;
use crate::lines::{Alias, Line, Scope};
use crate::strict;

/// Most versions one grant may carry: 64 lines with some history; more go into another grant.
pub const GRANTED_VERSIONS_MAX: usize = 512;

/// Longest opened part of a KEY envelope in bytes.
const PART_BYTES_MAX: usize = 128 * 1024;

/// Names one envelope beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventReference {
    /// Its author.
    pub organisation: OrganisationId,
    /// The author's id for it.
    pub event_id: EventId,
    /// Its event hash.
    pub hash: EventHash,
}

/// Part 0 of a KEY envelope sealed in `process`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// How many envelopes of the case its author had applied.
    pub applied_count: u64,
    /// Running hash over those, see [`crate::envelope::applied_hash`].
    pub applied_hash: Hash,
    /// W3C trace context; empty if none.
    pub traceparent: String,
    /// What it says.
    pub entry: KeyEntry,
}

/// What a sealed KEY record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEntry {
    /// A version is made.
    Version(KeyVersion),
    /// Versions are wrapped to someone; the keys are in part 1.
    Grant(Grant),
}

/// A new version of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVersion {
    /// The line.
    pub alias: Alias,
    /// One more than the line's last.
    pub number: u32,
    /// Commits to the key.
    pub commitment: Commitment,
    /// Why it was made.
    pub reason: KeyVersionReason,
    /// What the line is; there with number 1 and only then.
    pub opens: Option<Line>,
    /// The event that made it needed, if one did.
    pub cause: Option<EventReference>,
}

/// Why a version was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyVersionReason {
    /// The line is new.
    LineOpened,
    /// Consent was withdrawn for a holder of the former version.
    ConsentWithdrawn,
    /// A holder of the former version was removed or left.
    ParticipantGone,
    /// The complaint was passed on and accepted.
    PassedOn,
    /// The former version reached someone through a void grant.
    Exposure,
    /// The former version was lost or used for long.
    Renewal,
}

/// Versions wrapped to the offer of one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who receives them.
    pub recipient: OrganisationId,
    /// The offer to whose key they are wrapped.
    pub offer: EventReference,
    /// The event that allows the sharing.
    pub basis: EventReference,
    /// What is granted, in ascending order of (alias, number, commitment).
    pub versions: Vec<GrantedVersion>,
}

/// A version that a grant passes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedVersion {
    /// The line.
    pub alias: Alias,
    /// The version.
    pub number: u32,
    /// Commits to its key.
    pub commitment: Commitment,
    /// The envelope that made the version.
    pub created_by: EventReference,
}

/// Part 0, in clear, of a KEY envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearKeyPart {
    /// An organisation is wanted in the case.
    Invitation(Invitation),
    /// An organisation offers a key for the case.
    Offer(Offer),
}

/// Tells an organisation that it is wanted in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Who is wanted.
    pub organisation: OrganisationId,
    /// The event of the same bundle that adds it.
    pub adding: EventReference,
}

/// A fresh key of one organisation for one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who offers; must be the author of the bundle.
    pub organisation: OrganisationId,
    /// The public key.
    pub public_key: OfferKey,
    /// The invitation it answers.
    pub invitation: EventReference,
}

impl KeyRecord {
    /// Reads an opened part 0.
    ///
    /// # Errors
    /// [`Error::BadContent`]: the envelope is void `unreadable`.
    pub fn decode(content: &[u8]) -> Result<Self, Error> {
        let bad = Error::BadContent("key record");
        let record: v1::KeyRecord =
            strict::decode(content, PART_BYTES_MAX).map_err(|_| bad.clone())?;
        Self::read(record).ok_or(bad)
    }

    /// The bytes to seal.
    pub fn encode(&self) -> Vec<u8> {
        v1::KeyRecord::from(self).encode_to_vec()
    }

    fn read(record: v1::KeyRecord) -> Option<Self> {
        let entry = match record.record? {
            v1::key_record::Record::KeyVersion(version) => {
                KeyEntry::Version(KeyVersion::read(version)?)
            }
            v1::key_record::Record::Grant(grant) => KeyEntry::Grant(Grant::read(grant)?),
        };
        Some(Self {
            applied_count: record.applied_count,
            applied_hash: record.applied_hash.as_slice().try_into().ok()?,
            traceparent: record.traceparent,
            entry,
        })
    }
}

impl ClearKeyPart {
    /// Reads a clear part 0.
    ///
    /// # Errors
    /// [`Error::BadContent`]: the envelope is void `unreadable`.
    pub fn decode(content: &[u8]) -> Result<Self, Error> {
        let bad = Error::BadContent("clear key part");
        let part: v1::ClearKeyPart =
            strict::decode(content, PART_BYTES_MAX).map_err(|_| bad.clone())?;
        Self::read(part).ok_or(bad)
    }

    /// The bytes of the part.
    pub fn encode(&self) -> Vec<u8> {
        v1::ClearKeyPart::from(self).encode_to_vec()
    }

    fn read(part: v1::ClearKeyPart) -> Option<Self> {
        Some(match part.record? {
            v1::clear_key_part::Record::Invitation(invitation) => Self::Invitation(Invitation {
                organisation: invitation.organisation.parse().ok()?,
                adding: EventReference::read(invitation.adding?)?,
            }),
            v1::clear_key_part::Record::Offer(offer) => Self::Offer(Offer {
                organisation: offer.organisation.parse().ok()?,
                public_key: offer.public_key.try_into().ok()?,
                invitation: EventReference::read(offer.invitation?)?,
            }),
        })
    }
}

impl EventReference {
    fn read(reference: v1::EventReference) -> Option<Self> {
        Some(Self {
            organisation: reference.organisation.parse().ok()?,
            event_id: reference.event_id.as_slice().try_into().ok()?,
            hash: reference.hash.as_slice().try_into().ok()?,
        })
    }
}

impl KeyVersion {
    fn read(version: v1::KeyVersion) -> Option<Self> {
        let reason = KeyVersionReason::read(version.reason())?;
        let opens = match (version.number, version.compartment.as_str()) {
            (0, _) | (1, "") => return None,
            (1, compartment) => Some(Line {
                compartment: compartment.parse().ok()?,
                scope: Scope::from(version.scope),
            }),
            (_, "") if version.scope.is_empty() => None,
            (_, _) => return None,
        };
        Some(Self {
            alias: Some(Alias(version.alias)).filter(|alias| alias.0 != 0)?,
            number: version.number,
            commitment: version.commitment.as_slice().try_into().ok()?,
            reason,
            opens,
            cause: version
                .cause
                .map(|cause| EventReference::read(cause).ok_or(()))
                .transpose()
                .ok()?,
        })
    }
}

impl KeyVersionReason {
    fn read(reason: v1::KeyVersionReason) -> Option<Self> {
        match reason {
            v1::KeyVersionReason::Unspecified => None,
            v1::KeyVersionReason::LineOpened => Some(Self::LineOpened),
            v1::KeyVersionReason::ConsentWithdrawn => Some(Self::ConsentWithdrawn),
            v1::KeyVersionReason::ParticipantGone => Some(Self::ParticipantGone),
            v1::KeyVersionReason::PassedOn => Some(Self::PassedOn),
            v1::KeyVersionReason::Exposure => Some(Self::Exposure),
            v1::KeyVersionReason::Renewal => Some(Self::Renewal),
        }
    }
}

impl Grant {
    fn read(grant: v1::Grant) -> Option<Self> {
        if grant.versions.is_empty() || grant.versions.len() > GRANTED_VERSIONS_MAX {
            return None;
        }
        let versions = grant
            .versions
            .into_iter()
            .map(GrantedVersion::read)
            .collect::<Option<Vec<_>>>()?;
        let ascending = versions
            .windows(2)
            .all(|pair| pair[0].name() < pair[1].name());
        ascending.then_some(())?;
        Some(Self {
            recipient: grant.recipient.parse().ok()?,
            offer: EventReference::read(grant.offer?)?,
            basis: EventReference::read(grant.basis?)?,
            versions,
        })
    }
}

impl GrantedVersion {
    /// What tells this version from every other of its case.
    pub fn name(&self) -> (Alias, u32, Commitment) {
        (self.alias, self.number, self.commitment)
    }

    fn read(version: v1::GrantedVersion) -> Option<Self> {
        Some(Self {
            alias: Some(Alias(version.alias)).filter(|alias| alias.0 != 0)?,
            number: Some(version.number).filter(|number| *number != 0)?,
            commitment: version.commitment.as_slice().try_into().ok()?,
            created_by: EventReference::read(version.created_by?)?,
        })
    }
}

impl From<&EventReference> for v1::EventReference {
    fn from(reference: &EventReference) -> Self {
        Self {
            organisation: reference.organisation.to_string(),
            event_id: reference.event_id.0.to_vec(),
            hash: reference.hash.0.to_vec(),
        }
    }
}

impl From<&KeyRecord> for v1::KeyRecord {
    fn from(record: &KeyRecord) -> Self {
        let entry = match &record.entry {
            KeyEntry::Version(version) => v1::key_record::Record::KeyVersion(version.into()),
            KeyEntry::Grant(grant) => v1::key_record::Record::Grant(grant.into()),
        };
        Self {
            applied_count: record.applied_count,
            applied_hash: record.applied_hash.0.to_vec(),
            traceparent: record.traceparent.clone(),
            record: Some(entry),
        }
    }
}

impl From<&KeyVersion> for v1::KeyVersion {
    fn from(version: &KeyVersion) -> Self {
        let opens = version.opens.as_ref();
        Self {
            alias: version.alias.0,
            number: version.number,
            commitment: version.commitment.0.to_vec(),
            reason: v1::KeyVersionReason::from(version.reason).into(),
            compartment: opens
                .map(|line| line.compartment.to_string())
                .unwrap_or_default(),
            scope: opens
                .map(|line| line.scope.clone().into())
                .unwrap_or_default(),
            cause: version.cause.as_ref().map(Into::into),
        }
    }
}

impl From<KeyVersionReason> for v1::KeyVersionReason {
    fn from(reason: KeyVersionReason) -> Self {
        match reason {
            KeyVersionReason::LineOpened => Self::LineOpened,
            KeyVersionReason::ConsentWithdrawn => Self::ConsentWithdrawn,
            KeyVersionReason::ParticipantGone => Self::ParticipantGone,
            KeyVersionReason::PassedOn => Self::PassedOn,
            KeyVersionReason::Exposure => Self::Exposure,
            KeyVersionReason::Renewal => Self::Renewal,
        }
    }
}

impl From<&Grant> for v1::Grant {
    fn from(grant: &Grant) -> Self {
        let versions = grant.versions.iter().map(|version| v1::GrantedVersion {
            alias: version.alias.0,
            number: version.number,
            commitment: version.commitment.0.to_vec(),
            created_by: Some((&version.created_by).into()),
        });
        Self {
            recipient: grant.recipient.to_string(),
            offer: Some((&grant.offer).into()),
            basis: Some((&grant.basis).into()),
            versions: versions.collect(),
        }
    }
}

impl From<&ClearKeyPart> for v1::ClearKeyPart {
    fn from(part: &ClearKeyPart) -> Self {
        let record = match part {
            ClearKeyPart::Invitation(invitation) => {
                v1::clear_key_part::Record::Invitation(v1::Invitation {
                    organisation: invitation.organisation.to_string(),
                    adding: Some((&invitation.adding).into()),
                })
            }
            ClearKeyPart::Offer(offer) => v1::clear_key_part::Record::Offer(v1::Offer {
                organisation: offer.organisation.to_string(),
                public_key: offer.public_key.as_bytes().to_vec(),
                invitation: Some((&offer.invitation).into()),
            }),
        };
        Self {
            record: Some(record),
        }
    }
}

#[cfg(test)]
mod tests;
