//! What a node does about keys without being asked: offers where it is wanted, grants where consent allows (wire.md 4).

use concordat_domain::calendar;
use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_trust::case_log::{Author, CaseLog};
use concordat_trust::compartment::Compartment;
use concordat_trust::envelope::Envelope;
use concordat_trust::grant::OfferSecret;
use concordat_trust::key_record::EventReference;
use concordat_trust::keyring::CaseKeys;
use concordat_trust::lines::Alias;

use super::Engine;
use crate::error::Error;

impl Engine {
    /// Cases in which something is to be done about keys.
    pub(super) fn cases_with_duties(&self) -> Vec<CaseId> {
        let wanted = self
            .invitations
            .keys()
            .filter(|case| self.offers_nothing(**case))
            .copied();
        let giving = self.cases.iter().filter(|(_, log)| {
            log.parked().is_none()
                && (self.needs_own_offer(log)
                    || self.renews_process(log)
                    || self.recipients(log).next().is_some())
        });
        wanted.chain(giving.map(|(case, _)| *case)).collect()
    }

    /// The keeper does not wait until it has something to say: the others are to get the new version before they need it.
    fn renews_process(&self, log: &CaseLog) -> bool {
        let newest = log
            .keys()
            .alias_of(Compartment::Process)
            .and_then(|alias| log.keys().lines.get(&alias)?.newest());
        let own = &self.config.organisation;
        log.case().is_some_and(|case| case.keeper() == own)
            && newest.is_some_and(|(_, version)| {
                version.closed_at.is_some() && version.holders.contains(own)
            })
    }

    fn offers_nothing(&self, case: CaseId) -> bool {
        self.keyring
            .case(&case)
            .is_none_or(|keys| keys.offers().next().is_none())
    }

    /// The receiver has its keys from the first event; once others take part, they must be able to grant to it as well.
    fn needs_own_offer(&self, log: &CaseLog) -> bool {
        let joined = log
            .case()
            .is_some_and(|case| case.parties().len() + case.invitees().len() > 1);
        joined
            && self.offers_nothing(log.id())
            && log
                .case()
                .is_some_and(|case| case.is_party(&self.config.organisation))
    }

    /// Organisations that lack what they may hold and this node has to give: the keeper for all it holds, and whoever made a
    /// version for that one.
    fn recipients<'a>(
        &'a self,
        log: &'a CaseLog,
    ) -> impl Iterator<Item = (&'a OrganisationId, Vec<(Alias, u32, Compartment)>)> {
        let on = calendar::local_date(self.now());
        let own = &self.config.organisation;
        let others = log
            .keys()
            .offers
            .keys()
            .filter(move |organisation| *organisation != own);
        others.filter_map(move |organisation| {
            let mut versions = log.grantable(own, organisation, on);
            versions.retain(|(alias, number, _)| self.gives(log, organisation, *alias, *number));
            (!versions.is_empty()).then_some((organisation, versions))
        })
    }

    fn gives(&self, log: &CaseLog, to: &OrganisationId, alias: Alias, number: u32) -> bool {
        let Some(case) = log.case() else { return false };
        let own = &self.config.organisation;
        let Some(version) = log.keys().version(alias, number) else {
            return false;
        };
        let keeper_lacks = !version.holders.contains(case.keeper());
        case.keeper() == own
            || version.created_by.organisation == *own
            || (keeper_lacks && to == case.keeper())
    }

    pub(super) fn key_duties(
        &mut self,
        case: CaseId,
        log: Option<&CaseLog>,
        author: &mut Author<'_>,
    ) -> Result<Vec<Envelope>, Error> {
        let mut envelopes = Vec::new();
        let invitation = self
            .invitations
            .get(&case)
            .cloned()
            .filter(|_| self.offers_nothing(case));
        let own_offer = log
            .filter(|log| self.needs_own_offer(log))
            .and_then(|log| log.keys().effective_opening());
        if let Some(answered) = invitation.or(own_offer) {
            envelopes.push(self.offer(case, answered, author)?);
        }
        let Some(log) = log else { return Ok(envelopes) };
        let recipients: Vec<_> = self
            .recipients(log)
            .map(|(organisation, versions)| (organisation.clone(), versions))
            .collect();
        for (organisation, versions) in recipients {
            let (process, content): (Vec<_>, Vec<_>) = versions
                .into_iter()
                .partition(|(_, _, compartment)| *compartment == Compartment::Process);
            for granted in [process, content] {
                let versions: Vec<(Alias, u32)> = granted
                    .into_iter()
                    .map(|(alias, number, _)| (alias, number))
                    .collect();
                let Some(basis) = log
                    .keys()
                    .basis_for(&organisation)
                    .filter(|_| !versions.is_empty())
                else {
                    continue;
                };
                let offer = log.keys().offers[&organisation].clone();
                let id = self.fresh_id();
                let none = CaseKeys::default();
                let keys = self.keyring.case(&case).unwrap_or(&none);
                let envelope = author.grant(
                    id,
                    (&organisation, &offer),
                    basis,
                    &versions,
                    (log, keys),
                    &mut self.rng,
                );
                envelopes.push(envelope.map_err(|error| Error::Corrupt(error.to_string()))?);
            }
        }
        Ok(envelopes)
    }

    fn offer(
        &mut self,
        case: CaseId,
        answered: EventReference,
        author: &mut Author<'_>,
    ) -> Result<Envelope, Error> {
        let secret = OfferSecret::generate(&mut self.rng);
        let id = self.fresh_id();
        let envelope = author
            .offer(id, secret.public_key(), answered)
            .map_err(|error| Error::Corrupt(error.to_string()))?;
        self.keyring.case_mut(case).add_offer(id, secret);
        Ok(envelope)
    }
}
