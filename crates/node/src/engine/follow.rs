//! The way in: admit, journal, open what may be opened, judge, fold, feed.

use std::collections::BTreeSet;

use concordat_domain::ids::{CaseId, EventId, Position};
use concordat_log::Record;
use concordat_store::KnownEvent;
use concordat_trust::admission::{Admitted, Outcome};
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{Applied, CaseLog, Verdict};
use concordat_trust::envelope::{Class, Suite};
use concordat_trust::grant::{GrantContext, open_granted};
use concordat_trust::hash::sha256;
use concordat_trust::key_record::{ClearKeyPart, EventReference};
use concordat_trust::keyring::CaseKeys;
use concordat_trust::lines::{Alias, VersionKey};
use jiff::SignedDuration;
use tracing::{info, warn};

use super::cases::{Replayed, envelope_of};
use super::{AT_CURSOR, Engine};
use crate::error::Error;

/// How far ahead of this node's clock an author's claimed time may be before it is raised (design, section 7).
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_secs(60);

impl Engine {
    pub(super) fn follow(&mut self, records: Vec<Record>) -> Result<(), Error> {
        let own = concordat_log::subject_token(self.config.organisation.as_str());
        for record in records {
            if self.upgrade_needed {
                return Ok(());
            }
            self.read_record(&record)?;
            if self.upgrade_needed {
                // The cursor stays in front of it: a release that knows the format reads on from here.
                return Ok(());
            }
            if record.author == own {
                self.last_own = self.last_own.max(record.offset);
            }
            if record.offset > self.cursor {
                self.cursor = record.offset;
                self.store
                    .meta()
                    .set_cursor(&mut self.batch, record.offset.0)?;
                self.store.meta().put(
                    &mut self.batch,
                    AT_CURSOR,
                    sha256(&record.bytes).as_bytes(),
                )?;
            }
        }
        self.look_for_flight();
        Ok(())
    }

    fn read_record(&mut self, record: &Record) -> Result<(), Error> {
        match self.admission.admit(&record.bytes) {
            Outcome::Admitted(admitted) => self.take_in(record.offset.0, *admitted),
            Outcome::AlreadyAdmitted { index, bundle } => self.heal(index, &bundle),
            Outcome::Fork(fork) => {
                let organisation = fork.rival.organisation().clone();
                warn!(organisation = %organisation, index = fork.index, "two bundles are signed for one place");
                self.contradictions.insert(organisation);
                self.quarantine("fork", &record.bytes)
            }
            Outcome::Refused(refusal) => self.quarantine(refusal.code(), &record.bytes),
            Outcome::UnknownFormat { format } => {
                warn!(
                    format,
                    "a permitted format is not known to this release: upgrade; reading stops here"
                );
                self.upgrade_needed = true;
                Ok(())
            }
        }
    }

    fn quarantine(&mut self, reason: &str, record: &[u8]) -> Result<(), Error> {
        info!(reason, "a record is not admitted");
        self.quarantined += 1;
        self.store
            .quarantine()
            .add(&mut self.batch, reason, record)?;
        Ok(())
    }

    /// Journals what was admitted and folds it.
    fn take_in(&mut self, offset: u64, admitted: Admitted) -> Result<(), Error> {
        let index = admitted.index();
        let bundle = &admitted.bundle;
        self.store
            .journal()
            .append(&mut self.batch, index, offset, &bundle.to_record())?;
        super::keep_delta(&self.store, &mut self.batch, &admitted)?;
        for case in self.second_openings(bundle)? {
            warn!(organisation = %bundle.organisation(), case = %case, "an event opens a case under an id that is in use");
        }
        super::cases::index(&self.store, &mut self.batch, index, bundle)?;
        if !admitted.seen_holds() {
            self.split_views.insert(index);
        }
        // Journal, fold, receipts and cursor of a turn are one write, so that a crash leaves all of it or none; until then the bundle
        // is read from here.
        self.unwritten.insert(index, admitted.bundle.clone());
        self.watch_author(&admitted);
        self.note_changes(&admitted)?;
        for (envelope, content) in (0..).zip(bundle.envelopes()) {
            if let Some(link) = content.header().class.link() {
                self.fold(
                    link.case,
                    Position {
                        bundle: index,
                        envelope,
                    },
                    bundle,
                )?;
            }
        }
        self.landed(&admitted)
    }

