//! Comma-separated values (RFC 4180) on standard output.

use std::borrow::Cow;
use std::io::{self, Write as _};

use concordat_proto::descriptor_pool;
use csv::{Terminator, WriterBuilder};
use serde_json::{Map, Value};

use super::columns::{path_in, unknown};
use super::layout::layout;
use crate::exit::Failure;

/// Prints rows under their heads. None: heads were printed before.
pub(super) fn print(heads: &[String], rows: &[Vec<String>]) -> Result<(), Failure> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    if layout().headers && !heads.is_empty() {
        let heads = heads.iter().map(|name| head(name));
        writer.write_record(heads).map_err(anyhow::Error::from)?;
    }
    for row in rows {
        let cells = row.iter().map(|text| disarmed(text).into_owned());
        writer.write_record(cells).map_err(anyhow::Error::from)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    Ok(out.flush()?)
}

/// Prints a document that is no list of the contract: an object as one row, a list of objects as one each. Fields within fields are
/// columns such as `ruling.reason`; lists within are JSON in a cell.
pub(super) fn print_document(document: &Value, message: Option<&str>) -> Result<(), Failure> {
    let documents = match document {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    let leaves: Vec<Vec<(String, String)>> = documents.iter().map(leaves_of).collect();
    let mut heads: Vec<String> = Vec::new();
    for (name, _) in leaves.iter().flatten() {
        if !heads.contains(name) {
            heads.push(name.clone());
        }
    }
    if !layout().columns.is_empty() {
        return print_chosen(documents, message, &heads);
    }
    let row = |leaves: &Vec<(String, String)>| {
        let cell = |head: &String| leaves.iter().find(|(name, _)| name == head);
        let cells = heads.iter().map(|head| cell(head).map(|(_, text)| text));
        cells
            .map(|text| text.cloned().unwrap_or_default())
            .collect()
    };
    let rows: Vec<Vec<String>> = leaves.iter().map(row).collect();
    print(&heads, &rows)
}

fn print_chosen(
    documents: &[Value],
    message: Option<&str>,
    heads: &[String],
) -> Result<(), Failure> {
    let descriptor = message.and_then(|name| descriptor_pool().get_message_by_name(name));
    let known: Vec<&str> = heads.iter().map(String::as_str).collect();
    let path = |name: &String| {
        // A field without a value is not in the JSON, and yet a column.
        let path = path_in(descriptor.clone(), name);
        let there = || known.contains(&name.as_str());
        path.or_else(|| there().then(|| name.split('.').map(str::to_owned).collect()))
            .ok_or_else(|| unknown(name, &known))
    };
    let paths: Vec<Vec<String>> = layout()
        .columns
        .iter()
        .map(path)
        .collect::<Result<_, _>>()?;
    let row = |document: &Value| paths.iter().map(|path| at(document, path)).collect();
    let rows: Vec<Vec<String>> = documents.iter().map(row).collect();
    print(&layout().columns, &rows)
}

fn leaves_of(document: &Value) -> Vec<(String, String)> {
    fn walk(within: &str, fields: &Map<String, Value>, leaves: &mut Vec<(String, String)>) {
        for (name, value) in fields {
            let name = match within {
                "" => name.clone(),
                within => format!("{within}.{name}"),
            };
            match value {
                Value::Object(inner) => walk(&name, inner, leaves),
                value => leaves.push((name, text(value))),
            }
        }
    }
    let mut leaves = Vec::new();
    match document {
        Value::Object(fields) => walk("", fields, &mut leaves),
        value => leaves.push(("value".to_owned(), text(value))),
    }
    leaves
}

/// The text at a path; empty if nothing is there.
pub(super) fn at(document: &Value, path: &[String]) -> String {
    let mut value = document;
    for name in path {
        match value.get(name) {
            Some(inner) => value = inner,
            None => return String::new(),
        }
    }
    text(value)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A table's head as a name: `EVENT ID` is `event_id`. Names of the JSON stay as they are.
pub(super) fn head(name: &str) -> String {
    if name.chars().any(char::is_lowercase) {
        return name.replace(' ', "_");
    }
    name.to_lowercase().replace(' ', "_")
}

/// The text of a cell. One that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection): narrative and
/// codes come from outside. Numbers are left alone.
pub(crate) fn disarmed(text: &str) -> Cow<'_, str> {
    let runs = |first: char| {
        matches!(
            first,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    let is_number = || text.parse::<f64>().is_ok();
    if text.trim_start_matches(' ').starts_with(runs) && !is_number() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_that_would_run_as_a_formula_is_disarmed() {
        assert_eq!(disarmed("=1+1"), "'=1+1");
        assert_eq!(disarmed(" @SUM(A1)"), "' @SUM(A1)");
        assert_eq!(disarmed("-3"), "-3");
        assert_eq!(disarmed("ods:ZT1"), "ods:ZT1");
    }

    #[test]
    fn fields_within_fields_are_columns() {
        let leaves = leaves_of(&json!({"a": {"b": 1, "c": null}, "d": ["x"]}));
        let expected = [("a.b", "1"), ("a.c", ""), ("d", "[\"x\"]")];
        assert_eq!(
            leaves,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
        let path = ["a".to_owned(), "b".to_owned()];
        assert_eq!(at(&json!({"a": {"b": "t"}}), &path), "t");
        assert_eq!(at(&json!({"a": 1}), &path), "");
    }

    #[test]
    fn heads_of_tables_become_names() {
        assert_eq!(head("EVENT ID"), "event_id");
        assert_eq!(head("eventId"), "eventId");
    }
}
