use crate::bundle::Malformed;
use crate::partnership::BadFile;
use crate::signing::Invalid;

/// Why something of this crate could not be done. None of these carries content of a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More envelopes or bytes than one bundle may have. Put fewer in, see [`crate::bundle::Room`].
    #[error("does not fit in one bundle")]
    TooLarge,
    /// Bytes are not a well-formed bundle. They count for nothing; ask another holder for a good copy.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A key or signature does not count.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The partnership file cannot be used; correct it.
    #[error(transparent)]
    BadFile(#[from] BadFile),
    /// A sealed part does not open: another key, another place, or changed bytes. By a holder of the effective version this is
    /// ruled `unreadable`.
    #[error("part does not open under this key at this place")]
    DoesNotOpen,
    /// What a part says when opened is not a message of the kind that belongs there. Ruled `unreadable`.
    #[error("opened part is not well-formed: {0}")]
    BadContent(&'static str),
    /// A key is not the one that its version commits to. The grant that carried it is to be shown to all parties.
    #[error("key of line {alias} version {number} is not the one committed to")]
    CommitmentMismatch {
        /// The line.
        alias: u32,
        /// The version.
        number: u32,
    },
    /// The public key of an offer is not a valid X-Wing key. Nothing can be granted to it; the organisation has to offer again.
    #[error("offered public key is not valid")]
    BadOffer,
}
