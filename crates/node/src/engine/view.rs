//! What the node shows of its state.

use std::sync::Arc;

use concordat_codec::parts;
use concordat_domain::case::NextEvent;
use concordat_domain::event::{CaseVersion, EventType};
use concordat_domain::ids::{CaseId, EventId, OrganisationId, PackId, Position};
use concordat_domain::timetable::{Deadline, PersonDates, dates_for_person, waiting_of_all};
use concordat_domain::{Case, Rules, timetable};
use concordat_proto::v1;
use concordat_trust::bundle::Bundle;
use concordat_trust::case_log::{CaseLog, ExposureKind, KeyLine};
use concordat_trust::keyring::CaseKeys;
use concordat_trust::lines::Alias;
use concordat_trust::seal::{PartContext, open};
use jiff::Timestamp;

use super::cases::envelope_of;
use super::{DIRECTORY, Engine};
use crate::emission::{Receipt, Ruled, Stage};
use crate::error::Error;
use crate::views::{CaseView, EventView, Exposure, Status};

/// The parts of one envelope, by what became of them.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) opened: Vec<(v1::Compartment, Vec<u8>)>,
    pub(super) withheld: Vec<v1::Compartment>,
    pub(super) erased: Vec<v1::Compartment>,
}

impl Engine {
    /// What the person is shown over a case and the sub-cases of its strands, as far as this organisation takes part in them.
    fn person_dates(
        &self,
        (case, deadlines): (&Case, &[Deadline]),
        at: Timestamp,
        rules: &Rules<'_>,
        mut subcase: impl FnMut(CaseId) -> Result<Option<Arc<CaseLog>>, Error>,
    ) -> Result<PersonDates, Error> {
        let mut others = Vec::new();
        for id in case.subcases() {
            let log = subcase(id)?;
            let other = log.as_deref().and_then(CaseLog::case);
            let other = other.filter(|other| other.is_party(&self.config.organisation));
            if let Some(other) = other {
                others.push((id, timetable(other, at, rules).deadlines().to_vec()));
            }
        }
        let others = others.iter().map(|(id, deadlines)| (*id, &deadlines[..]));
        Ok(dates_for_person(
            [(case.id(), deadlines)].into_iter().chain(others),
        ))
    }

    /// A case as this organisation sees it at an instant; now, if none is given.
    pub(crate) fn case_view(&self, id: CaseId, at: Option<Timestamp>) -> Result<CaseView, Error> {
        let log = self.case_log(id)?.ok_or(Error::UnknownCase)?;
        let at = at.unwrap_or_else(|| self.now());
        let rules = self.rules();
        self.view_of_fold(&log, self.version(id)?, at, &rules, |id| self.case_log(id))
    }

    /// A fold of a case as this organisation sees it at an instant, under these rules and beside these folds of its sub-cases.
    pub(super) fn view_of_fold(
        &self,
        log: &CaseLog,
        version: CaseVersion,
        at: Timestamp,
        rules: &Rules<'_>,
        subcase: impl FnMut(CaseId) -> Result<Option<Arc<CaseLog>>, Error>,
    ) -> Result<CaseView, Error> {
        let case = log.case().ok_or(Error::UnknownCase)?;
        let id = case.id();
        let deadlines = timetable(case, at, rules).deadlines().to_vec();
        let ended = !self.takes_part_under(case, rules);
        let next_events = case.next_events(rules);
        Ok(CaseView {
            id,
            state: case.state().to_string(),
            keeper: case.keeper().clone(),
            receiver: case.receiver().clone(),
            former_receivers: case.former_receivers().cloned().collect(),
            lead: case.lead().cloned(),
            lead_epoch: case.lead_epoch(),
            parties: case.parties().into_iter().cloned().collect(),
            invitees: case.invitees().into_iter().cloned().collect(),
            flags: case.flags(at, rules),
            waiting: waiting_of_all(case, &deadlines, at, rules),
            person_dates: self.person_dates((case, &deadlines), at, rules, subcase)?,
            deadlines,
            digest: case.digest(),
            version,
            next_event_types: self.own_types_under(&next_events, rules),
            next_events,
            exposures: log
                .keys()
                .exposures
                .iter()
                .flat_map(|exposure| self.exposure(log, exposure))
                .collect(),
            // A view that has ended stands still for good, and not for want of a key.
            parked: log
                .parked()
                .filter(|_| !ended)
                .map(|(_, park)| park.advice().to_owned()),
            ended,
            position: log.last_position().unwrap_or(Position {
                bundle: 0,
                envelope: 0,
            }),
            pins: case.pins().clone(),
            packs: self.packs_of(case),
            opened_at: self.opened_at(id)?,
        })
    }

