//! The manifest of a pack: what is in it, of which log, who exported it when and why. It is signed.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::{Hash, KeyId, PartnershipId};
use concordat_trust::hash::sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Number of the format of packs that this crate writes and reads.
pub const FORMAT: u32 = 1;

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the signature over it.
pub const SIGNATURE: &str = "manifest.sig.json";
/// Name of the partnership file in canonical form.
pub const PARTNERSHIP: &str = "partnership.json";
/// Name of the calendars.
pub const CALENDARS: &str = "calendars.json";
/// Folder of the policy packs.
pub const POLICY_PACKS: &str = "policy-packs/";
/// Folder of the bundles.
pub const BUNDLES: &str = "bundles/";
/// Folder of the claims.
pub const CLAIMS: &str = "claims/";
/// Folder of the keys.
pub const KEYS: &str = "keys/";
/// Folder of the events as CloudEvents.
pub const EVENTS: &str = "events/";
/// Folder of the timelines for people.
pub const TIMELINES: &str = "timelines/";
/// Name of the access records.
pub const ACCESS: &str = "access.ndjson";
/// Name of the text for people who open the file.
pub const README: &str = "README.txt";

/// Longest manifest that is read, in bytes: about a hundred thousand members.
pub const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a pack is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Scope {
    /// One case: all its envelopes, with paths.
    Case {
        /// The case.
        case: CaseId,
    },
    /// One organisation: every bundle that it signed, and the cases in which it takes part as far as the exporting organisation reads
    /// them, with paths.
    Organisation {
        /// The organisation.
        organisation: OrganisationId,
    },
    /// The whole log.
    Partnership,
}

impl Scope {
    /// Whether every bundle of the log is in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Partnership)
    }
}

/// The head of the log to which a pack reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Number of the generation of the log.
    pub generation: u64,
    /// Number of admitted bundles.
    pub size: u64,
    /// Tree head over their bundle hashes.
    pub root: Hash,
}

/// Who exported a pack, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The organisation whose node wrote it.
    pub by: OrganisationId,
    /// Its clock then; states and deadlines in the claims are those of this instant.
    pub at: Timestamp,
    /// What whoever asked for it gave as the purpose.
    pub purpose: String,
    /// Name and version of the program.
    pub software: String,
}

/// How much is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Bundles, whole or in part.
    pub bundles: u64,
    /// Envelopes whose header and parts are here.
    pub envelopes: u64,
    /// Cases with claims.
    pub cases: u64,
}

/// One file of the ZIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its length in bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256 of its bytes, uncompressed.
    pub sha256: Hash,
}

/// What the exporting organisation signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Number of the format of packs: 1.
    pub format: u32,
    /// The partnership id.
    pub partnership: PartnershipId,
    /// What it is about.
    pub scope: Scope,
    /// Up to where.
    pub range: Range,
    /// By whom, when and why.
    pub exported: Exported,
    /// The compartments whose keys are in it.
    pub compartments: BTreeSet<Compartment>,
    /// How much is in it.
    pub counts: Counts,
    /// Every other member but the signature, in the order of the file.
    pub members: Vec<Member>,
}

impl Manifest {
    /// What is signed, as it stands in the pack.
    ///
    /// # Errors
    /// None in practice: everything in it can be said in JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The id of a pack: SHA-256 of its manifest.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> Hash {
        sha256(bytes)
    }
}

/// The signature over the manifest: Ed25519 over PAE of its bytes with type
/// `application/vnd.concordat.audit-pack-manifest.v1+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSignature {
    /// Who signed.
    pub organisation: OrganisationId,
    /// With which key.
    pub key_id: KeyId,
    /// 64 bytes in hexadecimal.
    pub signature: String,
}
