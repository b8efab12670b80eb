//! What the exporting node says of each case: to be computed anew and compared, never believed.

use concordat_domain::ids::{CaseId, EventId, OrganisationId, Position};
use concordat_domain::timetable::{Deadline, DeadlineId, DeadlineState};
use concordat_trust::case_log::Verdict;
use concordat_trust::compartment::Compartment;
use concordat_trust::digest::{Commitment, Hash};
use concordat_trust::lines::VersionKey;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One line of a member of `claims/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseClaim {
    /// The case.
    pub case: CaseId,
    /// What the node had computed; absent for a case that it cannot read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Verdict on each envelope of the case, in log order.
    pub rulings: Vec<RulingClaim>,
}

/// What follows from the effective events of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Computed {
    /// The state of the case.
    pub state: String,
    /// Who runs it.
    pub keeper: OrganisationId,
    /// SHA-256 over its time-free state.
    pub digest: Hash,
    /// Number of envelopes applied.
    pub applied_count: u64,
    /// Running hash over them.
    pub applied_hash: Hash,
    /// Every occurrence of every deadline, at the instant of the export.
    pub deadlines: Vec<DeadlineClaim>,
}

/// The verdict on one envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulingClaim {
    /// Where it stands.
    pub position: Position,
    /// Who signed it.
    pub author: OrganisationId,
    /// The author's id for it.
    pub event_id: EventId,
    /// Type of the event; absent for keys, and where it could not be read.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// `effective`, `void`, `parked` or `unseen`.
    pub ruling: String,
    /// Why it is void or parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One occurrence of a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlineClaim {
    /// Its identity.
    pub id: DeadlineId,
    /// Its name.
    pub name: String,
    /// The rule.
    pub rule: String,
    /// Who owes it.
    pub owed_by: OrganisationId,
    /// To whom.
    pub owed_to: String,
    /// The last day in time; none where no calendar covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// How it stands.
    pub state: DeadlineState,
    /// When the act occurred that met, ended or moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// Calendar days after the due day.
    pub late_by_days: u32,
    /// The legal source.
    pub source: String,
}

impl From<&Deadline> for DeadlineClaim {
    fn from(deadline: &Deadline) -> Self {
        Self {
            id: deadline.id,
            name: deadline.name.to_string(),
            rule: deadline.rule.clone(),
            owed_by: deadline.owed_by.clone(),
            owed_to: deadline.owed_to.clone(),
            due: deadline.due,
            state: deadline.state,
            stopped_at: deadline.stopped_at,
            late_by_days: deadline.late_by_days,
            source: deadline.source.clone(),
        }
    }
}

/// A verdict as claims say it: the word, and the reason if it has one.
#[must_use]
pub fn verdict_words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Effective => ("effective", None),
        Verdict::Void(reason) => ("void", Some(reason.code())),
        Verdict::Parked(park) => ("parked", Some(park.code().to_owned())),
        Verdict::Unseen => ("unseen", None),
    }
}

/// One line of a member of `keys/`: what opens the parts of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseKeysOf {
    /// The case.
    pub case: CaseId,
    /// The keys of the chosen compartments that the exporting organisation held.
    pub keys: Vec<PackedKey>,
}

/// The key of one version of a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedKey {
    /// What is sealed under it.
    pub compartment: Compartment,
    /// The number that stands for the line in headers.
    pub alias: u32,
    /// Number of the version.
    pub number: u32,
    /// Commits to the key.
    pub commitment: Commitment,
    /// 32 bytes in hexadecimal.
    pub key: VersionKey,
}
