//! The node's views as messages of the contract.

mod audit;
mod audit_stream;
mod case;
mod deadline;
mod event;
mod proof;
mod report;

pub(crate) use audit::{access_record, comparison, past_case};
pub(crate) use audit_stream::{count, digest_of_cases, finding, replayed, verified, what_if};
pub(crate) use case::case;
pub(crate) use deadline::{deadline, explanation, state as deadline_state};
pub(crate) use event::{case_after, draft, event, next_events, receipt, stage, timeline_entry};
pub(crate) use proof::{consistency, inclusion};
pub(crate) use report::report;

use concordat_codec::catalogue::Entry;
use concordat_proto::v1;
use jiff::Timestamp;
use prost_types::Timestamp as WireTimestamp;

/// An instant on the wire.
pub(crate) fn instant(at: Timestamp) -> WireTimestamp {
    concordat_codec::time::to_wire(at)
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

/// Numbers of compartments, as enumerations travel.
fn compartments(all: &[v1::Compartment]) -> Vec<i32> {
    all.iter().map(|one| i32::from(*one)).collect()
}

/// An event type as lists of them show it.
pub(crate) fn event_type(entry: &Entry) -> v1::EventTypeEntry {
    v1::EventTypeEntry {
        r#type: entry.event_type.code().to_owned(),
        title: entry.title.clone(),
        summary: entry.row.summary.to_owned(),
        emitters: texts(entry.row.who.iter().map(|who| who.title())),
        cloud_event_type: entry.cloud_type(),
        since: entry.since.to_owned(),
        json_schema: String::new(),
        example_json: String::new(),
    }
}
