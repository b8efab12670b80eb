//! What an effective event changes. Total: it cannot fail, because only events that [`crate::judge()`] let pass come here.

use crate::case::{Case, Change, Progress, State};
use crate::event::{Event, Placement};
use crate::events::row;
use crate::events::row::Act;
use crate::judge::parse;
use crate::policy::Regime;
use crate::rules::Rules;

/// The case after an effective event. `case` is `None` for the event that opens it.
pub fn evolve(case: Option<Case>, event: &Event, at: &Placement, rules: &Rules<'_>) -> Case {
    let parsed = parse(case.as_ref(), event, rules);
    let before = case.as_ref().map(Case::state);
    let mut case = case.unwrap_or_else(|| Case::open(event));
    let waited = waits_for_strands(&case);
    if let Ok(body) = parsed {
        let mut change = Change {
            case: &mut case,
            event,
            placement: at,
            rules,
        };
        body.apply(&mut change);
        carry_out_signs(&mut change);
        change.follow_packs(before);
        if waited && !waits_for_strands(&case) {
            draft_from_strands(&mut case);
        }
    }
    case.note_who_is_asked(event.occurred_at);
    case.note_effective(event);
    case
}

/// The deadline signs that the row states without a condition.
fn carry_out_signs(change: &mut Change<'_>) {
    for sign in row(change.event.event_type)
        .deadlines
        .iter()
        .filter(|sign| sign.is_plain())
    {
        match sign.act {
            Act::Starts => change.start(sign.deadline),
            Act::Meets => change.meet(sign.deadline),
            Act::Ends => change.end(sign.deadline),
            // A move needs the date that the event names, so its own function has done it.
            Act::Moves => {}
        }
    }
}

/// Whether a body still owes its strand.
fn waits_for_strands(case: &Case) -> bool {
    let mut strands = case.facts.work.strands.values();
    strands.any(|strand| strand.progress == Progress::Open)
}

/// B4: when the last open strand of an English case is in or no longer owed, and one was submitted, drafting begins. A case that is
/// reopened waits for no strand, and stays where it is.
fn draft_from_strands(case: &mut Case) {
    let mut strands = case.facts.work.strands.values();
    let one_in = strands.any(|strand| strand.progress == Progress::Submitted);
    if case.regime() == Regime::Eng && case.state() == State::Investigating && one_in {
        case.facts.state = State::Drafting;
    }
}
