//! Who was being waited on: for a deadline, the stretches of time in which another body or the person owed something without which
//! the duty could hardly be done. It excuses nothing (Q6): it says where the time went.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Deadline, DeadlineId};
use crate::calendar::local_date;
use crate::case::{Asked, Case, DeadlineName, How, Occurrence};
use crate::ids::OrganisationId;
use crate::rules::Rules;

/// On whom one waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitedOn {
    /// The person who complains, or who answers for them.
    Complainant,
    /// A body.
    Organisation(OrganisationId),
}

impl fmt::Display for WaitedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complainant => f.write_str("complainant"),
            Self::Organisation(org) => org.fmt(f),
        }
    }
}

/// For what one waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitedFor {
    /// The person's answer to a request for consent.
    Consent,
    /// That a body takes a complaint that was passed on to it.
    Acceptance,
    /// That a body joins.
    Joining,
    /// A body's word on the lead proposed.
    Lead,
    /// Information that a body was asked for.
    Information,
    /// A body's strand.
    Strand,
    /// A body's comments on the draft.
    Comment,
    /// The council's decision on what follows a provider's answer.
    CouncilReview,
}

impl WaitedFor {
    /// In words, to follow "waited for".
    pub fn words(self) -> &'static str {
        match self {
            Self::Consent => "an answer about consent",
            Self::Acceptance => "an answer to the pass-on",
            Self::Joining => "it to join",
            Self::Lead => "its word on the lead",
            Self::Information => "information",
            Self::Strand => "its strand",
            Self::Comment => "its comments on the draft",
            Self::CouncilReview => "its review",
        }
    }

    fn of_rule(rule: &str) -> Option<Self> {
        match rule {
            "consent-reply" => Some(Self::Consent),
            "join" => Some(Self::Joining),
            "information" => Some(Self::Information),
            "strand" => Some(Self::Strand),
            "council-review" => Some(Self::CouncilReview),
            _ => None,
        }
    }
}

impl From<Asked> for WaitedFor {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Acceptance => Self::Acceptance,
            Asked::Lead => Self::Lead,
            Asked::Comment => Self::Comment,
        }
    }
}

/// One stretch of waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// On whom.
    pub on: WaitedOn,
    /// For what.
    pub what: WaitedFor,
    /// The deadline of what was waited for, if it has one of its own.
    pub deadline: Option<DeadlineName>,
    /// From when, within the time of the deadline that waited.
    pub from: Timestamp,
    /// Until when; none while one still waits.
    pub until: Option<Timestamp>,
    /// Working days waited, the first day not counted, by the calendar of the body that waited; none where no calendar covers them.
    pub working_days: Option<u32>,
}

/// How long one waited on one body or the person, days on which one waited for several things counted once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitTotal {
    /// On whom.
    pub on: WaitedOn,
    /// Working days, as in [`Wait`].
    pub working_days: Option<u32>,
    /// Whether one still waits.
    pub still: bool,
}

/// Everything that a deadline waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Each stretch, by its beginning.
    pub waits: Vec<Wait>,
    /// The sum for each, the longest first.
    pub totals: Vec<WaitTotal>,
}

impl Waiting {
    /// The body that was waited on longest, if any body was.
    pub fn mostly_on(&self) -> Option<&OrganisationId> {
        self.totals.iter().find_map(|total| match &total.on {
            WaitedOn::Organisation(org) => Some(org),
            WaitedOn::Complainant => None,
        })
    }
}

