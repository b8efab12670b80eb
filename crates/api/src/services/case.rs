//! `CaseService`: cases as this organisation's node has judged them.

mod watch;

use std::time::Duration;

use concordat_domain::ids::CaseId;
use concordat_node::{CaseQuery, CaseView, EventView};
use concordat_proto::v1;
use concordat_proto::v1::ErrorReason;
use concordat_proto::v1::case_service_server::CaseService;
use jiff::Timestamp;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

use super::Services;
use crate::failure::{Failure, from_node};
use crate::mask::Mask;
use crate::page::Page;
use crate::{clocked, opaque, read, render};

/// Cases that are read in one go; between two such calls the node does what others want of it.
const CASES_AT_ONCE: usize = 64;
/// How long a read waits for a position at most.
const WAIT_MAX: Duration = Duration::from_secs(10);

#[tonic::async_trait]
impl CaseService for Services {
    async fn get_case(
        &self,
        request: Request<v1::GetCaseRequest>,
    ) -> Result<Response<v1::GetCaseResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let id = read::case_id(&asked.case_id, "case_id")?;
        let at = read::instant(asked.at.as_ref(), "at")?.unwrap_or_else(|| self.clock.now());
        let mask = Mask::read::<v1::Case>(asked.read_mask.as_ref(), "read_mask")?;
        self.reach(&asked.min_position, &metadata).await?;
        let case = self.node.case(id, Some(at)).await;
        let case = case.map_err(from_node)?;
        Ok(Response::new(v1::GetCaseResponse {
            joint_case: Some(mask.cut(render::case(&case, at))),
        }))
    }

    async fn list_cases(
        &self,
        request: Request<v1::ListCasesRequest>,
    ) -> Result<Response<v1::ListCasesResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let mask = Mask::read::<v1::Case>(asked.read_mask.as_ref(), "read_mask")?;
        self.reach(&asked.min_position, &metadata).await?;
        let given = read::instant(asked.at.as_ref(), "at")?;
        let at = given.unwrap_or_else(|| self.clock.now());
        let keeper = read::optional(&asked.keeper, "keeper", read::organisation)?;
        read::states(&asked.states, "states")?;
        let list = [
            "cases",
            &asked.states.join(","),
            &asked.keeper,
            if asked.overdue_only { "overdue" } else { "" },
            &given.map(|at| at.to_string()).unwrap_or_default(),
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let after = page.after().and_then(|id| id.parse().ok());
        let mut query = CaseQuery {
            at: Some(at),
            states: asked.states.iter().cloned().collect(),
            keeper,
            overdue_only: asked.overdue_only,
            after,
            max: CASES_AT_ONCE,
        };
        let mut cases = Vec::new();
        // One more than the page has, so that the end is known.
        while cases.len() <= page.size() {
            let some = self.node.cases(query.clone()).await.map_err(from_node)?;
            let Some(last) = some.last() else { break };
            query.after = Some(last.id);
            let shown = |case: &CaseView| (case.id, mask.cut(render::case(case, at)));
            cases.extend(some.iter().map(shown));
        }
        let (cases, next_page_token) = page.cut_within(
            cases,
            |(id, _): &(CaseId, v1::Case)| id.to_string(),
            |(_, case)| prost::Message::encoded_len(case),
        );
        Ok(Response::new(v1::ListCasesResponse {
            cases: cases.into_iter().map(|(_, case)| case).collect(),
            next_page_token,
        }))
    }

    type WatchCaseStream = watch::Messages;

    async fn watch_case(
        &self,
        request: Request<v1::WatchCaseRequest>,
    ) -> Result<Response<Self::WatchCaseStream>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let messages = self.watch(asked, &metadata).await?;
        Ok(Response::new(messages))
    }

    async fn list_timeline(
        &self,
        request: Request<v1::ListTimelineRequest>,
    ) -> Result<Response<v1::ListTimelineResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.reach(&asked.min_position, &metadata).await?;
        let id = read::case_id(&asked.case_id, "case_id")?;
        let from = read::instant(asked.from.as_ref(), "from")?;
        let until = read::instant(asked.until.as_ref(), "until")?;
        let bound = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let list = [
            "timeline",
            &asked.case_id,
            if asked.include_void { "void" } else { "" },
            &bound(from),
            &bound(until),
        ];
        let page = Page::read(asked.page_size, &asked.page_token, &list)?;
        let events = self.node.events(id).await;
        let mut events = events.map_err(from_node)?;
        events.retain(|event| {
            let counts = event.ruling().is_some_and(|ruling| ruling.is_effective());
            let at = event.recorded_at;
            (asked.include_void || counts)
                && from.is_none_or(|from| at.is_some_and(|at| at >= from))
                && until.is_none_or(|until| at.is_some_and(|at| at < until))
        });
        let (events, next_page_token) = page.cut(events, place);
        Ok(Response::new(v1::ListTimelineResponse {
            entries: events.iter().map(render::timeline_entry).collect(),
            next_page_token,
        }))
    }
}

/// Log order.
fn place(event: &EventView) -> String {
    event.position.map(opaque::position).unwrap_or_default()
}

impl Services {
    /// Waits until the node has applied the position that a read names as `min_position`, if it names one.
    pub(super) async fn reach(
        &self,
        min_position: &str,
        metadata: &MetadataMap,
    ) -> Result<(), Failure> {
        let Some(position) = read::position(min_position, "min_position")? else {
            return Ok(());
        };
        let mut progress = self.node.progress();
        let wait = clocked::wait_at_most(metadata, WAIT_MAX);
        let reached = progress.wait_for(|applied| *applied > position.bundle);
        match tokio::time::timeout(wait, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(from_node(concordat_node::Error::Stopping)),
            Err(_) => Err(Failure::new(
                Code::Unavailable,
                ErrorReason::PositionNotReached,
                "this node has not reached the position asked for",
            )
            .with("minPosition", opaque::position(position))
            .retry_after(Duration::from_secs(1))),
        }
    }
}
