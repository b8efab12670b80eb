//! What holds in any history (domain brief, section C), tried on random ones made of every kind of event.
//!
//! Each rule is looked at with a small model that the test keeps for itself, never with what the case says of itself.
//! A failing seed is printed by proptest; `replay` below plays one seed with all that was tried.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::calendar::{Convention, due_months, local_date};
use concordat_domain::case::From;
use concordat_domain::fields::{Fields, Value};
use concordat_domain::scenario::instant;
use concordat_domain::{Case, Event, EventType, State, evolve, judge, timetable};
use jiff::civil::Date;
use proptest::prelude::*;

use crate::generator::{Attempt, Generator};
use crate::world::*;

/// How many events are tried on one case.
const TRIED: usize = 160;
/// How many more once it has ended: there is little left to try.
const TRIED_AFTER_ITS_END: usize = 12;

/// What the test itself remembers of a history.
#[derive(Debug, Default)]
struct Model {
    granted: BTreeSet<String>,
    disclosed: BTreeSet<String>,
    issues: BTreeMap<String, bool>,
    holds: BTreeMap<String, Vec<String>>,
    actions: BTreeMap<String, Progress>,
    recommendations: BTreeMap<String, bool>,
    /// Days from which six months were counted.
    counted_from: Vec<Date>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    completed: bool,
    told: bool,
    settled: bool,
}

impl Progress {
    fn is_open(self) -> bool {
        !self.settled || (self.completed && !self.told)
    }
}

fn texts<'f>(fields: &'f Fields, name: &str) -> Vec<&'f str> {
    let text = |value: &'f Value| match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    };
    match fields.get(name) {
        Some(Value::List(list)) => list.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn keys<'f>(fields: &'f Fields, list: &str, key: &str) -> Vec<&'f str> {
    let Some(Value::List(list)) = fields.get(list) else {
        return Vec::new();
    };
    let of = |value: &'f Value| match value {
        Value::Record(record) => record.text(key),
        _ => None,
    };
    list.iter().filter_map(of).collect()
}

fn day(fields: &Fields, name: &str) -> Option<Date> {
    fields.text(name)?.parse().ok()
}

impl Model {
    /// What must hold of an event that is about to take effect.
    fn allows(&self, event: &Event) {
        let fields = &event.fields;
        match event.event_type {
            EventType::ParticipantAdded => {
                let added = fields.text("participant").unwrap_or_default();
                let has_basis = self.granted.contains(added) || self.disclosed.contains(added);
                assert!(has_basis, "{added} was added beyond consent and disclosure");
            }
            EventType::ResponseIssued => {
                let mut covered = keys(fields, "findings", "issue");
                covered.extend(keys(fields, "not_covered", "issue"));
                self.answered(&covered);
            }
            EventType::PartialResponseIssued => {
                let mut covered = texts(fields, "answered");
                covered.extend(keys(fields, "not_answered", "issue"));
                self.answered(&covered);
            }
            EventType::ResponsePeriodAmended if fields.text("kind") == Some("extension") => {
                let last = self
                    .counted_from
                    .iter()
                    .filter_map(|from| due_months(*from, 6, Convention::From).ok())
                    .map(|counted| counted.due)
                    .max();
                let agreed = day(fields, "agreed_on");
                assert!(
                    last.is_none() || agreed <= last,
                    "extended on {agreed:?}, after the six months ended on {last:?}"
                );
            }
            EventType::CaseClosed => {
                let open = self.actions.values().any(|action| action.is_open());
                let owed = self.recommendations.values().any(|complied| !complied);
                assert!(
                    !open && !owed && self.holds.is_empty(),
                    "closed with {self:?}"
                );
            }
            _ => {}
        }
    }

    fn answered(&self, covered: &[&str]) {
        let held: BTreeSet<&str> = self.holds.values().flatten().map(String::as_str).collect();
        for (issue, closed) in &self.issues {
            let issue = issue.as_str();
            assert!(
                *closed || held.contains(issue) || covered.contains(&issue),
                "{issue} was left without an answer"
            );
        }
    }

