//! The columns of a list: all that its table has, or those that `--columns` names.

use concordat_proto::descriptor_pool;
use prost::{Message, Name};
use prost_reflect::{Kind, MessageDescriptor};
use serde_json::Value;

use super::layout::layout;
use super::{Row, comma};
use crate::exit::Failure;
use crate::nearest;

/// Where the cells of a column come from.
#[derive(Debug)]
enum Source {
    /// The table's own column.
    Cell(usize),
    /// A value of the JSON, by its path.
    Path(Vec<String>),
}

/// The columns to print, in their order.
#[derive(Debug)]
pub(super) struct Columns {
    heads: Vec<String>,
    sources: Vec<Source>,
}

impl Columns {
    /// Columns of a list of the contract.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a name that is neither a head nor a field.
    pub(super) fn of_messages<M: Message + Name + Row>() -> Result<Self, Failure> {
        let message = descriptor_pool().get_message_by_name(&M::full_name());
        Self::chosen::<M>(|name| path_in(message.clone(), name))
    }

    /// Columns of a list of this program's own.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a name that is no head.
    pub(super) fn of_rows<R: Row>() -> Result<Self, Failure> {
        Self::chosen::<R>(|_| None)
    }

    fn chosen<R: Row>(path: impl Fn(&str) -> Option<Vec<String>>) -> Result<Self, Failure> {
        let asked = &layout().columns;
        if asked.is_empty() {
            return Ok(Self {
                heads: R::COLUMNS.iter().map(|head| (*head).to_owned()).collect(),
                sources: (0..R::COLUMNS.len()).map(Source::Cell).collect(),
            });
        }
        let sources = asked.iter().map(|name| {
            if let Some(index) = R::COLUMNS.iter().position(|head| is_same(head, name)) {
                return Ok(Source::Cell(index));
            }
            path(name)
                .map(Source::Path)
                .ok_or_else(|| unknown(name, R::COLUMNS))
        });
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            heads: asked.clone(),
        })
    }

    /// What stands above the columns.
    pub(super) fn heads(&self) -> &[String] {
        &self.heads
    }

    /// The cells of all rows. `json` is asked only where a column is a path.
    pub(super) fn rows<R: Row>(
        &self,
        rows: &[R],
        json: impl Fn(&R) -> Result<Value, Failure>,
    ) -> Result<Vec<Vec<String>>, Failure> {
        let needs_json = self
            .sources
            .iter()
            .any(|source| matches!(source, Source::Path(_)));
        let cells = |row: &R| -> Result<Vec<String>, Failure> {
            let own = row.cells();
            let document = if needs_json { json(row)? } else { Value::Null };
            let cell = |source: &Source| match source {
                Source::Cell(index) => own.get(*index).cloned().unwrap_or_default(),
                Source::Path(path) => comma::at(&document, path),
            };
            Ok(self.sources.iter().map(cell).collect())
        };
        rows.iter().map(cells).collect()
    }
}

/// Places of the names that `--columns` chose, in its order; all, if it did not.
///
/// # Errors
/// [`Failure::Usage`] for a name that is not there.
pub(super) fn by_head(names: &[&str]) -> Result<Vec<usize>, Failure> {
    let asked = &layout().columns;
    if asked.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let place = |wanted: &String| {
        let place = names.iter().position(|name| is_same(name, wanted));
        place.ok_or_else(|| unknown(wanted, names))
    };
    asked.iter().map(place).collect()
}

/// The JSON names of a path of fields such as `ruling.reason`, whether they were written as in JSON or as in the contract.
pub(super) fn path_in(message: Option<MessageDescriptor>, name: &str) -> Option<Vec<String>> {
    let mut message = message;
    let mut path = Vec::new();
    let mut rest = name.split('.');
    while let Some(part) = rest.next() {
        let within = message?;
        let field = within
            .fields()
            .find(|field| field.json_name() == part || field.name() == part)?;
        path.push(field.json_name().to_owned());
        if field.is_map() {
            path.extend(rest.map(str::to_owned));
            return Some(path);
        }
        message = match field.kind() {
            Kind::Message(inner) if !field.is_list() => Some(inner),
            _ => None,
        };
    }
    Some(path)
}

/// Whether two names differ in nothing but how words are joined: `EVENT ID`, `event-id` and `eventId` are the same.
fn is_same(head: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    letters(head) == letters(name)
}

pub(super) fn unknown(name: &str, heads: &[&str]) -> Failure {
    let heads: Vec<String> = heads.iter().map(|head| comma::head(head)).collect();
    let near = nearest::hint(name, heads.iter().map(String::as_str));
    Failure::Usage(format!(
        "there is no column `{name}`{near}; there are {}, and the names of the JSON",
        heads.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_be_written_in_any_way() {
        assert!(is_same("EVENT ID", "event_id"));
        assert!(is_same("EVENT ID", "eventId"));
        assert!(!is_same("EVENT ID", "event"));
    }

    #[test]
    fn a_path_goes_through_the_contract() {
        let envelope = || descriptor_pool().get_message_by_name("concordat.v1.EventEnvelope");
        let path = |name: &str| path_in(envelope(), name).map(|path| path.join("."));
        assert_eq!(path("ruling.reason").as_deref(), Some("ruling.reason"));
        assert_eq!(path("event_id").as_deref(), Some("eventId"));
        assert_eq!(path("ruling.raeson"), None);
        assert_eq!(path("eventId.more"), None);
    }
}
