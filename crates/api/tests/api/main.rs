//! What a client sees on the wires, against real nodes: one program, so that the crates below are linked once.

mod audit;
mod audit_pack;
mod compression;
mod emits;
mod feeds;
mod parts;
mod reasons;
mod services;
mod strangers;
mod support;
mod watch;
mod wires;
