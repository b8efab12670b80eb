//! Several organisations' nodes in one process, on one log and one clock that is moved by hand: for the demo, for worked cases and
//! for tests. They are whole nodes, each with its own key and store; only machine, network and time are not real.
//!
//! The caller gives the directory of the stores, and removes it if nothing is to stay.

mod founding;
mod outsider;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concordat_codec::event::directory_from_input;
use concordat_domain::calendar::{local_date, start_of_day};
use concordat_domain::ids::EventId;
use concordat_log::embedded::{EmbeddedHandle, EmbeddedLog};
use concordat_log::{SharedLog, subject_token};
use concordat_store::{Store, StoreConfig};
use concordat_trust::admission::UnsignedChange;
use concordat_trust::partnership::BadFile;
use jiff::Timestamp;

use crate::clock::{Clock as _, MovableClock};
use crate::{Emission, Error as NodeError, Node, NodeConfig, Receipt, Stage};

pub use founding::{Founding, organisation};

/// Longest wait for something that must happen; reached only by a defect, or by a machine that has stalled.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How much later each further organisation covers it.
const WITNESS_STEP: Duration = Duration::from_millis(20);
/// How often a node looks at its clock by itself. A waiting sandbox makes it look at once.
const TICK: Duration = Duration::from_millis(10);

