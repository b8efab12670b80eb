//! The other direction: a node puts envelopes of a case together, in its own chain, sealed under what it may use.

use std::collections::{BTreeMap, BTreeSet};

use concordat_codec::parts;
use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::v1;
use rand_core::CryptoRng;

use super::{CaseLog, OfferFact};
use crate::Error;
use crate::admission::CaseHead;
use crate::compartment::Compartment;
use crate::digest::{Commitment, EventHash, Hash, PartnershipId};
use crate::envelope::{CaseLink, Class, Envelope, ReadyPart};
use crate::grant::{GrantContext, OfferKey, wrap};
use crate::key_record::{
    ClearKeyPart, EventReference, Grant, GrantedVersion, Invitation, KeyEntry, KeyRecord,
    KeyVersion, KeyVersionReason, Offer,
};
use crate::keyring::CaseKeys;
use crate::lines::{Alias, AliasTable, Line, VersionKey};
use crate::seal::{PartContext, seal};

/// Why an envelope cannot be put together as the case stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// The line's newest version is closed, or is not held here: make a new version first.
    #[error("the line of {0} needs a new version first")]
    NeedsVersion(Compartment),
    /// The case has no line for this compartment.
    #[error("the case has no line of {0}")]
    NoLine(Compartment),
    /// A version that was to be granted is not held here.
    #[error("a version to be granted is not held here")]
    NotHeld,
    /// See the source.
    #[error(transparent)]
    Trust(#[from] Error),
}

/// The keys of a case that is about to be opened: one whole-case line for each compartment, version 1.
#[derive(Debug, Clone)]
pub struct NewCase {
    /// Its id: 128 random bits, which say nothing.
    pub id: CaseId,
    lines: BTreeMap<Compartment, Current>,
}

/// The version under which an author seals.
#[derive(Debug, Clone)]
struct Current {
    alias: Alias,
    number: u32,
    commitment: Commitment,
    key: VersionKey,
}

impl NewCase {
    /// Draws an id, aliases and keys.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        Self::with_id(CaseId(id), rng)
    }

    /// Draws aliases and keys for an id that was given out already.
    pub fn with_id(id: CaseId, rng: &mut impl CryptoRng) -> Self {
        let mut table = AliasTable::default();
        let mut lines = BTreeMap::new();
        for compartment in Compartment::ALL {
            let alias = table.fresh_alias(rng);
            table
                .add(alias, Line::of(compartment))
                .expect("the alias is fresh and each compartment comes once");
            let key = VersionKey::generate(rng);
            let commitment = key.commitment(&id, alias, 1);
            lines.insert(
                compartment,
                Current {
                    alias,
                    number: 1,
                    commitment,
                    key,
                },
            );
        }
        Self { id, lines }
    }

    /// What the opening event says of the lines.
    #[must_use]
    pub fn alias_table(&self) -> Vec<v1::AliasEntry> {
        let entry = |(compartment, current): (&Compartment, &Current)| v1::AliasEntry {
            alias: Some(current.alias.0),
            compartment: Some(v1::Compartment::from(*compartment).into()),
            scope: Some(String::new()),
            commitment: Some(current.commitment.0.to_vec()),
        };
        self.lines.iter().map(entry).collect()
    }

    /// Puts the keys into the node's keyring.
    ///
    /// # Errors
    /// Never for keys of this case; the type says so because the keyring checks commitments.
    pub fn keep(&self, keys: &mut CaseKeys) -> Result<(), Error> {
        for current in self.lines.values() {
            keys.add_version(
                &self.id,
                current.alias,
                current.number,
                current.commitment,
                current.key.clone(),
            )?;
        }
        Ok(())
    }
}

