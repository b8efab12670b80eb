//! What an auditor asks of histories: what changed between two points of a case, and what another policy pack would have changed.

mod changes;
mod what_if;

pub use changes::{DeadlineChange, DeadlineChangeKind, FieldChange, Shown, deadline_changes};
pub use what_if::{Played, Replaced, RulingDifference, Step, WhatIf, what_if};
