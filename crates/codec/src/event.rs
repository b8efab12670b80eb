//! The event of the wire and the event of the domain.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::{
    directory::{DirectoryEvent, Standing},
    event::{CaseVersion, Event, EventType, Opening},
    events::{Who, row},
    ids::{CaseId, EventId, OrganisationId, PackId},
};
use concordat_proto::v1;
use jiff::Timestamp;

use crate::{error::Error, fields, fields::Extract, time};

/// What the header of an envelope and of its bundle say about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFacts {
    /// The event's id.
    pub id: EventId,
    /// Its case.
    pub case: CaseId,
    /// The organisation that signed the bundle.
    pub author: OrganisationId,
    /// The claimed time of the bundle.
    pub claimed_at: Timestamp,
    /// By which the same id with other content is told: the event hash on the log, the input digest at the door.
    pub content_digest: [u8; 32],
}

/// What a node adds to an event that it was handed.
#[derive(Debug, Clone, Default)]
pub struct NodeFacts {
    /// The node's clock.
    pub recorded_at: Timestamp,
    /// Lead epoch of the case as the node knows it.
    pub lead_epoch: Option<u32>,
    /// Case version on which the draft is accepted.
    pub basis: CaseVersion,
    /// Case version that the emitter demands.
    pub expected: Option<CaseVersion>,
    /// W3C trace context of the emit.
    pub traceparent: Option<String>,
    /// Count and running hash of the case's admitted envelopes as applied.
    pub applied: Option<(u64, [u8; 32])>,
    /// What the case pins, with the alias table. Only for an event that opens one.
    pub opening: Option<v1::Opening>,
}

/// The event as judging sees it, from its opened `process` part (or from more of it) and its headers.
///
/// # Errors
///
/// [`Error::UnknownEventType`] if the kind is newer than this node's contract or rules; [`Error::Unreadable`] if the
/// part lacks what every event has, or has an id that is none.
pub fn to_domain(event: &v1::Event, facts: HeaderFacts) -> Result<Event, Error> {
    let Extract {
        event_type,
        fields,
        filled,
    } = extract(event)?;
    let occurred_at = event.occurred_at.as_ref().and_then(time::from_wire);
    Ok(Event {
        id: facts.id,
        case: facts.case,
        author: facts.author,
        on_behalf_of: parsed(event.on_behalf_of.as_deref(), "on_behalf_of")?,
        event_type: event_type
            .parse::<EventType>()
            .map_err(|_| Error::UnknownEventType(event_type))?,
        occurred_at: occurred_at.ok_or_else(|| unreadable("occurred_at"))?,
        recorded_at: facts.claimed_at,
        lead_epoch: event.lead_epoch,
        basis: event
            .basis_version
            .as_ref()
            .map(case_version)
            .unwrap_or_default(),
        expected: event.expected_version.as_ref().map(case_version),
        corrects: parsed(event.corrects.as_deref(), "corrects")?,
        fields,
        // The author's word, where only `process` was opened; its node checked that it is true.
        filled: filled
            .into_iter()
            .chain(event.filled.iter().cloned())
            .collect(),
        opening: event.opening.as_ref().map(opening).transpose()?,
        content_digest: facts.content_digest,
    })
}

/// An event of the directory as judging sees it.
///
/// # Errors
///
/// As [`to_domain`].
pub fn to_directory(
    event: &v1::Event,
    (id, author, claimed_at): (EventId, OrganisationId, Timestamp),
) -> Result<DirectoryEvent, Error> {
    let Extract {
        event_type,
        fields,
        filled,
    } = extract(event)?;
    let event_type: EventType = event_type
        .parse()
        .map_err(|_| Error::UnknownEventType(event_type))?;
    let occurred_at = event.occurred_at.as_ref().and_then(time::from_wire);
    let is_stewards = row(event_type).who.contains(&Who::Steward);
    Ok(DirectoryEvent {
        id,
        author,
        on_behalf_of: parsed(event.on_behalf_of.as_deref(), "on_behalf_of")?,
        standing: if is_stewards {
            Standing::Steward
        } else {
            Standing::Own
        },
        event_type,
        occurred_at: occurred_at.ok_or_else(|| unreadable("occurred_at"))?,
        recorded_at: claimed_at,
        fields,
        filled,
    })
}

