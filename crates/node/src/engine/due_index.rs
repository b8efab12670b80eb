//! The index of what is outstanding: by who owes it and by rule, within that by due day.
//!
//! A node of 100,000 open cases has some 500,000 outstanding deadlines, of some hundred kinds (who owes it, under which rule) and some
//! ten thousand *lots* (those of a kind that are due on one day and alike in all that can be asked for). Counts add up lots; a page looks
//! at the entries of those days only on which a lot matches. So an answer costs what it shows, not what there is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::timetable::{Outstanding, WhenDue};
use jiff::civil::Date;

use crate::due::{DuePlace, DueQuery, DueState};

/// A text that many entries share, by number.
type Word = u32;

/// What can be asked of a deadline besides who owes it, its rule and its due day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Traits {
    /// The day from which it is counted.
    counted_from: Date,
    begins_after: Option<Date>,
    ends_when_due: bool,
    window: bool,
    keeper: Word,
    post: Option<Word>,
}

/// All that one organisation owes under one rule.
#[derive(Debug, Default)]
struct Kind {
    /// How many there are, by due day.
    lots: BTreeMap<Date, BTreeMap<Traits, u64>>,
    entries: BTreeMap<(Date, CaseId, u16), Traits>,
}

/// What the index knows of one case.
#[derive(Debug)]
struct Card {
    keeper: Word,
    state: Word,
    entries: Box<[(u32, Date)]>,
}

/// Days that depend on the calendar of who owes something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) due_until: Option<Date>,
    pub(super) counted_until: Option<Date>,
}

/// What an index found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) total: u64,
    pub(super) places: Vec<DuePlace>,
    pub(super) has_more: bool,
}

/// Outstanding deadlines of all cases.
#[derive(Debug, Default)]
pub(super) struct DueIndex {
    kinds: Vec<Kind>,
    by_owner: BTreeMap<OrganisationId, BTreeMap<String, u32>>,
    cards: BTreeMap<CaseId, Card>,
    words: Vec<String>,
    numbers: BTreeMap<String, Word>,
}

impl DueIndex {
    /// Puts down what is outstanding on a case; what was there of it before goes.
    pub(super) fn set(
        &mut self,
        case: CaseId,
        (keeper, state): (&OrganisationId, &str),
        outstanding: &[Outstanding],
    ) {
        self.remove(case);
        let (keeper, state) = (self.word(keeper.as_str()), self.word(state));
        let mut entries = Vec::with_capacity(outstanding.len());
        for (one, number) in outstanding.iter().zip(0..) {
            let deadline = one.deadline();
            let due = deadline.due.unwrap_or(Date::MAX);
            let traits = Traits {
                counted_from: deadline.explanation.from,
                begins_after: one.begins_after(),
                ends_when_due: one.when_due() != WhenDue::Stands,
                window: deadline.is_window(),
                keeper,
                post: one.post().map(|post| self.word(post)),
            };
            let kind = self.kind(&deadline.owed_by, deadline.name.rule());
            let place = &mut self.kinds[kind as usize];
            *place
                .lots
                .entry(due)
                .or_default()
                .entry(traits)
                .or_default() += 1;
            place.entries.insert((due, case, number), traits);
            entries.push((kind, due));
        }
        let entries = entries.into_boxed_slice();
        let card = Card {
            keeper,
            state,
            entries,
        };
        self.cards.insert(case, card);
    }

    /// Takes a case out.
    pub(super) fn remove(&mut self, case: CaseId) {
        let Some(card) = self.cards.remove(&case) else {
            return;
        };
        for ((kind, due), number) in card.entries.iter().zip(0..) {
            let kind = &mut self.kinds[*kind as usize];
            let Some(traits) = kind.entries.remove(&(*due, case, number)) else {
                continue;
            };
            if let Some(lots) = kind.lots.get_mut(due) {
                if let Some(count) = lots.get_mut(&traits) {
                    *count -= 1;
                }
                lots.retain(|_, count| *count > 0);
                if lots.is_empty() {
                    kind.lots.remove(due);
                }
            }
        }
    }

    /// What matches on a day, counted, and up to `max` places of it behind the one given.
    ///
    /// `bounds` gives the days that depend on the calendar of who owes something; it is asked once for each of those.
    pub(super) fn find<E>(
        &self,
        asked: &DueQuery,
        today: Date,
        mut bounds: impl FnMut(&OrganisationId) -> Result<Bounds, E>,
    ) -> Result<Found, E> {
        let mut found = Found::default();
        // On which days which kinds have something that matches.
        let mut days: BTreeMap<Date, Vec<(&Kind, Bounds)>> = BTreeMap::new();
        let matching = Matching::of(self, asked, today);
        for (owner, kinds) in &self.by_owner {
            if !asked.owners.is_empty() && !asked.owners.contains(owner) {
                continue;
            }
            let bounds = bounds(owner)?;
            let (from, until) = matching.range(bounds);
            if from > until {
                continue;
            }
            for (name, kind) in kinds {
                if !asked.names.is_empty() && !asked.names.contains(name) {
                    continue;
                }
                let kind = &self.kinds[*kind as usize];
                for (due, lots) in kind.lots.range(from..=until) {
                    let lots = lots.iter();
                    let count: u64 = lots
                        .filter(|(traits, _)| matching.matches(*due, traits, bounds))
                        .map(|(_, count)| count)
                        .sum();
                    if count > 0 {
                        found.total += count;
                        days.entry(*due).or_default().push((kind, bounds));
                    }
                }
            }
        }
        if asked.max > 0 {
            self.page(asked, &matching, &days, &mut found);
        }
        Ok(found)
    }

