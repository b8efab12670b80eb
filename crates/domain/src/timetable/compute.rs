//! From the ledger to dates: rules and calendars applied, and what rules start or restart by themselves.

use jiff::Timestamp;
use jiff::civil::Date;

use super::outstanding::{Outstanding, WhenDue};
use super::waiting::running_since;
use super::{Deadline, DeadlineId, DeadlineState, Explanation, Timetable};
use crate::calendar::{self, Counted, end_of_day, local_date, start_of_day};
use crate::case::{Case, DeadlineName, Ending, How, Occurrence, Start};
use crate::directory::in_turn;
use crate::ids::OrganisationId;
use crate::policy::{PolicyPack, Rule, kind_of_standard, own_regime};
use crate::rules::Rules;

/// What is owed on the case at an instant. A deadline that no pack of the case prescribes is not owed.
pub fn timetable(case: &Case, at: Timestamp, rules: &Rules<'_>) -> Timetable {
    let view = View { case, at, rules };
    let deadlines = case
        .facts
        .ledger
        .occurrences
        .iter()
        .flat_map(|occurrence| view.expand(occurrence))
        .collect();
    Timetable { at, deadlines }
}

/// Every occurrence that no event has met, ended or moved, whenever it runs: also what begins by itself if another one stays unmet.
/// What a [`timetable`] shows as open at an instant is what of these [is open](Outstanding::at) then.
pub fn outstanding(case: &Case, rules: &Rules<'_>) -> Vec<Outstanding> {
    let view = View {
        case,
        at: Timestamp::MIN,
        rules,
    };
    case.facts
        .ledger
        .occurrences
        .iter()
        .flat_map(|occurrence| view.outstanding(occurrence))
        .collect()
}

/// Working days of `owner` after a due day, up to a day; none where no calendar covers them.
pub(super) fn late_by_working_days(
    rules: &Rules<'_>,
    owner: &OrganisationId,
    due: Date,
    until: Date,
) -> Option<u32> {
    let days = rules.working_days(owner).ok()?;
    days.calendar
        .working_days_after(due, until, &days.closed)
        .ok()
}

/// The due date of an occurrence as the rules have it, restarts apart.
pub(crate) fn due_of(case: &Case, occurrence: &Occurrence, rules: &Rules<'_>) -> Option<Date> {
    let view = View {
        case,
        at: Timestamp::MIN,
        rules,
    };
    let (_, rule) = view.rule(occurrence)?;
    view.counted(occurrence, rule)
        .ok()
        .map(|(counted, _)| counted.due)
}

/// The last day that an occurrence can be extended to, where its rule has a maximum.
pub(crate) fn latest_due_of(
    case: &Case,
    occurrence: &Occurrence,
    rules: &Rules<'_>,
) -> Option<Date> {
    let view = View {
        case,
        at: Timestamp::MIN,
        rules,
    };
    let (_, rule) = view.rule(occurrence)?;
    let longest = Rule {
        n: rule.max?,
        ..rule.clone()
    };
    view.counted(occurrence, &longest)
        .ok()
        .map(|(counted, _)| counted.due)
}

/// A case seen at an instant under rules.
struct View<'a> {
    case: &'a Case,
    at: Timestamp,
    rules: &'a Rules<'a>,
}

