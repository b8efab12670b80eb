//! The door: shape, idempotency, judging on ruled state and own drafts before it, and the durable draft.

use std::collections::{BTreeSet, VecDeque};

use concordat_domain::case::From;
use concordat_domain::event::{CaseVersion, Event, EventType, Opening, Placement};
use concordat_domain::events::row;
use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_domain::judge::missing_fields;
use concordat_domain::policy::UnknownPack;
use concordat_domain::rules::RULES_VERSION;
use concordat_domain::timetable::{effects, timetable};
use concordat_domain::{Case, Reason, Refusal, calendar, evolve, judge};
use concordat_proto::v1;
use concordat_store::KnownEvent;
use concordat_trust::case_log::{CaseLog, NewCase};
use concordat_trust::envelope::Class;
use rand_core::Rng as _;
use tokio::sync::oneshot;

use concordat_domain::events::Scope;

use super::cases::envelope_of;
use super::directory::scope_of;
use super::{Engine, Waiter};
use crate::draft::{Draft, Surroundings};
use crate::emission::{Emission, EventSince, Meanwhile, Receipt, Ruled, Ruling, Stage};
use crate::error::Error;

/// Answer to an emitter, given when the stage waited for is reached.
pub(crate) type Answer = oneshot::Sender<Result<Receipt, Error>>;

impl Engine {
    /// Takes an event at the door. The answer comes when its stage is reached, or at once if it is refused. Returns whether the same event
    /// had been handed in before.
    pub(crate) fn emit(&mut self, emission: Emission, answer: Answer) -> bool {
        let accepted = self.accept(&emission);
        self.answer(emission, accepted, answer)
    }

    fn answer(
        &mut self,
        emission: Emission,
        accepted: Result<Accepted, Error>,
        answer: Answer,
    ) -> bool {
        match accepted {
            Ok(Accepted::New) => {
                self.sync_needed = true;
                self.after_write.insert(emission.event_id);
                self.wait(&emission, false, answer);
                false
            }
            Ok(Accepted::Before) => {
                // The first receipt may be of this very turn, and promises nothing before that is written.
                self.after_write.insert(emission.event_id);
                self.wait(&emission, true, answer);
                true
            }
            // The emitter may have given up; a refusal changes nothing, so there is nothing to undo.
            Ok(Accepted::Validated(receipt)) => {
                drop(answer.send(Ok(receipt)));
                false
            }
            Ok(Accepted::Kept(receipt)) => {
                self.once_durable(Box::new(move || drop(answer.send(Ok(receipt)))));
                false
            }
            Err(error) => {
                drop(answer.send(Err(error)));
                false
            }
        }
    }

    /// Takes a change of the partnership that several organisations have signed; the answer comes as that of [`Self::emit`].
    pub(crate) fn record_change(
        &mut self,
        emission: Emission,
        record: Vec<u8>,
        answer: Answer,
    ) -> bool {
        let accepted = match self.known_before(&emission) {
            Ok(Some(known)) => Ok(known),
            Ok(None) => self.accept_change(&emission, record),
            Err(error) => Err(error),
        };
        self.answer(emission, accepted, answer)
    }

    pub(super) fn wait(&mut self, emission: &Emission, deduplicated: bool, answer: Answer) {
        let waiter = Waiter {
            stage: emission.wait_for,
            deduplicated,
            answer,
        };
        self.waiters
            .entry(emission.event_id)
            .or_default()
            .push(waiter);
    }

    fn accept(&mut self, emission: &Emission) -> Result<Accepted, Error> {
        concordat_codec::shape::validate(&emission.input).map_err(shape)?;
        if let Some(known) = self.known_before(emission)? {
            return Ok(known);
        }
        match scope_of(&emission.input) {
            Scope::Case => {}
            Scope::Directory => return self.accept_for_directory(emission),
            Scope::Node => return self.accept_own_record(emission),
        }
        let case = emission.case.unwrap_or_else(|| self.fresh_case());
        let draft = self.draft(emission, case)?;
        let state = self.take_ahead(case)?;
        let (event, warnings) = match self.admit_at_door(&draft, emission.case, state.as_ref()) {
            Ok(judged) => judged,
            Err(refused) => {
                self.ahead.extend(state.map(|state| (case, state)));
                return Err(refused);
            }
        };
        let before = state.as_ref().filter(|_| emission.validate_only).cloned();
        let after = self.stepped(state, &draft, &event)?;
        if emission.validate_only {
            let foreseen = self.foreseen(&draft, before.as_ref(), &after)?;
            self.ahead.extend(before.map(|before| (case, before)));
            return Ok(Accepted::Validated(Receipt {
                warnings,
                ..foreseen
            }));
        }
        let number = self.store.drafts().add(&mut self.batch, &draft.encode()?)?;
        self.know_event(emission, case)?;
        self.ahead.insert(case, after);
        self.outbox.put(number, draft);
        Ok(Accepted::New)
    }

