//! The engine: all state of a node, on one thread. Each file has one of its concerns.

mod agenda;
pub(crate) mod audit;
mod batch;
mod cases;
mod channels;
mod directory;
mod due;
mod due_index;
mod duties;
mod emit;
mod enforce;
mod erase;
mod feed;
mod feed_places;
mod flight;
mod follow;
mod guard;
mod heads;
mod held;
mod histories;
mod load;
mod outbox;
mod outlook;
mod parked;
mod publish;
mod rulings;
mod shelf;
mod subscriptions;
#[cfg(test)]
mod tests;
mod view;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::{Case, Rules};
use concordat_log::Offset;
use concordat_store::{Batch, KnownEvent, Store};
use concordat_trust::admission::{Admission, Admitted, Delta, Outcome};
use concordat_trust::bundle::Bundle;
use concordat_trust::key_record::EventReference;
use concordat_trust::keyring::Keyring;
use jiff::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::courier::{AppendJob, Reached};
use crate::draft::Draft;
use crate::emission::{Receipt, Stage};
use crate::error::Error;
use crate::feeds::{Board, Entry};
use crate::mailbox::Input;
use crate::node::NodeConfig;
use crate::views::{EventView, Publishing};

use agenda::Agenda;
pub(crate) use batch::TakenBatch;
use channels::Suspension;
pub use directory::DIRECTORY;
use due_index::DueIndex;
use flight::Flight;
use guard::Guard;
use heads::Uncovered;
use outbox::Outbox;
use outlook::Outlook;
pub(crate) use parked::COUNTED_MAX;
use shelf::Shelf;

/// Inputs taken in one turn before the turn's writes go to the store: what arrived together is synced together.
const INPUTS_PER_TURN_MAX: usize = 512;

/// Cases whose dates are computed anew in one turn after a change of calendars or of the directory: some ten milliseconds.
const LOOKS_PER_TURN_MAX: usize = 500;

/// How often projections are written.
const CASES_KEPT_EVERY: Duration = Duration::from_secs(1);
/// Projections written at once, at most: few enough not to hold up whoever emits meanwhile.
const CASES_KEPT_MAX: usize = 64;

/// Somebody waits for an event to reach a stage.
struct Waiter {
    stage: Stage,
    deduplicated: bool,
    answer: oneshot::Sender<Result<Receipt, Error>>,
}

/// What others can await: each changes when a turn is written.
pub(crate) struct Watches {
    /// Number of feed entries.
    pub(crate) feed_changed: watch::Sender<u64>,
    /// Number of bundles applied.
    pub(crate) progress: watch::Sender<u64>,
}

