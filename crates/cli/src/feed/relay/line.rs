//! Entries that were read and are not committed yet, in the feed's order: which is next, and how far may be committed.
//!
//! ```text
//! committed │ A1 taken   B1 tried again   A2 taken   B2 waits   C1 taken
//!           └ as far as here: B1 is unfinished. B2 waits behind it, as it is of the same case; A and C have gone on.
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use super::entry::Entry;

/// First pause between tries; each further one is twice as long, with jitter.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between tries, unless the receiver asks for a longer one.
const PAUSE_LONGEST: Duration = Duration::from_secs(300);
/// So many cases that fail with nothing taken in between are no matter of theirs: the receiver is left alone for a while.
const CASES_IN_A_ROW: usize = 3;
/// What a node parks with one commit.
const PARKED_AT_ONCE_MAX: usize = 100;

/// The line.
#[derive(Debug)]
pub(super) struct Line {
    waiting: VecDeque<Waiting>,
    /// Most that are in it.
    length_max: usize,
    /// Before this nobody is tried.
    held_until: Option<Instant>,
    pauses: Pauses,
    /// Cases that failed since an entry was taken last.
    failed: BTreeSet<String>,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    state: State,
}

#[derive(Debug)]
enum State {
    Fresh,
    Again {
        first_tried: Instant,
        at: Instant,
        pauses: Pauses,
    },
    Taken,
    /// With the code under which it is put aside.
    Parked(String),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try the entry at this place.
    Try(usize),
    /// Nothing before this instant.
    At(Instant),
    /// Nothing but to read on.
    Nothing,
}

/// What a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Maybe this entry alone: other cases go on.
    Entry,
    /// Whatever comes would fail as well.
    Receiver,
}

/// Entries that nothing before them holds up any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished {
    /// Cursor of the last.
    pub(super) cursor: String,
    pub(super) delivered: u64,
    /// Those to put aside, each with its case and a code.
    pub(super) parked: Vec<Parked>,
}

/// An entry to put aside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parked {
    pub(super) cursor: String,
    pub(super) case: String,
    pub(super) reason: String,
}

