//! One case as it stood at a point.

use concordat_domain::ids::CaseId;

use super::super::Engine;
use crate::audit::{FoundPoint, PastCase};
use crate::error::Error;

impl Engine {
    /// A case as this organisation knew it at a point: folded up to there with the keys held there, its deadlines read by the directory in
    /// force after it.
    pub(crate) fn case_as_of(&self, case: CaseId, point: FoundPoint) -> Result<PastCase, Error> {
        let position = point.position.ok_or(Error::UnknownCase)?;
        let past = self.past(case, position)?.ok_or(Error::UnknownCase)?;
        let rules = self.rules_at(position.bundle + 1);
        let version = past.version(self);
        let view = self.view_of_fold(&past.log, version, point.valid_at, &rules, |subcase| {
            Ok(self.past(subcase, position)?.map(|past| past.log))
        })?;
        Ok(PastCase { case: view, point })
    }
}
