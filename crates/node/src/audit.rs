//! What auditors ask of a node, and what it answers: computed anew from the journal, never from what is kept beside it.

mod findings;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use concordat_domain::audit::{DeadlineChange, FieldChange, WhatIf};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::policy::PolicyPack;
use concordat_trust::digest::{BundleHash, EventHash, Hash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::audit as engine;
use crate::error::Error;
use crate::node::Node;
use crate::views::{CaseView, EventView};

pub use findings::{Finding, FindingCode};
pub use verify::{Stretch, Verification, Verified};

/// Up to where the log counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Known {
    /// All that this node has applied.
    #[default]
    Head,
    /// Up to and with the envelope at this position.
    Position(Position),
    /// Up to the last bundle before one claims a later time than this.
    Time(Timestamp),
}

/// A point at which a case is looked at: what was known, and the instant at which its deadlines are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// What was known.
    pub known: Known,
    /// The instant at which deadlines and flags are read. If none is given: the time of `known`, the time that the bundle at its position
    /// claims, or now.
    pub valid_at: Option<Timestamp>,
}

/// A point of the log that was found: where it counts up to, and when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundPoint {
    /// The last envelope that counts; none if none does.
    pub position: Option<Position>,
    /// The instant at which deadlines are read.
    pub valid_at: Timestamp,
}

/// A case as it stood at a point.
#[derive(Debug, Clone)]
pub struct PastCase {
    /// The case.
    pub case: CaseView,
    /// The point.
    pub point: FoundPoint,
}

/// A case at one of two points.
#[derive(Debug, Clone)]
pub struct ComparedCase {
    /// The point.
    pub point: FoundPoint,
    /// State and digest of the case; none if it was not there, or could not be read.
    pub stood: Option<(String, [u8; 32])>,
}

/// The event that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedBy {
    /// Its id.
    pub event: EventId,
    /// Who published it.
    pub author: OrganisationId,
    /// Where it stands.
    pub position: Position,
}

/// What differs between two points of a case.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The earlier point.
    pub before: ComparedCase,
    /// The later point.
    pub after: ComparedCase,
    /// Fields that differ, each with the event that changed it last.
    pub fields: Vec<(FieldChange, Option<ChangedBy>)>,
    /// Deadlines that differ.
    pub deadlines: Vec<DeadlineChange>,
    /// The events between, in log order, void ones too.
    pub events: Vec<EventView>,
}

/// Who asks, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// A pseudonymous id, or a role.
    pub who: String,
    /// What for, as a code.
    pub purpose: String,
}

/// Somebody looked. It never leaves its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccessRecord {
    /// Its id.
    pub id: EventId,
    /// When, by this node's clock.
    pub at: Timestamp,
    /// Who looked.
    pub who: String,
    /// What for.
    pub purpose: String,
    /// What was asked; empty for a look that a local system logged.
    pub rpc: String,
    /// The case; none if it was about more than one, or about none.
    pub case: Option<CaseId>,
    /// The feed that was sought, replayed or dropped from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
}

/// Which access records are asked for.
#[derive(Debug, Clone, Default)]
pub struct AccessQuery {
    /// Only looks at this case.
    pub case: Option<CaseId>,
    /// Only from this instant on.
    pub from: Option<Timestamp>,
    /// Only before this instant.
    pub until: Option<Timestamp>,
    /// Only what comes after this one.
    pub after: Option<(Timestamp, EventId)>,
    /// At most so many.
    pub max: usize,
}

/// Some access records.
#[derive(Debug, Clone, Default)]
pub struct AccessPage {
    /// The records, oldest first.
    pub records: Vec<AccessRecord>,
    /// Up to where was looked: ask again after it. None at the end.
    pub scanned_to: Option<(Timestamp, EventId)>,
}

/// Which events are replayed. What is not said is left open; what is said must all hold.
#[derive(Debug, Clone, Default)]
pub struct ReplayQuery {
    /// Only those of this case; all that this organisation may see, if none is given.
    pub case: Option<CaseId>,
    /// Only those at this position or behind it.
    pub from: Option<Position>,
    /// Only those whose bundle claims this time or a later one.
    pub from_time: Option<Timestamp>,
    /// Only those whose bundle claims an earlier time.
    pub until_time: Option<Timestamp>,
    /// Whether each comes with what was signed.
    pub with_signed_bytes: bool,
    /// Whether each comes with the state of its case after it.
    pub with_state: bool,
}