    /// What was handed in under this id before; an error if there is no room for more.
    fn known_before(&self, emission: &Emission) -> Result<Option<Accepted>, Error> {
        if self.is_known(emission)?.is_some() {
            return Ok(Some(Accepted::Before));
        }
        self.require_room(1)?;
        Ok(None)
    }

    /// So many more drafts may wait here.
    pub(super) fn require_room(&self, drafts: u64) -> Result<(), Error> {
        let waiting = self.outbox.len();
        if waiting + drafts > self.config.drafts_max {
            return Err(Error::OutboxFull { waiting });
        }
        Ok(())
    }

    /// The case to which the same event was handed in before, if it was. The same event again is the first receipt again, unless a
    /// person has discarded it; other content under its id is refused.
    pub(super) fn is_known(&self, emission: &Emission) -> Result<Option<CaseId>, Error> {
        let Some(known) = self.known_or_drafted(emission.event_id)? else {
            return Ok(None);
        };
        let case = CaseId(known.case);
        let named_alike = emission.case.is_none_or(|named| named == case);
        // Who opens a case does not know its id the first time, and may name it when asking again.
        let digests =
            [None, Some(case)].map(|case| concordat_codec::digest::of_input(case, &emission.input));
        if named_alike && digests.contains(&known.digest) {
            self.receipt(emission.event_id)?;
            return Ok(Some(case));
        }
        let this = concordat_codec::digest::of_input(emission.case, &emission.input);
        Err(Error::EventIdReused {
            event_id: emission.event_id,
            first: hex::encode(known.digest),
            this: hex::encode(this),
        })
    }

    fn known_or_drafted(&self, event: EventId) -> Result<Option<KnownEvent>, Error> {
        if let Some(known) = self.known_event(event)? {
            return Ok(Some(known));
        }
        self.outbox
            .of_event(event)
            .map(|(_, draft)| {
                Ok(KnownEvent {
                    digest: concordat_codec::digest::of_input(Some(draft.case), &draft.input()?),
                    case: draft.case.0,
                    place: None,
                })
            })
            .transpose()
    }

    /// What is known of an own event, what this turn has found out included.
    fn known_event(&self, event: EventId) -> Result<Option<KnownEvent>, Error> {
        match self.placed.get(&event) {
            Some(known) => Ok(Some(*known)),
            None => Ok(self.store.events().get(&event.0)?),
        }
    }

    pub(super) fn fresh_case(&mut self) -> CaseId {
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        CaseId(id)
    }

    pub(super) fn draft(&self, emission: &Emission, case: CaseId) -> Result<Draft, Error> {
        let basis = self.version(case)?;
        Ok(Draft::new(
            (emission.event_id, case),
            &emission.input,
            self.now(),
            (basis, emission.expected),
            emission.traceparent.clone(),
        ))
    }

    /// Version of the case as this organisation counts it, its own drafts included.
    pub(super) fn version(&self, case: CaseId) -> Result<CaseVersion, Error> {
        let organisation = &self.config.organisation;
        let log = self.case_log(case)?;
        let others = log
            .as_deref()
            .and_then(CaseLog::case)
            .map_or(0, |case| case.version_for(organisation));
        let ruled = self
            .admission
            .case_head(organisation, &case)
            .map_or(0, |head| head.seq);
        Ok(CaseVersion {
            others,
            own_seq: ruled + self.outbox.waiting_count_in(case),
        })
    }

