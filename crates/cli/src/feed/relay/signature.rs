//! Signatures of what is posted, as Standard Webhooks has them (<https://github.com/standard-webhooks/standard-webhooks>, "Verifying
//! webhook authenticity"): `v1,` and the base64 of HMAC-SHA256 over id, timestamp and body.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::secret_file;

/// What stands before the base64 of a secret.
const PREFIX: &str = "whsec_";
/// Length of a secret in bytes, as the specification bounds it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets of a receiver: more than one while they are changed over.
pub(super) struct Secrets(Vec<Hmac<Sha256>>);

impl Secrets {
    /// Reads them, one a file.
    ///
    /// # Errors
    /// What reading gives, and [`Failure::Precondition`] for a text that is no secret of Standard Webhooks.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, Failure> {
        let secrets = files.iter().map(|file| key(file));
        Ok(Self(secrets.collect::<Result<_, _>>()?))
    }

    /// The value of `webhook-signature`: a signature for each secret. `second` is the value of `webhook-timestamp`.
    pub(super) fn sign(&self, id: &str, second: i64, body: &[u8]) -> String {
        let signed = self.0.iter().map(|key| {
            let mut signer = key.clone();
            signer.update(format!("{id}.{second}.").as_bytes());
            signer.update(body);
            format!("v1,{}", STANDARD.encode(signer.finalize().into_bytes()))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn key(file: &Path) -> Result<Hmac<Sha256>, Failure> {
    let text = secret_file::read_line(file)?;
    let bytes = text
        .strip_prefix(PREFIX)
        .and_then(|text| STANDARD.decode(text).ok())
        .map(Zeroizing::new)
        .filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
    let key = bytes.and_then(|bytes| Hmac::new_from_slice(&bytes).ok());
    key.ok_or_else(|| {
        Failure::Precondition(format!(
            "{} is no secret of Standard Webhooks: expected {PREFIX} and the base64 of {} to {} bytes",
            file.display(),
            SECRET_BYTES.start(),
            SECRET_BYTES.end()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries (`standardwebhooks`, test vectors of `sign`).
    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        secret_file::create(&file, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("written");
        let secrets = Secrets::read(&[file.clone(), file]).expect("secrets");
        let signed = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, format!("{one} {one}"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for (index, text) in ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA"]
            .iter()
            .enumerate()
        {
            let file = folder.path().join(index.to_string());
            secret_file::create(&file, text.as_bytes()).expect("written");
            assert!(matches!(
                Secrets::read(&[file]),
                Err(Failure::Precondition(_))
            ));
        }
    }
}
