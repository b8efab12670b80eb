//! What the node shows: cases, events, drafts, feeds and itself. Renderings, never the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concordat_domain::Rules;
use concordat_domain::calendar::Calendars;
use concordat_domain::case::NextEvent;
use concordat_domain::directory::Directory;
use concordat_domain::event::{CaseVersion, EventType, Opening};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, PackId, Position};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::reports::History;
use concordat_domain::timetable::{Deadline, DeadlineId, PersonDates, Waiting};
use concordat_proto::v1;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::emission::{Ruled, Ruling, Stage};

/// One case as this organisation may see it.
#[derive(Debug, Clone)]
pub struct CaseView {
    /// The case.
    pub id: CaseId,
    /// State, as domain.md section C names it.
    pub state: String,
    /// Organisation that runs the case.
    pub keeper: OrganisationId,
    /// Organisation that received the complaint, or accepted it on a pass-on.
    pub receiver: OrganisationId,
    /// First organisations after a pass-on.
    pub former_receivers: BTreeSet<OrganisationId>,
    /// The lead, once agreed or determined.
    pub lead: Option<OrganisationId>,
    /// Rises at each change of keeper.
    pub lead_epoch: u32,
    /// Organisations with a role in it.
    pub parties: BTreeSet<OrganisationId>,
    /// Organisations added, not yet joined.
    pub invitees: BTreeSet<OrganisationId>,
    /// Flags at the instant asked for.
    pub flags: BTreeSet<String>,
    /// Every occurrence of every deadline, in the order in which they began, at the instant asked for.
    pub deadlines: Vec<Deadline>,
    /// Who was being waited on for those that are open or were met late; nobody for those that are not in it.
    pub waiting: BTreeMap<DeadlineId, Waiting>,
    /// What the person is shown over this case and the sub-cases of its strands.
    pub person_dates: PersonDates,
    /// SHA-256 over the time-free state: equal on the nodes of all parties.
    pub digest: [u8; 32],
    /// Version as this organisation counts it.
    pub version: CaseVersion,
    /// Types that this organisation may emit now.
    pub next_event_types: Vec<EventType>,
    /// Types that may come next, with who may emit each.
    pub next_events: Vec<NextEvent>,
    /// Grants or parts that should not have been.
    pub exposures: Vec<Exposure>,
    /// Why the case cannot be judged further for now, if so.
    pub parked: Option<String>,
    /// Whether this organisation has left the case: the view ends at its last position.
    pub ended: bool,
    /// Position of the last envelope of the case that this node has applied.
    pub position: Position,
    /// What the case pinned when it was opened.
    pub pins: Opening,
    /// The packs of the case that this node has, with their versions.
    pub packs: Vec<(PackId, String)>,
    /// When its first event was recorded, by its author's clock.
    pub opened_at: Option<Timestamp>,
}

/// A grant or part that should not have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// Where it stands.
    pub position: Position,
    /// Who put it there.
    pub author: OrganisationId,
    /// Who could read through it.
    pub recipients: BTreeSet<OrganisationId>,
    /// Compartment concerned.
    pub compartment: String,
    /// `void-grant`, or `sealed-under-stale-version`.
    pub kind: String,
}

/// Where a report is to stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upto {
    /// Up to which position events count; the last one applied, if none is given.
    pub position: Option<Position>,
    /// The instant at which deadlines are looked at. If none is given: the claimed time of the bundle at the position, so that the same
    /// position gives the same report; now, if no position is given either.
    pub at: Option<Timestamp>,
}

/// Some cases with their effective events.
#[derive(Debug, Clone)]
pub struct Histories {
    /// The cases that were readable at the position asked for.
    pub histories: Vec<History>,
    /// The last case looked at: ask again after it. None at the end.
    pub last: Option<CaseId>,
}

/// The rules in force at a position, for whoever computes outside the node's own thread.
#[derive(Debug, Clone)]
pub struct Rulebook {
    pub(crate) directory: Directory,
    pub(crate) packs: PolicyPacks,
    pub(crate) calendars: Calendars,
}

impl Rulebook {
    /// The rules.
    #[must_use]
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            directory: &self.directory,
            packs: &self.packs,
            calendars: &self.calendars,
        }
    }
}

/// One event as this organisation may see it.
#[derive(Debug, Clone)]
pub struct EventView {
    /// The author's id for it.
    pub event_id: EventId,
    /// Who signed it.
    pub author: OrganisationId,
    /// Its type, if `process` can be read.
    pub event_type: Option<EventType>,
    /// Its case.
    pub case: CaseId,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// When its author recorded it.
    pub recorded_at: Option<Timestamp>,
    /// Where it stands; none while it is a draft.
    pub position: Option<Position>,
    /// How far it has come.
    pub stage: Stage,
    /// The verdict, and what the case was after it.
    pub ruled: Option<Ruled>,
    /// The event, as far as this organisation may read it.
    pub event: Option<v1::Event>,
    /// Compartments whose part exists and may not be read here.
    pub withheld: Vec<v1::Compartment>,
    /// Compartments whose part is gone for good.
    pub erased: Vec<v1::Compartment>,
}

impl EventView {
    /// The verdict; none where this node could not judge the event, or not yet.
    #[must_use]
    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruled.as_ref().map(|ruled| &ruled.ruling)
    }
}

