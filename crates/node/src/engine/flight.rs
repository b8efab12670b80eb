//! The own bundle between its signature and its return from the log: one at a time, its bytes never changed (wire.md 3).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_log::Offset;
use concordat_trust::admission::Admitted;
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{CaseLog, Verdict, VoidReason};
use concordat_trust::digest::EventHash;
use concordat_trust::envelope::Class;
use concordat_trust::keyring::CaseKeys;
use rand_core::Rng as _;
use tracing::{info, warn};

use super::{DIRECTORY, Engine};
use crate::courier::{AppendJob, Appended};
use crate::draft::Draft;
use crate::emission::{Ruling, Stage};
use crate::error::Error;
use crate::views::Publishing;

/// How often a draft goes out anew after rulings that say nothing about it. Two races in a row are rare, four are a fault.
const DRAFTED_AGAIN_MAX: u8 = 3;
/// How often a bundle that came back without its parts is appended again. Whoever strips it three times will do so for ever; the
/// parts stay in the journal here.
const REPAIRS_MAX: u8 = 3;

/// The own bundle that was signed and is not yet read back.
pub(super) struct Flight {
    bundle: Bundle,
    state: FlightState,
    /// How often it was appended for its parts alone: it is admitted, but came back without some of them.
    repairs: Option<u8>,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlightState {
    /// To be appended, or appended again.
    Waiting,
    /// With the courier, as this job.
    Sent { job: u64 },
    /// Acknowledged at this offset; to be read back.
    Acknowledged { at: Offset },
    /// No plain acknowledgement: once the reader stands here, look whether it is admitted.
    Unknown { look_at: Offset },
}

impl Flight {
    /// A bundle that was just signed.
    pub(super) fn of(bundle: Bundle) -> Self {
        Self {
            bundle,
            state: FlightState::Waiting,
            repairs: None,
        }
    }
}

/// Drafts whose event went out without its content, by its id.
pub(super) const KEPT_BACK: &str = "kept-back/";

/// Under which name a draft is kept whose event went out without its content.
fn kept_back_name(event: EventId) -> String {
    format!("{KEPT_BACK}{event}")
}

impl Engine {
    /// After a restart: what was signed goes out, and nothing else before it.
    pub(super) fn restore_flight(&mut self) -> Result<(), Error> {
        let Some(record) = self.store.in_flight().get()? else {
            return Ok(());
        };
        let bundle = Bundle::parse(&record)
            .map_err(|_| Error::Corrupt("the bundle in flight does not parse".to_owned()))?;
        let place = &bundle.header().place;
        match self.admission.index_of(&place.organisation, place.seq) {
            None => self.flight = Some(Flight::of(bundle)),
            Some(index) if self.bundle_at(index)?.hash() == bundle.hash() => {
                self.flight = Some(Flight {
                    repairs: Some(0),
                    ..Flight::of(bundle)
                });
            }
            Some(_) => warn!("another bundle stands where the one in flight was signed for"),
        }
        Ok(())
    }

    /// Hands the bundle in flight to the courier, if it is to be appended now.
    pub(super) fn send_flight(&mut self) -> Result<Option<AppendJob>, Error> {
        let Some(flight) = self.flight.as_ref() else {
            return Ok(None);
        };
        if flight.state != FlightState::Waiting {
            return Ok(None);
        }
        let signed_on = flight.bundle.header().place.seen.size;
        if flight.repairs.is_none() && signed_on != self.admission.size() {
            self.keep_back_void_content()?;
        }
        let number = self.rng.next_u64();
        let Some(flight) = self.flight.as_mut() else {
            return Ok(None);
        };
        flight.state = FlightState::Sent { job: number };
        Ok(Some(AppendJob {
            number,
            bytes: Bytes::from(flight.bundle.to_record()),
            message_id: format!("{}-{number:016x}", flight.bundle.hash()),
            expected_last_own: self.last_own,
        }))
    }

    /// A bundle that did not leave before a crash or an outage may be void in part by now. It must go out, as nothing else may be
    /// signed for its place; but content that would do nothing any more is not shown to anyone. It stays here, for a person.
    fn keep_back_void_content(&mut self) -> Result<(), Error> {
        let Some(flight) = &self.flight else {
            return Ok(());
        };
        let mut bundle = flight.bundle.clone();
        let void = self.would_be_void(&bundle)?;
        bundle.drop_content(|envelope| void.contains_key(&envelope.hash()));
        if bundle == flight.bundle {
            return Ok(());
        }
        for envelope in flight.bundle.envelopes() {
            let id = envelope.header().event_id;
            let Some(reason) = void.get(&envelope.hash()) else {
                continue;
            };
            warn!(event = %id, reason = reason.code(), "signed before, void by now: it goes out without its content");
            let draft = self.outbox.of_event(id);
            if let Some((_, draft)) = draft.filter(|_| !reason.is_drafted_again()) {
                self.store
                    .vault()
                    .put(&mut self.batch, &kept_back_name(id), &draft.encode()?)?;
                self.kept_back += 1;
            }
        }
        self.store
            .in_flight()
            .put(&mut self.batch, &bundle.to_record())?;
        self.sync_needed = true;
        if let Some(flight) = &mut self.flight {
            flight.bundle = bundle;
        }
        Ok(())
    }

