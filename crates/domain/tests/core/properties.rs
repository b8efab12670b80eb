//! Properties of any history: it replays to the same digest, has one keeper, and the timetable hears no `deadline-missed`.

use concordat_domain::events::Scope;
use concordat_domain::scenario::instant;
use concordat_domain::timetable::{EffectKind, effects};
use concordat_domain::{Case, EventType, Reason, State, evolve, judge, timetable};
use jiff::ToSpan;
use jiff::civil::DateTime;
use proptest::prelude::*;

use crate::world::*;

/// Events with fields that make them count in some state, for random histories.
const POOL: &[(&str, &str)] = &[
    ("complaint-acknowledged", ACKNOWLEDGE),
    (
        "triage-recorded",
        r#"{"ours": true, "procedure": "eng-2009"}"#,
    ),
    ("consent-requested", ASK),
    ("consent-granted", GRANT),
    ("consent-refused", r#"{"given_by": "p-1"}"#),
    ("consent-lapsed", r#"{"attempts": 2}"#),
    (
        "consent-withdrawn",
        r#"{"given_by": "p-1", "orgs": ["gss:E06999901"], "from": "2026-03-01"}"#,
    ),
    (
        "complaint-passed-on",
        r#"{"to": "gss:E06999901", "method": "broker", "complainant_told": true}"#,
    ),
    (
        "complaint-accepted",
        r#"{"received_on": "2026-03-01", "first_received_on": "2026-02-09"}"#,
    ),
    ("participant-added", ADD_COUNCIL),
    (
        "participant-joined",
        r#"{"responsible_person": "chief-executive"}"#,
    ),
    (
        "participant-removed",
        r#"{"participant": "gss:E06999901", "stop_processing": true, "return_or_delete": true,
        "retains_own_records": true}"#,
    ),
    ("lead-proposed", PROPOSE_TRUST),
    (
        "lead-proposed",
        r#"{"lead": "gss:E06999901", "reason": "more-resources", "complainant_view": "content"}"#,
    ),
    ("lead-accepted", r#"{"lead": "ods:ZT1"}"#),
    ("lead-accepted", r#"{"lead": "gss:E06999901"}"#),
    ("lead-agreed", r#"{"lead": "ods:ZT1", "accepted_by": []}"#),
    (
        "lead-agreed",
        r#"{"lead": "gss:E06999901", "accepted_by": []}"#,
    ),
    (
        "lead-disputed",
        r#"{"proposed": "ods:ZT1", "counter": "gss:E06999901"}"#,
    ),
    ("issues-agreed", ISSUES),
    (
        "response-period-set",
        r#"{"mode": "agreed", "date": "2026-05-29"}"#,
    ),
    ("discussion-held", r#"{"options_offered": []}"#),
    ("plan-agreed", PLAN),
    ("strand-submitted", STRAND),
    ("complainant-updated", r#"{"method": "letter"}"#),
    (
        "draft-circulated",
        r#"{"version": 1, "to": ["gss:E06999901"], "shared_with_complainant": true}"#,
    ),
    ("draft-commented", r#"{"version": 1, "result": "agreed"}"#),
    (
        "response-signed-off",
        r#"{"version": 1, "signed_by": "chief-executive", "role": "responsible-person"}"#,
    ),
    (
        "response-issued",
        r#"{"version": 1, "overall_outcome": "upheld", "findings": [
        {"issue": "I1", "org": "ods:ZT1", "outcome": "upheld"}, {"issue": "I2", "org": "gss:E06999901",
        "outcome": "upheld"}], "how_considered": "h", "conclusion": "c", "action_confirmation": "none-needed",
        "actions": [], "ombudsman": [], "desired_outcomes": []}"#,
    ),
    ("case-closed", r#"{"reason": "responded"}"#),
];

/// Offers each step of the plan to the case, one hour to three days apart; what is refused leaves no trace.
pub(crate) fn play<'w>(world: &'w World, steps: &[(usize, bool, u8)]) -> Log<'w> {
    let mut log = Log::opened(world);
    let mut now: DateTime = "2026-02-09T11:00".parse().expect("a time");
    for (choice, by_council, hours) in steps {
        now = now
            .checked_add(i64::from(*hours % 72 + 1).hours())
            .expect("within range");
        let (event, fields) = POOL[choice % POOL.len()];
        let author = if *by_council { COUNCIL } else { TRUST };
        let before = log.open_case().clone();
        let answer = log.try_event(&now.to_string(), author, event, fields);
        invariant_of_a_step(&before, &log, answer.is_ok());
    }
    log
}

/// The digest changes with every effective event and with no refused one; the keeper is a party; the epoch never falls.
fn invariant_of_a_step(before: &Case, log: &Log<'_>, counted: bool) {
    let after = log.open_case();
    assert_eq!(before.digest() != after.digest(), counted);
    assert!(after.is_party(after.keeper()));
    assert!(after.lead_epoch() >= before.lead_epoch());
    assert_eq!(
        after.lead_epoch() > before.lead_epoch(),
        after.keeper() != before.keeper()
    );
    assert!(after.lead().is_none_or(|lead| lead == after.keeper()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_accepted_history_replays_to_the_same_digest(
        steps in prop::collection::vec((any::<usize>(), any::<bool>(), any::<u8>()), 1..120),
    ) {
        let world = World::new();
        let log = play(&world, &steps);
        let rules = world.rules();
        let mut replayed: Option<Case> = None;
        for (event, placement) in &log.history {
            prop_assert_eq!(judge(replayed.as_ref(), event, &rules), Ok(()));
            let stored = replayed.map(|case| serde_json::to_vec(&case).expect("a case serialises"));
            let restored = stored.map(|bytes| serde_json::from_slice(&bytes).expect("and reads back"));
            replayed = Some(evolve(restored, event, placement, &rules));
        }
        prop_assert_eq!(replayed.as_ref().map(Case::digest), log.case.as_ref().map(Case::digest));
    }

    #[test]
    fn publishing_what_was_missed_changes_no_date(
        steps in prop::collection::vec((any::<usize>(), any::<bool>(), any::<u8>()), 1..80),
    ) {
        let world = World::new();
        let mut log = play(&world, &steps);
        let at = instant("2027-01-04T12:00".parse().expect("a time")).expect("exists");
        let before = timetable(log.open_case(), at, &world.rules());
        let keeper = log.open_case().keeper().to_string();
        for deadline in before.due_to_miss(at) {
            let due = deadline.due.expect("only dated ones are missed");
            let fields = format!(r#"{{"deadline": "{}", "due": "{due}"}}"#, deadline.name);
            log.must("2027-01-04T12:00", &keeper, "deadline-missed", &fields);
        }
        let after = timetable(log.open_case(), at, &world.rules());
        prop_assert_eq!(after.dates(), before.dates());
        prop_assert_eq!(after.flags(), before.flags());
        prop_assert_eq!(after.due_to_miss(at).count(), 0);
    }
}

#[test]
fn what_may_come_next_follows_from_role_and_state() {
    let world = World::new();
    let log = Log::joined(&world);
    let next = |author: &str| {
        log.open_case()
            .next_event_types(&org(author), &world.rules())
    };
    assert!(next(TRUST).contains(&EventType::LeadAgreed));
    assert!(next(COUNCIL).contains(&EventType::LeadProposed));
    assert!(!next(COUNCIL).contains(&EventType::LeadAgreed));
    assert!(!next(TRUST).contains(&EventType::CaseClosed));
    // The keeper's enforcer publishes these, no person does.
    assert!(!next(TRUST).contains(&EventType::DeadlineMissed));
    assert!(next(OTHER_TRUST).is_empty());
}

#[test]
fn what_may_come_next_is_told_with_who_may_and_what_it_asks_besides() {
    let world = World::new();
    let log = Log::joined(&world);
    let next = log.open_case().next_events(&world.rules());
    let of = |event_type: EventType| next.iter().find(|one| one.event_type == event_type);
    let proposed = of(EventType::LeadProposed).expect("the lead is to be agreed");
    assert_eq!(proposed.by, [org(TRUST), org(COUNCIL)].into());
    let requested = of(EventType::InformationRequested).expect("a party may ask");
    assert!(requested.unless.contains(&Reason::ConsentScopeExceeded));
    let provided = of(EventType::InformationProvided).expect("whoever was asked may");
    assert!(provided.by_owner_only && !proposed.by_owner_only);
    // What the row of the lead has waits until there is one.
    assert!(of(EventType::DraftCirculated).is_none());
    assert!(of(EventType::DeadlineMissed).is_none());
    for one in &next {
        for organisation in &one.by {
            let own = log
                .open_case()
                .next_event_types(organisation, &world.rules());
            assert!(own.contains(&one.event_type));
        }
    }
}

#[test]
fn what_an_event_does_to_the_timetable_is_told_deadline_by_deadline() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let at = "2026-02-10T12:00:00Z".parse().unwrap();
    let deadlines = |log: &Log<'_>| {
        let timetable = timetable(log.open_case(), at, &world.rules());
        timetable.deadlines().to_vec()
    };
    let before = deadlines(&log);
    let started = effects(&[], &before);
    assert!(started.iter().all(|one| one.kind == EffectKind::Starts));
    assert_eq!(started.len(), before.len());
    assert_eq!(effects(&before, &before), []);
    log.must(
        "2026-02-10T11:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    let met = effects(&before, &deadlines(&log));
    let met: Vec<_> = met
        .iter()
        .filter(|one| one.kind == EffectKind::Met)
        .map(|one| (one.name.to_string(), one.owed_by.clone()))
        .collect();
    assert_eq!(met, [("acknowledge".to_owned(), org(TRUST))]);
}

/// A row names only deadlines that a pack prescribes: a misspelt one would silently never be owed.
#[test]
fn every_deadline_of_a_row_has_a_rule_in_a_pack() {
    let packs = concordat_domain::policy::PolicyPacks::built_in();
    let rows = EventType::ALL
        .iter()
        .map(|event_type| concordat_domain::events::row(*event_type));
    // What a body owes outside cases is dated by its own record, not by the pack of a case.
    for row in rows.filter(|row| row.scope == Scope::Case) {
        for sign in row.deadlines {
            let name = sign.deadline.split(':').next().unwrap_or_default();
            let known = packs.iter().any(|pack| pack.rule(name, None).is_some());
            assert!(known, "{}: {name}", row.event_type);
        }
    }
}

/// The random histories must reach beyond the first states, or the properties above would say little.
#[test]
fn random_histories_reach_the_later_states() {
    use concordat_domain::events::row;
    let rows = EventType::ALL.iter().map(|event_type| row(*event_type));
    for row in rows {
        assert!(
            !row.summary.is_empty()
                && !row.who.is_empty()
                && row.from.is_empty() == (row.scope != Scope::Case),
            "{}",
            row.event_type
        );
    }
    let world = World::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut seed = 1_u64;
    for _ in 0..60 {
        let steps: Vec<_> = (0..160)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let draw = usize::try_from(seed >> 33).expect("31 bits");
                (
                    draw,
                    draw & 64 == 0,
                    u8::try_from(draw % 7).expect("below 7"),
                )
            })
            .collect();
        seen.insert(play(&world, &steps).open_case().state());
    }
    assert!(
        seen.contains(&State::SigningOff) && seen.contains(&State::Closed),
        "{seen:?}"
    );
}
