//! What goes into a bundle: drafts judged again, sealed and chained, each with the keys and invitations that belong to it.

use std::collections::BTreeSet;

use concordat_codec::parts;
use concordat_domain::event::Placement;
use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_domain::{Case, calendar, evolve, judge};
use concordat_proto::v1;
use concordat_trust::bundle::{ENVELOPES_MAX, Room};
use concordat_trust::case_log::{Author, CaseLog, NewCase, may_hold};
use concordat_trust::compartment::Compartment;
use concordat_trust::envelope::Envelope;
use concordat_trust::key_record::KeyVersionReason;
use concordat_trust::keyring::CaseKeys;
use prost::Message as _;
use tracing::{info, warn};

use super::Engine;
use super::cases::UNSHARED;
use super::follow::inconsistent;
use crate::draft::Draft;
use crate::error::Error;

/// Envelopes of one bundle as they are put together.
#[derive(Default)]
pub(super) struct Load {
    envelopes: Vec<Envelope>,
    room: Room,
    full: bool,
    /// Cases of which keys were made that must be durable before the bundle leaves.
    with_new_keys: BTreeSet<CaseId>,
}

impl Load {
    /// Takes envelopes that belong together, all or none. The first that find no room end the load.
    pub(super) fn take(&mut self, group: Vec<Envelope>) -> bool {
        if self.full || !self.room.take(&group) {
            self.full = true;
            return false;
        }
        self.envelopes.extend(group);
        true
    }

    pub(super) fn is_full(&self) -> bool {
        self.full || self.envelopes.len() >= ENVELOPES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Lets smaller groups in where one found no room in an empty bundle.
    pub(super) fn reopen(&mut self) {
        self.full = false;
    }

    pub(super) fn note_new_keys(&mut self, case: CaseId) {
        self.with_new_keys.insert(case);
    }

    pub(super) fn into_parts(self) -> (Vec<Envelope>, BTreeSet<CaseId>) {
        (self.envelopes, self.with_new_keys)
    }
}

/// One case while envelopes of it are made.
pub(super) struct Desk<'a> {
    pub(super) case: CaseId,
    /// As ruled.
    pub(super) log: Option<&'a CaseLog>,
    /// The keys of a case that is about to be opened.
    new: Option<&'a NewCase>,
    /// As it will be after the events made so far, if there are any.
    pub(super) after: Option<Case>,
    pub(super) author: Author<'a>,
}

impl Desk<'_> {
    /// The case as it will be after what was made so far.
    pub(super) fn state(&self) -> Option<&Case> {
        let ruled = || self.log.and_then(CaseLog::case);
        self.after.as_ref().or_else(ruled)
    }
}

/// What became of a draft at the desk.
pub(super) enum Made {
    /// Envelopes that belong together, and the case after them.
    Group(Vec<Envelope>, Box<Case>),
    /// It would be void, or cannot be sealed: the reason code.
    Refused(String),
}

impl Engine {
    /// Puts what one case has to say into the load, as far as there is room.
    pub(super) fn load_case(&mut self, case: CaseId, load: &mut Load) -> Result<(), Error> {
        let log = self.case_log(case)?;
        if log.as_ref().is_some_and(|log| log.parked().is_some()) {
            return Ok(());
        }
        self.load_from(case, log.as_deref(), load)
    }

    fn load_from(
        &mut self,
        case: CaseId,
        log: Option<&CaseLog>,
        load: &mut Load,
    ) -> Result<(), Error> {
        let opens = log.is_none() && self.outbox.waiting_count_in(case) > 0;
        let new = opens.then(|| NewCase::with_id(case, &mut self.rng));
        let partnership = *self.admission.partnership();
        let organisation = self.config.organisation.clone();
        let empty = CaseLog::new(case);
        let author = match &new {
            Some(new) => Author::of_new_case(&partnership, &organisation, new),
            None => Author::of_case(
                &partnership,
                &organisation,
                log.unwrap_or(&empty),
                self.keys_of(case).unwrap_or(&CaseKeys::default()),
                self.admission.case_head(&organisation, &case),
            ),
        };
        let mut desk = Desk {
            case,
            log,
            new: new.as_ref(),
            after: None,
            author,
        };
        self.load_process_renewal(&mut desk, load)?;
        let opened = self.load_drafts(&mut desk, load)?;
        self.load_key_duties(&mut desk, load)?;
        let keys = self.keyring.case_mut(case);
        if let Some(new) = new.as_ref().filter(|_| opened) {
            new.keep(keys).map_err(inconsistent)?;
            load.note_new_keys(case);
        }
        if desk.author.has_made_keys() {
            desk.author.keep(keys).map_err(inconsistent)?;
            load.note_new_keys(case);
        }
        Ok(())
    }

