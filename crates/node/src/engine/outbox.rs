//! The drafts of this node in memory: in the order of acceptance, and found by event and by case without looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::ids::{CaseId, EventId};

use crate::draft::Draft;

/// All drafts by the number under which the store keeps them.
#[derive(Default)]
pub(super) struct Outbox {
    drafts: BTreeMap<u64, Draft>,
    numbers: BTreeMap<EventId, u64>,
    /// Those that wait for the log, not for a person.
    waiting: BTreeSet<u64>,
    waiting_of_case: BTreeMap<CaseId, BTreeSet<u64>>,
}

impl Outbox {
    /// Puts a draft in, or another state of one that is there.
    pub(super) fn put(&mut self, number: u64, draft: Draft) {
        self.numbers.insert(draft.event_id, number);
        if draft.held.is_none() {
            self.waiting.insert(number);
            self.waiting_of_case
                .entry(draft.case)
                .or_default()
                .insert(number);
        } else {
            self.unlist(number, draft.case);
        }
        self.drafts.insert(number, draft);
    }

    /// Takes a draft out for good.
    pub(super) fn remove(&mut self, number: u64) {
        if let Some(draft) = self.drafts.remove(&number) {
            self.numbers.remove(&draft.event_id);
            self.unlist(number, draft.case);
        }
    }

    fn unlist(&mut self, number: u64, case: CaseId) {
        self.waiting.remove(&number);
        if let Some(of_case) = self.waiting_of_case.get_mut(&case) {
            of_case.remove(&number);
            if of_case.is_empty() {
                self.waiting_of_case.remove(&case);
            }
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&Draft> {
        self.drafts.get(&number)
    }

    /// The draft of an event, with its number.
    pub(super) fn of_event(&self, event: EventId) -> Option<(u64, &Draft)> {
        let number = *self.numbers.get(&event)?;
        Some((number, self.drafts.get(&number)?))
    }

    /// All drafts in the order in which they were accepted.
    pub(super) fn all(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values()
    }

    /// Those that wait for the log, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Draft> {
        self.waiting
            .iter()
            .filter_map(|number| self.drafts.get(number))
    }

    /// Those of one case that wait for the log, in order, with their numbers.
    pub(super) fn waiting_in(&self, case: CaseId) -> impl Iterator<Item = (u64, &Draft)> {
        let of_case = self.waiting_of_case.get(&case);
        let numbers = of_case.into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.drafts.get(number)?)))
    }

    /// All drafts of one case, held ones too, with their numbers.
    pub(super) fn numbers_in(&self, case: CaseId) -> Vec<(u64, EventId)> {
        let of_case = self.drafts.iter().filter(|(_, draft)| draft.case == case);
        of_case
            .map(|(number, draft)| (*number, draft.event_id))
            .collect()
    }

    pub(super) fn waiting_count_in(&self, case: CaseId) -> u64 {
        self.waiting_of_case
            .get(&case)
            .map_or(0, |of_case| of_case.len() as u64)
    }

    pub(super) fn len(&self) -> u64 {
        self.drafts.len() as u64
    }

    pub(super) fn waiting_count(&self) -> u64 {
        self.waiting.len() as u64
    }
}
