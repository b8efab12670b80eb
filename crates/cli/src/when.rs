//! Instants as people write them in options: one reading for all commands.

use concordat_domain::calendar::{end_of_day, london, start_of_day};
use jiff::civil::Date;
use jiff::{Span, Timestamp, Unit, ZonedDateTime};

/// An instant: `2026-03-01T09:00:00Z`; a day such as `2026-03-01`, which is its last second in Europe/London, so that the whole day counts;
/// `2d` or `36h` ago; `+2d` from now.
///
/// # Errors
/// What is expected, for clap to show.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    read(text, Timestamp::now())
}

/// The beginning of a range: as [`instant`], but a day is its first second, so that the whole day is in the range.
///
/// # Errors
/// What is expected, for clap to show.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    match text.parse::<Date>() {
        Ok(day) => Ok(start_of_day(day)),
        Err(_) => instant(text),
    }
}

fn read(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    const EXPECTED: &str = "expected an instant (2026-03-01T09:00:00Z), a day (2026-03-01), a span ago (2d) or from now (+2d)";
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(day) = text.parse::<Date>() {
        let last = end_of_day(day).checked_sub(Span::new().seconds(1));
        return last.map_err(|_| EXPECTED.to_owned());
    }
    let (sign, span) = match text.strip_prefix('+') {
        Some(span) => (1, span),
        None => (-1, text),
    };
    let moved = |span: Span| -> Result<ZonedDateTime, jiff::Error> {
        now.to_zoned_datetime(london())
            .checked_add(span * sign)?
            .round(Unit::Second)
    };
    let span = span.parse::<Span>().ok().filter(|span| span.is_positive());
    span.and_then(|span| moved(span).ok())
        .map(|moved| moved.timestamp())
        .ok_or_else(|| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_from_a_day_has_the_whole_day_in_it() {
        let since = |text: &str| since(text).map(|instant| instant.to_string());
        // Winter and summer time.
        assert_eq!(since("2026-03-01"), Ok("2026-03-01T00:00:00Z".to_owned()));
        assert_eq!(since("2026-07-01"), Ok("2026-06-30T23:00:00Z".to_owned()));
        assert_eq!(
            since("2026-03-01T09:00:00Z"),
            Ok("2026-03-01T09:00:00Z".to_owned())
        );
        assert!(since("2d").is_ok() && since("last week").is_err());
    }

    #[test]
    fn instants_days_and_spans_are_read() {
        let now: Timestamp = "2026-07-10T12:00:00Z".parse().expect("an instant");
        let read = |text: &str| read(text, now).map(|instant| instant.to_string());
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read("2026-03-01T09:00:00Z"), ok("2026-03-01T09:00:00Z"));
        // Winter and summer time.
        assert_eq!(read("2026-03-01"), ok("2026-03-01T23:59:59Z"));
        assert_eq!(read("2026-07-01"), ok("2026-07-01T22:59:59Z"));
        assert_eq!(read("2d"), ok("2026-07-08T12:00:00Z"));
        assert_eq!(read("36h"), ok("2026-07-09T00:00:00Z"));
        assert_eq!(read("+2d"), ok("2026-07-12T12:00:00Z"));
        for wrong in ["yesterday", "", "-2d", "+", "2026-13-01"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
