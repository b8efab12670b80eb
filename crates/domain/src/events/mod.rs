//! The events, one file per family, each a row of the tables in section B of the domain brief.

pub(crate) mod catalogue;

pub use catalogue::{EventType, UnknownEventType};