    /// Cases that a bundle opens under an id that is in use. Whoever is brought into a case answers with an offer of a key before it can
    /// say anything; so one that begins with an event opens the case.
    pub(super) fn second_openings(&self, bundle: &Bundle) -> Result<Vec<CaseId>, Error> {
        let mut again = Vec::new();
        for envelope in bundle.envelopes() {
            if let Class::Event(link) = envelope.header().class
                && link.seq == 1
                && !self.envelopes_of(link.case)?.is_empty()
            {
                again.push(link.case);
            }
        }
        Ok(again)
    }

    fn watch_author(&mut self, admitted: &Admitted) {
        let author = admitted.bundle.organisation();
        let claimed = admitted.bundle.header().place.claimed_time;
        if claimed
            > self
                .now()
                .saturating_add(CLOCK_SKEW_MAX)
                .unwrap_or(jiff::Timestamp::MAX)
        {
            warn!(organisation = %author, "claimed time is over 60 s ahead of this node's clock");
            self.clock_skew.insert(author.clone());
        }
        if !admitted.seen_holds() {
            warn!(organisation = %author, "its view of the log is not this log");
            self.contradictions.insert(author.clone());
        }
        self.note_uncovered(admitted.index(), &admitted.bundle);
    }

    /// A later copy of a bundle: takes the parts that the journal lacks, and the keys that come with them.
    fn heal(&mut self, index: u64, copy: &Bundle) -> Result<(), Error> {
        self.copy_read(copy);
        let before = self.bundle_at(index)?;
        if !self.take_parts(index, copy)? {
            return Ok(());
        }
        let now = self.last_position()?;
        info!(index, "a later copy of a bundle brought missing parts");
        for (envelope, content) in (0..).zip(before.envelopes()) {
            let Class::Key(link) = content.header().class else {
                continue;
            };
            let position = Position {
                bundle: index,
                envelope,
            };
            if content.missing_parts().next().is_some() {
                self.take_late_grant(link.case, position, now)?;
            }
        }
        Ok(())
    }

    /// Where the last envelope stands that was applied: what becomes visible by a copy of an older one does so here.
    pub(super) fn last_position(&self) -> Result<Position, Error> {
        let bundle = self.admission.size().saturating_sub(1);
        let envelopes =
            u32::try_from(self.bundle_at(bundle)?.envelopes().len()).unwrap_or(u32::MAX);
        Ok(Position {
            bundle,
            envelope: envelopes.saturating_sub(1),
        })
    }

    /// Takes the parts of a copy that the journal lacks; says whether there were any.
    pub(super) fn take_parts(&mut self, index: u64, copy: &Bundle) -> Result<bool, Error> {
        let mut known = self.bundle_at(index)?;
        if known.take_parts(&self.without_erased(copy)?) == 0 {
            return Ok(false);
        }
        self.store
            .journal()
            .replace(&mut self.batch, index, &known.to_record())?;
        self.healed.insert(index, known);
        Ok(true)
    }

    /// The wrapped keys of a grant that was judged without them: nobody opens a void one.
    fn take_late_grant(
        &mut self,
        case: CaseId,
        position: Position,
        visible_at: Position,
    ) -> Result<(), Error> {
        let bundle = self.bundle_at(position.bundle)?;
        let Some(log) = self.case_log(case)? else {
            return self.try_first_grant(case, (position, visible_at), &bundle);
        };
        let granted = |alias: Alias, number: u32| {
            let version = log.keys().version(alias, number);
            version.is_some_and(|version| version.holders.contains(&self.config.organisation))
        };
        let opened = self.open_grant(case, position, &bundle);
        let effective = opened
            .iter()
            .flatten()
            .any(|(alias, number, _)| granted(*alias, *number));
        self.try_grant(case, (position, visible_at), &bundle, effective)
    }

