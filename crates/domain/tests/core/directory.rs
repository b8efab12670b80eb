//! Events of the directory (domain brief B8): who may publish them, what they change, and what bodies owe.

use concordat_domain::calendar::Calendars;
use concordat_domain::directory::{
    BodyDeadlineState, Change, Directory, DirectoryEvent, History, Standing, adoptable,
    body_deadlines, judge_directory,
};
use concordat_domain::fields::Fields;
use concordat_domain::ids::{EventId, Position};
use concordat_domain::policy::PolicyPacks;
use concordat_domain::scenario::{instant, split_fields};
use concordat_domain::{EventType, Rules, timetable};
use jiff::civil::Date;

use crate::world::{ACKNOWLEDGE, COUNCIL, Log, TRUST, World, org};

const PROVIDER: &str = "ods:ZCP01";
const BOARD: &str = "gss:S37999901";

/// A directory on a log of its own.
struct Book {
    history: History,
    next: u64,
}

impl Book {
    fn new() -> Self {
        let text = include_str!("../../../../tests/fixtures/directory.json");
        let founding: Directory = serde_json::from_str(text).expect("the fixture is a directory");
        Self {
            history: History::founded(founding),
            next: 1,
        }
    }

    fn event(&self, at: &str, author: &str, event: &str, fields: &str) -> DirectoryEvent {
        let event_type: EventType = event.parse().expect("tests name known events");
        let fields: Fields = serde_json::from_str(fields).expect("tests write fields as JSON");
        let (fields, filled) = split_fields(event_type, &fields);
        let at = instant(at.parse().expect("tests name times well")).expect("the time exists");
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.next.to_be_bytes());
        DirectoryEvent {
            id: EventId(id),
            author: org(author),
            on_behalf_of: None,
            standing: Standing::Own,
            event_type,
            occurred_at: at,
            recorded_at: at,
            fields,
            filled,
        }
    }

    fn submit(&mut self, event: DirectoryEvent) -> Result<(), String> {
        judge_directory(self.history.latest(), &event).map_err(|refusal| refusal.code())?;
        let position = Position {
            bundle: self.next,
            envelope: 0,
        };
        self.history.enact(position, Change::Event(Box::new(event)));
        self.next += 1;
        Ok(())
    }

    /// As one organisation for itself.
    fn own(&mut self, at: &str, author: &str, event: &str, fields: &str) -> Result<(), String> {
        self.submit(self.event(at, author, event, fields))
    }

    /// As the partnership.
    fn steward(&mut self, at: &str, event: &str, fields: &str) -> Result<(), String> {
        let event = DirectoryEvent {
            standing: Standing::Steward,
            ..self.event(at, TRUST, event, fields)
        };
        self.submit(event)
    }

    fn now(&self) -> &Directory {
        self.history.latest()
    }

    fn owed(&self, organisation: &str, at: &str) -> Vec<(String, Date, BodyDeadlineState)> {
        let at = at.parse().expect("tests name times well");
        let at = instant(at).expect("the time exists");
        body_deadlines(self.now(), &org(organisation), at)
            .into_iter()
            .map(|deadline| (deadline.name, deadline.due, deadline.state))
            .collect()
    }
}

const NEW_PRACTICE: &str = r#"{"id": "ods:ZGP02", "name": "Second practice", "kind": "gp", "participation": "proxied-by",
    "proxy": "ods:ZB1", "calendar": "EW", "responsible_person": "senior-partner", "complaints_manager": "practice-manager",
    "contact": "Second practice, complaints", "posts": {"records": "practice-manager"}}"#;

fn day(text: &str) -> Date {
    text.parse().expect("tests name days well")
}