impl Line {
    /// An empty line for at most so many.
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            length_max,
            held_until: None,
            pauses: Pauses::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Whether nothing more should be read for now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.length_max
    }

    /// Puts an entry at the end.
    pub(super) fn push(&mut self, entry: Entry) {
        let state = State::Fresh;
        self.waiting.push_back(Waiting { entry, state });
    }

    /// Forgets all that is not committed: it comes again.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The entry at a place that [`Line::next`] gave.
    pub(super) fn entry(&self, place: usize) -> Option<&Entry> {
        self.waiting.get(place).map(|one| &one.entry)
    }

    /// The first entry in the feed's order that may be tried: none of its case is unfinished in front of it, and its time has come.
    pub(super) fn next(&self, now: Instant) -> Next {
        let mut cases = BTreeSet::new();
        let mut soonest: Option<Instant> = None;
        for (place, one) in self.waiting.iter().enumerate() {
            let at = match &one.state {
                State::Taken | State::Parked(_) => continue,
                State::Fresh => now,
                State::Again { at, .. } => *at,
            };
            if !cases.insert(one.entry.case.as_str()) {
                continue;
            }
            let at = self.held_until.map_or(at, |held| held.max(at));
            if at <= now {
                return Next::Try(place);
            }
            soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        }
        soonest.map_or(Next::Nothing, Next::At)
    }

    /// Whether an entry of a case is about to be parked.
    pub(super) fn is_parking(&self, case: &str) -> bool {
        let is_parked = |one: &Waiting| matches!(one.state, State::Parked(_));
        self.waiting
            .iter()
            .any(|one| is_parked(one) && one.entry.case == case)
    }

    /// The entry at this place was taken: the receiver is well.
    pub(super) fn taken(&mut self, place: usize) {
        self.is_well();
        self.set(place, State::Taken);
    }

    /// The entry at this place was refused, by a receiver that is well, and is put aside.
    pub(super) fn refused(&mut self, place: usize, reason: String) {
        self.is_well();
        self.set(place, State::Parked(reason));
    }

    /// The entry at this place is put aside without a word of the receiver: tried for long enough, or behind another one. What is known of
    /// the receiver stays known.
    pub(super) fn park(&mut self, place: usize, reason: String) {
        self.set(place, State::Parked(reason));
    }

    fn is_well(&mut self) {
        self.failed.clear();
        self.pauses = Pauses::new();
        self.held_until = None;
    }

    fn set(&mut self, place: usize, state: State) {
        if let Some(one) = self.waiting.get_mut(place) {
            one.state = state;
        }
    }

    /// The entry at this place was not taken in a try that went on from the one instant to the other: how long until it is tried again, at
    /// least as long as was asked for. None once it was tried for so long as `retry_for`; then it is the caller's to park it.
    pub(super) fn again(
        &mut self,
        place: usize,
        (begun, now): (Instant, Instant),
        retry_for: Duration,
        (about, asked): (About, Option<Duration>),
    ) -> Option<Duration> {
        let one = self.waiting.get_mut(place)?;
        self.failed.insert(one.entry.case.clone());
        let holds_all = about == About::Receiver || self.failed.len() >= CASES_IN_A_ROW;
        let (first_tried, mut own) = match std::mem::replace(&mut one.state, State::Fresh) {
            State::Again {
                first_tried,
                pauses,
                ..
            } => (first_tried, pauses),
            State::Fresh | State::Taken | State::Parked(_) => (begun, Pauses::new()),
        };
        let pause = match holds_all {
            true => self.pauses.next(),
            false => own.next(),
        };
        let pause = asked.map_or(pause, |asked| asked.max(pause));
        let left = retry_for.saturating_sub(now.duration_since(first_tried));
        if left.is_zero() {
            return None;
        }
        // The last try is at the end of the time, however long the pauses are by then.
        let pause = pause.min(left);
        let at = now + pause;
        one.state = State::Again {
            first_tried,
            at,
            pauses: own,
        };
        if holds_all {
            self.held_until = Some(at);
        }
        Some(pause)
    }

    /// Takes out what is finished and has nothing unfinished in front of it.
    pub(super) fn finished(&mut self) -> Option<Finished> {
        let mut finished: Option<Finished> = None;
        while let Some(one) = self.waiting.front() {
            let is_parked = match &one.state {
                State::Fresh | State::Again { .. } => break,
                State::Taken => false,
                State::Parked(_) => true,
            };
            let parked = finished.as_ref().map_or(0, |so_far| so_far.parked.len());
            if is_parked && parked >= PARKED_AT_ONCE_MAX {
                break;
            }
            let Some(one) = self.waiting.pop_front() else {
                break;
            };
            let so_far = finished.get_or_insert_with(|| Finished {
                cursor: String::new(),
                delivered: 0,
                parked: Vec::new(),
            });
            so_far.cursor.clone_from(&one.entry.cursor);
            if let State::Parked(reason) = one.state {
                so_far.parked.push(Parked {
                    cursor: one.entry.cursor,
                    case: one.entry.case,
                    reason,
                });
            } else {
                so_far.delivered += 1;
            }
        }
        finished
    }
}

/// Growing pauses, with jitter.
#[derive(Debug)]
struct Pauses(ExponentialBackoff);

