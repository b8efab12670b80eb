//! What national bodies collect: KO41a and the Scottish indicators.

use crate::support::{COUNCIL, ENGLISH, JOINT_BOARD, Office, days, shown, year};

const AFTER: &str = "2027-06-01T09:00:00Z";

/// The council deals with 07 (received 1 June, the ombudsmen named on 9 September without a finding) and 10 (received by the provider on 6
/// July, answered on 7 October: upheld). It takes part in 01, 05, 08, 15, 18 and 21; 02 it passed on; 17 was settled by the next working day.
// Proves: E-06, report: KO41a extract
#[test]
fn joint_cases_count_once_and_contributions_on_their_own_line() {
    let office = Office::with(ENGLISH);
    let report = office.run("ko41a", COUNCIL, AFTER, days("2026-04-01", "2026-12-31"));
    assert_eq!(
        shown(&report, "totals"),
        [
            "brought forward|0",
            "new|2",
            "reopened|0",
            "dealt with|2",
            "resolved: upheld|1",
            "resolved: partially-upheld|0",
            "resolved: not-upheld|0",
            "resolved: otherwise|1",
            "resolved|2",
            "carried forward|0",
            "contributed to, counted by its lead|6",
        ]
    );
}

/// From July to September: 07 is brought forward and resolved, 10 is new and carried forward.
// Proves: report: KO41a extract
#[test]
fn what_is_open_at_either_end_is_brought_or_carried_forward() {
    let office = Office::with(ENGLISH);
    let report = office.run("ko41a", COUNCIL, AFTER, days("2026-07-01", "2026-09-30"));
    let totals = shown(&report, "totals");
    assert_eq!(
        totals[..4],
        ["brought forward|1", "new|1", "reopened|0", "dealt with|2"]
    );
    assert_eq!(
        totals[7..10],
        ["resolved: otherwise|1", "resolved|1", "carried forward|1"]
    );
}

/// Received on Thursday 11 June, answered at stage 1 on 25 June: 11, 12, then (15 June was a holiday) 16 to 19 and 22 to 25 are ten days. Stage
/// 2 began on Monday 27 July and ended on 10 September: five days to 31 July, four after the holiday of 3 August, fifteen to 28 August, one on
/// 31 August, four to 4 September, four more: thirty-three.
// Proves: S-01, S-03, S-10, 003-26, report: SPSO indicators, 003-20
#[test]
fn indicators_of_the_integration_joint_board() {
    let office = Office::with(&["12"]);
    let report = office.run("spso-kpis", JOINT_BOARD, AFTER, year());
    assert_eq!(shown(&report, "received"), ["received|1"]);
    assert_eq!(
        shown(&report, "indicators"),
        [
            "stage 1|1|5|0|0.0|10.0|1",
            "stage 2|0|20|0|||0",
            "escalated|1|20|0|0.0|33.0|1",
        ]
    );
    assert_eq!(
        shown(&report, "outcomes"),
        [
            "stage 1|0|0|0|1|0|1",
            "stage 2|0|0|0|0|0|0",
            "escalated|0|0|1|0|0|1",
        ]
    );
    let more = shown(&report, "experience");
    assert!(
        more.contains(&"extensions authorised|2|".to_owned()),
        "{more:?}"
    );
    assert!(
        more.contains(&"actions completed|1|".to_owned()),
        "{more:?}"
    );
}
