//! What a local system hands in, and what it gets back.

use std::collections::BTreeSet;
use std::time::Duration;

use concordat_domain::case::NextEvent;
use concordat_domain::event::{CaseVersion, EventType};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::timetable::DeadlineEffect;
use concordat_proto::v1;
use concordat_trust::bundle::ENVELOPES_MAX;
use serde::{Deserialize, Serialize};

/// How far an emitted event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Would now be void: kept aside until a person releases or discards it.
    Held,
    /// Durable at this node, not yet on the log.
    Accepted,
    /// The log acknowledged the bundle that carries it.
    Committed,
    /// Read back from the log and judged.
    Ruled,
    /// Bundles of two other organisations, or of the only other, cover it.
    Witnessed,
}

/// The verdict on an envelope at its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// It counts.
    Effective,
    /// It does not count; the reason is one of the closed list, such as `no-consent` or `missing-field:findings`.
    Void {
        /// Reason code.
        reason: String,
    },
}

impl Ruling {
    /// Whether the envelope counts.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        matches!(self, Self::Effective)
    }

    /// The reason code of a void ruling.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Effective => None,
            Self::Void { reason } => Some(reason),
        }
    }
}

/// What an event came to at its position, as this organisation keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ruled {
    /// The verdict.
    pub ruling: Ruling,
    /// State of the case after it; none if the case was not opened.
    pub state_after: Option<String>,
    /// Version of the case after it, as this organisation counts.
    pub version_after: CaseVersion,
    /// Version that its author had in view when it handed the event in; none where this cannot be read, or was ruled before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<CaseVersion>,
    /// Expected fields that are absent, as `incomplete:<field>`.
    pub warnings: BTreeSet<String>,
}

/// One event on its way in.
#[derive(Debug, Clone)]
pub struct Emission {
    /// Chosen by the emitter before its first try; the only idempotency key, for life.
    pub event_id: EventId,
    /// The case; `None` for an event that opens one (the node then makes the id).
    pub case: Option<CaseId>,
    /// The event as the local system says it.
    pub input: v1::EventInput,
    /// Version of the case that the emitter had in view, if it wants the event void should another organisation have
    /// acted since.
    pub expected: Option<CaseVersion>,
    /// Stage to wait for.
    pub wait_for: Stage,
    /// How long to wait for it at most; the answer then names the stage reached.
    pub wait_at_most: Duration,
    /// Judge only: nothing is stored.
    pub validate_only: bool,
    /// W3C trace context of the call, carried in `process`.
    pub traceparent: Option<String>,
}

/// Several events of one case on their way in: all are accepted, or none.
#[derive(Debug, Clone)]
pub struct BatchEmission {
    /// The case; `None` if the first event opens one, to which the others then belong.
    pub case: Option<CaseId>,
    /// The events in order, each with the id that its emitter chose. Each is judged on what those before it do.
    pub events: Vec<(EventId, v1::EventInput)>,
    /// As [`Emission::expected`], for each of them: what another organisation does meanwhile is in the way, what stands before in the
    /// batch is not.
    pub expected: Option<CaseVersion>,
    /// Stage to wait for, of each.
    pub wait_for: Stage,
    /// How long to wait for all of them together at most.
    pub wait_at_most: Duration,
    /// Judge only: nothing is stored.
    pub validate_only: bool,
    /// W3C trace context of the call, carried in `process` of each.
    pub traceparent: Option<String>,
}

impl BatchEmission {
    /// Events of a batch at most: what one bundle holds.
    pub const EVENTS_MAX: usize = ENVELOPES_MAX;

    /// The events as single emissions.
    pub(crate) fn singly(self) -> Vec<Emission> {
        let singly = self.events.into_iter().map(|(event_id, input)| Emission {
            event_id,
            case: self.case,
            input,
            expected: self.expected,
            wait_for: self.wait_for,
            wait_at_most: self.wait_at_most,
            validate_only: self.validate_only,
            traceparent: self.traceparent.clone(),
        });
        singly.collect()
    }
}

/// What an emitter gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The emitter's own id.
    pub event_id: EventId,
    /// The case, made by the node for an opening event.
    pub case: CaseId,
    /// Stage reached.
    pub stage: Stage,
    /// The verdict, from [`Stage::Ruled`] on; the reason in [`Stage::Held`].
    pub ruling: Option<Ruling>,
    /// Expected fields that are absent, as `incomplete:<field>`, from [`Stage::Ruled`] on and for a validation.
    pub warnings: BTreeSet<String>,
    /// Whether its content never left this node: it was signed before a crash or an outage and void by the time it could go out. The
    /// event as handed in is still here.
    pub content_kept_back: bool,
    /// Where it stands, from [`Stage::Ruled`] on.
    pub position: Option<Position>,
    /// Version of the case with this event and what its emitter could know when it was handed in: the same in every receipt of it, whatever
    /// others did since, so that an event that is emitted on it is not taken for one that saw that.
    pub version: CaseVersion,
    /// Whether the same event had been handed in before: this is the first receipt again, with today's stage.
    pub deduplicated: bool,
    /// Whether the log could be reached; if not, the event waits here and is committed in order later.
    pub log_reachable: bool,
    /// Types that this organisation may emit next in the case.
    pub next_event_types: Vec<EventType>,
    /// State of the case: as ruled now, or after the event that was validated. None where there is no case.
    pub state: Option<String>,
    /// What may come next in that state, and by whom.
    pub next_events: Vec<NextEvent>,
    /// Of a validation: what the event would do to the deadlines of the case.
    pub deadline_effects: Vec<DeadlineEffect>,
}

/// What other organisations did in a case since a version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meanwhile {
    /// The version today.
    pub version: CaseVersion,
    /// How many of their events became effective since.
    pub count: u64,
    /// The last of those, in log order; at most [`Self::TOLD_MAX`].
    pub events: Vec<EventSince>,
}

impl Meanwhile {
    /// Events that are told at most: details of an error travel in headers, of which clients by default take 8 KiB in all.
    pub const TOLD_MAX: usize = 10;
}

/// One event that became effective since a version of its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSince {
    /// Its author's id for it.
    pub event_id: EventId,
    /// Who published it.
    pub author: OrganisationId,
    /// Its type.
    pub event_type: Option<EventType>,
    /// Where it stands.
    pub position: Position,
}
