//! What is tied to no case: events of the directory and other changes of the partnership on their way to the log and back, and what an
//! organisation records for itself alone.

use concordat_codec::event::{NodeFacts, directory_from_input, from_input, to_directory};
use concordat_domain::Rules;
use concordat_domain::directory::{
    BodyDeadline, Directory, DirectoryEvent, adoptable, body_deadlines, enter_directory,
    judge_directory,
};
use concordat_domain::event::{CaseVersion, EventType};
use concordat_domain::events::{Scope, row};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::judge::advice_on;
use concordat_proto::v1;
use concordat_store::KnownEvent;
use concordat_trust::admission::{
    Admitted, Change, ChangeRuling, ChangeVoid, UnsignedChange, event_in,
};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::VoidReason;
use concordat_trust::envelope::{Class, Envelope, ReadyPart};
use jiff::Timestamp;
use prost::Message as _;
use tracing::{info, warn};

use super::Engine;
use super::cases::envelope_of;
use super::emit::Accepted;
use super::load::Load;
use crate::draft::Draft;
use crate::emission::{Emission, Receipt, Ruled, Ruling, Stage};
use crate::error::Error;
use crate::views::{EventView, OwnRecord};

/// Stands for the id of a case where there is none: drafts and rulings of the directory are kept under it. No case has it, since ids are
/// drawn at random and no emitter can choose one.
pub const DIRECTORY: CaseId = CaseId([0; 16]);

/// Names of own records in the vault begin so; then come the instant, so that they are in order, and the event id.
pub(super) const OWN_RECORD: &str = "own-record/";

/// What an event is tied to, by the body that is set.
pub(super) fn scope_of(input: &v1::EventInput) -> Scope {
    event_type_of(input).map_or(Scope::Case, |event_type| row(event_type).scope)
}

fn event_type_of(input: &v1::EventInput) -> Option<EventType> {
    let body = input.body.as_ref()?;
    concordat_codec::kinds::event_type(body)?.parse().ok()
}

fn refused(code: String, advice: Option<&str>) -> Error {
    let advice = advice.or_else(|| advice_on(&code));
    Error::Refused {
        advice: advice.unwrap_or_default().to_owned(),
        code,
        also_missing: Box::default(),
        state: None,
        next_event_types: Vec::new(),
        meanwhile: None,
    }
}

