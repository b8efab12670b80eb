//! A node's keys, case by case: the private keys of its own offers and the keys of the versions it holds.
//!
//! The serialised form of [`CaseKeys`] holds keys in clear and is made for the store's vault, which encrypts it. Losing a case's
//! keys is not the end: any holder can grant again to a new offer. Keeping them after erasure would be: see [`Keyring::destroy`].

use std::collections::BTreeMap;

use concordat_domain::ids::{CaseId, EventId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::Error;
use crate::digest::Commitment;
use crate::grant::OfferSecret;
use crate::lines::{Alias, VersionKey};

/// The keys of all cases.
#[derive(Debug, Default)]
pub struct Keyring {
    cases: BTreeMap<CaseId, CaseKeys>,
}

impl Keyring {
    /// Puts back the keys of a case that were stored.
    pub fn restore(&mut self, case: CaseId, keys: CaseKeys) {
        self.cases.insert(case, keys);
    }

    /// The keys of a case.
    pub fn case(&self, case: &CaseId) -> Option<&CaseKeys> {
        self.cases.get(case)
    }

    /// The keys of a case, to add to; none yet if the case is new here.
    pub fn case_mut(&mut self, case: CaseId) -> &mut CaseKeys {
        self.cases.entry(case).or_default()
    }

    /// Whether a key of this version is here. Two keys can claim one number; [`CaseKeys::key`] tells them apart.
    pub fn holds(&self, case: &CaseId, alias: Alias, number: u32) -> bool {
        self.case(case)
            .is_some_and(|keys| keys.holds(alias, number))
    }

    /// The key of a version.
    pub fn key(
        &self,
        case: &CaseId,
        alias: Alias,
        number: u32,
        commitment: &Commitment,
    ) -> Option<&VersionKey> {
        self.case(case)?.key(alias, number, commitment)
    }

    /// Wipes all keys of a case from memory, and says whether there were any. The caller destroys the stored copy too.
    pub fn destroy(&mut self, case: &CaseId) -> bool {
        self.cases.remove(case).is_some()
    }
}

/// The keys of one case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CaseKeys {
    /// By the event id of the offer.
    offers: BTreeMap<EventId, OfferSecret>,
    versions: Vec<HeldVersion>,
}

/// A version whose key is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldVersion {
    /// The line.
    pub alias: Alias,
    /// The version.
    pub number: u32,
    /// Commits to the key.
    pub commitment: Commitment,
    key: VersionKey,
}

impl HeldVersion {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &VersionKey {
        &self.key
    }
}

impl CaseKeys {
    /// Keeps the private key of an own offer.
    pub fn add_offer(&mut self, offer: EventId, secret: OfferSecret) {
        self.offers.insert(offer, secret);
    }

    /// The private key of an own offer.
    pub fn offer(&self, offer: &EventId) -> Option<&OfferSecret> {
        self.offers.get(offer)
    }

    /// The event ids of own offers.
    pub fn offers(&self) -> impl Iterator<Item = &EventId> {
        self.offers.keys()
    }

    /// Keeps the key of a version; one that is here already is kept once.
    ///
    /// # Errors
    /// [`Error::CommitmentMismatch`]: the key is not kept.
    pub fn add_version(
        &mut self,
        case: &CaseId,
        alias: Alias,
        number: u32,
        commitment: Commitment,
        key: VersionKey,
    ) -> Result<(), Error> {
        key.check(case, alias, number, &commitment)?;
        if self.key(alias, number, &commitment).is_none() {
            self.versions.push(HeldVersion {
                alias,
                number,
                commitment,
                key,
            });
        }
        Ok(())
    }

    /// Whether a key of this version is here.
    pub fn holds(&self, alias: Alias, number: u32) -> bool {
        self.versions
            .iter()
            .any(|held| (held.alias, held.number) == (alias, number))
    }

    /// The key of a version.
    pub fn key(&self, alias: Alias, number: u32, commitment: &Commitment) -> Option<&VersionKey> {
        let wanted = (alias, number, *commitment);
        self.versions
            .iter()
            .find(|held| (held.alias, held.number, held.commitment) == wanted)
            .map(|held| &held.key)
    }

    /// Wipes the keys of these lines, and the private keys of all own offers, with which the grants of those could be opened again.
    pub fn destroy(&mut self, mut line: impl FnMut(Alias) -> bool) {
        self.offers.clear();
        self.versions.retain(|held| !line(held.alias));
    }

    /// Those of these keys that were held at some earlier time: what a case showed then is folded with them.
    #[must_use]
    pub fn held_then(&self, held: impl Fn(&HeldVersion) -> bool) -> Self {
        let versions = self.versions.iter().filter(|version| held(version));
        Self {
            offers: BTreeMap::new(),
            versions: versions.cloned().collect(),
        }
    }