    /// Whether this organisation has a part in the case, its own or that of a body for which it records.
    pub(super) fn takes_part(&self, case: &Case) -> bool {
        self.takes_part_under(case, &self.rules())
    }

    fn takes_part_under(&self, case: &Case, rules: &Rules<'_>) -> bool {
        self.bodies_under(rules)
            .any(|body| case.relation(body) != concordat_domain::case::Relation::Outsider)
    }

    /// This organisation and the bodies for which it records.
    pub(super) fn bodies_under<'a>(
        &'a self,
        rules: &Rules<'a>,
    ) -> impl Iterator<Item = &'a OrganisationId> {
        let own = &self.config.organisation;
        std::iter::once(own).chain(rules.directory.recorded_for_by(own))
    }

    /// What this organisation may emit next, for itself or for a body for which it records.
    pub(super) fn next_event_types(&self, case: &Case) -> Vec<EventType> {
        self.own_types(&case.next_events(&self.rules()))
    }

    /// The types among these that this organisation may emit, for itself or for a body for which it records.
    pub(super) fn own_types(&self, next: &[NextEvent]) -> Vec<EventType> {
        self.own_types_under(next, &self.rules())
    }

    fn own_types_under(&self, next: &[NextEvent], rules: &Rules<'_>) -> Vec<EventType> {
        let own = |one: &&NextEvent| self.bodies_under(rules).any(|body| one.by.contains(body));
        next.iter().filter(own).map(|one| one.event_type).collect()
    }

    /// The packs of a case that this node has, with their versions.
    fn packs_of(&self, case: &Case) -> Vec<(PackId, String)> {
        let version =
            |id: &PackId| Some((id.clone(), self.config.packs.get(id)?.version().to_owned()));
        case.packs().filter_map(version).collect()
    }

    /// When the first envelope of a case was signed, by its author's clock.
    fn opened_at(&self, case: CaseId) -> Result<Option<Timestamp>, Error> {
        let Some(first) = self.store.cases().places(&case.0).next() else {
            return Ok(None);
        };
        let (bundle, _) = first?;
        Ok(Some(self.bundle_at(bundle)?.header().place.claimed_time))
    }

    fn exposure(
        &self,
        log: &CaseLog,
        exposure: &concordat_trust::case_log::Exposure,
    ) -> Vec<Exposure> {
        let kind = match exposure.kind {
            ExposureKind::VoidGrant => "void-grant",
            ExposureKind::SealedUnderStaleVersion => "sealed-under-stale-version",
        };
        let compartments = exposure
            .lines
            .iter()
            .filter_map(|alias| log.keys().lines.get(alias));
        compartments
            .map(|line| Exposure {
                position: exposure.position,
                author: exposure.author.clone(),
                recipients: exposure.recipients.clone(),
                compartment: line.compartment().to_string(),
                kind: kind.to_owned(),
            })
            .collect()
    }

    /// Up to `max` cases that this organisation can read, by id, after one.
    pub(crate) fn case_views_after(
        &self,
        after: Option<CaseId>,
        at: Option<Timestamp>,
        max: usize,
    ) -> Result<Vec<CaseView>, Error> {
        let cases = self.shelf.ids_after(after).take(max);
        cases.map(|case| self.case_view(case, at)).collect()
    }

    /// The events of a case in log order, with content as it may be read.
    pub(crate) fn case_events(&self, case: CaseId) -> Result<Vec<EventView>, Error> {
        if !self.shelf.contains(case) {
            return Err(Error::UnknownCase);
        }
        let mut events = Vec::new();
        for (position, bundle) in self.envelopes_of(case)? {
            if matches!(
                envelope_of(&bundle, position).header().class,
                concordat_trust::envelope::Class::Event(_)
            ) {
                events.push(self.view_of(case, position, &bundle)?);
            }
        }
        Ok(events)
    }

    /// One event of an organisation, wherever it stands: an own one by its receipt, another's as far as this organisation sees it.
    pub(crate) fn event_of(
        &self,
        author: &OrganisationId,
        event: EventId,
    ) -> Result<EventView, Error> {
        if *author == self.config.organisation {
            return self.own_event(event);
        }
        let (case, position) = self.place_of(author, event)?.ok_or(Error::UnknownEvent)?;
        self.event_at(case, position)
    }

    /// One own event, wherever it stands.
    pub(crate) fn own_event(&self, event: EventId) -> Result<EventView, Error> {
        let receipt = self.receipt(event)?;
        match receipt.position {
            Some(position) => self.own_event_at(&receipt, position),
            None => {
                if let Some(record) = self.own_record(event)? {
                    return Ok(record);
                }
                let (_, draft) = self.outbox.of_event(event).ok_or(Error::UnknownEvent)?;
                if draft.case == DIRECTORY {
                    return self.directory_draft_view(draft, receipt);
                }
                let log = self.case_log(draft.case)?;
                let state = log.as_deref().and_then(CaseLog::case);
                let judged = self.judged(draft, state)?;
                Ok(EventView {
                    event_id: event,
                    author: self.config.organisation.clone(),
                    event_type: Some(judged.event_type),
                    case: draft.case,
                    occurred_at: Some(judged.occurred_at),
                    recorded_at: Some(draft.accepted_at),
                    position: None,
                    stage: receipt.stage,
                    ruled: receipt.ruling.map(|ruling| Ruled {
                        ruling,
                        state_after: None,
                        version_after: receipt.version,
                        basis: Some(draft.basis),
                        warnings: receipt.warnings,
                    }),
                    event: Some(self.wire(draft, state, (0, [0; 32]), None)?),
                    withheld: Vec::new(),
                    erased: Vec::new(),
                })
            }
        }
    }

    /// An own event on the log; with the content that was kept back from it, if it was.
    fn own_event_at(&self, receipt: &Receipt, position: Position) -> Result<EventView, Error> {
        let view = self.event_at(receipt.case, position)?;
        let Some(draft) = self.kept_back(receipt.event_id)? else {
            return Ok(view);
        };
        let log = self.case_log(receipt.case)?;
        let state = log.as_deref().and_then(CaseLog::case);
        Ok(EventView {
            event: Some(self.wire(&draft, state, (0, [0; 32]), None)?),
            withheld: Vec::new(),
            ..view
        })
    }

    pub(super) fn event_at(&self, case: CaseId, position: Position) -> Result<EventView, Error> {
        self.view_of(case, position, &self.bundle_at(position.bundle)?)
    }

    fn view_of(
        &self,
        case: CaseId,
        position: Position,
        bundle: &Bundle,
    ) -> Result<EventView, Error> {
        if case == DIRECTORY {
            return self.directory_view(position, bundle);
        }
        let parts = match self.case_log(case)? {
            Some(log) => self.open_parts(&log, position, bundle),
            None => Parts::default(),
        };
        let ruled = self.ruling(case, position)?;
        Ok(self.view_of_parts(case, (position, bundle), parts, ruled))
    }

    /// An event of a case on the log, with these of its parts.
    pub(super) fn view_of_parts(
        &self,
        case: CaseId,
        (position, bundle): (Position, &Bundle),
        parts: Parts,
        ruled: Option<Ruled>,
    ) -> EventView {
        let Parts {
            opened,
            withheld,
            erased,
        } = parts;
        let envelope = envelope_of(bundle, position);
        let event = parts::merge(
            opened
                .iter()
                .map(|(compartment, bytes)| (*compartment, bytes.as_slice())),
        )
        .ok();
        let body = event.as_ref().and_then(|event| event.body.as_ref());
        let witnessed = self.admission.witnessed(position.bundle);
        EventView {
            event_id: envelope.header().event_id,
            author: bundle.organisation().clone(),
            event_type: body
                .and_then(concordat_codec::kinds::event_type)
                .and_then(|name| name.parse().ok()),
            case,
            occurred_at: event
                .as_ref()
                .and_then(|event| event.occurred_at.as_ref())
                .and_then(concordat_codec::time::from_wire),
            recorded_at: event
                .as_ref()
                .and_then(|event| event.recorded_at.as_ref())
                .and_then(concordat_codec::time::from_wire),
            position: Some(position),
            stage: if witnessed {
                Stage::Witnessed
            } else {
                Stage::Ruled
            },
            ruled,
            event,
            withheld,
            erased,
        }
    }

    /// Every part that is here and may be opened, and the compartments of those that may not.
    pub(super) fn open_parts(&self, log: &CaseLog, position: Position, bundle: &Bundle) -> Parts {
        let no_keys = CaseKeys::default();
        let keys = self.keys_of(log.id()).unwrap_or(&no_keys);
        self.open_parts_with(keys, (log, log.case()), position, bundle)
    }

    /// The same with these keys, on a fold that may be of earlier; `today` says what has been erased by now.
    pub(super) fn open_parts_with(
        &self,
        keys: &CaseKeys,
        (log, today): (&CaseLog, Option<&Case>),
        position: Position,
        bundle: &Bundle,
    ) -> Parts {
        let envelope = envelope_of(bundle, position);
        let mut parts = Parts::default();
        let case = log.id();
        let gone = |line: &KeyLine| {
            let name = line.compartment().to_string();
            let mut erased = today.into_iter().flat_map(Case::erased);
            erased.any(|erased| erased == name)
        };
        for (index, part) in (0..).zip(&envelope.header().parts) {
            let alias = Alias(part.alias);
            let Some(line) = log.keys().lines.get(&alias) else {
                continue;
            };
            let compartment = v1::Compartment::from(line.compartment());
            let place = PartContext {
                partnership: self.admission.partnership(),
                organisation: bundle.organisation(),
                event_id: envelope.header().event_id,
                case,
                alias,
                key_version: part.key_version,
                index,
            };
            let key = line
                .versions
                .get(&part.key_version)
                .and_then(|version| keys.key(alias, part.key_version, &version.commitment));
            match key
                .zip(envelope.part(index))
                .and_then(|(key, bytes)| open(&place, key, bytes).ok())
            {
                Some(content) => parts.opened.push((compartment, content.to_vec())),
                None if gone(line) => parts.erased.push(compartment),
                None => parts.withheld.push(compartment),
            }
        }
        parts
    }

    /// Position of the last bundle applied; none on an empty log.
    pub(crate) fn last_applied(&self) -> Option<Position> {
        let bundle = self.admission.size().checked_sub(1)?;
        Some(Position {
            bundle,
            envelope: 0,
        })
    }

    /// The node itself.
    pub(crate) fn status(&self) -> Status {
        let calendars = &self.config.calendars;
        let horizons = calendars.names().into_iter().filter_map(|name| {
            let horizon = calendars.calendar(name).ok()?.horizon()?;
            Some((name.to_owned(), horizon))
        });
        Status {
            organisation: self.config.organisation.clone(),
            partnership: self.admission.partnership().to_string(),
            size: self.admission.size(),
            root: self.admission.seen().root.0,
            offset: self.cursor.0,
            log_reachable: self.reachable,
            caught_up: self.caught_up() && self.flight.is_none(),
            publishing: self.publishing.clone(),
            upgrade_needed: self.upgrade_needed,
            cases: self.shelf.len() as u64,
            folds: self.shelf.folds_count() as u64,
            drafts_waiting: self.outbox.waiting_count(),
            drafts_held: self.outbox.len() - self.outbox.waiting_count(),
            kept_back: self.kept_back,
            quarantined: self.quarantined,
            syncs: self.store.syncs(),
            clock_guard: self.guard.verdict,
            enforcement_waiting: self.agenda.due(self.now()).count() as u64,
            clock_skew: self.clock_skew.clone(),
            contradictions: self.contradictions.clone(),
            calendar_horizons: horizons.collect(),
            position: self.last_applied(),
        }
    }
}
