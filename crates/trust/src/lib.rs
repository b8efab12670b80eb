//! Bundles, admission, signatures, chains, the Merkle log, compartments, keyring and grants: crypto without I/O.
//!
//! Everything here is a function of its arguments: time and randomness come in, bytes and verdicts go out. The page
//! `docs/format.md` describes the same bytes for someone who writes a verifier in another language; `tests/verify_vectors.py` is
//! one, and the vectors under `tests/vectors` are checked by both sides.
//!
//! ```text
//! record ──strict──▶ bundle ──admission──▶ (index, parsed bundle) ──seal──▶ parts one may read
//!                      ▲                        │
//!                   signing, pae, hash        merkle          lines · keyring · grant: who holds which key
//! ```
//!
//! What this crate does not know: the broker, the disk, what an event means.

mod error;

pub mod digest;
pub mod hash;
pub mod pae;
pub mod strict;

pub mod merkle;
pub mod signing;

pub mod partnership;

pub mod bundle;
pub mod envelope;
pub mod packed;

pub mod admission;

pub mod compartment;
pub mod grant;
pub mod key_record;
pub mod keyring;
pub mod lines;
pub mod seal;

pub mod case_log;

pub mod feed;

pub use digest::{BundleHash, Commitment, EventHash, Hash, KeyId, PartnershipId};
pub use error::Error;
