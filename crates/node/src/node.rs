//! The handle on a running node.

mod feeds;

use std::sync::Arc;
use std::time::{Duration, Instant};

use concordat_domain::calendar::Calendars;
use concordat_domain::directory::{BodyDeadline, Directory};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::reports::{History, Needs, Stand};
use concordat_log::SharedLog;
use concordat_store::Store;
use concordat_trust::partnership::PartnershipFile;
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::courier;
use crate::due::{CaseQuery, DuePage, DueQuery};
use crate::emission::{BatchEmission, Emission, Receipt};
use crate::engine::{Engine, TakenBatch, Watches};
use crate::error::Error;
use crate::failure::{Failure, Report, Reports};
use crate::feeds::{Board, route};
use crate::mailbox::{Input, Mailbox};
use crate::views::{CaseView, DraftView, EventView, Histories, OwnRecord, Rulebook, Status, Upto};

/// What a node is started with.
#[derive(Debug)]
pub struct NodeConfig {
    /// Whose node this is.
    pub organisation: OrganisationId,
    /// The partnership file, byte for byte the same on all nodes.
    pub partnership: PartnershipFile,
    /// The organisation's signing key. One process at a time may hold it.
    pub signing_key: SigningKey,
    /// The policy packs that this node knows.
    pub packs: PolicyPacks,
    /// The calendars that this node knows.
    pub calendars: Calendars,
    /// How long another's bundle may stay unwitnessed before this node covers it with an empty one. Default 60 s.
    pub witness_after: Duration,
    /// How much later each further organisation does so. Default 10 s.
    pub witness_step: Duration,
    /// How often the node looks at its clock when nothing else happens. Default 1 s.
    pub tick: Duration,
    /// How long after the last erasure the store's files are renewed, so that many erasures cost one copy. Default 10 min; at once at a
    /// start, where one was not finished.
    pub erasure_settles: Duration,
    /// Drafts that may wait here before further ones are refused. Default 100,000.
    pub drafts_max: u64,
    /// Cases whose fold stays in memory from turn to turn; the others are read from their projections when needed. Default 2,000, some
    /// 100 MB.
    pub folds_max: usize,
}

impl NodeConfig {
    /// A configuration with the defaults.
    #[must_use]
    pub fn new(
        organisation: OrganisationId,
        partnership: PartnershipFile,
        signing_key: SigningKey,
    ) -> Self {
        Self {
            organisation,
            partnership,
            signing_key,
            packs: PolicyPacks::built_in(),
            calendars: Calendars::built_in(),
            witness_after: Duration::from_secs(60),
            witness_step: Duration::from_secs(10),
            tick: Duration::from_secs(1),
            erasure_settles: Duration::from_secs(600),
            drafts_max: 100_000,
            folds_max: 2_000,
        }
    }
}

/// A running node. Dropping it stops the node without waiting; [`Node::stop`] waits.
pub struct Node {
    pub(crate) mailbox: Mailbox,
    stop: CancellationToken,
    work: Mutex<Work>,
    feed_changed: watch::Receiver<u64>,
    progress: watch::Receiver<u64>,
    reports: Reports,
    board: Arc<Board>,
}

/// What runs, and is awaited by [`Node::stop`].
struct Work {
    tasks: JoinSet<()>,
    engine: Option<std::thread::JoinHandle<()>>,
}

