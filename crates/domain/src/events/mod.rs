//! The events, one file per family, each a row of the tables in section B of the domain brief.
//!
//! A further event is its fields and its row in the file of its family, with functions for what the row cannot say, and
//! one line in the catalogue.

pub mod after;
mod catalogue;
pub mod clock;
pub mod consent;
pub mod intake;
pub mod investigation;
pub mod lead;
pub(crate) mod read;
pub mod response;
pub(crate) mod row;

pub use catalogue::{EventBody, EventType, UnknownEventType, row};
pub use read::{Content, FieldSpec, Issues, Kind, Need};
pub use row::{Act, Row, Sign, Who};
