//! How anything outside reaches the engine: a bounded queue in front of its one thread.

use concordat_log::Record;
use tokio::sync::{mpsc, oneshot};

use crate::courier::{Appended, Comparison};
use crate::engine::Engine;
use crate::error::Error;

/// Inputs that may wait for the engine. When the queue is full, callers wait: that is the back-pressure on local systems
/// and on the reading of the log.
pub(crate) const WAITING_MAX: usize = 4096;

type Call = Box<dyn FnOnce(&mut Engine) + Send>;

/// Everything that can happen to an engine.
pub(crate) enum Input {
    /// Records read from the log, in order.
    Records(Vec<Record>),
    /// The log cannot be reached for now.
    Lost,
    /// An append, told by its number, ended.
    Appended(u64, Appended),
    /// The clocks of node and log were compared.
    Compared(Comparison),
    /// Time may have passed.
    Tick,
    /// A local system or a query.
    Call(Call),
    /// Finish what is in hand and end.
    Stop,
}

/// A handle on the queue. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mailbox(mpsc::Sender<Input>);

impl Mailbox {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    pub(crate) async fn send(&self, input: Input) -> Result<(), Error> {
        self.0.send(input).await.map_err(|_| Error::Stopping)
    }

    /// Runs `f` in the engine's thread and brings back what it returns.
    ///
    /// Cancel safety: if the caller goes away, `f` still runs.
    pub(crate) async fn call<T, F>(&self, f: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Engine) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call = Box::new(move |engine: &mut Engine| {
            // The caller may have given up; the work is done all the same.
            let _ = answer.send(f(engine));
        });
        self.send(Input::Call(call)).await?;
        answered.await.map_err(|_| Error::Stopping)
    }

    /// As [`Self::call`], for what promises something: the answer comes once it is durable. A refusal needs no sync.
    ///
    /// Cancel safety: if the caller goes away, `f` still runs.
    pub(crate) async fn promise<T, F>(&self, f: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Engine) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call = Box::new(move |engine: &mut Engine| match f(engine) {
            // The caller may have given up; the work is done all the same.
            Ok(done) => engine.once_durable(Box::new(move || drop(answer.send(Ok(done))))),
            Err(error) => drop(answer.send(Err(error))),
        });
        self.send(Input::Call(call)).await?;
        answered.await.map_err(|_| Error::Stopping)?
    }
}