/// One organisation at work on one case: each envelope it makes continues its chain there. Who keeps a copy can go back to it, as long
/// as what was made since is thrown away.
#[derive(Debug, Clone)]
pub struct Author<'a> {
    partnership: &'a PartnershipId,
    organisation: &'a OrganisationId,
    case: CaseId,
    head: Option<CaseHead>,
    lines: BTreeMap<Compartment, Option<Current>>,
    newest: BTreeMap<Compartment, (Alias, u32)>,
    /// The newest `process` version, while it is stale: its successor alone may be made under it.
    stale_process: Option<Current>,
    applied: (u64, Hash),
    made: Vec<(Alias, u32, Commitment, VersionKey)>,
}

impl<'a> Author<'a> {
    /// The author of a case that nobody has seen yet.
    #[must_use]
    pub fn of_new_case(
        partnership: &'a PartnershipId,
        organisation: &'a OrganisationId,
        new: &NewCase,
    ) -> Self {
        let newest = new
            .lines
            .iter()
            .map(|(compartment, current)| (*compartment, (current.alias, current.number)));
        Self {
            partnership,
            organisation,
            case: new.id,
            head: None,
            newest: newest.collect(),
            lines: new
                .lines
                .iter()
                .map(|(compartment, current)| (*compartment, Some(current.clone())))
                .collect(),
            stale_process: None,
            applied: (0, Hash::ZERO),
            made: Vec::new(),
        }
    }

    /// An author of a case that its node has applied up to `log`. `head` is its last envelope in the case.
    #[must_use]
    pub fn of_case(
        partnership: &'a PartnershipId,
        organisation: &'a OrganisationId,
        log: &CaseLog,
        keys: &CaseKeys,
        head: Option<CaseHead>,
    ) -> Self {
        let mut lines = BTreeMap::new();
        let mut newest = BTreeMap::new();
        let mut stale_process = None;
        for compartment in Compartment::ALL {
            let Some(alias) = log.keys().alias_of(compartment) else {
                continue;
            };
            let Some((number, version)) = log.keys().lines[&alias].newest() else {
                continue;
            };
            newest.insert(compartment, (alias, number));
            let key = keys.key(alias, number, &version.commitment);
            let held = key.map(|key| Current {
                alias,
                number,
                commitment: version.commitment,
                key: key.clone(),
            });
            if version.closed_at.is_none() {
                lines.insert(compartment, held);
                continue;
            }
            lines.insert(compartment, None);
            if compartment == Compartment::Process {
                stale_process = held;
            }
        }
        Self {
            partnership,
            organisation,
            case: log.id(),
            head,
            lines,
            newest,
            stale_process,
            applied: log.applied(),
            made: Vec::new(),
        }
    }

    /// The author's last envelope in the case, those made here included.
    #[must_use]
    pub fn head(&self) -> Option<CaseHead> {
        self.head
    }

    /// Count and running hash of the case as applied: what events and records state.
    #[must_use]
    pub fn applied(&self) -> (u64, Hash) {
        self.applied
    }

    /// Whether versions were made here whose keys are to be kept.
    #[must_use]
    pub fn has_made_keys(&self) -> bool {
        !self.made.is_empty()
    }

    /// Puts the keys of the versions made here into the node's keyring: durably, before the bundle leaves.
    ///
    /// # Errors
    /// Never for keys of this case; the keyring checks commitments.
    pub fn keep(&self, keys: &mut CaseKeys) -> Result<(), Error> {
        for (alias, number, commitment, key) in &self.made {
            keys.add_version(&self.case, *alias, *number, *commitment, key.clone())?;
        }
        Ok(())
    }

    /// Compartments of `event` that cannot be sealed before their line has a new version.
    #[must_use]
    pub fn needs_versions(&self, event: &v1::Event) -> BTreeSet<Compartment> {
        let compartments = parts::split(event)
            .into_iter()
            .filter_map(|part| Compartment::try_from(part.compartment).ok());
        compartments
            .filter(|compartment| matches!(self.lines.get(compartment), Some(None)))
            .collect()
    }