    /// All versions held, in the order in which they came.
    pub fn versions(&self) -> impl Iterator<Item = &HeldVersion> {
        self.versions.iter()
    }

    /// The keys that are here under this number of this line: one, or more if two nodes made the number at the same time. The
    /// first event of a case says its own lines, so it is opened by trying these.
    pub fn candidates(&self, alias: Alias, number: u32) -> impl Iterator<Item = &VersionKey> {
        self.versions
            .iter()
            .filter(move |held| (held.alias, held.number) == (alias, number))
            .map(|held| &held.key)
    }
}

impl Serialize for VersionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_secret(self.expose(), serializer)
    }
}

impl<'de> Deserialize<'de> for VersionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_secret(deserializer).map(Self::from)
    }
}

impl Serialize for OfferSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_secret(self.expose(), serializer)
    }
}

impl<'de> Deserialize<'de> for OfferSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_secret(deserializer).map(Self::from)
    }
}

fn serialize_secret<S: Serializer>(secret: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Zeroizing::new(hex::encode(secret)))
}

fn deserialize_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    let mut secret = [0; 32];
    hex::decode_to_slice(text.as_bytes(), &mut secret)
        .map_err(|_| D::Error::custom("expected 32 bytes in hexadecimal"))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const CASE: CaseId = CaseId([3; 16]);

    fn ring() -> (Keyring, VersionKey, Commitment) {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let key = VersionKey::generate(&mut rng);
        let commitment = key.commitment(&CASE, Alias(7), 1);
        let mut ring = Keyring::default();
        let keys = ring.case_mut(CASE);
        keys.add_offer(EventId([9; 16]), OfferSecret::generate(&mut rng));
        keys.add_version(&CASE, Alias(7), 1, commitment, key.clone())
            .unwrap();
        (ring, key, commitment)
    }

    #[test]
    fn a_version_is_found_by_line_number_and_commitment() {
        let (ring, key, commitment) = ring();
        assert!(ring.holds(&CASE, Alias(7), 1));
        assert!(!ring.holds(&CASE, Alias(7), 2));
        assert!(!ring.holds(&CaseId([4; 16]), Alias(7), 1));
        assert_eq!(ring.key(&CASE, Alias(7), 1, &commitment), Some(&key));
        assert_eq!(ring.key(&CASE, Alias(7), 1, &Commitment::ZERO), None);
    }

    #[test]
    fn a_key_that_was_not_committed_to_is_not_kept() {
        let (mut ring, ..) = ring();
        let wrong = ring.case_mut(CASE).add_version(
            &CASE,
            Alias(7),
            2,
            Commitment::ZERO,
            VersionKey::from([0; 32]),
        );
        assert_eq!(
            wrong,
            Err(Error::CommitmentMismatch {
                alias: 7,
                number: 2
            })
        );
        assert!(!ring.holds(&CASE, Alias(7), 2));
    }

    #[test]
    fn the_same_version_twice_is_kept_once() {
        let (mut ring, key, commitment) = ring();
        ring.case_mut(CASE)
            .add_version(&CASE, Alias(7), 1, commitment, key)
            .unwrap();
        assert_eq!(ring.case(&CASE).unwrap().versions().count(), 1);
    }

    #[test]
    fn keys_survive_being_stored() {
        let (ring, key, commitment) = ring();
        let stored = serde_json::to_string(ring.case(&CASE).unwrap()).unwrap();
        let mut restored = Keyring::default();
        restored.restore(CASE, serde_json::from_str(&stored).unwrap());
        assert_eq!(restored.key(&CASE, Alias(7), 1, &commitment), Some(&key));
        let offer = EventId([9; 16]);
        let before = ring
            .case(&CASE)
            .unwrap()
            .offer(&offer)
            .unwrap()
            .public_key();
        assert_eq!(
            restored
                .case(&CASE)
                .unwrap()
                .offer(&offer)
                .unwrap()
                .public_key(),
            before
        );
    }

    #[test]
    fn a_destroyed_case_has_no_keys() {
        let (mut ring, ..) = ring();
        assert!(ring.destroy(&CASE));
        assert!(!ring.holds(&CASE, Alias(7), 1));
        assert!(ring.case(&CASE).is_none());
        assert!(!ring.destroy(&CASE));
    }

    #[test]
    fn keys_do_not_print() {
        let (ring, ..) = ring();
        let shown = format!("{ring:?}");
        let stored = serde_json::to_value(ring.case(&CASE).unwrap()).unwrap();
        let key = stored["versions"][0]["key"].as_str().unwrap();
        assert!(!shown.contains(key) && !shown.contains(&key[..8]));
    }
}
