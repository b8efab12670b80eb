//! A pack as an object-centric event log (OCEL 2.0, JSON, <https://www.ocel-standard.org>), for process mining.
//!
//! Object types: case, organisation, strand, deadline, action. Only effective events, and of them ids, types, times and who: what people
//! wrote, and who they are, stays behind whatever keys the pack holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use serde_json::{Map, Value, json};

use crate::claims::{CaseClaim, DeadlineClaim};
use crate::manifest::{CLAIMS, EVENTS};
use crate::read::{Error, Pack};

/// The body's fields that name an action, as canonical JSON has them.
const ACTIONS: [&str; 2] = ["action", "actions"];

/// Events by which the owner of a strand says how it goes.
const STRAND_EVENTS: [&str; 4] = [
    "strand-accepted",
    "strand-delayed",
    "strand-revised",
    "strand-submitted",
];

/// A log that is being put together. Objects by their id, so that each is there once and the order is that of ids.
#[derive(Default)]
struct Log {
    objects: BTreeMap<String, Value>,
    events: Vec<Value>,
    event_types: BTreeSet<String>,
}

/// The pack as one OCEL document.
///
/// # Errors
/// [`Error`]: the file cannot be read as a pack; [`Error::NoKeys`] if it has no keys, so that nothing of its cases can be told.
pub fn ocel<R: Read + Seek>(file: R) -> Result<Value, Error> {
    let mut pack = Pack::open(file)?;
    if pack.manifest.compartments.is_empty() {
        return Err(Error::NoKeys);
    }
    let at = pack.manifest.exported.at.to_string();
    let mut log = Log::default();
    let mut lines = pack.lines(CLAIMS);
    while let Some((member, line)) = pack.next_line(&mut lines)? {
        let claim: CaseClaim = serde_json::from_str(&line)
            .map_err(|error| std::io::Error::other(format!("{member}: {error}")))?;
        log.case(&claim, &at);
    }
    let mut lines = pack.lines(EVENTS);
    while let Some((member, line)) = pack.next_line(&mut lines)? {
        let event: Value = serde_json::from_str(&line)
            .map_err(|error| std::io::Error::other(format!("{member}: {error}")))?;
        log.event(&event);
    }
    Ok(log.finish())
}

impl Log {
    fn object(&mut self, id: &str, kind: &str) -> &mut Map<String, Value> {
        let object = self.objects.entry(id.to_owned()).or_insert_with(
            || json!({"id": id, "type": kind, "attributes": [], "relationships": []}),
        );
        object.as_object_mut().expect("it was made as an object")
    }

    fn case(&mut self, claim: &CaseClaim, at: &str) {
        let id = format!("case:{}", claim.case);
        let mut attributes = Vec::new();
        let mut relationships = Vec::new();
        if let Some(computed) = &claim.computed {
            attributes.push(attribute("state", at, &computed.state));
            let keeper = organisation(computed.keeper.as_str());
            self.object(&keeper, "organisation");
            relationships.push(related(&keeper, "keeper"));
            for deadline in &computed.deadlines {
                self.deadline(deadline, &id, at);
            }
        }
        let object = self.object(&id, "case");
        object.insert("attributes".to_owned(), attributes.into());
        object.insert("relationships".to_owned(), relationships.into());
    }

    fn strand(&mut self, case: &str, owner: &str) -> String {
        let bare = |id: &str| id.split_once(':').map_or(id, |(_, rest)| rest).to_owned();
        let strand = format!("strand:{}/{}", bare(case), bare(owner));
        let links = vec![related(case, "of"), related(owner, "owned-by")];
        let object = self.object(&strand, "strand");
        object.insert("relationships".to_owned(), links.into());
        strand
    }

