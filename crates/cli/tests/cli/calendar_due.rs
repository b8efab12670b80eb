//! `concordat calendar due`, as a person runs it.

use std::process::{Command, Output};

fn concordat(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_concordat"))
        .args(arguments.split_whitespace())
        .output()
        .expect("the binary was built for this test")
}

fn answer(arguments: &str) -> String {
    let output = concordat(arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {complaint}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim_end()
        .to_owned()
}

#[test]
fn three_working_days_after_the_friday_before_christmas_e15_reg_13_3() {
    assert_eq!(
        answer("calendar due --calendar EW --from 2026-12-18 --working-days 3"),
        "2026-12-23"
    );
}

#[test]
fn six_months_commencing_on_a_day_end_the_day_before_the_corresponding_date_e21_reg_14_3() {
    assert_eq!(
        answer("calendar due --calendar EW --from 2026-01-15 --months 6 --count from"),
        "2026-07-14"
    );
}

#[test]
fn twelve_months_after_a_day_end_on_the_corresponding_date_e13_reg_12() {
    assert_eq!(
        answer("calendar due --calendar EW --from 2026-01-15 --months 12"),
        "2027-01-15"
    );
}

#[test]
fn in_scotland_the_day_of_receipt_is_day_one_s01() {
    assert_eq!(
        answer("calendar due --calendar SCT --from 2026-03-02 --working-days 5 --count from"),
        "2026-03-06"
    );
}

#[test]
fn an_organisations_own_closed_days_are_skipped_and_the_explanation_says_so() {
    let told = answer(
        "calendar due --calendar SCT --from 2026-09-25 --working-days 1 --closed 2026-09-28 --explain",
    );
    assert!(told.contains("closed, as given"), "{told}");
    assert!(told.ends_with("2026-09-29"), "{told}");
}

#[test]
fn json_carries_the_date_the_calendar_version_and_each_day() {
    let told =
        answer("calendar due --calendar EW --from 2026-12-24 --working-days 1 --explain -o json");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["due"], "2026-12-29");
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(6));
    assert!(told["calendar_version"].is_string());
}

#[test]
fn beyond_the_published_lists_is_an_error_with_its_own_exit_code() {
    let output = concordat("calendar due --calendar EW --from 2031-12-30 --working-days 5");
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("2031-12-31"));
}

#[test]
fn an_unknown_calendar_is_answered_with_those_that_are_known() {
    let output = concordat("calendar due --calendar FR --from 2026-01-01 --months 1");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("EW, NI, SCT"));
}

#[test]
fn a_count_needs_exactly_one_length() {
    assert_eq!(
        concordat("calendar due --calendar EW --from 2026-01-01")
            .status
            .code(),
        Some(2)
    );
    let both = "calendar due --calendar EW --from 2026-01-01 --months 1 --working-days 1";
    assert_eq!(concordat(both).status.code(), Some(2));
}
