//! What a case remembers, by subject. Facts only: flags and due dates are derived.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::consent::Consent;
use super::cooperation::Cooperation;
use super::ledger::Ledger;
use super::state::State;
use crate::event::Opening;
use crate::ids::{CaseId, EventId, OrganisationId, PackId};
use crate::judge::Reason;
use crate::policy::Regime;

/// The state that all parties share and the digest covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) id: CaseId,
    pub(crate) pins: Opening,
    /// The event that opened the case.
    pub(crate) opened_by: Option<EventId>,
    pub(crate) policy: Option<PackId>,
    pub(crate) protocol: Option<PackId>,
    pub(crate) regime: Regime,
    pub(crate) state: State,
    pub(crate) roles: Roles,
    pub(crate) receipt: Receipt,
    pub(crate) consent: Consent,
    pub(crate) lead: LeadTalk,
    /// The issues the answer must cover, once recorded.
    pub(crate) issues: Option<BTreeMap<String, Issue>>,
    /// Issues that were closed before there was a list of them.
    pub(crate) closed_early: BTreeSet<String>,
    pub(crate) work: Work,
    pub(crate) answer: Answer,
    pub(crate) actions: BTreeMap<String, Action>,
    /// Requests for information, by id: of whom.
    pub(crate) requests: BTreeMap<String, OrganisationId>,
    pub(crate) staged: Staged,
    pub(crate) handover: Handover,
    /// Holds that are on, with the issues that wait.
    pub(crate) holds: BTreeMap<String, BTreeSet<String>>,
    /// What the ombudsman recommended, by id.
    pub(crate) recommendations: BTreeMap<String, Recommendation>,
    pub(crate) standing: Standing,
    /// Cases in which a strand of this one goes on under its own regime, and the other way round (Q19), by id.
    pub(crate) subcases: BTreeSet<String>,
    pub(crate) cooperation: Cooperation,
    pub(crate) ledger: Ledger,
    /// The days that effective events named, by event and field: what a correction puts right.
    pub(crate) days: BTreeMap<EventId, BTreeMap<String, Date>>,
    /// Occurrences whose miss was published, and those of which a warning was.
    pub(crate) published_missed: BTreeSet<String>,
    pub(crate) published_approaching: BTreeSet<String>,
    /// Effective events by author.
    pub(crate) effective: BTreeMap<OrganisationId, u64>,
    /// A running hash over the ids and contents of effective events.
    pub(crate) trail: String,
    /// What makes the case a restricted channel. Absent from the digest of every other case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Channel>,
}

/// Who is what in the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roles {
    pub(crate) receiver: OrganisationId,
    pub(crate) keeper: OrganisationId,
    /// Rises at each change of keeper; 1 at the start.
    pub(crate) epoch: u32,
    /// Whether the case has entered `agreeing-lead`; it stays so when bodies leave.
    pub(crate) joint: bool,
    pub(crate) lead: Option<OrganisationId>,
    /// The first bodies after a pass-on. Each keeps `process`, also when it owes nothing more: what the next one lacks it gives.
    pub(crate) former_receivers: BTreeSet<OrganisationId>,
    pub(crate) commissioner: Option<OrganisationId>,
    /// The target of a pass-on that is not answered yet.
    pub(crate) passed_to: Option<OrganisationId>,
    pub(crate) members: BTreeMap<OrganisationId, Membership>,
    /// Bodies that were part of the case once, or that details were sent to.
    pub(crate) named_before: BTreeSet<OrganisationId>,
}

/// A body that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Membership {
    /// Added, not yet joined.
    Invited,
    /// Told that the complaint is its own now: a party already, which may still record that it joined.
    Notified,
    Joined,
}

/// How the complaint arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The day from which the relevant period runs; `None` until the opening event is folded.
    pub(crate) received_on: Option<Date>,
    /// The day on which the person first knew of the matter, if that was said.
    pub(crate) known_on: Option<Date>,
    /// The day of the matter itself, if that was said.
    pub(crate) occurred_on: Option<Date>,
    /// Whether the matter goes on: then it is never out of time.
    pub(crate) continuing: bool,
    /// Made by telephone or in person, so that it may be settled early.
    pub(crate) oral: bool,
    /// Received without a name, and the person is not known yet.
    pub(crate) anonymous: bool,
    pub(crate) late: Lateness,
    /// Posts complained of: they may not sign.
    pub(crate) about_posts: BTreeSet<String>,
}

/// Whether the complaint came within the limit of E-13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lateness {
    InTime,
    Undecided,
    Accepted,
    Refused,
}

