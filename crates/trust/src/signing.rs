//! Ed25519 signatures (RFC 8032) of organisations over the PAE of what they sign.

use ed25519_dalek::Signer as _;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::KeyId;
use crate::hash::sha256;
use crate::pae::{PayloadType, pae};

/// Length of a signature in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// A signature as it travels.
pub type Signature = [u8; SIGNATURE_BYTES];

/// Why a key or a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The bytes are not a point, not its canonical encoding, or of small order: anyone could sign for such a key.
    #[error("public key is not a canonical Ed25519 key of large order")]
    PublicKey,
    /// The signature is not by this key over these bytes.
    #[error("signature does not verify")]
    Signature,
}

/// The private key with which an organisation's node signs. It is wiped from memory when dropped and never prints.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The key that belongs to a 32-byte seed (RFC 8032, 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for storage. The copy wipes itself.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key that others verify with.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the PAE of `body`.
    pub fn sign(&self, payload_type: PayloadType, body: &[u8]) -> Signature {
        self.0.sign(&pae(payload_type, body)).to_bytes()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public_key().key_id())
    }
}

/// A public key that was checked: canonical encoding, not of small order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key as it stands in the partnership file, in hexadecimal there.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// First 16 bytes of the SHA-256 of the key: how bundle headers name it.
    pub fn key_id(&self) -> KeyId {
        let hash = sha256(self.as_bytes());
        KeyId::try_from(&hash.0[..16]).expect("16 bytes were taken")
    }

    /// Verifies strictly: `S` below the group order, no small-order `R`, cofactorless equation.
    ///
    /// # Errors
    /// [`Invalid::Signature`].
    pub fn verify(
        &self,
        payload_type: PayloadType,
        body: &[u8],
        signature: &Signature,
    ) -> Result<(), Invalid> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0
            .verify_strict(&pae(payload_type, body), &signature)
            .map_err(|_| Invalid::Signature)
    }
}

impl TryFrom<[u8; 32]> for PublicKey {
    type Error = Invalid;

    fn try_from(bytes: [u8; 32]) -> Result<Self, Invalid> {
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| Invalid::PublicKey)?;
        let canonical = key.to_edwards().compress().to_bytes() == bytes;
        if key.is_weak() || !canonical {
            return Err(Invalid::PublicKey);
        }
        Ok(Self(key))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| Invalid::PublicKey)?;
        Self::try_from(bytes)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        hex::encode(key.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: PayloadType = PayloadType::BundleHeader;

    #[test]
    fn the_first_key_of_rfc_8032_comes_out() {
        // RFC 8032, 7.1, TEST 1.
        let mut seed = [0; 32];
        hex::decode_to_slice(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            &mut seed,
        )
        .unwrap();
        let public = SigningKey::from_seed(&seed).public_key();
        assert_eq!(
            String::from(public),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_signature_fits_only_its_key_type_and_bytes() {
        let key = SigningKey::from_seed(&[1; 32]);
        let signature = key.sign(TYPE, b"header");
        let public = key.public_key();
        assert_eq!(public.verify(TYPE, b"header", &signature), Ok(()));
        assert_eq!(
            public.verify(TYPE, b"headeR", &signature),
            Err(Invalid::Signature)
        );
        assert_eq!(
            public.verify(PayloadType::EnvelopeHeader, b"header", &signature),
            Err(Invalid::Signature)
        );
        let other = SigningKey::from_seed(&[2; 32]).public_key();
        assert_eq!(
            other.verify(TYPE, b"header", &signature),
            Err(Invalid::Signature)
        );
    }

    #[test]
    fn a_signature_with_s_above_the_order_is_refused() {
        // RFC 8032, 5.1.7: S must be in the range 0 <= s < L. Adding L gives the same equation modulo the order.
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let key = SigningKey::from_seed(&[1; 32]);
        let mut signature = key.sign(TYPE, b"header");
        let mut carry = 0_u16;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(
            key.public_key().verify(TYPE, b"header", &signature),
            Err(Invalid::Signature)
        );
    }

    #[test]
    fn small_order_and_non_canonical_keys_are_refused() {
        // The eight points of small order, and y = p + 1, a second encoding of the neutral element.
        let refused = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for key in refused {
            assert_eq!(
                PublicKey::try_from(key.to_owned()),
                Err(Invalid::PublicKey),
                "{key}"
            );
        }
    }

    #[test]
    fn a_non_canonical_encoding_of_a_large_order_point_is_refused() {
        // y = p + 3: y = 3 is a point of large order, and this is its second encoding.
        let canonical = "0300000000000000000000000000000000000000000000000000000000000000";
        let second = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        assert!(PublicKey::try_from(canonical.to_owned()).is_ok());
        assert_eq!(
            PublicKey::try_from(second.to_owned()),
            Err(Invalid::PublicKey)
        );
    }
}