    /// Which envelopes of a bundle would be void if it were admitted next, and why: what a follower would rule.
    fn would_be_void(&self, bundle: &Bundle) -> Result<BTreeMap<EventHash, VoidReason>, Error> {
        let mut logs: BTreeMap<CaseId, CaseLog> = BTreeMap::new();
        let mut void = BTreeMap::new();
        for (number, envelope) in (0..).zip(bundle.envelopes()) {
            let Some(link) = envelope.header().class.link() else {
                continue;
            };
            let log =
                match logs.entry(link.case) {
                    Entry::Occupied(log) => log.into_mut(),
                    Entry::Vacant(place) => {
                        let known = self.case_log(link.case)?;
                        place.insert(known.map_or_else(
                            || CaseLog::new(link.case),
                            |known| CaseLog::clone(&known),
                        ))
                    }
                };
            let none = CaseKeys::default();
            let keys = self.keys_of(link.case).unwrap_or(&none);
            let position = Position {
                bundle: self.admission.size(),
                envelope: number,
            };
            if let Verdict::Void(reason) = self.apply_to(log, keys, position, bundle).verdict {
                void.insert(envelope.hash(), reason);
            }
        }
        Ok(void)
    }

    /// The draft of an own event that went out without its content.
    pub(super) fn kept_back(&self, event: EventId) -> Result<Option<Draft>, Error> {
        let bytes = self.store.vault().get(&kept_back_name(event))?;
        bytes.map(|bytes| Draft::decode(&bytes)).transpose()
    }

    pub(super) fn restore_kept_back(&mut self) -> Result<(), Error> {
        for kept in self.store.vault().with_prefix(KEPT_BACK) {
            kept?;
            self.kept_back += 1;
        }
        Ok(())
    }

    /// Stage of an event that is a draft still.
    pub(super) fn flight_stage(&self, event: EventId) -> Option<Stage> {
        let flight = self.flight.as_ref()?;
        let inside = flight
            .bundle
            .envelopes()
            .iter()
            .any(|envelope| envelope.header().event_id == event);
        match flight.state {
            FlightState::Acknowledged { .. } if inside => Some(Stage::Committed),
            _ => Some(Stage::Accepted),
        }
    }

    /// An append ended. One whose bundle was read back before its answer came has nothing more to say.
    pub(super) fn appended(&mut self, job: u64, outcome: Appended) -> Result<(), Error> {
        let sent = FlightState::Sent { job };
        let Some(flight) = self.flight.as_mut().filter(|flight| flight.state == sent) else {
            return Ok(());
        };
        match outcome {
            Appended::Acknowledged(offset) => {
                self.last_own = self.last_own.max(offset);
                flight.state = FlightState::Acknowledged { at: offset };
                let events: Vec<EventId> = flight
                    .bundle
                    .envelopes()
                    .iter()
                    .map(|envelope| envelope.header().event_id)
                    .collect();
                events.into_iter().for_each(|event| self.notify(event));
                self.look_for_flight();
                Ok(())
            }
            Appended::Unknown {
                why,
                head,
                last_own,
            } => {
                info!(
                    why,
                    head = head.0,
                    "the bundle in flight is looked for on the log"
                );
                flight.state = FlightState::Unknown { look_at: head };
                let last_own = last_own.map_or(Offset(0), |record| record.offset);
                if last_own < self.last_own {
                    let why = "the log has lost records of this organisation".to_owned();
                    warn!(why, "publishing stops; reading goes on");
                    self.publishing = Publishing::Stopped { why };
                }
                self.last_own = last_own;
                self.look_for_flight();
                Ok(())
            }
            Appended::TooLarge { why } => {
                self.publishing = Publishing::Stopped { why };
                Ok(())
            }
        }
    }

    /// The one treatment of every answer but a plain acknowledgement (wire.md 3): follow to the head, then look.
    pub(super) fn look_for_flight(&mut self) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        let not_there = match flight.state {
            FlightState::Unknown { look_at } => self.cursor >= look_at,
            // What was acknowledged is not what stands there: somebody between this node and the log has changed it.
            FlightState::Acknowledged { at } => self.cursor >= at,
            FlightState::Waiting | FlightState::Sent { .. } => false,
        };
        if not_there {
            // Not admitted though everything was read: the same bytes go again, under a new message id.
            flight.state = FlightState::Waiting;
        }
    }