// Proves: E-02, 002-1.11, 003-11
#[test]
fn an_organisation_is_registered_by_the_partnership_and_by_nobody_alone() {
    let mut book = Book::new();
    let alone = book.own(
        "2027-01-04T10:00",
        TRUST,
        "organisation-registered",
        NEW_PRACTICE,
    );
    assert_eq!(alone, Err("not-yours".to_owned()));
    book.steward("2027-01-04T10:00", "organisation-registered", NEW_PRACTICE)
        .unwrap();
    let entry = book.now().organisation(&org("ods:ZGP02")).unwrap();
    assert_eq!(entry.posts["records"], "practice-manager");
    assert_eq!(
        book.now().proxy_of(&org("ods:ZGP02")),
        Some(&org("ods:ZB1"))
    );
    let again = book.steward("2027-01-05T10:00", "organisation-registered", NEW_PRACTICE);
    assert_eq!(again, Err("already-decided".to_owned()));
    book.steward(
        "2027-01-06T10:00",
        "organisation-updated",
        r#"{"id": "ods:ZGP02", "responsible_person": "managing-partner", "posts": {"chair": "c"}}"#,
    )
    .unwrap();
    let entry = book.now().organisation(&org("ods:ZGP02")).unwrap();
    assert_eq!(entry.responsible_person, "managing-partner");
    assert_eq!(entry.complaints_manager, "practice-manager");
    assert_eq!(entry.posts.len(), 2);
    let unknown = book.steward(
        "2027-01-07T10:00",
        "organisation-updated",
        r#"{"id": "ods:ZZZ9"}"#,
    );
    assert_eq!(unknown, Err("unregistered-org".to_owned()));
}

#[test]
fn what_one_body_records_for_itself_the_partnership_does_not_record_for_it() {
    let mut book = Book::new();
    let fields = r#"{"service": "home-care", "on": "2027-01-04"}"#;
    let answer = book.steward("2027-01-04T10:00", "service-retired", fields);
    assert_eq!(answer, Err("not-yours".to_owned()));
}

// Proves: 003-4, 004-15b
#[test]
fn a_delegation_holds_from_its_first_day_until_it_is_ended() {
    let mut book = Book::new();
    book.own(
        "2027-01-04T10:00",
        COUNCIL,
        "delegation-recorded",
        r#"{"id": "D-9", "function": "sign", "post": "head-of-care", "to_org": "gss:E06999901", "from": "2027-02-01",
            "authorised_by": "council-cabinet"}"#,
    )
    .unwrap();
    let in_force = |book: &Book, on: &str| {
        book.now()
            .delegation_in_force(&org(COUNCIL), "D-9", day(on))
            .is_some()
    };
    assert!(!in_force(&book, "2027-01-31") && in_force(&book, "2027-02-01"));
    let others = book.own(
        "2027-02-02T10:00",
        TRUST,
        "delegation-ended",
        r#"{"id": "D-9", "on": "2027-03-01"}"#,
    );
    assert_eq!(others, Err("not-yours".to_owned()));
    let ended = r#"{"id": "D-9", "on": "2027-03-01"}"#;
    book.own("2027-02-02T10:00", COUNCIL, "delegation-ended", ended)
        .unwrap();
    assert!(in_force(&book, "2027-02-28") && !in_force(&book, "2027-03-01"));
    let again = book.own("2027-02-03T10:00", COUNCIL, "delegation-ended", ended);
    assert_eq!(again, Err("already-decided".to_owned()));
    let to_nobody = book.own(
        "2027-02-04T10:00",
        COUNCIL,
        "delegation-recorded",
        r#"{"id": "D-10", "function": "sign", "post": "p", "to_org": "ods:ZZZ9", "from": "2027-02-01", "authorised_by": "c"}"#,
    );
    assert_eq!(to_nobody, Err("unregistered-org".to_owned()));
}

#[test]
fn the_first_missing_field_of_the_row_is_named_and_a_misspelt_code_counts_as_missing() {
    let mut book = Book::new();
    let refused = book.own(
        "2027-01-04T10:00",
        TRUST,
        "training-recorded",
        r#"{"cohort": "ward-1", "on": "2027-01-04"}"#,
    );
    assert_eq!(refused, Err("missing-field:course".to_owned()));
    let refused = book.own(
        "2027-01-04T10:00",
        TRUST,
        "training-recorded",
        r#"{"cohort": "ward-1", "course": "Complaints", "on": "2027-01-04", "audience": "everybody", "eligible": 3, "attended": 2}"#,
    );
    assert_eq!(refused, Err("missing-field:audience".to_owned()));
    let refused = book.steward(
        "2027-01-04T10:00",
        "organisation-retired",
        r#"{"id": "ods:ZCP01", "on": "2027-01-04", "successor": "someone", "basis": "order"}"#,
    );
    assert_eq!(refused, Err("missing-field:successor".to_owned()));
}

