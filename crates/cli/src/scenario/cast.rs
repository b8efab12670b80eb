//! Who needs a node to play a scenario, and whose node speaks for whom.

use std::collections::BTreeSet;

use concordat_domain::directory::{Directory, Organisation};
use concordat_domain::fields::{Fields, Value};
use concordat_domain::ids::OrganisationId;
use concordat_domain::scenario::Step;

/// Why nobody can speak for an organisation.
#[derive(Debug, thiserror::Error)]
pub(super) enum Voiceless {
    #[error("the directory has no {0}")]
    Unknown(OrganisationId),
    #[error("{0} takes part as {1}, without a node or a proxy that has one")]
    NoNode(OrganisationId, String),
}

/// The organisation whose node hands in what `organisation` does: its own, or its proxy's.
pub(super) fn voice<'d>(
    directory: &'d Directory,
    organisation: &OrganisationId,
) -> Result<&'d OrganisationId, Voiceless> {
    let entry = directory
        .organisation(organisation)
        .ok_or_else(|| Voiceless::Unknown(organisation.clone()))?;
    if has_node(entry) {
        return Ok(&entry.id);
    }
    let proxy = entry
        .proxy
        .as_ref()
        .and_then(|id| directory.organisation(id));
    proxy
        .filter(|proxy| has_node(proxy))
        .map(|proxy| &proxy.id)
        .ok_or_else(|| Voiceless::NoNode(organisation.clone(), entry.participation.clone()))
}

/// A directory that says nothing of participation means nodes.
fn has_node(entry: &Organisation) -> bool {
    matches!(entry.participation.as_str(), "node" | "")
}

/// The organisations that get a node: those that act in the steps and those that the steps name, as far as the directory gives them
/// one. The others of the directory would only watch.
pub(super) fn cast(directory: &Directory, steps: &[Step]) -> BTreeSet<OrganisationId> {
    let mut codes: BTreeSet<&str> = steps.iter().map(|step| step.org.as_str()).collect();
    for step in steps {
        texts(&step.fields, &mut codes);
    }
    let named = directory
        .organisations()
        .filter(|entry| codes.contains(entry.id.as_str()));
    named
        .filter_map(|entry| voice(directory, &entry.id).ok())
        .cloned()
        .collect()
}

fn texts<'f>(fields: &'f Fields, found: &mut BTreeSet<&'f str>) {
    fields.0.values().for_each(|value| text(value, found));
}

fn text<'f>(value: &'f Value, found: &mut BTreeSet<&'f str>) {
    match value {
        Value::Text(text) => drop(found.insert(text)),
        Value::List(values) => values.iter().for_each(|value| text(value, found)),
        Value::Record(fields) => texts(fields, found),
        Value::Flag(_) | Value::Number(_) => {}
    }
}
