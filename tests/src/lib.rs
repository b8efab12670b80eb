//! What tests stand on: real brokers, a proxy that fails on command, `concordat` processes, and a client in another language.

pub mod driver;
pub mod nats;
pub mod organisations;
pub mod proxy;
