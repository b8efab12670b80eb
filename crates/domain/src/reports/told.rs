//! Fields of an event as people read them.

use crate::fields::{Fields, Value};

/// Names and values, in the order of the names: `method: letter; orgs: ods:ZT1, ods:ZT2`.
pub(crate) fn told(fields: &Fields) -> String {
    let told = fields
        .0
        .iter()
        .map(|(name, value)| format!("{name}: {}", value_told(value)));
    told.collect::<Vec<_>>().join("; ")
}

fn value_told(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Flag(true) => "yes".to_owned(),
        Value::Flag(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::List(values) if values.is_empty() => "none".to_owned(),
        Value::List(values) => {
            let values = values.iter().map(value_told);
            values.collect::<Vec<_>>().join(", ")
        }
        Value::Record(record) => {
            let pairs = record.0.iter();
            let pairs = pairs.map(|(name, value)| format!("{name} {}", value_told(value)));
            format!("({})", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