/// What an organisation recorded for itself alone.
#[derive(Debug, Clone)]
pub struct OwnRecord {
    /// The emitter's id.
    pub event_id: EventId,
    /// The event.
    pub event: v1::Event,
}

/// A draft that waits at this node.
#[derive(Debug, Clone)]
pub struct DraftView {
    /// The emitter's id.
    pub event_id: EventId,
    /// Its case.
    pub case: CaseId,
    /// Its type.
    pub event_type: EventType,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Why it is held; none while it waits for the log only.
    pub held: Option<String>,
}

/// A place in this organisation's feed: the position that made an entry visible, and the index within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Position that made the entry visible.
    pub position: Position,
    /// Index within that position, from 0.
    pub index: u32,
}

/// Some entries of a feed in order.
#[derive(Debug, Clone)]
pub struct FeedPage {
    /// The entries.
    pub entries: Vec<FeedEntry>,
    /// Up to where entries were looked at, those left out for this feed among them. Continue after it.
    pub scanned_to: Option<Cursor>,
    /// Position of the last bundle that this node has applied; none on an empty log.
    pub head: Option<Position>,
}

/// One entry of a feed.
#[derive(Debug, Clone)]
pub struct FeedEntry {
    /// Its place.
    pub cursor: Cursor,
    /// What became visible.
    pub content: FeedContent,
}

/// What became visible to this organisation.
#[derive(Debug, Clone)]
pub enum FeedContent {
    /// An event.
    Event {
        /// The event, with content as it may be read now.
        event: Arc<EventView>,
        /// Whether it stood on the log before this organisation could read the case.
        historical: bool,
    },
    /// Content of events already delivered can now be read.
    ContentAvailable {
        /// The case.
        case: CaseId,
        /// The compartment.
        compartment: v1::Compartment,
    },
    /// A case as it stood when a feed was started with a snapshot.
    Snapshot {
        /// The case.
        case: CaseId,
        /// How it stood; none if its keys are gone since.
        view: Option<Box<CaseView>>,
        /// Up to which position.
        position: Option<Position>,
        /// The instant at which its timetable is read.
        at: Timestamp,
    },
    /// Made to test the way to a subscriber; on no log.
    Test {
        /// Its id.
        event_id: EventId,
        /// Whose node made it.
        source: OrganisationId,
        /// When.
        at: Timestamp,
    },
}

/// Whether this node puts bundles on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publishing {
    /// It does.
    Running,
    /// It must not, until a person has looked. Reading goes on.
    Stopped {
        /// What was found.
        why: String,
    },
}

/// How the log's clock compares with this node's. The enforcer acts only while they agree (design, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockGuard {
    /// Not yet compared: the log has not been reached since the node started.
    #[default]
    NotCompared,
    /// They differed by less than 60 s when last compared.
    Agree {
        /// How far the log's clock was ahead; negative, if it was behind.
        log_ahead_by: jiff::SignedDuration,
    },
    /// One of them is wrong: no deadline is enforced here until they agree. Mend the clock of this machine, or of the broker's.
    Disagree {
        /// How far the log's clock was ahead; negative, if it was behind.
        log_ahead_by: jiff::SignedDuration,
    },
}

/// The node itself.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whose node this is.
    pub organisation: OrganisationId,
    /// Partnership id, hexadecimal.
    pub partnership: String,
    /// Number of admitted bundles.
    pub size: u64,
    /// Tree root over them.
    pub root: [u8; 32],
    /// Last offset read from the log.
    pub offset: u64,
    /// Whether the log can be reached.
    pub log_reachable: bool,
    /// Whether everything that stood on the log when it was last reached has been read.
    pub caught_up: bool,
    /// Whether bundles go out.
    pub publishing: Publishing,
    /// Whether reading has stopped at a permitted format that this release does not know.
    pub upgrade_needed: bool,
    /// Cases that this organisation can read, or could when it left.
    pub cases: u64,
    /// Those whose fold is in memory.
    pub folds: u64,
    /// Drafts that wait for the log.
    pub drafts_waiting: u64,
    /// Drafts that wait for a person.
    pub drafts_held: u64,
    /// Own events that went out without their content, which would have been void: see their receipts.
    pub kept_back: u64,
    /// Records not admitted so far.
    pub quarantined: u64,
    /// Syncs of the store since it was opened.
    pub syncs: u64,
    /// How the log's clock compares with this node's.
    pub clock_guard: ClockGuard,
    /// Cases in which something is to be looked at by this node's clock and was not yet: the log is not read to its head, its clock is
    /// not past the instant, or the clocks disagree.
    pub enforcement_waiting: u64,
    /// Authors whose claimed time was over 60 s ahead of this node's clock when it was read.
    pub clock_skew: BTreeSet<OrganisationId>,
    /// Organisations whose signed chain contradicts itself or whose view of the log is not this one.
    pub contradictions: BTreeSet<OrganisationId>,
    /// Last day up to which working days can be counted, by calendar.
    pub calendar_horizons: BTreeMap<String, jiff::civil::Date>,
    /// Position of the last bundle applied; none on an empty log.
    pub position: Option<Position>,
}
