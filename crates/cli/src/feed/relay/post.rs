//! `--to`: one signed POST, and what its answer means.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use concordat_proto::cloudevents::MEDIA_TYPE;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response, StatusCode, Url};
use rustls::CertificateError;

use super::entry::Entry;
use super::line::About;
use super::signature::Secrets;
use crate::certificates;
use crate::exit::Failure;

/// A receiver of POSTs.
pub(super) struct Receiver {
    http: Client,
    to: Url,
    secrets: Secrets,
}

/// What became of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Answered with 2xx.
    Taken,
    /// The receiver will not take this entry, whenever it comes.
    Refused(Why),
    /// The receiver wants nothing any more (410).
    Gone,
    /// It may be taken later.
    Later {
        why: Why,
        about: About,
        /// How long the receiver asks to wait, if it does.
        asked: Option<Duration>,
    },
}

/// Why an entry was not taken. An answer's body may hold anything and is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    /// A code, such as `http-503`.
    pub(super) code: String,
    /// What a person can do, where the code does not say it.
    advice: &'static str,
}

impl Why {
    fn code(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            advice: "",
        }
    }

    /// The same as a part of a longer code.
    pub(super) fn within(self, prefix: &str) -> Self {
        let code = format!("{prefix}-{}", self.code);
        Self { code, ..self }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        match self.advice {
            "" => Ok(()),
            advice => write!(f, ": {advice}"),
        }
    }
}

impl Receiver {
    /// A receiver at an address, whose certificate one of the authorities in the file `ca` signed; without one, an authority that this
    /// machine trusts. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an address to which events must not be sent or that holds a secret, and what reading the authorities gives.
    pub(super) fn new(
        to: &str,
        ca: Option<&Path>,
        secrets: Secrets,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let to = address(to)?;
        // Whoever runs another command of this process has installed one already; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(timeout)
            // The one who answers is not the one to say who else gets events.
            .redirect(Policy::none())
            .user_agent(concat!("concordat/", env!("CARGO_PKG_VERSION")));
        let http = trusting(http, &to, ca)?;
        let http = http.build().map_err(anyhow::Error::from)?;
        Ok(Self { http, to, secrets })
    }

    /// Tries once.
    pub(super) async fn post(&self, entry: &Entry) -> Outcome {
        // Of this try and not of the first one: receivers refuse what is minutes old.
        let second = Timestamp::now().as_second();
        let request = self
            .http
            .post(self.to.clone())
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header("webhook-id", &entry.id)
            .header("webhook-timestamp", second)
            .header(
                "webhook-signature",
                self.secrets.sign(&entry.id, second, &entry.body),
            )
            .body(entry.body.clone());
        match request.send().await {
            Ok(answer) => outcome(&answer),
            Err(error) => no_answer(&error),
        }
    }
}

/// Whom to believe that the receiver is the receiver.
fn trusting(http: ClientBuilder, to: &Url, ca: Option<&Path>) -> Result<ClientBuilder, Failure> {
    match (to.scheme(), ca) {
        ("https", Some(file)) => {
            let authorities = certificates::authorities(file)?;
            let authorities = authorities
                .iter()
                .map(|certificate| Certificate::from_der(certificate))
                .collect::<Result<Vec<_>, _>>();
            Ok(http.tls_certs_only(authorities.map_err(anyhow::Error::from)?))
        }
        ("https", None) => Ok(http),
        (_, Some(_)) => Err(Failure::Usage(
            "--ca says whose certificate to believe, and http:// has none: take https://"
                .to_owned(),
        )),
        // It is for this machine: a proxy of the environment would carry it elsewhere, in clear.
        (_, None) => Ok(http.no_proxy()),
    }
}

