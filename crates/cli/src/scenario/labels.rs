//! What stands in a scenario file for ids: aliases of cases, labels of events.

use std::collections::BTreeMap;

use anyhow::anyhow;
use concordat_codec::kinds;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_domain::scenario::Step;
use concordat_proto::options;
use concordat_proto::v1::TextFormat;
use serde_json::Value;

/// The ids that stand behind the words of one file.
#[derive(Debug, Default)]
pub(super) struct Labels {
    cases: BTreeMap<String, CaseId>,
    /// Cases that are named and never opened: any id does, since judging reads one case only.
    elsewhere: BTreeMap<String, CaseId>,
    events: BTreeMap<(OrganisationId, String), EventId>,
}

impl Labels {
    /// The case with this alias, once it was opened.
    pub(super) fn case(&self, alias: &str) -> Option<CaseId> {
        self.cases.get(alias).copied()
    }

    /// Every case that was opened.
    pub(super) fn cases(&self) -> impl Iterator<Item = CaseId> {
        self.cases.values().copied()
    }

    /// Notes which case an alias stands for.
    pub(super) fn opened(&mut self, alias: &str, case: CaseId) {
        self.cases.entry(alias.to_owned()).or_insert(case);
    }

    /// The id of a step's event: one for each organisation and label, a fresh one without a label.
    pub(super) fn event(&mut self, step: &Step) -> anyhow::Result<EventId> {
        let fresh = EventId(random()?);
        Ok(match &step.event_id {
            Some(label) => *self
                .events
                .entry((step.org.clone(), label.clone()))
                .or_insert(fresh),
            None => fresh,
        })
    }

    /// The event that a step corrects, by the label that its own organisation gave it.
    pub(super) fn corrected(&self, step: &Step) -> anyhow::Result<Option<EventId>> {
        let Some(label) = &step.corrects else {
            return Ok(None);
        };
        let known = self.events.get(&(step.org.clone(), label.clone()));
        known
            .map(|event| Some(*event))
            .ok_or_else(|| anyhow!("corrects `{label}`, which labels no event before"))
    }

    /// The fields of a step with ids where the file has words. Which fields those are, the contract says.
    pub(super) fn fields(&mut self, step: &Step) -> anyhow::Result<Value> {
        let mut fields = serde_json::to_value(&step.fields)?;
        let Some(message) = kinds::message(&step.event) else {
            return Ok(fields);
        };
        for field in message.fields() {
            let Some(Value::String(word)) = fields.get(options::domain_name(&field)) else {
                continue;
            };
            let id = match options::text_format(&field) {
                TextFormat::CaseId => self.named(word)?.to_string(),
                TextFormat::EventId => match self.labelled(word) {
                    Some(event) => event.to_string(),
                    None => continue,
                },
                _ => continue,
            };
            fields[options::domain_name(&field)] = Value::String(id);
        }
        Ok(fields)
    }

    fn named(&mut self, alias: &str) -> anyhow::Result<CaseId> {
        if let Some(case) = self.case(alias) {
            return Ok(case);
        }
        let fresh = CaseId(random()?);
        Ok(*self.elsewhere.entry(alias.to_owned()).or_insert(fresh))
    }

    fn labelled(&self, label: &str) -> Option<EventId> {
        let known = self.events.iter().find(|((_, known), _)| known == label);
        known.map(|(_, event)| *event)
    }
}

fn random() -> anyhow::Result<[u8; 16]> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(id)
}