    fn close(&mut self, issue: &str) {
        self.issues.insert(issue.to_owned(), true);
    }

    /// What an event that took effect means for the model.
    fn learn(&mut self, event: &Event) {
        let fields = &event.fields;
        let subject = |name: &str| fields.text(name).unwrap_or_default().to_owned();
        let promised = keys(fields, "actions", "id");
        match event.event_type {
            EventType::ComplaintReceived | EventType::ComplaintAccepted => {
                self.counted_from.extend(day(fields, "received_on"));
            }
            EventType::DuplicateLinked | EventType::CasesMerged => {
                self.counted_from.extend(day(fields, "other_received_on"));
            }
            EventType::HandlingDecided => {
                let at = local_date(event.occurred_at);
                self.counted_from
                    .push(day(fields, "notified_on").unwrap_or(at));
            }
            EventType::CorrectionRecorded => {
                if let Some(Value::Record(values)) = fields.get("values") {
                    for name in ["received_on", "other_received_on", "notified_on"] {
                        self.counted_from.extend(day(values, name));
                    }
                }
            }
            EventType::ConsentGranted => {
                let granted = texts(fields, "orgs").into_iter().map(str::to_owned);
                self.granted.extend(granted);
            }
            EventType::ConsentWithdrawn => match fields.text("scope") {
                Some("all") => self.granted.clear(),
                Some("orgs") | None => {
                    for withdrawn in texts(fields, "orgs") {
                        self.granted.remove(withdrawn);
                    }
                }
                Some(_) => {}
            },
            EventType::DisclosureWithoutConsentRecorded => {
                let named = texts(fields, "recipients").into_iter().map(str::to_owned);
                self.disclosed.extend(named);
            }
            EventType::IssuesAgreed => {
                for issue in keys(fields, "issues", "id") {
                    self.issues.entry(issue.to_owned()).or_default();
                }
            }
            EventType::IssueAdded => {
                let out = fields.get("in_scope") == Some(&Value::Flag(false));
                let closed = self.issues.entry(subject("issue")).or_default();
                *closed |= out;
            }
            EventType::IssueWithdrawn => self.close(&subject("issue")),
            EventType::ExclusionDecided => {
                for issue in texts(fields, "issues") {
                    self.close(issue);
                }
            }
            EventType::HoldStarted => {
                let held = texts(fields, "issues").into_iter().map(str::to_owned);
                self.holds.insert(subject("id"), held.collect());
            }
            EventType::HoldEnded => {
                self.holds.remove(&subject("id"));
            }
            EventType::ActionAssigned => {
                self.actions.insert(subject("id"), Progress::default());
            }
            EventType::ResponseIssued
            | EventType::PartialResponseIssued
            | EventType::ProviderResponseIssued
            | EventType::OutcomeRecorded => {
                for action in promised {
                    self.actions.insert(action.to_owned(), Progress::default());
                }
            }
            EventType::ActionCompleted => {
                let action = self.actions.entry(subject("action")).or_default();
                action.completed = true;
                action.told = false;
            }
            EventType::ComplainantToldOfAction => {
                if let Some(action) = self.actions.get_mut(&subject("action")) {
                    action.told = true;
                }
            }
            EventType::ActionVerified => {
                if let Some(action) = self.actions.get_mut(&subject("action")) {
                    match fields.text("result") {
                        Some("insufficient") => *action = Progress::default(),
                        _ => action.settled = true,
                    }
                }
            }
            EventType::OmbudsmanDecisionRecorded => {
                for recommended in keys(fields, "recommendations", "id") {
                    self.recommendations.insert(recommended.to_owned(), false);
                }
            }
            EventType::RecommendationComplied => {
                self.recommendations.insert(subject("recommendation"), true);
            }
            _ => {}
        }
    }
}

