//! One case: the fold of its effective events.

mod change;
mod channel;
mod consent;
mod cooperation;
mod facts;
mod flags;
mod ledger;
mod next;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use change::Change;
pub(crate) use channel::Channel;
pub use channel::Disclosed;
pub(crate) use consent::{Moment, Request, Standing as ConsentStanding};
pub(crate) use cooperation::{Asked, EventMark};
pub(crate) use facts::{
    Action, Circulated, Facts, Impasse, Issue, Lateness, Membership, Progress, Receipt,
    Recommendation, Roles, Strand,
};
pub use ledger::DeadlineName;
pub(crate) use ledger::{Ending, How, Occurrence, Start};
pub use next::NextEvent;
pub use state::{From, State};

use crate::calendar;
use crate::event::{CaseVersion, Event, Opening};
use crate::events::correction::days_of;
use crate::ids::{CaseId, EventId, OrganisationId, PackId};
use crate::policy::{Force, PolicyPack, Regime, Rule};
use crate::rules::Rules;

/// A case as every party's node holds it. Compare two by [`Case::digest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub(crate) facts: Facts,
    /// The content digests of all ruled events that used up their id, void ones too. Not part of the digest, since a
    /// void event changes nothing that the parties share.
    used: BTreeMap<OrganisationId, BTreeMap<EventId, String>>,
}

/// What an organisation is to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Receiver, keeper, joined participant or commissioner of record.
    Party,
    /// Added or passed to, not yet joined.
    Invitee,
    /// The first body after a pass-on, which may do what it still owes itself.
    FormerReceiver,
    /// None of these: to it the case does not exist.
    Outsider,
}

impl Case {
    /// The case that an opening event begins: its author is receiver and keeper.
    pub(crate) fn open(event: &Event) -> Self {
        let actor = event.actor().clone();
        let pins = event.opening.clone().unwrap_or_default();
        let trail = hex::encode(Sha256::digest(event.case.0));
        let roles = Roles {
            receiver: actor.clone(),
            keeper: actor,
            epoch: 1,
            joint: false,
            lead: None,
            former_receivers: BTreeSet::new(),
            commissioner: None,
            passed_to: None,
            members: BTreeMap::new(),
            named_before: BTreeSet::new(),
        };
        let receipt = Receipt {
            received_on: None,
            known_on: None,
            occurred_on: None,
            continuing: false,
            oral: false,
            anonymous: false,
            late: Lateness::InTime,
            about_posts: BTreeSet::new(),
        };
        let facts = Facts {
            id: event.case,
            pins,
            opened_by: Some(event.id),
            policy: None,
            protocol: None,
            regime: Regime::Other,
            state: State::Received,
            roles,
            receipt,
            consent: Default::default(),
            lead: Default::default(),
            issues: None,
            closed_early: BTreeSet::new(),
            work: Default::default(),
            answer: Default::default(),
            actions: BTreeMap::new(),
            requests: BTreeMap::new(),
            staged: Default::default(),
            handover: Default::default(),
            holds: BTreeMap::new(),
            recommendations: BTreeMap::new(),
            standing: Default::default(),
            subcases: BTreeSet::new(),
            cooperation: Default::default(),
            ledger: Default::default(),
            days: BTreeMap::new(),
            published_missed: BTreeSet::new(),
            published_approaching: BTreeSet::new(),
            effective: BTreeMap::new(),
            trail,
            channel: None,
        };
        Self {
            facts,
            used: BTreeMap::new(),
        }
    }

    /// SHA-256 over the canonical JSON of what all parties share, time apart: equal on every party's node at the same
    /// position, changed by every effective event and by no void one.
    pub fn digest(&self) -> [u8; 32] {
        let bytes = serde_json::to_vec(&self.facts)
            .expect("facts have text keys only, so they always serialise");
        Sha256::digest(bytes).into()
    }

    /// The id of the case.
    pub fn id(&self) -> CaseId {
        self.facts.id
    }

    /// Where the case stands.
    pub fn state(&self) -> State {
        self.facts.state
    }

    /// The compartments whose content is gone for good, by their names (D-07); none before the case is erased.
    pub fn erased(&self) -> impl Iterator<Item = &str> {
        self.facts.standing.erased.iter().map(String::as_str)
    }

    /// The organisation that runs the case.
    pub fn keeper(&self) -> &OrganisationId {
        &self.facts.roles.keeper
    }

    /// The organisation that received the complaint, or accepted it on a pass-on.
    pub fn receiver(&self) -> &OrganisationId {
        &self.facts.roles.receiver
    }

    /// The number that rises at each change of keeper; 1 at the start.
    pub fn lead_epoch(&self) -> u32 {
        self.facts.roles.epoch
    }

    /// The lead of a joint case, once agreed or determined.
    pub fn lead(&self) -> Option<&OrganisationId> {
        self.facts.roles.lead.as_ref()
    }

    /// Whether the case has entered `agreeing-lead`.
    pub fn is_joint(&self) -> bool {
        self.facts.roles.joint
    }

    /// What the case pinned at its first event.
    pub fn pins(&self) -> &Opening {
        &self.facts.pins
    }

