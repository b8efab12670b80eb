//! The shared log as the node sees it: opaque records in one order, seen by every organisation of a partnership.
//!
//! The log is a courier, not the record (design, decision 2): it carries signed bundles and promises order and
//! durability, but what counts is decided from the bytes alone, by every node alike. Hence nothing here looks inside a
//! record, and nothing here knows about cases, events or signatures.
//!
//! Two adapters keep one contract ([`SharedLog`]), held to it by one suite of tests (`contract`):
//!
//! - [`embedded`]: several organisations inside one process, on sled: trial, demo, tests;
//! - [`jetstream`]: NATS JetStream, for anything that spans machines.

mod error;
mod shared_log;
mod subject;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod embedded;
pub mod jetstream;

pub use error::{AppendError, Error, Uncertainty};
pub use shared_log::{Offset, RECORD_BYTES_MAX, Record, RecordStream, SharedLog};
pub use subject::{Subject, partnership_subjects, subject_token};
