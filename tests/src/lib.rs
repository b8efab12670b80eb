//! Shared support for the end-to-end tests: real servers and a network that can fail, each in its own place and gone
//! with the test.

pub mod nats;
pub mod proxy;
