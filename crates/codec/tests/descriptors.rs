//! What wire.md section 1 demands of the messages of events, held on their descriptors.

use std::collections::BTreeMap;

use concordat_codec::kinds;
use concordat_proto::{
    descriptor, options,
    v1::{Compartment, Event, EventInput, TextFormat},
};
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};

/// Every field of every event, and of the metadata around them.
fn event_fields() -> Vec<FieldDescriptor> {
    let bodies = kinds::event_types();
    let mut fields: Vec<_> = bodies
        .iter()
        .flat_map(|name| {
            kinds::message(name)
                .expect("every type has a message")
                .fields()
                .collect::<Vec<_>>()
        })
        .collect();
    fields.extend(
        descriptor::of::<Event>()
            .fields()
            .filter(|field| field.name() != "body"),
    );
    fields
}

fn element(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if message.package_name() == "concordat.v1" => Some(message),
        _ => None,
    }
}

/// The elements below a field, at any depth.
fn elements(field: &FieldDescriptor) -> Vec<MessageDescriptor> {
    let Some(message) = element(field) else {
        return Vec::new();
    };
    let below = message
        .fields()
        .flat_map(|field| elements(&field))
        .collect::<Vec<_>>();
    std::iter::once(message).chain(below).collect()
}

fn all_fields() -> Vec<FieldDescriptor> {
    let top = event_fields();
    let below = top
        .iter()
        .flat_map(elements)
        .flat_map(|message| message.fields().collect::<Vec<_>>());
    let below: Vec<_> = below.collect();
    top.into_iter()
        .chain(below)
        .chain(descriptor::of::<EventInput>().fields())
        .collect()
}

#[test]
fn every_event_field_names_its_compartment() {
    let bare: Vec<_> = event_fields()
        .into_iter()
        .filter(|field| options::compartment(field) == Compartment::Unspecified)
        .map(|field| field.full_name().to_owned())
        .collect();
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn list_elements_belong_wholly_to_one_compartment() {
    let mut owners: BTreeMap<String, BTreeMap<Compartment, String>> = BTreeMap::new();
    for field in event_fields() {
        for message in elements(&field) {
            let owner = owners.entry(message.name().to_owned()).or_default();
            owner.insert(options::compartment(&field), field.full_name().to_owned());
            for inner in message.fields() {
                let own = options::compartment(&inner);
                assert_eq!(
                    own,
                    Compartment::Unspecified,
                    "{} must leave its compartment to its list",
                    inner.full_name()
                );
            }
        }
    }
    for (message, compartments) in owners {
        assert_eq!(
            compartments.len(),
            1,
            "{message} is used in several compartments: {compartments:?}"
        );
    }
}

#[test]
fn every_scalar_has_presence() {
    for field in all_fields() {
        let scalar = !matches!(field.kind(), Kind::Message(_))
            && field.cardinality() != Cardinality::Repeated;
        assert!(
            !scalar || field.supports_presence(),
            "{} must be optional",
            field.full_name()
        );
        assert!(!field.is_map(), "{} must not be a map", field.full_name());
        assert!(
            !matches!(field.kind(), Kind::Float | Kind::Double),
            "{} must be exact",
            field.full_name()
        );
    }
}

#[test]
fn free_text_stands_outside_process_only() {
    for field in event_fields() {
        let inner = elements(&field)
            .into_iter()
            .flat_map(|message| message.fields().collect::<Vec<_>>());
        for text in std::iter::once(field.clone())
            .chain(inner)
            .filter(|field| field.kind() == Kind::String)
        {
            let format = options::text_format(&text);
            // The scope of an alias is the one text that may be empty: whole case.
            let exempt = text.full_name() == "concordat.v1.AliasEntry.scope";
            assert!(
                exempt || format != TextFormat::Unspecified,
                "{} must say how it is written",
                text.full_name()
            );
            let in_process = options::compartment(&field) == Compartment::Process;
            assert!(
                !in_process || format != TextFormat::Free,
                "{} is free text in process",
                text.full_name()
            );
        }
    }
}

#[test]
fn domain_names_are_unique_within_a_message() {
    for name in kinds::event_types() {
        let message = kinds::message(&name).unwrap();
        let mut names: Vec<_> = message
            .fields()
            .map(|field| options::domain_name(&field))
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{name}");
    }
}

#[test]
fn every_event_type_of_the_domain_has_a_message() {
    let known = kinds::event_types();
    for event_type in concordat_domain::event::EventType::ALL {
        assert!(
            known.iter().any(|name| name == event_type.code()),
            "{}",
            event_type.code()
        );
    }
}
