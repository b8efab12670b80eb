//! The compartments of a case: classes of data that are shared, or kept, each on its own.

use std::fmt;
use std::str::FromStr;

use concordat_proto::v1;
use serde::{Deserialize, Serialize};

/// A class of data in a case. Each has its own key line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compartment {
    /// What rules need: types, organisations, ids, dates, outcomes, codes. No names, no free text.
    Process,
    /// Who the complainant and the person concerned are, and how to reach them.
    Identity,
    /// What is said about the complaint in free text.
    Narrative,
    /// Health records and what follows from them.
    Health,
    /// Social care records and what follows from them.
    SocialCare,
    /// Data about other people.
    ThirdParty,
    /// Safeguarding concerns.
    Safeguarding,
    /// Named staff.
    Staff,
}

impl Compartment {
    /// All compartments, `process` first: the order in which the parts of an envelope stand.
    pub const ALL: [Self; 8] = [
        Self::Process,
        Self::Identity,
        Self::Narrative,
        Self::Health,
        Self::SocialCare,
        Self::ThirdParty,
        Self::Safeguarding,
        Self::Staff,
    ];

    /// The name that people and files use, such as `social-care`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Identity => "identity",
            Self::Narrative => "narrative",
            Self::Health => "health",
            Self::SocialCare => "social-care",
            Self::ThirdParty => "third-party",
            Self::Safeguarding => "safeguarding",
            Self::Staff => "staff",
        }
    }
}

impl fmt::Display for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No compartment has this name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a compartment")]
pub struct NotACompartment;

impl FromStr for Compartment {
    type Err = NotACompartment;

    fn from_str(code: &str) -> Result<Self, NotACompartment> {
        Self::ALL
            .into_iter()
            .find(|compartment| compartment.code() == code)
            .ok_or(NotACompartment)
    }
}

impl From<Compartment> for v1::Compartment {
    fn from(compartment: Compartment) -> Self {
        match compartment {
            Compartment::Process => Self::Process,
            Compartment::Identity => Self::Identity,
            Compartment::Narrative => Self::Narrative,
            Compartment::Health => Self::Health,
            Compartment::SocialCare => Self::SocialCare,
            Compartment::ThirdParty => Self::ThirdParty,
            Compartment::Safeguarding => Self::Safeguarding,
            Compartment::Staff => Self::Staff,
        }
    }
}

impl TryFrom<v1::Compartment> for Compartment {
    type Error = NotACompartment;

    fn try_from(compartment: v1::Compartment) -> Result<Self, NotACompartment> {
        match compartment {
            v1::Compartment::Unspecified => Err(NotACompartment),
            v1::Compartment::Process => Ok(Self::Process),
            v1::Compartment::Identity => Ok(Self::Identity),
            v1::Compartment::Narrative => Ok(Self::Narrative),
            v1::Compartment::Health => Ok(Self::Health),
            v1::Compartment::SocialCare => Ok(Self::SocialCare),
            v1::Compartment::ThirdParty => Ok(Self::ThirdParty),
            v1::Compartment::Safeguarding => Ok(Self::Safeguarding),
            v1::Compartment::Staff => Ok(Self::Staff),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compartment_reads_back_from_its_code_and_its_number() {
        for compartment in Compartment::ALL {
            assert_eq!(compartment.code().parse(), Ok(compartment));
            assert_eq!(
                Compartment::try_from(v1::Compartment::from(compartment)),
                Ok(compartment)
            );
            assert_eq!(
                serde_json::to_value(compartment).unwrap(),
                compartment.code()
            );
        }
    }
}