#[test]
fn an_id_counts_once_for_each_organisation_and_once_for_the_partnership() {
    let mut book = Book::new();
    let fields = r#"{"on": "2027-01-04", "attendees": ["ods:ZT1"]}"#;
    let first = book.event("2027-01-04T10:00", TRUST, "liaison-meeting-held", fields);
    book.submit(first.clone()).unwrap();
    assert_eq!(
        book.submit(first.clone()),
        Err("duplicate-event".to_owned())
    );
    let others = DirectoryEvent {
        author: org(COUNCIL),
        ..first
    };
    assert_eq!(book.submit(others), Ok(()));
}

#[test]
fn nobody_records_for_a_body_without_an_arrangement() {
    let mut book = Book::new();
    let fields =
        r#"{"period": "2026-27-q1", "received": 2, "outcomes": {"upheld": 1, "not-upheld": 1}}"#;
    let for_the_provider = DirectoryEvent {
        on_behalf_of: Some(org(PROVIDER)),
        ..book.event(
            "2027-01-04T10:00",
            COUNCIL,
            "provider-return-submitted",
            fields,
        )
    };
    assert_eq!(
        book.submit(for_the_provider.clone()),
        Err("not-participant".to_owned())
    );
    let arranged =
        r#"{"id": "ods:ZCP01", "participation": "proxied-by", "proxy": "gss:E06999901"}"#;
    book.steward("2027-01-04T11:00", "organisation-updated", arranged)
        .unwrap();
    assert_eq!(book.submit(for_the_provider), Ok(()));
    let entry = book.now().register().provider_returns().next().unwrap();
    assert_eq!(entry.recorded.by, org(PROVIDER));
    assert_eq!(
        (entry.body.outcomes.upheld, entry.body.outcomes.not_upheld),
        (1, 1)
    );
    let unregistered = book.event(
        "2027-01-04T12:00",
        "ods:ZZZ9",
        "liaison-meeting-held",
        r#"{"on": "2027-01-04", "attendees": []}"#,
    );
    assert_eq!(
        book.submit(unregistered),
        Err("unregistered-org".to_owned())
    );
}

