//! What a node does about keys without being asked: offers where it is wanted, grants where consent allows (wire.md 4).

use concordat_domain::ids::{CaseId, OrganisationId};
use concordat_domain::{Case, calendar};
use concordat_trust::case_log::CaseLog;
use concordat_trust::compartment::Compartment;
use concordat_trust::grant::OfferSecret;
use concordat_trust::keyring::CaseKeys;
use concordat_trust::lines::Alias;

use super::Engine;
use super::erase::is_erased;
use super::load::{Desk, Load};
use crate::error::Error;

impl Engine {
    /// Has the duties of a case looked at when the next bundle is put together: after anything that may bring one.
    pub(super) fn look_at_duties(&mut self, case: CaseId) {
        self.duties.insert(case);
    }

    /// Cases in which something is to be done about keys, among those that may have changed since they were last looked at. No day brings
    /// any by itself: a consent ends on a day, but none begins without an event.
    pub(super) fn cases_with_duties(&mut self) -> Result<Vec<CaseId>, Error> {
        for case in std::mem::take(&mut self.duties) {
            if self.has_duty(case)? {
                self.duties.insert(case);
            }
        }
        Ok(self.duties.iter().copied().collect())
    }

    fn has_duty(&self, case: CaseId) -> Result<bool, Error> {
        let log = self.case_log(case)?;
        if log.as_ref().is_some_and(|log| is_erased(log)) {
            // Its keys were destroyed on purpose.
            return Ok(false);
        }
        if self.invitations.contains_key(&case) && self.offers_nothing(case) {
            return Ok(true);
        }
        Ok(log.is_some_and(|log| {
            log.parked().is_none()
                && (self.needs_own_offer(&log)
                    || self.renews_process(&log)
                    || self.recipients(&log).next().is_some())
        }))
    }

    /// The keeper does not wait until it has something to say: the others are to get the new version before they need it.
    fn renews_process(&self, log: &CaseLog) -> bool {
        let newest = log
            .keys()
            .alias_of(Compartment::Process)
            .and_then(|alias| log.keys().lines.get(&alias)?.newest());
        let own = &self.config.organisation;
        log.case().is_some_and(|case| self.acts_for(case.keeper()))
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
            && log.case().is_some_and(|case| {
                log.bodies_of(&self.config.organisation)
                    .any(|body| case.is_party(body))
            })
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
        if !log.takes_part(own) {
            // Whoever is out of a case says nothing in it any more, even if others lack what only it could give.
            return false;
        }
        let Some(version) = log.keys().version(alias, number) else {
            return false;
        };
        let keeper = log.holder_for(case.keeper());
        let keeper_lacks = !version.holders.contains(keeper);
        keeper == own || version.created_by.organisation == *own || (keeper_lacks && to == keeper)
    }

    /// Puts what this node owes about the keys of a case into the load, as far as there is room: an offer, grants.
    pub(super) fn load_key_duties(
        &mut self,
        desk: &mut Desk<'_>,
        load: &mut Load,
    ) -> Result<(), Error> {
        self.load_offer(desk, load)?;
        let Some(log) = desk.log else { return Ok(()) };
        let recipients: Vec<_> = self
            .recipients(log)
            .filter(|(organisation, _)| is_unchanged(organisation, log, desk))
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
                let basis = log.keys().basis_for(&organisation);
                let Some(basis) = basis.filter(|_| !versions.is_empty()) else {
                    continue;
                };
                let offer = &log.keys().offers[&organisation];
                let id = self.fresh_id();
                let none = CaseKeys::default();
                let keys = self.keyring.case(&desk.case).unwrap_or(&none);
                let before = desk.author.clone();
                let envelope = desk.author.grant(
                    id,
                    (&organisation, offer),
                    basis,
                    &versions,
                    (log, keys),
                    &mut self.rng,
                );
                let envelope = envelope.map_err(|error| Error::Corrupt(error.to_string()))?;
                if !load.take(vec![envelope]) {
                    desk.author = before;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A fresh key of this organisation for the case, where it is wanted, or where others must be able to grant to it.
    fn load_offer(&mut self, desk: &mut Desk<'_>, load: &mut Load) -> Result<(), Error> {
        let invitation = self
            .invitations
            .get(&desk.case)
            .filter(|_| self.offers_nothing(desk.case))
            .cloned();
        let own_offer = desk
            .log
            .filter(|log| self.needs_own_offer(log))
            .and_then(|log| log.keys().effective_opening());
        let Some(answered) = invitation.or(own_offer) else {
            return Ok(());
        };
        let secret = OfferSecret::generate(&mut self.rng);
        let id = self.fresh_id();
        let before = desk.author.clone();
        let envelope = desk
            .author
            .offer(id, secret.public_key(), answered)
            .map_err(|error| Error::Corrupt(error.to_string()))?;
        if load.take(vec![envelope]) {
            self.keyring.case_mut(desk.case).add_offer(id, secret);
            load.note_new_keys(desk.case);
        } else {
            desk.author = before;
        }
        Ok(())
    }
}

/// Whether the events of this bundle leave an organisation what it had. If not, it is granted nothing in the same bundle: what it may
/// hold after them is judged when they stand on the log.
fn is_unchanged(organisation: &OrganisationId, log: &CaseLog, desk: &Desk<'_>) -> bool {
    let standing = |case: Option<&Case>| {
        case.map(|case| {
            let standings = log
                .bodies_of(organisation)
                .map(|body| (case.relation(body), case.consent_covers(body)));
            standings.collect::<Vec<_>>()
        })
    };
    standing(log.case()) == standing(desk.state())
}
