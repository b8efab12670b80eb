//! A history judged again under another policy pack: which rulings, due dates and misses would have been others.
//!
//! Nothing is predicted. People might have acted otherwise under other rules; this says what the rules would have made of what they did.

use jiff::Timestamp;

use super::changes::{DeadlineChange, deadline_changes};
use crate::calendar::Calendars;
use crate::case::Case;
use crate::directory::Directory;
use crate::event::{Event, Placement};
use crate::evolve::evolve;
use crate::fields::Value;
use crate::ids::{EventId, OrganisationId, PackId, Position};
use crate::judge::{Reason, judge};
use crate::policy::{PolicyPack, PolicyPacks, Regime};
use crate::rules::Rules;
use crate::timetable::{Deadline, timetable};

/// One event of a case that the rules ruled on, with the directory in force there.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// The event as judged.
    pub event: Event,
    /// Where it stands.
    pub placement: Placement,
    /// What was ruled.
    pub ruling: Result<(), Reason>,
    /// The directory that it was judged with.
    pub directory: &'a Directory,
}

/// Which pack gave way to the other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The pack that the case goes by.
    pub pack: PackId,
    /// Its version; none if it is not here.
    pub version: Option<String>,
}

/// An event whose ruling would be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulingDifference {
    /// The event.
    pub event: EventId,
    /// Who published it.
    pub author: OrganisationId,
    /// Its type.
    pub event_type: crate::EventType,
    /// Where it stands.
    pub position: Position,
    /// What was ruled.
    pub before: Result<(), Reason>,
    /// What would be ruled.
    pub after: Result<(), Reason>,
}

/// A case after its last event under some rules.
#[derive(Debug, Clone)]
pub struct Played {
    /// The case; none if no event opened it.
    pub case: Option<Case>,
    /// Its deadlines at the instant asked for.
    pub deadlines: Vec<Deadline>,
}

/// What would be otherwise.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The pack that gave way; none if the case goes by none that the other could stand for: then nothing differs.
    pub replaced: Option<Replaced>,
    /// Events whose ruling would be another, in log order.
    pub rulings: Vec<RulingDifference>,
    /// Occurrences of deadlines that differ: due date, rule, source, whether it was missed.
    pub deadlines: Vec<DeadlineChange>,
    /// As it was.
    pub before: Played,
    /// As it would be.
    pub after: Played,
}

impl WhatIf {
    /// Whether anything differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.rulings.is_empty() || !self.deadlines.is_empty()
    }
}

/// Judges a history again with `other` in the place of the case's own pack: of its protocol, if `other` is a protocol, else of its policy.
/// The timetables are read at `at` with the directory of the last step.
#[must_use]
pub fn what_if(
    steps: &[Step<'_>],
    (packs, calendars): (&PolicyPacks, &Calendars),
    other: &PolicyPack,
    at: Timestamp,
) -> WhatIf {
    let directory = steps.last().map(|step| step.directory);
    let before = Played::of(
        steps
            .iter()
            .filter(|step| step.ruling.is_ok())
            .fold(None, |case, step| {
                let rules = rules(step, packs, calendars);
                Some(evolve(case, &step.event, &step.placement, &rules))
            }),
        directory,
        (packs, calendars),
        at,
    );
    let replaced = before
        .case
        .as_ref()
        .and_then(|case| gives_way(case, other))
        .map(|pack| Replaced {
            version: packs.get(pack).map(|pack| pack.version().to_owned()),
            pack: pack.clone(),
        });
    let Some(replaced) = replaced else {
        return WhatIf {
            replaced: None,
            rulings: Vec::new(),
            deadlines: Vec::new(),
            after: before.clone(),
            before,
        };
    };
    let others = packs.clone().with([other.clone()]);
    let (case, rulings) = again(steps, (&others, calendars), &replaced.pack, other);
    let after = Played::of(case, directory, (&others, calendars), at);
    WhatIf {
        deadlines: deadline_changes(&before.deadlines, &after.deadlines),
        replaced: Some(replaced),
        rulings,
        before,
        after,
    }
}

/// Judges every step again with the other pack.
fn again(
    steps: &[Step<'_>],
    (packs, calendars): (&PolicyPacks, &Calendars),
    replaced: &PackId,
    other: &PolicyPack,
) -> (Option<Case>, Vec<RulingDifference>) {
    let mut case: Option<Case> = None;
    let mut differences = Vec::new();
    for step in steps {
        let event = under(&step.event, replaced, other);
        let rules = rules(step, packs, calendars);
        let ruling = judge(case.as_ref(), &event, &rules).map_err(|refusal| refusal.reason);
        match (&ruling, &mut case) {
            (Ok(()), _) => case = Some(evolve(case.take(), &event, &step.placement, &rules)),
            (Err(_), Some(case)) => case.note_void(&event),
            (Err(_), None) => {}
        }
        if ruling != step.ruling {
            differences.push(RulingDifference {
                event: event.id,
                author: event.author,
                event_type: event.event_type,
                position: step.placement.position,
                before: step.ruling.clone(),
                after: ruling,
            });
        }
    }
    (case, differences)
}

fn rules<'a>(step: &Step<'a>, packs: &'a PolicyPacks, calendars: &'a Calendars) -> Rules<'a> {
    Rules {
        directory: step.directory,
        packs,
        calendars,
    }
}

/// The pack of the case that `other` stands for: the one of its own name, else the protocol for a protocol and the policy for a policy.
fn gives_way<'c>(case: &'c Case, other: &PolicyPack) -> Option<&'c PackId> {
    if let Some(same) = case.packs().find(|pack| *pack == other.id()) {
        return Some(same);
    }
    if other.regime() == Regime::Protocol {
        case.facts.protocol.as_ref()
    } else {
        case.facts.policy.as_ref()
    }
}

/// The event as it would read had the case gone by the other pack from the start: wherever the one is named, the other is.
fn under(event: &Event, replaced: &PackId, other: &PolicyPack) -> Event {
    let mut event = event.clone();
    for value in event.fields.0.values_mut() {
        if matches!(value, Value::Text(named) if named == replaced.as_str()) {
            *value = Value::Text(other.id().as_str().to_owned());
        }
    }
    if let Some(opening) = &mut event.opening
        && opening.packs.remove(replaced).is_some()
    {
        opening
            .packs
            .insert(other.id().clone(), hex::encode(other.hash()));
    }
    event
}

impl Played {
    fn of(
        case: Option<Case>,
        directory: Option<&Directory>,
        (packs, calendars): (&PolicyPacks, &Calendars),
        at: Timestamp,
    ) -> Self {
        let deadlines = case.as_ref().zip(directory).map(|(case, directory)| {
            let rules = Rules {
                directory,
                packs,
                calendars,
            };
            timetable(case, at, &rules).deadlines().to_vec()
        });
        Self {
            case,
            deadlines: deadlines.unwrap_or_default(),
        }
    }
}
