//! Certificates of authorities, in PEM files: tried out before a connection needs them. One that cannot be used would only show as tries
//! without end.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

use crate::exit::Failure;

/// The certificates of a file, each of which can be an authority.
///
/// # Errors
/// As [`read`], and [`Failure::Precondition`] with the file, the number of the certificate and what is wrong with it.
pub(crate) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates = read(path)?;
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(&certificates) {
        roots.add(certificate.clone()).map_err(|error| {
            let what = format!("certificate {number} of {}", path.display());
            Failure::Precondition(format!("{what} cannot be used: {error}"))
        })?;
    }
    Ok(certificates)
}

/// The certificates of a file; at least one.
///
/// # Errors
/// [`Failure::NotFound`] if there is no file, [`Failure::Precondition`] with the file and what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
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

/// What is wrong with a file of PEM.
pub(crate) fn unreadable(path: &Path, error: &pem::Error) -> Failure {
    match error {
        pem::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::NotFound(format!("there is no file {}", path.display()))
        }
        error => Failure::Precondition(format!("{}: {error}", path.display())),
    }
}
