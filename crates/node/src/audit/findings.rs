//! What a verification finds: stable codes, each with a sentence.

use concordat_domain::ids::{CaseId, OrganisationId, Position};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingCode {
    /// The journal has no sound record at this place.
    RecordUnreadable,
    /// The record would not be admitted: the reason, as admission has it.
    NotAdmitted(&'static str),
    /// Its author signed another bundle for the same place.
    Fork,
    /// The same bundle stands in the journal twice.
    Repeated,
    /// A format that this release does not know.
    UnknownFormat,
    /// What its author had seen is not this log.
    SplitView,
    /// What is kept of the bundle beside the journal is not what comes of it.
    DeltaDiffers,
    /// Nothing is kept of the bundle beside the journal.
    DeltaMissing,
    /// The tree that this node signs for is not that of its journal.
    RootDiffers,
    /// The ruling that is kept is not the one that comes of the journal.
    RulingDiffers,
    /// No ruling is kept of an event.
    RulingMissing,
    /// The case as this node shows it is not what comes of the journal.
    DigestDiffers,
    /// The case cannot be judged further for now.
    CaseParked,
    /// Content of an event is not here, and was not erased.
    PartMissing,
}

impl FindingCode {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RecordUnreadable => "record-unreadable",
            Self::NotAdmitted(reason) => reason,
            Self::Fork => "fork",
            Self::Repeated => "repeated-bundle",
            Self::UnknownFormat => "unknown-format",
            Self::SplitView => "split-view",
            Self::DeltaDiffers => "delta-differs",
            Self::DeltaMissing => "delta-missing",
            Self::RootDiffers => "root-differs",
            Self::RulingDiffers => "ruling-differs",
            Self::RulingMissing => "ruling-missing",
            Self::DigestDiffers => "digest-differs",
            Self::CaseParked => "case-parked",
            Self::PartMissing => "part-missing",
        }
    }

    /// What it means.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::RecordUnreadable => "The journal has no sound record at this place.",
            Self::NotAdmitted("bad-signature") => {
                "The signature of the bundle does not verify under its author's key."
            }
            Self::NotAdmitted("malformed") => {
                "The record is no well-formed bundle: a hash, a length or an encoding is not what it must be."
            }
            Self::NotAdmitted("not-next" | "other-predecessor" | "case-chain") => {
                "The bundle does not follow the one before it in its author's chain: one was changed, left out or put in."
            }
            Self::NotAdmitted("key-not-permitted" | "key-revoked") => {
                "The bundle is signed with a key that is not its author's here."
            }
            Self::NotAdmitted(_) => "The record is none that counts on this log.",
            Self::Fork => "Its author signed two bundles for one place.",
            Self::Repeated => "The same bundle stands in the journal twice.",
            Self::UnknownFormat => {
                "The record is in a format that this release does not know; upgrade and verify again."
            }
            Self::SplitView => {
                "What its author had seen is not this log, so none of its envelopes counts. Ask the author which log it reads."
            }
            Self::DeltaDiffers => {
                "What the node keeps of this bundle beside the journal is not what comes of the journal."
            }
            Self::DeltaMissing => "The node keeps nothing of this bundle beside the journal.",
            Self::RootDiffers => {
                "The tree that the node signs for is not the tree over its journal."
            }
            Self::RulingDiffers => {
                "The verdict that the node shows for this event is not the one that comes of the journal."
            }
            Self::RulingMissing => "The node shows no verdict for this event.",
            Self::DigestDiffers => {
                "The case as the node shows it is not the case that comes of the journal."
            }
            Self::CaseParked => {
                "The node cannot judge this case further for now: a key or a version of the rules is missing."
            }
            Self::PartMissing => {
                "Content of this event is not here, though it was not erased. Verdicts do not depend on it."
            }
        }
    }

    /// Whether the log, or what the node keeps of it, is not as it must be.
    #[must_use]
    pub fn is_error(self) -> bool {
        !matches!(self, Self::SplitView | Self::CaseParked | Self::PartMissing)
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub code: FindingCode,
    /// Where it stands, if at one place.
    pub position: Option<Position>,
    /// Whose bundle it is about.
    pub organisation: Option<OrganisationId>,
    /// The case that it is about.
    pub case: Option<CaseId>,
}

impl Finding {
    pub(crate) fn new(code: FindingCode) -> Self {
        Self {
            code,
            position: None,
            organisation: None,
            case: None,
        }
    }

    pub(crate) fn at(code: FindingCode, position: Position, organisation: &OrganisationId) -> Self {
        Self {
            organisation: Some(organisation.clone()),
            ..Self::new(code).standing_at(position)
        }
    }

    pub(crate) fn standing_at(self, position: Position) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    pub(crate) fn of_case(self, case: CaseId) -> Self {
        Self {
            case: Some(case),
            ..self
        }
    }
}
