//! What can come of an envelope.

use concordat_domain::Reason;
use serde::{Deserialize, Serialize};

/// The ruling on an envelope, or why this node has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Effective,
    /// It does not count, on any party's node.
    Void(VoidReason),
    /// This node cannot judge it for now. The case stands still here; the log goes on.
    Parked(Park),
    /// This node holds no key of the case: to it there is nothing to judge.
    Unseen,
}

/// Why an envelope does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoidReason {
    /// What its author had seen is not this log. Says nothing about the event: its author drafts it again.
    SplitView,
    /// Sealed under no version that is effective at its position, or not decodable by its holders. Drafted again.
    Unreadable,
    /// Sealed under a version that its author knew to be superseded. Drafted again.
    SupersededKey,
    /// A rule of the domain says no.
    Refused(Reason),
    /// A rule about keys says no.
    Key(KeyFault),
}

/// Why a KEY envelope does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyFault {
    /// Another version with this number, or another line with this alias, came first; or a number was left out.
    VersionOutOfOrder,
    /// The author may not hold the line, so it may not make a version of it.
    LineNotPermitted,
    /// The grant names a version that its author does not hold, or that is none.
    VersionNotHeld,
    /// No effective event of the case allows this organisation this line at this position.
    NoBasis,
    /// The grant is not wrapped to the recipient's latest offer.
    NoOffer,
    /// The invitation names no event of its own bundle that adds the organisation.
    NothingAdds,
}

impl VoidReason {
    /// The stable code, as rulings and errors carry it.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::SplitView => "split-view".to_owned(),
            Self::Unreadable => "unreadable".to_owned(),
            Self::SupersededKey => "superseded-key".to_owned(),
            Self::Refused(reason) => reason.code(),
            Self::Key(fault) => fault.code().to_owned(),
        }
    }

    /// Whether the ruling says nothing about the event itself, so that its author drafts it again under the same id.
    #[must_use]
    pub fn is_drafted_again(&self) -> bool {
        matches!(
            self,
            Self::SplitView | Self::Unreadable | Self::SupersededKey
        )
    }
}

impl KeyFault {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::VersionOutOfOrder => "key-version-out-of-order",
            Self::LineNotPermitted => "key-line-not-permitted",
            Self::VersionNotHeld => "key-version-not-held",
            Self::NoBasis => "grant-without-basis",
            Self::NoOffer => "grant-without-offer",
            Self::NothingAdds => "invitation-without-event",
        }
    }
}

/// What a node lacks to judge the next envelope of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Park {
    /// The key of an effective version of `process` that this node was not granted.
    KeyMissing,
    /// An event type that this release does not know: upgrade.
    UnknownEventType,
    /// The judging rules, policy packs or time-zone release that the case pins: load them, or upgrade.
    RulesMissing,
}

impl Park {
    /// The stable code, as it is stored.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing => "key-missing",
            Self::UnknownEventType => "unknown-event-type",
            Self::RulesMissing => "rules-missing",
        }
    }

    /// What a person is told.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::KeyMissing => {
                "a key of the case was not granted to this organisation yet; its keeper grants it"
            }
            Self::UnknownEventType => {
                "the case has an event that this release does not know; upgrade the node"
            }
            Self::RulesMissing => {
                "the case pins rules that this node does not have; load the pack named, or upgrade"
            }
        }
    }
}
