use serde_json::Value;

use super::BadFile;

/// Canonical form of a TOML document.
pub(super) fn of_toml(text: &str) -> Result<String, BadFile> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| BadFile::Syntax(error.to_string()))?;
    of_json(&json(toml::Value::Table(table))?)
}

/// Canonical form of a JSON value. Written out here, because the order of serde_json's maps depends on a feature that any crate in a
/// build can turn on.
pub(super) fn of_json(value: &Value) -> Result<String, BadFile> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn json(value: toml::Value) -> Result<Value, BadFile> {
    Ok(match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::from(flag),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, item)| Ok((key, json(item)?)))
                .collect::<Result<_, BadFile>>()?,
        ),
        toml::Value::Float(_) => return Err(BadFile::Syntax("numbers must be whole".to_owned())),
        toml::Value::Datetime(_) => {
            return Err(BadFile::Syntax(
                "write dates as text in quotation marks".to_owned(),
            ));
        }
    })
}

fn write(value: &Value, text: &mut String) -> Result<(), BadFile> {
    match value {
        Value::Null => {
            return Err(BadFile::Syntax(
                "a key without a value is left out, not null".to_owned(),
            ));
        }
        Value::Number(number) if !number.is_i64() => {
            return Err(BadFile::Syntax("numbers must be whole".to_owned()));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                separate(place, text);
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(object) => {
            let sorted: std::collections::BTreeMap<_, _> = object.iter().collect();
            text.push('{');
            for (place, (key, item)) in sorted.into_iter().enumerate() {
                separate(place, text);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(item, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}