/// One event of a replay.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The event, with the verdict as computed anew.
    pub event: EventView,
    /// What was signed, if asked for.
    pub signed: Option<SignedEvent>,
    /// Its case after it, if asked for.
    pub state: Option<StateAfter>,
}

/// An event as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    /// The bundle's header, as signed.
    pub bundle_header: Vec<u8>,
    /// The signature over it.
    pub signature: Vec<u8>,
    /// The envelope, encoded: its header as hashed, and the parts that are here.
    pub envelope: Vec<u8>,
    /// Place of the envelope in its bundle.
    pub index: u32,
    /// Path from the event hash to the root that the header names.
    pub path: Vec<Hash>,
    /// Hash of the bundle.
    pub bundle_hash: BundleHash,
    /// Hash of the envelope.
    pub event_hash: EventHash,
}

/// A case after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateAfter {
    /// Its state.
    pub state: String,
    /// Its digest.
    pub digest: [u8; 32],
    /// When its deadlines are read: the time that the bundle claims.
    pub at: Timestamp,
    /// Deadlines that changed since the event before.
    pub deadlines: Vec<DeadlineChange>,
}

/// A replay under way. Go on with it by [`Node::replay_more`] until there is no more.
pub struct Replay(engine::Replay);

impl Replay {
    /// The cases met that could be read at the end, with their digests there.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<CaseId, [u8; 32]> {
        self.0.digests()
    }
}

/// Which event is to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one at this position.
    Position(Position),
    /// The one of this id.
    Event {
        /// Who published it.
        author: OrganisationId,
        /// Its id.
        event: EventId,
    },
}

/// Path of a bundle in the tree of a size (RFC 9162, 2.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreePath {
    /// Number of bundles.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// Hashes from the leaf's sibling up.
    pub path: Vec<Hash>,
}

/// A bundle that names what its author had seen, and the path of the proven bundle to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Its header, as signed.
    pub bundle_header: Vec<u8>,
    /// The signature over it.
    pub signature: Vec<u8>,
    /// Who signed.
    pub organisation: OrganisationId,
    /// The path.
    pub log: TreePath,
}

/// That an event stands on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The event as signed, with its path in its bundle.
    pub event: SignedEvent,
    /// Where it stands.
    pub position: Position,
    /// The path of its bundle in the tree of the size asked for.
    pub log: TreePath,
    /// Heads of others that cover it, at most two.
    pub heads: Vec<SignedHead>,
}

/// That a log is the beginning of another (RFC 9162, 2.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Number of bundles of the earlier.
    pub old: u64,
    /// Its root.
    pub old_root: Hash,
    /// Number of bundles of the later.
    pub new: u64,
    /// Its root.
    pub new_root: Hash,
    /// The hashes of the proof.
    pub path: Vec<Hash>,
    /// Number of the generation of the log.
    pub generation: u64,
}

/// What auditors ask. Every answer is computed from the journal; see [`Node::record_access`] for what comes first.
impl Node {
    /// Records, durably on return, that somebody is about to read: through which call, and which case if it is about one.
    ///
    /// # Errors
    /// [`Error::UnknownCase`] for a case that this organisation may not see; nothing is recorded then.
    pub async fn record_access(
        &self,
        reader: Reader,
        rpc: &'static str,
        case: Option<CaseId>,
    ) -> Result<EventId, Error> {
        self.mailbox
            .promise(move |engine| engine.record_access(reader, rpc, case))
            .await
    }

    /// Some access records, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`] if they cannot be read.
    pub async fn access_records(&self, query: AccessQuery) -> Result<AccessPage, Error> {
        self.mailbox
            .call(move |engine| engine.access_records(&query))
            .await?
    }

