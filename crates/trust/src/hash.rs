//! SHA-256, and the one way in which several values are joined before they are hashed or bound to a key.

use sha2::{Digest, Sha256};

use crate::digest::Hash;

/// SHA-256 (FIPS 180-4) of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Joins a label and fields so that no two different lists give the same bytes: each item is preceded by its length in bytes as
/// four bytes, big-endian. The label comes first and says what the bytes are for, so that what was made for one purpose never
/// serves another.
///
/// Items are far below 4 GiB: they are ids, hashes and codes.
pub fn labelled(label: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for item in std::iter::once(label.as_bytes()).chain(fields.iter().copied()) {
        let length = u32::try_from(item.len()).expect("ids, hashes and codes are far below 4 GiB");
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(item);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_abc_is_the_published_value() {
        // FIPS 180-4, example "abc".
        assert_eq!(
            sha256(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_joined_bytes() {
        assert_ne!(labelled("x", &[b"ab", b"c"]), labelled("x", &[b"a", b"bc"]));
        assert_ne!(labelled("xa", &[b"b"]), labelled("x", &[b"ab"]));
    }
}
