//! What may come next on a case, and by whom: read from the rows of the events.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Case;
use crate::event::EventType;
use crate::events::{Who, row};
use crate::ids::OrganisationId;
use crate::judge::{Reason, may_publish};
use crate::rules::Rules;

/// An event type that may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextEvent {
    /// The type.
    pub event_type: EventType,
    /// Who may publish it as the case stands.
    pub by: BTreeSet<OrganisationId>,
    /// Of these only the one may that owns the strand, request or action which the event names.
    pub by_owner_only: bool,
    /// Reasons of its row: what it asks of the case besides role and state, which only the whole event can tell.
    pub unless: &'static [Reason],
}

impl Case {
    /// The event types that people may publish as the case stands, each with the organisations that may; the events' own fields apart.
    /// What only the enforcer publishes is not among them.
    pub fn next_events(&self, rules: &Rules<'_>) -> Vec<NextEvent> {
        let mut next: BTreeMap<EventType, BTreeSet<OrganisationId>> = BTreeMap::new();
        let concerned = self.parties().into_iter().chain(self.invitees());
        for organisation in concerned.chain(self.former_receivers()) {
            for event_type in self.next_event_types(organisation, rules) {
                let by = next.entry(event_type).or_default();
                by.insert(organisation.clone());
            }
        }
        let described = next.into_iter().map(|(event_type, by)| {
            let row = row(event_type);
            NextEvent {
                event_type,
                by,
                by_owner_only: row.who == [Who::Owner],
                unless: row.reasons,
            }
        });
        described.collect()
    }

    /// The event types that people of this organisation may publish as the case stands, its own fields apart. What only the enforcer
    /// publishes is not among them.
    pub fn next_event_types(&self, org: &OrganisationId, rules: &Rules<'_>) -> Vec<EventType> {
        if rules.directory.organisation(org).is_none() {
            return Vec::new();
        }
        let by_people =
            |event_type: EventType| row(event_type).who.iter().any(|who| *who != Who::Clock);
        let possible = EventType::ALL
            .iter()
            .filter(|event_type| by_people(**event_type) && may_publish(self, org, **event_type));
        possible.copied().collect()
    }
}
