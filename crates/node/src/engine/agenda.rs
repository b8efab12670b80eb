//! When each case is to be looked at next: by case to change it, by time to find what is due without looking at all cases.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::ids::CaseId;
use jiff::Timestamp;

/// At most one instant for each case.
#[derive(Default)]
pub(super) struct Agenda {
    by_case: BTreeMap<CaseId, Timestamp>,
    by_time: BTreeSet<(Timestamp, CaseId)>,
}

impl Agenda {
    /// Puts a case down for an instant, or takes it off; what was there before does not count any more.
    pub(super) fn set(&mut self, case: CaseId, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.by_case.insert(case, at),
            None => self.by_case.remove(&case),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, case));
        }
        if let Some(at) = at {
            self.by_time.insert((at, case));
        }
    }

    /// The cases whose instant has come, earliest first.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = CaseId> {
        let come = self.by_time.iter().take_while(move |(at, _)| *at <= now);
        come.map(|(_, case)| *case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_stands_at_its_last_instant_only() {
        let (a, b) = (CaseId([1; 16]), CaseId([2; 16]));
        let at = |second| Timestamp::from_second(second).expect("in range");
        let mut agenda = Agenda::default();
        agenda.set(a, Some(at(10)));
        agenda.set(b, Some(at(5)));
        assert_eq!(agenda.due(at(10)).collect::<Vec<_>>(), [b, a]);
        agenda.set(a, Some(at(20)));
        assert_eq!(agenda.due(at(10)).collect::<Vec<_>>(), [b]);
        agenda.set(b, None);
        assert_eq!(agenda.due(at(20)).collect::<Vec<_>>(), [a]);
    }
}
