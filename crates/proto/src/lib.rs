//! The contract: generated messages and services, their descriptors, canonical JSON, and a strict reader of requests.
//!
//! The `.proto` files in `proto/concordat/v1` are the source; nothing here adds meaning to them. This crate knows none of
//! ours: what a message means for the rules is the business of `codec`.

pub mod cloudevents;
pub mod descriptor;
pub mod json;
pub mod options;
pub mod reasons;
pub mod rest;
pub mod strict;

/// Messages, enumerations, clients and servers of package `concordat.v1`.
#[allow(
    missing_docs,
    clippy::all,
    rustdoc::all,
    rust_2018_idioms,
    unreachable_pub,
    reason = "generated from the .proto files, which are documented and linted themselves"
)]
pub mod v1 {
    tonic::include_proto!("concordat.v1");
}

pub use descriptor::{FILE_DESCRIPTOR_SET, descriptor_pool};
