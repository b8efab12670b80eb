//! What the person has agreed to: scoped by organisation and issue, never a boolean (fact 6).
//!
//! Consent here is confidentiality consent (D-01): withdrawing it stops further sharing and makes nothing unlawful that
//! was shared before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::event::CaseVersion;
use crate::ids::OrganisationId;
use crate::judge::Reason;

/// All that the case remembers about consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// The last request: decides what a grant leads to.
    pub(crate) request: Option<Request>,
    /// Whether any grant ever took effect.
    pub(crate) granted: bool,
    /// What holds for each body named so far.
    pub(crate) bodies: BTreeMap<OrganisationId, Standing>,
    /// Bodies that the person excluded by name.
    pub(crate) excluded: BTreeSet<OrganisationId>,
    /// The issues agreed to, if not all.
    pub(crate) issues: Option<BTreeSet<String>>,
    /// Classes of data agreed to, for bodies for which not all were.
    pub(crate) categories: BTreeMap<OrganisationId, BTreeSet<String>>,
    /// Who of the complainants withdrew a body and has not agreed to it again: until then nobody else can (Q34).
    pub(crate) withdrawn_by: BTreeMap<OrganisationId, BTreeSet<String>>,
    /// Whether themes may be shared for learning, by the one who was asked.
    pub(crate) learning: BTreeMap<String, bool>,
    /// The last day of the consent, if the person set one.
    pub(crate) expires: Option<Date>,
    /// Bodies to which a recorded disclosure without consent names as recipients (D-05).
    pub(crate) disclosed_to: BTreeSet<OrganisationId>,
    /// When each body was last withdrawn or refused.
    pub(crate) restricted: BTreeMap<OrganisationId, Moment>,
}

/// What was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) orgs: Vec<OrganisationId>,
    pub(crate) purpose: String,
}

/// What the person last said about a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    Granted,
    Withdrawn,
    Refused,
}

/// A place in the case's history that any organisation's version can be compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// Who recorded it.
    pub(crate) author: OrganisationId,
    /// The author's own sequence.
    pub(crate) case_seq: u64,
    /// Effective events up to and including it, by author.
    pub(crate) effective: BTreeMap<OrganisationId, u64>,
}

impl Moment {
    /// Whether `reader`, having seen the case up to `basis`, had not seen this.
    pub(crate) fn is_after(&self, basis: CaseVersion, reader: &OrganisationId) -> bool {
        if self.author == *reader {
            return self.case_seq > basis.own_seq;
        }
        let others: u64 = self
            .effective
            .iter()
            .filter(|(org, _)| *org != reader)
            .map(|(_, count)| count)
            .sum();
        others > basis.others
    }
}

impl Consent {
    /// Whether `org` is within the consent on that day.
    pub(crate) fn covers(&self, org: &OrganisationId, on: Date) -> bool {
        self.bodies.get(org) == Some(&Standing::Granted)
            && !self.excluded.contains(org)
            && self.expires.is_none_or(|last| on <= last)
    }

    /// Whether `org` may read all that the person can share of a class of data on that day. Consent for some issues only opens no class
    /// as a whole.
    pub(crate) fn opens(&self, org: &OrganisationId, class: &str, on: Date) -> bool {
        let within = self
            .categories
            .get(org)
            .is_none_or(|agreed| agreed.contains(class));
        self.covers(org, on) && self.issues.is_none() && within
    }

    /// Whether themes may be shared for learning: all who were asked agreed (Q34: the narrower scope governs what is common).
    pub(crate) fn allows_learning(&self) -> bool {
        !self.learning.is_empty() && self.learning.values().all(|agreed| *agreed)
    }

    /// A complainant takes a body out of the scope.
    pub(crate) fn withdraw(&mut self, given_by: &str, org: &OrganisationId) {
        let withdrawn_by = self.withdrawn_by.entry(org.clone()).or_default();
        withdrawn_by.insert(given_by.to_owned());
        self.bodies.insert(org.clone(), Standing::Withdrawn);
    }

    /// Somebody else speaks for the complainants from here on: what only the one before withheld can be agreed to again.
    pub(crate) fn speaker_changed(&mut self) {
        self.withdrawn_by.clear();
        self.learning.retain(|_, agreed| *agreed);
    }

    /// A body that a complainant agreed to, with the classes of data, if not all. What was agreed before is never narrowed by it, and what
    /// another complainant withdrew is not widened (Q34).
    pub(crate) fn grant(
        &mut self,
        given_by: &str,
        org: &OrganisationId,
        categories: Option<&Vec<String>>,
    ) {
        if let Some(withdrawn_by) = self.withdrawn_by.get_mut(org) {
            withdrawn_by.remove(given_by);
            if !withdrawn_by.is_empty() {
                return;
            }
        }
        let held = self.bodies.insert(org.clone(), Standing::Granted) == Some(Standing::Granted);
        let all_before = held && !self.categories.contains_key(org);
        match categories.filter(|categories| !categories.is_empty()) {
            Some(categories) if !all_before => {
                let agreed = self.categories.entry(org.clone()).or_default();
                if !held {
                    agreed.clear();
                }
                agreed.extend(categories.iter().cloned());
            }
            Some(_) => {}
            None => {
                self.categories.remove(org);
            }
        }
    }

    /// Whether sharing with `org` on that day has a basis: a consent that covers it, or a disclosure record.
    ///
    /// # Errors
    /// `no-consent` when nothing was ever granted, `consent-scope-exceeded` when something was, but not this.
    pub(crate) fn allows<'i>(
        &self,
        org: &OrganisationId,
        issues: impl IntoIterator<Item = &'i String>,
        on: Date,
    ) -> Result<(), Reason> {
        if self.disclosed_to.contains(org) {
            return Ok(());
        }
        if !self.granted {
            return Err(Reason::NoConsent);
        }
        let within = |issue: &String| {
            self.issues
                .as_ref()
                .is_none_or(|agreed| agreed.contains(issue))
        };
        if self.covers(org, on) && issues.into_iter().all(within) {
            Ok(())
        } else {
            Err(Reason::ConsentScopeExceeded)
        }
    }

    /// Whether the consent in force leaves something out: the flag `partial-consent`.
    pub(crate) fn is_partial(&self) -> bool {
        self.granted
            && (!self.excluded.is_empty()
                || self.issues.is_some()
                || self
                    .bodies
                    .values()
                    .any(|standing| *standing == Standing::Withdrawn))
    }

    /// The bodies that are within the consent, whatever the day.
    pub(crate) fn granted_bodies(&self) -> BTreeSet<OrganisationId> {
        let granted = self
            .bodies
            .iter()
            .filter(|(_, standing)| **standing == Standing::Granted);
        granted.map(|(org, _)| org.clone()).collect()
    }
}
