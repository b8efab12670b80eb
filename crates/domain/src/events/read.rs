//! Parsing the fields of an event into its typed struct, in the row's order, so that the first one missing is named.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::fields::{Fields, Value};
use crate::ids::{OrganisationId, PackId};
use crate::judge::Reason;
use crate::policy::Regime;

/// When a field must be there (the † of the event tables).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Always,
    /// Under the English packs (`@eng`).
    Eng,
    /// Under the Scottish packs (`@sco`).
    Sco,
    /// Under the pack for children (`@children`).
    Children,
    /// Under staged packs (`@staged`).
    Staged,
    /// When another field has this code.
    If(&'static str, &'static str),
    /// Unless another field is set to yes.
    Unless(&'static str),
    /// Never: its absence is a warning `incomplete:<field>`.
    Expected,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text, code outside any enumeration, or id.
    Text,
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A day.
    Date,
    /// An organisation id.
    Organisation,
    /// A policy pack.
    Pack,
    /// One of these codes.
    Code(&'static [&'static str]),
    /// `all`, or a list of issue ids.
    Issues,
    /// A list of something.
    List(&'static Kind),
    /// An element with these keys.
    Record(&'static [FieldSpec]),
    /// Content: judged by its name in `filled`, never by its value.
    Content,
}

/// One field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name in the domain brief.
    pub name: &'static str,
    /// When it must be there.
    pub need: Need,
    /// What it holds.
    pub kind: Kind,
}

/// A mandatory field that is not there, or not of its type or enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) &'static str);

impl From<Missing> for Reason {
    fn from(missing: Missing) -> Self {
        Self::MissingField(missing.0.to_owned())
    }
}

/// A source of fields: an event, or an element of one of its lists.
pub(crate) struct Reader<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) filled: &'a BTreeSet<String>,
    pub(crate) regime: Option<Regime>,
}

impl Reader<'_> {
    /// The field, which must be there.
    pub(crate) fn must<T: FieldType>(&self, name: &'static str) -> Result<T, Missing> {
        T::read(self, name).ok_or(Missing(name))
    }

    /// The field, which must be there under a condition only.
    pub(crate) fn under<T: FieldType>(
        &self,
        need: Need,
        name: &'static str,
    ) -> Result<Option<T>, Missing> {
        let value = T::read(self, name);
        if value.is_none() && self.needs(need) {
            return Err(Missing(name));
        }
        Ok(value)
    }

    /// Whether a field must be there, as far as the others say.
    pub(crate) fn needs(&self, need: Need) -> bool {
        match need {
            Need::Always => true,
            Need::Eng => self.regime == Some(Regime::Eng),
            Need::Sco => self.regime == Some(Regime::Sco),
            Need::Children => self.regime == Some(Regime::Children),
            Need::Staged => self.regime.is_some_and(Regime::is_staged),
            Need::If(other, code) => self.fields.text(other) == Some(code),
            Need::Unless(other) => self.fields.get(other) != Some(&Value::Flag(true)),
            Need::Expected => false,
        }
    }
}

/// A type that a field can have.
pub(crate) trait FieldType: Sized {
    /// How the reference page names it.
    const KIND: Kind;

    /// The value, if it is of this type.
    fn from_value(value: &Value) -> Option<Self>;

    /// The field of this name, if it is there and of this type.
    fn read(reader: &Reader<'_>, name: &str) -> Option<Self> {
        reader.fields.get(name).and_then(Self::from_value)
    }
}

/// A content field: that it is filled is all that judging may know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content;

impl FieldType for Content {
    const KIND: Kind = Kind::Content;

    fn from_value(_: &Value) -> Option<Self> {
        None
    }

    fn read(reader: &Reader<'_>, name: &str) -> Option<Self> {
        reader.filled.contains(name).then_some(Self)
    }
}

/// Which issues are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issues {
    /// The whole complaint.
    All,
    /// These.
    Only(Vec<String>),
}

impl FieldType for Issues {
    const KIND: Kind = Kind::Issues;

    fn from_value(value: &Value) -> Option<Self> {
        if matches!(value, Value::Text(text) if text == "all") {
            return Some(Self::All);
        }
        let issues = Vec::<String>::from_value(value)?;
        Some(if issues == ["all"] {
            Self::All
        } else {
            Self::Only(issues)
        })
    }
}

impl FieldType for String {
    const KIND: Kind = Kind::Text;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }
}

