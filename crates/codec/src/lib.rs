//! Wire to domain and back. The only crate that sees both generated messages and domain types.
//!
//! Everything that depends on which event it is goes by reflection over the descriptors and their options, so that a
//! further event needs nothing here.

pub mod catalogue;
pub mod digest;
pub mod error;
pub mod event;
pub mod fields;
pub mod form;
pub mod kinds;
pub mod parts;
pub mod past;
pub mod schema;
pub mod shape;
pub mod time;

pub use error::{Error, Violation};
