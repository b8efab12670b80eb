//! What a user of the `concordat` command sees: one program, so that the crates below are linked once.

mod audit;
mod audit_pack;
mod calendar_due;
mod client;
mod commands;
mod conformance;
mod demo;
mod dev;
mod directory;
mod first_hour;
mod held;
mod how_to;
mod partnership;
mod policy;
mod relay;
mod relay_kill;
mod relay_order;
mod relay_tls;
mod report;
mod scenario_check;
mod serve;
mod support;