impl FieldType for bool {
    const KIND: Kind = Kind::Flag;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl FieldType for u32 {
    const KIND: Kind = Kind::Number;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// A type that reads its text.
macro_rules! parsed_from_text {
    ($($ty:ty = $kind:expr),*) => {$(
        impl FieldType for $ty {
            const KIND: Kind = $kind;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
parsed_from_text!(
    Date = Kind::Date,
    OrganisationId = Kind::Organisation,
    PackId = Kind::Pack
);

impl<T: FieldType> FieldType for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(values) => values.iter().map(T::from_value).collect(),
            _ => None,
        }
    }
}

/// The name of a field as the domain brief writes it, from the Rust identifier (`r#for` is `for`).
pub(crate) const fn field_name(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', name @ ..] => match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => identifier,
        },
        _ => identifier,
    }
}

/// Enumerations: a type for each, with its codes.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = concat!("`", $code, "`.")] #[serde(rename = $code)] $variant,)*
        }

        impl $name {
            /// The code of the domain brief.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }

        impl $crate::events::read::FieldType for $name {
            const KIND: $crate::events::read::Kind = $crate::events::read::Kind::Code(&[$($code),*]);

            fn from_value(value: &$crate::fields::Value) -> Option<Self> {
                match value {
                    $($crate::fields::Value::Text(text) if text == $code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    )*};
}

/// The Rust type of a field by how it is needed.
macro_rules! field_type {
    (must, $ty:ty) => { $ty };
    ($need:ident, $ty:ty) => { Option<$ty> };
}

/// The [`Need`] of a field.
macro_rules! field_need {
    (must) => {
        $crate::events::read::Need::Always
    };
    (may) => {
        $crate::events::read::Need::Expected
    };
    (eng) => {
        $crate::events::read::Need::Eng
    };
    (sco) => {
        $crate::events::read::Need::Sco
    };
    (children) => {
        $crate::events::read::Need::Children
    };
    (staged) => {
        $crate::events::read::Need::Staged
    };
    (when, $field:literal, $code:literal) => {
        $crate::events::read::Need::If($field, $code)
    };
    (unless, $field:literal) => {
        $crate::events::read::Need::Unless($field)
    };
}

/// Reads one field.
macro_rules! field_read {
    ($reader:ident, $name:expr, must) => { $reader.must($name)? };
    ($reader:ident, $name:expr, $need:ident $(, $arg:literal)*) => {
        $reader.under($crate::events::read::field_need!($need $(, $arg)*), $name)?
    };
}

/// Typed structs of fields: `must`, `eng`, `sco`, `children`, `staged`, `when("field", "code")`, `unless("field")` or `may`, then name and type.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $( $need:ident $(($($arg:literal),*))? $field:ident : $ty:ty ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(
                #[doc = concat!("`", $crate::events::read::stringify_field!($field), "` of the row.")]
                pub $field: $crate::events::read::field_type!($need, $ty),
            )*
        }

        impl $name {
            /// The fields in the row's order.
            pub const FIELDS: &'static [$crate::events::read::FieldSpec] = &[$(
                $crate::events::read::FieldSpec {
                    name: $crate::events::read::field_name(stringify!($field)),
                    need: $crate::events::read::field_need!($need $($(, $arg)*)?),
                    kind: <$ty as $crate::events::read::FieldType>::KIND,
                },
            )*];

            #[allow(unused_variables, reason = "a row may have no fields")]
            pub(crate) fn parse(
                reader: &$crate::events::read::Reader<'_>,
            ) -> Result<Self, $crate::events::read::Missing> {
                Ok(Self {
                    $($field: $crate::events::read::field_read!(
                        reader, $crate::events::read::field_name(stringify!($field)), $need $($(, $arg)*)?
                    ),)*
                })
            }
        }
    };
}

/// Typed elements of lists; an element without a key it must carry counts as its field missing.
macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident { $($body:tt)* })*) => {$(
        $crate::events::read::fields! { $(#[$doc])* $name { $($body)* } }

        impl $crate::events::read::FieldType for $name {
            const KIND: $crate::events::read::Kind = $crate::events::read::Kind::Record(Self::FIELDS);

            fn from_value(value: &$crate::fields::Value) -> Option<Self> {
                let $crate::fields::Value::Record(fields) = value else { return None };
                let filled = std::collections::BTreeSet::new();
                Self::parse(&$crate::events::read::Reader { fields, filled: &filled, regime: None }).ok()
            }
        }
    )*};
}

/// The name of a field for its documentation.
macro_rules! stringify_field {
    ($field:ident) => {
        stringify!($field)
    };
}

pub(crate) use {codes, elements, field_need, field_read, field_type, fields, stringify_field};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_identifier_names_the_field_without_its_prefix() {
        assert_eq!(field_name("r#for"), "for");
        assert_eq!(field_name("method"), "method");
    }

    #[test]
    fn an_element_without_its_key_is_no_element() {
        use crate::events::lead::PostOf;
        let record = |keys: &[&str]| {
            let entries = keys
                .iter()
                .map(|key| ((*key).to_owned(), Value::Text("ods:RXW".into())));
            Value::Record(Fields(entries.collect()))
        };
        assert!(PostOf::from_value(&record(&["org"])).is_some());
        assert_eq!(PostOf::from_value(&record(&["post"])), None);
        assert_eq!(
            Vec::<PostOf>::from_value(&Value::List(vec![])),
            Some(vec![])
        );
    }
}
