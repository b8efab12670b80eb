//! The worked cases of the domain brief, played on the bare core.

use concordat_domain::scenario;

use crate::fixtures::worked_cases;
use crate::world::World;

fn check(text: &str) {
    let world = World::new();
    let steps = scenario::read(text).expect("the fixture is a scenario");
    let report = scenario::run(&steps, &world.rules());
    assert!(report.passed(), "{report}");
}

macro_rules! scenarios {
    ($($name:ident = $file:literal),* $(,)?) => {$(
        #[test]
        fn $name() {
            check(include_str!(concat!("../../../../tests/fixtures/scenarios/", $file, ".json")));
        }
    )*};
}

/// A body is retired by an event of the directory and leaves its case without a successor.
#[test]
fn scenario_19_a_silent_provider_closes() {
    check(include_str!(
        "../../../../tests/fixtures/scenarios/19-provider-silent-then-closes.json"
    ));
}

scenarios! {
    scenario_01_two_bodies_answer_in_time = "01-happy-path-two-bodies",
    scenario_02_a_misdirected_complaint_is_passed_on = "02-misdirected-passed-on",
    scenario_03_consent_refused_is_signposted = "03-consent-refused-signposted",
    scenario_05_consent_is_withdrawn_mid_case = "05-consent-withdrawn-mid-case",
    scenario_06_a_disputed_lead_is_escalated = "06-lead-disputed",
    scenario_07_an_impasse_takes_three_steps = "07-impasse-three-steps",
    scenario_08_a_late_strand_leaves_its_mark = "08-late-contributor-strand",
    scenario_10_a_commissioned_complaint_comes_back_to_the_council = "10-commissioned-provider-returns-to-council",
    scenario_12_an_integration_board_answers_in_stages = "12-scottish-ijb-stages",
    scenario_14_an_anonymous_letter_is_looked_into = "14-anonymous-complaint",
    scenario_15_a_complaint_out_of_time_is_accepted = "15-out-of-time-accepted",
    scenario_17_an_oral_complaint_is_settled_early = "17-early-resolution-oral",
    scenario_18_the_broker_keeps_discipline = "18-broker-discipline",
    scenario_21_an_invited_body_never_joins = "21-invited-body-never-joins",
    scenario_23_a_case_is_corrected_reopened_and_erased = "23-corrected-reopened-erased",
}

/// Those not named above, too: a worked case proves by itself what it exercises.
#[test]
fn every_worked_case_of_the_fixtures_passes() {
    let world = World::new();
    let reports = worked_cases()
        .into_iter()
        .map(|(name, steps)| (name, scenario::run(&steps, &world.rules())));
    let failed: Vec<String> = reports
        .filter(|(_, report)| !report.passed())
        .map(|(name, report)| format!("{name}: {report}"))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_step_that_does_not_go_as_expected_is_reported_with_what_was_seen() {
    let world = World::new();
    let text =
        include_str!("../../../../tests/fixtures/scenarios/03-consent-refused-signposted.json");
    let mut steps = scenario::read(text).unwrap();
    steps[4].expect.state = Some("received".to_owned());
    steps[6].event = "complainant-sent-away".to_owned();
    let report = scenario::run(&steps, &world.rules());
    let told: Vec<String> = report.steps[4]
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["state: expected received, was consent-refused"]);
    assert!(
        report.steps[6]
            .error
            .as_deref()
            .is_some_and(|error| error.contains("complainant-sent-away"))
    );
    assert!(!report.passed());
}

#[test]
fn a_basis_that_is_not_before_the_step_is_reported() {
    let world = World::new();
    let text =
        include_str!("../../../../tests/fixtures/scenarios/03-consent-refused-signposted.json");
    let mut steps = scenario::read(text).unwrap();
    steps[2].based_on = Some(3);
    let report = scenario::run(&steps, &world.rules());
    let error = report.steps[2].error.as_deref();
    assert_eq!(error, Some("based on step 3, which is not before this one"));
}
