//! How a subscriber proves that it missed nothing: numbers without gaps, a digest chained over what a feed delivers, and an organisation's
//! signed statement on both (docs/reference/feeds.md).
//!
//! All that is hashed or signed here is text, so that a subscriber in any language can do the same with its standard library.

use std::fmt::Write as _;

use crate::digest::Hash;
use crate::hash::sha256;

/// Stands for what an entry of this kind does not have.
const NONE: &str = "-";

/// What a generation of a feed is bound to, before its first entry.
#[derive(Debug, Clone, Copy)]
pub struct FeedStart<'a> {
    /// Partnership id, hexadecimal.
    pub partnership: &'a str,
    /// Whose feed it is.
    pub organisation: &'a str,
    /// Its name.
    pub feed: &'a str,
    /// Its random id, hexadecimal.
    pub uid: &'a str,
    /// Its generation, from 1.
    pub generation: u32,
    /// SHA-256 of its filter in canonical form.
    pub filter: Hash,
}

impl FeedStart<'_> {
    /// The digest before the first entry.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let Self {
            partnership,
            organisation,
            feed,
            uid,
            generation,
            filter,
        } = self;
        let text = format!(
            "concordat feed 1\n{partnership}\n{organisation}\n{feed}\n{uid}\n{generation}\n{filter}\n"
        );
        sha256(text.as_bytes())
    }
}

/// One entry as the chain has it: what identifies it and what was ruled, never content, so that erasure changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeedLine<'a> {
    /// Its number within the generation, from 1.
    pub number: u64,
    /// `event`, `content-available`, `snapshot` or `feed-test`.
    pub kind: &'a str,
    /// Its cursor.
    pub cursor: &'a str,
    /// Its case; empty for none.
    pub case: &'a str,
    /// Who published it; empty for none.
    pub source: &'a str,
    /// Event id, or compartment; empty for none.
    pub id: &'a str,
    /// Position of the event or of the snapshot; empty for none.
    pub position: &'a str,
    /// `effective`, or the reason why the event is void; empty for what is not ruled on.
    pub ruling: &'a str,
}

impl FeedLine<'_> {
    /// The digest after this entry.
    #[must_use]
    pub fn chain(&self, before: &Hash) -> Hash {
        let mut line = before.to_string();
        // Writing to a text does not fail.
        let _ = write!(line, " {}", self.number);
        for word in [
            self.kind,
            self.cursor,
            self.case,
            self.source,
            self.id,
            self.position,
            self.ruling,
        ] {
            line.push(' ');
            line.push_str(if word.is_empty() { NONE } else { word });
        }
        line.push('\n');
        sha256(line.as_bytes())
    }
}

/// What an organisation states about a stretch of a feed.
#[derive(Debug, Clone)]
pub struct FeedStatement<'a> {
    /// Which feed and generation.
    pub start: FeedStart<'a>,
    /// Beginning and end of the period, as RFC 3339; a generation from its beginning, or up to now, has the instants of those.
    pub period: (&'a str, &'a str),
    /// Number of the last entry before the period, and the digest up to it.
    pub before: (u64, Hash),
    /// Number of the last entry in the period, and the digest up to it.
    pub upto: (u64, Hash),
    /// Cursors at both ends; empty for none.
    pub cursors: (&'a str, &'a str),
    /// Position of the log's head when it was made; empty for an empty log.
    pub head: &'a str,
    /// When it was made, as RFC 3339.
    pub made_at: &'a str,
}

impl FeedStatement<'_> {
    /// The text that is signed: one `name: value` a line, always these, in this order.
    #[must_use]
    pub fn text(&self) -> String {
        let (from, until) = self.period;
        let (after, upto) = self.cursors;
        let lines: [(&str, String); 18] = [
            ("concordat-feed-statement", "1".to_owned()),
            ("partnership", self.start.partnership.to_owned()),
            ("organisation", self.start.organisation.to_owned()),
            ("feed", self.start.feed.to_owned()),
            ("feed-uid", self.start.uid.to_owned()),
            ("generation", self.start.generation.to_string()),
            ("filter", self.start.filter.to_string()),
            ("from", from.to_owned()),
            ("until", until.to_owned()),
            ("entries", (self.upto.0 - self.before.0).to_string()),
            ("first-number", (self.before.0 + 1).to_string()),
            ("last-number", self.upto.0.to_string()),
            ("digest-before", self.before.1.to_string()),
            ("digest-upto", self.upto.1.to_string()),
            ("cursor-before", after.to_owned()),
            ("cursor-upto", upto.to_owned()),
            ("head", self.head.to_owned()),
            ("made-at", self.made_at.to_owned()),
        ];
        let mut text = String::new();
        for (name, value) in lines {
            let value = if value.is_empty() { NONE } else { &value };
            // Writing to a text does not fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Hash {
        FeedStart {
            partnership: &"11".repeat(32),
            organisation: "ods:ZT1",
            feed: "engine",
            uid: &"22".repeat(16),
            generation: 1,
            filter: sha256(b""),
        }
        .digest()
    }

    /// The vectors of docs/reference/feeds.md.
    #[test]
    fn chain_gives_the_documented_digests() {
        let start = start();
        let first = FeedLine {
            number: 1,
            kind: "event",
            cursor: "00000000000000020000000100000000",
            case: "0123456789abcdef0123456789abcdef",
            source: "gss:E06999901",
            id: "01903f5e-7b1c-7c3e-9a54-0f2b6d8e1a77",
            position: "000000000000000200000001",
            ruling: "effective",
        }
        .chain(&start);
        let second = FeedLine {
            number: 2,
            kind: "content-available",
            cursor: "00000000000000030000000000000000",
            case: "0123456789abcdef0123456789abcdef",
            id: "health",
            ..FeedLine::default()
        }
        .chain(&first);
        let page = include_str!("../../../docs/reference/feeds.md");
        for digest in [start, first, second] {
            assert!(page.contains(&digest.to_string()), "{digest}");
        }
    }

    #[test]
    fn order_number_and_ruling_change_the_digest() {
        let line = FeedLine {
            number: 1,
            kind: "event",
            ruling: "effective",
            ..FeedLine::default()
        };
        let other_number = FeedLine { number: 2, ..line };
        let other_ruling = FeedLine {
            ruling: "no-consent",
            ..line
        };
        let start = start();
        let digests = [line, other_number, other_ruling].map(|line| line.chain(&start));
        assert!(digests[0] != digests[1] && digests[0] != digests[2]);
        assert_ne!(
            other_number.chain(&digests[0]),
            line.chain(&other_number.chain(&start))
        );
    }
}
