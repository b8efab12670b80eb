//! May this event take effect on this case, here? Reads, changes nothing; every refusal is a reason of a closed list.

mod reason;

pub use reason::{Reason, Refusal, advice_on};

use std::collections::BTreeSet;

use crate::case::{Case, Relation};
use crate::directory::Directory;
use crate::event::{Event, EventBody, EventType};
use crate::events::read::Reader;
use crate::events::row::{Act, Row, Scene, Who};
use crate::events::{Need, row};
use crate::ids::{EventId, OrganisationId, PackId};
use crate::policy::Regime;
use crate::rules::Rules;

/// Judges an event at its place. `case` is the fold of what is effective before it, or `None` if the id is no case yet.
///
/// # Errors
/// The first reason that applies, in the fixed order of the domain brief (B, *Ruling reasons*). The same event judged
/// again on the same case gets the same answer, so retrying it unchanged is pointless.
pub fn judge(case: Option<&Case>, event: &Event, rules: &Rules<'_>) -> Result<(), Refusal> {
    let body = parse(case, event, rules)?;
    if let Some(field) = body.incomplete(case) {
        return Err(Reason::MissingField(field.to_owned()).into());
    }
    let row = row(event.event_type);
    check_id(case, &event.author, event.id)?;
    let Some(case) = case else {
        let known = if event.event_type.opens_a_case() {
            Ok(())
        } else {
            Err(Reason::UnknownCase)
        };
        known?;
        check_registered(event, rules.directory)?;
        return Ok(check_proxy(event, rules.directory)?);
    };
    check_registered(event, rules.directory)?;
    check_proxy(event, rules.directory)?;
    check_author(case, event, &row, &body)?;
    if event
        .expected
        .is_some_and(|seen| case.moved_on_since(seen, &event.author))
    {
        return Err(Reason::StaleSequence.into());
    }
    check_consent_is_news(case, event, body.covers())?;
    body.refuse(&Scene { case, event, rules })?;
    let from_here = row.from.iter().any(|from| from.contains(case.state()));
    if from_here && !body.is_misplaced(case) {
        Ok(())
    } else {
        Err(Reason::WrongState.into())
    }
}

/// Judges an envelope by its header alone: what every party rules for an author that is neither party, invitee nor former
/// receiver, before anything is opened. `Ok` means that the event must be opened and judged whole.
///
/// # Errors
/// `duplicate-event`, `unregistered-org` or `not-participant`, as [`judge`] would rule for a complete event.
pub fn judge_unopened(
    case: &Case,
    author: &OrganisationId,
    id: EventId,
    directory: &Directory,
) -> Result<(), Refusal> {
    check_id(Some(case), author, id)?;
    if directory.organisation(author).is_none() {
        return Err(Reason::UnregisteredOrg.into());
    }
    let records_for_a_member = directory.organisations().any(|organisation| {
        organisation.proxy.as_ref() == Some(author)
            && case.relation(&organisation.id) != Relation::Outsider
    });
    if case.relation(author) == Relation::Outsider && !records_for_a_member {
        return Err(Reason::NotParticipant.into());
    }
    Ok(())
}

/// The expected fields that the event lacks, as warnings `incomplete:<field>`; the event counts none the less.
pub fn warnings(event: &Event) -> BTreeSet<String> {
    let expected = row(event.event_type)
        .fields
        .iter()
        .filter(|field| field.need == Need::Expected);
    let absent = expected.filter(|field| {
        event.fields.get(field.name).is_none() && !event.filled.contains(field.name)
    });
    absent
        .map(|field| format!("incomplete:{}", field.name))
        .collect()
}

