//! The command line as a client of a node: it knows the contract and nothing of how a node works.

mod connection;
mod error;
mod event_id;
mod explain;
mod paging;
mod reached;
mod retry;
mod wire;

pub(crate) use connection::{Client, Connection, check_server};
pub(crate) use error::CallError;
pub(crate) use event_id::fresh_event_id;
pub(crate) use paging::{Paging, all_pages};
pub(crate) use reached::Reached;
pub(crate) use retry::Backoff;

use std::future::Future;

use crate::exit::Failure;

/// Runs one client command to its end.
pub(crate) fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(command)
}