/// The event of the wire, whole, from what a local system handed in. Call [`crate::shape::validate`] first.
///
/// # Errors
///
/// [`Error::UnknownEventType`] if no kind is set.
pub fn from_input(input: &v1::EventInput, facts: NodeFacts) -> Result<v1::Event, Error> {
    let body = input.body.clone().ok_or_else(unset)?;
    let filled = fields::extract(&body, &input.empty_lists)
        .ok_or_else(unset)?
        .filled;
    let empty_lists: BTreeSet<String> = input.empty_lists.iter().cloned().collect();
    let (applied_count, applied_hash) = facts
        .applied
        .map(|(count, hash)| (count, hash.to_vec()))
        .unzip();
    Ok(v1::Event {
        body: Some(body),
        occurred_at: Some(
            input
                .occurred_at
                .unwrap_or_else(|| time::to_wire(facts.recorded_at)),
        ),
        recorded_at: Some(time::to_wire(facts.recorded_at)),
        lead_epoch: facts.lead_epoch,
        basis_version: Some(version_to_wire(facts.basis)),
        expected_version: facts.expected.map(version_to_wire),
        traceparent: facts.traceparent,
        causation_id: input.causation_id.clone(),
        corrects: input.corrects.clone(),
        on_behalf_of: input.on_behalf_of.clone(),
        received_as: input.received_as.clone(),
        proxy_evidence_ref: input.proxy_evidence_ref.clone(),
        actor_role: input.actor_role.clone(),
        actor_id: input.actor_id.clone(),
        backdate_reason: input.backdate_reason.clone(),
        filled: filled.into_iter().collect(),
        empty_lists: empty_lists.into_iter().collect(),
        applied_count,
        applied_hash,
        opening: facts.opening,
    })
}

/// The event of the wire for what is tied to no case, from what a local system handed in. It names no version of a case; and why it
/// was recorded late, and who in person recorded it, is nobody's business beyond the own organisation.
///
/// # Errors
///
/// [`Error::UnknownEventType`] if no kind is set.
pub fn directory_from_input(
    input: &v1::EventInput,
    recorded_at: Timestamp,
) -> Result<v1::Event, Error> {
    let facts = NodeFacts {
        recorded_at,
        ..NodeFacts::default()
    };
    Ok(v1::Event {
        basis_version: None,
        backdate_reason: None,
        actor_id: None,
        filled: Vec::new(),
        ..from_input(input, facts)?
    })
}

/// A case version as the wire writes it.
pub fn version_to_wire(version: CaseVersion) -> v1::CaseVersion {
    v1::CaseVersion {
        others: Some(version.others),
        own_seq: Some(version.own_seq),
    }
}

/// A case version as the wire wrote it; what is absent is 0.
pub fn case_version(version: &v1::CaseVersion) -> CaseVersion {
    CaseVersion {
        others: version.others.unwrap_or_default(),
        own_seq: version.own_seq.unwrap_or_default(),
    }
}

/// What a case pins, as the domain sees it.
///
/// # Errors
///
/// [`Error::Unreadable`] if a pack has no proper name.
pub fn opening(opening: &v1::Opening) -> Result<Opening, Error> {
    let mut packs = BTreeMap::new();
    for pack in &opening.packs {
        let id = parsed(pack.id.as_deref(), "opening.packs.id")?
            .ok_or_else(|| unreadable("opening.packs.id"))?;
        packs.insert(id, hex::encode(pack.hash()));
    }
    Ok(Opening {
        rules_version: opening.judging_rules(),
        packs,
        tz_release: opening.time_zone_release().to_owned(),
    })
}

/// What a case pins, as the wire writes it, without the alias table.
pub fn opening_to_wire(opening: &Opening) -> v1::Opening {
    let pack = |(id, hash): (&PackId, &String)| v1::PinnedPack {
        id: Some(id.to_string()),
        version: None,
        hash: hex::decode(hash).ok(),
    };
    v1::Opening {
        judging_rules: Some(opening.rules_version),
        packs: opening.packs.iter().map(pack).collect(),
        time_zone_release: Some(opening.tz_release.clone()),
        alias_table: Vec::new(),
    }
}

fn extract(event: &v1::Event) -> Result<Extract, Error> {
    let body = event.body.as_ref().ok_or_else(unset)?;
    fields::extract(body, &event.empty_lists).ok_or_else(unset)
}

fn parsed<T: std::str::FromStr>(text: Option<&str>, field: &str) -> Result<Option<T>, Error> {
    text.map(str::parse)
        .transpose()
        .map_err(|_| unreadable(field))
}

fn unreadable(field: &str) -> Error {
    Error::Unreadable(format!("`{field}` is absent or malformed"))
}

fn unset() -> Error {
    Error::UnknownEventType("unset".to_owned())
}