    /// Judges a draft on ruled state and own drafts before it; gives the event, and which expected fields it lacks.
    pub(super) fn admit_at_door(
        &self,
        draft: &Draft,
        named: Option<CaseId>,
        state: Option<&Case>,
    ) -> Result<(Event, BTreeSet<String>), Error> {
        // Whoever is out of the case gets no key of it any more; that it has none is not what it has to be told.
        let is_out = state.is_some_and(|case| !self.takes_part(case));
        let log = self.case_log(draft.case)?;
        if !is_out && let Some((_, park)) = log.as_deref().and_then(CaseLog::parked) {
            return Err(Error::Parked {
                case: draft.case,
                why: park.advice().to_owned(),
            });
        }
        let event = self.judged(draft, state)?;
        if state.is_none() && !event.event_type.opens_a_case() {
            return Err(Error::UnknownCase);
        }
        if let (None, Some(case)) = (state, named) {
            if !only_opens(event.event_type) {
                return Err(Error::UnknownCase);
            }
            // It may be another's, of which this node can see nothing: two openings of one id would be two cases.
            return Err(Error::CaseIdChosen { case });
        }
        self.require_not_suspended(&event)?;
        // Every version that was given out counts what had been ruled on by then: none is ahead of what is ruled on now.
        if draft
            .expected
            .is_some_and(|seen| seen.others > draft.basis.others)
        {
            return Err(Error::VersionAhead);
        }
        if let Err(refusal) = judge(state, &event, &self.rules()) {
            return Err(self.refused(&refusal, (draft, &event), state)?);
        }
        let warnings = concordat_domain::judge::warnings(&event);
        Ok((event, warnings))
    }

    /// What the emitter is told of an event that is refused.
    fn refused(
        &self,
        refusal: &Refusal,
        (draft, event): (&Draft, &Event),
        state: Option<&Case>,
    ) -> Result<Error, Error> {
        let also_missing = match &refusal.reason {
            Reason::MissingField(named) => missing_fields(state, event, &self.rules())
                .into_iter()
                .filter(|field| field != named)
                .collect(),
            _ => Box::default(),
        };
        let next = state.map(|case| self.next_event_types(case));
        let is_stale = refusal.reason == Reason::StaleSequence;
        let seen = draft.expected.filter(|_| is_stale);
        let meanwhile = seen.map(|seen| self.meanwhile(draft.case, seen));
        Ok(Error::Refused {
            code: refusal.code(),
            advice: refusal.advice().to_owned(),
            also_missing,
            state: state.map(|case| case.state().code()),
            next_event_types: next
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect(),
            meanwhile: meanwhile.transpose()?.map(Box::new),
        })
    }

    /// What other organisations did in a case since a version of it that this one had in view. The version counts their effective
    /// events, so these are the ones behind that number.
    fn meanwhile(&self, case: CaseId, seen: CaseVersion) -> Result<Meanwhile, Error> {
        let (mut effective, mut events) = (0, VecDeque::new());
        for (position, bundle) in self.envelopes_of(case)? {
            let header = envelope_of(&bundle, position).header();
            let counts = *bundle.organisation() != self.config.organisation
                && matches!(header.class, Class::Event(_))
                && self
                    .ruling(case, position)?
                    .is_some_and(|ruled| ruled.ruling.is_effective());
            if !counts {
                continue;
            }
            effective += 1;
            if effective <= seen.others {
                continue;
            }
            if events.len() == Meanwhile::TOLD_MAX {
                events.pop_front();
            }
            events.push_back(position);
        }
        let events = events.into_iter().map(|position| {
            let view = self.event_at(case, position)?;
            Ok(EventSince {
                event_id: view.event_id,
                author: view.author,
                event_type: view.event_type,
                position,
            })
        });
        Ok(Meanwhile {
            version: self.version(case)?,
            count: effective.saturating_sub(seen.others),
            events: events.collect::<Result<_, Error>>()?,
        })
    }

    /// The case after an event that was judged at the door.
    pub(super) fn stepped(
        &self,
        state: Option<Case>,
        draft: &Draft,
        event: &Event,
    ) -> Result<Case, Error> {
        let concerned = state.as_ref().map_or(1, members);
        let after = self.evolved(state, draft, event);
        if members(&after) > concerned {
            self.require_registered_members(&after)?;
        }
        Ok(after)
    }

    /// An organisation that the directory does not have can neither be told of an invitation nor answer it. No rule voids the event, but
    /// a code that was misspelt is better found at the door than by a deadline, or by a referral that reaches nobody.
    fn require_registered_members(&self, after: &Case) -> Result<(), Error> {
        let directory = self.directory();
        let mut members = after.invitees().into_iter().chain(after.parties());
        if members.all(|organisation| directory.organisation(organisation).is_some()) {
            return Ok(());
        }
        let reason = Reason::UnregisteredOrg;
        Err(Error::Refused {
            code: reason.code(),
            advice: reason.advice().to_owned(),
            also_missing: Box::default(),
            state: Some(after.state().code()),
            next_event_types: Vec::new(),
            meanwhile: None,
        })
    }

    /// Takes the case as it will be when everything that is signed or drafted here has landed. It is kept until the case or its drafts
    /// change, so that a draft costs one step and not all that wait before it: put it back.
    pub(super) fn take_ahead(&mut self, case: CaseId) -> Result<Option<Case>, Error> {
        match self.ahead.remove(&case) {
            Some(ahead) => Ok(Some(ahead)),
            None => self.with_own_drafts_before(case, u64::MAX),
        }
    }

