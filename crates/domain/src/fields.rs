//! The fields of an event as judging sees them: `process` only, without any wire type.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The `process` fields of an event by their name in the domain brief. A field that is absent is not in the map;
/// a list that is there but empty is in the map as an empty [`Value::List`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub BTreeMap<String, Value>);

impl Fields {
    /// The value under this name, if the field is there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text under this name, if the field is there and a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Yes or no, if the field is there and says so.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The number under this name, if the field is there and a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The day under this name, if the field is there and a day.
    pub fn date(&self, name: &str) -> Option<Date> {
        self.text(name)?.parse().ok()
    }

    /// The values of a list; a single value is a list of one, as events are written.
    pub fn values(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(values)) => values,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        }
    }

    /// The texts of a list.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The elements of a list.
    pub fn records(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.values(name).iter().filter_map(|value| match value {
            Value::Record(record) => Some(record),
            _ => None,
        })
    }
}

/// One value. Dates are texts `YYYY-MM-DD`, enumerations are their code, bytes are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A text, date, code or id.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A list; its order is the author's.
    List(Vec<Value>),
    /// An element with named keys.
    Record(Fields),
}