/// A history, and what became of every attempt in it.
struct Played<'w> {
    log: Log<'w>,
    attempts: Vec<(Attempt, Result<(), String>)>,
    states: BTreeSet<State>,
}

impl Played<'_> {
    fn effective(&self) -> usize {
        self.attempts
            .iter()
            .filter(|(_, answer)| answer.is_ok())
            .count()
    }
}

/// One keeper, who is a party; the lead, if there is one, keeps; the epoch rises with every change of keeper and never else.
fn keeper_invariant(before: Option<&Case>, after: &Case) {
    assert!(after.is_party(after.keeper()), "the keeper is no party");
    assert!(after.lead().is_none_or(|lead| lead == after.keeper()));
    if let Some(before) = before {
        let changed = before.keeper() != after.keeper();
        let raised = after.lead_epoch() > before.lead_epoch();
        assert_eq!(raised, changed, "the epoch is not that of the keeper");
    }
}

/// Tries events until the case has had enough, holding every invariant after each.
fn play(world: &World, seed: u64) -> Played<'_> {
    let mut generator = Generator::new(seed);
    let mut played = Played {
        log: Log::new(world),
        attempts: Vec::new(),
        states: BTreeSet::new(),
    };
    let mut model = Model::default();
    let mut left = TRIED;
    while left > 0 && (played.attempts.is_empty() || played.log.case.is_some()) {
        let attempt = if played.attempts.is_empty() {
            generator.opener()
        } else {
            generator.next(&played.log)
        };
        let event = attempt.event(&played.log);
        let before = played.log.case.clone();
        let answer = judge(before.as_ref(), &event, &world.rules());
        if answer.is_ok() {
            model.allows(&event);
            model.learn(&event);
        }
        let answer = played.log.submit(event).map_err(|refusal| refusal.code());
        if let Some(after) = &played.log.case {
            keeper_invariant(before.as_ref(), after);
            // What is refused changes nothing, since judging only looks.
            let changed =
                answer.is_ok() && before.as_ref().map(Case::digest) != Some(after.digest());
            assert_eq!(changed, answer.is_ok(), "{}", attempt.event_type);
            played.states.insert(after.state());
        }
        played.attempts.push((attempt, answer));
        let state = played.log.case.as_ref().map(Case::state);
        let ended = state.is_none_or(|state| From::Ended.contains(state) || state >= State::Closed);
        left = left.min(if ended { TRIED_AFTER_ITS_END } else { TRIED });
        left -= 1;
    }
    played
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two keepers, a case closed with something open, an issue without an answer, a body beyond consent, an extension too late: never.
    // Proves: E-21, J-11, 002-4.2, 002-5.4
    #[test]
    fn no_history_breaks_an_invariant(seed in any::<u64>()) {
        play(&World::new(), seed);
    }
}

proptest! {
    // Fewer, since each is played twice.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Read from the log in any batches, with restarts between, every attempt is ruled the same and the case is the same. What was ruled
    /// before a correction is ruled the same when it is read again after it.
    // Proves: D-10
    #[test]
    fn a_log_read_again_with_restarts_gives_the_same_rulings(seed in any::<u64>(), restarts in any::<u64>()) {
        let world = World::new();
        let played = play(&world, seed);
        let mut again = Log::new(&world);
        for (number, (attempt, answer)) in played.attempts.iter().enumerate() {
            if restarts.rotate_left(u32::try_from(number % 64).expect("small")) & 1 == 1 {
                let stored = again.case.map(|case| serde_json::to_vec(&case).expect("a case serialises"));
                again.case = stored.map(|bytes| serde_json::from_slice(&bytes).expect("and reads back"));
            }
            let event = attempt.event(&again);
            prop_assert_eq!(&again.submit(event).map_err(|refusal| refusal.code()), answer);
        }
        prop_assert_eq!(again.case.as_ref().map(Case::digest), played.log.case.as_ref().map(Case::digest));
    }

    /// The dates follow from the events alone: whether misses were published when they were due, or never, is the same.
    #[test]
    fn published_misses_change_no_date_and_no_ruling(seed in any::<u64>()) {
        let world = World::new();
        let played = play(&world, seed);
        let mut noisy = Log::new(&world);
        for (attempt, answer) in &played.attempts {
            if noisy.case.is_some() {
                publish_misses(&mut noisy, attempt);
            }
            let by_hand = attempt.event_type == EventType::DeadlineMissed;
            let event = attempt.event(&noisy);
            let told = noisy.submit(event).map_err(|refusal| refusal.code());
            // A miss that somebody tries by hand was published before, which is what the reason says.
            prop_assert!(by_hand || told == *answer, "{}: {:?}, {:?}", attempt.event_type, told, answer);
            if attempt.number % 40 == 0 {
                let at = instant(attempt.at).expect("exists");
                let quiet = played_until(&played, attempt, &world);
                let quiet = timetable(quiet.as_ref().expect("open"), at, &world.rules());
                let noisy = timetable(noisy.open_case(), at, &world.rules());
                prop_assert_eq!(noisy.dates(), quiet.dates());
                prop_assert_eq!(noisy.flags(), quiet.flags());
            }
        }
    }
}