/// What can go wrong with a sandbox, its nodes' own refusals apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A node failed, or could not start.
    #[error("a node failed")]
    Node(#[from] NodeError),
    /// The partnership cannot be founded so. Correct the directory.
    #[error("the partnership cannot be founded")]
    Founding(#[from] BadFile),
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] concordat_log::Error),
    /// A store failed.
    #[error("a store failed")]
    Store(#[from] concordat_store::Error),
    /// No node of this organisation takes part.
    #[error("no node of {0} takes part")]
    NoMember(String),
    /// The organisation's node does not run.
    #[error("the node of {0} does not run")]
    NotRunning(String),
    /// The log is a broker's, whose connections nobody can hold here.
    #[error("the log is not embedded")]
    NotEmbedded,
    /// Something that must happen has not happened within [`PATIENCE`].
    #[error("{0} within {PATIENCE:?}")]
    TooLate(&'static str),
    /// An envelope could not be put together, or the log did not take it.
    #[error("nothing was appended past the door: {0}")]
    PastTheDoor(String),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The clock cannot go on: no calendar reaches that far.
    #[error("the calendar has no day after this one")]
    EndOfTime,
}

/// A partnership whose nodes run in this process.
pub struct Sandbox {
    clock: MovableClock,
    founding: Founding,
    directory: PathBuf,
    members: BTreeMap<String, Member>,
}

/// One organisation in it.
struct Member {
    log: Arc<dyn SharedLog>,
    /// The switches of its connection, where the log is embedded.
    connection: Option<EmbeddedHandle>,
    node: Option<Arc<Node>>,
}

impl Member {
    /// Whether it hears of all that is appended.
    fn hears(&self) -> bool {
        // A broker that is away is waited for: nobody has cut the connection on purpose.
        self.connection
            .as_ref()
            .is_none_or(|connection| connection.connected() && !connection.is_behind())
    }
}

impl Sandbox {
    /// Starts a node for each organisation that the founding has a key of, on an embedded log, whose time is the caller's to set:
    /// with that of the nodes ([`MovableClock::time_source`]), unless they are to disagree. Stores that are there are gone on from.
    ///
    /// # Errors
    /// [`Error::Log`], [`Error::Store`] or [`Error::Node`]: what could not be opened or started.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        directory: &Path,
        founding: Founding,
        clock: MovableClock,
        log: &EmbeddedLog,
    ) -> Result<Self, Error> {
        let mut members = BTreeMap::new();
        for code in founding.codes() {
            let connection = log.handle(code)?;
            let member = Member {
                log: Arc::new(connection.clone()),
                connection: Some(connection),
                node: None,
            };
            members.insert(code.to_owned(), member);
        }
        Self::with_members(directory, founding, clock, members)
    }

    /// The same on an embedded log that is gone afterwards and whose time is that of the nodes.
    ///
    /// # Errors
    /// As [`Self::start`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_temporary(
        directory: &Path,
        founding: Founding,
        clock: MovableClock,
    ) -> Result<Self, Error> {
        let log = EmbeddedLog::temporary()?.with_time(clock.time_source());
        Self::start(directory, founding, clock, &log)
    }

    /// The same on logs that are connected elsewhere, such as a real broker's: one for each organisation.
    ///
    /// # Errors
    /// As [`Self::start`]; [`Error::NoMember`] if an organisation lacks its log.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_on(
        directory: &Path,
        founding: Founding,
        clock: MovableClock,
        mut logs: BTreeMap<String, Arc<dyn SharedLog>>,
    ) -> Result<Self, Error> {
        let mut members = BTreeMap::new();
        for code in founding.codes() {
            let log = logs
                .remove(code)
                .ok_or_else(|| Error::NoMember(code.to_owned()))?;
            let member = Member {
                log,
                connection: None,
                node: None,
            };
            members.insert(code.to_owned(), member);
        }
        Self::with_members(directory, founding, clock, members)
    }

    fn with_members(
        directory: &Path,
        founding: Founding,
        clock: MovableClock,
        members: BTreeMap<String, Member>,
    ) -> Result<Self, Error> {
        let mut sandbox = Self {
            clock,
            founding,
            directory: directory.to_owned(),
            members,
        };
        let codes: Vec<String> = sandbox.members.keys().cloned().collect();
        for code in codes {
            sandbox.start_node(&code)?;
        }
        Ok(sandbox)
    }

    /// Starts an organisation's node, from its store. One that runs goes on running.
    ///
    /// # Errors
    /// [`Error::NoMember`], [`Error::Store`] or [`Error::Node`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_node(&mut self, code: &str) -> Result<(), Error> {
        let mut config = NodeConfig::new(
            self.founding.organisation(code)?,
            self.founding.file().clone(),
            self.founding.signing_key(code)?,
        );
        config.witness_after = self.founding.witness_after();
        config.erasure_settles = Duration::ZERO;
        config.witness_step = WITNESS_STEP;
        config.tick = TICK;
        let place = self.store_directory(code);
        let clock = Arc::new(self.clock.clone());
        let member = self.member_mut(code)?;
        if member.node.is_none() {
            let store = Store::open(&place, StoreConfig::default())?;
            let node = Node::start(config, store, Arc::clone(&member.log), clock)?;
            member.node = Some(Arc::new(node));
        }
        Ok(())
    }

    /// Stops an organisation's node and closes its store.
    ///
    /// # Errors
    /// [`Error::NoMember`] or [`Error::NotRunning`].
    pub async fn stop_node(&mut self, code: &str) -> Result<(), Error> {
        let node = self.member_mut(code)?.node.take();
        node.ok_or_else(|| Error::NotRunning(code.to_owned()))?
            .stop()
            .await;
        Ok(())
    }

    /// The clock of all nodes.
    #[must_use]
    pub fn clock(&self) -> &MovableClock {
        &self.clock
    }

    /// Who takes part.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    /// Where an organisation's store is.
    #[must_use]
    pub fn store_directory(&self, code: &str) -> PathBuf {
        self.directory.join(subject_token(code))
    }

    /// An organisation's running node.
    ///
    /// # Errors
    /// [`Error::NoMember`] or [`Error::NotRunning`].
    pub fn node(&self, code: &str) -> Result<&Arc<Node>, Error> {
        let node = self.member(code)?.node.as_ref();
        node.ok_or_else(|| Error::NotRunning(code.to_owned()))
    }

    /// All nodes that run, by the code of their organisation.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        let members = self.members.iter();
        members.filter_map(|(code, member)| Some((code.as_str(), &**member.node.as_ref()?)))
    }

    /// An organisation's connection to the embedded log, to cut it or slow it down.
    ///
    /// # Errors
    /// [`Error::NoMember`], or [`Error::NotEmbedded`].
    pub fn connection(&self, code: &str) -> Result<&EmbeddedHandle, Error> {
        self.member(code)?
            .connection
            .as_ref()
            .ok_or(Error::NotEmbedded)
    }

    /// Whether an organisation hears of all that is appended: its connection is neither cut nor behind.
    ///
    /// # Errors
    /// [`Error::NoMember`].
    pub fn hears(&self, code: &str) -> Result<bool, Error> {
        Ok(self.member(code)?.hears())
    }

    /// Hands an event of the partnership in at one organisation's node, signed by as many organisations as its directory asks for.
    ///
    /// # Errors
    /// [`Error::NoMember`], [`Error::NotRunning`]; [`Error::Node`] with the refusal of the door.
    pub async fn emit_as_steward(&self, code: &str, emission: Emission) -> Result<Receipt, Error> {
        let node = self.node(code)?;
        let event = directory_from_input(&emission.input, self.clock.now())
            .map_err(|error| Error::PastTheDoor(error.to_string()))?;
        let file = self.founding.file();
        let change = UnsignedChange::of_event(&file.id(), emission.event_id, &event);
        let signatures = self.founding.signatures(&change)?;
        let record = change.with_signatures(signatures);
        Ok(node.record_change(emission, record).await?)
    }

    /// Moves the clock as it would pass. What falls due at midnight fires then, not when somebody happens to act: so the clock
    /// first moves to the beginning of the last day, if that is a later one, and the nodes come to rest there.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn advance_to(&self, instant: Timestamp) -> Result<(), Error> {
        let today = local_date(self.clock.now());
        let tomorrow = today.tomorrow().map_err(|_| Error::EndOfTime)?;
        if start_of_day(tomorrow) <= instant {
            self.clock.move_to(start_of_day(local_date(instant)));
            self.settle().await?;
        }
        self.clock.move_to(instant);
        self.settle().await
    }

    /// Until nobody has anything left to say: all nodes that hear the log have read it to its end, are of one mind on it, and have
    /// worked off what it asks of them. Nodes that are stopped, cut off or behind are not waited for.
    ///
    /// Bundles that only witness others come later, by the machine's clock: await those with [`Self::reaches`].
    ///
    /// # Errors
    /// [`Error::TooLate`], or [`Error::Node`] if a node has failed.
    pub async fn settle(&self) -> Result<(), Error> {
        let rest = async {
            while !self.is_at_rest().await? {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, rest)
            .await
            .map_err(|_| Error::TooLate("the nodes have not come to rest"))?
    }

    async fn is_at_rest(&self) -> Result<bool, Error> {
        let Some(hearing) = self.members.values().find(|member| member.hears()) else {
            return Ok(true);
        };
        let Ok(before) = hearing.log.head().await else {
            return Ok(false);
        };
        for member in self.members.values().filter(|member| member.hears()) {
            let Some(node) = &member.node else { continue };
            node.tick().await?;
            // A turn answers before it works. If it read the last record and answered in one turn, only the answer of a later turn shows
            // what that record set going; so both have to have read it.
            let earlier = node.status().await?;
            let status = node.status().await?;
            let done = earlier.offset == before.0
                && status.offset == before.0
                && status.caught_up
                && status.drafts_waiting == 0
                && status.enforcement_waiting == 0;
            if !done {
                return Ok(false);
            }
        }
        Ok(hearing.log.head().await.is_ok_and(|head| head == before))
    }

    /// Until an organisation's own event has reached a stage, or is held.
    ///
    /// # Errors
    /// [`Error::TooLate`]; [`Error::Node`] if its node does not know the event.
    pub async fn reaches(
        &self,
        code: &str,
        event: EventId,
        stage: Stage,
    ) -> Result<Receipt, Error> {
        let node = self.node(code)?;
        let wait = async {
            loop {
                let receipt = node.receipt(event).await?;
                if receipt.stage >= stage || receipt.stage == Stage::Held {
                    return Ok(receipt);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .map_err(|_| Error::TooLate("the event has not reached its stage"))?
    }

    /// Stops all nodes.
    pub async fn stop(self) {
        for node in self.members.into_values().filter_map(|member| member.node) {
            node.stop().await;
        }
    }

    fn member(&self, code: &str) -> Result<&Member, Error> {
        let member = self.members.get(code);
        member.ok_or_else(|| Error::NoMember(code.to_owned()))
    }

    fn member_mut(&mut self, code: &str) -> Result<&mut Member, Error> {
        let member = self.members.get_mut(code);
        member.ok_or_else(|| Error::NoMember(code.to_owned()))
    }
}