#[test]
fn a_pack_that_is_unknown_or_has_open_figures_is_refused_at_the_door() {
    let packs = PolicyPacks::built_in();
    // O-04: the model procedure of Northern Ireland has an open figure.
    for pack in ["no-such-pack", "ni-hsc-2026"] {
        let fields = format!(r#"{{"pack": "{pack}"}}"#);
        let fields: Fields = serde_json::from_str(&fields).unwrap();
        let refused = adoptable(EventType::PolicyAdopted, &fields, &packs).unwrap_err();
        assert_eq!(refused.code(), "missing-field:pack", "{pack}");
    }
}

// Proves: 000-4, 001-5
#[test]
fn a_body_has_adopted_a_pack_from_its_first_day_on() {
    let mut book = Book::new();
    let fields = r#"{"pack": "lgsco-code-2024", "version": "1", "from": "2027-04-01"}"#;
    book.own("2027-01-04T10:00", COUNCIL, "policy-adopted", fields)
        .unwrap();
    let pack = "lgsco-code-2024".parse().unwrap();
    let adopted = |who: &str, on: &str| book.now().has_adopted(&org(who), &pack, day(on));
    assert!(adopted(COUNCIL, "2027-04-01"));
    assert!(!adopted(COUNCIL, "2027-03-31") && !adopted(TRUST, "2027-04-01"));
    let owed = book.owed(COUNCIL, "2027-05-01T10:00");
    assert!(owed.contains(&(
        "policy-review:lgsco-code-2024".to_owned(),
        day("2028-04-01"),
        BodyDeadlineState::Running
    )));
}

// Proves: 003-23
#[test]
fn services_are_those_registered_and_not_retired() {
    let mut book = Book::new();
    let names = |book: &Book, on: &str| -> Vec<String> {
        let services = book.now().register().services_on(day(on));
        services
            .iter()
            .map(|entry| entry.body.name.clone())
            .collect()
    };
    let service = |name: &str| {
        format!(
            r#"{{"service": "home-care", "name": "{name}", "owner_post": "head-of-care", "subject_to": "adult"}}"#
        )
    };
    let early = book.own(
        "2027-01-04T09:00",
        COUNCIL,
        "service-retired",
        r#"{"service": "home-care", "on": "2027-02-01"}"#,
    );
    assert_eq!(early, Err("not-yours".to_owned()));
    book.own(
        "2027-01-04T10:00",
        COUNCIL,
        "service-registered",
        &service("Care at home"),
    )
    .unwrap();
    book.own(
        "2027-01-05T10:00",
        COUNCIL,
        "service-registered",
        &service("Home care"),
    )
    .unwrap();
    assert_eq!(names(&book, "2027-01-05"), ["Home care"]);
    let retired = r#"{"service": "home-care", "on": "2027-02-01"}"#;
    book.own("2027-01-06T10:00", COUNCIL, "service-retired", retired)
        .unwrap();
    assert_eq!(names(&book, "2027-01-31"), ["Home care"]);
    assert_eq!(names(&book, "2027-02-01"), Vec::<String>::new());
    let again = book.own("2027-01-07T10:00", COUNCIL, "service-retired", retired);
    assert_eq!(again, Err("already-decided".to_owned()));
}

// Proves: E-26, S-12, 002-1.8, 002-5.2, 003-24, 003-25
#[test]
fn reports_are_due_after_their_period_and_met_when_published() {
    let mut book = Book::new();
    let names = |owed: &[(String, Date, BodyDeadlineState)]| -> Vec<String> {
        owed.iter()
            .map(|(name, due, state)| format!("{name} {due} {}", state.code()))
            .collect()
    };
    assert_eq!(
        names(&book.owed(TRUST, "2027-05-10T10:00")),
        [
            "report:annual:2026-27 2027-09-30 running",
            "report:annual:2027-28 2028-09-30 running"
        ]
    );
    assert_eq!(
        names(&book.owed(BOARD, "2027-05-26T00:00")),
        [
            // Eight weeks after 31 March 2027: day 56.
            "report:quarterly-board:2026-27-q4 2027-05-26 running",
            "report:quarterly-board:2027-28-q1 2027-08-25 running",
            "report:annual:2026-27 2027-09-30 running",
            "report:spso:2026-27 2027-09-30 running",
            "report:annual:2027-28 2028-09-30 running",
            "report:spso:2027-28 2028-09-30 running",
        ]
    );
    let board_report = |book: &Book, at: &str| book.owed(BOARD, at)[0].clone();
    assert_eq!(
        board_report(&book, "2027-05-27T00:00").2,
        BodyDeadlineState::Overdue
    );
    let published = r#"{"kind": "quarterly-board", "period": "2026-27-q4"}"#;
    book.own("2027-05-28T10:00", BOARD, "report-published", published)
        .unwrap();
    assert_eq!(
        board_report(&book, "2027-05-29T00:00").2,
        BodyDeadlineState::MetLate
    );
    assert_eq!(book.owed(PROVIDER, "2027-05-29T00:00"), []);
}

// Proves: C-05, C-09, 002-5.6, 003-5, 004-19b
#[test]
fn a_provider_owes_the_returns_that_its_contract_asks_for() {
    let mut book = Book::new();
    book.own(
        "2027-04-01T10:00",
        COUNCIL,
        "agreement-recorded",
        r#"{"id": "K-1", "kind": "contract", "parties": ["gss:E06999901", "ods:ZCP01"], "valid_from": "2027-04-01",
            "return_interval": "quarterly", "review_on": "2028-01-31"}"#,
    )
    .unwrap();
    let name = |quarter: &str| format!("provider-return:ods:ZCP01:{quarter}");
    assert_eq!(
        book.owed(PROVIDER, "2027-05-10T10:00"),
        [(
            name("2027-28-q1"),
            day("2027-07-31"),
            BodyDeadlineState::Running
        )]
    );
    let submitted = r#"{"period": "2027-28-q1", "received": 4, "resolved_early": 3, "outcomes": {"resolved": 3, "upheld": 1}}"#;
    book.own(
        "2027-07-12T10:00",
        PROVIDER,
        "provider-return-submitted",
        submitted,
    )
    .unwrap();
    assert_eq!(
        book.owed(PROVIDER, "2027-07-13T10:00")[0],
        (
            name("2027-28-q1"),
            day("2027-07-31"),
            BodyDeadlineState::Met
        )
    );
    let review = (
        "agreement-review:K-1".to_owned(),
        day("2028-01-31"),
        BodyDeadlineState::Running,
    );
    assert!(book.owed(COUNCIL, "2027-05-10T10:00").contains(&review));
}

