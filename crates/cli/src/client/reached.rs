//! Reading one's own writes, also through another connection or another program.

use clap::Args;

/// Up to where a node must have read before it answers.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reached {
    /// Position that the answer must have reached: `position` of an earlier receipt, or the header concordat-position. Exit code 5 if
    /// the node does not get there in time.
    #[arg(long, value_name = "POSITION", default_value = "")]
    pub(crate) min_position: String,
}
