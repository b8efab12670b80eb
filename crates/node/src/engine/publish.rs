//! The way out: judge again, seal, chain, bundle, sign, append; one bundle in flight (wire.md 3).

use std::collections::BTreeSet;

use bytes::Bytes;
use concordat_codec::parts;
use concordat_domain::event::Placement;
use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_domain::{Case, calendar, evolve, judge};
use concordat_log::Offset;
use concordat_proto::v1;
use concordat_store::HighWater;
use concordat_trust::admission::Admitted;
use concordat_trust::bundle::{Bundle, ENVELOPES_MAX, Place, fitting};
use concordat_trust::case_log::{Author, CaseLog, NewCase};
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::BundleHash;
use concordat_trust::envelope::{Class, Envelope};
use concordat_trust::key_record::KeyVersionReason;
use concordat_trust::keyring::CaseKeys;
use prost::Message as _;
use rand_core::Rng as _;
use tracing::{info, warn};

use super::Engine;
use super::follow::inconsistent;
use crate::courier::{AppendJob, Appended};
use crate::draft::Draft;
use crate::emission::Stage;
use crate::error::Error;
use crate::views::Publishing;

/// How often a draft goes out anew after rulings that say nothing about it. Two races in a row are rare, four are a fault.
const DRAFTED_AGAIN_MAX: u8 = 3;

/// The own bundle that was signed and is not yet read back.
pub(super) struct Flight {
    pub(super) bundle: Bundle,
    pub(super) state: FlightState,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlightState {
    /// To be appended, or appended again.
    Waiting,
    /// With the courier.
    Sent,
    /// Acknowledged; to be read back.
    Acknowledged,
    /// No plain acknowledgement: once the reader stands here, look whether it is admitted.
    Unknown { look_at: Offset },
}

/// Envelopes of one bundle as they are put together.
#[derive(Default)]
struct Load {
    envelopes: Vec<Envelope>,
    keys: BTreeSet<CaseId>,
}

impl Engine {
    /// Puts the next bundle in flight, if there is something to say and nothing in flight.
    pub(super) fn publish(&mut self) -> Result<Option<AppendJob>, Error> {
        if !self.may_publish() {
            return Ok(None);
        }
        if self.flight.is_none() {
            let load = self.load()?;
            if load.envelopes.is_empty() && !self.head_is_due() {
                return Ok(None);
            }
            self.sign(load)?;
        }
        let number = self.rng.next_u64();
        let Some(flight) = &mut self.flight else {
            return Ok(None);
        };
        if flight.state != FlightState::Waiting {
            return Ok(None);
        }
        flight.state = FlightState::Sent;
        Ok(Some(AppendJob {
            bytes: Bytes::from(flight.bundle.to_record()),
            message_id: format!("{}-{number:016x}", flight.bundle.hash()),
            expected_last_own: self.last_own,
        }))
    }

    /// Whether this node stands at the head of the log, and nothing keeps it from adding to it.
    pub(super) fn may_publish(&self) -> bool {
        self.caught_up() && self.publishing == Publishing::Running && !self.upgrade_needed
    }

