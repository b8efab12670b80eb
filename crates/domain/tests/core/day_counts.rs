//! Counting days where counting goes wrong: changes of the clock, leap days, month ends, one-off holidays, year ends.

use concordat_domain::calendar::{
    Calendars, ClosedDays, Convention, due_days, due_months, end_of_day, local_date, start_of_day,
};
use concordat_domain::timetable;
use concordat_domain::timetable::DeadlineState;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::world::*;

fn day(text: &str) -> Date {
    text.parse().expect("tests name days well")
}

/// Trigger, months, whether it counts, due day. By hand; Q1: six months commencing on a day end the day before the corresponding date.
const MONTHS: &[(&str, u32, Convention, &str)] = &[
    ("2026-01-15", 6, Convention::From, "2026-07-14"),
    ("2026-07-01", 6, Convention::From, "2026-12-31"),
    ("2026-01-01", 6, Convention::From, "2026-06-30"),
    // No corresponding date: the last day of the month.
    ("2025-08-31", 6, Convention::From, "2026-02-28"),
    ("2027-08-31", 6, Convention::From, "2028-02-29"),
    ("2027-08-30", 6, Convention::From, "2028-02-29"),
    ("2025-10-31", 6, Convention::From, "2026-04-30"),
    ("2026-12-31", 2, Convention::After, "2027-02-28"),
    // 29 February as the end, and as the start.
    ("2027-08-29", 6, Convention::After, "2028-02-29"),
    ("2027-08-29", 6, Convention::From, "2028-02-28"),
    ("2028-02-29", 6, Convention::From, "2028-08-28"),
    ("2028-02-29", 12, Convention::After, "2029-02-28"),
    ("2028-02-29", 12, Convention::From, "2029-02-28"),
    ("2028-02-29", 48, Convention::After, "2032-02-29"),
    ("2024-02-29", 120, Convention::After, "2034-02-28"),
    // E-13: the limit is after the event, so its last day is the corresponding date.
    ("2025-02-28", 12, Convention::After, "2026-02-28"),
    // Q31: a date of months is not moved off a holiday or weekend.
    ("2026-06-26", 6, Convention::From, "2026-12-25"),
    ("2026-07-15", 1, Convention::After, "2026-08-15"),
];

// Proves: E-13, E-21, J-17
#[test]
fn months_end_where_the_words_of_the_law_say() {
    for (from, n, convention, due) in MONTHS {
        let counted = due_months(day(from), *n, *convention).expect("in range");
        assert_eq!(counted.due, day(due), "{n} months {convention:?} {from}");
    }
}

/// Calendar, trigger, working days, whether the trigger counts, due day.
const WORKING_DAYS: &[(&str, &str, u32, Convention, &str)] = &[
    // Q2: received on a Saturday, day 1 is Monday in both conventions; on a Monday they differ by a day.
    ("EW", "2026-02-07", 3, Convention::After, "2026-02-11"),
    ("SCT", "2026-02-07", 3, Convention::From, "2026-02-11"),
    ("EW", "2026-02-09", 3, Convention::After, "2026-02-12"),
    ("SCT", "2026-02-09", 3, Convention::From, "2026-02-11"),
    // Q2: received on a holiday.
    ("EW", "2026-05-25", 3, Convention::After, "2026-05-28"),
    ("SCT", "2026-05-25", 3, Convention::From, "2026-05-28"),
    // The one-off holiday of 15 June 2026 is Scotland's alone.
    ("SCT", "2026-06-12", 2, Convention::From, "2026-06-16"),
    ("SCT", "2026-06-15", 5, Convention::From, "2026-06-22"),
    ("SCT", "2026-06-12", 1, Convention::After, "2026-06-16"),
    ("EW", "2026-06-12", 1, Convention::After, "2026-06-15"),
    ("NI", "2026-06-12", 1, Convention::After, "2026-06-15"),
    // Easter Monday is none in Scotland.
    ("EW", "2026-04-02", 1, Convention::After, "2026-04-07"),
    ("SCT", "2026-04-02", 1, Convention::After, "2026-04-06"),
    // Leap days count like others, as start, on the way and as end.
    ("EW", "2028-02-29", 1, Convention::After, "2028-03-01"),
    ("EW", "2028-02-28", 2, Convention::After, "2028-03-01"),
    ("EW", "2028-02-24", 3, Convention::After, "2028-02-29"),
    ("SCT", "2028-02-29", 1, Convention::From, "2028-02-29"),
    // Month ends.
    ("EW", "2026-01-30", 1, Convention::After, "2026-02-02"),
    ("EW", "2026-02-27", 1, Convention::After, "2026-03-02"),
    // Year ends with substitute days: Boxing Day 2026 is a Saturday; Christmas 2027 a Saturday, New Year 2028 a Saturday.
    ("EW", "2026-12-24", 1, Convention::After, "2026-12-29"),
    ("EW", "2027-12-24", 1, Convention::After, "2027-12-29"),
    ("EW", "2027-12-31", 1, Convention::After, "2028-01-04"),
    ("SCT", "2027-12-31", 1, Convention::After, "2028-01-05"),
    ("SCT", "2026-12-31", 1, Convention::After, "2027-01-05"),
    ("NI", "2026-07-10", 1, Convention::After, "2026-07-14"),
    ("NI", "2024-03-15", 1, Convention::After, "2024-03-19"),
    // The clocks change on 29 March and 25 October 2026, both Sundays: a day is a day.
    ("EW", "2026-03-27", 1, Convention::After, "2026-03-30"),
    ("EW", "2026-10-23", 1, Convention::After, "2026-10-26"),
];