/// An address that may get events. Its text is never repeated: it may hold what is nobody's business.
fn address(text: &str) -> Result<Url, Failure> {
    let to = Url::parse(text)
        .map_err(|error| Failure::Usage(format!("--to is not an address: {error}")))?;
    let host = to.host_str().unwrap_or_default();
    if !to.username().is_empty() || to.password().is_some() {
        return Err(Failure::Usage(format!(
            "the address of {host} holds a user or a password: others on this machine can read the command line; the signature tells \
             the receiver who posts"
        )));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match to.scheme() {
        "https" => Ok(to),
        "http" if is_here => Ok(to),
        scheme => Err(Failure::Usage(format!(
            "{scheme}://{host} would get events in clear: take https://, or a receiver on this machine"
        ))),
    }
}

/// What it means that there was no answer.
fn no_answer(error: &reqwest::Error) -> Outcome {
    let (why, about) = match of_tls(error) {
        Some(error) => (untrusted(error), About::Receiver),
        // It may be this entry that a receiver chokes on.
        None if error.is_timeout() => (Why::code("timed-out"), About::Entry),
        None if error.is_connect() => (Why::code("unreachable"), About::Receiver),
        None => (Why::code("broken-off"), About::Entry),
    };
    Outcome::Later {
        why,
        about,
        asked: None,
    }
}

/// What TLS said, somewhere below.
fn of_tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut below = error.source();
    while let Some(error) = below {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An `io::Error` passes over what it wraps: its source is what is below that.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        below = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn untrusted(error: &rustls::Error) -> Why {
    let rustls::Error::InvalidCertificate(error) = error else {
        return Why {
            code: "tls-failed".to_owned(),
            advice: "the receiver does not speak TLS as it should",
        };
    };
    let (code, advice) = match error {
        CertificateError::UnknownIssuer => (
            "certificate-issuer-unknown",
            "nobody who is trusted signed the receiver's certificate; name the authority that did with --ca",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "certificate-expired",
            "the receiver's certificate has expired",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "certificate-not-valid-yet",
            "the receiver's certificate is not valid yet; is the clock right?",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "certificate-of-other-name",
            "the receiver's certificate is for another name than the address has",
        ),
        _ => (
            "certificate-refused",
            "the receiver's certificate cannot be believed",
        ),
    };
    Why {
        code: code.to_owned(),
        advice,
    }
}

fn outcome(answer: &Response) -> Outcome {
    let status = answer.status();
    let mut why = Why::code(format!("http-{}", status.as_u16()));
    if status.is_redirection() {
        why.advice = "the receiver redirects, and redirects are not followed; give its final address with --to";
    }
    let about = match status {
        status if status.is_success() => return Outcome::Taken,
        StatusCode::GONE => return Outcome::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => About::Entry,
        // About the address, the credential or how much is taken at all: another entry would fare alike.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::MISDIRECTED_REQUEST
        | StatusCode::UPGRADE_REQUIRED
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => About::Receiver,
        status if status.is_client_error() => return Outcome::Refused(why),
        status if status.is_redirection() => About::Receiver,
        _ => About::Entry,
    };
    Outcome::Later {
        why,
        about,
        asked: retry_after(answer),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(Timestamp::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_posted_in_clear_to_another_machine() {
        let allowed = |text: &str| address(text).is_ok();
        assert!(allowed("https://receiver.example/inbox"));
        assert!(allowed("http://127.0.0.1:9000/inbox"));
        assert!(allowed("http://[::1]:9000/inbox"));
        assert!(!allowed("http://receiver.example/inbox"));
        assert!(!allowed("ftp://127.0.0.1/inbox"));
        assert!(!allowed("receiver.example"));
    }

    #[test]
    fn an_address_with_a_password_is_refused_and_not_repeated() {
        for text in [
            "https://relay:hush@receiver.example/",
            "https://hush@receiver.example/",
        ] {
            let refused = address(text).expect_err("refused").to_string();
            assert!(refused.contains("receiver.example"), "{refused}");
            assert!(!refused.contains("hush"), "{refused}");
        }
    }
}