/// Who was waited on for a deadline, from when its duty first ran until it was done, or until `at` while it is open. Deadlines that
/// need nothing of others, such as an acknowledgement, waited on nobody.
pub fn waiting(case: &Case, deadline: &Deadline, at: Timestamp, rules: &Rules<'_>) -> Waiting {
    let needed = needed_for(deadline.name.rule());
    if needed.is_empty() || deadline.is_window() {
        return Waiting::default();
    }
    let span = Span {
        from: deadline.running_since,
        until: deadline.stopped_at.map_or(at, |stopped| stopped.min(at)),
    };
    let mut waits: Vec<Wait> = stretches(case)
        .into_iter()
        .filter(|stretch| needed.contains(&stretch.what) && stretch.hinders(deadline, case))
        .filter_map(|stretch| span.cut(stretch))
        .collect();
    waits.sort_by(|a, b| (a.from, &a.on, a.what).cmp(&(b.from, &b.on, b.what)));
    for wait in &mut waits {
        let until = wait.until.unwrap_or(span.until);
        wait.working_days = days(&[(wait.from, until)], &deadline.owed_by, rules);
    }
    let totals = totals(&waits, span.until, &deadline.owed_by, rules);
    Waiting { waits, totals }
}

/// The same for every deadline that is open or was met late, as far as it waited on anybody.
pub fn waiting_of_all(
    case: &Case,
    deadlines: &[Deadline],
    at: Timestamp,
    rules: &Rules<'_>,
) -> BTreeMap<DeadlineId, Waiting> {
    let asked = deadlines
        .iter()
        .filter(|deadline| deadline.is_open() || deadline.was_late());
    asked
        .map(|deadline| (deadline.id, waiting(case, deadline, at, rules)))
        .filter(|(_, waiting)| !waiting.waits.is_empty())
        .collect()
}

/// What a duty can hardly be done without.
fn needed_for(rule: &str) -> &'static [WaitedFor] {
    use WaitedFor as W;
    match rule {
        "response" | "relevant-period" | "partial-response" | "stage-1-response"
        | "stage-2-response" | "stage-2-discussion" | "stage-2-terms" => &[
            W::Consent,
            W::Acceptance,
            W::Joining,
            W::Lead,
            W::Information,
            W::Strand,
            W::Comment,
            W::CouncilReview,
        ],
        "triage"
        | "late-complaint-decision"
        | "council-review"
        | "dissatisfied-review"
        | "ombudsman-reply"
        | "authority-response"
        | "strand"
        | "action"
        | "recommendation"
        | "reply"
        | "tell-complainant" => &[W::Information],
        "plan" => &[W::Joining, W::Lead],
        "lead-agreement" | "lead-escalation" => &[W::Joining, W::Lead],
        "consent-reply" => &[W::Consent],
        "draft-comments" => &[W::Comment],
        _ => &[],
    }
}

/// A stretch of waiting as the case has it, whatever it hindered.
struct Stretch {
    on: WaitedOn,
    what: WaitedFor,
    deadline: Option<DeadlineName>,
    asked_by: Option<OrganisationId>,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Stretch {
    /// Nobody waits on itself. Information hinders the body that asked; what a contributor asked for hinders its strand, and the others
    /// wait for that strand.
    fn hinders(&self, deadline: &Deadline, case: &Case) -> bool {
        if self.on == WaitedOn::Organisation(deadline.owed_by.clone()) {
            return false;
        }
        match &self.asked_by {
            Some(asked_by) if self.what == WaitedFor::Information => {
                let for_keeper = deadline.owed_by == *case.keeper()
                    && !case.facts.work.strands.contains_key(asked_by);
                *asked_by == deadline.owed_by || for_keeper
            }
            _ => true,
        }
    }
}

/// All that was ever waited for in the case, moved dates joined.
fn stretches(case: &Case) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for occurrence in &case.facts.ledger.occurrences {
        let Some(what) = WaitedFor::of_rule(occurrence.name.rule()) else {
            continue;
        };
        let stretch = stretch_of(occurrence, what, case);
        let before = stretches
            .iter_mut()
            .rev()
            .find(|before| before.deadline.as_ref() == Some(&occurrence.name));
        match before {
            Some(before) if before.on == stretch.on && before.until >= Some(stretch.from) => {
                before.until = stretch.until;
            }
            _ => stretches.push(stretch),
        }
    }
    let asks = case.facts.cooperation.asks.iter().map(|ask| Stretch {
        on: WaitedOn::Organisation(ask.of.clone()),
        what: ask.what.into(),
        deadline: None,
        asked_by: None,
        from: ask.since,
        until: ask.until,
    });
    stretches.extend(asks);
    stretches
}

