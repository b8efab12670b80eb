//! Audit packs: one file with a case, what concerns an organisation, or a whole log, for someone who trusts none of the nodes.
//!
//! ```text
//! node ──▶ write ──▶ pack (ZIP) ──▶ check: members ▶ signatures, chains, tree ▶ rulings, states, deadlines ──▶ findings
//! ```
//!
//! `docs/reference/audit-pack.md` describes the file for people who write a verifier of their own; `tests/verify_pack.py` is one.
//! Reading and judging are pure: no network, no clock, no randomness, and files come in as `Read + Seek`. Whoever exports decides
//! what goes in; whoever verifies believes nothing of it that does not verify.

pub mod check;
pub mod claims;
pub mod cross;
pub mod finding;
pub mod manifest;
pub mod ocel;
pub mod read;
pub mod select;
pub mod timeline;
pub mod write;

pub use check::{Anchor, Report, Stage, verify};
pub use finding::{Code, Finding, Place};
pub use manifest::{Manifest, Scope};
