//! What was promised after an answer, and what became of it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Dossier;
use crate::event::EventType;

/// One action, from its assignment to the day on which the person was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionFile {
    pub(crate) id: String,
    pub(crate) body: String,
    /// The post that sees to it.
    pub(crate) owner: Option<String>,
    pub(crate) authorised_by: Option<String>,
    pub(crate) assigned_on: Date,
    pub(crate) target: Option<Date>,
    pub(crate) completed_on: Option<Date>,
    pub(crate) evidence: Option<String>,
    pub(crate) told_on: Option<Date>,
    /// `verified`, `insufficient` or `waived`.
    pub(crate) verified: Option<String>,
    pub(crate) monitoring_until: Option<Date>,
}

impl ActionFile {
    /// Whether it is still to be done: neither completed nor waived.
    pub(crate) fn is_open(&self) -> bool {
        self.completed_on.is_none() && self.verified.as_deref() != Some("waived")
    }

    /// Whether its target has passed and it is still to be done.
    pub(crate) fn is_overdue(&self, today: Date) -> bool {
        self.is_open() && self.target.is_some_and(|target| target < today)
    }
}

/// One remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remedy {
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) amount_gbp: Option<u32>,
    pub(crate) offered_on: Date,
    pub(crate) accepted: bool,
    pub(crate) provided: bool,
}

impl Dossier<'_> {
    /// Every action of the case, by id.
    pub(crate) fn actions(&self) -> Vec<ActionFile> {
        let mut actions: BTreeMap<String, ActionFile> = BTreeMap::new();
        for entry in self.entries() {
            let fields = entry.fields();
            let named = fields.text("action").and_then(|id| actions.get_mut(id));
            match entry.event_type() {
                EventType::ActionAssigned => {
                    let promised =
                        ActionFile::promised(fields, entry.actor().as_str(), entry.day());
                    actions.extend(promised.map(|action| (action.id.clone(), action)));
                }
                EventType::ResponseIssued
                | EventType::PartialResponseIssued
                | EventType::ProviderResponseIssued
                | EventType::OutcomeRecorded => {
                    let promised = fields.records("actions");
                    let promised = promised.filter_map(|record| {
                        ActionFile::promised(record, entry.actor().as_str(), entry.day())
                    });
                    actions.extend(promised.map(|action| (action.id.clone(), action)));
                }
                EventType::ActionProgressReported => {
                    if let Some((action, target)) = named.zip(fields.date("new_target")) {
                        action.target = Some(target);
                    }
                }
                EventType::ActionCompleted => {
                    if let Some(action) = named {
                        action.completed_on = Some(entry.day());
                        action.evidence = fields.text("evidence_ref").map(str::to_owned);
                    }
                }
                EventType::ComplainantToldOfAction => {
                    if let Some(action) = named {
                        action.told_on = Some(entry.day());
                    }
                }
                EventType::ActionVerified => {
                    if let Some(action) = named {
                        action.verified = fields.text("result").map(str::to_owned);
                        action.monitoring_until = fields.date("monitoring_until");
                        if action.verified.as_deref() == Some("insufficient") {
                            action.completed_on = None;
                            action.target = fields.date("new_target").or(action.target);
                        }
                    }
                }
                _ => {}
            }
        }
        actions.into_values().collect()
    }

    /// Every remedy of the case, in the order in which they were offered. A remedy of several bodies is one for each, with its share.
    pub(crate) fn remedies(&self) -> Vec<Remedy> {
        let ids = |event_type: EventType| -> Vec<&str> {
            let events = self.of(event_type);
            events
                .filter_map(|entry| entry.fields().text("id"))
                .collect()
        };
        let accepted = ids(EventType::RemedyAccepted);
        let provided = ids(EventType::RemedyProvided);
        let offered = self.of(EventType::RemedyOffered);
        let offered = offered.flat_map(|entry| {
            let fields = entry.fields();
            let id = fields.text("id").unwrap_or_default();
            let remedy = |body: &str, amount: Option<i64>| Remedy {
                kind: fields.text("kind").unwrap_or_default().to_owned(),
                body: body.to_owned(),
                amount_gbp: amount.and_then(|amount| u32::try_from(amount).ok()),
                offered_on: entry.day(),
                accepted: accepted.contains(&id),
                provided: provided.contains(&id),
            };
            let shares: Vec<Remedy> = fields
                .records("shares")
                .filter_map(|share| Some(remedy(share.text("org")?, share.number("amount_gbp"))))
                .collect();
            if shares.is_empty() {
                vec![remedy(entry.actor().as_str(), fields.number("amount_gbp"))]
            } else {
                shares
            }
        });
        offered.collect()
    }
}

impl ActionFile {
    fn promised(record: &crate::fields::Fields, body: &str, on: Date) -> Option<Self> {
        let text = |name: &str| record.text(name).map(str::to_owned);
        Some(Self {
            id: text("id")?,
            body: text("org").unwrap_or_else(|| body.to_owned()),
            owner: text("owner"),
            authorised_by: text("authorised_by"),
            assigned_on: on,
            target: record.date("target"),
            completed_on: None,
            evidence: None,
            told_on: None,
            verified: None,
            monitoring_until: None,
        })
    }
}
