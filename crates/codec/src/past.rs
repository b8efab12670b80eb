//! Dates by which an event says that something has happened: none can lie in the future. Whoever knows the day of today asks, at the door
//! alone; no ruling rests on it.

use concordat_proto::v1::EventInput;
use jiff::civil::Date;
use prost_reflect::Value;

use crate::kinds;

/// Their names, which mean the same in every event.
const NAMES: [&str; 18] = [
    "agreed_on",
    "closed_on",
    "complainant_told_on",
    "deceased_on",
    "first_received_on",
    "happened_on",
    "known_on",
    "last_on",
    "matter_known_on",
    "matter_occurred_on",
    "noticed_on",
    "occurred_on",
    "other_received_on",
    "received_by_authority_on",
    "received_on",
    "said_on",
    "screened_on",
    "sent_on",
];

/// The dates of an event that are past, with their paths relative to the input, such as `body.complaint_received.received_on`. What is no
/// date is left to [`crate::shape::validate`].
pub fn dates(input: &EventInput) -> Vec<(String, Date)> {
    let body = input.body.as_ref().map(kinds::reflect);
    let Some((field, message)) = body.as_ref().and_then(kinds::kind) else {
        return Vec::new();
    };
    let fields = message.fields();
    let dates = fields.filter_map(|(one, value)| match value {
        Value::String(text) if NAMES.contains(&one.name()) => {
            let path = format!("body.{}.{}", field.name(), one.name());
            Some((path, text.parse().ok()?))
        }
        _ => None,
    });
    dates.collect()
}
