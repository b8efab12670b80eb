//! KEY envelopes: versions, grants, invitations and offers. Who may make what, and on which basis (wire.md 4).

use concordat_domain::calendar;
use concordat_domain::directory::Directory;
use concordat_domain::ids::OrganisationId;

use super::keys::{KeyLine, OfferFact, Version};
use super::{Arrival, CaseLog, Context, Exposure, ExposureKind, KeyFault, Verdict, VoidReason};
use crate::compartment::Compartment;
use crate::digest::Hash;
use crate::key_record::{ClearKeyPart, EventReference, Grant, KeyEntry, KeyRecord, KeyVersion};
use crate::lines::Alias;

type Ruling = Result<(), VoidReason>;

impl CaseLog {
    /// Invitations and offers. They are clear, but only parties rule on them; to others there is no case.
    pub(super) fn apply_clear_record(
        &mut self,
        arrival: &Arrival<'_>,
        directory: &Directory,
    ) -> Verdict {
        if self.case.is_none() {
            return Verdict::Unseen;
        }
        let part = match ClearKeyPart::decode(arrival.envelope.part_zero()) {
            Ok(part) => part,
            Err(_) => return Verdict::Void(VoidReason::Unreadable),
        };
        if self.is_outsider(arrival.author, directory) {
            return Verdict::Void(VoidReason::Refused(
                concordat_domain::Reason::NotParticipant,
            ));
        }
        verdict(match part {
            ClearKeyPart::Invitation(invitation) => {
                self.invite(invitation.organisation, invitation.adding)
            }
            ClearKeyPart::Offer(offer) if offer.organisation == *arrival.author => {
                let fact = OfferFact {
                    reference: self.reference(arrival),
                    public_key: offer.public_key.as_bytes().to_vec(),
                };
                self.keys.offers.insert(offer.organisation, fact);
                Ok(())
            }
            ClearKeyPart::Offer(_) => Err(VoidReason::Unreadable),
        })
    }

    fn invite(&mut self, organisation: OrganisationId, adding: EventReference) -> Ruling {
        let added = self.keys.effective.contains(&adding.hash)
            && self.case.as_ref().is_some_and(|case| {
                self.bodies_of(&organisation)
                    .any(|body| case.is_invitee(body) || case.is_party(body))
            });
        if !added {
            return Err(VoidReason::Key(KeyFault::NothingAdds));
        }
        self.keys.invited.insert(organisation, adding);
        Ok(())
    }

    /// Key versions and grants, sealed in `process`.
    pub(super) fn apply_sealed_record(
        &mut self,
        arrival: &Arrival<'_>,
        context: &Context<'_>,
    ) -> (Verdict, Option<(u64, Hash)>) {
        let record = match self.open_record(arrival, context) {
            Ok(record) => record,
            Err(verdict) => return (verdict, None),
        };
        let stated = Some((record.applied_count, record.applied_hash));
        let ruling = match record.entry {
            KeyEntry::Version(version) => self.make_version(version, arrival),
            KeyEntry::Grant(grant) => self.take_grant(&grant, arrival),
        };
        (verdict(ruling), stated)
    }

    fn open_record(
        &self,
        arrival: &Arrival<'_>,
        context: &Context<'_>,
    ) -> Result<KeyRecord, Verdict> {
        if self.case.is_none() {
            return Err(Verdict::Unseen);
        }
        if self.is_outsider(arrival.author, context.rules.directory) {
            return Err(Verdict::Void(VoidReason::Refused(
                concordat_domain::Reason::NotParticipant,
            )));
        }
        let renews_only = match self.check_versions(arrival) {
            Ok(_) => None,
            Err(VoidReason::SupersededKey) => match self.process_to_renew(arrival) {
                Some(line) => Some(line),
                None => return Err(Verdict::Void(VoidReason::SupersededKey)),
            },
            Err(reason) => return Err(Verdict::Void(reason)),
        };
        let opened = self.open_part_zero(arrival, context)?;
        let record =
            KeyRecord::decode(&opened).map_err(|_| Verdict::Void(VoidReason::Unreadable))?;
        if renews_only.is_some_and(|line| !makes_next(&record.entry, line)) {
            return Err(Verdict::Void(VoidReason::SupersededKey));
        }
        Ok(record)
    }

    /// The `process` line, if the record is sealed under its newest version and that one is stale. Only its successor may be made
    /// under it: else nothing could be said in the case any more, as every record is sealed in `process` (ADR 0009).
    fn process_to_renew(&self, arrival: &Arrival<'_>) -> Option<Alias> {
        let reference = arrival.envelope.header().parts.first()?;
        let alias = Alias(reference.alias);
        let line = self.keys.lines.get(&alias)?;
        let (newest, _) = line.newest()?;
        (line.compartment() == Compartment::Process && newest == reference.key_version)
            .then_some(alias)
    }