    /// Whether the `process` version that this organisation holds went stale, so that nothing can be said before [`Self::renew`] has
    /// made its successor.
    #[must_use]
    pub fn needs_process(&self) -> bool {
        self.stale_process.is_some()
    }

    /// An event, each compartment sealed under its line.
    ///
    /// # Errors
    /// [`Unsealable::NeedsVersion`]: call [`Self::renew`] for that compartment first; others as their names say.
    pub fn event(
        &mut self,
        id: EventId,
        event: &v1::Event,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Unsealable> {
        let mut sealed = Vec::new();
        for (index, part) in (0..).zip(parts::split(event)) {
            let compartment = Compartment::try_from(part.compartment)
                .map_err(|_| Error::BadContent("compartment"))?;
            sealed.push(self.seal(id, compartment, index, &part.bytes, rng)?);
        }
        self.assemble(id, sealed, Class::Event)
    }

    /// A new version of the line of `compartment`; what is made after it seals under that. The record of the version itself is sealed
    /// under the current version of `process`, that of a successor to a stale one under the stale one.
    ///
    /// # Errors
    /// [`Unsealable::NoLine`], or those of sealing in `process`.
    pub fn renew(
        &mut self,
        id: EventId,
        compartment: Compartment,
        reason: KeyVersionReason,
        cause: Option<EventReference>,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Unsealable> {
        let (alias, last) = *self
            .newest
            .get(&compartment)
            .ok_or(Unsealable::NoLine(compartment))?;
        let number = last + 1;
        let key = VersionKey::generate(rng);
        let commitment = key.commitment(&self.case, alias, number);
        let entry = KeyEntry::Version(KeyVersion {
            alias,
            number,
            commitment,
            reason,
            opens: None,
            cause,
        });
        let envelope = self.record(id, entry, None, rng)?;
        self.made.push((alias, number, commitment, key.clone()));
        self.newest.insert(compartment, (alias, number));
        if compartment == Compartment::Process {
            self.stale_process = None;
        }
        self.lines.insert(
            compartment,
            Some(Current {
                alias,
                number,
                commitment,
                key,
            }),
        );
        Ok(envelope)
    }

    /// Tells `organisation` that it is wanted. Put it in the bundle of the event that adds it.
    ///
    /// # Errors
    /// Those of [`Envelope::assemble`].
    pub fn invite(
        &mut self,
        id: EventId,
        organisation: OrganisationId,
        adding: EventReference,
    ) -> Result<Envelope, Unsealable> {
        let part = ClearKeyPart::Invitation(Invitation {
            organisation,
            adding,
        });
        self.assemble(id, vec![ReadyPart::clear(part.encode())], Class::Key)
    }

    /// Offers a fresh key of this organisation for the case.
    ///
    /// # Errors
    /// Those of [`Envelope::assemble`].
    pub fn offer(
        &mut self,
        id: EventId,
        public_key: OfferKey,
        invitation: EventReference,
    ) -> Result<Envelope, Unsealable> {
        let offer = Offer {
            organisation: self.organisation.clone(),
            public_key,
            invitation,
        };
        self.assemble(
            id,
            vec![ReadyPart::clear(ClearKeyPart::Offer(offer).encode())],
            Class::Key,
        )
    }

    /// Wraps versions to an organisation's offer, on a basis. The versions are named by line and number.
    ///
    /// # Errors
    /// [`Unsealable::NotHeld`] if a version is unknown or its key is not here; others as their names say.
    pub fn grant(
        &mut self,
        id: EventId,
        to: (&OrganisationId, &OfferFact),
        basis: EventReference,
        versions: &[(Alias, u32)],
        held: (&CaseLog, &CaseKeys),
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Unsealable> {
        let (recipient, offer) = to;
        let (log, keys) = held;
        let mut named = Vec::new();
        for (alias, number) in versions {
            let version = log
                .keys()
                .version(*alias, *number)
                .ok_or(Unsealable::NotHeld)?;
            let key = keys
                .key(*alias, *number, &version.commitment)
                .ok_or(Unsealable::NotHeld)?;
            let granted = GrantedVersion {
                alias: *alias,
                number: *number,
                commitment: version.commitment,
                created_by: version.created_by.clone(),
            };
            named.push((granted, key));
        }
        named.sort_by_key(|(granted, _)| granted.name());
        let context = GrantContext {
            partnership: self.partnership,
            case: self.case,
            author: self.organisation,
            event_id: id,
            recipient,
            offer: &offer.reference,
        };
        let public_key =
            OfferKey::try_from(offer.public_key.clone()).map_err(|_| Error::BadOffer)?;
        let wrapped: Vec<_> = named.iter().map(|(granted, key)| (granted, *key)).collect();
        let keys = wrap(&context, &public_key, &wrapped, rng)?;
        let grant = Grant {
            recipient: recipient.clone(),
            offer: offer.reference.clone(),
            basis,
            versions: named.into_iter().map(|(granted, _)| granted).collect(),
        };
        self.record(id, KeyEntry::Grant(grant), Some(keys), rng)
    }

    fn record(
        &mut self,
        id: EventId,
        entry: KeyEntry,
        keys: Option<ReadyPart>,
        rng: &mut impl CryptoRng,
    ) -> Result<Envelope, Unsealable> {
        let (applied_count, applied_hash) = self.applied;
        let record = KeyRecord {
            applied_count,
            applied_hash,
            traceparent: String::new(),
            entry,
        };
        let makes_successor = matches!(&record.entry, KeyEntry::Version(made)
            if self.newest.get(&Compartment::Process).is_some_and(|(alias, _)| *alias == made.alias));
        let under = match &self.stale_process {
            Some(stale) if makes_successor => stale,
            _ => self.current(Compartment::Process)?,
        };
        let mut sealed = vec![self.seal_under(under, id, 0, &record.encode(), rng)?];
        sealed.extend(keys);
        self.assemble(id, sealed, Class::Key)
    }

    fn seal(
        &self,
        id: EventId,
        compartment: Compartment,
        index: u32,
        content: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<ReadyPart, Unsealable> {
        self.seal_under(self.current(compartment)?, id, index, content, rng)
    }

    fn current(&self, compartment: Compartment) -> Result<&Current, Unsealable> {
        self.lines
            .get(&compartment)
            .ok_or(Unsealable::NoLine(compartment))?
            .as_ref()
            .ok_or(Unsealable::NeedsVersion(compartment))
    }

    fn seal_under(
        &self,
        current: &Current,
        id: EventId,
        index: u32,
        content: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<ReadyPart, Unsealable> {
        let place = PartContext {
            partnership: self.partnership,
            organisation: self.organisation,
            event_id: id,
            case: self.case,
            alias: current.alias,
            key_version: current.number,
            index,
        };
        Ok(seal(&place, &current.key, content, rng)?)
    }

    fn assemble(
        &mut self,
        id: EventId,
        sealed: Vec<ReadyPart>,
        class: fn(CaseLink) -> Class,
    ) -> Result<Envelope, Unsealable> {
        let (seq, prev) = self
            .head
            .map_or((1, EventHash::ZERO), |head| (head.seq + 1, head.hash));
        let envelope = Envelope::assemble(
            id,
            class(CaseLink {
                case: self.case,
                seq,
                prev,
            }),
            sealed,
        )?;
        self.head = Some(CaseHead {
            seq,
            hash: envelope.hash(),
        });
        Ok(envelope)
    }

    /// Names an envelope that this organisation made.
    #[must_use]
    pub fn reference(&self, envelope: &Envelope) -> EventReference {
        EventReference {
            organisation: self.organisation.clone(),
            event_id: envelope.header().event_id,
            hash: envelope.hash(),
        }
    }
}
