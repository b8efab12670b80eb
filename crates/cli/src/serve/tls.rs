//! Certificates, tried out before a connection needs them: one that cannot be used would only show as tries without end.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

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
    for certificate in certificates(&files.authorities)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(&files.authorities, &error))?;
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let Some(client) = &files.client else {
        return Ok(());
    };
    secret_file::read(&client.key)?;
    let key = PrivateKeyDer::from_pem_file(&client.key)
        .map_err(|error| unreadable(&client.key, &error))?;
    builder
        .with_client_auth_cert(certificates(&client.certificate)?, key)
        .map(drop)
        .map_err(|error| unusable(&client.certificate, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, &error))?;
    if certificates.is_empty() {
        return Err(Failure::Precondition(format!(
            "{} has no certificate in PEM",
            path.display()
        )));
    }
    Ok(certificates)
}

fn unreadable(path: &Path, error: &pem::Error) -> Failure {
    match error {
        pem::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::NotFound(format!("there is no file {}", path.display()))
        }
        error => Failure::Precondition(format!("{}: {error}", path.display())),
    }
}

fn unusable(path: &Path, error: &rustls::Error) -> Failure {
    Failure::Precondition(format!("{} cannot be used: {error}", path.display()))
}