// Proves: E-27, S-01, S-14
#[test]
fn working_days_skip_what_is_none_and_nothing_else() {
    let calendars = Calendars::built_in();
    for (calendar, from, n, convention, due) in WORKING_DAYS {
        let counted = calendars
            .calendar(calendar)
            .and_then(|known| {
                known.due_working_days(day(from), *n, *convention, &ClosedDays::new())
            })
            .expect("covered");
        assert_eq!(
            counted.due,
            day(due),
            "{calendar}: {n} {convention:?} {from}"
        );
    }
}

// Proves: S-14, D-09, D-14
#[test]
fn an_own_closed_day_counts_for_its_body_only_and_calendar_days_skip_nothing() {
    let calendars = Calendars::built_in();
    let scotland = calendars.calendar("SCT").expect("known");
    let closed = ClosedDays::from([(day("2026-09-21"), "local holiday".to_owned())]);
    let due = |closed: &ClosedDays| {
        let counted = scotland.due_working_days(day("2026-09-18"), 3, Convention::From, closed);
        counted.expect("covered").due
    };
    assert_eq!(due(&closed), day("2026-09-23"));
    assert_eq!(due(&ClosedDays::new()), day("2026-09-22"));
    // 72 hours as three days, over a change of the clock and a weekend; thirty days over a leap day.
    assert_eq!(
        due_days(day("2026-03-27"), 3).expect("in range").due,
        day("2026-03-30")
    );
    assert_eq!(
        due_days(day("2028-02-01"), 30).expect("in range").due,
        day("2028-03-02")
    );
}

/// The first instant that is late, by the local day that is due: the day of the spring change has 23 hours, that of the autumn change 25.
const ENDS: &[(&str, &str, &str)] = &[
    ("2026-03-28", "2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"),
    ("2026-03-29", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
    ("2026-03-30", "2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"),
    ("2026-10-24", "2026-10-23T23:00:00Z", "2026-10-24T23:00:00Z"),
    ("2026-10-25", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"),
    ("2026-10-26", "2026-10-26T00:00:00Z", "2026-10-27T00:00:00Z"),
    ("2028-02-29", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
    ("2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
];

#[test]
fn a_local_day_begins_and_ends_at_the_local_midnights() {
    for (date, begins, ends) in ENDS {
        let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
        assert_eq!(start_of_day(day(date)), instant(begins), "{date}");
        assert_eq!(end_of_day(day(date)), instant(ends), "{date}");
        assert_eq!(local_date(instant(begins)), day(date));
        let last = instant(ends) - jiff::SignedDuration::from_nanos(1);
        assert_eq!(local_date(last), day(date));
    }
}

/// The hour that comes twice in October belongs to its day both times.
#[test]
fn the_hour_that_comes_twice_is_one_day() {
    for at in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        assert_eq!(
            local_date(at.parse().expect("an instant")),
            day("2026-10-25")
        );
    }
}

/// Acknowledgement over both changes: received, due day, first instant at which it is overdue.
// Proves: E-15
#[test]
fn what_is_due_over_a_change_of_the_clock_is_missed_at_local_midnight() {
    let world = World::new();
    for (received, due, missed_from) in [
        ("2026-03-26", "2026-03-31", "2026-03-31T23:00:00Z"),
        ("2026-10-21", "2026-10-26", "2026-10-27T00:00:00Z"),
    ] {
        let mut log = Log::new(&world);
        let opened = COMPLAINT.replace("2026-02-09", received);
        log.must(
            &format!("{received}T10:00"),
            TRUST,
            "complaint-received",
            &opened,
        );
        let missed_from: Timestamp = missed_from.parse().expect("an instant");
        let state = |at| {
            let table = timetable(log.open_case(), at, &world.rules());
            let owed = table.get("acknowledge").expect("it is owed");
            assert_eq!(
                (owed.due, owed.due_instant),
                (Some(day(due)), Some(missed_from))
            );
            owed.state
        };
        assert_eq!(
            state(missed_from - jiff::SignedDuration::from_nanos(1)),
            DeadlineState::Running
        );
        assert_eq!(state(missed_from), DeadlineState::Overdue);
    }
}