    fn make_version(&mut self, made: KeyVersion, arrival: &Arrival<'_>) -> Ruling {
        let ruling = self
            .may_make(&made, arrival)
            .and_then(|()| self.add(&made, arrival));
        if ruling.is_err() {
            let bundle = arrival.position.bundle;
            self.keys
                .stillborn
                .insert((made.alias, made.number, arrival.author.clone(), bundle));
        }
        ruling.map_err(VoidReason::Key)
    }

    fn may_make(&self, made: &KeyVersion, arrival: &Arrival<'_>) -> Result<(), KeyFault> {
        let compartment = match (&made.opens, self.keys.lines.get(&made.alias)) {
            (Some(line), None) if self.keys.lines.values().all(|known| known.line != *line) => {
                line.compartment
            }
            (None, Some(known)) => known.compartment(),
            _ => return Err(KeyFault::VersionOutOfOrder),
        };
        let on = calendar::local_date(arrival.claimed_at);
        if self.may_hold(arrival.author, compartment, on) {
            Ok(())
        } else {
            Err(KeyFault::LineNotPermitted)
        }
    }

    fn add(&mut self, made: &KeyVersion, arrival: &Arrival<'_>) -> Result<(), KeyFault> {
        let version = Version {
            commitment: made.commitment,
            created_by: self.reference(arrival),
            holders: [arrival.author.clone()].into(),
            stale_for: Default::default(),
            closed_at: None,
        };
        if let Some(line) = &made.opens {
            let line = KeyLine {
                line: line.clone(),
                versions: [(1, version)].into(),
            };
            self.keys.lines.insert(made.alias, line);
            return Ok(());
        }
        if self
            .keys
            .add_version(made.alias, made.number, version, arrival.position.bundle)
        {
            Ok(())
        } else {
            Err(KeyFault::VersionOutOfOrder)
        }
    }

    /// A grant counts as a whole or not at all. One that does not count may still be unwrapped by a dishonest recipient: that is an
    /// exposure, shown to all parties.
    fn take_grant(&mut self, grant: &Grant, arrival: &Arrival<'_>) -> Ruling {
        if let Err(fault) = self.check_grant(grant, arrival) {
            self.keys.exposures.push(Exposure {
                position: arrival.position,
                author: arrival.author.clone(),
                recipients: [grant.recipient.clone()].into(),
                lines: grant.versions.iter().map(|version| version.alias).collect(),
                kind: ExposureKind::VoidGrant,
            });
            return Err(VoidReason::Key(fault));
        }
        for granted in &grant.versions {
            let version = self
                .keys
                .lines
                .get_mut(&granted.alias)
                .and_then(|line| line.versions.get_mut(&granted.number));
            if let Some(version) = version {
                version.holders.insert(grant.recipient.clone());
            }
        }
        Ok(())
    }

    fn check_grant(&self, grant: &Grant, arrival: &Arrival<'_>) -> Result<(), KeyFault> {
        if self
            .keys
            .offers
            .get(&grant.recipient)
            .is_none_or(|offer| offer.reference != grant.offer)
        {
            return Err(KeyFault::NoOffer);
        }
        if !self.keys.effective.contains(&grant.basis.hash) {
            return Err(KeyFault::NoBasis);
        }
        let on = calendar::local_date(arrival.claimed_at);
        for granted in &grant.versions {
            let line = self
                .keys
                .lines
                .get(&granted.alias)
                .ok_or(KeyFault::VersionNotHeld)?;
            let held = line.versions.get(&granted.number).is_some_and(|version| {
                version.commitment == granted.commitment && version.holders.contains(arrival.author)
            });
            if !held {
                return Err(KeyFault::VersionNotHeld);
            }
            if !self.may_be_granted(&grant.recipient, line.compartment(), on) {
                return Err(KeyFault::NoBasis);
            }
        }
        Ok(())
    }

    /// What `organisation` lacks and may hold on that day, of what `giver` holds: what a grant to it would carry.
    #[must_use]
    pub fn grantable(
        &self,
        giver: &OrganisationId,
        organisation: &OrganisationId,
        on: jiff::civil::Date,
    ) -> Vec<(Alias, u32, Compartment)> {
        let permitted = self
            .keys
            .lines
            .iter()
            .filter(|(_, line)| self.may_be_granted(organisation, line.compartment(), on));
        let lacking = permitted.flat_map(|(alias, line)| {
            let held = line.versions.iter().filter(|(_, version)| {
                version.holders.contains(giver) && !version.holders.contains(organisation)
            });
            held.map(|(number, _)| (*alias, *number, line.compartment()))
        });
        lacking.collect()
    }

    pub(super) fn reference(&self, arrival: &Arrival<'_>) -> EventReference {
        EventReference {
            organisation: arrival.author.clone(),
            event_id: arrival.envelope.header().event_id,
            hash: arrival.envelope.hash(),
        }
    }
}

fn makes_next(entry: &KeyEntry, line: Alias) -> bool {
    matches!(entry, KeyEntry::Version(made) if made.alias == line && made.opens.is_none())
}

fn verdict(ruling: Ruling) -> Verdict {
    match ruling {
        Ok(()) => Verdict::Effective,
        Err(reason) => Verdict::Void(reason),
    }
}
