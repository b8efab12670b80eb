//! What can go wrong with the shared log, by what the caller does next.

use std::path::PathBuf;

use crate::Offset;

/// Why the log could not be read, or must not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be reached now, or stopped answering. Try again later from the own cursor.
    #[error("log unavailable: {why}")]
    Unavailable {
        /// What was tried and how it failed.
        why: String,
    },
    /// The stream at the broker permits what an evidence log must not. Stop; an operator corrects the stream, or allows
    /// it knowingly.
    #[error("stream {stream} is not safe for evidence: {}", faults.join("; "))]
    UnsafeStream {
        /// Name of the stream at the broker.
        stream: String,
        /// One clause for each setting that is wrong.
        faults: Vec<String>,
    },
    /// A stored record is damaged or missing. Stop; restore the log from a holder's journal.
    #[error("record {} of the log is damaged: {what}", offset.0)]
    Corrupt {
        /// Place of the damaged record.
        offset: Offset,
        /// What is wrong with it.
        what: String,
    },
    /// An embedded log is open elsewhere. Close it there, or share the one that is open.
    #[error("log {} is in use", directory.display())]
    InUse {
        /// Its directory.
        directory: PathBuf,
    },
    /// The disk under an embedded log refused. The log takes no more appends until it is opened anew, because after a
    /// failed sync the kernel may have dropped what it had not written.
    #[error("storage of the log failed")]
    Storage(#[from] sled::Error),
    /// A partnership, organisation or server address cannot be used as given. Correct the configuration.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(String),
}

/// Why an append was not plainly acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The record is longer than the log takes. It was not stored and never will be: make it smaller.
    #[error("record of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge {
        /// Length of the record.
        bytes: usize,
        /// Longest record that is taken.
        bytes_max: usize,
    },
    /// Whether the record is on the log is unknown. One treatment for every cause (wire.md 3): follow to the head, then
    /// look what stands at the own last place, and only then append again.
    #[error("append uncertain: {why}")]
    Uncertain {
        /// What the log answered, for diagnosis. Not a ground to act differently.
        why: Uncertainty,
    },
}

impl From<Uncertainty> for AppendError {
    fn from(why: Uncertainty) -> Self {
        Self::Uncertain { why }
    }
}

/// What stood in the place of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncertainty {
    /// The author's last own offset is another than expected. The own record may be the one that moved it: a retry of a
    /// stored message gets this answer too (research/feasibility.md B2).
    #[error("the last own offset is not the expected one")]
    WrongLastOwn,
    /// The message id was used before, perhaps by someone else: ids are one namespace for the whole stream (B3).
    #[error("the message id was used before")]
    Duplicate,
    /// No answer in time. A refused permission looks like this to a NATS client.
    #[error("no acknowledgement in time")]
    TimedOut,
    /// Nobody answers for the subject: no leader at present, or no stream.
    #[error("no stream answers for the subject")]
    NoResponder,
    /// The connection is down or was lost while waiting.
    #[error("not connected")]
    Disconnected,
    /// Any other answer, in the log's own words.
    #[error("{0}")]
    Other(String),
}
