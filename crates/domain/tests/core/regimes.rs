//! Strands under different regimes in one case, and the dates that the person is shown over a case and its sub-cases (J-14, Q19, Q20).

use concordat_domain::ids::CaseId;
use concordat_domain::scenario::instant;
use concordat_domain::timetable;
use concordat_domain::timetable::{Deadline, dates_for_person};
use jiff::Timestamp;

use crate::world::*;

const SCOTTISH_COUNCIL: &str = "gss:S12999901";

fn at(text: &str) -> Timestamp {
    instant(text.parse().expect("tests name times well")).expect("the time exists")
}

fn deadlines(log: &Log<'_>, world: &World, when: &str) -> Vec<Deadline> {
    timetable(log.open_case(), at(when), &world.rules())
        .deadlines()
        .to_vec()
}

/// J-14, Q20: an English trust and a Scottish council in one case: each strand to the standard of its body and by its calendar, the
/// case's own dates by the lead's.
// Proves: J-14
#[test]
fn each_strand_is_investigated_to_the_standard_of_its_own_body() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let grant = GRANT.replace(
        "[\"gss:E06999901\"]",
        "[\"gss:E06999901\", \"gss:S12999901\"]",
    );
    log.must("2026-02-10T10:00", TRUST, "consent-granted", &grant);
    for body in [COUNCIL, SCOTTISH_COUNCIL] {
        let add = ADD_COUNCIL.replace(COUNCIL, body);
        log.must("2026-02-10T11:00", TRUST, "participant-added", &add);
        let joined = r#"{"responsible_person": "chief-executive"}"#;
        log.must("2026-02-11T10:00", body, "participant-joined", joined);
    }
    log.must("2026-02-12T10:00", TRUST, "lead-proposed", PROPOSE_TRUST);
    for body in [COUNCIL, SCOTTISH_COUNCIL] {
        log.must(
            "2026-02-12T11:00",
            body,
            "lead-accepted",
            r#"{"lead": "ods:ZT1"}"#,
        );
    }
    log.must(
        "2026-02-12T12:00",
        TRUST,
        "lead-agreed",
        r#"{"lead": "ods:ZT1", "accepted_by": []}"#,
    );
    log.must("2026-02-13T10:00", TRUST, "issues-agreed", ISSUES);
    let plan = r#"{"strands": [{"org": "ods:ZT1", "issues": ["I1"], "due": "2026-06-12"},
        {"org": "gss:E06999901", "issues": ["I2"], "due": "2026-06-12"}, {"org": "gss:S12999901", "issues": ["I2"], "due": "2026-06-12"}],
        "agreed_by": ["ods:ZT1", "gss:E06999901", "gss:S12999901"], "discussed_with_complainant": true,
        "local_procedures": ["gss:E06999901", "gss:S12999901"]}"#;
    log.must("2026-02-16T10:00", TRUST, "plan-agreed", plan);
    // Monday 15 June is a holiday in Scotland alone: overdue by one working day there, by two in England.
    let told: Vec<String> = deadlines(&log, &world, "2026-06-16T10:00")
        .iter()
        .filter(|one| one.name.rule() == "strand")
        .map(|one| {
            let pack = one.explanation.pack.split(' ').next().unwrap_or_default();
            let late = one.late_by_working_days.expect("covered");
            format!("{} {pack}: {}, late by {late}", one.owed_by, one.source)
        })
        .collect();
    assert_eq!(
        told,
        [
            "ods:ZT1 eng-2009: NHS Complaint Standards, late by 2",
            "gss:E06999901 eng-2009: LGSCO guidance for adult social care, late by 2",
            "gss:S12999901 sco-mchp: named in the event, late by 1",
        ]
    );
}

/// Q19: the earliest of the dates is shown to the person, and no right is shortened by what stands in the other case.
// Proves: J-17, K-02
#[test]
fn the_person_is_shown_the_earliest_answer_and_every_right_with_its_own_last_day() {
    let world = World::new();
    let known = |policy: &str, on: &str| {
        COMPLAINT.replace("eng-2009", policy).replace(
            "\"channel\"",
            &format!("\"matter_known_on\": \"{on}\", \"channel\""),
        )
    };
    let mut main = Log::new(&world);
    let opened = known("eng-2009", "2026-01-12");
    main.must("2026-02-09T10:00", TRUST, "complaint-received", &opened);
    let mut children = Log::new(&world);
    let opened = known("eng-children-2006", "2025-12-01");
    children.must("2026-02-09T11:00", COUNCIL, "complaint-received", &opened);
    let link = r#"{"other_case": "02020202020202020202020202020202", "kind": "strand-subcase"}"#;
    main.must("2026-02-09T12:00", TRUST, "cases-linked", link);
    let cluster = r#"{"other_case": "03030303030303030303030303030303", "kind": "cluster"}"#;
    main.must("2026-02-09T12:00", TRUST, "cases-linked", cluster);
    let sub = CaseId([2; 16]);
    assert_eq!(Vec::from_iter(main.open_case().subcases()), [sub]);

    let shown = |when: &str, main: &Log<'_>, children: &Log<'_>| {
        let (first, second) = (
            deadlines(main, &world, when),
            deadlines(children, &world, when),
        );
        let dates = dates_for_person([(CaseId([1; 16]), &first[..]), (sub, &second[..])]);
        let answer = dates
            .answer_by
            .map(|date| format!("{} {}", date.name, date.due));
        let rights = dates.rights.into_iter();
        let rights: Vec<String> = rights
            .map(|date| format!("{} {}", date.name, date.due))
            .collect();
        (answer, rights)
    };
    let (answer, rights) = shown("2026-02-10T10:00", &main, &children);
    // Ten working days under the children's procedure come before six months under the 2009 Regulations.
    assert_eq!(answer.as_deref(), Some("stage-1-response 2026-02-23"));
    assert_eq!(
        rights,
        ["ombudsman-limit 2026-11-30", "ombudsman-limit 2027-01-11"]
    );
    children.must(
        "2026-02-20T10:00",
        COUNCIL,
        "stage-1-response-issued",
        r#"{"outcome": "upheld"}"#,
    );
    let (answer, rights) = shown("2026-02-21T10:00", &main, &children);
    assert_eq!(answer.as_deref(), Some("relevant-period 2026-08-08"));
    assert_eq!(rights[0], "stage-2-request 2026-03-20");
    assert_eq!(rights.len(), 3);
}