    /// The same up to a draft that may be in the middle, made anew.
    pub(super) fn with_own_drafts_before(
        &self,
        case: CaseId,
        before: u64,
    ) -> Result<Option<Case>, Error> {
        let log = self.case_log(case)?;
        let mut state = log.as_deref().and_then(CaseLog::case).cloned();
        for (_, draft) in self
            .outbox
            .waiting_in(case)
            .take_while(|(number, _)| *number < before)
        {
            let event = self.judged(draft, state.as_ref())?;
            if judge(state.as_ref(), &event, &self.rules()).is_ok() {
                state = Some(self.evolved(state, draft, &event));
            }
        }
        Ok(state)
    }

    /// The case after a draft, wherever that will stand.
    fn evolved(&self, state: Option<Case>, draft: &Draft, event: &Event) -> Case {
        let placement = Placement {
            position: Position {
                bundle: u64::MAX,
                envelope: 0,
            },
            case_seq: draft.basis.own_seq + 1,
        };
        evolve(state, event, &placement, &self.rules())
    }

    pub(super) fn judged(&self, draft: &Draft, state: Option<&Case>) -> Result<Event, Error> {
        let wire = self.wire(draft, state, (0, [0; 32]), None)?;
        draft.judged(&wire, &self.config.organisation, self.now())
    }

    /// The event of a draft as it would be sealed on this state.
    pub(super) fn wire(
        &self,
        draft: &Draft,
        state: Option<&Case>,
        applied: (u64, [u8; 32]),
        new: Option<&NewCase>,
    ) -> Result<v1::Event, Error> {
        let opening = match state {
            Some(_) => None,
            None => Some(self.opening(draft, new)?),
        };
        draft.wire(Surroundings {
            lead_epoch: state.map(Case::lead_epoch),
            applied,
            opening,
        })
    }

    /// What an opening event pins: the packs that it names, as the partnership has them.
    fn opening(&self, draft: &Draft, new: Option<&NewCase>) -> Result<v1::Opening, Error> {
        let input = draft.input()?;
        let extract = input
            .body
            .as_ref()
            .and_then(|body| concordat_codec::fields::extract(body, &input.empty_lists));
        let mut pins = Opening {
            rules_version: RULES_VERSION,
            tz_release: calendar::tz_release().to_owned(),
            ..Opening::default()
        };
        let opener =
            extract.and_then(|extract| Some((extract.event_type.parse().ok()?, extract.fields)));
        if let Some((event_type, fields)) = opener {
            let pinned = self.config.packs.pinned_by(event_type, &fields);
            pins.packs = pinned.map_err(|UnknownPack { field, id }| Error::Refused {
                code: format!("missing-field:{field}"),
                advice: format!(
                    "No policy pack `{id}` is in force in this partnership; name one that is."
                ),
                also_missing: Box::default(),
                state: None,
                next_event_types: Vec::new(),
                meanwhile: None,
            })?;
        }
        let opening = concordat_codec::event::opening_to_wire(&pins);
        Ok(v1::Opening {
            alias_table: new.map(NewCase::alias_table).unwrap_or_default(),
            ..opening
        })
    }

    /// Stage and ruling of an own event, now.
    pub(crate) fn receipt(&self, event: EventId) -> Result<Receipt, Error> {
        if let Some((_, draft)) = self.outbox.of_event(event) {
            return self.receipt_of(draft, self.flight_stage(event));
        }
        let known = self.known_event(event)?.ok_or(Error::UnknownEvent)?;
        let case = CaseId(known.case);
        let Some((bundle, envelope)) = known.place else {
            let kept = self.own_record_receipt(event)?;
            // Neither a draft nor on the log nor kept here alone: a person has given it up.
            return kept.ok_or(Error::Discarded { event_id: event });
        };
        let position = Position { bundle, envelope };
        let witnessed = self.admission.witnessed(bundle);
        let ruled = self.ruling(case, position)?;
        let blank = self.blank_receipt(event, case)?;
        let version = ruled.as_ref().map_or(blank.version, version_with);
        let (ruling, warnings) = ruled.map(|ruled| (ruled.ruling, ruled.warnings)).unzip();
        Ok(Receipt {
            event_id: event,
            case,
            stage: if witnessed {
                Stage::Witnessed
            } else {
                Stage::Ruled
            },
            content_kept_back: ruling.as_ref().is_some_and(|ruling| !ruling.is_effective())
                && self.kept_back(event)?.is_some(),
            ruling,
            warnings: warnings.unwrap_or_default(),
            position: Some(position),
            version,
            ..blank
        })
    }

