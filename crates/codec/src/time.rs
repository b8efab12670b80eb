//! Instants of the wire and of the domain.

use jiff::Timestamp;

/// An instant as the wire writes it.
pub fn to_wire(instant: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (instant.as_second(), instant.subsec_nanosecond());
    // jiff counts the fraction away from zero; protobuf counts it forward always.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// The instant that the wire wrote; None outside the years -9999 to 9999 and for a fraction outside a second.
pub fn from_wire(timestamp: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&timestamp.nanos) {
        return None;
    }
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::{from_wire, to_wire};

    #[test]
    fn instants_before_and_after_1970_come_back() {
        for text in [
            "2026-03-29T00:59:59.999999999Z",
            "1969-12-31T23:59:59.25Z",
            "1970-01-01T00:00:00Z",
        ] {
            let instant = text.parse().unwrap();
            assert!(to_wire(instant).nanos >= 0);
            assert_eq!(from_wire(&to_wire(instant)), Some(instant));
        }
    }

    #[test]
    fn fraction_outside_a_second_is_no_instant() {
        assert_eq!(
            from_wire(&prost_types::Timestamp {
                seconds: 0,
                nanos: -1
            }),
            None
        );
        assert_eq!(
            from_wire(&prost_types::Timestamp {
                seconds: 0,
                nanos: 1_000_000_000
            }),
            None
        );
    }
}
