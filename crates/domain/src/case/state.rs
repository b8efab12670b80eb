//! The states of a case (domain brief, section C) and the groups by which the event tables name them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// States with their code and meaning, in the order of the life cycle.
macro_rules! states {
    ($($variant:ident = $code:literal $meaning:literal),* $(,)?) => {
        /// Where a case stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum State {
            $(
                #[doc = $meaning]
                #[serde(rename = $code)]
                $variant,
            )*
        }

        impl State {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code, as the scenarios and the API show it.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// What it means, in one clause.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

states! {
    Received = "received" "Logged; acknowledgement owed; triage.",
    AwaitingConsent = "awaiting-consent" "Asked; nothing may leave the receiver.",
    ConsentRefused = "consent-refused" "May not share; signpost owed, own part continues.",
    PassingOn = "passing-on" "Consent to pass on is held.",
    PassedOn = "passed-on" "Sent, waiting for acceptance.",
    AgreeingLead = "agreeing-lead" "Participants gather; the lead is not fixed.",
    LeadDisputed = "lead-disputed" "A body will not have the lead proposed.",
    Planning = "planning" "Lead known; contact, issues, period, plan.",
    Investigating = "investigating" "Strands open.",
    Drafting = "drafting" "The joint response is being made.",
    Commenting = "commenting" "Bodies comment on the draft.",
    SigningOff = "signing-off" "Waiting for signature and issue.",
    Impasse = "impasse" "The bodies cannot agree.",
    PartiallyResponded = "partially-responded" "Answered as fully as possible; the ombudsman is to be named.",
    ProviderHandling = "provider-handling" "The provider handles commissioned care.",
    ProviderResponded = "provider-responded" "The provider has answered.",
    CouncilReview = "council-review" "The council decides what follows the provider's answer.",
    Stage1 = "stage-1" "Frontline or local resolution.",
    Stage1Answered = "stage-1-answered" "Stage 1 answered.",
    Stage2 = "stage-2" "Formal investigation.",
    Stage2Answered = "stage-2-answered" "Stage 2 adjudicated.",
    Stage3 = "stage-3" "A panel is asked for.",
    Stage3Heard = "stage-3-heard" "The panel has met.",
    Responded = "responded" "Answer given; actions and the ombudsman's window run.",
    WithOmbudsman = "with-ombudsman" "Being considered outside.",
    Closed = "closed" "Nothing owed; retention runs.",
    ResolvedEarly = "resolved-early" "Settled by the next working day.",
    Signposted = "signposted" "The person was told where to go.",
    Excluded = "excluded" "Not within the regulations.",
    RefusedLate = "refused-late" "Out of time and not accepted.",
    Withdrawn = "withdrawn" "The person withdrew.",
    Merged = "merged" "Goes on in another case.",
    ChannelOpen = "channel-open" "Restricted channel: recorded.",
    ChannelReferred = "channel-referred" "Restricted channel: referred.",
    Erased = "erased" "Personal parts unreadable, counts kept.",
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// From where a row of the event tables is allowed: a state, or one of the named groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The event opens a case id.
    New,
    /// Exactly this state.
    In(State),
    /// received, awaiting-consent, consent-refused, passing-on.
    Pre,
    /// agreeing-lead, lead-disputed.
    Joining,
    /// planning … partially-responded.
    Work,
    /// provider-handling, provider-responded, council-review.
    Care,
    /// stage-1 … stage-3-heard.
    Staged,
    /// responded, with-ombudsman.
    Done,
    /// resolved-early … merged.
    Ended,
    /// channel-open, channel-referred.
    Channel,
    /// pre, passed-on, joining, work, care, staged.
    Open,
    /// All but erased.
    Any,
}

impl From {
    /// Whether a case in this state is meant.
    pub fn contains(self, state: State) -> bool {
        use State as S;
        match self {
            Self::New => false,
            Self::In(one) => state == one,
            Self::Pre => matches!(
                state,
                S::Received | S::AwaitingConsent | S::ConsentRefused | S::PassingOn
            ),
            Self::Joining => matches!(state, S::AgreeingLead | S::LeadDisputed),
            Self::Work => (S::Planning..=S::PartiallyResponded).contains(&state),
            Self::Care => (S::ProviderHandling..=S::CouncilReview).contains(&state),
            Self::Staged => (S::Stage1..=S::Stage3Heard).contains(&state),
            Self::Done => matches!(state, S::Responded | S::WithOmbudsman),
            Self::Ended => (S::ResolvedEarly..=S::Merged).contains(&state),
            Self::Channel => matches!(state, S::ChannelOpen | S::ChannelReferred),
            Self::Open => state <= S::Stage3Heard,
            Self::Any => state != S::Erased,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(group: From) -> Vec<&'static str> {
        State::ALL
            .iter()
            .filter(|state| group.contains(**state))
            .map(|state| state.code())
            .collect()
    }

    #[test]
    fn groups_hold_the_states_that_section_b_lists() {
        assert_eq!(
            codes(From::Work).join(" "),
            "planning investigating drafting commenting signing-off impasse partially-responded"
        );
        assert_eq!(
            codes(From::Care).join(" "),
            "provider-handling provider-responded council-review"
        );
        assert_eq!(
            codes(From::Ended).join(" "),
            "resolved-early signposted excluded refused-late withdrawn merged"
        );
        assert_eq!(codes(From::Staged).first().copied(), Some("stage-1"));
        assert_eq!(codes(From::Staged).last().copied(), Some("stage-3-heard"));
        assert_eq!(codes(From::Open).len(), 4 + 1 + 2 + 7 + 3 + 6);
        assert_eq!(codes(From::Any).len(), State::ALL.len() - 1);
    }
}
