//! One case as a party's node computes it: envelope after envelope, in log order, rulings on events and on keys together.
//!
//! ```text
//! admitted envelope ─▶ may its author speak? ─▶ under which key version? ─▶ open part 0 ─▶ judge ─▶ evolve
//!                        not-participant          unreadable, superseded-key    parked        domain reasons
//! ```
//!
//! Everything here is decided from `process` and clear headers, so that all parties decide alike; only *parking* is a node's own
//! affair. What a party must not see, and content, never enter.

mod authoring;
mod event;
mod keys;
mod record;
mod verdict;

use std::collections::BTreeMap;

use concordat_domain::case::Relation;
use concordat_domain::directory::Directory;
use concordat_domain::event::Event;
use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_domain::{Case, Rules};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::compartment::Compartment;
use crate::digest::{Hash, PartnershipId};
use crate::envelope::{Class, Envelope, Suite, applied_hash};
use crate::keyring::CaseKeys;

pub use authoring::{Author, NewCase, Unsealable};
pub use keys::{Exposure, ExposureKind, KeyLine, KeyState, OfferFact, Version};
pub use verdict::{KeyFault, Park, Verdict, VoidReason};

/// An admitted envelope of the case, with what its bundle says.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Where it stands.
    pub position: Position,
    /// Who signed the bundle.
    pub author: &'a OrganisationId,
    /// The author's clock when it signed.
    pub claimed_at: Timestamp,
    /// Number of bundles that the author had applied.
    pub seen_size: u64,
    /// Whether what the author had seen is a prefix of this log.
    pub seen_holds: bool,
    /// The envelope.
    pub envelope: &'a Envelope,
}

/// What applying an envelope may read besides the case.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The partnership, bound into every sealed part.
    pub partnership: &'a PartnershipId,
    /// Directory, packs and calendars in force at the position.
    pub rules: &'a Rules<'a>,
    /// The keys of this case that the node holds.
    pub keys: &'a CaseKeys,
}

/// What came of one envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The ruling, or why there is none here.
    pub verdict: Verdict,
    /// The event as judged, if it is one and its `process` could be read.
    pub event: Option<Event>,
    /// Count and running hash of the case's envelopes that the author says it had applied, if what it says could be read. Whoever holds
    /// the same log finds the same hash at that count.
    pub stated: Option<(u64, Hash)>,
}

impl Applied {
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            event: None,
            stated: None,
        }
    }

    fn stating(self, stated: Option<(u64, Hash)>) -> Self {
        Self { stated, ..self }
    }
}

/// The fold of one case on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseLog {
    id: CaseId,
    case: Option<Case>,
    keys: KeyState,
    /// Admitted envelopes applied, void ones too.
    applied_count: u64,
    /// Running hash over them.
    applied_hash: Hash,
    /// Position of the last one.
    last: Option<Position>,
    /// The bodies of the case for which another organisation records, with that one: it holds what they may hold.
    #[serde(default)]
    proxies: BTreeMap<OrganisationId, OrganisationId>,
    /// Why the next one cannot be judged here for now, and where it stands.
    parked: Option<(Position, Park)>,
}

impl CaseLog {
    /// A case of which nothing was applied yet.
    #[must_use]
    pub fn new(id: CaseId) -> Self {
        Self {
            id,
            case: None,
            keys: KeyState::default(),
            applied_count: 0,
            applied_hash: Hash::ZERO,
            last: None,
            proxies: BTreeMap::new(),
            parked: None,
        }
    }

    /// The id of the case.
    #[must_use]
    pub fn id(&self) -> CaseId {
        self.id
    }

    /// The domain state, once an opening event is effective.
    #[must_use]
    pub fn case(&self) -> Option<&Case> {
        self.case.as_ref()
    }

    /// What all parties know about the keys.
    #[must_use]
    pub fn keys(&self) -> &KeyState {
        &self.keys
    }

    /// Count and running hash of the admitted envelopes applied: what an author states in `process`.
    #[must_use]
    pub fn applied(&self) -> (u64, Hash) {
        (self.applied_count, self.applied_hash)
    }

    /// Position of the last envelope applied.
    #[must_use]
    pub fn last_position(&self) -> Option<Position> {
        self.last
    }

    /// Where judging stands still, and why.
    #[must_use]
    pub fn parked(&self) -> Option<&(Position, Park)> {
        self.parked.as_ref()
    }

    /// Lets judging go on: call it when a key or a rules version has come, then apply again from the position where it stood still.
    pub fn unpark(&mut self) {
        self.parked = None;
    }