impl View<'_> {
    /// The occurrence, and those that its rule begins when it is unmet at the end of its due day.
    fn expand(&self, occurrence: &Occurrence) -> Vec<Deadline> {
        let Some((pack, rule)) = self.rule(occurrence) else {
            return Vec::new();
        };
        let first = self.deadline(occurrence, pack, rule, 0);
        let Some(due) = first
            .due
            .filter(|due| self.was_unmet_at_end_of(*due, occurrence))
        else {
            return vec![first];
        };
        if let Some(restarted) = rule.restarted() {
            let again = Occurrence {
                start: Start::Counted { from: due, n: None },
                ..occurrence.clone()
            };
            let first = Deadline {
                state: DeadlineState::Moved,
                stopped_at: Some(end_of_day(due)),
                stopped_by: None,
                late_by_days: 1,
                late_by_working_days: self.late_by_working_days(
                    self.owner(occurrence),
                    due,
                    local_date(end_of_day(due)),
                ),
                ..first
            };
            return vec![first, self.deadline(&again, pack, &restarted, 1)];
        }
        let following = rule
            .then
            .as_deref()
            .map(|then| self.following(then, due, occurrence))
            .and_then(|then| {
                let (pack, rule) = self.rule(&then)?;
                Some(self.deadline(&then, pack, rule, 0))
            });
        [Some(first), following].into_iter().flatten().collect()
    }

    /// The occurrence and what it brings if it stays unmet, as far as no event has stopped them. Seen from before all time, so that
    /// nothing is late yet.
    fn outstanding(&self, occurrence: &Occurrence) -> Vec<Outstanding> {
        let Some((pack, rule)) = self.rule(occurrence) else {
            return Vec::new();
        };
        let first = self.deadline(occurrence, pack, rule, 0);
        let due = first
            .due
            .filter(|due| stood_until_end_of(*due, occurrence.ending));
        let restarted = rule.restarted();
        let is_open = occurrence.ending.is_none();
        let post = self.case.post_for(&occurrence.name);
        let mut found = Vec::new();
        match (&restarted, due) {
            // Met after its rule had begun it again: that it was missed stands, and is still to be published.
            (Some(_), Some(due)) if !is_open => {
                let missed = Outstanding::new(first, Some(due), WhenDue::Restarts, post.clone());
                found.push(missed);
            }
            _ if !is_open => {}
            (restarted, _) => {
                let when_due = match restarted {
                    Some(_) => WhenDue::Restarts,
                    None => WhenDue::of(rule),
                };
                found.push(Outstanding::new(first, None, when_due, post.clone()));
            }
        }
        let Some(due) = due else { return found };
        if let Some(restarted) = restarted {
            if is_open {
                let again = Occurrence {
                    start: Start::Counted { from: due, n: None },
                    ..occurrence.clone()
                };
                let again = self.deadline(&again, pack, &restarted, 1);
                found.push(Outstanding::new(
                    again,
                    Some(due),
                    WhenDue::of(&restarted),
                    post,
                ));
            }
        } else if let Some(then) = &rule.then {
            let then = self.following(then, due, occurrence);
            if let Some((pack, rule)) = self.rule(&then).filter(|_| then.ending.is_none()) {
                let following = self.deadline(&then, pack, rule, 0);
                found.push(Outstanding::new(
                    following,
                    Some(due),
                    WhenDue::of(rule),
                    post,
                ));
            }
        }
        found
    }

    /// The occurrence that starts because another one was unmet at the end of its due day.
    fn following(&self, name: &str, due: Date, before: &Occurrence) -> Occurrence {
        let name = DeadlineName::from(name);
        let moved = before.ending.filter(|ending| ending.how != How::Met);
        let acts = self
            .case
            .facts
            .ledger
            .acts
            .get(&name)
            .into_iter()
            .flatten()
            .copied();
        Occurrence {
            ending: acts
                .chain(moved)
                .filter(|act| act.at >= end_of_day(due))
                .min_by_key(|act| act.at),
            name,
            variant: None,
            start: Start::Counted { from: due, n: None },
            ..before.clone()
        }
    }

    fn was_unmet_at_end_of(&self, due: Date, occurrence: &Occurrence) -> bool {
        end_of_day(due) <= self.at && stood_until_end_of(due, occurrence.ending)
    }

    fn rule(&self, occurrence: &Occurrence) -> Option<(&PolicyPack, &Rule)> {
        let variant = occurrence.variant.as_deref();
        self.case.rule(occurrence.name.rule(), variant, self.rules)
    }

    fn owner<'o>(&'o self, occurrence: &'o Occurrence) -> &'o OrganisationId {
        let passes_on = occurrence.follows_keeper && occurrence.ending.is_none();
        if passes_on {
            self.case.keeper()
        } else {
            &occurrence.owner
        }
    }

    /// The due date by the versions of the owing body's calendar: one that came after the date had passed, or after the act, does not
    /// move it any more. Gives the version by which it was computed, too.
    fn counted(
        &self,
        occurrence: &Occurrence,
        rule: &Rule,
    ) -> Result<(Counted, String), calendar::Error> {
        let turns = in_turn(self.rules, self.owner(occurrence))?;
        let (from, n) = match occurrence.start {
            Start::Counted { from, n } => (from, n),
            Start::Fixed(due) => {
                let verdict = calendar::DayVerdict::Ended;
                let steps = vec![calendar::DayStep { date: due, verdict }];
                let newest = turns.last().map(|turn| turn.version.clone());
                return Ok((Counted { due, steps }, newest.unwrap_or_default()));
            }
        };
        let mut counted: Option<Result<(Counted, String), calendar::Error>> = None;
        for turn in &turns {
            let over = |at: Timestamp| at <= turn.from;
            let stays = counted.as_ref().is_some_and(|counted| {
                let passed = matches!(counted, Ok((counted, _)) if over(end_of_day(counted.due)));
                passed || occurrence.ending.is_some_and(|ending| over(ending.at))
            });
            if stays {
                break;
            }
            let due = rule.due(from, n, &turn.calendar, &turn.closed);
            counted = Some(due.map(|due| (due, turn.version.clone())));
        }
        counted.expect("there is always a first calendar")
    }

    fn deadline(
        &self,
        occurrence: &Occurrence,
        pack: &PolicyPack,
        rule: &Rule,
        restarts: u8,
    ) -> Deadline {
        let owner = self.owner(occurrence);
        let (due, steps, calendar, warnings) = match self.counted(occurrence, rule) {
            Ok((counted, calendar)) => (Some(counted.due), counted.steps, calendar, Vec::new()),
            Err(error) => {
                let entry = self.rules.directory.organisation(owner);
                let calendar = entry.map(|entry| entry.calendar.clone());
                let warnings = vec![error.to_string()];
                (None, Vec::new(), calendar.unwrap_or_default(), warnings)
            }
        };
        let due_instant = due.map(end_of_day);
        let id = DeadlineId::of(self.case, occurrence, restarts);
        let key = id.to_string();
        let from = match occurrence.start {
            Start::Counted { from, .. } | Start::Fixed(from) => from,
        };
        let (shown_pack, shown) = self.standard(occurrence, pack, rule);
        Deadline {
            id,
            name: occurrence.name.clone(),
            rule: shown.id.clone(),
            owed_by: owner.clone(),
            owed_to: self.owed_to(owner),
            due,
            due_instant,
            warn_instant: due.and_then(|due| self.warn_instant(due, owner, pack)),
            source: shown.source.clone(),
            force: shown.force,
            state: self.state(occurrence.ending, due_instant, rule),
            stopped_at: occurrence.ending.map(|ending| ending.at),
            stopped_by: occurrence.ending.map(|ending| ending.by),
            late_by_days: due.map_or(0, |due| self.late_by(due, occurrence.ending)),
            late_by_working_days: due.and_then(|due| {
                self.late_by_working_days(owner, due, self.stood_until(occurrence.ending))
            }),
            running_since: running_since(self.case, occurrence),
            set_by: occurrence.set_by,
            missed_published: self.case.facts.published_missed.contains(&key),
            warning_published: self.case.facts.published_approaching.contains(&key),
            explanation: Explanation {
                from,
                trigger: shown.trigger.clone(),
                pack: format!("{} version {}", shown_pack.id(), shown_pack.version()),
                length: length(rule, occurrence.start),
                counting: match occurrence.start {
                    Start::Counted { .. } => rule.counting().to_owned(),
                    Start::Fixed(_) => String::new(),
                },
                mark: shown.standing(),
                calendar,
                steps,
            },
            warnings,
            window: rule.window,
        }
    }

    /// The pack and rule by which a body's strand is investigated: those of its own regime and kind (J-14, Q20). The day is the plan's,
    /// and the warning that of the case's own pack, so no ruling depends on it.
    fn standard<'r>(
        &'r self,
        occurrence: &Occurrence,
        pack: &'r PolicyPack,
        rule: &'r Rule,
    ) -> (&'r PolicyPack, &'r Rule) {
        let of_the_case = (pack, rule);
        let entry = self.rules.directory.organisation(self.owner(occurrence));
        let Some(entry) = entry.filter(|_| occurrence.name.rule() == "strand") else {
            return of_the_case;
        };
        let own = own_regime(entry).and_then(|id| {
            let found = self
                .rules
                .packs
                .iter()
                .find(|pack| pack.id().as_str() == id);
            found.filter(|pack| pack.is_adoptable())
        });
        let pack = match own {
            // An English body in an English case, whichever of its packs that is, and a body whose own pack cannot be adopted.
            Some(own) if own.regime() != self.case.regime() => own,
            Some(_) | None => pack,
        };
        let by_kind = pack.rule("strand", kind_of_standard(&entry.kind));
        match by_kind.or_else(|| pack.rule("strand", None)) {
            Some(rule) => (pack, rule),
            None => of_the_case,
        }
    }

    fn state(&self, ending: Option<Ending>, due: Option<Timestamp>, rule: &Rule) -> DeadlineState {
        let over = |at: Timestamp| due.is_some_and(|due| due <= at);
        match ending {
            Some(Ending {
                how: How::Met, at, ..
            }) if over(at) && !rule.window => DeadlineState::MetLate,
            Some(Ending { how: How::Met, .. }) => DeadlineState::Met,
            Some(Ending {
                how: How::Moved, ..
            }) => DeadlineState::Moved,
            Some(Ending {
                how: How::Ended, ..
            }) => DeadlineState::Ended,
            None if rule.ends_when_due && over(self.at) => DeadlineState::Ended,
            None if rule.window => DeadlineState::Window,
            None if due.is_none() => DeadlineState::Undated,
            None if over(self.at) => DeadlineState::Overdue,
            None => DeadlineState::Running,
        }
    }

    fn late_by(&self, due: Date, ending: Option<Ending>) -> u32 {
        let days = due
            .until(self.stood_until(ending))
            .map_or(0, |span| span.get_days());
        u32::try_from(days).unwrap_or(0)
    }

    /// The day of the act that ended an occurrence, or the timetable's own while there is none.
    fn stood_until(&self, ending: Option<Ending>) -> Date {
        local_date(ending.map_or(self.at, |ending| ending.at))
    }

    fn late_by_working_days(&self, owner: &OrganisationId, due: Date, until: Date) -> Option<u32> {
        late_by_working_days(self.rules, owner, due, until)
    }

    fn owed_to(&self, owner: &OrganisationId) -> String {
        let keeper = self.case.keeper();
        if owner == keeper {
            "complainant".to_owned()
        } else {
            keeper.to_string()
        }
    }

    fn warn_instant(
        &self,
        due: Date,
        owner: &OrganisationId,
        pack: &PolicyPack,
    ) -> Option<Timestamp> {
        let days = self.rules.working_days(owner).ok()?;
        let day = days
            .calendar
            .working_days_before(due, pack.warn(), &days.closed)
            .ok()?;
        Some(start_of_day(day))
    }
}

/// Whether an occurrence was still owed when its due day ended, as far as events have told.
fn stood_until_end_of(due: Date, ending: Option<Ending>) -> bool {
    ending.is_none_or(|ending| ending.at >= end_of_day(due))
}

/// The length of an occurrence: that of its rule, an interval that the case fixed, or a day that an event named.
fn length(rule: &Rule, start: Start) -> String {
    match start {
        Start::Counted { n: None, .. } => rule.length(),
        Start::Counted { n: Some(n), .. } => {
            let fixed = Rule { n, ..rule.clone() };
            format!("{} (as the case fixed it)", fixed.length())
        }
        Start::Fixed(_) => "the day that the event names".to_owned(),
    }
}
