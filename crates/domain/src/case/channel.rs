//! A restricted channel: a case of its own for a disclosure without consent or a safeguarding concern (fact 7, D-05).
//!
//! It is linked to the complaint from inside itself only. Nothing in the complaint's case says that it exists.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Case;
use crate::ids::{CaseId, OrganisationId};

/// What a channel remembers beyond what every case does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Channel {
    /// The complaint that it is about, if the opener said so.
    pub(crate) main_case: Option<CaseId>,
    /// What the disclosure records allow each recipient that they name.
    pub(crate) disclosed: BTreeMap<OrganisationId, Disclosed>,
    /// Acts on the complaint that an enquiry asked to leave undone, by the body that would do them. The last outcome decides.
    pub(crate) suspended: BTreeSet<(OrganisationId, String)>,
}

/// Which content a disclosure record lets a recipient have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosed {
    /// Personal data: any basis but `no-personal-data`.
    pub personal: bool,
    /// Data of special categories: the record names a condition of article 9.
    pub special: bool,
}

impl Disclosed {
    /// What two records allow together.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            personal: self.personal || other.personal,
            special: self.special || other.special,
        }
    }
}

/// Classes of data that are of special categories as such (UK GDPR art 9).
const SPECIAL: [&str; 2] = ["health", "social-care"];

impl Case {
    /// Whether the case is a restricted channel.
    pub fn is_channel(&self) -> bool {
        self.facts.channel.is_some()
    }

    /// The complaint that a restricted channel is about, if its opener said so.
    pub fn main_case(&self) -> Option<CaseId> {
        self.facts.channel.as_ref()?.main_case
    }

    /// Whether a disclosure record of this channel lets an organisation have a class of content, by its code (`narrative`). No record of
    /// an ordinary case does: it names single items, and a class of content is more than that (ADR 0006).
    pub fn disclosure_opens(&self, org: &OrganisationId, class: &str) -> bool {
        let channel = self.facts.channel.as_ref();
        let disclosed = channel.and_then(|channel| channel.disclosed.get(org));
        disclosed.is_some_and(|disclosed| {
            disclosed.personal && (disclosed.special || !SPECIAL.contains(&class))
        })
    }

    /// What the disclosure records of this channel allow an organisation, to see whether an event changed it.
    pub fn disclosed_to(&self, org: &OrganisationId) -> Option<Disclosed> {
        self.facts.channel.as_ref()?.disclosed.get(org).copied()
    }

    /// The complaint on which this channel asks to leave acts undone for now, and which acts, by the body that would do them. None, once
    /// the channel is closed.
    pub fn suspended_acts(&self) -> Option<(CaseId, &BTreeSet<(OrganisationId, String)>)> {
        let open = super::From::Channel.contains(self.state());
        let channel = self.facts.channel.as_ref().filter(|_| open)?;
        Some((channel.main_case?, &channel.suspended)).filter(|(_, acts)| !acts.is_empty())
    }
}
