//! What a node shows and trusts on its way to the broker, tried out before a connection needs it.

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::certificates;
use crate::config::NatsTls;
use crate::exit::Failure;
use crate::secret_file;

/// Puts a TLS client together from the files, as a connection will.
///
/// # Errors
/// [`Failure::Precondition`] or [`Failure::NotFound`] with the file and what is wrong with it. A key that others than its owner may read
/// is refused.
pub(super) fn check(files: &NatsTls) -> Result<(), Failure> {
    let mut roots = RootCertStore::empty();
    // Each of them can be an authority: that is seen to already.
    roots.add_parsable_certificates(certificates::authorities(&files.authorities)?);
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let Some(client) = &files.client else {
        return Ok(());
    };
    secret_file::read(&client.key)?;
    let key = PrivateKeyDer::from_pem_file(&client.key)
        .map_err(|error| certificates::unreadable(&client.key, &error))?;
    builder
        .with_client_auth_cert(certificates::read(&client.certificate)?, key)
        .map(drop)
        .map_err(|error| {
            let file = client.certificate.display();
            Failure::Precondition(format!("{file} cannot be used: {error}"))
        })
}