/// How the lead is being found (J-05).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeadTalk {
    pub(crate) proposed: Option<OrganisationId>,
    pub(crate) accepted: BTreeSet<OrganisationId>,
    pub(crate) disputed: bool,
    pub(crate) escalated: bool,
}

/// One issue of the complaint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issue {
    pub(crate) body: Option<OrganisationId>,
    /// Withdrawn, excluded or out of scope: the answer need not cover it.
    pub(crate) closed: bool,
}

/// The investigation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) plan_agreed_on: Option<Date>,
    /// Working days between updates, where the plan fixed them.
    pub(crate) update_interval: Option<u32>,
    pub(crate) strands: BTreeMap<OrganisationId, Strand>,
}

impl Work {
    /// The strand of a body that is gone becomes its successor's, which may have one of its own: then the two are one, and it is open
    /// while either part is.
    pub(crate) fn take_over(&mut self, strand: Strand, successor: &OrganisationId) {
        match self.strands.get_mut(successor) {
            Some(own) => {
                own.issues.extend(strand.issues);
                own.progress = own.progress.min(strand.progress);
            }
            None => {
                self.strands.insert(successor.clone(), strand);
            }
        }
    }
}

/// The part of the case that one body investigates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Strand {
    pub(crate) issues: BTreeSet<String>,
    pub(crate) progress: Progress,
}

/// How far a strand is; what is open comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Progress {
    Open,
    Submitted,
    /// No longer owed, because the body may no longer hold the case.
    Ended,
}

/// The response being made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) circulated: Option<Circulated>,
    /// The version last signed off.
    pub(crate) signed_version: Option<u32>,
    pub(crate) impasse: Option<Impasse>,
}

/// The draft last circulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Circulated {
    pub(crate) version: u32,
    /// Each body asked, and whether it agreed, once it commented.
    pub(crate) comments: BTreeMap<OrganisationId, Option<bool>>,
}

/// How far the three steps of an impasse are (J-12), since it was last declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Impasse {
    Declared,
    Escalated,
    Unresolved,
}

/// Something a body will do after the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) org: OrganisationId,
    /// Post that sees to it.
    #[serde(default)]
    pub(crate) owner: Option<String>,
    pub(crate) completed: bool,
    pub(crate) told: bool,
    /// Verified or waived.
    pub(crate) settled: bool,
}

/// How the lead may pass to another body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handover {
    pub(crate) offered_to: Option<OrganisationId>,
    /// Parties that found the keeper lost; two stand for its offer.
    pub(crate) found_lost_by: BTreeSet<OrganisationId>,
}

/// What an ombudsman recommended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recommendation {
    pub(crate) org: OrganisationId,
    /// Post that sees to it.
    pub(crate) owner: Option<String>,
    pub(crate) complied: bool,
    pub(crate) verified: bool,
}

/// What a staged procedure must remember from stage to stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Staged {
    /// Who took part in stage 2: none of them may sit on the panel (K-06).
    pub(crate) stage_2_people: BTreeSet<String>,
}

/// Facts behind the flags that no other subject holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// A representative's authority was checked and found wanting, and not satisfied since.
    pub(crate) authority_refused: bool,
    /// A person's status changed and nobody's authority was checked since.
    pub(crate) authority_pending: bool,
    /// The ombudsman wrote while the case was open.
    pub(crate) ombudsman_premature: bool,
    /// Other processes about the same matter, by reference.
    pub(crate) parallel: BTreeSet<String>,
    pub(crate) legal_holds: BTreeSet<String>,
    /// A step was taken that the procedure does not allow.
    pub(crate) irregular: bool,
    /// The person was not satisfied with an English answer, and has not been answered since.
    pub(crate) dissatisfied: bool,
    /// The council decided that the ombudsman is to be named.
    pub(crate) signpost_decided: bool,
    /// The state before the ombudsman took the case up.
    pub(crate) before_ombudsman: Option<State>,
    /// Compartments whose content is gone for good.
    pub(crate) erased: BTreeSet<String>,
    /// Bodies besides the keeper that an ombudsman wrote to.
    pub(crate) written_to: BTreeSet<OrganisationId>,
}

impl Standing {
    /// Whether nobody's authority is in question (D-02 to D-04).
    ///
    /// # Errors
    /// `authority-pending` since a person's status changed.
    pub(crate) fn authority_checked(&self) -> Result<(), Reason> {
        if self.authority_pending {
            Err(Reason::AuthorityPending)
        } else {
            Ok(())
        }
    }
}
