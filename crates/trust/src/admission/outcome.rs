use concordat_domain::ids::{CaseId, OrganisationId};
use serde::{Deserialize, Serialize};

use super::change::ChangeRuling;
use crate::bundle::{Bundle, Malformed, Seen};
use crate::digest::{BundleHash, EventHash};

/// What a record is to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It counts: journal it at its index.
    Admitted(Box<Admitted>),
    /// It is a later copy of what counts already. Parts that it carries and the journal lacks may be taken from it, see
    /// [`Bundle::take_parts`].
    AlreadyAdmitted {
        /// Index of the bundle.
        index: u64,
        /// The copy; only parts that match are in it.
        bundle: Bundle,
    },
    /// Its author signed two bundles for one place. The one admitted first stands; this one is the evidence. Raise it.
    Fork(Fork),
    /// It does not count. Keep it in the quarantine with the reason; it may count when it appears again.
    Refused(Refusal),
    /// It may count, but this code cannot read it. Stop following and say that the node has to be upgraded.
    UnknownFormat {
        /// The format it is in.
        format: u32,
    },
}

/// A record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What it changes.
    pub delta: Delta,
    /// The bundle; only parts that match are in it. [`Bundle::to_record`] gives what to journal.
    pub bundle: Bundle,
}

impl Admitted {
    /// Index of the bundle on the log.
    pub fn index(&self) -> u64 {
        self.delta.index
    }

    /// Whether what the author claims to have seen is a prefix of this log. If not, all its envelopes are void `split-view`, and
    /// the node raises it.
    pub fn seen_holds(&self) -> bool {
        self.delta.seen_holds
    }
}

/// What one admitted bundle changes. Small: it may be stored for each bundle, beside the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Index of the bundle on the log, from 0.
    pub index: u64,
    /// Its author.
    pub organisation: OrganisationId,
    /// Its number among its author's.
    pub seq: u64,
    /// Its hash.
    pub hash: BundleHash,
    /// The directory version it relies on.
    pub directory_version: u64,
    /// What its author had applied and synced.
    pub seen: Seen,
    /// Whether that is a prefix of this log.
    pub seen_holds: bool,
    /// The author's last envelope in each case that the bundle touches.
    pub cases: Vec<(CaseId, CaseHead)>,
    /// Rulings on its PARTNERSHIP envelopes.
    pub changes: Vec<ChangeRuling>,
}

/// An organisation's last bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: BundleHash,
    /// The directory version it relies on.
    pub directory_version: u64,
}

/// An organisation's last envelope in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseHead {
    /// Its number in the case.
    pub seq: u64,
    /// Its event hash.
    pub hash: EventHash,
}

/// Evidence that an organisation signed two bundles for one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Index of the bundle that was admitted at that place.
    pub index: u64,
    /// The other one, with its valid signature.
    pub rival: Bundle,
}

/// Why a record does not count. In the order in which the reasons are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The directory version that the bundle names, or for an unreadable bundle the one in force, does not permit its format.
    #[error("format is not permitted")]
    FormatNotPermitted,
    /// Not a well-formed bundle.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It belongs to another partnership.
    #[error("bundle of another partnership")]
    OtherPartnership,
    /// It names a directory version that is not in force yet, or an older one than its author's bundle before.
    #[error("directory version is not in force or goes back")]
    DirectoryVersion,
    /// The directory version that it names does not list this key for this organisation.
    #[error("key is not the organisation's")]
    KeyNotPermitted,
    /// A revocation says that this key no longer counts. The author signs again with its new key.
    #[error("key is revoked")]
    KeyRevoked,
    /// The signature does not verify.
    #[error("signature does not verify")]
    Signature,
    /// It is not the author's next bundle; one before it has not been admitted.
    #[error("not the author's next bundle, which is {next}")]
    Seq {
        /// The number that would be admitted.
        next: u64,
    },
    /// It does not follow the author's last admitted bundle.
    #[error("does not follow the author's last admitted bundle")]
    Prev,
    /// An envelope does not follow its author's last envelope in the case.
    #[error("envelope {envelope} does not follow its author's last in the case")]
    CaseChain {
        /// Index of the envelope.
        envelope: u32,
    },
}

impl Refusal {
    /// The reason as it stands in the quarantine, in metrics and in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FormatNotPermitted => "format-not-permitted",
            Self::Malformed(_) => "malformed",
            Self::OtherPartnership => "other-partnership",
            Self::DirectoryVersion => "directory-version",
            Self::KeyNotPermitted => "key-not-permitted",
            Self::KeyRevoked => "key-revoked",
            Self::Signature => "bad-signature",
            Self::Seq { .. } => "not-next",
            Self::Prev => "other-predecessor",
            Self::CaseChain { .. } => "case-chain",
        }
    }
}
