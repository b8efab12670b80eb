//! Names at the broker: the one place that builds a subject, so that publishing and fencing cannot disagree.

use std::fmt;

use crate::Error;

/// First tokens of every subject; the number is the format number of wire.md.
const PREFIX: &str = "concordat.v1";

/// The subject under which one organisation publishes into its partnership:
/// `concordat.v1.<partnership>.<organisation>`, where `:` in a code is written `-` (wire.md 1).
///
/// Two codes cannot meet in one subject: the part before the first `:` never contains `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(String);

impl Subject {
    /// Builds the subject of `organisation` in `partnership`.
    ///
    /// # Errors
    /// [`Error::InvalidConfiguration`] if a name is empty or has a character that NATS gives a meaning to.
    pub fn new(partnership: &str, organisation: &str) -> Result<Self, Error> {
        Ok(Self(format!(
            "{PREFIX}.{}.{}",
            token(partnership)?,
            token(organisation)?
        )))
    }

    /// The organisation's token in a subject, which is how a record names its author; the whole text if there is none.
    pub(crate) fn author(subject: &str) -> &str {
        subject.rsplit('.').next().unwrap_or(subject)
    }

    /// The subject as NATS takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The subjects of all organisations of one partnership, as the stream lists them: `concordat.v1.<partnership>.*`.
///
/// # Errors
/// [`Error::InvalidConfiguration`] if the name cannot be a token.
pub fn partnership_subjects(partnership: &str) -> Result<String, Error> {
    Ok(format!("{PREFIX}.{}.*", token(partnership)?))
}

/// The name of a partnership's stream. Stream names may not contain dots.
pub(crate) fn stream_name(partnership: &str) -> Result<String, Error> {
    Ok(format!("concordat-v1-{}", token(partnership)?))
}

/// The token under which an organisation's records come, as [`Record::author`](crate::Record::author) shows it.
#[must_use]
pub fn subject_token(organisation: &str) -> String {
    organisation.replace(':', "-")
}

/// A name as one token of a subject.
pub(crate) fn token(name: &str) -> Result<String, Error> {
    let token = name.replace(':', "-");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if token.is_empty() || !token.chars().all(plain) {
        return Err(Error::InvalidConfiguration(format!(
            "{name:?} cannot be a token of a subject"
        )));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_writes_the_colon_of_a_code_as_a_hyphen() {
        let subject = Subject::new("north", "ods:RXW").expect("plain names");
        assert_eq!(subject.as_str(), "concordat.v1.north.ods-RXW");
        assert_eq!(Subject::author(subject.as_str()), "ods-RXW");
    }

    #[test]
    fn names_that_would_widen_a_subject_are_refused() {
        for name in ["", "a.b", "*", ">", "a b", "north\r\n", "é"] {
            assert!(Subject::new("north", name).is_err(), "{name:?} was taken");
            assert!(partnership_subjects(name).is_err(), "{name:?} was taken");
        }
    }
}
