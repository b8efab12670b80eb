//! What a field says about itself by the custom options of `options.proto`.

use std::sync::OnceLock;

use prost_reflect::{
    DynamicMessage, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, Value,
};

use crate::{
    descriptor::descriptor_pool,
    v1::{Compartment, TextFormat},
};

/// Compartment of a field of an event; `Unspecified` for fields of list elements, which have that of their list, and for
/// fields outside events.
pub fn compartment(field: &FieldDescriptor) -> Compartment {
    let number = enum_option(&field.options(), extensions().compartment());
    Compartment::try_from(number).unwrap_or(Compartment::Unspecified)
}

/// How a text field is written; `Unspecified` if it is not a text or says nothing.
pub fn text_format(field: &FieldDescriptor) -> TextFormat {
    let number = enum_option(&field.options(), extensions().text_format());
    TextFormat::try_from(number).unwrap_or(TextFormat::Unspecified)
}

/// Name of the field in the domain's tables: the option `domain_name` if there is one, else the field's own name.
pub fn domain_name(field: &FieldDescriptor) -> String {
    text_option(&field.options(), extensions().domain_name())
        .unwrap_or_else(|| field.name().to_owned())
}

/// Code of an enum value: the option `code` if there is one, else its name without the enum's prefix, in kebab-case.
/// `CONSENT_PURPOSE_PASS_ON` is `pass-on`. The value 0 is no code.
pub fn code(value: &EnumValueDescriptor) -> Option<String> {
    if value.number() == 0 {
        return None;
    }
    if let Some(code) = text_option(&value.options(), extensions().code()) {
        return Some(code);
    }
    let prefix = screaming(value.parent_enum().name());
    let name = value.name().strip_prefix(&prefix).unwrap_or(value.name());
    Some(name.to_ascii_lowercase().replace('_', "-"))
}

/// `ConsentGranted` is `consent-granted`: the name of an event type from that of its message.
pub fn kebab(message: &str) -> String {
    separate(message, '-').to_ascii_lowercase()
}

fn screaming(name: &str) -> String {
    let mut prefix = separate(name, '_').to_ascii_uppercase();
    prefix.push('_');
    prefix
}

fn separate(name: &str, separator: char) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut before = None;
    for letter in name.chars() {
        let number_begins =
            letter.is_ascii_digit() && before.is_some_and(|before: char| !before.is_ascii_digit());
        if before.is_some() && (letter.is_ascii_uppercase() || number_begins) {
            words.push(separator);
        }
        words.push(letter);
        before = Some(letter);
    }
    words
}

fn enum_option(options: &DynamicMessage, extension: &ExtensionDescriptor) -> i32 {
    options
        .get_extension(extension)
        .as_enum_number()
        .unwrap_or_default()
}

fn text_option(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Option<String> {
    match options.get_extension(extension).as_ref() {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// The custom options, looked up once.
struct Extensions([ExtensionDescriptor; 4]);

impl Extensions {
    fn compartment(&self) -> &ExtensionDescriptor {
        &self.0[0]
    }
    fn domain_name(&self) -> &ExtensionDescriptor {
        &self.0[1]
    }
    fn text_format(&self) -> &ExtensionDescriptor {
        &self.0[2]
    }
    fn code(&self) -> &ExtensionDescriptor {
        &self.0[3]
    }
}

fn extensions() -> &'static Extensions {
    static EXTENSIONS: OnceLock<Extensions> = OnceLock::new();
    EXTENSIONS.get_or_init(|| {
        Extensions(
            ["compartment", "domain_name", "text_format", "code"].map(|name| {
                descriptor_pool()
                    .all_extensions()
                    .find(|extension| extension.full_name() == format!("concordat.v1.{name}"))
                    .expect("options.proto declares this option")
            }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{code, compartment, domain_name, kebab, text_format};
    use crate::{
        descriptor::{descriptor_pool, of},
        v1::{Compartment, ConsentRefused, ConsentWithdrawn, TextFormat},
    };

    fn codes(enumeration: &str) -> Vec<Option<String>> {
        let descriptor = descriptor_pool()
            .get_enum_by_name(enumeration)
            .expect("the enum exists");
        descriptor.values().map(|value| code(&value)).collect()
    }

    #[test]
    fn code_is_the_value_name_without_prefix_in_kebab_case() {
        let expected = [
            None,
            Some("joint"),
            Some("pass-on"),
            Some("hand-over"),
            Some("provider-details"),
        ];
        assert_eq!(
            codes("concordat.v1.ConsentPurpose"),
            expected.map(|code| code.map(str::to_owned))
        );
    }

    #[test]
    fn code_option_overrides_the_derived_code() {
        assert_eq!(codes("concordat.v1.Ombudsman")[1].as_deref(), Some("LGSCO"));
    }

    #[test]
    fn field_options_survive_the_embedded_descriptor_set() {
        let from = of::<ConsentWithdrawn>()
            .get_field_by_name("effective_from")
            .expect("the field exists");
        assert_eq!(domain_name(&from), "from");
        assert_eq!(text_format(&from), TextFormat::Date);
        let reason = of::<ConsentRefused>()
            .get_field_by_name("reason")
            .expect("the field exists");
        assert_eq!(compartment(&reason), Compartment::Narrative);
        assert_eq!(domain_name(&reason), "reason");
    }

    #[test]
    fn event_type_is_the_message_name_in_kebab_case() {
        assert_eq!(
            kebab("ComplainantToldOfAction"),
            "complainant-told-of-action"
        );
    }
}
