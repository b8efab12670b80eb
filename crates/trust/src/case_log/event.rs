//! EVENT envelopes: which key versions they are sealed under, what they say, and what they change.

use concordat_codec::event::{HeaderFacts, to_domain};
use concordat_codec::{Error as CodecError, parts};
use concordat_domain::event::Event;
use concordat_domain::ids::OrganisationId;
use concordat_domain::rules::RULES_VERSION;
use concordat_domain::{Case, Placement, calendar, evolve, judge};
use concordat_proto::v1;
use zeroize::Zeroizing;

use super::keys::{KeyLine, Version};
use super::{
    Applied, Arrival, CaseLog, Context, Exposure, ExposureKind, Park, Verdict, VoidReason,
};
use crate::compartment::Compartment;
use crate::digest::{Commitment, Hash};
use crate::envelope::{CaseLink, PartReference};
use crate::key_record::EventReference;
use crate::lines::{Alias, Line, Scope};
use crate::seal::{PartContext, open};

/// A part's opened content; wiped when dropped.
pub(super) type Opened = Zeroizing<Vec<u8>>;

impl CaseLog {
    pub(super) fn apply_event(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Applied {
        if self.case.is_none() {
            return self.apply_opening(arrival, context);
        }
        if self.is_outsider(arrival.author, context.rules.directory) {
            return Applied::of(Verdict::Void(VoidReason::Refused(
                concordat_domain::Reason::NotParticipant,
            )));
        }
        let exposures = match self.check_versions(arrival) {
            Ok(exposures) => exposures,
            Err(reason) => return Applied::of(Verdict::Void(reason)),
        };
        let opened = match self.open_part_zero(arrival, context) {
            Ok(opened) => opened,
            Err(verdict) => return Applied::of(verdict),
        };
        let applied = match read_wire(&opened) {
            Ok(wire) => {
                let applied = match domain_event(&wire, arrival, self.id) {
                    Ok(event) => self.judge_event(event, arrival, context),
                    Err(verdict) => Applied::of(verdict),
                };
                applied.stating(stated(&wire))
            }
            Err(verdict) => Applied::of(verdict),
        };
        if applied.verdict == Verdict::Effective {
            self.keys.exposures.extend(exposures);
        }
        applied
    }

    /// The first event: it says its own lines, so it is opened by trying the keys held under the number it names.
    fn apply_opening(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Applied {
        let Some(reference) = arrival.envelope.header().parts.first().copied() else {
            return Applied::of(Verdict::Unseen);
        };
        let place = part_context(arrival, context, self.id, &reference, 0);
        let part = arrival.envelope.part_zero();
        let opened = context
            .keys
            .candidates(Alias(reference.alias), reference.key_version)
            .find_map(|key| open(&place, key, part).ok());
        let Some(opened) = opened else {
            return Applied::of(Verdict::Unseen);
        };
        let event = match read_wire(&opened) {
            Ok(event) => event,
            Err(verdict) => return Applied::of(verdict),
        };
        let Some(lines) = lines_of(&event, arrival) else {
            return Applied::of(Verdict::Void(VoidReason::Unreadable));
        };
        let opens_itself = lines.iter().any(|(alias, line)| {
            alias.0 == reference.alias
                && line.compartment() == Compartment::Process
                && reference.key_version == 1
        });
        if !opens_itself {
            return Applied::of(Verdict::Void(VoidReason::Unreadable));
        }
        let event = match domain_event(&event, arrival, self.id) {
            Ok(event) => event,
            Err(verdict) => return Applied::of(verdict),
        };
        let applied = self.judge_event(event, arrival, context);
        if applied.verdict == Verdict::Effective {
            self.keys.lines.extend(lines);
        }
        applied
    }

    /// Whether each part is sealed under a version that is effective here and that its author could still take for open.
    ///
    /// What comes back are exposures: parts sealed, in good faith, under a version that someone holds who has lost access since.
    pub(super) fn check_versions(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<Vec<Exposure>, VoidReason> {
        let mut exposures = Vec::new();
        for (index, reference) in arrival.envelope.header().parts.iter().enumerate() {
            if reference.alias == 0 {
                continue;
            }
            let alias = Alias(reference.alias);
            let line = self.keys.lines.get(&alias).ok_or(VoidReason::Unreadable)?;
            if (index == 0) != (line.compartment() == Compartment::Process) {
                return Err(VoidReason::Unreadable);
            }
            let version = line
                .versions
                .get(&reference.key_version)
                .ok_or(VoidReason::Unreadable)?;
            if self.is_stillborn(arrival, alias, reference.key_version, version) {
                return Err(VoidReason::Unreadable);
            }
            let Some(closed_at) = version.closed_at else {
                continue;
            };
            if arrival.seen_size > closed_at {
                return Err(VoidReason::SupersededKey);
            }
            if !version.stale_for.is_empty() && index > 0 {
                exposures.push(Exposure {
                    position: arrival.position,
                    author: arrival.author.clone(),
                    recipients: version.stale_for.clone(),
                    lines: [alias].into(),
                    kind: ExposureKind::SealedUnderStaleVersion,
                });
            }
        }
        Ok(exposures)
    }

    /// Whether the author had made a version of this number itself, which is void, and could not know that yet.
    fn is_stillborn(
        &self,
        arrival: &Arrival<'_>,
        alias: Alias,
        number: u32,
        version: &Version,
    ) -> bool {
        version.created_by.organisation != *arrival.author
            && self
                .keys
                .stillborn
                .iter()
                .any(|(line, stillborn, author, bundle)| {
                    (*line, *stillborn) == (alias, number)
                        && author == arrival.author
                        && arrival.seen_size <= *bundle
                })
    }

    /// Opens part 0 under its version, whose place in the line was checked.
    pub(super) fn open_part_zero(
        &self,
        arrival: &Arrival<'_>,
        context: &Context<'_>,
    ) -> Result<Opened, Verdict> {
        let unreadable = Verdict::Void(VoidReason::Unreadable);
        let reference = arrival
            .envelope
            .header()
            .parts
            .first()
            .ok_or(unreadable.clone())?;
        let alias = Alias(reference.alias);
        let version = self
            .keys
            .version(alias, reference.key_version)
            .ok_or(unreadable.clone())?;
        let key = context
            .keys
            .key(alias, reference.key_version, &version.commitment)
            .ok_or(Verdict::Parked(Park::KeyMissing))?;
        let place = part_context(arrival, context, self.id, reference, 0);
        open(&place, key, arrival.envelope.part_zero()).map_err(|_| unreadable)
    }

    fn judge_event(
        &mut self,
        event: Event,
        arrival: &Arrival<'_>,
        context: &Context<'_>,
    ) -> Applied {
        if let Some(park) = self.rules_missing(&event, context) {
            return Applied::of(Verdict::Parked(park));
        }
        let verdict = match judge(self.case.as_ref(), &event, context.rules) {
            Ok(()) => {
                self.take_effect(&event, arrival, context);
                Verdict::Effective
            }
            Err(refusal) => {
                if let Some(case) = &mut self.case {
                    case.note_void(&event);
                }
                Verdict::Void(VoidReason::Refused(refusal.reason))
            }
        };
        Applied {
            verdict,
            event: Some(event),
            stated: None,
        }
    }

    fn take_effect(&mut self, event: &Event, arrival: &Arrival<'_>, context: &Context<'_>) {
        let case_seq = arrival
            .envelope
            .header()
            .class
            .link()
            .map_or(0, |link: &CaseLink| link.seq);
        let placement = Placement {
            position: arrival.position,
            case_seq,
        };
        let standing = |case: &Case, organisation: &OrganisationId| {
            (
                case.relation(organisation),
                case.consent_covers(organisation),
                case.disclosed_to(organisation),
            )
        };
        let directory = context.rules.directory;
        let organisations = || directory.organisations().map(|entry| &entry.id);
        let stood = self.case.as_ref().map(|case| {
            let standings = organisations().map(|organisation| standing(case, organisation));
            standings.collect::<Vec<_>>()
        });
        let after = evolve(self.case.take(), event, &placement, context.rules);
        self.keys.effective.insert(arrival.envelope.hash());
        let this = self.reference(arrival);
        for (place, organisation) in organisations().enumerate() {
            let changed = stood
                .as_ref()
                .is_none_or(|stood| stood[place] != standing(&after, organisation));
            if changed && after.relation(organisation) != concordat_domain::case::Relation::Outsider
            {
                self.keys.bases.insert(organisation.clone(), this.clone());
                if let Some(proxy) = directory.proxy_of(organisation) {
                    self.keys.bases.insert(proxy.clone(), this.clone());
                }
            }
        }
        self.keys.opening.get_or_insert(this);
        self.case = Some(after);
        self.note_proxies(directory);
        self.close_what_was_lost(arrival);
    }

    /// Whoever may no longer hold a line has lost access from here on: what it holds is stale, for everyone who sees this bundle.
    fn close_what_was_lost(&mut self, arrival: &Arrival<'_>) {
        let on = calendar::local_date(arrival.claimed_at);
        let mut lost = Vec::new();
        for (alias, line) in &self.keys.lines {
            let holders = line
                .versions
                .values()
                .flat_map(|version| version.holders.difference(&version.stale_for));
            for holder in holders {
                if !self.may_hold(holder, line.compartment(), on) {
                    lost.push((*alias, holder.clone()));
                }
            }
        }
        for (alias, holder) in lost {
            self.keys
                .make_stale(alias, &holder, arrival.position.bundle);
        }
    }

    /// What the case pins and this node does not have.
    fn rules_missing(&self, event: &Event, context: &Context<'_>) -> Option<Park> {
        let pins = self
            .case
            .as_ref()
            .map(|case| case.pins())
            .or(event.opening.as_ref())?;
        let lacks_pack = pins.packs.iter().any(|(id, hash)| {
            context
                .rules
                .packs
                .get(id)
                .is_none_or(|pack| hex::encode(pack.hash()) != *hash)
        });
        let known =
            pins.rules_version == RULES_VERSION && pins.tz_release == calendar::tz_release();
        (lacks_pack || !known).then_some(Park::RulesMissing)
    }
}

/// The place of a part, from headers alone.
pub(super) fn part_context<'a>(
    arrival: &Arrival<'a>,
    context: &Context<'a>,
    case: concordat_domain::ids::CaseId,
    reference: &PartReference,
    index: u32,
) -> PartContext<'a> {
    PartContext {
        partnership: context.partnership,
        organisation: arrival.author,
        event_id: arrival.envelope.header().event_id,
        case,
        alias: Alias(reference.alias),
        key_version: reference.key_version,
        index,
    }
}

fn read_wire(opened: &[u8]) -> Result<v1::Event, Verdict> {
    parts::merge([(v1::Compartment::Process, opened)]).map_err(verdict_of)
}

fn domain_event(
    event: &v1::Event,
    arrival: &Arrival<'_>,
    case: concordat_domain::ids::CaseId,
) -> Result<Event, Verdict> {
    let facts = HeaderFacts {
        id: arrival.envelope.header().event_id,
        case,
        author: arrival.author.clone(),
        claimed_at: arrival.claimed_at,
        content_digest: arrival.envelope.hash().0,
    };
    to_domain(event, facts).map_err(verdict_of)
}

/// What the author says it had applied of the case.
fn stated(event: &v1::Event) -> Option<(u64, Hash)> {
    let hash = event.applied_hash.as_deref()?;
    Some((event.applied_count?, Hash::try_from(hash).ok()?))
}

fn verdict_of(error: CodecError) -> Verdict {
    match error {
        CodecError::UnknownEventType(_) => Verdict::Parked(Park::UnknownEventType),
        _ => Verdict::Void(VoidReason::Unreadable),
    }
}

/// The lines that an opening event makes: number 1 of each, made by its own envelope and held by its author.
fn lines_of(event: &v1::Event, arrival: &Arrival<'_>) -> Option<Vec<(Alias, KeyLine)>> {
    let created_by = EventReference {
        organisation: arrival.author.clone(),
        event_id: arrival.envelope.header().event_id,
        hash: arrival.envelope.hash(),
    };
    let mut table = crate::lines::AliasTable::default();
    let mut lines = Vec::new();
    for entry in &event.opening.as_ref()?.alias_table {
        let compartment = Compartment::try_from(entry.compartment()).ok()?;
        let line = Line {
            compartment,
            scope: Scope::from(entry.scope().to_owned()),
        };
        let alias = Alias(entry.alias());
        table.add(alias, line.clone()).ok()?;
        let version = Version {
            commitment: Commitment::try_from(entry.commitment()).ok()?,
            created_by: created_by.clone(),
            holders: [arrival.author.clone()].into(),
            stale_for: Default::default(),
            closed_at: None,
        };
        lines.push((
            alias,
            KeyLine {
                line,
                versions: [(1, version)].into(),
            },
        ));
    }
    Some(lines)
}
