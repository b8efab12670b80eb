//! The way in for local systems: services over the handle of one node, on one port, by several wires (`wire.rs`).
//!
//! ```text
//! local system ──▶ wire: gRPC, gRPC-Web, Connect, JSON, SSE ▶ access: bearer token ▶ proto: strict reading ▶ services: ids, pages, tokens ▶ concordat_node::Node
//!                                                                       render ◀── views ◀──┘
//! ```
//!
//! The contract is `proto/concordat/v1/*_service.proto`. This crate decides nothing about a case: it turns requests into calls of the
//! node and views into answers. Every error is a `google.rpc.Status` with one `ErrorInfo` (`failure.rs`).
//!
//! In this release it listens on the loopback interface only, in plaintext, and asks for a bearer token (`access.rs`).

mod access;
mod clocked;
mod failure;
mod holders;
mod mask;
mod opaque;
mod page;
mod read;
mod render;
mod server;
mod services;
mod trace;
mod wire;

pub use access::Token;
pub use server::{Error, Server, ServerConfig};