impl Node {
    /// Starts a node on its store: engine thread, reader, appender, clock comparer and ticker, each named and awaited by [`Self::stop`].
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Store`] if the store is not fit to go on from.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        config: NodeConfig,
        store: Store,
        log: Arc<dyn SharedLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (mailbox, mut inputs) = Mailbox::new();
        let reports = Reports::new();
        let (jobs, waiting_jobs) = mpsc::channel(1);
        let (feed_sender, feed_changed) = watch::channel(0);
        let (progress_sender, progress) = watch::channel(0);
        let watches = Watches {
            feed_changed: feed_sender,
            progress: progress_sender,
        };
        let compare_clocks = Arc::new(Notify::new());
        let tick = config.tick;
        let engine = Engine::recover(
            config,
            store,
            Arc::clone(&clock),
            (jobs, Arc::clone(&compare_clocks)),
            watches,
        )?;
        let board = engine.board();
        let report = reports.of("engine");
        let thread = std::thread::Builder::new()
            .name("concordat-engine".to_owned())
            .spawn(move || {
                let outcome = engine.run(&mut inputs);
                // Told before the mailbox closes with `inputs`, so that this is known as the cause of whatever ends next.
                report.outcome(outcome);
            })
            .map_err(|error| Error::Corrupt(format!("no thread for the engine: {error}")))?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let read = courier::read(Arc::clone(&log), mailbox.clone(), stop.clone());
        tasks.spawn(reported(reports.of("reader"), read));
        let compare = courier::compare_clocks(
            Arc::clone(&log),
            clock,
            mailbox.clone(),
            compare_clocks,
            stop.clone(),
        );
        tasks.spawn(reported(reports.of("comparer of clocks"), compare));
        let append = courier::append(log, mailbox.clone(), waiting_jobs, stop.clone());
        tasks.spawn(reported(reports.of("appender"), append));
        let routing = route(Arc::clone(&board), feed_changed.clone(), stop.clone());
        tasks.spawn(reported(reports.of("feed router"), routing));
        let ticks = ticker(mailbox.clone(), tick, stop.clone());
        tasks.spawn(reported(reports.of("ticker"), ticks));
        Ok(Self {
            mailbox,
            stop,
            work: Mutex::new(Work {
                tasks,
                engine: Some(thread),
            }),
            feed_changed,
            progress,
            reports,
            board,
        })
    }

    /// Hands an event in and waits for the stage asked for, at most as long as the emission says; then answers with the stage
    /// reached.
    ///
    /// Cancel safety: an event that was accepted stays accepted; ask again under its id.
    ///
    /// # Errors
    /// Refusals of the door, each with what to do; nothing is stored then.
    pub async fn emit(&self, emission: Emission) -> Result<Receipt, Error> {
        let (id, wait_at_most) = (emission.event_id, emission.wait_at_most);
        let (answer, answered) = oneshot::channel();
        let deduplicated = self
            .mailbox
            .call(move |engine| engine.emit(emission, answer))
            .await?;
        self.answered(id, wait_at_most, answered, deduplicated)
            .await
    }

    /// Hands several events of one case in, all or none, and waits until each has reached the stage asked for, for all of them together
    /// at most as long as the batch says. Gives a receipt for each, in order.
    ///
    /// All or nothing is what acceptance promises: one durable write, and one bundle. What another organisation does before that bundle
    /// stands on the log can still make one of them void, or have it held, as it can a single event; the others then count, unless they
    /// rest on that one.
    ///
    /// Cancel safety: a batch that was accepted stays accepted; ask again with the same ids.
    ///
    /// # Errors
    /// [`Error::InBatch`] with the first event that is refused, [`Error::BatchPartlyKnown`], [`Error::BatchTooLarge`],
    /// [`Error::OutboxFull`]; nothing is stored then.
    pub async fn emit_batch(&self, batch: BatchEmission) -> Result<Vec<Receipt>, Error> {
        let ids: Vec<EventId> = batch.events.iter().map(|(id, _)| *id).collect();
        let wait_at_most = batch.wait_at_most;
        let (answers, answered): (Vec<_>, Vec<_>) = ids.iter().map(|_| oneshot::channel()).unzip();
        let taken = self
            .mailbox
            .call(move |engine| engine.emit_batch(batch, answers))
            .await??;
        let deduplicated = match taken {
            TakenBatch::Validated(receipts) => return Ok(receipts),
            TakenBatch::Waiting { deduplicated } => deduplicated,
        };
        let begun = Instant::now();
        let mut receipts = Vec::with_capacity(ids.len());
        for (id, answered) in ids.into_iter().zip(answered) {
            let left = wait_at_most.saturating_sub(begun.elapsed());
            receipts.push(self.answered(id, left, answered, deduplicated).await?);
        }
        Ok(receipts)
    }

    /// Hands a change of the partnership in that several organisations have signed, and waits as [`Self::emit`] does. `record` is an
    /// encoded `PartnershipRecord`; the emission says under which id, and what it carries.
    ///
    /// # Errors
    /// [`Error::Refused`] with why it would have no effect; nothing is stored then.
    pub async fn record_change(
        &self,
        emission: Emission,
        record: Vec<u8>,
    ) -> Result<Receipt, Error> {
        let (id, wait_at_most) = (emission.event_id, emission.wait_at_most);
        let (answer, answered) = oneshot::channel();
        let deduplicated = self
            .mailbox
            .call(move |engine| engine.record_change(emission, record, answer))
            .await?;
        self.answered(id, wait_at_most, answered, deduplicated)
            .await
    }

    /// The directory in force.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn directory(&self) -> Result<Directory, Error> {
        // Cheap: versions share what did not change.
        self.mailbox.call(|engine| engine.directory().clone()).await
    }

    /// The effective events of the directory, in log order.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn directory_events(&self) -> Result<Vec<EventView>, Error> {
        self.mailbox
            .call(|engine| engine.directory_events())
            .await?
    }

    /// What this organisation recorded for itself alone: feedback, and who looked at which case.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn own_records(&self) -> Result<Vec<OwnRecord>, Error> {
        self.mailbox.call(|engine| engine.own_records()).await?
    }

    /// What a body owes outside cases at an instant: now, if none is given; all bodies, if none is named.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn body_deadlines(
        &self,
        organisation: Option<OrganisationId>,
        at: Option<Timestamp>,
    ) -> Result<Vec<BodyDeadline>, Error> {
        self.mailbox
            .call(move |engine| engine.body_deadlines(organisation.as_ref(), at))
            .await
    }

    async fn answered(
        &self,
        id: EventId,
        wait_at_most: Duration,
        answered: oneshot::Receiver<Result<Receipt, Error>>,
        deduplicated: bool,
    ) -> Result<Receipt, Error> {
        match tokio::time::timeout(wait_at_most, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Ok(Receipt {
                deduplicated,
                ..self.receipt(id).await?
            }),
        }
    }

    /// Stage and ruling of an own event, now.
    ///
    /// # Errors
    /// [`Error::UnknownEvent`].
    pub async fn receipt(&self, event: EventId) -> Result<Receipt, Error> {
        self.mailbox
            .call(move |engine| engine.receipt(event))
            .await?
    }

    /// One event of an organisation, with content as this one may read it.
    ///
    /// # Errors
    /// [`Error::UnknownEvent`], also for one of a case that this organisation may not see.
    pub async fn event_of(
        &self,
        author: OrganisationId,
        event: EventId,
    ) -> Result<EventView, Error> {
        self.mailbox
            .call(move |engine| engine.event_of(&author, event))
            .await?
    }

    /// One own event.
    ///
    /// # Errors
    /// [`Error::UnknownEvent`].
    pub async fn event(&self, event: EventId) -> Result<EventView, Error> {
        self.mailbox
            .call(move |engine| engine.own_event(event))
            .await?
    }

    /// The events of a case, in log order.
    ///
    /// # Errors
    /// [`Error::UnknownCase`], also for a case that this organisation may not see.
    pub async fn events(&self, case: CaseId) -> Result<Vec<EventView>, Error> {
        self.mailbox
            .call(move |engine| engine.case_events(case))
            .await?
    }

    /// A case with its timetable at an instant; now, if none is given.
    ///
    /// # Errors
    /// [`Error::UnknownCase`].
    pub async fn case(&self, case: CaseId, at: Option<Timestamp>) -> Result<CaseView, Error> {
        self.mailbox
            .call(move |engine| engine.case_view(case, at))
            .await?
    }

    /// The cases asked for, each with its timetable.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn cases(&self, query: CaseQuery) -> Result<Vec<CaseView>, Error> {
        self.mailbox
            .call(move |engine| engine.cases_asked_for(&query))
            .await?
    }

    /// Up to `max` cases that this organisation can read, by id, after one; from the first, if none is given. Whoever wants all asks
    /// again after the last: so nobody else waits for the timetables of them all.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn cases_after(
        &self,
        after: Option<CaseId>,
        at: Option<Timestamp>,
        max: usize,
    ) -> Result<Vec<CaseView>, Error> {
        self.mailbox
            .call(move |engine| engine.case_views_after(after, at, max))
            .await?
    }

    /// What is due over all cases: counted, and a page of it, by due day.
    ///
    /// # Errors
    /// [`Error::UnknownCase`]; [`Error::Rules`] if a calendar does not reach as many working days.
    pub async fn due(&self, query: DueQuery) -> Result<DuePage, Error> {
        self.mailbox
            .call(move |engine| engine.what_is_due(&query))
            .await?
    }

    /// Where a report stands that is begun now, or at a position.
    ///
    /// # Errors
    /// [`Error::PositionNotReached`].
    pub async fn stand(&self, upto: Upto) -> Result<Stand, Error> {
        self.mailbox.call(move |engine| engine.stand(&upto)).await?
    }

    /// Up to `max` cases by id, after one, each as it stood at a position, with its effective events. Whoever wants all asks again after
    /// [`Histories::last`]: so nobody else waits until they all are folded.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Store`] if the journal cannot be read.
    pub async fn histories_after(
        &self,
        after: Option<CaseId>,
        position: Option<Position>,
        needs: Needs,
        max: usize,
    ) -> Result<Histories, Error> {
        self.mailbox
            .call(move |engine| engine.histories_after(after, position, needs, max))
            .await?
    }

    /// One case as it stood at a position, with its effective events.
    ///
    /// # Errors
    /// [`Error::UnknownCase`], also for one that this organisation could not read there.
    pub async fn history(
        &self,
        case: CaseId,
        position: Option<Position>,
        needs: Needs,
    ) -> Result<History, Error> {
        self.mailbox
            .call(move |engine| engine.history(case, position, needs))
            .await??
            .ok_or(Error::UnknownCase)
    }

    /// The rules in force after a position, by which a report is compiled; those at the end of the log, if none is given.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn rulebook(&self, upto: Option<Position>) -> Result<Rulebook, Error> {
        self.mailbox.call(move |engine| engine.rulebook(upto)).await
    }

    /// Drafts that wait, for the log or for a person.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn drafts(&self) -> Result<Vec<DraftView>, Error> {
        self.mailbox.call(|engine| engine.draft_views()).await
    }

    /// Releases a held draft: it is judged anew on today's case version, under the same event id.
    ///
    /// # Errors
    /// [`Error::UnknownDraft`], [`Error::DraftNotHeld`].
    pub async fn release(&self, event: EventId) -> Result<(), Error> {
        self.mailbox
            .promise(move |engine| engine.release(event))
            .await
    }

    /// Discards a held draft.
    ///
    /// # Errors
    /// [`Error::UnknownDraft`], [`Error::DraftNotHeld`].
    pub async fn discard(&self, event: EventId) -> Result<(), Error> {
        self.mailbox
            .promise(move |engine| engine.discard(event))
            .await
    }

    /// Number of feed entries; changes when there are more, so that a follower can await instead of asking.
    #[must_use]
    pub fn feed_changes(&self) -> watch::Receiver<u64> {
        self.feed_changed.clone()
    }

    /// Number of bundles applied; changes when there are more, so that a reader can await a position.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.clone()
    }

    /// Waits until the engine has ended: by [`Self::stop`], or because the node could no longer promise anything (the log says why).
    pub async fn ended(&self) {
        let mut changes = self.feed_changed.clone();
        while changes.changed().await.is_ok() {}
    }

    /// The node itself.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn status(&self) -> Result<Status, Error> {
        self.mailbox.call(|engine| engine.status()).await
    }

    /// Lets the node look at its clock now: after a movable one was moved.
    ///
    /// # Errors
    /// [`Error::Stopping`].
    pub async fn tick(&self) -> Result<(), Error> {
        self.mailbox.send(Input::Tick).await
    }

    /// Returns when the node has ended by itself, with the cause: whoever runs it must then end, too, and say why. Never returns for a
    /// node that is asked to stop.
    ///
    /// Cancel safe.
    pub async fn failed(&self) -> Failure {
        self.reports.first().await
    }

    /// Stops: what was accepted is durable, tasks and thread have ended on return. A second call waits for the first.
    pub async fn stop(&self) {
        let mut work = self.work.lock().await;
        // An engine that has ended by itself needs no word.
        let _ = self.mailbox.send(Input::Stop).await;
        self.stop.cancel();
        while work.tasks.join_next().await.is_some() {}
        if let Some(engine) = work.engine.take() {
            let _ = tokio::task::spawn_blocking(move || engine.join()).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs a task whose panic is reported.
async fn reported(report: Report, task: impl Future<Output = ()>) {
    let _report = report;
    task.await;
}

async fn ticker(engine: Mailbox, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if engine.send(Input::Tick).await.is_err() {
            return;
        }
    }
}
