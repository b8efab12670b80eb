//! The way out: judge again, seal, chain, bundle, sign, append; one bundle in flight (wire.md 3).

use std::collections::BTreeSet;

use concordat_codec::parts;
use concordat_domain::event::Placement;
use concordat_domain::ids::{CaseId, Position};
use concordat_domain::{Case, calendar, evolve, judge};
use concordat_proto::v1;
use concordat_store::HighWater;
use concordat_trust::bundle::{Bundle, ENVELOPES_MAX, Place, fitting};
use concordat_trust::case_log::{Author, CaseLog, NewCase};
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::BundleHash;
use concordat_trust::envelope::Envelope;
use concordat_trust::key_record::KeyVersionReason;
use concordat_trust::keyring::CaseKeys;
use prost::Message as _;
use tracing::{info, warn};

use super::Engine;
use super::flight::Flight;
use super::follow::inconsistent;
use crate::courier::AppendJob;
use crate::draft::Draft;
use crate::error::Error;
use crate::views::Publishing;

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
        self.send_flight()
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
        let on = calendar::local_date(self.now());
        let takes_part = log
            .as_ref()
            .is_some_and(|log| log.may_hold(&organisation, Compartment::Process, on));
        if takes_part && author.needs_process() {
            // Whoever speaks next after somebody has gone begins with a version that the one gone does not hold.
            let id = self.fresh_id();
            let reason = KeyVersionReason::ParticipantGone;
            let renewal = author.renew(id, Compartment::Process, reason, None, &mut self.rng);
            envelopes.push(renewal.map_err(unsealable)?);
        }
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
    pub(super) fn hold(&mut self, number: u64, reason: String) -> Result<(), Error> {
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
        Ok(self
            .store
            .drafts()
            .replace(&mut self.batch, number, &draft.encode()?)?)
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
        self.flight = Some(Flight::of(bundle));
        Ok(())
    }
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