/// The mandatory fields that the event lacks, in the row's order, so that who filled in a form is told of all of them at once. What is there
/// and not of its type is not among them, nor what only the rules of a policy pack ask for that an opening event does not name.
pub fn missing_fields(case: Option<&Case>, event: &Event, rules: &Rules<'_>) -> Vec<&'static str> {
    let regime = match case {
        Some(case) => Some(case.regime()),
        None => opening_regime(event, rules).ok().flatten(),
    };
    let reader = Reader {
        fields: &event.fields,
        filled: &event.filled,
        regime,
    };
    let lacking = row(event.event_type).fields.iter().filter(|field| {
        reader.needs(field.need)
            && event.fields.get(field.name).is_none()
            && !event.filled.contains(field.name)
    });
    lacking.map(|field| field.name).collect()
}

/// Whether the row lets this organisation publish the event as the case stands, its fields apart.
pub(crate) fn may_publish(case: &Case, org: &OrganisationId, event_type: EventType) -> bool {
    let row = row(event_type);
    let by_it = match case.relation(org) {
        Relation::Outsider => false,
        Relation::FormerReceiver => meets_own(case, org, &row),
        Relation::Party | Relation::Invitee => {
            !lacks_lead(case, &row)
                && row.who.iter().any(|who| match who {
                    Who::Owner => true,
                    Who::Clock => case.keeper() == org,
                    who => holds(*who, case, org),
                })
        }
    };
    by_it && row.from.iter().any(|from| from.contains(case.state()))
}

/// The typed body, with the policy pack that decides its conditional fields.
pub(crate) fn parse(
    case: Option<&Case>,
    event: &Event,
    rules: &Rules<'_>,
) -> Result<EventBody, Reason> {
    let regime = match case {
        Some(case) => Some(case.regime()),
        None => opening_regime(event, rules)?,
    };
    let reader = Reader {
        fields: &event.fields,
        filled: &event.filled,
        regime,
    };
    Ok(EventBody::parse(event.event_type, &reader)?)
}

/// The regime of the policy that an opening event names; a policy of which no pack is known, or whose figures are not all checked,
/// counts as missing.
fn opening_regime(event: &Event, rules: &Rules<'_>) -> Result<Option<Regime>, Reason> {
    if event.event_type != EventType::ComplaintReceived {
        return Ok(None);
    }
    let named = event
        .fields
        .text("policy")
        .and_then(|name| name.parse::<PackId>().ok());
    let missing = |field: &str| Reason::MissingField(field.to_owned());
    // A8: a pack with an open figure may be shown, not adopted.
    let adopted = named
        .and_then(|id| rules.packs.get(&id))
        .filter(|pack| pack.regime() != Regime::Protocol && pack.is_adoptable())
        .ok_or_else(|| missing("policy"))?;
    let protocol = event.fields.text("protocol");
    let protocol = protocol.and_then(|name| rules.packs.get(&name.parse().ok()?));
    if protocol.is_some_and(|pack| !pack.is_adoptable()) {
        return Err(missing("protocol"));
    }
    Ok(Some(adopted.regime()))
}

fn check_id(case: Option<&Case>, author: &OrganisationId, id: EventId) -> Result<(), Reason> {
    match case {
        Some(case) if case.has_event(author, id) => Err(Reason::DuplicateEvent),
        Some(_) | None => Ok(()),
    }
}

fn check_registered(event: &Event, directory: &Directory) -> Result<(), Reason> {
    let registered = [&event.author, event.actor()]
        .iter()
        .all(|org| directory.organisation(org).is_some());
    if registered {
        Ok(())
    } else {
        Err(Reason::UnregisteredOrg)
    }
}

/// A node records for another body only under an arrangement that the directory holds; else anyone could act as anyone.
fn check_proxy(event: &Event, directory: &Directory) -> Result<(), Reason> {
    let Some(body) = &event.on_behalf_of else {
        return Ok(());
    };
    let proxy = directory
        .organisation(body)
        .and_then(|organisation| organisation.proxy.as_ref());
    if proxy == Some(&event.author) {
        Ok(())
    } else {
        Err(Reason::NotParticipant)
    }
}

/// Reasons 6 to 8: is the author in the case, and does the row name it?
fn check_author(case: &Case, event: &Event, row: &Row, body: &EventBody) -> Result<(), Reason> {
    let actor = event.actor();
    match case.relation(actor) {
        Relation::Outsider => return Err(Reason::NotParticipant),
        // It may do what it still owes itself, and nothing else.
        Relation::FormerReceiver => {
            return if meets_own(case, actor, row) {
                Ok(())
            } else {
                Err(Reason::NotParticipant)
            };
        }
        Relation::Party | Relation::Invitee => {}
    }
    if lacks_lead(case, row) {
        return Err(Reason::NoLead);
    }
    let named = row.who.iter().any(|who| match who {
        Who::Owner => body.is_owner(case, actor),
        Who::Clock => case.keeper() == actor && event.lead_epoch == Some(case.lead_epoch()),
        who => holds(*who, case, actor),
    });
    if named {
        Ok(())
    } else {
        Err(why_not(row, case))
    }
}

/// Reason 7: the row asks for a lead where there is none.
fn lacks_lead(case: &Case, row: &Row) -> bool {
    row.who.contains(&Who::Lead) && case.is_joint() && case.lead().is_none()
}

/// Whether the event meets a deadline that runs as this body's own.
fn meets_own(case: &Case, org: &OrganisationId, row: &Row) -> bool {
    let met = row.deadlines.iter().filter(|sign| sign.act == Act::Meets);
    let mut rules = met.map(|sign| sign.deadline.split(':').next().unwrap_or_default());
    rules.any(|met| case.owes_itself(org, |rule| rule == met))
}

fn holds(who: Who, case: &Case, org: &OrganisationId) -> bool {
    match who {
        Who::Any => true,
        Who::Keeper | Who::Lead => case.keeper() == org,
        Who::Party | Who::Records => case.is_party(org),
        Who::Commissioner => case.facts.roles.commissioner.as_ref() == Some(org),
        // Who is not the commissioner, and keeps the case or received it.
        Who::Provider => {
            let roles = &case.facts.roles;
            roles.commissioner.as_ref() != Some(org)
                && (roles.keeper == *org || roles.receiver == *org)
        }
        // Whom the commissioner notified is an invitee too, though it keeps the case from that day on.
        Who::Invitee => case.is_invitee(org) || case.is_notified(org),
        Who::FormerReceiver => case.is_former_receiver(org),
        // The case is open, so nobody opens it any more; what the other two ask depends on the event itself.
        Who::Opener | Who::Owner | Who::Clock => false,
        // What the partnership does together, it does outside cases.
        Who::Steward => false,
    }
}

/// Reason 8: the first role that the row names decides what the others are told.
fn why_not(row: &Row, case: &Case) -> Reason {
    match row.who.first() {
        Some(Who::Keeper | Who::Lead | Who::Clock) if case.lead().is_some() => Reason::NotLead,
        Some(Who::Keeper | Who::Lead | Who::Clock) => Reason::NotKeeper,
        _ => Reason::NotYours,
    }
}

/// Reason 10: a grant must not undo a withdrawal or refusal that its author had not seen.
fn check_consent_is_news(
    case: &Case,
    event: &Event,
    covered: &[OrganisationId],
) -> Result<(), Reason> {
    let restricted = &case.facts.consent.restricted;
    let superseded = covered
        .iter()
        .filter_map(|org| restricted.get(org))
        .any(|moment| moment.is_after(event.basis, &event.author));
    if superseded {
        Err(Reason::ConsentSuperseded)
    } else {
        Ok(())
    }
}