/// All state of a node.
pub(crate) struct Engine {
    config: NodeConfig,
    store: Store,
    clock: Arc<dyn Clock>,
    rng: ChaCha20Rng,
    admission: Admission,
    keyring: Keyring,
    /// The cases that this organisation reads.
    shelf: Shelf,
    /// What channels held here ask of complaints, by channel.
    suspensions: BTreeMap<CaseId, Suspension>,
    /// Cases in which this organisation is wanted and has not offered a key yet.
    invitations: BTreeMap<CaseId, EventReference>,
    outbox: Outbox,
    /// Each case with own drafts as it will be when they have landed.
    ahead: BTreeMap<CaseId, Case>,
    /// Where own events were found to stand in this turn, which the store does not show yet.
    placed: BTreeMap<EventId, KnownEvent>,
    /// Enforcement drafts of the next bundle; derived anew whenever needed.
    derived: Vec<Draft>,
    flight: Option<Flight>,
    waiters: BTreeMap<EventId, Vec<Waiter>>,
    cursor: Offset,
    last_own: Offset,
    head_when_reached: Offset,
    reachable: bool,
    publishing: Publishing,
    upgrade_needed: bool,
    quarantined: u64,
    clock_skew: BTreeSet<OrganisationId>,
    contradictions: BTreeSet<OrganisationId>,
    uncovered: Uncovered,
    /// Cases that changed in this turn.
    changed: BTreeSet<CaseId>,
    /// Cases that changed since their projection was written.
    unkept: BTreeSet<CaseId>,
    /// When projections were last written.
    kept: Instant,
    /// Cases whose dates are to be computed anew, since calendars or the directory changed.
    look_again: BTreeSet<CaseId>,
    /// Cases in which something may be owed about keys.
    duties: BTreeSet<CaseId>,
    /// What is outstanding on all cases.
    due: DueIndex,
    /// What lies ahead of the cases of which that is not written yet.
    outlooks: BTreeMap<CaseId, Outlook>,
    /// Those that this turn's batch writes.
    outlooks_written: Vec<CaseId>,
    /// Names the rules that they are computed with.
    rules_name: String,
    /// When each case is to be looked at next by the enforcer.
    agenda: Agenda,
    /// What keeps the enforcer from acting on a wrong clock.
    guard: Guard,
    /// Asks the courier for a comparison of the clocks.
    compare_clocks: Arc<Notify>,
    feed_next: u64,
    feed_last: Option<crate::views::Cursor>,
    /// When the last entry became visible.
    feed_at: Timestamp,
    /// Entries of this turn.
    feed_fresh: Vec<Arc<Entry>>,
    /// The named feeds.
    feeds: BTreeMap<String, subscriptions::Named>,
    /// Entries that wait aside, of all feeds.
    parked_count: usize,
    /// Where followers see what is written.
    board: Arc<Board>,
    /// Events opened for feeds in this turn.
    resolved: RefCell<BTreeMap<Position, Arc<EventView>>>,
    /// Rulings of this turn, which the store does not show yet.
    rulings: BTreeMap<(CaseId, concordat_domain::ids::Position), crate::emission::Ruled>,
    feed_changed: watch::Sender<u64>,
    jobs: mpsc::Sender<AppendJob>,
    /// Bundles whose author had seen another log than this one: their envelopes are void `split-view`.
    split_views: BTreeSet<u64>,
    /// Bundles admitted in this turn, which the store does not show yet.
    unwritten: BTreeMap<u64, Bundle>,
    /// Bundles of which a copy in this turn brought parts that were missing.
    healed: BTreeMap<u64, Bundle>,
    /// Content that was erased and may still lie in the store's files.
    erasure: erase::Erasure,
    /// Own events that went out without their content.
    kept_back: u64,
    /// A second writer was seen under this organisation's name: only a person can say which one is to go on.
    second_writer: bool,
    /// Where the log stood when, as far as anybody has asked.
    log_times: audit::LogTimes,
    batch: Batch,
    /// Whether this turn's batch must be durable before anyone is answered.
    sync_needed: bool,
    /// Events whose waiters are to be answered once this turn's batch is written, and durable where it must be.
    after_write: BTreeSet<EventId>,
    /// Answers that promise something of this turn: given when it is durable.
    promises: Vec<Box<dyn FnOnce() + Send>>,
    progress: watch::Sender<u64>,
    stopping: bool,
}

