//! An event accepted here and not yet on the log.

use concordat_codec::event::{HeaderFacts, NodeFacts, from_input, to_domain};
use concordat_domain::event::{CaseVersion, Event, EventType};
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::v1;
use jiff::Timestamp;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One draft, as it is kept in the store's vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) event_id: EventId,
    pub(crate) case: CaseId,
    /// The encoded `EventInput`, hexadecimal.
    #[serde(with = "hex::serde")]
    input: Vec<u8>,
    pub(crate) accepted_at: Timestamp,
    /// What the case looked like when it was accepted: fixed then, not at signing.
    pub(crate) basis: CaseVersion,
    pub(crate) expected: Option<CaseVersion>,
    traceparent: Option<String>,
    /// Why a person has to look, if so.
    pub(crate) held: Option<String>,
    /// Made by the enforcer, not by a local system: dropped when void, never held, never stored.
    pub(crate) derived: bool,
    /// The signed change of the partnership that goes out instead, if several organisations have signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Vec<u8>>,
    /// First event of the batch with which it was accepted, if it was: as long as none of them is held they go out in one bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<EventId>,
    /// How often a ruling said nothing about it, so that it was drafted again.
    pub(crate) drafted_again: u8,
}

/// What an event says of the case when it is sealed.
pub(crate) struct Surroundings {
    pub(crate) lead_epoch: Option<u32>,
    pub(crate) applied: (u64, [u8; 32]),
    pub(crate) opening: Option<v1::Opening>,
}

impl Draft {
    pub(crate) fn new(
        (event_id, case): (EventId, CaseId),
        input: &v1::EventInput,
        accepted_at: Timestamp,
        (basis, expected): (CaseVersion, Option<CaseVersion>),
        traceparent: Option<String>,
    ) -> Self {
        let input = input.encode_to_vec();
        Self {
            event_id,
            case,
            input,
            accepted_at,
            basis,
            expected,
            traceparent,
            held: None,
            derived: false,
            record: None,
            batch: None,
            drafted_again: 0,
        }
    }

    /// Version of the case with this draft and what its emitter could know.
    pub(crate) fn version(&self) -> CaseVersion {
        CaseVersion {
            own_seq: self.basis.own_seq + 1,
            ..self.basis
        }
    }

    /// The draft of a change that several organisations have signed.
    pub(crate) fn carrying(self, record: Vec<u8>) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    /// The signed change that it carries, if it does.
    pub(crate) fn record(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    /// The draft as one of a batch, by the first event of that.
    pub(crate) fn in_batch(self, first: EventId) -> Self {
        Self {
            batch: Some(first),
            ..self
        }
    }

    pub(crate) fn derived(self) -> Self {
        Self {
            derived: true,
            ..self
        }
    }

    /// The draft, waiting for a person.
    pub(crate) fn held_for(self, reason: String) -> Self {
        Self {
            held: Some(reason),
            // Whenever it is released, the others are on the log.
            batch: None,
            ..self
        }
    }

    /// The draft as a person lets it go, who has this version of the case in view and still wants nobody to come between, if the
    /// emitter did.
    pub(crate) fn released_on(self, version: CaseVersion) -> Self {
        Self {
            held: None,
            basis: version,
            expected: self.expected.map(|_| version),
            ..self
        }
    }

    /// The draft, to go out once more.
    pub(crate) fn again(self) -> Self {
        Self {
            drafted_again: self.drafted_again + 1,
            ..self
        }
    }

    /// The bytes to keep.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self)
            .map_err(|_| Error::Corrupt("a draft does not serialise".to_owned()))
    }

    /// A draft from the bytes kept.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes)
            .map_err(|_| Error::Corrupt("a draft does not decode".to_owned()))
    }

    pub(crate) fn input(&self) -> Result<v1::EventInput, Error> {
        v1::EventInput::decode(self.input.as_slice())
            .map_err(|_| Error::Corrupt("a draft does not decode".to_owned()))
    }

    /// What kind of event it is, also where it cannot be judged. The door takes no other than the kinds that there are.
    pub(crate) fn event_type(&self) -> Option<EventType> {
        let body = self.input().ok()?.body?;
        concordat_codec::kinds::event_type(&body)?.parse().ok()
    }

    /// The event as it goes onto the wire, whole.
    pub(crate) fn wire(&self, surroundings: Surroundings) -> Result<v1::Event, Error> {
        let facts = NodeFacts {
            // Fixed at acceptance, however long it waits; an event without a time of its own also happened then.
            recorded_at: self.accepted_at,
            lead_epoch: surroundings.lead_epoch,
            basis: self.basis,
            expected: self.expected,
            traceparent: self.traceparent.clone(),
            applied: Some(surroundings.applied),
            opening: surroundings.opening,
        };
        from_input(&self.input()?, facts).map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// The event as judging sees it.
    pub(crate) fn judged(
        &self,
        event: &v1::Event,
        author: &OrganisationId,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let facts = HeaderFacts {
            id: self.event_id,
            case: self.case,
            author: author.clone(),
            claimed_at: now,
            content_digest: concordat_codec::digest::of_input(Some(self.case), &self.input()?),
        };
        to_domain(event, facts).map_err(|error| Error::Corrupt(error.to_string()))
    }
}
