//! Packs as an auditor meets them: exported, verified, tampered with, cross-checked.

#![allow(
    clippy::disallowed_methods,
    reason = "what the core must not do, such as writing files, tests may"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bench;
mod changes;
mod clean;
mod cross;
mod forge;
mod history;
mod large;
mod mutations;
mod tampering;
mod world;