    fn fold(&mut self, case: CaseId, position: Position, bundle: &Bundle) -> Result<(), Error> {
        if let Some(mut log) = self.take_case(case)? {
            let keys = CaseKeys::default();
            let applied = {
                let held = self.keyring.case(&case).unwrap_or(&keys);
                self.apply_to(&mut log, held, position, bundle)
            };
            self.after_verdict(&log, position, bundle, &applied)?;
            self.shelf.put(case, log);
            self.case_changed(case);
            let effective = applied.verdict == Verdict::Effective;
            if effective {
                self.erase_if_due(case)?;
            }
            return self.try_grant(case, (position, position), bundle, effective);
        }
        if self
            .keyring
            .case(&case)
            .is_some_and(|keys| keys.versions().next().is_some())
        {
            let mut log = CaseLog::new(case);
            let applied = {
                let keys = self.keyring.case(&case).expect("just looked up");
                self.apply_to(&mut log, keys, position, bundle)
            };
            if applied.verdict != Verdict::Unseen {
                self.after_verdict(&log, position, bundle, &applied)?;
                if log.case().is_some() {
                    self.shelf.put(case, log);
                    self.case_changed(case);
                }
                return Ok(());
            }
        }
        self.notice_invitation(case, position, bundle)?;
        self.try_first_grant(case, (position, position), bundle)
    }

    /// Feed and ruling of one envelope that `log` has just applied.
    fn after_verdict(
        &mut self,
        log: &CaseLog,
        position: Position,
        bundle: &Bundle,
        applied: &Applied,
    ) -> Result<(), Error> {
        let envelope = envelope_of(bundle, position);
        if !matches!(envelope.header().class, Class::Event(_)) {
            return Ok(());
        }
        let case = log.id();
        let own_seq = self
            .admission
            .case_head(&self.config.organisation, &case)
            .map_or(0, |head| head.seq);
        let ruled = self.ruled(log, own_seq, applied);
        self.record_ruling(case, position, bundle, ruled)?;
        let event = (envelope.header().event_id, bundle.organisation());
        self.feed_event(log, (position, false), position, event, applied)
    }

    /// Feed and rulings of what stood on the log before this organisation could judge it.
    fn after_replay(
        &mut self,
        case: CaseId,
        visible_at: Position,
        replayed: Vec<Replayed>,
    ) -> Result<(), Error> {
        let Some(log) = self.case_log(case)? else {
            return Ok(());
        };
        for step in replayed {
            self.record_ruling(case, step.position, &step.bundle, step.ruled)?;
            if step.applied.event.is_some() {
                let header = envelope_of(&step.bundle, step.position).header();
                let event = (header.event_id, step.bundle.organisation());
                let at = (step.position, step.position <= visible_at);
                self.feed_event(&log, at, visible_at, event, &step.applied)?;
            }
        }
        Ok(())
    }

    fn notice_invitation(
        &mut self,
        case: CaseId,
        position: Position,
        bundle: &Bundle,
    ) -> Result<(), Error> {
        let envelope = envelope_of(bundle, position);
        if !matches!(envelope.header().class, Class::Key(_)) {
            return Ok(());
        }
        let clear = envelope
            .header()
            .parts
            .first()
            .is_some_and(|part| part.suite == Suite::Clear);
        if clear
            && let Ok(ClearKeyPart::Invitation(invitation)) =
                ClearKeyPart::decode(envelope.part_zero())
            && invitation.organisation == self.config.organisation
        {
            info!(case = %case, "this organisation is wanted in a case");
            self.keep_invitation(case, reference(bundle, position))?;
        }
        Ok(())
    }

    /// A grant in a case that this node could not read so far: it may bring the first `process` key. Its keys count only if the
    /// case, judged with them from its first event, rules the grant effective. What it shows is visible from `visible_at` on.
    fn try_first_grant(
        &mut self,
        case: CaseId,
        (position, visible_at): (Position, Position),
        bundle: &Bundle,
    ) -> Result<(), Error> {
        let Some(opened) = self.open_grant(case, position, bundle) else {
            return Ok(());
        };
        let mut provisional = CaseKeys::default();
        for (alias, number, key) in &opened {
            let commitment = key.commitment(&case, *alias, *number);
            provisional
                .add_version(&case, *alias, *number, commitment, key.clone())
                .map_err(inconsistent)?;
        }
        let (log, replayed) = self.replay(case, &provisional)?;
        let granted = replayed
            .iter()
            .any(|step| step.position == position && step.applied.verdict == Verdict::Effective);
        if !granted {
            warn!(case = %case, position = %position, "a grant is not effective; its keys are thrown away");
            return Ok(());
        }
        self.keep_granted(case, opened, &log)?;
        self.shelf.put(case, log);
        self.after_replay(case, visible_at, replayed)?;
        self.case_changed(case);
        Ok(())
    }

