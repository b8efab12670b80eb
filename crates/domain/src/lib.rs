//! The rules of joint complaint handling, pure: no clock, randomness, I/O or wire type.
//!
//! [`judge()`] says whether an event counts, [`evolve()`] what an effective one changes, [`timetable()`] what is owed by
//! whom and until when. All three are functions of their arguments: the same log and the same rules give the same
//! rulings, state and dates on every node.
//!
//! A further event is one row and its fields in a file of [`events`], and a line in the catalogue there.

pub mod audit;
pub mod calendar;
pub mod case;
pub mod directory;
pub mod event;
pub mod events;
pub mod evolve;
pub mod fields;
pub mod ids;
pub mod judge;
pub mod policy;
pub mod reports;
pub mod responsibilities;
pub mod rules;
pub mod scenario;
pub mod timetable;
pub use case::{Case, State};
pub use event::{CaseVersion, Event, EventType, Opening, Placement};
pub use evolve::evolve;
pub use judge::{Reason, Refusal, judge};
pub use rules::Rules;
pub use timetable::timetable;
