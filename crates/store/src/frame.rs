//! How a value lies in the database: in chunks, with its length and checksum.
//!
//! A value under a key is stored under `key ‖ 0 ‖ chunk`. The first chunk starts with the value's length and a CRC-32
//! over key and value, so that a value that was cut, garbled or put in another place is found when it is read.

use crate::Error;
use crate::keys::area_name;

/// Longest value: well above the longest bundle and any state of one case. Bounded so that a chunk number is one byte.
pub const VALUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Keeps a page of sled, at most 17 values, well below a quarter of its segment, above which sled would write it to a
/// file of its own that it does not sync.
const CHUNK_BYTES: usize = 60 * 1024;
const HEADER_BYTES: usize = 8;
/// What follows the key: a zero, which no text key contains, so that keys of different length cannot interleave; and
/// the chunk's number.
const SUFFIX_BYTES: usize = 2;

/// Key of one chunk.
pub(crate) fn chunk_key(key: &[u8], chunk: u8) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + SUFFIX_BYTES);
    stored.extend_from_slice(key);
    stored.extend_from_slice(&[0, chunk]);
    stored
}

/// A stored key taken apart into key and chunk number.
pub(crate) fn split_key(stored: &[u8]) -> Option<(&[u8], u8)> {
    let (key, suffix) = stored.split_at_checked(stored.len().checked_sub(SUFFIX_BYTES)?)?;
    (suffix[0] == 0).then_some((key, suffix[1]))
}

/// Refuses what cannot be stored.
pub(crate) fn check_length(value: &[u8]) -> Result<(), Error> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::TooLarge {
            bytes: value.len(),
            bytes_max: VALUE_BYTES_MAX,
        });
    }
    Ok(())
}

/// The value as stored: header and value in one, to be cut into [`chunks`].
pub(crate) fn encode(key: &[u8], value: &[u8]) -> Vec<u8> {
    let length =
        u32::try_from(value.len()).expect("checked against VALUE_BYTES_MAX when it was put");
    let mut stored = Vec::with_capacity(HEADER_BYTES + value.len());
    stored.extend_from_slice(&length.to_be_bytes());
    stored.extend_from_slice(&checksum(key, value).to_be_bytes());
    stored.extend_from_slice(value);
    stored
}

/// What [`encode`] gave, in pieces with their numbers.
pub(crate) fn chunks(stored: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    stored
        .chunks(CHUNK_BYTES)
        .zip(0_u8..)
        .map(|(bytes, chunk)| (chunk, bytes))
}

/// How many chunks the value has whose first chunk is `first`.
pub(crate) fn chunk_count(key: &[u8], first: &[u8]) -> Result<u8, Error> {
    let length = first
        .first_chunk::<4>()
        .ok_or_else(|| corrupt(key, "its first chunk is cut short"))?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > VALUE_BYTES_MAX {
        return Err(corrupt(key, "its length is impossible"));
    }
    let chunks = (HEADER_BYTES + length).div_ceil(CHUNK_BYTES);
    Ok(u8::try_from(chunks).expect("VALUE_BYTES_MAX fits 255 chunks"))
}

/// The value, from all its chunks joined.
pub(crate) fn decode(key: &[u8], mut stored: Vec<u8>) -> Result<Vec<u8>, Error> {
    let header: [u8; HEADER_BYTES] = *stored
        .first_chunk()
        .ok_or_else(|| corrupt(key, "its first chunk is cut short"))?;
    stored.drain(..HEADER_BYTES);
    let (length, sum) = header.split_at(4);
    if u32::try_from(stored.len())
        .map(u32::to_be_bytes)
        .ok()
        .as_ref()
        .map(<[u8; 4]>::as_slice)
        != Some(length)
    {
        return Err(corrupt(key, "its length does not match"));
    }
    if checksum(key, &stored).to_be_bytes() != *sum {
        return Err(corrupt(key, "its checksum does not match"));
    }
    Ok(stored)
}

pub(crate) fn corrupt(key: &[u8], what: &'static str) -> Error {
    Error::Corrupt {
        area: area_name(key),
        what,
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_of_any_length_comes_back_from_its_chunks() {
        for length in [
            0,
            1,
            CHUNK_BYTES - HEADER_BYTES,
            CHUNK_BYTES,
            512 * 1024,
            VALUE_BYTES_MAX,
        ] {
            let value = vec![7; length];
            let stored = encode(b"key", &value);
            let pieces: Vec<_> = chunks(&stored).collect();
            assert_eq!(
                pieces.len(),
                usize::from(chunk_count(b"key", pieces[0].1).unwrap()),
                "{length}"
            );
            assert!(pieces.iter().all(|(_, piece)| piece.len() <= 64 * 1024));
            let joined = pieces
                .iter()
                .flat_map(|(_, piece)| piece.to_vec())
                .collect();
            assert_eq!(decode(b"key", joined).unwrap(), value);
        }
    }

    #[test]
    fn damage_anywhere_is_found() {
        let stored = encode(b"key", &[7; 100]);
        for at in 0..stored.len() {
            let mut garbled = stored.clone();
            garbled[at] ^= 1;
            assert!(decode(b"key", garbled).is_err(), "byte {at}");
            assert!(
                decode(b"key", stored[..at].to_vec()).is_err(),
                "cut at {at}"
            );
        }
        assert!(decode(b"kez", stored).is_err(), "a value in another place");
    }

    #[test]
    fn stored_key_splits_into_what_it_was_made_of() {
        assert_eq!(
            split_key(&chunk_key(b"m\0\0", 3)),
            Some((b"m\0\0".as_slice(), 3))
        );
        assert_eq!(split_key(b"x"), None);
        assert_eq!(split_key(b"xyz"), None);
    }
}
