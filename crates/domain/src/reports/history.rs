//! What reports read besides the case: its effective events, one after the other.
//!
//! The fold of a case keeps what rules need. Reports ask for more (when something was received, what was found on which issue, which
//! event proves it), so they get the events themselves instead of a case that remembers everything.

use jiff::civil::Date;

use crate::calendar::local_date;
use crate::case::{Case, State};
use crate::event::{Event, EventType};
use crate::fields::{Fields, Value};
use crate::ids::{EventId, OrganisationId, Position};

/// One effective event, and what the case was after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event as it was judged.
    pub event: Event,
    /// Where it stands on the log.
    pub position: Position,
    /// The state of the case after it.
    pub state_after: State,
    /// Its content fields as far as the reader may read them; empty where a report needs none.
    pub content: Fields,
    /// The classes of data of it that the reader may not read.
    pub withheld: Vec<String>,
    /// Its `process` fields with the values that later events corrected.
    fields: Fields,
}

impl Entry {
    /// An effective event without content.
    pub fn new(event: Event, position: Position, state_after: State) -> Self {
        Self {
            fields: event.fields.clone(),
            event,
            position,
            state_after,
            content: Fields::default(),
            withheld: Vec::new(),
        }
    }

    /// The same with its content as far as the reader may read it, and the classes of data that the reader may not.
    #[must_use]
    pub fn with_content(self, content: Fields, withheld: Vec<String>) -> Self {
        Self {
            content,
            withheld,
            ..self
        }
    }

    /// The `process` fields, corrected.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// What happened.
    pub fn event_type(&self) -> EventType {
        self.event.event_type
    }

    /// Whose act it is.
    pub fn actor(&self) -> &OrganisationId {
        self.event.actor()
    }

    /// The local day on which it occurred.
    pub fn day(&self) -> Date {
        local_date(self.event.occurred_at)
    }

    /// The day that a field names, or that of the event.
    pub(crate) fn date_or_day(&self, field: &str) -> Date {
        self.fields.date(field).unwrap_or_else(|| self.day())
    }
}

/// A case up to some position, with its effective events in log order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    case: Case,
    entries: Vec<Entry>,
}

impl History {
    /// A case and the effective events that made it. None without events: then there is no case.
    ///
    /// Corrections are carried out: an event that was corrected reads as if it had carried the new values (B7, `correction-recorded`). An
    /// id that two organisations used names no event, as in the fold.
    pub fn new(case: Case, mut entries: Vec<Entry>) -> Option<Self> {
        if entries.is_empty() {
            return None;
        }
        let corrections: Vec<(EventId, Fields)> = entries
            .iter()
            .filter(|entry| entry.event_type() == EventType::CorrectionRecorded)
            .filter_map(|entry| {
                let corrected = entry.event.fields.text("corrects")?.parse().ok()?;
                match entry.event.fields.get("values") {
                    Some(Value::Record(values)) => Some((corrected, values.clone())),
                    _ => None,
                }
            })
            .filter(|(corrected, _)| !case.is_shared_id(*corrected))
            .collect();
        for (corrected, values) in corrections {
            let wrong = entries
                .iter_mut()
                .filter(|entry| entry.event.id == corrected);
            for entry in wrong {
                entry.fields.0.extend(values.0.clone());
            }
        }
        Some(Self { case, entries })
    }

    /// The case at the end of these events.
    pub fn case(&self) -> &Case {
        &self.case
    }

    /// The effective events, in log order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
