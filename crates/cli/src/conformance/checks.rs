//! What is looked at, and what was found.

use std::collections::BTreeMap;

use serde::Serialize;

/// One thing that an integration must get right. Ids are stable: a report of today can be compared with one of next year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Authenticates,
    EmitsWithUuid,
    RepeatsWithSameId,
    HonoursRetryInfo,
    ReadsAgainWhenStale,
    LeavesFaultyFields,
    CommitsWhatItGot,
    ResumesFromCommit,
    ToleratesDuplicates,
    ToleratesUnknownTypes,
    ReadsContentAvailable,
    HonoursClosing,
    FollowsResync,
    GivesWay,
    ComesBackToParked,
}

impl Check {
    /// All checks, in the order in which they are shown.
    pub(super) const ALL: [Self; 15] = [
        Self::Authenticates,
        Self::EmitsWithUuid,
        Self::RepeatsWithSameId,
        Self::HonoursRetryInfo,
        Self::ReadsAgainWhenStale,
        Self::LeavesFaultyFields,
        Self::CommitsWhatItGot,
        Self::ResumesFromCommit,
        Self::ToleratesDuplicates,
        Self::ToleratesUnknownTypes,
        Self::ReadsContentAvailable,
        Self::HonoursClosing,
        Self::FollowsResync,
        Self::GivesWay,
        Self::ComesBackToParked,
    ];

    /// Its id, stable.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Authenticates => "authenticates",
            Self::EmitsWithUuid => "emits-with-uuid",
            Self::RepeatsWithSameId => "repeats-with-same-id-after-lost-answer",
            Self::HonoursRetryInfo => "honours-retry-info",
            Self::ReadsAgainWhenStale => "reads-again-when-stale",
            Self::LeavesFaultyFields => "does-not-repeat-faulty-fields",
            Self::CommitsWhatItGot => "commits-what-it-got",
            Self::ResumesFromCommit => "resumes-from-commit-after-cut",
            Self::ToleratesDuplicates => "tolerates-duplicates",
            Self::ToleratesUnknownTypes => "tolerates-unknown-event-types",
            Self::ReadsContentAvailable => "reads-again-when-content-is-available",
            Self::HonoursClosing => "waits-after-closing",
            Self::FollowsResync => "follows-resync-required",
            Self::GivesWay => "gives-way-when-taken-over",
            Self::ComesBackToParked => "comes-back-to-what-it-parked",
        }
    }

    /// What a program does that gets it right.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Authenticates => "every call has the bearer token",
            Self::EmitsWithUuid => "each event has an id of its own, a UUID",
            Self::RepeatsWithSameId => {
                "an answer was lost: the same event is sent again under the same id"
            }
            Self::HonoursRetryInfo => {
                "the node asked to wait: the event is sent again, and not before"
            }
            Self::ReadsAgainWhenStale => {
                "another organisation acted first: the case is read before the event is sent again"
            }
            Self::LeavesFaultyFields => "fields were refused: the same request is not sent again",
            Self::CommitsWhatItGot => "only cursors that were delivered are committed, in order",
            Self::ResumesFromCommit => {
                "the stream was cut: it is opened again, behind what was committed"
            }
            Self::ToleratesDuplicates => "an entry came twice: what follows is dealt with",
            Self::ToleratesUnknownTypes => {
                "an event of an unknown type, and a message of an unknown kind: they are passed by, and committed"
            }
            Self::ReadsContentAvailable => {
                "content became readable: events of the case are read again"
            }
            Self::HonoursClosing => {
                "the node closed the stream: it is opened again, after the time that was asked for"
            }
            Self::FollowsResync => {
                "the place is not known any more: the feed goes on from the place given"
            }
            Self::GivesWay => "another consumer took the feed over: it is not taken back by force",
            Self::ComesBackToParked => "what was parked is looked at again",
        }
    }

    /// Whether a program may well do without what it takes to see this.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::ComesBackToParked | Self::ReadsAgainWhenStale)
    }
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Verdict {
    /// It was seen to be right.
    #[serde(rename = "PASS")]
    Pass,
    /// It was seen to be wrong, at least once.
    #[serde(rename = "FAIL")]
    Fail,
    /// The program did nothing in which it could be seen.
    #[serde(rename = "NOT SEEN")]
    NotSeen,
}

impl Verdict {
    /// As reports write it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::NotSeen => "NOT SEEN",
        }
    }
}

/// What was found so far. A failure stays one, whatever is seen later.
#[derive(Debug, Default)]
pub(super) struct Found(BTreeMap<Check, (Verdict, String)>);

impl Found {
    /// Seen to be right.
    pub(super) fn pass(&mut self, check: Check, seen: impl Into<String>) {
        self.0
            .entry(check)
            .or_insert_with(|| (Verdict::Pass, seen.into()));
    }

    /// Seen to be wrong.
    pub(super) fn fail(&mut self, check: Check, seen: impl Into<String>) {
        let found = self.0.entry(check);
        let found = found.or_insert_with(|| (Verdict::Pass, String::new()));
        if found.0 != Verdict::Fail {
            *found = (Verdict::Fail, seen.into());
        }
    }

    /// How a check went, and what was seen.
    pub(super) fn of(&self, check: Check) -> (Verdict, &str) {
        match self.0.get(&check) {
            Some((verdict, seen)) => (*verdict, seen),
            None => (Verdict::NotSeen, ""),
        }
    }

    /// Whether nothing is left to see, one check and what may well never be seen apart.
    pub(super) fn is_complete_but(&self, last: Check) -> bool {
        Check::ALL
            .into_iter()
            .filter(|check| !check.is_optional() && *check != last)
            .all(|check| self.0.contains_key(&check))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_a_failure_stays() {
        let ids: BTreeSet<&str> = Check::ALL.iter().map(|check| check.id()).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        let mut found = Found::default();
        assert_eq!(found.of(Check::GivesWay).0, Verdict::NotSeen);
        found.pass(Check::GivesWay, "well");
        found.fail(Check::GivesWay, "badly");
        found.pass(Check::GivesWay, "well again");
        assert_eq!(found.of(Check::GivesWay), (Verdict::Fail, "badly"));
        assert!(!found.is_complete_but(Check::GivesWay));
    }
}
