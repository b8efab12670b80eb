//! What ended a node that nobody asked to stop, told to whoever runs it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::Error;

/// A part of a node ended by itself: nothing more is accepted, published or read. What was accepted is durable. End the process, say
/// why, and start it again once the cause is mended.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the node's {part} ended by itself")]
pub struct Failure {
    part: &'static str,
    /// None if it panicked: a defect, whose message is on standard error.
    #[source]
    cause: Option<Arc<Error>>,
}

/// Where the parts of one node report; the first report stays.
#[derive(Clone)]
pub(crate) struct Reports(Arc<watch::Sender<Option<Failure>>>);

impl Reports {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// For a part that moves it into its thread or task: if that panics, it is reported.
    pub(crate) fn of(&self, part: &'static str) -> Report {
        Report {
            reports: self.clone(),
            part,
        }
    }

    /// Returns when a part has ended by itself.
    ///
    /// Cancel safe.
    pub(crate) async fn first(&self) -> Failure {
        let mut reports = self.0.subscribe();
        let first = reports.wait_for(Option::is_some).await;
        // The sender lives in `self`, so that there is no other way out of the wait.
        first
            .ok()
            .and_then(|first| first.clone())
            .expect("the wait was for a report, and its sender is alive")
    }

    fn note(&self, failure: Failure) {
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }
}

/// One part's way to report.
pub(crate) struct Report {
    reports: Reports,
    part: &'static str,
}

impl Report {
    /// How the part ended; nothing is reported if it was asked to.
    pub(crate) fn outcome(&self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.fail(Some(Arc::new(error)));
        }
    }

    fn fail(&self, cause: Option<Arc<Error>>) {
        let failure = Failure {
            part: self.part,
            cause,
        };
        tracing::error!(error = &failure as &dyn std::error::Error, "the node stops");
        self.reports.note(failure);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[tokio::test]
    async fn the_first_cause_stays_and_is_told() {
        let reports = Reports::new();
        reports
            .of("engine")
            .outcome(Err(Error::Corrupt("a gap".to_owned())));
        reports.of("reader").outcome(Err(Error::Stopping));
        let first = reports.first().await;
        assert_eq!(first.to_string(), "the node's engine ended by itself");
        let cause = first.source().expect("a cause").to_string();
        assert!(cause.contains("a gap"), "{cause}");
    }

    #[tokio::test]
    async fn a_panic_is_reported() {
        let reports = Reports::new();
        let report = reports.of("reader");
        let task = tokio::task::JoinSet::from_iter([async move {
            let _report = report;
            panic!("on purpose");
        }]);
        assert_eq!(
            reports.first().await.to_string(),
            "the node's reader ended by itself"
        );
        drop(task);
    }

    #[tokio::test]
    async fn an_end_that_was_asked_for_is_no_failure() {
        let reports = Reports::new();
        reports.of("engine").outcome(Ok(()));
        let wait = tokio::time::timeout(std::time::Duration::ZERO, reports.first());
        assert!(wait.await.is_err());
    }
}