    /// A bundle was admitted and folded: settles what it brings for this organisation's own events and for those who wait.
    pub(super) fn landed(&mut self, admitted: &Admitted) -> Result<(), Error> {
        let bundle = &admitted.bundle;
        if *bundle.organisation() == self.config.organisation {
            self.own_landed(admitted)?;
        }
        // Every bundle may be the witness that somebody waits for.
        let for_witness = self
            .waiters
            .iter()
            .filter(|(_, waiting)| waiting.iter().any(|one| one.stage == Stage::Witnessed));
        self.after_write
            .extend(for_witness.map(|(event, _)| *event));
        Ok(())
    }

    fn own_landed(&mut self, admitted: &Admitted) -> Result<(), Error> {
        let bundle = &admitted.bundle;
        let ours = self
            .flight
            .take_if(|flight| flight.bundle.hash() == bundle.hash());
        if let Some(flight) = ours {
            self.end_flight(admitted.index(), bundle, flight)?;
        } else if self
            .store
            .meta()
            .high_water()?
            .is_none_or(|mark| mark.seq < bundle.header().place.seq)
        {
            let why = "a bundle of this organisation is on the log that this node did not sign"
                .to_owned();
            warn!(why, "publishing stops: is a second node running?");
            self.second_writer = true;
            self.publishing = Publishing::Stopped { why };
        }
        for (envelope, content) in (0..).zip(bundle.envelopes()) {
            let case = match content.header().class {
                Class::Event(link) => link.case,
                Class::Partnership => DIRECTORY,
                Class::Key(_) => continue,
            };
            let position = Position {
                bundle: admitted.index(),
                envelope,
            };
            let event = content.header().event_id;
            self.settle_draft(event, case, position)?;
            // The answer follows this turn's write, which shows the place.
            self.after_write.insert(event);
        }
        Ok(())
    }

    /// An own event stands on the log: its draft has done its work, unless the ruling says nothing about it.
    fn settle_draft(
        &mut self,
        event: EventId,
        case: CaseId,
        position: Position,
    ) -> Result<(), Error> {
        let ruling = self.ruling(case, position)?.map(|ruled| ruled.ruling);
        let number = self.outbox.of_event(event).map(|(number, _)| number);
        if let Some(number) = number {
            if ruling.as_ref().is_some_and(is_drafted_again) {
                info!(event = %event, "the ruling says nothing about the event: it is drafted again");
                return self.draft_again(number);
            }
            self.remove_draft(number, case);
        }
        self.place_event(event, case, position)
    }

    /// Lets a draft go out once more. What fails again and again is a person's to look at, not the log's to fill up with.
    fn draft_again(&mut self, number: u64) -> Result<(), Error> {
        let Some(draft) = self.outbox.get(number) else {
            return Ok(());
        };
        let draft = draft.clone().again();
        let fails_always = draft.drafted_again > DRAFTED_AGAIN_MAX;
        self.put_draft(number, draft)?;
        if fails_always {
            self.hold(number, "no-key".to_owned())
        } else {
            Ok(())
        }
    }

    /// The own bundle is admitted. If it came back without some of its parts, it goes again for their sake: the record of the log
    /// then gives them to everyone who reads (wire.md 2).
    fn end_flight(&mut self, index: u64, read: &Bundle, flight: Flight) -> Result<(), Error> {
        if !lacks_parts(read, &flight.bundle) {
            self.store.in_flight().clear(&mut self.batch);
            return Ok(());
        }
        warn!(
            index,
            "the own bundle came back without some of its parts: it is appended again"
        );
        self.take_parts(index, &flight.bundle)?;
        self.flight = Some(Flight {
            repairs: Some(0),
            ..Flight::of(flight.bundle)
        });
        Ok(())
    }

    /// A later copy of an admitted bundle was read: ends the repair that it was sent for, or sends it again.
    pub(super) fn copy_read(&mut self, copy: &Bundle) {
        let repair = self
            .flight
            .take_if(|flight| flight.repairs.is_some() && flight.bundle.hash() == copy.hash());
        let Some(flight) = repair else { return };
        let repairs = flight.repairs.unwrap_or_default() + 1;
        let stripped = lacks_parts(copy, &flight.bundle);
        if stripped && repairs < REPAIRS_MAX {
            self.flight = Some(Flight {
                repairs: Some(repairs),
                ..Flight::of(flight.bundle)
            });
            return;
        }
        if stripped {
            warn!(
                "the own bundle comes back without its parts each time: they stay in this node's journal"
            );
        }
        self.store.in_flight().clear(&mut self.batch);
    }
}

/// Whether the first copy of a bundle has not all the parts that the second has.
fn lacks_parts(first: &Bundle, second: &Bundle) -> bool {
    first.clone().take_parts(second) > 0
}

/// Void rulings that say nothing about the event itself.
fn is_drafted_again(ruling: &Ruling) -> bool {
    let neutral = [
        VoidReason::SplitView,
        VoidReason::Unreadable,
        VoidReason::SupersededKey,
    ];
    neutral
        .iter()
        .any(|neutral| ruling.reason() == Some(neutral.code().as_str()))
}