impl Engine {
    /// All that judging may read besides a case, as it holds at the end of the log.
    pub(super) fn rules(&self) -> Rules<'_> {
        self.rules_under(self.admission.history().latest())
    }

    /// The same as it holds for the envelopes of a bundle.
    pub(super) fn rules_at(&self, bundle: u64) -> Rules<'_> {
        self.rules_under(self.admission.judging_directory(bundle))
    }

    fn rules_under<'e>(&'e self, directory: &'e Directory) -> Rules<'e> {
        Rules {
            directory,
            packs: &self.config.packs,
            calendars: &self.config.calendars,
        }
    }

    /// The directory in force.
    pub(crate) fn directory(&self) -> &Directory {
        self.admission.history().latest()
    }

    /// Whether this organisation acts for a body: it is that body, or records for it.
    pub(super) fn acts_for(&self, body: &OrganisationId) -> bool {
        let own = &self.config.organisation;
        body == own || self.directory().proxy_of(body) == Some(own)
    }

    /// Takes an event of the directory at the door.
    pub(super) fn accept_for_directory(&mut self, emission: &Emission) -> Result<Accepted, Error> {
        if let Some(case) = emission.case {
            return Err(Error::CaseIdChosen { case });
        }
        let draft = self.directory_draft(emission, None);
        let event = self.directory_event(&draft)?;
        adoptable(event.event_type, &event.fields, &self.config.packs)
            .and_then(|()| judge_directory(&self.directory_ahead(), &event))
            .map_err(|refusal| refused(refusal.code(), Some(refusal.advice())))?;
        self.keep_directory_draft(emission, draft)
    }

    /// Takes a change that several organisations have signed.
    pub(super) fn accept_change(
        &mut self,
        emission: &Emission,
        record: Vec<u8>,
    ) -> Result<Accepted, Error> {
        if emission.input.body.is_some() {
            concordat_codec::shape::validate(&emission.input).map_err(super::emit::shape)?;
        }
        let place = (&self.config.organisation, self.now());
        self.admission
            .rule_on_part(&record, emission.event_id, place)
            .map_err(|void| match void {
                ChangeVoid::Refused(code) => refused(code, None),
                other => Error::Change(other.to_string()),
            })?;
        let draft = self.directory_draft(emission, Some(record));
        self.keep_directory_draft(emission, draft)
    }

    fn directory_draft(&self, emission: &Emission, record: Option<Vec<u8>>) -> Draft {
        let draft = Draft::new(
            (emission.event_id, DIRECTORY),
            &emission.input,
            self.now(),
            (CaseVersion::default(), None),
            None,
        );
        match record {
            Some(record) => draft.carrying(record),
            None => draft,
        }
    }

    fn keep_directory_draft(
        &mut self,
        emission: &Emission,
        draft: Draft,
    ) -> Result<Accepted, Error> {
        if emission.validate_only {
            return Ok(Accepted::Validated(Receipt {
                ruling: Some(Ruling::Effective),
                ..self.receipt_of(&draft, None)?
            }));
        }
        let number = self.store.drafts().add(&mut self.batch, &draft.encode()?)?;
        self.know_event(emission, DIRECTORY)?;
        self.outbox.put(number, draft);
        Ok(Accepted::New)
    }

    /// Remembers under which id what was handed in, for life.
    pub(super) fn know_event(&mut self, emission: &Emission, case: CaseId) -> Result<(), Error> {
        let known = KnownEvent {
            digest: concordat_codec::digest::of_input(emission.case, &emission.input),
            case: case.0,
            place: None,
        };
        let events = self.store.events();
        Ok(events.put(&mut self.batch, emission.event_id.0, known)?)
    }

    /// The directory as it will be when the own drafts before have landed.
    fn directory_ahead(&self) -> Directory {
        let mut directory = self.directory().clone();
        for (_, draft) in self.outbox.waiting_in(DIRECTORY) {
            let Ok(event) = self.directory_event(draft) else {
                continue;
            };
            if judge_directory(&directory, &event).is_ok() {
                let position = Position {
                    bundle: self.admission.size(),
                    envelope: 0,
                };
                enter_directory(&mut directory, &event, position);
            }
        }
        directory
    }

    fn directory_event(&self, draft: &Draft) -> Result<DirectoryEvent, Error> {
        let place = (draft.event_id, self.config.organisation.clone(), self.now());
        to_directory(&self.directory_wire(draft)?, place)
            .map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// The event of a draft as everybody on the log will read it: it is tied to no case, so it names no version of one; and what only
    /// the own organisation needs to know of it stays here with the draft.
    pub(super) fn directory_wire(&self, draft: &Draft) -> Result<v1::Event, Error> {
        if let Some((_, event)) = draft.record().and_then(event_in) {
            return Ok(event);
        }
        directory_from_input(&draft.input()?, draft.accepted_at)
            .map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// Puts the first draft of the directory into the load: at most one change counts in a bundle.
    pub(super) fn load_directory(&mut self, load: &mut Load) -> Result<(), Error> {
        let waiting = self.outbox.waiting_in(DIRECTORY).next();
        let Some((number, draft)) = waiting.map(|(number, draft)| (number, draft.clone())) else {
            return Ok(());
        };
        let part = match draft.record() {
            Some(record) => record.to_vec(),
            None => {
                let event = self.directory_wire(&draft)?;
                UnsignedChange::of_event(self.admission.partnership(), draft.event_id, &event)
                    .with_signatures([])
            }
        };
        let place = (&self.config.organisation, self.now());
        if let Err(void) = self.admission.rule_on_part(&part, draft.event_id, place) {
            return self.hold(number, void.code());
        }
        let envelope = Envelope::assemble(
            draft.event_id,
            Class::Partnership,
            vec![ReadyPart::clear(part)],
        )
        .map_err(|error| Error::Corrupt(error.to_string()))?;
        let alone = load.is_empty();
        if !load.take(vec![envelope]) && alone {
            return self.hold(number, "too-large".to_owned());
        }
        Ok(())
    }

    /// What the PARTNERSHIP envelopes of a bundle came to.
    pub(super) fn note_changes(&mut self, admitted: &Admitted) -> Result<(), Error> {
        let bundle = &admitted.bundle;
        let index = admitted.index();
        if !admitted.seen_holds() {
            for (envelope, content) in (0..).zip(bundle.envelopes()) {
                if content.header().class == Class::Partnership {
                    let reason = VoidReason::SplitView.code();
                    self.note_change((index, envelope), bundle, Ruling::Void { reason })?;
                }
            }
            return Ok(());
        }
        let mut moves_dates = false;
        for ChangeRuling { envelope, ruling } in &admitted.delta.changes {
            let ruled = match ruling {
                Ok(change) => {
                    info!(position = %Position { bundle: index, envelope: *envelope }, "the partnership has changed");
                    moves_dates |= may_move_dates(change);
                    Ruling::Effective
                }
                Err(void) => Ruling::Void {
                    reason: void.code(),
                },
            };
            self.note_change((index, *envelope), bundle, ruled)?;
        }
        if admitted
            .delta
            .changes
            .iter()
            .any(|change| change.ruling.is_ok())
        {
            // Drafts were judged on the directory before.
            self.ahead.clear();
        }
        if moves_dates {
            self.look_at_all_again();
        }
        Ok(())
    }

    fn note_change(
        &mut self,
        (bundle_index, envelope): (u64, u32),
        bundle: &Bundle,
        ruling: Ruling,
    ) -> Result<(), Error> {
        let position = Position {
            bundle: bundle_index,
            envelope,
        };
        if let Ruling::Void { reason } = &ruling {
            warn!(position = %position, reason, "a change of the partnership has no effect");
        }
        self.record_ruling(DIRECTORY, position, bundle, Some(ruled(ruling)))
    }

    /// Keeps what an organisation records for itself alone. It is done when it is durable here.
    pub(super) fn accept_own_record(&mut self, emission: &Emission) -> Result<Accepted, Error> {
        if let Some(case) = emission.case {
            return Err(Error::CaseIdChosen { case });
        }
        let draft = self.directory_draft(emission, None);
        let facts = NodeFacts {
            recorded_at: draft.accepted_at,
            ..NodeFacts::default()
        };
        let wire = from_input(&emission.input, facts)
            .map_err(|error| Error::Corrupt(error.to_string()))?;
        let place = (
            emission.event_id,
            self.config.organisation.clone(),
            self.now(),
        );
        let event =
            to_directory(&wire, place).map_err(|error| Error::Corrupt(error.to_string()))?;
        judge_directory(self.directory(), &event)
            .map_err(|refusal| refused(refusal.code(), Some(refusal.advice())))?;
        let receipt = Receipt {
            stage: Stage::Ruled,
            ruling: Some(Ruling::Effective),
            ..self.receipt_of(&draft, None)?
        };
        if emission.validate_only {
            return Ok(Accepted::Validated(receipt));
        }
        let at = event.recorded_at.as_nanosecond();
        let name = format!("{OWN_RECORD}{at:032}/{}", emission.event_id);
        self.store
            .vault()
            .put(&mut self.batch, &name, &wire.encode_to_vec())?;
        self.know_event(emission, DIRECTORY)?;
        Ok(Accepted::Kept(receipt))
    }

    /// The receipt of what an organisation recorded for itself alone, if that is what stands under the id.
    pub(super) fn own_record_receipt(&self, event: EventId) -> Result<Option<Receipt>, Error> {
        for kept in self.store.vault().with_prefix(OWN_RECORD) {
            let (name, _) = kept?;
            if name.ends_with(&format!("/{event}")) {
                return Ok(Some(Receipt {
                    stage: Stage::Ruled,
                    ruling: Some(Ruling::Effective),
                    ..self.blank_receipt(event, DIRECTORY)?
                }));
            }
        }
        Ok(None)
    }

    /// What this organisation recorded for itself alone, in the order in which it was recorded.
    pub(crate) fn own_records(&self) -> Result<Vec<OwnRecord>, Error> {
        let corrupt = || Error::Corrupt("an own record does not decode".to_owned());
        let mut records = Vec::new();
        for kept in self.store.vault().with_prefix(OWN_RECORD) {
            let (name, bytes) = kept?;
            let id = name.rsplit('/').next().and_then(|id| id.parse().ok());
            let event = v1::Event::decode(bytes.as_slice()).map_err(|_| corrupt())?;
            records.push(OwnRecord {
                event_id: id.ok_or_else(corrupt)?,
                event,
            });
        }
        Ok(records)
    }

    /// One of these, as an event.
    pub(super) fn own_record(&self, event: EventId) -> Result<Option<EventView>, Error> {
        let records = self.own_records()?;
        let found = records.into_iter().find(|record| record.event_id == event);
        Ok(found.map(|record| {
            let author = self.config.organisation.clone();
            view_of(event, author, None, Stage::Ruled, Some(record.event))
        }))
    }

    /// A draft of the directory, as an event.
    pub(super) fn directory_draft_view(
        &self,
        draft: &Draft,
        receipt: Receipt,
    ) -> Result<EventView, Error> {
        let author = self.config.organisation.clone();
        let event = self.directory_wire(draft)?;
        Ok(EventView {
            ruled: receipt.ruling.map(ruled),
            ..view_of(draft.event_id, author, None, receipt.stage, Some(event))
        })
    }

    /// The effective events of the directory, in log order.
    pub(crate) fn directory_events(&self) -> Result<Vec<EventView>, Error> {
        let places: Vec<Position> = self
            .admission
            .history()
            .events()
            .map(|(position, _)| position)
            .collect();
        let views = places
            .into_iter()
            .map(|position| self.directory_view(position, &self.bundle_at(position.bundle)?));
        views.collect()
    }

    /// One event of the directory that stands on the log.
    pub(super) fn directory_view(
        &self,
        position: Position,
        bundle: &Bundle,
    ) -> Result<EventView, Error> {
        let envelope = envelope_of(bundle, position);
        let event = event_in(envelope.part_zero()).map(|(_, event)| event);
        let stage = if self.admission.witnessed(position.bundle) {
            Stage::Witnessed
        } else {
            Stage::Ruled
        };
        let id = envelope.header().event_id;
        Ok(EventView {
            ruled: self.ruling(DIRECTORY, position)?,
            ..view_of(
                id,
                bundle.organisation().clone(),
                Some(position),
                stage,
                event,
            )
        })
    }

    /// What a body owes outside cases; all bodies, if none is named.
    pub(crate) fn body_deadlines(
        &self,
        organisation: Option<&OrganisationId>,
        at: Option<Timestamp>,
    ) -> Vec<BodyDeadline> {
        let at = at.unwrap_or_else(|| self.now());
        let directory = self.directory();
        let all = directory.organisations().map(|entry| &entry.id);
        let asked = all.filter(|id| organisation.is_none_or(|wanted| wanted == *id));
        asked
            .flat_map(|id| body_deadlines(directory, id, at))
            .collect()
    }
}

/// A ruling on what is tied to no case.
fn ruled(ruling: Ruling) -> Ruled {
    Ruled {
        ruling,
        state_after: None,
        version_after: CaseVersion::default(),
        basis: None,
        warnings: Default::default(),
    }
}

/// An event that is tied to no case. All of it can be read by whoever has it.
fn view_of(
    event_id: EventId,
    author: OrganisationId,
    position: Option<Position>,
    stage: Stage,
    event: Option<v1::Event>,
) -> EventView {
    let read = event.as_ref();
    let body = read.and_then(|event| event.body.as_ref());
    let event_type = body.and_then(concordat_codec::kinds::event_type);
    EventView {
        event_id,
        author,
        event_type: event_type.and_then(|name| name.parse().ok()),
        case: DIRECTORY,
        occurred_at: read
            .and_then(|event| event.occurred_at.as_ref())
            .and_then(concordat_codec::time::from_wire),
        recorded_at: read
            .and_then(|event| event.recorded_at.as_ref())
            .and_then(concordat_codec::time::from_wire),
        position,
        stage,
        ruled: None,
        event,
        withheld: Vec::new(),
        erased: Vec::new(),
    }
}

/// Whether due dates of cases may be others after this change.
fn may_move_dates(change: &Change) -> bool {
    match change {
        Change::Directory(_) | Change::Calendar { .. } => true,
        Change::Event { event, .. } => matches!(
            event.event_type,
            EventType::CalendarPublished
                | EventType::ClosureDaysAdded
                | EventType::OrganisationUpdated
        ),
        Change::Generation { .. } => false,
    }
}
