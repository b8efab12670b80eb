//! The rows of the domain and the messages of the contract say the same: fields, types, compartments, codes. A message
//! may have expected fields that no rule reads, and be narrower than a row where the row only says that it is a text.

use std::collections::BTreeSet;

use concordat_codec::kinds;
use concordat_domain::events::{EventType, FieldSpec, Kind, row};
use concordat_proto::{
    options,
    v1::{Compartment, TextFormat},
};
use prost_reflect::{FieldDescriptor, Kind as WireKind, MessageDescriptor};

#[test]
fn every_row_agrees_with_its_message() {
    let mut differences = Vec::new();
    for &event_type in EventType::ALL {
        let Some(message) = kinds::message(event_type.code()) else {
            differences.push(format!("{}: no message", event_type.code()));
            continue;
        };
        for field in message.fields() {
            if options::compartment(&field) == Compartment::Unspecified {
                differences.push(format!("{}: no compartment", field.full_name()));
            }
        }
        compare(
            event_type.code(),
            row(event_type).fields,
            &message,
            &mut differences,
        );
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn compare(
    path: &str,
    specs: &[FieldSpec],
    message: &MessageDescriptor,
    differences: &mut Vec<String>,
) {
    for spec in specs {
        let path = format!("{path}.{}", spec.name);
        match message
            .fields()
            .find(|field| options::domain_name(field) == spec.name)
        {
            None => differences.push(format!("{path}: not in the message")),
            Some(field) => compare_field(&path, spec.kind, &field, differences),
        }
    }
}

fn compare_field(path: &str, kind: Kind, field: &FieldDescriptor, differences: &mut Vec<String>) {
    let is_content = !matches!(
        options::compartment(field),
        Compartment::Process | Compartment::Unspecified
    );
    if is_content || kind == Kind::Content {
        if is_content != (kind == Kind::Content) {
            differences.push(format!("{path}: content on one side only"));
        }
        return;
    }
    let (is_list, kind) = match kind {
        Kind::List(element) => (true, *element),
        Kind::Issues => (true, Kind::Text),
        single => (false, single),
    };
    if is_list != field.is_list() {
        differences.push(format!("{path}: a list on one side only"));
    }
    match (kind, field.kind()) {
        (Kind::Record(specs), WireKind::Message(message)) => {
            compare(path, specs, &message, differences)
        }
        (Kind::Code(codes), WireKind::Enum(enumeration)) => {
            let in_row: BTreeSet<_> = codes.iter().map(|&code| code.to_owned()).collect();
            let in_message: BTreeSet<_> = enumeration
                .values()
                .filter_map(|value| options::code(&value))
                .collect();
            if in_row != in_message {
                differences.push(format!(
                    "{path}: row has {in_row:?}, message has {in_message:?}"
                ));
            }
        }
        (kind, wire) if is_same(kind, &wire, options::text_format(field)) => {}
        (kind, wire) => differences.push(format!("{path}: row has {kind:?}, message has {wire:?}")),
    }
}

fn is_same(kind: Kind, wire: &WireKind, format: TextFormat) -> bool {
    match (kind, wire) {
        (Kind::Flag, WireKind::Bool)
        | (Kind::Number, WireKind::Uint32 | WireKind::Int32 | WireKind::Int64) => true,
        (Kind::Date, WireKind::String) => format == TextFormat::Date,
        (Kind::Organisation, WireKind::String) => format == TextFormat::Organisation,
        // A text of the rules is an id or a code on the wire, never free.
        (Kind::Text, WireKind::String) => format != TextFormat::Free,
        (Kind::Text, WireKind::Enum(_)) => true,
        (Kind::Pack, WireKind::String) => format == TextFormat::Code,
        _ => false,
    }
}
