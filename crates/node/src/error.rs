//! Why the node did not do what was asked, and what the caller can do.

use concordat_domain::event::EventType;
use concordat_domain::ids::{CaseId, EventId, Position};

use crate::emission::Meanwhile;
use crate::feeds::Spot;

/// What can go wrong between a local system and its node.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not well-formed. Mend the fields named; nothing was stored.
    #[error("the event is not well-formed: {} field(s)", .0.len())]
    Shape(Vec<concordat_codec::Violation>),
    /// A rule says no, judged on ruled state and own drafts before it. Nothing was stored.
    #[error("refused: {code}")]
    Refused {
        /// Reason code of the closed list, such as `no-consent` or `missing-field:findings`.
        code: String,
        /// What the caller can do.
        advice: String,
        /// Of `missing-field`: every mandatory field that is absent besides the one that the code names.
        also_missing: Box<[&'static str]>,
        /// State of the case, if there is one.
        state: Option<&'static str>,
        /// Types that may be emitted instead.
        next_event_types: Vec<String>,
        /// Of `stale-sequence`: what came between.
        meanwhile: Option<Box<Meanwhile>>,
    },
    /// A change of the partnership would have no effect: it is not well-formed, or too few organisations have signed it.
    #[error("the change would have no effect: {0}")]
    Change(String),
    /// No such case, or none that this organisation may see: both answer alike.
    #[error("unknown case")]
    UnknownCase,
    /// The version that an emitter had in view counts more than has been ruled on here: it is none that this node gave out for the case.
    /// Read the case again.
    #[error("the case version is ahead of the case")]
    VersionAhead,
    /// An event that opens a case names a case that is none of this organisation's. Leave the case id empty: the node makes one.
    #[error(
        "case id {case} was chosen by the emitter; the node makes the id of a case that is opened"
    )]
    CaseIdChosen {
        /// The id.
        case: CaseId,
    },
    /// No such event here.
    #[error("unknown event")]
    UnknownEvent,
    /// The draft waits for the log, not for a person: it can be neither released nor discarded.
    #[error("the draft is not held")]
    DraftNotHeld,
    /// No draft of that id waits here.
    #[error("no draft with this id waits here")]
    UnknownDraft,
    /// No feed of that name.
    #[error("unknown feed")]
    UnknownFeed,
    /// The cursor is none that this feed gave out: it is of another node, or of this one before it was rebuilt. Resume after the one
    /// given; from the beginning, if none is.
    #[error("the cursor belongs to no entry of this feed")]
    UnknownCursor {
        /// The last cursor before it.
        resume: Option<Spot>,
    },
    /// The feed has no such generation, or has forgotten it.
    #[error("the feed has no such generation")]
    UnknownGeneration,
    /// Only an entry that the feed has delivered, up to the cursor that is committed with it, can be put aside.
    #[error("the cursor is of no entry up to the one that is committed")]
    NotToPark,
    /// No entry of this cursor waits aside for the feed.
    #[error("no entry of this cursor is parked")]
    NotParked,
    /// A feed has no more of these. What was asked for was not done.
    #[error("a feed has at most {limit} {what}")]
    FeedLimit {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// A feed cannot be called so.
    #[error(
        "a feed's name is a lower-case letter, then up to 62 lower-case letters, digits and hyphens"
    )]
    FeedName,
    /// This node keeps no more feeds. Use one that is there.
    #[error("this node keeps at most {limit} feeds")]
    TooManyFeeds {
        /// How many.
        limit: usize,
    },
    /// The id was used before for other content. Use a fresh id for another event.
    #[error("event id {event_id} was used before for other content")]
    EventIdReused {
        /// The id.
        event_id: EventId,
        /// Digest of the content first handed in, hexadecimal.
        first: String,
        /// Digest of this content, hexadecimal.
        this: String,
    },
    /// An event that is tied to no case stands in a batch. Emit it alone.
    #[error("the event is tied to no case, and a batch is of one")]
    NoCaseEvent,
    /// An event id stands twice in a batch. Choose one for each event.
    #[error("the event id stands in the batch before")]
    EventIdTwice,
    /// One event of a batch was not taken, so that none was. Nothing was stored.
    #[error("event {index} of the batch: {error}")]
    InBatch {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        error: Box<Error>,
    },
    /// Some events of a batch were handed in before and others were not. Nothing was stored: emit the others alone, or all under new ids
    /// if they are to stand or fall together.
    #[error("{} of the batch's events were handed in before", .known.len())]
    BatchPartlyKnown {
        /// Which were, from 0.
        known: Vec<usize>,
    },
    /// The events of a batch do not fit into one bundle together. Nothing was stored: hand them in in several batches.
    #[error(
        "the events and what goes out with them take up to {envelopes} envelopes and {bytes} bytes sealed; a bundle has at most \
         {envelopes_max} and {bytes_max}"
    )]
    BatchTooLarge {
        /// Envelopes: one for each event, and one for each organisation that they bring into the case.
        envelopes: usize,
        /// Sealed size at most.
        bytes: usize,
        /// Limit of envelopes.
        envelopes_max: usize,
        /// Limit of bytes.
        bytes_max: usize,
    },
    /// The event under this id was held, and a person discarded it. Take a fresh id if it is to be recorded after all.
    #[error("event {event_id} was held and discarded")]
    Discarded {
        /// The id.
        event_id: EventId,
    },
    /// The case cannot be judged here for now. Wait, or see why on the case.
    #[error("case {case} is parked: {why}")]
    Parked {
        /// The case.
        case: CaseId,
        /// Why.
        why: String,
    },
    /// An instruction that this organisation holds suspends the act on this case for now. It is given at this door only and never a
    /// ruling: ask whoever deals with restricted channels here, and emit again when the instruction has been lifted.
    #[error("`{event_type}` is suspended on case {case} for now")]
    ActSuspended {
        /// The case.
        case: CaseId,
        /// The act.
        event_type: EventType,
    },
    /// The event does not fit into a bundle.
    #[error("the event takes {bytes} bytes sealed, more than the {limit} of a bundle")]
    TooLarge {
        /// Sealed size.
        bytes: usize,
        /// Limit.
        limit: usize,
    },
    /// Too many drafts wait here already. Try again when the log can be reached.
    #[error("{waiting} drafts wait already")]
    OutboxFull {
        /// How many.
        waiting: u64,
    },
    /// The policy or calendar data does not reach. Update it.
    #[error("{0}")]
    Rules(String),
    /// The node has not applied the log up to this position. Wait, or name an earlier one.
    #[error("this node has not reached position {position}")]
    PositionNotReached {
        /// The position asked for.
        position: Position,
    },
    /// The log has not so many bundles, or the event is not among them. Name a size up to that of the log and above the event's bundle.
    #[error("there is no such proof for a log of {size} bundles")]
    TreeSize {
        /// The size asked for.
        size: u64,
    },
    /// The node is stopping. Try again when it is back.
    #[error("the node is stopping")]
    Stopping,
    /// The store failed: the node stops, since it can no longer promise anything.
    #[error("the store failed")]
    Store(#[from] concordat_store::Error),
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] concordat_log::Error),
    /// The node's own data contradict each other: it must not go on.
    #[error("the node's data are inconsistent: {0}")]
    Corrupt(String),
}