    /// The bodies for which an organisation acts in the case: itself, and those for which it records.
    pub fn bodies_of<'a>(
        &'a self,
        organisation: &'a OrganisationId,
    ) -> impl Iterator<Item = &'a OrganisationId> {
        let proxied = self
            .proxies
            .iter()
            .filter(move |(_, proxy)| *proxy == organisation);
        std::iter::once(organisation).chain(proxied.map(|(body, _)| body))
    }

    /// Whose node holds the keys of a body: its own, or that of the organisation which records for it.
    #[must_use]
    pub fn holder_for<'a>(&'a self, body: &'a OrganisationId) -> &'a OrganisationId {
        self.proxies.get(body).unwrap_or(body)
    }

    /// Whether an organisation has a part in the case, its own or that of a body for which it records.
    #[must_use]
    pub fn takes_part(&self, organisation: &OrganisationId) -> bool {
        self.case.as_ref().is_some_and(|case| {
            self.bodies_of(organisation)
                .any(|body| case.relation(body) != Relation::Outsider)
        })
    }

    /// Whether `organisation` may hold keys of this compartment as the case stands on that day, for itself or for a body for which it
    /// records.
    ///
    /// `process` goes with being party, invitee or former receiver. Content goes with the person's consent; the receiver has it from
    /// the person. Consent in general terms covers identity, narrative, health and social care; it cannot cover what concerns other
    /// people (`third-party`, `staff`), nor safeguarding, which has a channel of its own.
    #[must_use]
    pub fn may_hold(
        &self,
        organisation: &OrganisationId,
        compartment: Compartment,
        on: Date,
    ) -> bool {
        let Some(case) = &self.case else { return false };
        self.bodies_of(organisation)
            .any(|body| may_hold(case, body, compartment, on))
    }

    /// Whether `organisation` may be given keys of this compartment that another one made.
    ///
    /// As [`Self::may_hold`], but no content while nobody's authority is checked after a person's status changed, and what a receiver noted on safeguarding stays with it, also when the complaint is passed on: whoever
    /// receives it then notes its own. In a restricted channel it goes with the disclosure record.
    #[must_use]
    pub fn may_be_granted(
        &self,
        organisation: &OrganisationId,
        compartment: Compartment,
        on: Date,
    ) -> bool {
        let Some(case) = &self.case else { return false };
        let stays = compartment == Compartment::Safeguarding && !case.is_channel();
        let waits = compartment != Compartment::Process && case.is_authority_pending();
        !stays && !waits && self.may_hold(organisation, compartment, on)
    }

    /// Applies the next admitted envelope of the case, in log order.
    ///
    /// A verdict of [`Verdict::Parked`] leaves the case as it was; so does [`Verdict::Unseen`]. Everything else counts the envelope
    /// as applied, void ones too.
    pub fn apply(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Applied {
        if let Some((_, park)) = &self.parked {
            return Applied::of(Verdict::Parked(park.clone()));
        }
        self.note_proxies(context.rules.directory);
        let applied = self.rule(arrival, context);
        match &applied.verdict {
            Verdict::Parked(park) => self.parked = Some((arrival.position, park.clone())),
            Verdict::Unseen => {}
            Verdict::Effective | Verdict::Void(_) => self.count(arrival),
        }
        applied
    }

    fn rule(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Applied {
        if !arrival.seen_holds {
            return Applied::of(Verdict::Void(VoidReason::SplitView));
        }
        let header = arrival.envelope.header();
        let clear = header
            .parts
            .first()
            .is_some_and(|part| part.suite == Suite::Clear);
        match (&header.class, clear) {
            (Class::Event(_), _) => self.apply_event(arrival, context),
            (Class::Key(_), true) => {
                Applied::of(self.apply_clear_record(arrival, context.rules.directory))
            }
            (Class::Key(_), false) => {
                let (verdict, stated) = self.apply_sealed_record(arrival, context);
                Applied::of(verdict).stating(stated)
            }
            // A record of the partnership belongs to no case and is never handed here.
            (Class::Partnership, _) => Applied::of(Verdict::Unseen),
        }
    }

    fn count(&mut self, arrival: &Arrival<'_>) {
        self.applied_count += 1;
        self.applied_hash =
            applied_hash(&self.applied_hash, arrival.author, &arrival.envelope.hash());
        self.last = Some(arrival.position);
    }

    /// Whether the author may not speak in the case at all, neither for itself nor for a body; decided before anything is opened.
    fn is_outsider(&self, author: &OrganisationId, directory: &Directory) -> bool {
        let Some(case) = &self.case else { return false };
        let takes_part = |body: &OrganisationId| case.relation(body) != Relation::Outsider;
        !takes_part(author) && !directory.recorded_for_by(author).any(takes_part)
    }

    /// Who records for whom among the bodies of the case, as the directory at this position has it.
    pub(super) fn note_proxies(&mut self, directory: &Directory) {
        let Some(case) = &self.case else { return };
        let proxied = directory.organisations().filter_map(|entry| {
            let proxy = entry.proxy.as_ref()?;
            let takes_part = case.relation(&entry.id) != Relation::Outsider;
            takes_part.then(|| (entry.id.clone(), proxy.clone()))
        });
        self.proxies = proxied.collect();
    }
}

/// [`CaseLog::may_hold`] for a case as it will be.
#[must_use]
pub fn may_hold(
    case: &Case,
    organisation: &OrganisationId,
    compartment: Compartment,
    on: Date,
) -> bool {
    if compartment == Compartment::Process {
        return case.relation(organisation) != concordat_domain::case::Relation::Outsider;
    }
    if !case.is_party(organisation) {
        return false;
    }
    if case.receiver() == organisation {
        return true;
    }
    // What was recorded in a channel was recorded for the bodies that a disclosure record of it names (D-05), whoever it is about.
    if case.disclosure_opens(organisation, &compartment.to_string()) {
        return true;
    }
    let consentable = matches!(
        compartment,
        Compartment::Identity
            | Compartment::Narrative
            | Compartment::Health
            | Compartment::SocialCare
    );
    consentable && case.consent_opens_on(organisation, &compartment.to_string(), on)
}

#[cfg(test)]
mod tests;