    /// Whoever speaks next after somebody has gone begins with a version of `process` that the one gone does not hold.
    fn load_process_renewal(&mut self, desk: &mut Desk<'_>, load: &mut Load) -> Result<(), Error> {
        let on = calendar::local_date(self.now());
        let takes_part = desk
            .log
            .is_some_and(|log| log.may_hold(&self.config.organisation, Compartment::Process, on));
        if !takes_part || !desk.author.needs_process() {
            return Ok(());
        }
        let before = desk.author.clone();
        let id = self.fresh_id();
        let reason = KeyVersionReason::ParticipantGone;
        let renewal = desk
            .author
            .renew(id, Compartment::Process, reason, None, &mut self.rng);
        let renewal = renewal.map_err(|error| Error::Corrupt(error.to_string()))?;
        if !load.take(vec![renewal]) {
            desk.author = before;
        }
        Ok(())
    }

    /// Judges the drafts of a case again, in order, and takes those that still count; says whether it took any.
    fn load_drafts(&mut self, desk: &mut Desk<'_>, load: &mut Load) -> Result<bool, Error> {
        // As many as may fit, and of a batch that begins among them all.
        let mut last = None;
        let own = (0..).zip(self.outbox.waiting_in(desk.case));
        let own = own.take_while(|(index, (_, draft))| {
            let goes_on = draft.batch.is_some() && draft.batch == last;
            last = draft.batch;
            *index < ENVELOPES_MAX || goes_on
        });
        let own = own.map(|(_, (number, draft))| (Some(number), draft.clone()));
        let derived = self.derived.iter().filter(|draft| draft.case == desk.case);
        let drafts: Vec<(Option<u64>, Draft)> = own
            .chain(derived.map(|draft| (None, draft.clone())))
            .collect();
        let mut taken = false;
        for group in
            drafts.chunk_by(|(_, one), (_, next)| one.batch.is_some() && one.batch == next.batch)
        {
            if group.len() > 1
                && let Some(fits) = self.load_together(group, desk, load)?
            {
                taken |= fits && desk.after.is_some();
                if !fits {
                    // The next bundle begins with them.
                    return Ok(taken);
                }
                continue;
            }
            for (number, draft) in group {
                let Some(fits) = self.load_draft(*number, draft, desk, load)? else {
                    return Ok(taken);
                };
                taken |= fits;
            }
        }
        Ok(taken)
    }

    /// Makes one draft and takes it, or has it held; says whether it was taken, and nothing if the next bundle has to begin with it.
    fn load_draft(
        &mut self,
        number: Option<u64>,
        draft: &Draft,
        desk: &mut Desk<'_>,
        load: &mut Load,
    ) -> Result<Option<bool>, Error> {
        let before = desk.author.clone();
        let refused = match self.make(draft, desk)? {
            Made::Group(group, after) => {
                let alone = load.is_empty();
                if load.take(group) {
                    desk.after = Some(*after);
                    return Ok(Some(true));
                }
                desk.author = before;
                if !alone {
                    return Ok(None);
                }
                "too-large".to_owned()
            }
            Made::Refused(reason) => {
                desk.author = before;
                reason
            }
        };
        // Derived ones are derived anew when the time has come, so nothing is lost with them.
        if let Some(number) = number {
            self.hold(number, refused)?;
        }
        Ok(Some(false))
    }

    /// One draft as envelopes: the key versions that it needs first, the event, the invitation of whom it adds.
    pub(super) fn make(&mut self, draft: &Draft, desk: &mut Desk<'_>) -> Result<Made, Error> {
        let (count, hash) = desk.author.applied();
        let state = desk.state();
        let wire = match self.wire(draft, state, (count, hash.0), desk.new) {
            Ok(wire) => wire,
            // A policy pack is gone from the configuration since the draft was accepted.
            Err(Error::Refused { code, .. }) => return Ok(Made::Refused(code)),
            Err(error) => return Err(error),
        };
        let wire = self.without_unsealable(draft, wire, desk.log)?;
        let event = draft.judged(&wire, &self.config.organisation, self.now())?;
        if let Err(refusal) = judge(state, &event, &self.rules()) {
            return Ok(Made::Refused(refusal.code()));
        }
        let placement = Placement {
            position: Position {
                bundle: self.admission.size(),
                envelope: 0,
            },
            case_seq: desk.author.head().map_or(0, |head| head.seq) + 1,
        };
        let after = evolve(state.cloned(), &event, &placement, &self.rules());
        let invited = self.added(state, &after);
        let mut group = self.renewals(&wire, &after, desk)?;
        match desk.author.event(draft.event_id, &wire, &mut self.rng) {
            Ok(envelope) => {
                let adding = desk.author.reference(&envelope);
                group.push(envelope);
                for organisation in invited {
                    let id = self.fresh_id();
                    let invitation = desk.author.invite(id, organisation, adding.clone());
                    group.push(invitation.map_err(|error| Error::Corrupt(error.to_string()))?);
                }
                Ok(Made::Group(group, Box::new(after)))
            }
            Err(unsealable) => {
                warn!(case = %desk.case, %unsealable, "a draft cannot be sealed");
                Ok(Made::Refused("no-key".to_owned()))
            }
        }
    }