// Proves: 003-2, 003-10
#[test]
fn a_refresher_is_met_by_the_next_training_of_the_cohort() {
    let mut book = Book::new();
    let training = |on: &str, more: &str| {
        format!(
            r#"{{"cohort": "ward-1", "course": "Complaints", "on": "{on}", "audience": "staff", "eligible": 9, "attended": 8{more}}}"#
        )
    };
    let first = training("2027-01-04", r#", "refresher_due": "2028-01-04""#);
    book.own("2027-01-04T10:00", TRUST, "training-recorded", &first)
        .unwrap();
    let refresher = |book: &Book, at: &str| {
        let owed = book.owed(TRUST, at).into_iter();
        owed.filter(|(name, ..)| name == "training-refresher:ward-1")
            .map(|(_, due, state)| (due, state))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        refresher(&book, "2028-01-04T23:59"),
        [(day("2028-01-04"), BodyDeadlineState::Running)]
    );
    assert_eq!(
        refresher(&book, "2028-01-05T00:00"),
        [(day("2028-01-04"), BodyDeadlineState::Overdue)]
    );
    book.own(
        "2028-02-01T10:00",
        TRUST,
        "training-recorded",
        &training("2028-01-04", ""),
    )
    .unwrap();
    assert_eq!(
        refresher(&book, "2028-02-02T00:00"),
        [(day("2028-01-04"), BodyDeadlineState::Met)]
    );
}

#[test]
fn each_position_keeps_the_directory_that_was_in_force_there() {
    let mut book = Book::new();
    let retired =
        r#"{"id": "ods:ZCP01", "on": "2027-03-08", "successor": "none", "basis": "liquidation"}"#;
    book.steward("2027-03-09T10:00", "organisation-retired", retired)
        .unwrap();
    let gone = |bundle: u64| {
        book.history
            .at(bundle)
            .organisation(&org(PROVIDER))
            .unwrap()
            .retired_on
    };
    // The event stands in bundle 1, and counts from the next one on.
    assert_eq!(
        (gone(0), gone(1), gone(2)),
        (None, None, Some(day("2027-03-08")))
    );
    let again = book.steward("2027-03-10T10:00", "organisation-retired", retired);
    assert_eq!(again, Err("already-decided".to_owned()));
    let kept = serde_json::to_string(&book.history).unwrap();
    let read: History = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, book.history);
}

#[test]
fn a_later_document_changes_only_what_it_says_otherwise() {
    let mut book = Book::new();
    let founding = book.history.at(0).clone();
    let retired =
        r#"{"id": "ods:ZCP01", "on": "2027-03-08", "successor": "none", "basis": "liquidation"}"#;
    book.steward("2027-03-09T10:00", "organisation-retired", retired)
        .unwrap();
    let renamed = founding.organisations().cloned().map(|mut entry| {
        if entry.id == org(TRUST) {
            entry.name = "Trust (merged)".to_owned();
        }
        entry
    });
    let document = Directory::new(
        renamed.filter(|entry| entry.id != org("ods:ZGP01")),
        founding.delegations().cloned(),
    );
    let position = Position {
        bundle: 9,
        envelope: 0,
    };
    book.history
        .enact(position, Change::Document(Box::new(document)));
    let now = book.now();
    assert_eq!(
        now.organisation(&org(TRUST)).unwrap().name,
        "Trust (merged)"
    );
    assert!(now.organisation(&org("ods:ZGP01")).is_none());
    assert_eq!(
        now.organisation(&org(PROVIDER)).unwrap().retired_on,
        Some(day("2027-03-08"))
    );
}

