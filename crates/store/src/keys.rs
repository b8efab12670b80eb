//! Key layout: every area's first byte, in one place, so that no two can meet.
//!
//! Numbers in keys are big-endian, so that their order is the order of keys. Within an area, keys have one length, or
//! end in text without a zero byte, or have text without one closed by a zero: none is the beginning of another's chunk.

/// Journal: index(8) → record.
pub(crate) const JOURNAL: u8 = b'j';
/// Quarantine: arrival number(8) → reason and record.
pub(crate) const QUARANTINE: u8 = b'q';
/// Meta: name → value.
pub(crate) const META: u8 = b'm';
/// Drafts: arrival number(8) → draft, sealed.
pub(crate) const DRAFTS: u8 = b'd';
/// Own events, for life: event id(16) → digest, case, place.
pub(crate) const EVENTS: u8 = b'e';
/// The signed bundle in flight: (nothing) → bundle.
pub(crate) const IN_FLIGHT: u8 = b'f';
/// Case index: case id(16) bundle(8) envelope(4) → (nothing).
pub(crate) const CASES: u8 = b'c';
/// Projections: case id(16) → state, sealed.
pub(crate) const PROJECTIONS: u8 = b'p';
/// What lies ahead: case id(16) → outlook, sealed.
pub(crate) const DUE: u8 = b't';
/// Feed entries: index(8) → entry, sealed.
pub(crate) const FEED: u8 = b'n';
/// Feed cursors: name → cursor.
pub(crate) const FEED_CURSORS: u8 = b'u';
/// Marks of feeds: feed 0 generation(4) offset(8) → number, digest.
pub(crate) const FEED_MARKS: u8 = b'w';
/// Snapshots with which feeds begin: feed 0 generation(4) chunk(8) → case ids.
pub(crate) const FEED_SNAPSHOTS: u8 = b's';
/// Parked entries of feeds: feed 0 generation(4) offset(8) → entry.
pub(crate) const FEED_PARKED: u8 = b'k';
/// Merkle tree: level(1) index(8) → hash.
pub(crate) const TREE: u8 = b'h';
/// Admission: index(8) → delta.
pub(crate) const ADMISSION: u8 = b'a';
/// Vault: name → secret, sealed.
pub(crate) const VAULT: u8 = b'v';

/// Whether an area's values are encrypted under the key file.
pub(crate) fn is_sealed(area: u8) -> bool {
    matches!(area, DRAFTS | PROJECTIONS | DUE | FEED | VAULT)
}

/// What an area is called in messages.
pub(crate) fn area_name(key: &[u8]) -> &'static str {
    match key.first() {
        Some(&JOURNAL) => "journal",
        Some(&QUARANTINE) => "quarantine",
        Some(&META) => "meta",
        Some(&DRAFTS) => "drafts",
        Some(&EVENTS) => "own events",
        Some(&IN_FLIGHT) => "bundle in flight",
        Some(&CASES) => "case index",
        Some(&PROJECTIONS) => "projections",
        Some(&DUE) => "outlooks",
        Some(&FEED) => "feed",
        Some(&FEED_CURSORS) => "feed cursors",
        Some(&FEED_MARKS) => "feed marks",
        Some(&FEED_SNAPSHOTS) => "feed snapshots",
        Some(&FEED_PARKED) => "parked entries",
        Some(&TREE) => "tree",
        Some(&ADMISSION) => "admission",
        Some(&VAULT) => "vault",
        _ => "unknown",
    }
}

/// The key of a numbered entry.
pub(crate) fn numbered(area: u8, number: u64) -> Vec<u8> {
    joined(area, &[&number.to_be_bytes()])
}

/// A key of several pieces.
pub(crate) fn joined(area: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![area];
    for piece in pieces {
        key.extend_from_slice(piece);
    }
    key
}

/// The number in the key of a numbered entry.
pub(crate) fn number_in(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?))
}
