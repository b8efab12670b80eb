//! What lies ahead of a case, at rest: written with its projection, and read by a start in its place.

use concordat_domain::Case;
use concordat_domain::Rules;
use concordat_domain::ids::{CaseId, OrganisationId, Position};
use concordat_domain::timetable::Outstanding;
use concordat_trust::case_log::CaseLog;
use concordat_trust::hash::sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::error::Error;

/// Rises when what is computed from the same case and the same rules changes.
const FORM: u32 = 1;

/// What a node must know of a case without its fold: how it is listed, what is due on it, and whether there is something to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outlook {
    /// Which rules it was computed with.
    rules: String,
    /// The last envelope applied.
    last: Option<Position>,
    pub(super) keeper: OrganisationId,
    pub(super) state: String,
    /// Whether this node publishes what is missed in it.
    pub(super) enforces: bool,
    pub(super) outstanding: Vec<Outstanding>,
    parked: bool,
    /// Whether it suspends acts on another case.
    suspends: bool,
    /// Whether something about keys was to be looked at when it was written.
    duty: bool,
}

impl Outlook {
    pub(super) fn of(
        log: &CaseLog,
        case: &Case,
        (enforces, outstanding): (bool, Vec<Outstanding>),
        rules: &str,
    ) -> Self {
        Self {
            rules: rules.to_owned(),
            last: log.last_position(),
            keeper: case.keeper().clone(),
            state: case.state().to_string(),
            enforces,
            outstanding,
            parked: log.parked().is_some(),
            suspends: case.suspended_acts().is_some(),
            duty: false,
        }
    }

    /// When the enforcer has to look at the case next, as seen from `now`.
    pub(super) fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let looks = self.outstanding.iter().filter_map(|one| one.next_look(now));
        looks.min().filter(|_| self.enforces)
    }
}

/// A name for all that due dates follow from besides the case. Another one means that they are computed anew.
pub(super) fn fingerprint(rules: &Rules<'_>) -> String {
    let packs = rules.packs.iter();
    let packs: Vec<String> = packs
        .map(|pack| format!("{} {}", pack.id(), hex::encode(pack.hash())))
        .collect();
    let release = (
        FORM,
        env!("CARGO_PKG_VERSION"),
        concordat_domain::rules::RULES_VERSION,
        concordat_domain::calendar::tz_release(),
    );
    let named = format!(
        "{release:?} {packs:?} {:?} {:?}",
        rules.directory, rules.calendars
    );
    hex::encode(sha256(named.as_bytes()).0)
}

impl Engine {
    /// Puts an outlook into the batch; it is read from memory until that is written.
    pub(super) fn keep_outlook(&mut self, case: CaseId) -> Result<(), Error> {
        let Some(outlook) = self.outlooks.get_mut(&case) else {
            return Ok(());
        };
        outlook.duty = self.duties.contains(&case);
        let bytes = serde_json::to_vec(outlook)
            .map_err(|_| Error::Corrupt("an outlook does not serialise".to_owned()))?;
        self.store.due().put(&mut self.batch, &case.0, &bytes)?;
        self.outlooks_written.push(case);
        Ok(())
    }

    /// The turn is written: outlooks that have not changed again since are read from the store from now on.
    pub(super) fn forget_written_outlooks(&mut self) {
        for case in std::mem::take(&mut self.outlooks_written) {
            if !self.unkept.contains(&case) {
                self.outlooks.remove(&case);
            }
        }
    }

    /// What is outstanding on a case, as the index has it.
    pub(super) fn outstanding_of(&self, case: CaseId) -> Result<Vec<Outstanding>, Error> {
        if let Some(outlook) = self.outlooks.get(&case) {
            return Ok(outlook.outstanding.clone());
        }
        let bytes = self.store.due().get(&case.0)?;
        let bytes =
            bytes.ok_or_else(|| Error::Corrupt(format!("the outlook of {case} is gone")))?;
        Ok(decoded(&bytes)?.outstanding)
    }

    /// Takes a case back by its outlook, if that is of its last envelope and of today's rules; says whether it was.
    pub(super) fn restore_by_outlook(&mut self, case: CaseId) -> Result<bool, Error> {
        let Some(bytes) = self.store.due().get(&case.0)? else {
            return Ok(false);
        };
        let outlook = decoded(&bytes)?;
        let last = outlook.last.map(|at| (at.bundle, at.envelope));
        let behind = self.store.cases().places_after(&case.0, last).next();
        // What a case was parked for may have come, and what it suspends stands in its fold.
        let is_of_today = outlook.rules == self.rules_name && behind.transpose()?.is_none();
        if outlook.parked || outlook.suspends || !is_of_today {
            return Ok(false);
        }
        self.shelf.know(case);
        if outlook.duty {
            self.look_at_duties(case);
        }
        self.show_outlook(case, &outlook);
        Ok(true)
    }

    /// Index and agenda follow an outlook.
    pub(super) fn show_outlook(&mut self, case: CaseId, outlook: &Outlook) {
        let card = (&outlook.keeper, outlook.state.as_str());
        self.due.set(case, card, &outlook.outstanding);
        let next = outlook.next_look(self.now());
        self.agenda.set(case, next);
    }
}

fn decoded(bytes: &[u8]) -> Result<Outlook, Error> {
    serde_json::from_slice(bytes)
        .map_err(|_| Error::Corrupt("an outlook does not decode".to_owned()))
}
