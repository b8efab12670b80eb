//! All that judging may read besides the case.

use crate::calendar::Calendars;
use crate::directory::Directory;
use crate::policy::PolicyPacks;

/// The version of these judging rules, as a case pins it.
pub const RULES_VERSION: u32 = 1;

/// The directory, packs and calendars in force at a position of the log.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Organisations, posts and delegations.
    pub directory: &'a Directory,
    /// The policy packs that this node knows.
    pub packs: &'a PolicyPacks,
    /// Working days.
    pub calendars: &'a Calendars,
}