impl Pauses {
    fn new() -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(PAUSE_FIRST)
            .with_max_delay(PAUSE_LONGEST)
            .with_jitter()
            .without_max_times();
        Self(builder.build())
    }

    fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(PAUSE_LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: Duration = Duration::from_secs(72 * 3600);
    const OWN: (About, Option<Duration>) = (About::Entry, None);

    /// Entries by case and number: `a1`, `b1`.
    fn line(names: &[&str]) -> Line {
        let mut line = Line::new(8);
        for name in names {
            line.push(entry(name));
        }
        line
    }

    fn entry(name: &str) -> Entry {
        Entry {
            cursor: name.to_owned(),
            case: name[..1].to_owned(),
            id: name.to_owned(),
            body: Vec::new(),
        }
    }

    fn finished(line: &mut Line) -> Option<(String, u64, Vec<String>)> {
        line.finished().map(|finished| {
            let parked = finished.parked.into_iter().map(|one| one.cursor);
            (finished.cursor, finished.delivered, parked.collect())
        })
    }

    #[test]
    fn what_follows_in_a_case_waits_behind_what_is_tried_again_and_other_cases_go_on() {
        let mut line = line(&["a1", "b1", "a2", "c1"]);
        let now = Instant::now();
        assert_eq!(line.next(now), Next::Try(0));
        let pause = line.again(0, (now, now), DAYS, OWN).expect("again");
        assert_eq!(line.next(now), Next::Try(1));
        line.taken(1);
        assert_eq!(line.next(now), Next::Try(3), "a2 is behind a1");
        line.taken(3);
        assert_eq!(line.next(now), Next::At(now + pause));
        assert_eq!(finished(&mut line), None, "the oldest is unfinished");
        assert_eq!(line.next(now + pause), Next::Try(0));
        line.taken(0);
        assert_eq!(finished(&mut line), Some(("b1".to_owned(), 2, vec![])));
        assert_eq!(line.next(now), Next::Try(0), "a2 is the first by now");
        line.park(0, "http-422".to_owned());
        let all = Some(("c1".to_owned(), 1, vec!["a2".to_owned()]));
        assert_eq!(finished(&mut line), all);
        assert_eq!(line.next(now), Next::Nothing);
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_left_alone_until_it_takes_something() {
        let mut line = line(&["a1", "b1"]);
        let now = Instant::now();
        let asked = Duration::from_secs(3600);
        let pause = line.again(0, (now, now), DAYS, (About::Receiver, Some(asked)));
        assert_eq!(pause, Some(asked));
        assert_eq!(line.next(now), Next::At(now + asked), "b1 waits as well");
        line.taken(0);
        assert_eq!(line.next(now), Next::Try(1));
    }

    #[test]
    fn cases_that_fail_one_after_the_other_are_no_matter_of_theirs() {
        let mut line = line(&["a1", "b1", "c1", "d1"]);
        let now = Instant::now();
        for place in 0..CASES_IN_A_ROW {
            assert_eq!(line.next(now), Next::Try(place));
            line.again(place, (now, now), DAYS, OWN).expect("again");
        }
        assert!(matches!(line.next(now), Next::At(_)), "d1 is not tried");
        line.park(0, "undelivered-http-500".to_owned());
        assert!(matches!(line.next(now), Next::At(_)), "nobody took it");
        line.refused(1, "http-422".to_owned());
        assert_eq!(line.next(now), Next::Try(3), "the receiver is well");
    }

    #[test]
    fn the_last_try_is_at_the_end_of_the_time() {
        let mut line = line(&["a1"]);
        let now = Instant::now();
        let short = Duration::from_millis(10);
        assert_eq!(line.again(0, (now, now), short, OWN), Some(short));
        assert_eq!(line.again(0, (now + short, now + short), short, OWN), None);
        // The time that the first try took counts.
        line.push(entry("b1"));
        assert_eq!(line.again(1, (now, now + short), short, OWN), None);
    }

    #[test]
    fn no_more_are_parked_at_once_than_a_node_takes() {
        let names: Vec<String> = (0..=PARKED_AT_ONCE_MAX).map(|n| format!("a{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut line = line(&names);
        for place in 0..names.len() {
            line.park(place, "http-422".to_owned());
        }
        let parked = |line: &mut Line| finished(line).map(|(_, _, parked)| parked.len());
        assert_eq!(parked(&mut line), Some(PARKED_AT_ONCE_MAX));
        assert_eq!(parked(&mut line), Some(1));
        assert_eq!(parked(&mut line), None);
    }
}
