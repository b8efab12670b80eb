//! One type per kind of hash, so that an event hash cannot stand where a bundle hash is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text or the bytes are not a hash of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} bytes (hexadecimal in text)")]
pub struct NotADigest {
    /// How many bytes a value of this kind has.
    pub expected: usize,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// All bytes zero: what stands where there is no predecessor.
            pub const ZERO: Self = Self([0; $length]);

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = NotADigest;

            fn try_from(bytes: &[u8]) -> Result<Self, NotADigest> {
                <[u8; $length]>::try_from(bytes).map(Self).map_err(|_| NotADigest { expected: $length })
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;

            fn from_str(text: &str) -> Result<Self, NotADigest> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| NotADigest { expected: $length })?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotADigest;

            fn try_from(text: String) -> Result<Self, NotADigest> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

digest! {
    /// A SHA-256 that has no type of its own: tree heads, tree nodes, part hashes.
    Hash, 32
}
digest! {
    /// Names a bundle: SHA-256 over the PAE of its header bytes. The signature is not in it.
    BundleHash, 32
}
digest! {
    /// Names an envelope: SHA-256 over the PAE of its header bytes.
    EventHash, 32
}
digest! {
    /// Names a partnership: SHA-256 of its file in canonical form.
    PartnershipId, 32
}
digest! {
    /// Commits to the key of a version without showing it.
    Commitment, 32
}
digest! {
    /// Names a public signing key: the first 16 bytes of its SHA-256.
    KeyId, 16
}