fn stretch_of(occurrence: &Occurrence, what: WaitedFor, case: &Case) -> Stretch {
    let owner = if occurrence.follows_keeper && occurrence.ending.is_none() {
        case.keeper()
    } else {
        &occurrence.owner
    };
    Stretch {
        on: match what {
            WaitedFor::Consent => WaitedOn::Complainant,
            _ => WaitedOn::Organisation(owner.clone()),
        },
        what,
        deadline: Some(occurrence.name.clone()),
        asked_by: Some(occurrence.asked_by.clone()),
        from: occurrence.set_at,
        until: occurrence.ending.map(|ending| ending.at),
    }
}

/// When the duty of an occurrence first ran: moves and restarts go on with it.
pub(super) fn running_since(case: &Case, occurrence: &Occurrence) -> Timestamp {
    let same: Vec<&Occurrence> = case
        .facts
        .ledger
        .occurrences
        .iter()
        .filter(|one| one.name == occurrence.name)
        .collect();
    let place = same
        .iter()
        .position(|one| one.set_by == occurrence.set_by && one.start == occurrence.start)
        .unwrap_or(0);
    let mut since = occurrence.set_at;
    for before in same[..place].iter().rev() {
        if before.ending.is_none_or(|ending| ending.how != How::Moved) {
            break;
        }
        since = before.set_at.min(since);
    }
    since
}

/// The time in which a deadline ran.
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    /// The part of a stretch that lies in it.
    fn cut(&self, stretch: Stretch) -> Option<Wait> {
        let from = stretch.from.max(self.from);
        let until = stretch.until.filter(|until| *until <= self.until);
        (from < until.unwrap_or(self.until)).then_some(Wait {
            on: stretch.on,
            what: stretch.what,
            deadline: stretch.deadline,
            from,
            until,
            working_days: None,
        })
    }
}

fn totals(
    waits: &[Wait],
    until: Timestamp,
    owner: &OrganisationId,
    rules: &Rules<'_>,
) -> Vec<WaitTotal> {
    let mut by_body: BTreeMap<&WaitedOn, Vec<&Wait>> = BTreeMap::new();
    for wait in waits {
        by_body.entry(&wait.on).or_default().push(wait);
    }
    let mut totals: Vec<WaitTotal> = by_body
        .into_iter()
        .map(|(on, waits)| {
            let spans: Vec<(Timestamp, Timestamp)> = waits
                .iter()
                .map(|wait| (wait.from, wait.until.unwrap_or(until)))
                .collect();
            WaitTotal {
                on: on.clone(),
                working_days: days(&spans, owner, rules),
                still: waits.iter().any(|wait| wait.until.is_none()),
            }
        })
        .collect();
    totals.sort_by(|a, b| b.working_days.cmp(&a.working_days).then(a.on.cmp(&b.on)));
    totals
}

/// Working days in spans that stand in the order in which they begin, days in several of them counted once.
fn days(
    spans: &[(Timestamp, Timestamp)],
    owner: &OrganisationId,
    rules: &Rules<'_>,
) -> Option<u32> {
    let working = rules.working_days(owner).ok()?;
    let mut counted_to: Option<Date> = None;
    let mut total = 0;
    for (from, until) in spans {
        let (from, until) = (local_date(*from), local_date(*until));
        let from = counted_to.map_or(from, |to| from.max(to));
        if from < until {
            let days = working
                .calendar
                .working_days_after(from, until, &working.closed);
            total += days.ok()?;
            counted_to = Some(until);
        }
    }
    Some(total)
}