    /// A grant in a case that this node reads: it may bring content, or the key for which the case is parked. What it shows is visible
    /// from `visible_at` on.
    fn try_grant(
        &mut self,
        case: CaseId,
        (position, visible_at): (Position, Position),
        bundle: &Bundle,
        effective: bool,
    ) -> Result<(), Error> {
        let log = self.case_log(case)?;
        let parked = log.as_ref().is_some_and(|log| log.parked().is_some());
        if !effective && !parked {
            return Ok(());
        }
        let Some(opened) = self.open_grant(case, position, bundle) else {
            return Ok(());
        };
        let Some(log) = log else {
            return Ok(());
        };
        let compartments: BTreeSet<_> = opened
            .iter()
            .filter(|(alias, _, _)| {
                self.keyring
                    .case(&case)
                    .is_none_or(|keys| !keys.versions().any(|held| held.alias == *alias))
            })
            .filter_map(|(alias, _, _)| log.keys().lines.get(alias).map(|line| line.compartment()))
            .collect();
        self.keep_granted(case, opened, &log)?;
        if parked {
            let before = log.last_position();
            let (log, mut replayed) =
                self.replay(case, self.keys_of(case).unwrap_or(&CaseKeys::default()))?;
            replayed.retain(|step| before.is_none_or(|last| step.position > last));
            self.shelf.put(case, log);
            self.after_replay(case, visible_at, replayed)?;
            self.case_changed(case);
        }
        let log = self.case_log(case)?;
        for compartment in compartments {
            if let Some(log) = &log {
                self.feed_content(log, compartment, visible_at)?;
            }
        }
        Ok(())
    }

    /// What a grant wraps to an offer of this organisation, if it does.
    fn open_grant(
        &self,
        case: CaseId,
        position: Position,
        bundle: &Bundle,
    ) -> Option<Vec<(Alias, u32, VersionKey)>> {
        let envelope = envelope_of(bundle, position);
        let wrapped = envelope
            .header()
            .parts
            .get(1)
            .filter(|part| part.suite == Suite::Offer)
            .and(envelope.part(1))?;
        let keys = self.keyring.case(&case)?;
        keys.offers().find_map(|offer| {
            let offer = self.own_reference(case, *offer)?;
            let context = GrantContext {
                partnership: self.admission.partnership(),
                case,
                author: bundle.organisation(),
                event_id: envelope.header().event_id,
                recipient: &self.config.organisation,
                offer: &offer,
            };
            open_granted(&context, keys.offer(&offer.event_id)?, wrapped).ok()
        })
    }

    /// Names an own envelope of a case by its id.
    fn own_reference(&self, case: CaseId, id: EventId) -> Option<EventReference> {
        let envelopes = self.envelopes_of(case).ok()?;
        let own = envelopes.into_iter().find(|(position, bundle)| {
            *bundle.organisation() == self.config.organisation
                && envelope_of(bundle, *position).header().event_id == id
        });
        own.map(|(position, bundle)| reference(&bundle, position))
    }

    /// Keeps granted keys, each checked against what its version commits to.
    fn keep_granted(
        &mut self,
        case: CaseId,
        opened: Vec<(Alias, u32, VersionKey)>,
        log: &CaseLog,
    ) -> Result<(), Error> {
        for (alias, number, key) in opened {
            let Some(version) = log.keys().version(alias, number) else {
                continue;
            };
            if self
                .keyring
                .case_mut(case)
                .add_version(&case, alias, number, version.commitment, key)
                .is_err()
            {
                warn!(case = %case, "a granted key is not the one its version commits to; it is not kept");
            }
        }
        self.keep_keys(case)
    }

    /// Marks an own event as admitted at its place.
    pub(super) fn place_event(
        &mut self,
        event: EventId,
        case: CaseId,
        position: Position,
    ) -> Result<(), Error> {
        if let Some(known) = self.store.events().get(&event.0)? {
            let place = Some((position.bundle, position.envelope));
            let known = KnownEvent {
                case: case.0,
                place,
                ..known
            };
            self.store.events().put(&mut self.batch, event.0, known)?;
            self.placed.insert(event, known);
        }
        Ok(())
    }
}

fn reference(bundle: &Bundle, position: Position) -> EventReference {
    let envelope = envelope_of(bundle, position);
    EventReference {
        organisation: bundle.organisation().clone(),
        event_id: envelope.header().event_id,
        hash: envelope.hash(),
    }
}

pub(super) fn inconsistent(error: concordat_trust::Error) -> Error {
    Error::Corrupt(error.to_string())
}