/// Publishes every miss that is due, as the keeper's enforcer does.
fn publish_misses(log: &mut Log<'_>, attempt: &Attempt) {
    let at = instant(attempt.at).expect("exists");
    let table = timetable(log.open_case(), at, &log.rules());
    let keeper = log.open_case().keeper().to_string();
    if log.open_case().state() == State::Erased {
        return;
    }
    for deadline in table.due_to_miss(at) {
        let due = deadline.due.expect("only dated ones are missed");
        let fields = format!(r#"{{"deadline": "{}", "due": "{due}"}}"#, deadline.name);
        log.must(&attempt.at.to_string(), &keeper, "deadline-missed", &fields);
    }
}

/// The quiet case as it was after an attempt.
fn played_until(played: &Played<'_>, attempt: &Attempt, world: &World) -> Option<Case> {
    let mut case: Option<Case> = None;
    for (event, placement) in &played.log.history {
        if number_of(event) > attempt.number {
            break;
        }
        case = Some(evolve(case, event, placement, &world.rules()));
    }
    case
}

fn number_of(event: &Event) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&event.id.0[8..]);
    u64::from_be_bytes(number)
}

/// Random histories would say little if nothing in them took effect, or no case got far.
#[test]
fn random_histories_take_effect_and_get_far() {
    let world = World::new();
    let mut states = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let (mut tried, mut effective) = (0, 0);
    for seed in 100..180 {
        let played = play(&world, seed);
        tried += played.attempts.len();
        effective += played.effective();
        states.extend(played.states.iter().copied());
        let counted = played.attempts.iter().filter(|(_, answer)| answer.is_ok());
        kinds.extend(counted.map(|(attempt, _)| attempt.event_type));
    }
    let never: Vec<_> = EventType::ALL
        .iter()
        .filter(|event_type| !kinds.contains(*event_type))
        .map(ToString::to_string)
        .collect();
    println!(
        "{effective} of {tried} attempts took effect, of {} kinds, through {} states; never: {never:?}",
        kinds.len(),
        states.len()
    );
    assert!(effective * 3 > tried, "{effective} of {tried}");
    for state in [
        State::SigningOff,
        State::Responded,
        State::Impasse,
        State::PartiallyResponded,
        State::ProviderHandling,
        State::Stage2,
        State::WithOmbudsman,
        State::Closed,
    ] {
        assert!(states.contains(&state), "never {state}: {states:?}");
    }
}

/// One seed, told in full: for a person who looks into a failure.
#[test]
fn replay() {
    let world = World::new();
    let played = play(&world, 1);
    for (attempt, answer) in &played.attempts {
        println!(
            "{} {} {} {answer:?}",
            attempt.at, attempt.author, attempt.event_type
        );
    }
    assert!(played.effective() > 1);
}
