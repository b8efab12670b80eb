//! What auditors ask of a node, and what it answers: computed anew from the journal, never from what is kept beside it.

use concordat_domain::audit::{DeadlineChange, FieldChange};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::node::Node;
use crate::views::{CaseView, EventView};

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
    /// What was asked of the audit service; empty for a look that a local system logged.
    pub rpc: String,
    /// The case; none if it was about more than one, or about none.
    pub case: Option<CaseId>,
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
}
