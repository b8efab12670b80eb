//! Packs as an auditor meets them: exported, verified, tampered with, cross-checked.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod clean;
mod forge;
mod tampering;
mod world;
