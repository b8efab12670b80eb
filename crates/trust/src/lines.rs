//! Key lines: the keys of one compartment, for the whole case or for one strand, version by version.
//!
//! On the log a line is a random number, its *alias*, that differs from case to case; what it stands for is said in `process` only.
//! A version is a random key; the record that makes it carries a commitment to the key, so that all who are granted the version
//! hold the same key. Two nodes may make the same number at the same time: the commitment tells the two apart, and the ruling says
//! which one is the line's.

use std::collections::BTreeMap;
use std::fmt;

use concordat_domain::ids::CaseId;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Error;
use crate::compartment::Compartment;
use crate::digest::Commitment;
use crate::hash::{labelled, sha256};

/// The random number that stands for a line in one case. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alias(pub u32);

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What of a case a line covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Scope {
    /// All of it.
    WholeCase,
    /// The strand with this id.
    Strand(String),
}

impl From<String> for Scope {
    fn from(text: String) -> Self {
        if text.is_empty() {
            Self::WholeCase
        } else {
            Self::Strand(text)
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::WholeCase => Self::new(),
            Scope::Strand(id) => id,
        }
    }
}

/// A line, by what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The class of data.
    pub compartment: Compartment,
    /// What of the case.
    pub scope: Scope,
}

impl Line {
    /// The line of a compartment for the whole case.
    pub fn of(compartment: Compartment) -> Self {
        Self {
            compartment,
            scope: Scope::WholeCase,
        }
    }
}

/// The lines of one case by their alias. Each line has one alias and each alias one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AliasTable(BTreeMap<Alias, Line>);

/// The alias or the line is in the table already, or the alias is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("alias or line is already in the table")]
pub struct Taken;

impl AliasTable {
    /// Adds a line.
    ///
    /// # Errors
    /// [`Taken`]: the record that opens the line again is void.
    pub fn add(&mut self, alias: Alias, line: Line) -> Result<(), Taken> {
        if alias.0 == 0 || self.0.contains_key(&alias) || self.alias(&line).is_some() {
            return Err(Taken);
        }
        self.0.insert(alias, line);
        Ok(())
    }

    /// What an alias stands for.
    pub fn line(&self, alias: Alias) -> Option<&Line> {
        self.0.get(&alias)
    }

    /// The alias of a line.
    pub fn alias(&self, line: &Line) -> Option<Alias> {
        self.iter()
            .find(|(_, known)| *known == line)
            .map(|(alias, _)| alias)
    }

    /// All lines, in ascending order of their alias.
    pub fn iter(&self) -> impl Iterator<Item = (Alias, &Line)> {
        self.0.iter().map(|(alias, line)| (*alias, line))
    }

    /// A random alias that is not in the table.
    pub fn fresh_alias(&self, rng: &mut impl CryptoRng) -> Alias {
        loop {
            let alias = Alias(rng.next_u32());
            if alias.0 != 0 && !self.0.contains_key(&alias) {
                return alias;
            }
        }
    }
}

/// The key of a version. It wipes itself when dropped, compares in constant time and never prints.
#[derive(Clone)]
pub struct VersionKey(Zeroizing<[u8; 32]>);

impl VersionKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// The key's bytes.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Commits to this key as a version of a line of a case: SHA-256 over the labelled case, alias, number and key. AES-GCM alone
    /// does not commit: one ciphertext can be made to open to different contents under two keys.
    pub fn commitment(&self, case: &CaseId, alias: Alias, number: u32) -> Commitment {
        let fields: [&[u8]; 4] = [
            &case.0,
            &alias.0.to_be_bytes(),
            &number.to_be_bytes(),
            self.expose(),
        ];
        Commitment(
            sha256(&Zeroizing::new(labelled(
                "concordat/v1/key-commitment",
                &fields,
            )))
            .0,
        )
    }

    /// Checks that this is the key which a version commits to.
    ///
    /// # Errors
    /// [`Error::CommitmentMismatch`].
    pub fn check(
        &self,
        case: &CaseId,
        alias: Alias,
        number: u32,
        commitment: &Commitment,
    ) -> Result<(), Error> {
        if self.commitment(case, alias, number) == *commitment {
            Ok(())
        } else {
            Err(Error::CommitmentMismatch {
                alias: alias.0,
                number,
            })
        }
    }
}

impl From<[u8; 32]> for VersionKey {
    fn from(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl PartialEq for VersionKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for VersionKey {}

impl fmt::Debug for VersionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VersionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_line_has_one_alias_and_an_alias_one_line() {
        let mut table = AliasTable::default();
        let health = Line::of(Compartment::Health);
        assert_eq!(table.add(Alias(7), health.clone()), Ok(()));
        assert_eq!(table.add(Alias(8), health.clone()), Err(Taken));
        assert_eq!(
            table.add(Alias(7), Line::of(Compartment::Staff)),
            Err(Taken)
        );
        assert_eq!(
            table.add(Alias(0), Line::of(Compartment::Staff)),
            Err(Taken)
        );
        let strand = Line {
            compartment: Compartment::Health,
            scope: Scope::Strand("s1".to_owned()),
        };
        assert_eq!(table.add(Alias(9), strand.clone()), Ok(()));
        assert_eq!(table.alias(&health), Some(Alias(7)));
        assert_eq!(table.line(Alias(9)), Some(&strand));
    }

    #[test]
    fn a_table_survives_being_stored() {
        let mut table = AliasTable::default();
        table.add(Alias(7), Line::of(Compartment::Process)).unwrap();
        table
            .add(
                Alias(9),
                Line {
                    compartment: Compartment::Health,
                    scope: Scope::Strand("s1".to_owned()),
                },
            )
            .unwrap();
        let stored = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<AliasTable>(&stored).unwrap(), table);
    }

    #[test]
    fn a_commitment_fits_one_key_at_one_place_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (key, other) = (
            VersionKey::generate(&mut rng),
            VersionKey::generate(&mut rng),
        );
        let case = CaseId([1; 16]);
        let commitment = key.commitment(&case, Alias(7), 1);
        assert_eq!(key.check(&case, Alias(7), 1, &commitment), Ok(()));
        let mismatch = |number| Err(Error::CommitmentMismatch { alias: 7, number });
        assert_eq!(other.check(&case, Alias(7), 1, &commitment), mismatch(1));
        assert_eq!(key.check(&case, Alias(7), 2, &commitment), mismatch(2));
        assert_eq!(
            key.check(&CaseId([2; 16]), Alias(7), 1, &commitment),
            mismatch(1)
        );
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(
            format!("{:?}", VersionKey::from([0xab; 32])),
            "VersionKey(…)"
        );
    }
}