    fn load(&mut self) -> Result<Load, Error> {
        let mut load = Load::default();
        let mut cases: Vec<CaseId> = Vec::new();
        let with_drafts = self
            .drafts
            .values()
            .filter(|draft| draft.held.is_none())
            .chain(&self.derived);
        for case in with_drafts.map(|draft| draft.case) {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        for case in self.cases_with_duties() {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        for case in cases {
            self.load_case(case, &mut load)?;
            if load.envelopes.len() >= ENVELOPES_MAX {
                break;
            }
        }
        self.derived.clear();
        let fits = fitting(&load.envelopes).min(ENVELOPES_MAX);
        load.envelopes.truncate(fits);
        Ok(load)
    }

    fn load_case(&mut self, case: CaseId, load: &mut Load) -> Result<(), Error> {
        if self
            .cases
            .get(&case)
            .is_some_and(|log| log.parked().is_some())
        {
            return Ok(());
        }
        let partnership = *self.admission.partnership();
        let organisation = self.config.organisation.clone();
        let log = self.cases.get(&case).cloned();
        let new = if log.is_none() && self.has_draft_for(case) {
            Some(self.new_case(case)?)
        } else {
            None
        };
        let head = self.admission.case_head(&organisation, &case);
        let empty = CaseLog::new(case);
        let mut author = match &new {
            Some(new) => Author::of_new_case(&partnership, &organisation, new),
            None => {
                let none = CaseKeys::default();
                let keys = self.keyring.case(&case).unwrap_or(&none);
                Author::of_case(
                    &partnership,
                    &organisation,
                    log.as_ref().unwrap_or(&empty),
                    keys,
                    head,
                )
            }
        };
        let mut state = log.as_ref().and_then(CaseLog::case).cloned();
        let mut envelopes = Vec::new();
        let drafts: Vec<(Option<u64>, Draft)> = self
            .drafts
            .iter()
            .map(|(number, draft)| (Some(*number), draft.clone()))
            .chain(self.derived.iter().map(|draft| (None, draft.clone())))
            .filter(|(_, draft)| draft.case == case && draft.held.is_none())
            .collect();
        for (number, draft) in drafts {
            let (applied_count, applied_hash) = author.applied();
            let wire = self.wire(
                &draft,
                state.as_ref(),
                (applied_count, applied_hash.0),
                new.as_ref(),
            )?;
            let wire = self.without_unsealable(&draft, wire, log.as_ref())?;
            let event = draft.judged(&wire, &organisation, self.now())?;
            if let Err(refusal) = judge(state.as_ref(), &event, &self.config.rules()) {
                if let Some(number) = number {
                    self.hold(number, refusal.code())?;
                }
                continue;
            }
            let case_seq = author.head().map_or(0, |head| head.seq) + 1;
            let placement = Placement {
                position: Position {
                    bundle: self.admission.size(),
                    envelope: 0,
                },
                case_seq,
            };
            let after = evolve(state.clone(), &event, &placement, &self.config.rules());
            let narrowed = self.narrowed(log.as_ref(), &after);
            for compartment in narrowed.into_iter().chain(author.needs_versions(&wire)) {
                let held = author.needs_versions(&wire).contains(&compartment);
                let reason = if held {
                    KeyVersionReason::Renewal
                } else {
                    KeyVersionReason::ConsentWithdrawn
                };
                let id = self.fresh_id();
                match author.renew(id, compartment, reason, None, &mut self.rng) {
                    Ok(envelope) => envelopes.push(envelope),
                    Err(unsealable) => {
                        warn!(case = %case, %unsealable, "a key version cannot be made")
                    }
                }
            }
            match author.event(draft.event_id, &wire, &mut self.rng) {
                Ok(envelope) => {
                    let adding = author.reference(&envelope);
                    envelopes.push(envelope);
                    if let Some(invited) = added(state.as_ref(), &after) {
                        let id = self.fresh_id();
                        envelopes.push(author.invite(id, invited, adding).map_err(unsealable)?);
                    }
                    state = Some(after);
                }
                Err(unsealable) => {
                    warn!(case = %case, %unsealable, "a draft cannot be sealed");
                    if let Some(number) = number {
                        self.hold(number, "no-key".to_owned())?;
                    }
                }
            }
        }
        envelopes.extend(self.key_duties(case, log.as_ref(), &mut author)?);
        if let Some(new) = &new {
            new.keep(self.keyring.case_mut(case))
                .map_err(inconsistent)?;
        }
        author
            .keep(self.keyring.case_mut(case))
            .map_err(inconsistent)?;
        load.keys.insert(case);
        load.envelopes.extend(envelopes);
        Ok(())
    }

    fn has_draft_for(&self, case: CaseId) -> bool {
        self.drafts
            .values()
            .any(|draft| draft.case == case && draft.held.is_none())
    }

    fn new_case(&mut self, case: CaseId) -> Result<NewCase, Error> {
        Ok(NewCase::with_id(case, &mut self.rng))
    }

    /// Content lines whose newest version is held by someone who loses access by the events of this bundle: the recorder makes new
    /// versions of those it holds, first in the same bundle.
    fn narrowed(&self, log: Option<&CaseLog>, after: &Case) -> Vec<Compartment> {
        let Some(log) = log else { return Vec::new() };
        let Some(before) = log.case() else {
            return Vec::new();
        };
        let lost = |organisation: &concordat_domain::ids::OrganisationId| {
            let had = before.is_party(organisation) && before.consent_covers(organisation);
            let has = after.is_party(organisation) && after.consent_covers(organisation);
            had && !has && *organisation != self.config.organisation
        };
        let lines = log
            .keys()
            .lines
            .values()
            .filter(|line| line.compartment() != Compartment::Process);
        let lines = lines.filter(|line| {
            line.newest().is_some_and(|(_, version)| {
                version.holders.contains(&self.config.organisation)
                    && version.holders.iter().any(lost)
            })
        });
        lines.map(|line| line.compartment()).collect()
    }

    /// Lets a draft go out once more. What fails again and again is a person's to look at, not the log's to fill up with.
    fn draft_again(&mut self, number: u64) -> Result<(), Error> {
        let Some(draft) = self.drafts.get_mut(&number) else {
            return Ok(());
        };
        draft.drafted_again += 1;
        let draft = draft.clone();
        self.keep_draft(number, &draft)?;
        if draft.drafted_again > DRAFTED_AGAIN_MAX {
            self.hold(number, "no-key".to_owned())
        } else {
            Ok(())
        }
    }

    /// The event without the content that this organisation may seal for nobody, such as that of a former receiver. It stays in the
    /// own store, so that nothing handed in is lost.
    fn without_unsealable(
        &mut self,
        draft: &Draft,
        wire: v1::Event,
        log: Option<&CaseLog>,
    ) -> Result<v1::Event, Error> {
        let Some(log) = log else { return Ok(wire) };
        let on = calendar::local_date(self.now());
        let permitted = |part: &parts::Part| {
            Compartment::try_from(part.compartment)
                .is_ok_and(|compartment| log.may_hold(&self.config.organisation, compartment, on))
        };
        let (sealable, kept): (Vec<_>, Vec<_>) =
            parts::split(&wire).into_iter().partition(permitted);
        if kept.is_empty() {
            return Ok(wire);
        }
        info!(event = %draft.event_id, case = %draft.case, "content that may be shared with nobody stays in this node's store");
        self.store.vault().put(
            &mut self.batch,
            &format!("unshared/{}", draft.event_id),
            &wire.encode_to_vec(),
        )?;
        let sealable = sealable
            .iter()
            .map(|part| (part.compartment, part.bytes.as_slice()));
        parts::merge(sealable).map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// Keeps a draft aside for a person.
    fn hold(&mut self, number: u64, reason: String) -> Result<(), Error> {
        if let Some(draft) = self.drafts.get_mut(&number) {
            info!(event = %draft.event_id, case = %draft.case, reason, "a draft is held");
            draft.held = Some(reason);
            let event = draft.event_id;
            let draft = draft.clone();
            self.keep_draft(number, &draft)?;
            self.sync_needed = true;
            self.after_write.push(event);
        }
        Ok(())
    }

    pub(super) fn keep_draft(&mut self, number: u64, draft: &Draft) -> Result<(), Error> {
        let bytes = serde_json::to_vec(draft)
            .map_err(|_| Error::Corrupt("a draft does not serialise".to_owned()))?;
        Ok(self
            .store
            .drafts()
            .replace(&mut self.batch, number, &bytes)?)
    }

    /// Signs the next place of the own chain once: high-water mark, keys and bundle are durable before the signature leaves.
    fn sign(&mut self, load: Load) -> Result<(), Error> {
        let chain = self.admission.chain_head(&self.config.organisation);
        let (seq, prev) = chain.map_or((1, BundleHash::ZERO), |head| (head.seq + 1, head.hash));
        if let Some(mark) = self.store.meta().high_water()?
            && mark.seq >= seq
        {
            let why =
                format!("place {seq} of the own chain was signed before and is not on the log");
            warn!(why, "publishing stops");
            self.publishing = Publishing::Stopped { why };
            return Ok(());
        }
        let place = Place {
            partnership: *self.admission.partnership(),
            organisation: self.config.organisation.clone(),
            directory_version: self.admission.directory_version(),
            seq,
            prev,
            seen: self.admission.seen(),
            claimed_time: self.now(),
        };
        let bundle =
            Bundle::sign(place, load.envelopes, &self.config.signing_key).map_err(inconsistent)?;
        for case in load.keys {
            self.keep_keys(case)?;
        }
        self.store
            .in_flight()
            .put(&mut self.batch, &bundle.to_record())?;
        self.store.meta().set_high_water(
            &mut self.batch,
            HighWater {
                seq,
                hash: bundle.hash().0,
            },
        )?;
        self.sync_needed = true;
        self.uncovered.clear();
        self.flight = Some(Flight {
            bundle,
            state: FlightState::Waiting,
        });
        Ok(())
    }

    pub(super) fn restore_flight(&mut self) -> Result<(), Error> {
        let Some(record) = self.store.in_flight().get()? else {
            return Ok(());
        };
        let bundle = Bundle::parse(&record)
            .map_err(|_| Error::Corrupt("the bundle in flight does not parse".to_owned()))?;
        let place = &bundle.header().place;
        if self
            .admission
            .index_of(&place.organisation, place.seq)
            .is_none()
        {
            self.flight = Some(Flight {
                bundle,
                state: FlightState::Waiting,
            });
        }
        Ok(())
    }

    /// Stage of an event that is in the bundle in flight.
    pub(super) fn flight_stage(&self, event: EventId) -> Option<Stage> {
        let flight = self.flight.as_ref()?;
        let inside = flight
            .bundle
            .envelopes()
            .iter()
            .any(|envelope| envelope.header().event_id == event);
        match flight.state {
            FlightState::Acknowledged if inside => Some(Stage::Committed),
            _ => Some(Stage::Accepted),
        }
    }

    pub(super) fn appended(&mut self, outcome: Appended) -> Result<(), Error> {
        let Some(flight) = &mut self.flight else {
            return Ok(());
        };
        match outcome {
            Appended::Acknowledged(offset) => {
                self.last_own = self.last_own.max(offset);
                flight.state = FlightState::Acknowledged;
                let events: Vec<EventId> = flight
                    .bundle
                    .envelopes()
                    .iter()
                    .map(|envelope| envelope.header().event_id)
                    .collect();
                events.into_iter().for_each(|event| self.notify(event));
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
                self.last_own = last_own.map_or(Offset(0), |record| record.offset);
                flight.state = FlightState::Unknown { look_at: head };
                self.look_for_flight()
            }
            Appended::TooLarge { why } => {
                self.publishing = Publishing::Stopped { why };
                Ok(())
            }
        }
    }

    /// The one treatment of every answer but a plain acknowledgement (wire.md 3): follow to the head, then look.
    pub(super) fn look_for_flight(&mut self) -> Result<(), Error> {
        let Some(flight) = &mut self.flight else {
            return Ok(());
        };
        if let FlightState::Unknown { look_at } = flight.state
            && self.cursor >= look_at
        {
            // Not admitted though everything was read: the same bytes go again, under a new message id.
            flight.state = FlightState::Waiting;
        }
        Ok(())
    }

    /// A bundle was admitted and folded: settles what it brings for this organisation's own events and for those who wait.
    pub(super) fn landed(&mut self, admitted: &Admitted) -> Result<(), Error> {
        let bundle = &admitted.bundle;
        if *bundle.organisation() == self.config.organisation {
            self.own_landed(admitted)?;
        }
        // Every bundle may be the witness that somebody waits for. The answer follows this turn's write, which shows the place.
        self.after_write.extend(self.waiters.keys().copied());
        Ok(())
    }

    fn own_landed(&mut self, admitted: &Admitted) -> Result<(), Error> {
        let bundle = &admitted.bundle;
        let ours = self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.bundle.hash() == bundle.hash());
        if ours {
            self.flight = None;
            self.store.in_flight().clear(&mut self.batch);
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
            let Class::Event(link) = content.header().class else {
                continue;
            };
            let position = Position {
                bundle: admitted.index(),
                envelope,
            };
            let again = self.ruling(link.case, position)?.is_some_and(
                |ruled| matches!(ruled.ruling, crate::Ruling::Void { reason } if is_drafted_again(&reason)),
            );
            let id = content.header().event_id;
            let number = self
                .drafts
                .iter()
                .find(|(_, draft)| draft.event_id == id)
                .map(|(number, _)| *number);
            if again && let Some(number) = number {
                info!(event = %id, "the ruling says nothing about the event: it is drafted again");
                self.draft_again(number)?;
                continue;
            }
            if let Some(number) = number {
                self.drafts.remove(&number);
                self.store.drafts().remove(&mut self.batch, number);
            }
            self.place_event(id, link.case, position)?;
        }
        Ok(())
    }
}

/// Void rulings that say nothing about the event itself.
fn is_drafted_again(reason: &str) -> bool {
    use concordat_trust::case_log::VoidReason;
    [
        VoidReason::SplitView,
        VoidReason::Unreadable,
        VoidReason::SupersededKey,
    ]
    .iter()
    .any(|neutral| neutral.code() == reason)
}

/// Who is wanted since this event: it gets an invitation in the same bundle.
fn added(before: Option<&Case>, after: &Case) -> Option<concordat_domain::ids::OrganisationId> {
    let invited = after
        .invitees()
        .into_iter()
        .find(|organisation| before.is_none_or(|case| !case.is_invitee(organisation)));
    invited.cloned()
}

fn unsealable(error: concordat_trust::case_log::Unsealable) -> Error {
    Error::Corrupt(error.to_string())
}
