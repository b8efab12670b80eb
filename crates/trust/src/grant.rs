//! Offers and grants: how a key reaches another organisation.
//!
//! An organisation that is wanted in a case *offers* a fresh public key for that case alone; whoever may, *grants* it versions by
//! wrapping their keys to it: HPKE base mode (RFC 9180) with the hybrid X-Wing (KEM 0x647a), HKDF-SHA256 and AES-256-GCM. The
//! author is authenticated by the bundle's signature, so HPKE's own authenticated modes are not needed. When a case is erased the
//! private key of the offer is destroyed, and nobody, the organisation included, can unwrap what copies of the log still hold.

use concordat_domain::ids::{CaseId, EventId, OrganisationId};
use concordat_proto::v1;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use prost::Message as _;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Error;
use crate::digest::PartnershipId;
use crate::envelope::{ReadyPart, Suite};
use crate::hash::labelled;
use crate::key_record::{EventReference, GrantedVersion};
use crate::lines::{Alias, VersionKey};
use crate::seal::{pad, unpad};
use crate::strict;

type PublicKey = <XWing as hpke::Kem>::PublicKey;
type PrivateKey = <XWing as hpke::Kem>::PrivateKey;
type Encapsulated = <XWing as hpke::Kem>::EncappedKey;

/// Length of an offered public key in bytes.
pub const OFFER_KEY_BYTES: usize = 1216;

/// Length of an X-Wing encapsulation in bytes.
const ENCAPSULATED_BYTES: usize = 1120;

/// The private side of an offer. It wipes itself when dropped and never prints.
#[derive(Clone)]
pub struct OfferSecret(Zeroizing<[u8; 32]>);

impl OfferSecret {
    /// A fresh one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let (secret, _) = XWing::gen_keypair_with_rng(rng);
        Self(Zeroizing::new(secret.to_bytes().into()))
    }

    /// The public key to offer.
    pub fn public_key(&self) -> OfferKey {
        OfferKey(XWing::sk_to_pk(&self.private_key()).to_bytes().to_vec())
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn private_key(&self) -> PrivateKey {
        PrivateKey::from_bytes(self.0.as_ref()).expect("every 32 bytes are an X-Wing private key")
    }
}

impl From<[u8; 32]> for OfferSecret {
    fn from(seed: [u8; 32]) -> Self {
        Self(Zeroizing::new(seed))
    }
}

impl std::fmt::Debug for OfferSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OfferSecret(…)")
    }
}

/// An offered public key, checked to be a valid X-Wing encapsulation key.
#[derive(Clone, PartialEq, Eq)]
pub struct OfferKey(Vec<u8>);

impl OfferKey {
    /// The key as it travels.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_bytes(&self.0).map_err(|_| Error::BadOffer)
    }
}

impl TryFrom<Vec<u8>> for OfferKey {
    type Error = Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Error> {
        let key = Self(bytes);
        key.public_key().map(|_| key)
    }
}

impl std::fmt::Debug for OfferKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OfferKey({})", crate::hash::sha256(&self.0))
    }
}

/// Who wraps to whom, where. Keys wrapped for one grant unwrap in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantContext<'a> {
    /// The partnership.
    pub partnership: &'a PartnershipId,
    /// The case.
    pub case: CaseId,
    /// Who grants: the author of the bundle.
    pub author: &'a OrganisationId,
    /// The author's id of the grant.
    pub event_id: EventId,
    /// Who receives.
    pub recipient: &'a OrganisationId,
    /// The offer.
    pub offer: &'a EventReference,
}

impl GrantContext<'_> {
    fn info(&self) -> Vec<u8> {
        labelled(
            "concordat/v1/grant",
            &[
                self.partnership.as_bytes(),
                &self.case.0,
                self.author.as_str().as_bytes(),
                self.recipient.as_str().as_bytes(),
                &self.offer.event_id.0,
                self.offer.hash.as_bytes(),
            ],
        )
    }

    fn associated(&self) -> Vec<u8> {
        labelled("concordat/v1/grant-part", &[&self.event_id.0])
    }
}