    /// Which point of the log is meant.
    ///
    /// # Errors
    /// [`Error::PositionNotReached`].
    pub async fn point(&self, point: Point) -> Result<FoundPoint, Error> {
        if matches!(point.known, Known::Time(_)) {
            // In portions, so that nobody waits for the reading of a long journal.
            while self
                .mailbox
                .call(|engine| engine.read_log_times())
                .await??
            {}
        }
        self.mailbox
            .call(move |engine| engine.find_point(&point))
            .await?
    }

    /// A case as it stood at a point.
    ///
    /// # Errors
    /// [`Error::UnknownCase`], also for one that this organisation could not read there; [`Error::PositionNotReached`].
    pub async fn case_as_of(&self, case: CaseId, point: Point) -> Result<PastCase, Error> {
        let point = self.point(point).await?;
        self.mailbox
            .call(move |engine| engine.case_as_of(case, point))
            .await?
    }

    /// What differs between two points of a case.
    ///
    /// # Errors
    /// [`Error::UnknownCase`] if this organisation could not read it at the later one; [`Error::PositionNotReached`].
    pub async fn compare_case(
        &self,
        case: CaseId,
        before: Point,
        after: Point,
    ) -> Result<Comparison, Error> {
        let (before, after) = (self.point(before).await?, self.point(after).await?);
        self.mailbox
            .call(move |engine| engine.compare_case(case, before, after))
            .await?
    }

    /// Begins a replay up to a point; none if nothing stood on the log there.
    ///
    /// # Errors
    /// [`Error::UnknownCase`] for a case that this organisation could not read there.
    pub async fn replay(
        &self,
        query: ReplayQuery,
        point: &FoundPoint,
    ) -> Result<Option<Replay>, Error> {
        let (case, position) = (query.case, point.position);
        let readable = self
            .mailbox
            .call(move |engine| match (case, position) {
                (None, _) => Ok(true),
                (Some(_), None) => Ok(false),
                (Some(case), Some(end)) => engine.was_readable_at(case, end),
            })
            .await??;
        if !readable {
            return Err(Error::UnknownCase);
        }
        Ok(position.map(|end| Replay(engine::Replay::new(query, end))))
    }

    /// Goes on with a replay: some events, and whether there is more.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Store`] if the journal cannot be read.
    pub async fn replay_more(
        &self,
        mut replay: Replay,
    ) -> Result<(Replay, Vec<Replayed>, bool), Error> {
        self.mailbox
            .call(move |engine| {
                let (events, more) = engine.replay_some(&mut replay.0)?;
                Ok((replay, events, more))
            })
            .await?
    }

    /// The cases that this organisation reads, by id, after one.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn case_ids(&self, after: Option<CaseId>, max: usize) -> Result<Vec<CaseId>, Error> {
        self.mailbox
            .call(move |engine| engine.case_ids_after(after, max))
            .await
    }

    /// What would differ in a case up to a point, had it gone by another pack; none if this organisation could not read it there.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Store`] if the journal cannot be read.
    pub async fn case_under(
        &self,
        case: CaseId,
        pack: Arc<PolicyPack>,
        point: FoundPoint,
    ) -> Result<Option<WhatIf>, Error> {
        let Some(end) = point.position else {
            return Ok(None);
        };
        self.mailbox
            .call(move |engine| engine.case_under(case, &pack, (end, &point)))
            .await?
    }

    /// Proves that an event stands on the log of so many bundles; of all, if no number is given.
    ///
    /// # Errors
    /// [`Error::UnknownEvent`], also for one that this organisation may not see; [`Error::TreeSize`].
    pub async fn prove_inclusion(
        &self,
        which: Which,
        size: Option<u64>,
    ) -> Result<InclusionProof, Error> {
        self.mailbox
            .call(move |engine| engine.prove_inclusion(&which, size))
            .await?
    }

    /// Proves that the log of `old` bundles is the beginning of that of `new`; of all, if that is not given.
    ///
    /// # Errors
    /// [`Error::TreeSize`].
    pub async fn prove_consistency(
        &self,
        old: u64,
        new: Option<u64>,
    ) -> Result<ConsistencyProof, Error> {
        self.mailbox
            .call(move |engine| engine.prove_consistency(old, new))
            .await?
    }
}
