//! Points of the log, as people write them.

use std::str::FromStr;

use concordat_codec::time;
use concordat_domain::calendar::end_of_day;
use concordat_proto::v1;
use jiff::Timestamp;
use jiff::civil::Date;

/// Up to where the log counts: a position, an instant, or the end of a day in Europe/London.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    Position(String),
    Time(Timestamp),
}

impl FromStr for Known {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_position = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_position {
            return Ok(Self::Position(text.to_owned()));
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self::Time(instant));
        }
        let day: Date = text.parse().map_err(|_| {
            "expected a position of 24 digits, an instant such as 2026-03-01T09:00:00Z, or a day".to_owned()
        })?;
        // Instants are told to the millisecond on the log: this is the last of the day.
        let last = Timestamp::from_millisecond(end_of_day(day).as_millisecond() - 1);
        last.map(Self::Time).map_err(|error| error.to_string())
    }
}

/// The same on the wire.
pub(super) fn wire(known: Option<&Known>) -> Option<v1::Known> {
    known.map(|known| match known {
        Known::Position(position) => v1::Known {
            position: position.clone(),
            time: None,
        },
        Known::Time(instant) => v1::Known {
            position: String::new(),
            time: Some(time::to_wire(*instant)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_known_to_its_end_in_london() {
        let summer: Known = "2026-07-01".parse().expect("a day");
        let last = "2026-07-01T22:59:59.999Z".parse().expect("an instant");
        assert_eq!(summer, Known::Time(last));
        let position = "000000000000000500000001";
        assert_eq!(position.parse(), Ok(Known::Position(position.to_owned())));
        assert!("yesterday".parse::<Known>().is_err());
    }
}