    /// New versions of the lines which someone loses by this event, and of those under which it cannot be sealed as they are.
    fn renewals(
        &mut self,
        wire: &v1::Event,
        after: &Case,
        desk: &mut Desk<'_>,
    ) -> Result<Vec<Envelope>, Error> {
        let lost = self.narrowed(desk.log, after);
        let needed = desk.author.needs_versions(wire);
        let withdrawn = lost.difference(&needed);
        let withdrawn = withdrawn.map(|line| (*line, KeyVersionReason::ConsentWithdrawn));
        let renewed = needed.iter().map(|line| (*line, KeyVersionReason::Renewal));
        let mut envelopes = Vec::new();
        for (compartment, reason) in withdrawn.chain(renewed) {
            let id = self.fresh_id();
            match desk
                .author
                .renew(id, compartment, reason, None, &mut self.rng)
            {
                Ok(envelope) => envelopes.push(envelope),
                Err(unsealable) => {
                    warn!(case = %desk.case, %unsealable, "a key version cannot be made")
                }
            }
        }
        Ok(envelopes)
    }

    /// Content lines whose newest version is held by someone who loses access by the events of this bundle: the recorder makes new
    /// versions of those it holds, first in the same bundle.
    fn narrowed(&self, log: Option<&CaseLog>, after: &Case) -> BTreeSet<Compartment> {
        let Some((log, before)) = log.and_then(|log| Some((log, log.case()?))) else {
            return BTreeSet::new();
        };
        let on = calendar::local_date(self.now());
        let lost = |organisation: &OrganisationId, compartment: Compartment| {
            let may = |case: &Case| {
                log.bodies_of(organisation)
                    .any(|body| may_hold(case, body, compartment, on))
            };
            may(before) && !may(after) && *organisation != self.config.organisation
        };
        let lines = log.keys().lines.values();
        let lines = lines.filter(|line| {
            line.compartment() != Compartment::Process
                && line.newest().is_some_and(|(_, version)| {
                    let mut holders = version.holders.iter();
                    version.holders.contains(&self.config.organisation)
                        && holders.any(|holder| lost(holder, line.compartment()))
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
            &format!("{UNSHARED}{}", draft.event_id),
            &wire.encode_to_vec(),
        )?;
        let sealable = sealable
            .iter()
            .map(|part| (part.compartment, part.bytes.as_slice()));
        parts::merge(sealable).map_err(|error| Error::Corrupt(error.to_string()))
    }

    /// Who is wanted since this event, as invitee or at once as a party: each gets an invitation in the same bundle. For a body that
    /// another organisation records for, that one is wanted, unless it has a part in the case already.
    fn added(&self, before: Option<&Case>, after: &Case) -> Vec<OrganisationId> {
        let own = &self.config.organisation;
        let has_role = |case: &Case, organisation: &OrganisationId| {
            case.is_party(organisation) || case.is_invitee(organisation)
        };
        let was_there = |organisation: &OrganisationId| {
            let directory = self.directory();
            let mut bodies =
                std::iter::once(organisation).chain(directory.recorded_for_by(organisation));
            before.is_some_and(|case| bodies.any(|body| has_role(case, body)))
        };
        let new = after
            .parties()
            .into_iter()
            .chain(after.invitees())
            .filter(|body| before.is_none_or(|case| !has_role(case, body)));
        let wanted: BTreeSet<OrganisationId> = new
            .map(|body| self.directory().proxy_of(body).unwrap_or(body).clone())
            .collect();
        let wanted = wanted.into_iter();
        wanted
            .filter(|organisation| organisation != own && !was_there(organisation))
            .collect()
    }
}
