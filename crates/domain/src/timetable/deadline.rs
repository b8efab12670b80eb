//! One deadline: what, who owes it to whom, due when, under which rule, computed how, met when, late by how much.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::calendar::DayStep;
use crate::case::{Case, DeadlineName, Occurrence};
use crate::ids::{EventId, OrganisationId};
use crate::policy::Force;

/// The identity of one occurrence: a hash over case, rule, owing organisation, subject, the event that last set the due
/// date, and how often the rule itself restarted it. A moved or restarted deadline is another occurrence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeadlineId([u8; 32]);

impl DeadlineId {
    pub(crate) fn of(case: &Case, occurrence: &Occurrence, restarts: u8) -> Self {
        let mut hash = Sha256::new();
        hash.update(case.id().0);
        for part in [
            occurrence.name.rule(),
            occurrence.owner.as_str(),
            occurrence.name.subject().unwrap_or(""),
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(occurrence.set_by.0);
        hash.update([restarts]);
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for DeadlineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for DeadlineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadlineId({self})")
    }
}

impl FromStr for DeadlineId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for DeadlineId {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        text.parse()
    }
}

impl From<DeadlineId> for String {
    fn from(id: DeadlineId) -> Self {
        id.to_string()
    }
}

/// How an occurrence stands at the timetable's instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadlineState {
    /// Owed, not yet due.
    Running,
    /// Owed, and its due day is over.
    Overdue,
    /// Done in time, whenever it was recorded.
    Met,
    /// Done after its due day.
    MetLate,
    /// Replaced by another occurrence, by an event or by its rule.
    Moved,
    /// No longer owed.
    Ended,
    /// Shown, never missed.
    Window,
    /// Owed, but no calendar covers its due date (see the warnings).
    Undated,
}

/// How a due date came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The trigger day, or the day that the event named.
    pub from: Date,
    /// What starts the rule, in words.
    pub trigger: String,
    /// The pack that has the rule, and its version.
    pub pack: String,
    /// The length in words: of the rule, or as the case fixed it.
    pub length: String,
    /// How it counts, in words; nothing where an event names the day.
    pub counting: String,
    /// How far the source was checked, in words.
    pub mark: String,
    /// The calendar of the owing organisation and its version.
    pub calendar: String,
    /// Each day looked at, counted or skipped and why.
    pub steps: Vec<DayStep>,
}

/// One occurrence of a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Its identity.
    pub id: DeadlineId,
    /// Its name, as the scenarios show it.
    pub name: DeadlineName,
    /// The rule of the domain brief (`E-15`).
    pub rule: String,
    /// Who owes it.
    pub owed_by: OrganisationId,
    /// To whom: the keeper for what other bodies owe, else the complainant.
    pub owed_to: String,
    /// The last day in time.
    pub due: Option<Date>,
    /// The first instant at which it is missed: 00:00 local of the next day.
    pub due_instant: Option<Timestamp>,
    /// From when the enforcer warns.
    pub warn_instant: Option<Timestamp>,
    /// The legal source.
    pub source: String,
    /// How binding it is.
    pub force: Force,
    /// How it stands.
    pub state: DeadlineState,
    /// When the act occurred that met, ended or moved it.
    pub stopped_at: Option<Timestamp>,
    /// The event that met, ended or moved it.
    pub stopped_by: Option<EventId>,
    /// Calendar days after the due day: of the act, or of the timetable's instant while overdue.
    pub late_by_days: u32,
    /// The same in working days of the owing organisation; none where no calendar covers them.
    pub late_by_working_days: Option<u32>,
    /// When the duty first ran: moves and restarts of its date go on with it.
    pub running_since: Timestamp,
    /// The event that set the due date.
    pub set_by: EventId,
    /// Whether `deadline-missed` was published for it.
    pub missed_published: bool,
    /// Whether `deadline-approaching` was published for it.
    pub warning_published: bool,
    /// How the due date came about.
    pub explanation: Explanation,
    /// What a person should know about the computation.
    pub warnings: Vec<String>,
    pub(crate) window: bool,
}

impl Deadline {
    /// Whether it is neither met, moved nor ended.
    pub fn is_open(&self) -> bool {
        use DeadlineState as S;
        match self.state {
            S::Running | S::Overdue | S::Window | S::Undated => true,
            S::Met | S::MetLate | S::Moved | S::Ended => false,
        }
    }

    /// Whether it was met, moved or restarted by its rule after its due day.
    pub fn was_late(&self) -> bool {
        let judged = matches!(self.state, DeadlineState::MetLate | DeadlineState::Moved);
        judged && !self.window && self.late_by_days > 0
    }

    /// Whether it is a window: a last day for others, shown and never missed.
    pub fn is_window(&self) -> bool {
        self.window
    }

    /// Whether its own rule began it again, since it was unmet at the end of its due day: that it was missed stands all the same.
    pub fn was_restarted_by_rule(&self) -> bool {
        self.state == DeadlineState::Moved && self.stopped_by.is_none()
    }

    /// Whether it is of the kind that is missed, and open or restarted by its own rule.
    pub fn may_be_missed(&self) -> bool {
        (self.is_open() || self.was_restarted_by_rule()) && !self.window
    }
}
