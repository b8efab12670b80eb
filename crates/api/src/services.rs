//! The services of the contract, one a file.

mod audit;
mod audit_pack;
mod case;
mod deadline;
mod directory;
mod event;
mod feed;
mod report;
mod server;
mod streaming;

use std::sync::Arc;
use std::time::Duration;

use concordat_node::Node;
use concordat_node::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::holders::Holders;

/// What every service works with.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) holders: Holders,
    pub(crate) stop: CancellationToken,
    pub(crate) backdate_reason_after: Option<Duration>,
}
