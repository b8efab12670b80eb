//! Identifiers: one type for each kind, parsed once at the edge, so that two kinds are never mixed.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the identifier it claims to be. The caller corrects the text; nothing is retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither `ods:`, `gss:` nor `cqc:` followed by letters, digits or hyphens (domain brief D-12).
    #[error("`{0}` is not an organisation id: expected ods:, gss: or cqc: and a code")]
    Organisation(String),
    /// Not 32 hexadecimal digits.
    #[error("`{0}` is not a case id: expected 32 hexadecimal digits")]
    Case(String),
    /// Not a UUID.
    #[error("`{0}` is not an event id: expected a UUID")]
    Event(String),
    /// Not lower-case letters, digits and hyphens.
    #[error("`{0}` is not a pack id: expected lower-case letters, digits and hyphens")]
    Pack(String),
    /// Not `bundle.envelope`, both decimal.
    #[error("`{0}` is not a position: expected bundle.envelope")]
    Position(String),
}

// Covers: D-12
/// An organisation: the scheme of its code and the code (`ods:RXW`, `gss:E06000051`, `cqc:1-123`). Ordered as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganisationId(String);

impl OrganisationId {
    /// The whole code with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrganisationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = text.split_once(':').is_some_and(|(scheme, code)| {
            matches!(scheme, "ods" | "gss" | "cqc")
                && !code.is_empty()
                && code.len() <= 32
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
        if known {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Organisation(text.to_owned()))
        }
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One complaint: 16 bytes, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId(pub [u8; 16]);

impl FromStr for CaseId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Error::Case(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaseId({self})")
    }
}

impl TryFrom<&[u8]> for CaseId {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| Error::Case(hex::encode(bytes)))
    }
}

/// One event of one organisation, chosen by the emitter: 16 bytes, shown as a UUID. Unique per organisation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let groups: Vec<&str> = text.split('-').collect();
        let shaped = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
        let mut bytes = [0; 16];
        if !shaped || hex::decode_to_slice(groups.concat(), &mut bytes).is_err() {
            return Err(Error::Event(text.to_owned()));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = hex::encode(self.0);
        write!(
            f,
            "{}-{}-{}-{}-{}",
            &text[..8],
            &text[8..12],
            &text[12..16],
            &text[16..20],
            &text[20..]
        )
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl TryFrom<&[u8]> for EventId {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| Error::Event(hex::encode(bytes)))
    }
}

/// The name of a policy pack or local protocol, such as `eng-2009`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(String);

impl PackId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = !text.is_empty()
            && text.len() <= 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if named {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Pack(text.to_owned()))
        }
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an admitted envelope stands on the log; shown as `bundle.envelope`, both counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Index of the bundle on the log.
    pub bundle: u64,
    /// Index of the envelope in its bundle.
    pub envelope: u32,
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (bundle, envelope) = text.split_once('.')?;
            Some(Self {
                bundle: bundle.parse().ok()?,
                envelope: envelope.parse().ok()?,
            })
        };
        parse().ok_or_else(|| Error::Position(text.to_owned()))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.bundle, self.envelope)
    }
}

/// Serialises an identifier as its text, so that it may be a key of a JSON object and reads well in a dump.
macro_rules! serde_as_text {
    ($($id:ty),*) => {$(
        impl TryFrom<String> for $id {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
serde_as_text!(OrganisationId, CaseId, EventId, PackId, Position);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_what_it_shows() {
        let event = EventId(*b"0123456789abcdef");
        assert_eq!(event.to_string().parse::<EventId>().unwrap(), event);
        let case = CaseId([7; 16]);
        assert_eq!(case.to_string().parse::<CaseId>().unwrap(), case);
        let position = Position {
            bundle: 12,
            envelope: 3,
        };
        assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        assert_eq!(
            "gss:E06000051"
                .parse::<OrganisationId>()
                .unwrap()
                .to_string(),
            "gss:E06000051"
        );
    }

    // Proves: D-12
    #[test]
    fn a_code_of_an_unknown_scheme_is_not_an_organisation() {
        for wrong in ["", "ods:", "nhs:RXW", "RXW", "ods:A B", "ods:é"] {
            assert!(wrong.parse::<OrganisationId>().is_err(), "{wrong}");
        }
    }
}
