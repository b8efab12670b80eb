//! `AuditService`: cases as they were, compared, replayed, verified and proven; and who looked.

mod access;
mod point;
mod proofs;
mod replay;
mod verify;
mod what_if;

use std::pin::Pin;
use std::sync::Arc;

use concordat_domain::ids::CaseId;
use concordat_node::audit::Reader;
use concordat_proto::v1;
use concordat_proto::v1::audit_service_server::AuditService;
use futures::Stream;
use tonic::{Request, Response, Status};

use super::Services;
use super::server::SUBJECT;
use crate::failure::{Failure, from_node};
use crate::{read, render};

/// An answer in pieces.
type Pieces<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Services {
    type ReplayEventsStream = Pieces<v1::ReplayEventsResponse>;
    type ReplayUnderPolicyStream = Pieces<v1::ReplayUnderPolicyResponse>;
    type VerifyLogStream = Pieces<v1::VerifyLogResponse>;

    async fn get_case_as_of(
        &self,
        request: Request<v1::GetCaseAsOfRequest>,
    ) -> Result<Response<v1::GetCaseAsOfResponse>, Status> {
        let asked = request.into_inner();
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::case_id(&asked.case_id, "case_id")?;
        let point = point::read(asked.known.as_ref(), asked.valid_at.as_ref(), "")?;
        let record = self.record(reader, "GetCaseAsOf", Some(case)).await?;
        let past = self.node.case_as_of(case, point).await;
        Ok(Response::new(render::past_case(
            record,
            &past.map_err(from_node)?,
        )))
    }

    async fn compare_case(
        &self,
        request: Request<v1::CompareCaseRequest>,
    ) -> Result<Response<v1::CompareCaseResponse>, Status> {
        let asked = request.into_inner();
        let reader = reader(&asked.purpose, &asked.actor_id)?;
        let case = read::case_id(&asked.case_id, "case_id")?;
        let (before, after) = (
            point::of(asked.before.as_ref(), "before.")?,
            point::of(asked.after.as_ref(), "after.")?,
        );
        let record = self.record(reader, "CompareCase", Some(case)).await?;
        let found = self.node.compare_case(case, before, after).await;
        let found = found.map_err(from_node)?;
        if found.before.point.position > found.after.point.position {
            return Err(Failure::field(
                "before",
                "it lies behind `after`; give the earlier point first",
            )
            .into());
        }
        Ok(Response::new(render::comparison(record, case, &found)))
    }

    async fn replay_events(
        &self,
        request: Request<v1::ReplayEventsRequest>,
    ) -> Result<Response<Self::ReplayEventsStream>, Status> {
        Ok(Response::new(self.replay(request.into_inner()).await?))
    }

    async fn replay_under_policy(
        &self,
        request: Request<v1::ReplayUnderPolicyRequest>,
    ) -> Result<Response<Self::ReplayUnderPolicyStream>, Status> {
        let pieces = self.under_policy(request.into_inner()).await?;
        Ok(Response::new(pieces))
    }

    async fn verify_log(
        &self,
        request: Request<v1::VerifyLogRequest>,
    ) -> Result<Response<Self::VerifyLogStream>, Status> {
        let pieces = self.verification(request.into_inner()).await?;
        Ok(Response::new(pieces))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        Ok(Response::new(self.inclusion(request.into_inner()).await?))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        let proof = self.consistency(request.into_inner()).await?;
        Ok(Response::new(proof))
    }

    async fn list_access_records(
        &self,
        request: Request<v1::ListAccessRecordsRequest>,
    ) -> Result<Response<v1::ListAccessRecordsResponse>, Status> {
        let answer = self.access_records(request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

/// Who asks, and what for.
pub(in crate::services) fn reader(purpose: &str, actor_id: &str) -> Result<Reader, Failure> {
    if !concordat_codec::shape::is_code(purpose) {
        return Err(Failure::field(
            "purpose",
            "say what for, as a code such as complaint-review; it is recorded",
        ));
    }
    if !actor_id.is_empty() && !concordat_codec::shape::is_code(actor_id) {
        return Err(Failure::field(
            "actor_id",
            "a pseudonymous id: letters, digits and . _ : / + -",
        ));
    }
    Ok(Reader {
        who: match actor_id {
            "" => SUBJECT.to_owned(),
            actor => actor.to_owned(),
        },
        purpose: purpose.to_owned(),
    })
}

impl Services {
    /// Records that somebody is about to read, durably, and gives the record's id.
    pub(super) async fn record(
        &self,
        reader: Reader,
        rpc: &'static str,
        case: Option<CaseId>,
    ) -> Result<String, Failure> {
        let node = Arc::clone(&self.node);
        let record = node.record_access(reader, rpc, case).await;
        Ok(record.map_err(from_node)?.to_string())
    }
}
