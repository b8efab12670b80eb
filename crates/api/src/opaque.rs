//! Places and versions as callers see them: opaque texts of fixed width, so that their order is that of what they stand for.

use concordat_domain::event::CaseVersion;
use concordat_domain::ids::Position;
use concordat_node::{Cursor, Spot, position_text};

/// A place in the log: 24 hexadecimal digits.
pub(crate) fn position(position: Position) -> String {
    position_text(position)
}

/// The place that a text stands for.
pub(crate) fn read_position(text: &str) -> Option<Position> {
    let [bundle, envelope] = numbers(text, [16, 8])?;
    Some(Position {
        bundle,
        envelope: u32::try_from(envelope).ok()?,
    })
}

/// A place in a feed: 32 hexadecimal digits, or 25 characters within a snapshot.
pub(crate) fn cursor(spot: Spot) -> String {
    spot.to_string()
}

/// The place in a feed that a text stands for.
pub(crate) fn read_cursor(text: &str) -> Option<Spot> {
    if let Some((generation, seen)) = text.split_once('s') {
        let [generation] = numbers(generation, [8])?;
        let [seen] = numbers(seen, [16])?;
        return Some(Spot::Snapshot {
            generation: u32::try_from(generation).ok()?,
            seen,
        });
    }
    let (place, index) = text.split_at_checked(24)?;
    let [index] = numbers(index, [8])?;
    Some(Spot::Entry(Cursor {
        position: read_position(place)?,
        index: u32::try_from(index).ok()?,
    }))
}

/// A case version: 32 hexadecimal digits.
pub(crate) fn version(version: CaseVersion) -> String {
    format!("{:016x}{:016x}", version.others, version.own_seq)
}

/// The case version that a text stands for.
pub(crate) fn read_version(text: &str) -> Option<CaseVersion> {
    let [others, own_seq] = numbers(text, [16, 16])?;
    Some(CaseVersion { others, own_seq })
}

/// Reads numbers of fixed widths that fill the whole text.
fn numbers<const N: usize>(text: &str, widths: [usize; N]) -> Option<[u64; N]> {
    let mut rest = text;
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let (digits, after) = rest.split_at_checked(width)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        *number = u64::from_str_radix(digits, 16).ok()?;
        rest = after;
    }
    rest.is_empty().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use concordat_domain::event::CaseVersion;
    use concordat_domain::ids::Position;

    use super::*;

    #[test]
    fn texts_come_back_and_keep_the_order() {
        let places = [
            (0, 0),
            (0, 9),
            (0, 10),
            (9, 1),
            (10, 0),
            (u64::MAX, u32::MAX),
        ]
        .map(|(bundle, envelope)| Position { bundle, envelope });
        let texts = places.map(position);
        assert!(texts.is_sorted());
        assert_eq!(
            texts.each_ref().map(|text| read_position(text)),
            places.map(Some)
        );
        let entry = Spot::Entry(Cursor {
            position: places[3],
            index: 7,
        });
        let case = Spot::Snapshot {
            generation: 2,
            seen: 300,
        };
        assert_eq!(read_cursor(&cursor(entry)), Some(entry));
        assert_eq!(read_cursor(&cursor(case)), Some(case));
        let seen = CaseVersion {
            others: 3,
            own_seq: 12,
        };
        assert_eq!(read_version(&version(seen)), Some(seen));
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "0",
            "+00000000000000000000000",
            "00000000000000000000000g",
            "0000000000000000000000000",
        ] {
            assert_eq!(read_position(text), None, "{text}");
        }
        assert_eq!(read_version("é0000000000000000000000000000000"), None);
    }
}
