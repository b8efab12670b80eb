//! The events, one file per family, each a row of the tables in section B of the domain brief.
//!
//! A further event is its fields and its row in the file of its family, with functions for what the row cannot say, and
//! one line in the catalogue.

pub mod after;
pub mod care;
mod catalogue;
pub mod clock;
pub mod consent;
pub mod contact;
pub mod cooperation;
pub mod correction;
pub mod directory;
pub mod handover;
pub mod intake;
pub mod investigation;
pub mod issues;
pub mod lead;
pub mod learning;
pub mod ombudsman;
pub mod outcome;
pub mod parallel;
pub mod person;
pub mod plan;
pub(crate) mod read;
pub mod records;
pub mod register;
pub mod response;
pub(crate) mod row;
pub mod safeguarding;
pub mod staged;

pub use catalogue::{EventBody, EventType, UnknownEventType, row};
pub use read::{Content, FieldSpec, Issues, Kind, Need};
pub use row::{Act, Row, Scope, Sign, Who};