    fn deadline(&mut self, deadline: &DeadlineClaim, case: &str, at: &str) {
        let owner = organisation(deadline.owed_by.as_str());
        self.object(&owner, "organisation");
        let state = serde_json::to_value(deadline.state).unwrap_or_default();
        let mut attributes = vec![
            attribute("name", at, &deadline.name),
            attribute("rule", at, &deadline.rule),
            attribute("state", at, state.as_str().unwrap_or_default()),
        ];
        if let Some(due) = deadline.due {
            attributes.push(attribute("due", at, &due.to_string()));
        }
        let mut relationships = vec![related(case, "of"), related(&owner, "owed-by")];
        if deadline.name.starts_with("strand:") {
            relationships.push(related(&self.strand(case, &owner), "for"));
        }
        let object = self.object(&format!("deadline:{}", deadline.id), "deadline");
        object.insert("attributes".to_owned(), attributes.into());
        object.insert("relationships".to_owned(), relationships.into());
    }

    fn event(&mut self, event: &Value) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = concordat_proto::cloudevents::event_type_of(text("type"));
        let (Some(kind), Some(Value::Bool(true))) = (kind, event.get("effective")) else {
            return;
        };
        self.event_types.insert(kind.to_owned());
        let author = organisation(text("source").trim_start_matches("organisations/"));
        self.object(&author, "organisation");
        let mut relationships = vec![related(&author, "published-by")];
        if let Some(case) = text("subject").strip_prefix("cases/") {
            let case_object = format!("case:{case}");
            self.object(&case_object, "case");
            relationships.push(related(&case_object, "in"));
            for id in actions_in(event.get("data")) {
                let object = format!("action:{case}/{id}");
                let links = vec![related(&case_object, "of")];
                let fields = self.object(&object, "action");
                fields.insert("relationships".to_owned(), links.into());
                relationships.push(related(&object, "about"));
            }
            // A strand is named by the organisation that owns it, which alone says how it goes.
            if STRAND_EVENTS.contains(&kind) {
                relationships.push(related(&self.strand(&case_object, &author), "about"));
            }
        }
        self.events.push(json!({
            "id": format!("{}/{}", text("source"), text("id")), "type": kind, "time": text("time"),
            "attributes": [{"name": "position", "value": text("position")}],
            "relationships": relationships,
        }));
    }

    fn finish(self) -> Value {
        let attributes = |names: &[&str]| -> Vec<Value> {
            let typed = names
                .iter()
                .map(|name| json!({"name": name, "type": "string"}));
            typed.collect()
        };
        let types = [
            ("case", &["state"][..]),
            ("organisation", &[]),
            ("strand", &[]),
            ("deadline", &["name", "rule", "state", "due"]),
            ("action", &[]),
        ];
        let object_types =
            types.map(|(name, names)| json!({"name": name, "attributes": attributes(names)}));
        let event_types = self.event_types.iter();
        let event_types: Vec<Value> = event_types
            .map(|name| json!({"name": name, "attributes": attributes(&["position"])}))
            .collect();
        let objects: Vec<Value> = self.objects.into_values().collect();
        json!({"objectTypes": object_types, "eventTypes": event_types, "objects": objects, "events": self.events})
    }
}

fn organisation(code: &str) -> String {
    format!("organisation:{code}")
}

fn attribute(name: &str, time: &str, value: &str) -> Value {
    json!({"name": name, "time": time, "value": value})
}

fn related(object: &str, qualifier: &str) -> Value {
    json!({"objectId": object, "qualifier": qualifier})
}

/// Actions that a body names by their ids. Ids are codes; anything that is no code is not an id, and left out.
fn actions_in(data: Option<&Value>) -> BTreeSet<String> {
    let kinds = data
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values);
    let mut found = BTreeSet::new();
    for fields in kinds.filter_map(Value::as_object) {
        let named = ACTIONS.iter().filter_map(|field| fields.get(*field));
        let ids = named.flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        });
        let ids = ids.filter_map(|one| one.as_str().or_else(|| one.get("id")?.as_str()));
        let codes = ids.filter(|id| concordat_codec::shape::is_code(id));
        found.extend(codes.map(str::to_owned));
    }
    found
}