impl Engine {
    /// Brings a node back to where its store left it: admission from the journal, cases from their projections.
    pub(crate) fn recover(
        config: NodeConfig,
        store: Store,
        clock: Arc<dyn Clock>,
        (jobs, compare_clocks): (mpsc::Sender<AppendJob>, Arc<Notify>),
        Watches {
            feed_changed,
            progress,
        }: Watches,
    ) -> Result<Self, Error> {
        let (admission, split_views) = read_journal(&config, &store)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|_| Error::Corrupt("the system gives no randomness".to_owned()))?;
        let cursor = Offset(store.meta().cursor()?);
        let feed_next = store.feed().last()?.map_or(0, |last| last + 1);
        let last_entry = Self::last_feed_entry(&store)?;
        let head = admission.size().checked_sub(1).map(|bundle| Position {
            bundle,
            envelope: 0,
        });
        let mut engine = Self {
            rng: ChaCha20Rng::from_seed(seed),
            keyring: Keyring::default(),
            shelf: Shelf::new(config.folds_max),
            suspensions: BTreeMap::new(),
            invitations: BTreeMap::new(),
            outbox: Outbox::default(),
            ahead: BTreeMap::new(),
            placed: BTreeMap::new(),
            derived: Vec::new(),
            flight: None,
            waiters: BTreeMap::new(),
            cursor,
            last_own: Offset(0),
            head_when_reached: Offset(u64::MAX),
            reachable: false,
            publishing: Publishing::Running,
            upgrade_needed: false,
            quarantined: store.quarantine().len() as u64,
            clock_skew: BTreeSet::new(),
            contradictions: BTreeSet::new(),
            uncovered: Uncovered::default(),
            changed: BTreeSet::new(),
            unkept: BTreeSet::new(),
            look_again: BTreeSet::new(),
            kept: Instant::now(),
            duties: BTreeSet::new(),
            due: DueIndex::default(),
            outlooks: BTreeMap::new(),
            outlooks_written: Vec::new(),
            rules_name: outlook::fingerprint(&Rules {
                directory: admission.history().latest(),
                packs: &config.packs,
                calendars: &config.calendars,
            }),
            agenda: Agenda::default(),
            guard: Guard::default(),
            compare_clocks,
            feed_next,
            feed_last: last_entry.map(|(cursor, _)| cursor),
            feed_at: last_entry.and_then(|(_, at)| at).unwrap_or(Timestamp::MIN),
            feed_fresh: Vec::new(),
            feeds: BTreeMap::new(),
            parked_count: 0,
            board: Arc::new(Board::starting_at(feed_next, head)),
            resolved: RefCell::default(),
            rulings: BTreeMap::new(),
            feed_changed,
            jobs,
            split_views,
            unwritten: BTreeMap::new(),
            healed: BTreeMap::new(),
            erasure: erase::Erasure::default(),
            kept_back: 0,
            second_writer: false,
            log_times: audit::LogTimes::default(),
            batch: Batch::new(),
            sync_needed: false,
            after_write: BTreeSet::new(),
            promises: Vec::new(),
            progress,
            stopping: false,
            admission,
            config,
            store,
            clock,
        };
        engine.restore_cases()?;
        engine.restore_outbox()?;
        engine.restore_erasure()?;
        engine.restore_feeds()?;
        Ok(engine)
    }

    /// Runs until stopped: takes what waits, works it off, makes it durable, answers.
    ///
    /// # Errors
    /// What made it end by itself. Going on would be guessing: what is in memory may not be what is stored.
    pub(crate) fn run(mut self, inputs: &mut mpsc::Receiver<Input>) -> Result<(), Error> {
        while let Some(first) = inputs.blocking_recv() {
            let mut turn = vec![first];
            while turn.len() < INPUTS_PER_TURN_MAX {
                match inputs.try_recv() {
                    Ok(input) => turn.push(input),
                    Err(_) => break,
                }
            }
            turn.into_iter()
                .try_for_each(|input| self.take(input))
                .and_then(|()| self.finish_turn())?;
            if self.stopping {
                info!("the node has stopped");
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, input: Input) -> Result<(), Error> {
        match input {
            Input::Records(records) => self.follow(records),
            Input::Lost => {
                self.reachable = false;
                self.forget_comparison();
                self.head_when_reached = Offset(u64::MAX);
                Ok(())
            }
            Input::Appended(job, outcome) => self.appended(job, outcome),
            Input::Compared(comparison) => {
                self.compared(comparison);
                Ok(())
            }
            Input::Tick => self.keep_some_cases(),
            Input::Call(call) => {
                call(self);
                Ok(())
            }
            Input::Stop => {
                self.stopping = true;
                Ok(())
            }
        }
    }

    /// Enforce, publish, then one write for all that happened in this turn, synced only if somebody was promised something.
    fn finish_turn(&mut self) -> Result<(), Error> {
        self.settle_changed()?;
        let job = if self.stopping {
            self.keep_cases(usize::MAX)?;
            None
        } else {
            self.work()?
        };
        let too_much = self.keep_too_much()?;
        let batch = std::mem::take(&mut self.batch);
        if std::mem::take(&mut self.sync_needed) || self.stopping {
            self.store.commit(batch)?;
        } else if !batch.is_empty() {
            self.store.write(batch)?;
        }
        for case in too_much {
            self.shelf.drop_fold(case);
        }
        self.forget_written_outlooks();
        self.finish_erasure()?;
        self.rulings.clear();
        self.unwritten.clear();
        self.placed.clear();
        self.healed.clear();
        let fresh = std::mem::take(&mut self.feed_fresh);
        self.board
            .publish(fresh, self.feed_next, self.last_applied());
        self.resolved.borrow_mut().clear();
        self.feed_changed
            .send_if_modified(|known| std::mem::replace(known, self.feed_next) != self.feed_next);
        let size = self.admission.size();
        self.progress
            .send_if_modified(|known| std::mem::replace(known, size) != size);
        for promise in std::mem::take(&mut self.promises) {
            promise();
        }
        for event in std::mem::take(&mut self.after_write) {
            self.notify(event);
        }
        if let Some(job) = job
            && self.jobs.try_send(job).is_err()
        {
            return Err(Error::Corrupt(
                "a second bundle was put in flight".to_owned(),
            ));
        }
        Ok(())
    }

    fn work(&mut self) -> Result<Option<AppendJob>, Error> {
        self.enforce()?;
        self.publish()
    }

    /// Gives an answer when this turn is durable.
    pub(crate) fn once_durable(&mut self, answer: Box<dyn FnOnce() + Send>) {
        self.sync_needed = true;
        self.promises.push(answer);
    }

    /// Where followers see what is written.
    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Last offset read.
    pub(crate) fn cursor(&self) -> Offset {
        self.cursor
    }

    /// The log is reached: compares it with the journal and says from where to read.
    ///
    /// A difference stops publishing, never reading: then everything is read again from the start, since positions of the log's own
    /// sequence no longer mean what they did.
    pub(crate) fn reached(&mut self, reached: Reached) -> Offset {
        self.reachable = true;
        self.head_when_reached = reached.head;
        self.last_own = reached
            .last_own
            .as_ref()
            .map_or(Offset(0), |record| record.offset);
        match self.compare(&reached) {
            Ok(()) if self.second_writer => self.cursor,
            Ok(()) => {
                if let Publishing::Stopped { why } = &self.publishing {
                    info!(
                        why,
                        "the log is as this node's journal has it again; publishing goes on"
                    );
                }
                self.publishing = Publishing::Running;
                self.cursor
            }
            Err(why) => {
                warn!(why, "publishing stops; reading goes on");
                self.publishing = Publishing::Stopped { why };
                Offset(0)
            }
        }
    }

    fn compare(&self, reached: &Reached) -> Result<(), String> {
        if self.cursor == Offset(0) {
            return Ok(());
        }
        if reached.head < self.cursor {
            return Err(format!(
                "the log ends at {} and was read to {}",
                reached.head.0, self.cursor.0
            ));
        }
        let known = self.store.meta().get(AT_CURSOR).ok().flatten();
        let there = reached
            .at_cursor
            .as_ref()
            .map(|record| concordat_trust::hash::sha256(&record.bytes).0.to_vec());
        if known.is_some() && known != there {
            return Err(format!(
                "the log has another record at {} than this node read there",
                self.cursor.0
            ));
        }
        let own = self.admission.chain_head(&self.config.organisation);
        if own.is_some() && reached.last_own.is_none() {
            return Err("the log has lost this organisation's bundles".to_owned());
        }
        Ok(())
    }

    fn caught_up(&self) -> bool {
        self.reachable && self.cursor >= self.head_when_reached
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A random event id for what the node itself makes (UUID version 4, RFC 9562).
    fn fresh_id(&mut self) -> EventId {
        use rand_core::Rng as _;
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        id[6] = (id[6] & 0x0f) | 0x40;
        id[8] = (id[8] & 0x3f) | 0x80;
        EventId(id)
    }
}

/// Brings admission back from what this node's own store kept of each bundle, without verifying a signature again; what is missing
/// there, or all where a rebuild is due, is admitted anew from the journal, and the cases are indexed again.
fn read_journal(config: &NodeConfig, store: &Store) -> Result<(Admission, BTreeSet<u64>), Error> {
    let mut admission = Admission::new(config.partnership.clone());
    let mut split_views = BTreeSet::new();
    let rebuilds = store.rebuild_due()?;
    if !rebuilds {
        for kept in store.admission().all() {
            let (index, bytes) = kept?;
            let delta: Delta = serde_json::from_slice(&bytes)
                .map_err(|_| Error::Corrupt(format!("delta {index} does not decode")))?;
            if (index, delta.index) != (admission.size(), admission.size()) {
                break;
            }
            if !delta.seen_holds {
                split_views.insert(index);
            }
            admission.apply(&delta);
        }
    }
    let mut batch = Batch::new();
    for record in store.journal().from(admission.size()) {
        let record = record?;
        let Outcome::Admitted(admitted) = admission.admit(&record.bytes) else {
            let why = format!("journal entry {} is not admitted anew", record.index);
            return Err(Error::Corrupt(why));
        };
        if !admitted.seen_holds() {
            split_views.insert(admitted.index());
        }
        keep_delta(store, &mut batch, &admitted)?;
        if rebuilds {
            cases::index(store, &mut batch, admitted.index(), &admitted.bundle)?;
        }
        // One bundle at a time, so that memory stays bounded. Until the mark of a rebuild is gone it all counts for nothing.
        store.write(std::mem::take(&mut batch))?;
    }
    if rebuilds {
        info!(
            bundles = admission.size(),
            "the cases of the journal are indexed again"
        );
        store.rebuilt(&mut batch);
        store.commit(batch)?;
    }
    Ok((admission, split_views))
}

/// Keeps what an admitted bundle changed, so that the next start need not admit it again.
fn keep_delta(store: &Store, batch: &mut Batch, admitted: &Admitted) -> Result<(), Error> {
    let bytes = serde_json::to_vec(&admitted.delta)
        .map_err(|_| Error::Corrupt("a delta does not serialise".to_owned()))?;
    Ok(store.admission().put(batch, admitted.index(), &bytes)?)
}

/// Under which name the hash of the record at the cursor is kept.
const AT_CURSOR: &str = "record-at-cursor";