// Proves: S-14
#[test]
fn closed_days_move_due_dates_that_have_not_passed_and_no_others() {
    let world = World::new();
    let mut log = Log::opened(&world);
    let (packs, calendars) = (PolicyPacks::built_in(), Calendars::built_in());
    let mut book = Book::new();
    // Received on Monday 9 February 2026: acknowledge by Thursday the 12th, decide on the way by Wednesday the 11th.
    let dates = |log: &Log<'_>, book: &Book, at: &str| {
        let at = instant(at.parse().unwrap()).unwrap();
        let rules = Rules {
            directory: book.now(),
            packs: &packs,
            calendars: &calendars,
        };
        let table = timetable(log.open_case(), at, &rules);
        let of = |name: &str| {
            let deadline = table.get(name).unwrap();
            (deadline.due.unwrap(), deadline.explanation.calendar.clone())
        };
        (of("acknowledge"), of("triage"))
    };
    let close = |version: &str, dates: &str| {
        format!(
            r#"{{"calendar": "EW", "version": "{version}", "dates": {dates}, "kind": "industrial-action"}}"#
        )
    };
    let release = format!("EW {}", calendars.version());
    assert_eq!(
        dates(&log, &book, "2026-02-10T10:00"),
        (
            (day("2026-02-12"), release.clone()),
            (day("2026-02-11"), release.clone())
        )
    );
    // Told on the 12th that the 11th and 12th are closed: triage has passed, the acknowledgement has not.
    book.own(
        "2026-02-12T10:00",
        TRUST,
        "closure-days-added",
        &close("strike-1", r#"["2026-02-11", "2026-02-12"]"#),
    )
    .unwrap();
    let moved = format!("{release}, closed days strike-1");
    assert_eq!(
        dates(&log, &book, "2026-02-12T11:00"),
        (
            (day("2026-02-16"), moved.clone()),
            (day("2026-02-11"), release.clone())
        )
    );
    // Another body's closed days move nothing here, nor do days that are told of after the act.
    book.own(
        "2026-02-12T12:00",
        COUNCIL,
        "closure-days-added",
        &close("c", r#"["2026-02-13"]"#),
    )
    .unwrap();
    log.must(
        "2026-02-13T10:00",
        TRUST,
        "complaint-acknowledged",
        ACKNOWLEDGE,
    );
    book.own(
        "2026-02-13T11:00",
        TRUST,
        "closure-days-added",
        &close("strike-2", r#"["2026-02-16"]"#),
    )
    .unwrap();
    assert_eq!(
        dates(&log, &book, "2026-02-13T12:00").0,
        (day("2026-02-16"), moved)
    );
}

// Proves: E-27
#[test]
fn a_published_calendar_adds_single_days_and_replaces_whole_years() {
    let mut book = Book::new();
    let (packs, calendars) = (PolicyPacks::built_in(), Calendars::built_in());
    let working = |book: &Book, on: &str| {
        let rules = Rules {
            directory: book.now(),
            packs: &packs,
            calendars: &calendars,
        };
        let days = rules.working_days(&org(TRUST)).unwrap();
        let before = day(on).yesterday().unwrap();
        days.calendar
            .working_days_after(before, day(on), &days.closed)
            .unwrap()
            == 1
    };
    assert!(working(&book, "2027-06-03") && !working(&book, "2027-05-03"));
    let one_off =
        r#"{"calendar": "EW", "version": "2027-1", "dates": ["2027-06-03"], "hash": "00"}"#;
    book.steward("2027-01-04T10:00", "calendar-published", one_off)
        .unwrap();
    assert!(!working(&book, "2027-06-03") && !working(&book, "2027-05-03"));
    let again = book.steward("2027-01-05T10:00", "calendar-published", one_off);
    assert_eq!(again, Err("already-decided".to_owned()));
    // The first Monday in May is moved to the 7th, as in 2020.
    let whole = r#"{"calendar": "EW", "version": "2027-2", "hash": "00", "dates": ["2027-01-01", "2027-03-26", "2027-03-29",
        "2027-05-07", "2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28"]}"#;
    book.steward("2027-01-06T10:00", "calendar-published", whole)
        .unwrap();
    assert!(
        working(&book, "2027-05-03")
            && !working(&book, "2027-05-07")
            && working(&book, "2027-06-03")
    );
    assert!(!working(&book, "2026-12-25"));
}

/// A case event is none of the directory, and the other way round.
#[test]
fn an_event_of_a_case_is_not_taken_into_the_directory() {
    let mut book = Book::new();
    let answer = book.own("2027-01-04T10:00", TRUST, "contact-lost", "{}");
    assert_eq!(answer, Err("unknown-case".to_owned()));
    let world = World::new();
    let mut log = Log::opened(&world);
    let fields = r#"{"on": "2026-02-10", "attendees": []}"#;
    let answer = log.try_event("2026-02-10T10:00", TRUST, "liaison-meeting-held", fields);
    assert_eq!(answer, Err("wrong-state".to_owned()));
}