    /// The policy pack and the local protocol of the case.
    pub fn packs(&self) -> impl Iterator<Item = &PackId> {
        // A channel names none: what its first event pinned is what it is judged by.
        let of_channel = self.is_channel().then(|| self.facts.pins.packs.keys());
        let named = self.facts.policy.iter().chain(&self.facts.protocol);
        named.chain(of_channel.into_iter().flatten())
    }

    /// The cases that a party linked as sub-case of a strand, or this one as sub-case of theirs (Q19).
    pub fn subcases(&self) -> BTreeSet<CaseId> {
        let named = self.facts.subcases.iter();
        named.filter_map(|id| id.parse().ok()).collect()
    }

    /// The rule of a deadline in a situation, and its pack. What a policy pack holds as `local` only fills a gap: the local protocol goes
    /// before it.
    pub(crate) fn rule<'r>(
        &self,
        name: &str,
        variant: Option<&str>,
        rules: &Rules<'r>,
    ) -> Option<(&'r PolicyPack, &'r Rule)> {
        let packs = self.packs().filter_map(|id| rules.packs.get(id));
        let mut found: Vec<_> = packs
            .filter_map(|pack| Some((pack, pack.rule(name, variant)?)))
            .collect();
        // Stable: among equals the policy, which stands first, is taken.
        found.sort_by_key(|(pack, rule)| {
            rule.force == Force::Local && pack.regime() != Regime::Protocol
        });
        found.into_iter().next()
    }

    /// The family of regulations that decides conditional fields.
    pub fn regime(&self) -> Regime {
        self.facts.regime
    }

    /// What this organisation is to the case.
    pub fn relation(&self, org: &OrganisationId) -> Relation {
        let roles = &self.facts.roles;
        let member = roles.members.get(org);
        if *org == roles.keeper
            || *org == roles.receiver
            || roles.commissioner.as_ref() == Some(org)
            || member.is_some_and(|member| *member != Membership::Invited)
        {
            Relation::Party
        } else if member == Some(&Membership::Invited) || roles.passed_to.as_ref() == Some(org) {
            Relation::Invitee
        } else if roles.former_receivers.contains(org) {
            Relation::FormerReceiver
        } else {
            Relation::Outsider
        }
    }

    /// Whether it is receiver, keeper, joined participant or commissioner of record.
    pub fn is_party(&self, org: &OrganisationId) -> bool {
        self.relation(org) == Relation::Party
    }

    /// Whether it was added or passed to and has not joined yet.
    pub fn is_invitee(&self, org: &OrganisationId) -> bool {
        self.relation(org) == Relation::Invitee
    }

    /// Whether the complaint became its own by a notice of the commissioner, and it has not recorded yet that it joined.
    pub(crate) fn is_notified(&self, org: &OrganisationId) -> bool {
        self.facts.roles.members.get(org) == Some(&Membership::Notified)
    }

    /// Whether it is the first body after a pass-on.
    pub fn is_former_receiver(&self, org: &OrganisationId) -> bool {
        self.relation(org) == Relation::FormerReceiver
    }

    /// The first bodies after a pass-on that have no other role, ordered by id.
    pub fn former_receivers(&self) -> impl Iterator<Item = &OrganisationId> {
        let former = self.facts.roles.former_receivers.iter();
        former.filter(|org| self.is_former_receiver(org))
    }

    /// Whether a deadline runs that is this body's own, whoever keeps the case, and whose rule is asked for.
    pub(crate) fn owes_itself(&self, org: &OrganisationId, rule: impl Fn(&str) -> bool) -> bool {
        let mut occurrences = self.facts.ledger.occurrences.iter();
        occurrences.any(|occurrence| {
            occurrence.ending.is_none()
                && !occurrence.follows_keeper
                && occurrence.owner == *org
                && rule(occurrence.name.rule())
        })
    }

    /// All parties, ordered by id.
    pub fn parties(&self) -> BTreeSet<&OrganisationId> {
        let roles = &self.facts.roles;
        let joined = roles
            .members
            .iter()
            .filter(|(_, member)| **member != Membership::Invited)
            .map(|(org, _)| org);
        joined
            .chain([&roles.keeper, &roles.receiver])
            .chain(&roles.commissioner)
            .collect()
    }

    /// All invitees, ordered by id.
    pub fn invitees(&self) -> BTreeSet<&OrganisationId> {
        let roles = &self.facts.roles;
        roles
            .members
            .keys()
            .chain(&roles.passed_to)
            .filter(|org| self.is_invitee(org))
            .collect()
    }

    /// Whether this action is this body's to do.
    pub(crate) fn owes_action(&self, id: &str, org: &OrganisationId) -> bool {
        let action = self.facts.actions.get(id);
        action.is_some_and(|action| action.org == *org)
    }

    /// Whether this request for information was put to this body.
    pub(crate) fn owes_information(&self, request: &str, org: &OrganisationId) -> bool {
        self.facts.requests.get(request) == Some(org)
    }

    /// The post that answers for a deadline, where the case says so: of actions and recommendations.
    pub(crate) fn post_for(&self, deadline: &DeadlineName) -> Option<String> {
        let id = deadline.subject()?;
        match deadline.rule() {
            "action" => self.facts.actions.get(id)?.owner.clone(),
            "recommendation" => self.facts.recommendations.get(id)?.owner.clone(),
            _ => None,
        }
    }

    /// Whether this recommendation is this body's to comply with.
    pub(crate) fn owes_recommendation(&self, id: &str, org: &OrganisationId) -> bool {
        let recommended = self.facts.recommendations.get(id);
        recommended.is_some_and(|recommended| recommended.org == *org)
    }

    /// Whether the keeper is the only party.
    pub(crate) fn is_alone(&self) -> bool {
        self.parties().len() == 1
    }

    /// Effective events by organisations other than this one: the `others` of its [`CaseVersion`].
    pub fn version_for(&self, org: &OrganisationId) -> u64 {
        self.facts
            .effective
            .iter()
            .filter(|(author, _)| *author != org)
            .map(|(_, count)| count)
            .sum()
    }

    /// Whether a person's status changed and nobody's authority was checked since: no new content is shared meanwhile.
    pub fn is_authority_pending(&self) -> bool {
        self.facts.standing.authority_pending
    }

    /// Whether the person's consent covers this organisation on that day.
    pub fn consent_covers_on(&self, org: &OrganisationId, on: Date) -> bool {
        self.facts.consent.covers(org, on)
    }

    /// Whether the person's consent opens a class of data, by its code (`health`), as a whole to this organisation on that day.
    pub fn consent_opens_on(&self, org: &OrganisationId, class: &str, on: Date) -> bool {
        self.facts.consent.opens(org, class, on)
    }

    /// Whether the person's consent covers this organisation, its expiry apart.
    pub fn consent_covers(&self, org: &OrganisationId) -> bool {
        self.facts.consent.covers(org, Date::MIN)
    }

    /// Whether an event of this author and id was ruled in this case and used up its id.
    pub fn has_event(&self, author: &OrganisationId, id: EventId) -> bool {
        self.content_of(author, id).is_some()
    }

    /// The hexadecimal content digest of the event with which this author used up this id.
    pub fn content_of(&self, author: &OrganisationId, id: EventId) -> Option<&str> {
        self.used.get(author)?.get(&id).map(String::as_str)
    }

    /// Whether more than one organisation used this id in this case: it is unique for its organisation only.
    pub(crate) fn is_shared_id(&self, id: EventId) -> bool {
        let used = self.used.values().filter(|used| used.contains_key(&id));
        used.count() > 1
    }

    /// Remembers an event that was ruled void, so that its id cannot carry other content. Not for rulings that say nothing
    /// about the event (`split-view`, `unreadable`, `superseded-key`).
    pub fn note_void(&mut self, event: &Event) {
        self.use_up(event);
    }

    /// The packs that the case pinned and these rules do not have in that very text: a node that lacks one parks the case.
    pub fn missing_packs(&self, rules: &Rules<'_>) -> Vec<&PackId> {
        let has = |id: &PackId, hash: &str| {
            rules
                .packs
                .get(id)
                .is_some_and(|pack| hex::encode(pack.hash()) == hash)
        };
        self.facts
            .pins
            .packs
            .iter()
            .filter(|(id, hash)| !has(id, hash))
            .map(|(id, _)| id)
            .collect()
    }

    fn use_up(&mut self, event: &Event) {
        let used = self.used.entry(event.author.clone()).or_default();
        used.entry(event.id)
            .or_insert_with(|| hex::encode(event.content_digest));
    }

    /// Counts an effective event: its id, its author's turn, and the trail that makes every digest its own.
    pub(crate) fn note_effective(&mut self, event: &Event) {
        self.use_up(event);
        *self
            .facts
            .effective
            .entry(event.author.clone())
            .or_default() += 1;
        let days = days_of(&event.fields);
        if !days.is_empty() {
            let keyed = days.into_iter().map(|(named, day)| (named.key(), day));
            self.facts.days.insert(event.id, keyed.collect());
        }
        let mut trail = Sha256::new();
        trail.update(self.facts.trail.as_bytes());
        trail.update(event.author.as_str().as_bytes());
        trail.update(event.id.0);
        trail.update(event.content_digest);
        self.facts.trail = hex::encode(trail.finalize());
    }

    /// This place in the history, with which versions can be compared later.
    pub(crate) fn moment(&self, event: &Event, case_seq: u64) -> Moment {
        let mut effective = self.facts.effective.clone();
        *effective.entry(event.author.clone()).or_default() += 1;
        Moment {
            author: event.author.clone(),
            case_seq,
            effective,
        }
    }

    /// Whether another organisation's event became effective since the author saw this version.
    pub(crate) fn moved_on_since(&self, version: CaseVersion, author: &OrganisationId) -> bool {
        version.others < self.version_for(author)
    }

    /// The local day on which an event occurred.
    pub(crate) fn day_of(event: &Event) -> Date {
        calendar::local_date(event.occurred_at)
    }
}