    /// The places of one page: day by day, the kinds of a day merged by case.
    fn page(
        &self,
        asked: &DueQuery,
        matching: &Matching<'_>,
        days: &BTreeMap<Date, Vec<(&Kind, Bounds)>>,
        found: &mut Found,
    ) {
        let first = asked.after.map_or(Date::MIN, |after| after.due);
        for (due, kinds) in days.range(first..) {
            let from = match asked.after {
                Some(after) if after.due == *due => (after.case, after.number.saturating_add(1)),
                _ => (CaseId([0; 16]), 0),
            };
            let until = (*due, CaseId([u8::MAX; 16]), u16::MAX);
            let mut streams: Vec<_> = kinds
                .iter()
                .map(|(kind, bounds)| {
                    let entries = kind.entries.range((*due, from.0, from.1)..=until);
                    entries
                        .filter(|(_, traits)| matching.matches(*due, traits, *bounds))
                        .map(|(key, _)| *key)
                })
                .collect();
            let mut heads: BinaryHeap<_> = streams
                .iter_mut()
                .enumerate()
                .filter_map(|(stream, entries)| Some(Reverse((entries.next()?, stream))))
                .collect();
            while let Some(Reverse(((due, case, number), stream))) = heads.pop() {
                if found.places.len() == asked.max {
                    found.has_more = true;
                    return;
                }
                found.places.push(DuePlace { due, case, number });
                if let Some(next) = streams[stream].next() {
                    heads.push(Reverse((next, stream)));
                }
            }
        }
    }

    /// Keeper and state of a case.
    pub(super) fn card(&self, case: CaseId) -> Option<(&str, &str)> {
        let card = self.cards.get(&case)?;
        Some((self.text(card.keeper), self.text(card.state)))
    }

    /// Whether something on the case is overdue on a day.
    pub(super) fn is_overdue(&self, case: CaseId, today: Date) -> bool {
        let Some(card) = self.cards.get(&case) else {
            return false;
        };
        card.entries.iter().zip(0..).any(|((kind, due), number)| {
            let traits = self.kinds[*kind as usize]
                .entries
                .get(&(*due, case, number));
            traits.is_some_and(|traits| state_of(*due, traits, today) == Some(DueState::Overdue))
        })
    }

    fn kind(&mut self, owner: &OrganisationId, name: &str) -> u32 {
        let known = self.by_owner.get(owner).and_then(|kinds| kinds.get(name));
        if let Some(kind) = known {
            return *kind;
        }
        let number = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        self.kinds.push(Kind::default());
        let kinds = self.by_owner.entry(owner.clone()).or_default();
        kinds.insert(name.to_owned(), number);
        number
    }

    fn word(&mut self, text: &str) -> Word {
        if let Some(word) = self.numbers.get(text) {
            return *word;
        }
        let word = Word::try_from(self.words.len()).unwrap_or(Word::MAX);
        self.words.push(text.to_owned());
        self.numbers.insert(text.to_owned(), word);
        word
    }

    fn text(&self, word: Word) -> &str {
        &self.words[word as usize]
    }
}

/// A question with its texts as numbers.
struct Matching<'a> {
    asked: &'a DueQuery,
    today: Date,
    /// Nothing, if it is a word that no case has.
    keeper: Option<Option<Word>>,
    posts: BTreeSet<Word>,
}

impl<'a> Matching<'a> {
    fn of(index: &DueIndex, asked: &'a DueQuery, today: Date) -> Self {
        let keeper = asked.keeper.as_ref();
        let posts = asked.posts.iter();
        Self {
            asked,
            today,
            keeper: keeper.map(|keeper| index.numbers.get(keeper.as_str()).copied()),
            posts: posts
                .filter_map(|post| index.numbers.get(post).copied())
                .collect(),
        }
    }

    /// Between which due days something can match.
    fn range(&self, bounds: Bounds) -> (Date, Date) {
        let from = self.asked.due_from.unwrap_or(Date::MIN);
        let from = match self.asked.due_within_working_days {
            Some(_) => from.max(self.today),
            None => from,
        };
        let until = [self.asked.due_until, bounds.due_until];
        let until = until.into_iter().flatten().min().unwrap_or(Date::MAX);
        (from, until)
    }

    fn matches(&self, due: Date, traits: &Traits, bounds: Bounds) -> bool {
        let Some(state) = state_of(due, traits, self.today) else {
            return false;
        };
        (self.asked.states.is_empty() || self.asked.states.contains(&state))
            && bounds
                .counted_until
                .is_none_or(|day| traits.counted_from <= day)
            && self
                .keeper
                .is_none_or(|keeper| keeper == Some(traits.keeper))
            && (self.asked.posts.is_empty()
                || traits.post.is_some_and(|post| self.posts.contains(&post)))
            && (due != Date::MAX || !self.names_a_due_day())
    }

    /// What has no due day is left out where one is asked for.
    fn names_a_due_day(&self) -> bool {
        let asked = self.asked;
        asked.due_from.is_some()
            || asked.due_until.is_some()
            || asked.due_within_working_days.is_some()
    }
}

/// How it stands on a day; none while it is not open. As [`Outstanding::at`] has it: all that happens by itself does so at midnight.
fn state_of(due: Date, traits: &Traits, today: Date) -> Option<DueState> {
    let begun = traits.begins_after.is_none_or(|day| day < today);
    let over = due < today;
    if !begun || (over && traits.ends_when_due) {
        return None;
    }
    Some(match (over, traits.window) {
        _ if due == Date::MAX => DueState::Undated,
        (true, true) => DueState::Expired,
        (true, false) => DueState::Overdue,
        (false, _) => DueState::Running,
    })
}
