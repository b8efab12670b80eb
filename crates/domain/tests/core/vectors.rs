//! The date vectors: each says a trigger, a rule and the last day in time (E-13, E-15, E-21, J-17, S-01, K-01, O-01).

use concordat_domain::calendar::{Calendars, ClosedDays, Convention, due_months};
use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    rule: String,
    calendar: String,
    trigger: Date,
    n: u32,
    due: Date,
    #[serde(default)]
    closed_days: Vec<Date>,
    note: String,
}

// Proves: E-15, E-21, E-27, K-01, K-09, S-01, S-03, J-17
#[test]
fn every_date_vector_gives_its_due_day() {
    let file: File =
        serde_json::from_str(include_str!("../../../../tests/fixtures/date-vectors.json")).unwrap();
    let calendars = Calendars::built_in();
    assert!(
        file.vectors.len() >= 60,
        "the file was cut: {}",
        file.vectors.len()
    );
    for vector in file.vectors {
        let closed: ClosedDays = vector
            .closed_days
            .iter()
            .map(|day| (*day, "closed".to_owned()))
            .collect();
        let commencing =
            vector.rule.contains("commencing on") || vector.rule.contains("beginning with");
        let counts_the_day = commencing || vector.rule.starts_with("SCO");
        let convention = if counts_the_day {
            Convention::From
        } else {
            Convention::After
        };
        let counted = if vector.rule.contains("month") || vector.rule.contains("time limit") {
            due_months(vector.trigger, vector.n, convention)
        } else {
            let calendar = calendars.calendar(&vector.calendar).unwrap();
            calendar.due_working_days(vector.trigger, vector.n, convention, &closed)
        };
        assert_eq!(
            counted.unwrap().due,
            vector.due,
            "{} from {}: {}",
            vector.rule,
            vector.trigger,
            vector.note
        );
    }
}
