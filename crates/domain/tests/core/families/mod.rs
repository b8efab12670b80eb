//! Families of events that the worked cases touch little or not at all: what each row demands, refuses, changes and owes.

mod care;
mod people;
mod records;
mod staged;
mod together;

use concordat_domain::scenario::instant;
use concordat_domain::timetable;

use crate::world::*;

pub(super) const BOARD: &str = "gss:S37999901";
pub(super) const PROVIDER: &str = "ods:ZCP01";

/// One act: when, who, what, with which fields, and the reason for which it does not count (empty: it counts).
pub(super) type Act<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

/// Plays acts in order; each must be judged as written.
pub(super) fn play(log: &mut Log<'_>, acts: &[Act<'_>]) {
    for (at, who, event, fields, reason) in acts {
        let expected = if reason.is_empty() {
            Ok(())
        } else {
            Err((*reason).to_owned())
        };
        assert_eq!(
            log.try_event(at, who, event, fields),
            expected,
            "{at} {event} by {who}"
        );
    }
}

pub(super) fn state(log: &Log<'_>) -> String {
    log.open_case().state().to_string()
}

/// The due day of a deadline that runs or is overdue at that time; none if it is met, ended or was never owed.
pub(super) fn due(log: &Log<'_>, world: &World, at: &str, name: &str) -> Option<String> {
    let at = instant(at.parse().expect("a time")).expect("it exists");
    let dates = timetable(log.open_case(), at, &world.rules()).dates();
    dates
        .get(name)
        .copied()
        .flatten()
        .map(|day| day.to_string())
}

pub(super) fn flags(log: &Log<'_>, world: &World, at: &str) -> Vec<String> {
    let at = instant(at.parse().expect("a time")).expect("it exists");
    log.open_case()
        .flags(at, &world.rules())
        .into_iter()
        .collect()
}
