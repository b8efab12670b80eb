//! Steps whose author had not seen all that was on the log: `based_on`.

use std::collections::{BTreeMap, BTreeSet};

use concordat_domain::ids::OrganisationId;
use concordat_domain::scenario::Step;

/// After which steps whose connection falls behind, until its own step that is based on that one.
///
/// An organisation with a step of its own in between cannot be made unaware of what it has done; such a step is played in the open.
pub(super) fn falling_behind(steps: &[Step]) -> BTreeMap<usize, BTreeSet<OrganisationId>> {
    let mut behind: BTreeMap<usize, BTreeSet<OrganisationId>> = BTreeMap::new();
    for step in steps {
        let Some(seen) = step.based_on else { continue };
        let between = || {
            steps
                .iter()
                .filter(|other| seen < other.step && other.step < step.step)
        };
        let others_act = between().next().is_some();
        if others_act && between().all(|other| other.org != step.org) {
            behind.entry(seen).or_default().insert(step.org.clone());
        }
    }
    behind
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(step: usize, org: &str, based_on: Option<usize>) -> Step {
        let mut file = json!({"step": step, "at": "2026-11-02T10:00:00", "org": org, "event": "complainant-updated", "fields": {}, "expect": {}});
        if let Some(seen) = based_on {
            file["based_on"] = json!(seen);
        }
        serde_json::from_value(file).expect("a step")
    }

    #[test]
    fn only_who_must_not_know_falls_behind_and_only_if_there_is_something_to_know() {
        let unaware = [
            step(1, "ods:A", None),
            step(2, "gss:B", None),
            step(3, "ods:A", Some(1)),
        ];
        let expected = [(1, ["ods:A".parse().expect("a code")].into())].into();
        assert_eq!(falling_behind(&unaware), expected);
        let nothing_new = [step(1, "ods:A", None), step(2, "ods:A", Some(1))];
        assert_eq!(falling_behind(&nothing_new), BTreeMap::new());
        let own_act_between = [
            step(1, "gss:B", None),
            step(2, "ods:A", None),
            step(3, "ods:A", Some(1)),
        ];
        assert_eq!(falling_behind(&own_act_between), BTreeMap::new());
    }
}
