//! The flags of a case (domain brief, section C): derived, never stored.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Case, From, Lateness};
use crate::rules::Rules;
use crate::timetable::timetable;

impl Case {
    /// All flags of the case at an instant, sorted.
    pub fn flags(&self, at: Timestamp, rules: &Rules<'_>) -> BTreeSet<String> {
        let mut flags = timetable(self, at, rules).flags();
        let facts = &self.facts;
        let own = [
            ("accepted-late", facts.receipt.late == Lateness::Accepted),
            ("anonymous", facts.receipt.anonymous),
            ("authority-pending", facts.standing.authority_pending),
            ("further-local-resolution", facts.standing.dissatisfied),
            ("irregular", facts.standing.irregular),
            ("legal-hold", !facts.standing.legal_holds.is_empty()),
            ("on-hold-part", !facts.holds.is_empty()),
            ("parallel-process", !facts.standing.parallel.is_empty()),
            ("ombudsman-premature", facts.standing.ombudsman_premature),
            ("out-of-time", facts.receipt.late == Lateness::Undecided),
            ("partial-consent", facts.consent.is_partial()),
            ("single-body", self.is_single_body()),
        ];
        flags.extend(
            own.into_iter()
                .filter(|(_, set)| *set)
                .map(|(flag, _)| flag.to_owned()),
        );
        flags
    }

    /// In work or done, not joint, and no other organisation is party or invitee; a former receiver does not count.
    fn is_single_body(&self) -> bool {
        let worked_on = From::Work.contains(self.state()) || From::Done.contains(self.state());
        worked_on && !self.is_joint() && self.is_alone() && self.invitees().is_empty()
    }
}
