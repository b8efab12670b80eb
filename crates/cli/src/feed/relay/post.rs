//! `--to`: one signed POST, and what its answer means.

use std::time::Duration;

use concordat_proto::cloudevents::MEDIA_TYPE;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};

use super::entry::Entry;
use super::signature::Secrets;
use crate::exit::Failure;

/// Redirects that are followed, within one host.
const REDIRECTS_MAX: usize = 3;

/// A receiver of POSTs.
pub(super) struct Receiver {
    http: Client,
    to: Url,
    secrets: Secrets,
}

/// What became of a try. Texts are codes: an answer's body may hold anything and is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Answered with 2xx.
    Taken,
    /// The receiver will not take this entry, whenever it comes.
    Refused(String),
    /// The receiver wants nothing any more (410).
    Gone,
    /// It may be taken later; how long the receiver asks to wait, if it does.
    Later(String, Option<Duration>),
}

impl Receiver {
    /// A receiver at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an address to which events must not be sent in clear.
    pub(super) fn new(to: &Url, secrets: Secrets, timeout: Duration) -> Result<Self, Failure> {
        require_closed(to)?;
        // Whoever runs another command of this process has installed one already; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(timeout)
            .redirect(Policy::custom(follow))
            .user_agent(concat!("concordat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(anyhow::Error::from)?;
        Ok(Self {
            http,
            to: to.clone(),
            secrets,
        })
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
            Err(error) if error.is_timeout() => Outcome::Later("timed-out".to_owned(), None),
            Err(error) if error.is_connect() => Outcome::Later("unreachable".to_owned(), None),
            Err(_) => Outcome::Later("broken-off".to_owned(), None),
        }
    }
}

/// Events must not cross a network in clear.
fn require_closed(to: &Url) -> Result<(), Failure> {
    let host = to.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match to.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        _ => Err(Failure::Usage(format!(
            "{}://{host} would get events in clear: take https://, or a receiver on this machine",
            to.scheme()
        ))),
    }
}

/// Only where the same POST goes on to the same host: a redirect must neither drop the body nor send it to somebody else.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_the_post = matches!(
        attempt.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    let is_same = attempt
        .previous()
        .first()
        .is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_the_post && is_same && attempt.previous().len() <= REDIRECTS_MAX {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn outcome(answer: &Response) -> Outcome {
    let status = answer.status();
    let code = format!("http-{}", status.as_u16());
    match status {
        status if status.is_success() => Outcome::Taken,
        StatusCode::GONE => Outcome::Gone,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(code),
        _ => Outcome::Later(code, retry_after(answer)),
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
        let allowed = |text: &str| require_closed(&text.parse().expect("a URL")).is_ok();
        assert!(allowed("https://receiver.example/inbox"));
        assert!(allowed("http://127.0.0.1:9000/inbox"));
        assert!(allowed("http://[::1]:9000/inbox"));
        assert!(!allowed("http://receiver.example/inbox"));
        assert!(!allowed("ftp://127.0.0.1/inbox"));
    }
}