/// Wraps keys to an offer: part 1 of a grant. The versions must be in the order in which the grant names them.
///
/// # Errors
/// [`Error::CommitmentMismatch`] if a key is not the one its version commits to, [`Error::BadOffer`], [`Error::TooLarge`].
pub fn wrap(
    context: &GrantContext<'_>,
    offer: &OfferKey,
    keys: &[(&GrantedVersion, &VersionKey)],
    rng: &mut impl CryptoRng,
) -> Result<ReadyPart, Error> {
    for (version, key) in keys {
        key.check(
            &context.case,
            version.alias,
            version.number,
            &version.commitment,
        )?;
    }
    let granted = keys.iter().map(|(version, key)| v1::GrantedKey {
        alias: version.alias.0,
        number: version.number,
        key: key.expose().to_vec(),
    });
    let content = Zeroizing::new(
        v1::GrantedKeys {
            keys: granted.collect(),
        }
        .encode_to_vec(),
    );
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &offer.public_key()?,
        &context.info(),
        &pad(&content)?,
        &context.associated(),
        rng,
    )
    .map_err(|_| Error::BadOffer)?;
    let bytes = [&encapsulated.to_bytes()[..], &sealed].concat();
    Ok(ReadyPart {
        alias: 0,
        key_version: 0,
        suite: Suite::Offer,
        bytes,
    })
}

/// Unwraps part 1 of a grant and checks every key against the commitment in the grant's `process`. All or none: a grant with one
/// wrong key is an attempt, not a mistake. Call it only for grants that are ruled effective.
///
/// # Errors
/// [`Error::DoesNotOpen`], [`Error::BadContent`] if other keys come out than the grant names, [`Error::CommitmentMismatch`].
pub fn unwrap(
    context: &GrantContext<'_>,
    secret: &OfferSecret,
    part: &[u8],
    expected: &[GrantedVersion],
) -> Result<Vec<VersionKey>, Error> {
    let opened = open_granted(context, secret, part)?;
    if opened.len() != expected.len() {
        return Err(Error::BadContent("granted keys"));
    }
    opened
        .into_iter()
        .zip(expected)
        .map(|(opened, version)| take(context, opened, version))
        .collect()
}

/// Opens part 1 of a grant without knowing what its `process` says: that part may be sealed under the very key which this one
/// brings. Nothing is checked against a commitment here; keep no key before the grant is ruled effective and each key commits.
///
/// # Errors
/// [`Error::DoesNotOpen`], [`Error::BadContent`].
pub fn open_granted(
    context: &GrantContext<'_>,
    secret: &OfferSecret,
    part: &[u8],
) -> Result<Vec<(Alias, u32, VersionKey)>, Error> {
    let (encapsulated, sealed) = part
        .split_at_checked(ENCAPSULATED_BYTES)
        .ok_or(Error::DoesNotOpen)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| Error::DoesNotOpen)?;
    let padded = hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &secret.private_key(),
        &encapsulated,
        &context.info(),
        sealed,
        &context.associated(),
    );
    let padded = Zeroizing::new(padded.map_err(|_| Error::DoesNotOpen)?);
    let content = unpad(&padded)?;
    let granted: v1::GrantedKeys =
        strict::decode(content, content.len()).map_err(|_| Error::BadContent("granted keys"))?;
    let keys = granted.keys.into_iter().map(|granted| {
        let bytes = Zeroizing::new(granted.key);
        let key = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| Error::BadContent("granted keys"))?;
        Ok((Alias(granted.alias), granted.number, VersionKey::from(key)))
    });
    keys.collect()
}

fn take(
    context: &GrantContext<'_>,
    (alias, number, key): (Alias, u32, VersionKey),
    version: &GrantedVersion,
) -> Result<VersionKey, Error> {
    if (alias, number) != (version.alias, version.number) {
        return Err(Error::BadContent("granted keys"));
    }
    key.check(
        &context.case,
        version.alias,
        version.number,
        &version.commitment,
    )?;
    Ok(key)
}

#[cfg(test)]
mod tests;
