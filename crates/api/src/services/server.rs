//! `ServerService`: the node about itself and about its caller.

use std::collections::BTreeMap;

use concordat_codec::shape;
use concordat_node::{ClockGuard, Publishing, Status as NodeStatus};
use concordat_proto::v1;
use concordat_proto::v1::server_service_server::ServerService;
use jiff::ToSpan;
use tonic::{Request, Response, Status};

use super::Services;
use crate::failure::from_node;
use crate::{opaque, page, render};

/// Under which name the holder of the node's token is known.
pub(super) const SUBJECT: &str = "local-system";
/// What the holder of the node's token may do.
const SCOPES: [&str; 3] = ["emit", "read", "feed"];
/// How long before its end a calendar is worth a warning: the longest duty counted in working days is about half a year.
const CALENDAR_WARNING_DAYS: i32 = 200;

#[tonic::async_trait]
impl ServerService for Services {
    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let status = self.status().await?;
        let horizons = status.calendar_horizons.iter();
        Ok(Response::new(v1::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            organisation: status.organisation.to_string(),
            partnership: status.partnership,
            position: status.position.map(opaque::position).unwrap_or_default(),
            tree_size: status.size,
            tree_root: hex::encode(status.root),
            calendar_horizons: horizons
                .map(|(name, day)| (name.clone(), day.to_string()))
                .collect(),
            limits: limits(),
            server_time: Some(render::instant(self.clock.now())),
            connected: status.log_reachable,
            publishing_stopped: match status.publishing {
                Publishing::Running => String::new(),
                Publishing::Stopped { why } => why,
            },
        }))
    }

    async fn who_am_i(
        &self,
        _: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let status = self.status().await?;
        Ok(Response::new(v1::WhoAmIResponse {
            organisation: status.organisation.to_string(),
            subject: SUBJECT.to_owned(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
        }))
    }

    async fn list_checks(
        &self,
        _: Request<v1::ListChecksRequest>,
    ) -> Result<Response<v1::ListChecksResponse>, Status> {
        let status = self.status().await?;
        let mut checks = self.checks(&status);
        checks.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Response::new(v1::ListChecksResponse { checks }))
    }
}

fn limits() -> BTreeMap<String, i64> {
    let limits = [
        ("event-bytes", shape::EVENT_BYTES_MAX),
        ("text-bytes", shape::TEXT_BYTES_MAX),
        ("code-bytes", shape::CODE_BYTES_MAX),
        ("page-size", page::SIZE_MAX),
    ];
    limits
        .into_iter()
        .map(|(name, limit)| (name.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX)))
        .collect()
}

impl Services {
    async fn status(&self) -> Result<NodeStatus, Status> {
        let status = self.node.status().await;
        status.map_err(|error| from_node(error).into())
    }

    fn checks(&self, status: &NodeStatus) -> Vec<v1::Check> {
        let stopped = match &status.publishing {
            Publishing::Running => None,
            Publishing::Stopped { why } => Some(why.as_str()),
        };
        vec![
            check("log", "the shared log can be reached")
                .unless(status.log_reachable, v1::CheckStatus::Warn)
                .because("the broker is down, or the network to it")
                .mend("look at the broker; events are accepted meanwhile and committed in order later"),
            check("publishing", "bundles go out")
                .unless(stopped.is_none(), v1::CheckStatus::Fail)
                .because(stopped.unwrap_or_default())
                .mend("compare the log with this node's journal; nothing is signed until they agree"),
            check("reading", "the log was read to its head")
                .unless(status.caught_up, v1::CheckStatus::Warn)
                .because("bundles wait to be read or written, or the log is away")
                .mend("wait; if it stays so, look at the check `log`"),
            check("release", "every bundle on the log has a format that this release knows")
                .unless(!status.upgrade_needed, v1::CheckStatus::Fail)
                .because("another member runs a newer release")
                .mend("upgrade this node"),
            check("drafts", &format!("{} held, {} waiting", status.drafts_held, status.drafts_waiting))
                .unless(status.drafts_held == 0, v1::CheckStatus::Warn)
                .because("an event that was accepted would now be void")
                .mend("list the held drafts, then release or discard each"),
            check("enforcement", &format!("{} cases wait to be looked at by this node's clock", status.enforcement_waiting))
                .unless(status.enforcement_waiting == 0, v1::CheckStatus::Warn)
                .because("the log is not read to its head, or its clock and this node's disagree or are not compared yet")
                .mend("wait; if it stays so, look at the checks `log`, `reading` and `log-clock`"),
            check("quarantine", &format!("{} records not admitted", status.quarantined))
                .unless(status.quarantined == 0, v1::CheckStatus::Warn)
                .because("somebody wrote to the log what is no bundle of a member, or wrote one twice")
                .mend("look at the node's log for the reasons; the partnership goes on"),
            check("contradictions", "no member's chain contradicts itself")
                .unless(status.contradictions.is_empty(), v1::CheckStatus::Fail)
                .because(&names(&status.contradictions))
                .mend("tell the members named; keep this journal as evidence"),
            check("clocks", "no member's clock is over 60 s ahead of this one")
                .unless(status.clock_skew.is_empty(), v1::CheckStatus::Warn)
                .because(&names(&status.clock_skew))
                .mend("set the clocks of the members named, or this one's"),
            check("log-clock", "the clocks of this node and of the log agree")
                .unless(!matches!(status.clock_guard, ClockGuard::Disagree { .. }), v1::CheckStatus::Fail)
                .because("one of them is wrong by a minute or more; deadlines are not enforced here meanwhile")
                .mend("set the clock of this machine, or the broker's"),
            self.calendars(status),
        ]
        .into_iter()
        .map(|check| check.0)
        .collect()
    }

    fn calendars(&self, status: &NodeStatus) -> Checking {
        let today = concordat_domain::calendar::local_date(self.clock.now());
        let soon = today.saturating_add(CALENDAR_WARNING_DAYS.days());
        let ending: Vec<&str> = status
            .calendar_horizons
            .iter()
            .filter(|(_, horizon)| **horizon < soon)
            .map(|(name, _)| name.as_str())
            .collect();
        check("calendars", "every calendar covers the next half year")
            .unless(ending.is_empty(), v1::CheckStatus::Warn)
            .because(&ending.join(", "))
            .mend("upgrade to a release with newer calendars")
    }
}

fn names<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    all.join(", ")
}

/// A check while it is put together: cause and remedy stand only where it did not pass.
struct Checking(v1::Check);

fn check(id: &str, what: &str) -> Checking {
    Checking(v1::Check {
        id: id.to_owned(),
        status: v1::CheckStatus::Pass.into(),
        what: what.to_owned(),
        ..v1::Check::default()
    })
}

impl Checking {
    fn unless(mut self, well: bool, otherwise: v1::CheckStatus) -> Self {
        if !well {
            self.0.status = otherwise.into();
        }
        self
    }

    fn because(mut self, cause: &str) -> Self {
        if self.0.status() != v1::CheckStatus::Pass {
            self.0.cause = cause.to_owned();
        }
        self
    }

    fn mend(mut self, fix: &str) -> Self {
        if self.0.status() != v1::CheckStatus::Pass {
            self.0.fix = fix.to_owned();
        }
        self
    }
}