    /// What a validation answers for an event that would be taken: the case as it would be after it. No id is made up for a new case.
    pub(super) fn foreseen(
        &self,
        draft: &Draft,
        before: Option<&Case>,
        after: &Case,
    ) -> Result<Receipt, Error> {
        let (at, rules) = (self.now(), self.rules());
        let owed = |case: &Case| timetable(case, at, &rules).deadlines().to_vec();
        let before_it = before.map(owed).unwrap_or_default();
        let next_events = after.next_events(&rules);
        Ok(Receipt {
            case: before.map_or(super::DIRECTORY, |_| draft.case),
            ruling: Some(Ruling::Effective),
            next_event_types: self.own_types(&next_events),
            state: Some(after.state().to_string()),
            next_events,
            deadline_effects: effects(&before_it, &owed(after)),
            ..self.receipt_of(draft, None)?
        })
    }

    pub(super) fn receipt_of(&self, draft: &Draft, stage: Option<Stage>) -> Result<Receipt, Error> {
        let blank = self.blank_receipt(draft.event_id, draft.case)?;
        let version = match draft.case {
            super::DIRECTORY => blank.version,
            _ => draft.version(),
        };
        let blank = Receipt { version, ..blank };
        Ok(match &draft.held {
            Some(reason) => Receipt {
                stage: Stage::Held,
                ruling: Some(Ruling::Void {
                    reason: reason.clone(),
                }),
                ..blank
            },
            None => Receipt {
                stage: stage.unwrap_or(Stage::Accepted),
                ..blank
            },
        })
    }

    pub(super) fn blank_receipt(&self, event_id: EventId, case: CaseId) -> Result<Receipt, Error> {
        let log = self.case_log(case)?;
        let state = log.as_deref().and_then(CaseLog::case);
        let next_events = state.map(|case| case.next_events(&self.rules()));
        let next_events = next_events.unwrap_or_default();
        Ok(Receipt {
            event_id,
            case,
            stage: Stage::Accepted,
            ruling: None,
            warnings: BTreeSet::new(),
            content_kept_back: false,
            position: None,
            // What is tied to no case changes none.
            version: match case {
                super::DIRECTORY => CaseVersion::default(),
                _ => self.version(case)?,
            },
            deduplicated: false,
            log_reachable: self.reachable,
            next_event_types: self.own_types(&next_events),
            state: state.map(|case| case.state().to_string()),
            next_events,
            deadline_effects: Vec::new(),
        })
    }

    /// Answers those who wait for a stage that the event has reached.
    pub(super) fn notify(&mut self, event: EventId) {
        let Some(waiting) = self.waiters.remove(&event) else {
            return;
        };
        let Ok(receipt) = self.receipt(event) else {
            return;
        };
        let (done, still): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .filter(|waiter| !waiter.answer.is_closed())
            .partition(|waiter| receipt.stage >= waiter.stage || receipt.stage == Stage::Held);
        for waiter in done {
            let receipt = Receipt {
                deduplicated: waiter.deduplicated,
                ..receipt.clone()
            };
            // Gone since: the event stands all the same, and the emitter asks again under its id.
            let _ = waiter.answer.send(Ok(receipt));
        }
        if !still.is_empty() {
            self.waiters.insert(event, still);
        }
    }
}

/// Version of a case with an own event that was ruled on and what its emitter could know.
fn version_with(ruled: &Ruled) -> CaseVersion {
    CaseVersion {
        own_seq: ruled.version_after.own_seq,
        ..ruled.basis.unwrap_or(ruled.version_after)
    }
}

/// Organisations that take part in a case, or are wanted in it.
pub(super) fn members(case: &Case) -> usize {
    case.invitees().len() + case.parties().len()
}

/// What the door made of an event that it did not refuse.
pub(super) enum Accepted {
    /// A draft.
    New,
    /// The same was handed in before.
    Before,
    /// It would be taken.
    Validated(Receipt),
    /// Done, once it is durable: it never leaves this node.
    Kept(Receipt),
}

/// Whether an event of this type can be nothing but the first of its case.
fn only_opens(event_type: EventType) -> bool {
    row(event_type).from == [From::New]
}

pub(super) fn shape(error: concordat_codec::Error) -> Error {
    match error {
        concordat_codec::Error::Invalid(violations) => Error::Shape(violations),
        other => Error::Rules(other.to_string()),
    }
}
