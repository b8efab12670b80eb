//! Ids for events that this command emits.

use anyhow::anyhow;
use concordat_domain::ids::EventId;
use jiff::Timestamp;

use crate::exit::Failure;

/// A UUID of version 7 (RFC 9562, 5.7): the milliseconds of now, then 74 random bits.
pub(crate) fn fresh_event_id() -> Result<EventId, Failure> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|error| anyhow!("the machine gives no randomness: {error}"))?;
    let milliseconds = Timestamp::now().as_millisecond().to_be_bytes();
    id[..6].copy_from_slice(&milliseconds[2..]);
    id[6] = (id[6] & 0x0f) | 0x70;
    id[8] = (id[8] & 0x3f) | 0x80;
    Ok(EventId(id))
}

#[cfg(test)]
mod tests {
    use super::fresh_event_id;

    #[test]
    fn ids_are_uuids_of_version_7_and_differ() {
        let first = fresh_event_id().expect("an id").to_string();
        let second = fresh_event_id().expect("an id").to_string();
        assert_ne!(first, second);
        assert_eq!(&first[14..15], "7");
        assert!("89ab".contains(&first[19..20]), "{first}");
    }
}
