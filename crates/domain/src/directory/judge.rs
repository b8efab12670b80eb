//! Judging an event of the directory, by the directory alone, and entering it.

use super::{Directory, DirectoryEvent, Standing};
use crate::events::read::Reader;
use crate::events::row::{DirectoryScene, Scope, Who};
use crate::events::{EventBody, EventType, row};
use crate::fields::Fields;
use crate::ids::{OrganisationId, PackId, Position};
use crate::judge::{Reason, Refusal};
use crate::policy::PolicyPacks;

/// Judges an event of the directory at its place. `directory` is what holds before it.
///
/// # Errors
/// The first reason that applies, in the fixed order of the domain brief (B, *Ruling reasons*): `missing-field`, `duplicate-event`,
/// `unregistered-org`, `not-participant` (of a proxy without an arrangement), `not-yours` (what only the partnership may do together, or
/// what is another body's), then the row's own.
pub fn judge_directory(directory: &Directory, event: &DirectoryEvent) -> Result<(), Refusal> {
    if row(event.event_type).scope == Scope::Case {
        return Err(Reason::UnknownCase.into());
    }
    let body = parse(event)?;
    if let Some(field) = body.incomplete_in_directory() {
        return Err(Reason::MissingField(field.to_owned()).into());
    }
    if directory.has_event(event.id_owner(), event.id) {
        return Err(Reason::DuplicateEvent.into());
    }
    check_author(directory, event)?;
    Ok(body.refuse_in_directory(&scene(
        directory,
        event,
        Position {
            bundle: 0,
            envelope: 0,
        },
    ))?)
}

/// Enters an effective event. Total: only events that [`judge_directory`] let pass come here.
pub fn enter_directory(directory: &mut Directory, event: &DirectoryEvent, position: Position) {
    if let Ok(body) = parse(event) {
        *directory = body.enter(&scene(directory, event, position));
    }
    directory.use_up(event.id_owner().cloned(), event.id);
}

/// Whether a node that knows these packs may let its organisation adopt the one named. It is asked at the door and not when the log is
/// judged, where no node may depend on what is in another one's configuration.
///
/// # Errors
/// `missing-field:pack` for one that nobody here knows, or that has a figure which nobody has checked yet.
pub fn adoptable(
    event_type: EventType,
    fields: &Fields,
    packs: &PolicyPacks,
) -> Result<(), Refusal> {
    if event_type != EventType::PolicyAdopted {
        return Ok(());
    }
    let named = fields.text("pack").and_then(|id| id.parse::<PackId>().ok());
    match named.and_then(|id| packs.get(&id)) {
        // A8: a pack with an open figure may be shown, not adopted.
        Some(pack) if pack.is_adoptable() => Ok(()),
        Some(_) | None => Err(Reason::MissingField("pack".to_owned()).into()),
    }
}

fn scene<'a>(
    directory: &'a Directory,
    event: &'a DirectoryEvent,
    position: Position,
) -> DirectoryScene<'a> {
    DirectoryScene {
        directory,
        event,
        position,
    }
}

fn parse(event: &DirectoryEvent) -> Result<EventBody, Reason> {
    let reader = Reader {
        fields: &event.fields,
        filled: &event.filled,
        regime: None,
    };
    Ok(EventBody::parse(event.event_type, &reader)?)
}

fn check_author(directory: &Directory, event: &DirectoryEvent) -> Result<(), Reason> {
    let is_registered = |id: &OrganisationId| directory.organisation(id).is_some();
    if !is_registered(&event.author) || !is_registered(event.actor()) {
        return Err(Reason::UnregisteredOrg);
    }
    if let Some(body) = &event.on_behalf_of
        && directory.proxy_of(body) != Some(&event.author)
    {
        return Err(Reason::NotParticipant);
    }
    let is_stewards = row(event.event_type).who.contains(&Who::Steward);
    match (event.standing, is_stewards) {
        (Standing::Steward, true) | (Standing::Own, false) => Ok(()),
        // Neither may one body do what all decide together, nor all together record something in the name of one.
        (Standing::Own, true) | (Standing::Steward, false) => Err(Reason::NotYours),
    }
}
